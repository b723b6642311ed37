package amazonconnectrecord

import (
	"encoding/base64"
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
	return lenient.Objects(&r.Parsed, body, line, "Send each record complete, as the stream delivered it.", "Send contact records as JSON objects.")
}

// unwrap opens the envelopes of streams.
func (r *reader) unwrap(raw []byte, line int) {
	var envelope struct {
		Records []struct {
			Kinesis    struct{ Data lenient.Text }
			Data, Body lenient.Text
		}
	}
	if err := json.Unmarshal(raw, &envelope); err != nil || envelope.Records == nil {
		r.contact(raw, line)
		return
	}
	for _, x := range envelope.Records {
		data := []byte(x.Body)
		if coded := string(x.Kinesis.Data + x.Data); coded != "" {
			var err error
			if data, err = base64.StdEncoding.DecodeString(coded); err != nil {
				r.Problem(line, "data", "This is not written in base64.", "Send the envelope as the stream delivered it.")
				continue
			}
		}
		if len(data) == 0 {
			r.Problem(line, "Records", "This record of the envelope holds no data.", "Send the envelope as the stream delivered it.")
		}
		for line, raw := range r.objects(data, line) {
			r.contact(raw, line)
		}
	}
}

// kept gathers the fields of a contact that are kept.
type kept struct {
	*reader
	line   int
	fields map[string]string
	broken bool // a time that is needed cannot be read
}

func (k *kept) text(name string, t lenient.Text) {
	if t != "" {
		k.fields[name] = string(t)
	}
}

func (k *kept) time(name string, t lenient.Text) time.Time {
	at, ok := lenient.Happened(t, k.o.Zone)
	if !ok {
		k.broken = true
		k.Problem(k.line, name, "This is no time.", "Send times as the system writes them: 2026-03-02T08:00:00Z.")
	} else if !at.IsZero() {
		k.fields[name] = at.UTC().Format(time.RFC3339Nano)
	}
	return at
}

func (k *kept) number(name string, t lenient.Text) {
	if t == "" {
		return
	}
	if _, ok := lenient.Number(t); !ok {
		k.Problem(k.line, name, "This is no number; the record is taken without it.", "Send seconds and counts as numbers.")
		return
	}
	k.fields[name] = string(t)
}
