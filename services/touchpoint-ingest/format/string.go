package format

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// String describes a record on one line. It holds no text of a customer's.
func (r *Record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s v%d %s", r.ID, r.Version, r.OccurredAt.UTC().Format("2006-01-02T15:04:05.000Z"))
	word := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, " %s=%q", name, value)
		}
	}
	word("queue", r.Queue)
	word("channel", r.Channel)
	word("direction", r.Direction)
	word("agent", r.Agent)
	word("outcome", r.Outcome)
	word("contact", r.Contact)
	word("customer", r.Customer)
	for _, m := range r.Measures {
		if IsTime(m.Name) {
			fmt.Fprintf(&b, " %s=%s", m.Name, m.Time)
		} else {
			fmt.Fprintf(&b, " %s=%d", m.Name, m.Count)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.Attributes)) {
		word("attribute."+k, r.Attributes[k])
	}
	if a := r.Answer; a != nil {
		fmt.Fprintf(&b, " answer=%v", a.Value)
		word("question", a.Question)
		word("interaction", a.Interaction)
		if a.Text != "" {
			b.WriteString(" with a comment")
		}
	}
	if r.Note != "" {
		b.WriteString(" with a note")
	}
	word("implausible", r.Implausible)
	if r.Retracted {
		b.WriteString(" retracted")
	}
	return b.String()
}
