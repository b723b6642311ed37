package genesysevent

import (
	"encoding/json"
	"iter"

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
	return lenient.Objects(&r.Parsed, body, line, "Send each event complete, as it was delivered.", "Send events as JSON objects.")
}

// unwrap opens the envelopes of queues: their bodies are JSON in a string.
func (r *reader) unwrap(raw []byte, line int) {
	var envelope struct{ Records []struct{ Body lenient.Text } }
	if err := json.Unmarshal(raw, &envelope); err != nil || envelope.Records == nil {
		r.event(raw, line)
		return
	}
	for _, x := range envelope.Records {
		if x.Body == "" {
			r.Problem(line, "Records", "This record of the envelope holds no event.", "Send the envelope as the queue delivered it.")
		}
		for line, raw := range r.objects([]byte(x.Body), line) {
			r.event(raw, line)
		}
	}
}

// kept gathers the fields of an event that are kept.
type kept struct {
	*reader
	line   int
	fields map[string]string
}

func (k *kept) text(name string, t lenient.Text) {
	if t != "" {
		k.fields[name] = string(t)
	}
}

func (k *kept) number(name string, t lenient.Text) {
	if t == "" {
		return
	}
	if _, ok := lenient.Number(t); !ok {
		k.Problem(k.line, name, "This is no number; the event is taken without it.", "Send durations as numbers of milliseconds.")
		return
	}
	k.fields[name] = string(t)
}
