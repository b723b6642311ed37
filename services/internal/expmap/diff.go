package expmap

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Change is one difference between two maps.
type Change struct {
	// Kind is "added", "removed", "changed" or "reordered".
	Kind string `json:"change"`
	// Path names the thing by its ids ("touchpoints[help_line].steps[triage]"); empty for the map itself.
	Path string `json:"path"`
	// Thing is the same for people ("touchpoint help_line, step triage").
	Thing string `json:"thing"`
	// Field that changed; empty where a thing as a whole was added or removed.
	Field string `json:"field,omitempty"`
	// From and To are its values as a map writes them; empty for none. Of a list, what was taken out and what came in.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Counting is true where history is counted by the field, false where it only decides how history is read.
	Counting bool `json:"counting"`
	// Note is what else is to be known of the change, a clause; empty for most.
	Note string `json:"note,omitempty"`
}

// The kinds of changes.
const (
	Added     = "added"
	Removed   = "removed"
	Changed   = "changed"
	Reordered = "reordered"
)

// String tells the change in a line.
func (c Change) String() string {
	thing := c.Thing
	if thing == "" {
		thing = "the map"
	}
	part := ""
	if c.Counting {
		part = " (counting part)"
	}
	if c.Note != "" {
		part += " (" + c.Note + ")"
	}
	switch {
	case c.Field == "" && c.Kind == Added && c.To != "":
		return fmt.Sprintf("%s added (%s)%s", thing, c.To, part)
	case c.Field == "" && c.Kind == Removed && c.From != "":
		return fmt.Sprintf("%s removed (%s)%s", thing, c.From, part)
	case c.Field == "":
		return thing + " " + c.Kind + part
	case c.Kind == Reordered:
		return fmt.Sprintf("%s: %s in another order", thing, c.Field)
	default:
		return fmt.Sprintf("%s: %s: %s → %s%s", thing, c.Field, orNothing(c.From), orNothing(c.To), part)
	}
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Diff lists what differs between two maps, thing by thing, in the order of the contract: things are matched by their ids,
// never by their places. It is empty exactly when the maps are equal. Neither need have been checked; nil is an empty map.
func Diff(old, new *mapv1.Map) []Change {
	if old == nil {
		old = &mapv1.Map{}
	}
	if new == nil {
		new = &mapv1.Map{}
	}
	d := &differ{}
	d.message("", "", old.ProtoReflect(), new.ProtoReflect())
	return d.changes
}

type differ struct{ changes []Change }

func (d *differ) message(path, thing string, old, new protoreflect.Message) {
	fields := old.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case fd.IsMap():
			d.entries(path, thing, fd, old.Get(fd).Map(), new.Get(fd).Map())
		case fd.IsList() && fd.Kind() == protoreflect.MessageKind:
			d.things(path, thing, fd, old.Get(fd).List(), new.Get(fd).List())
		case fd.IsList():
			d.list(path, thing, fd, old.Get(fd).List(), new.Get(fd).List())
		case fd.Kind() == protoreflect.MessageKind:
			found := len(d.changes)
			d.message(join(path, string(fd.Name())), within(thing, string(fd.Name())), old.Get(fd).Message(), new.Get(fd).Message())
			if old.Has(fd) != new.Has(fd) && len(d.changes) == found {
				d.field(path, thing, fd, presence(old.Has(fd)), presence(new.Has(fd))) // given, and empty
			}
		case !old.Get(fd).Equal(new.Get(fd)), old.Has(fd) != new.Has(fd): // 0 and nothing may differ
			d.field(path, thing, fd, written(old, fd), written(new, fd))
		}
	}
	if !slices.Equal(old.GetUnknown(), new.GetUnknown()) {
		d.changes = append(d.changes, Change{Kind: Changed, Path: path, Thing: thing, Field: "fields of a newer contract", From: "some", To: "others"})
	}
}

func presence(has bool) string {
	if has {
		return "given"
	}
	return ""
}

func (d *differ) field(path, thing string, fd protoreflect.FieldDescriptor, from, to string) {
	d.changes = append(d.changes, Change{Kind: Changed, Path: path, Thing: thing, Field: string(fd.Name()), From: from, To: to, Counting: counts(fd), Note: breaks(fd)})
}

// breaks says of fields that customers read that another wording is another question.
func breaks(fd protoreflect.FieldDescriptor) string {
	switch fd.FullName() {
	case "touchstone.map.v1.Question.text", "touchstone.map.v1.Question.kind", "touchstone.map.v1.Question.low_label", "touchstone.map.v1.Question.high_label",
		"touchstone.map.v1.Choice.label", "touchstone.map.v1.Wording.text", "touchstone.map.v1.Wording.low_label",
		"touchstone.map.v1.Wording.high_label", "touchstone.map.v1.Wording.choices":
		return "starts a new series: give it a new id if the meaning changed"
	}
	return ""
}

