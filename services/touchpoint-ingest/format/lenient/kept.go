package lenient

import (
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// Kept gathers the fields of a record that are kept, and tells what is wrong with them.
type Kept struct {
	*format.Parsed
	format.Options
	Line int
	// Record is what is read, in a word ("event").
	Record string
	// Numbers says how numbers are to be sent, a sentence.
	Numbers string
	// Fields kept so far; never nil.
	Fields map[string]string
	// Broken is set when a time cannot be read: without it the record cannot be counted.
	Broken bool
}

// Text keeps a text, unless it is empty.
func (k *Kept) Text(name string, t Text) {
	if t != "" {
		k.Fields[name] = string(t)
	}
}

// Time keeps a time and returns it; zero where nothing happened, or where it cannot be read.
func (k *Kept) Time(name string, t Text) time.Time {
	at := k.Moment(name, t)
	if !at.IsZero() {
		k.Fields[name] = at.UTC().Format(time.RFC3339Nano)
	}
	return at
}

// Moment is Time for a time that is not kept.
func (k *Kept) Moment(name string, t Text) time.Time {
	at, ok := Happened(t, k.Zone)
	if !ok {
		k.Broken = true
		k.Problem(k.Line, name, "This is no time.", "Send times as the system writes them: 2026-03-02T08:00:00Z.")
	}
	return at
}

// Number keeps a number as it was written.
func (k *Kept) Number(name string, t Text) {
	if t == "" {
		return
	}
	if _, ok := Number(t); !ok {
		k.Problem(k.Line, name, "This is no number; the "+k.Record+" is taken without it.", k.Numbers)
		return
	}
	k.Fields[name] = string(t)
}

// Attributes returns those of the fields that hold anything; nil if none does.
func Attributes(fields map[string]string, names ...string) map[string]string {
	var out map[string]string
	for _, name := range names {
		if v := fields[name]; v != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[name] = v
		}
	}
	return out
}
