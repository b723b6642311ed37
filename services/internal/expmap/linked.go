package expmap

import (
	"fmt"
	"maps"
	"slices"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Linked is a metric that follows a customer from one interaction to a later one. Its values are in seconds and read in
// hours: LinkedResolution of them are one.
type Linked struct {
	ID   string
	Kind mapv1.LinkedKind
	// Topic is the attribute whose value both interactions must share; empty for any, and for journeys.
	Topic string
	// Touchpoints are those of next contacts, sorted. Where the map names none, it is nil, and all but those of Except are.
	Touchpoints, Except []string
	// First and Last are the touchpoints that begin a journey and those that complete it, sorted.
	First, Last []string
	// Longest is how far the later interaction is looked for.
	Longest time.Duration
	Proto   *mapv1.LinkedMetric
}

// LinkedResolution is the number of values in one unit of a linked metric: seconds in an hour.
const LinkedResolution = 3600

// linkedBase ends the ids by which the cases of linked metrics are counted.
const linkedBase = "_base"

// LinkedBase is the id of the measure that counts a linked metric's cases, known or not: contacts, journeys begun. Its values
// are 1 where the later interaction is known and 0 where it is not.
func LinkedBase(id string) string { return id + linkedBase }

const (
	longestDays = 60  // where a map says nothing
	mostDays    = 400 // that a map can say
)

// String tells two linked metrics apart that follow other interactions.
func (l *Linked) String() string {
	return fmt.Sprintf("%s %d %q %q %q %q %q %s", l.ID, l.Kind, l.Topic, l.Touchpoints, l.Except, l.First, l.Last, l.Longest)
}

// CountsAt reports whether the metric can have values at a touchpoint: next contacts where contacts are, journeys where they
// begin.
func (l *Linked) CountsAt(touchpoint string) bool {
	switch {
	case l.Kind == mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME:
		return slices.Contains(l.First, touchpoint)
	case l.Touchpoints != nil:
		return slices.Contains(l.Touchpoints, touchpoint)
	default:
		return !slices.Contains(l.Except, touchpoint)
	}
}

// LinkedInOrder returns the linked metrics by id.
func (m *Map) LinkedInOrder() []*Linked {
	all := make([]*Linked, 0, len(m.Linked))
	for _, id := range slices.Sorted(maps.Keys(m.Linked)) {
		all = append(all, m.Linked[id])
	}
	return all
}

// LinkedOf returns the linked metric whose values or cases a measure counts; nil when it is another measure.
func (m *Map) LinkedOf(measure string) *Linked {
	if l := m.Linked[measure]; l != nil {
		return l
	}
	if n := len(measure) - len(linkedBase); n > 0 && measure[n:] == linkedBase {
		return m.Linked[measure[:n]]
	}
	return nil
}

func buildLinked(p *mapv1.Map) map[string]*Linked {
	out := make(map[string]*Linked, len(p.GetLinkedMetrics()))
	for _, x := range p.GetLinkedMetrics() {
		days := x.GetLongestDays()
		if days == 0 {
			days = longestDays
		}
		l := &Linked{ID: x.GetId(), Kind: x.GetKind(), Longest: time.Duration(days) * 24 * time.Hour, Proto: x}
		switch x.GetKind() {
		case mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT:
			l.Topic = x.GetTopic()
			if len(x.GetTouchpoints()) > 0 {
				l.Touchpoints = slices.Compact(slices.Sorted(slices.Values(x.GetTouchpoints())))
				break
			}
			for _, t := range p.GetTouchpoints() {
				if t.GetBackStage() {
					l.Except = append(l.Except, t.GetId())
				}
			}
			slices.Sort(l.Except)
		case mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME:
			first, last := endsOf(p, x.GetJourney())
			for _, t := range p.GetTouchpoints() {
				switch s := t.GetStage(); {
				case s == "":
				case s == first:
					l.First = append(l.First, t.GetId())
				case s == last:
					l.Last = append(l.Last, t.GetId())
				}
			}
			slices.Sort(l.First)
			slices.Sort(l.Last)
		}
		out[l.ID] = l
	}
	return out
}

// endsOf returns a journey's first and last stage.
func endsOf(p *mapv1.Map, journey string) (first, last string) {
	for _, j := range p.GetJourneys() {
		if s := j.GetStages(); j.GetId() == journey && len(s) > 0 {
			return s[0], s[len(s)-1]
		}
	}
	return "", ""
}
