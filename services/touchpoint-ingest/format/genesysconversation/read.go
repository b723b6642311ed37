package genesysconversation

import (
	"bytes"
	"encoding/json"
	"iter"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// reader takes a delivery apart.
type reader struct {
	format.Parsed
	o format.Options
}

// objects yields what a delivery holds.
func (r *reader) objects(body []byte, line int) iter.Seq2[int, []byte] {
	return lenient.Objects(&r.Parsed, body, line, "Send each conversation complete, as the system answered.", "Send conversations as JSON objects.")
}

// unwrap opens answers to queries.
func (r *reader) unwrap(raw []byte, line int) {
	var all struct{ Conversations json.RawMessage }
	if json.Unmarshal(raw, &all) != nil || !bytes.HasPrefix(all.Conversations, []byte("[")) {
		r.conversation(raw, line)
		return
	}
	for _, x := range r.objects(all.Conversations, line) {
		r.conversation(x, line)
	}
}

// kept gathers the fields of a conversation that are kept.
type kept struct {
	*reader
	call   string
	line   int
	fields map[string]string
	broken bool // a time that is needed cannot be read
	latest time.Time
	told   map[string]bool
}

func (k *kept) text(name string, t lenient.Text) {
	if t != "" && k.fields[name] == "" {
		k.fields[name] = string(t)
	}
}

// time reads a time without which the conversation cannot be counted.
func (k *kept) time(name string, t lenient.Text) time.Time {
	at, ok := lenient.Happened(t, k.o.Zone)
	if !ok {
		k.broken = true
		k.Problem(k.line, name, "This is no time.", "Send times as the system writes them: 2026-03-02T08:00:00.000Z.")
	} else if !at.IsZero() {
		k.fields[name] = at.UTC().Format(time.RFC3339Nano)
	}
	k.seen(at)
	return at
}

// seen notes the latest time of a conversation, which is its version.
func (k *kept) seen(at time.Time) {
	if at.After(k.latest) {
		k.latest = at
	}
}

// detail reads a time of a session: without it the rest still counts.
func (k *kept) detail(name string, t lenient.Text) time.Time {
	at, ok := lenient.Happened(t, k.o.Zone)
	if !ok {
		k.once(name, "This is no time; what it stands for is not counted.")
	}
	k.seen(at)
	return at
}

// once tells a problem of a conversation once, however many of its sessions have it.
func (k *kept) once(name, message string) {
	if !k.told[name] {
		k.told[name] = true
		k.Problem(k.line, name, message, "Send the conversation as the system answered.")
	}
}