// entries compares maps of plain values, key by key.
func (d *differ) entries(path, thing string, fd protoreflect.FieldDescriptor, old, new protoreflect.Map) {
	value := func(m protoreflect.Map, k string) string {
		if key := protoreflect.ValueOfString(k).MapKey(); m.Has(key) {
			return text(m.Get(key), fd.MapValue())
		}
		return ""
	}
	keys := slices.Concat(entryKeys(old), entryKeys(new))
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		if was, is := value(old, k), value(new, k); was != is {
			d.changes = append(d.changes, Change{Kind: Changed, Path: path, Thing: thing, Field: fmt.Sprintf("%s[%s]", fd.Name(), k), From: was, To: is})
		}
	}
}

// counts reports whether history is counted by a field; see CountingDigest and Incompatible.
func counts(fd protoreflect.FieldDescriptor) bool {
	switch fd.FullName() {
	case "touchstone.map.v1.Map.zone", "touchstone.map.v1.Map.breakdowns", "touchstone.map.v1.Metric.unit", "touchstone.map.v1.Metric.resolution",
		"touchstone.map.v1.Question.scale_min", "touchstone.map.v1.Question.scale_max",
		"touchstone.map.v1.Map.agent_scores",
		linkedMetrics, "touchstone.map.v1.LinkedMetric.kind", "touchstone.map.v1.LinkedMetric.topic", "touchstone.map.v1.LinkedMetric.journey",
		"touchstone.map.v1.LinkedMetric.touchpoints", "touchstone.map.v1.LinkedMetric.longest_days",
		"touchstone.map.v1.LinkedMetric.hold", "touchstone.map.v1.Question.baselines", "touchstone.map.v1.Question.perceives",
		"touchstone.map.v1.Question.units_per_point":
		return true
	}
	return false
}

// linkedMetrics is the one list whose things are counted as a whole: a new one has values in all of history.
const linkedMetrics = "touchstone.map.v1.Map.linked_metrics"

// written is a value as a map writes it; "" where it is left out.
func written(m protoreflect.Message, fd protoreflect.FieldDescriptor) string {
	if !m.Has(fd) && !zeroSpeaks(fd) {
		if fd.Kind() == protoreflect.EnumKind {
			return unset(fd.Enum())
		}
		return ""
	}
	return text(m.Get(fd), fd)
}

func text(v protoreflect.Value, fd protoreflect.FieldDescriptor) string {
	if fd.Kind() == protoreflect.StringKind {
		return v.String()
	}
	n, err := encodeValue(v, fd)
	if err != nil {
		return v.String() // a value of a newer contract
	}
	return n.Value
}

// list compares plain values as a set, then their order.
func (d *differ) list(path, thing string, fd protoreflect.FieldDescriptor, old, new protoreflect.List) {
	was, is := items(old, fd), items(new, fd)
	if slices.Equal(was, is) {
		return
	}
	gone, come := without(was, is), without(is, was)
	if len(gone)+len(come) > 0 {
		d.field(path, thing, fd, strings.Join(gone, ", "), strings.Join(come, ", "))
		return
	}
	d.reordered(path, thing, fd)
}

func (d *differ) reordered(path, thing string, fd protoreflect.FieldDescriptor) {
	d.changes = append(d.changes, Change{Kind: Reordered, Path: path, Thing: thing, Field: string(fd.Name())})
}

func items(l protoreflect.List, fd protoreflect.FieldDescriptor) []string {
	all := make([]string, l.Len())
	for i := range all {
		all[i] = text(l.Get(i), fd)
	}
	return all
}

// without returns the items of a that b has fewer times.
func without(a, b []string) []string {
	have := map[string]int{}
	for _, s := range b {
		have[s]++
	}
	var rest []string
	for _, s := range a {
		if have[s]--; have[s] < 0 {
			rest = append(rest, s)
		}
	}
	return rest
}

// things compares lists of things by their keys.
func (d *differ) things(path, thing string, fd protoreflect.FieldDescriptor, old, new protoreflect.List) {
	was, is := keyed(old), keyed(new)
	at := func(key string) (string, string) {
		return join(path, fmt.Sprintf("%s[%s]", fd.Name(), key)), within(thing, noun(fd)+" "+key)
	}
	for _, k := range was.order {
		p, t := at(k)
		if n, ok := is.by[k]; ok {
			d.message(p, t, was.by[k], n)
		} else {
			d.changes = append(d.changes, Change{Kind: Removed, Path: p, Thing: t, From: named(was.by[k]), Counting: counts(fd)})
		}
	}
	for _, k := range is.order {
		if _, ok := was.by[k]; !ok {
			p, t := at(k)
			d.changes = append(d.changes, Change{Kind: Added, Path: p, Thing: t, To: named(is.by[k]), Counting: counts(fd)})
		}
	}
	both := func(order []string, other keyedThings) []string {
		return slices.DeleteFunc(slices.Clone(order), func(k string) bool { return other.by[k] == nil })
	}
	if !slices.Equal(both(was.order, is), both(is.order, was)) {
		d.reordered(path, thing, fd)
	}
}

func within(thing, part string) string {
	if thing == "" {
		return part
	}
	return thing + ", " + part
}
