package expmap

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Linked is a metric that follows a customer from one interaction to others. Times are in seconds and read in hours; transfers
// and friction are counts.
type Linked struct {
	ID   string
	Kind mapv1.LinkedKind
	// Topic is the attribute whose value both interactions must share; empty for any, and for journeys.
	Topic string
	// Touchpoints are those of contacts, sorted. Where the map names none, it is nil, and all but those of Except are, as they
	// are for friction.
	Touchpoints, Except []string
	// First and Last are the touchpoints that begin a journey and those that complete it, sorted.
	First, Last []string
	// Hold is the metric that tells whether the customer was on hold; empty where none does, and but for friction.
	Hold string
	// Longest is how far the later interaction is looked for.
	Longest time.Duration
	Proto   *mapv1.LinkedMetric
}

// Resolution is the number of values in one unit: seconds in an hour, or 1 for counts.
func (l *Linked) Resolution() int64 { return linkedResolution(l.Kind) }

func linkedResolution(k mapv1.LinkedKind) int64 {
	switch k {
	case mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS, mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION:
		return 1
	default:
		return 3600
	}
}

// linkedBase ends the ids by which the cases of linked metrics are counted.
const linkedBase = "_base"

// LinkedBase is the id of the measure that counts a linked metric's cases, known or not: contacts, journeys begun. Its values
// are 1 where the metric's is known and 0 where the later interaction is not. Transfers, whose cases are contacts, and
// friction, whose cases are completed journeys, are always known.
func LinkedBase(id string) string { return id + linkedBase }

// linkedOfBase returns the id of the linked metric of which a measure would count the cases; "" for none.
func linkedOfBase(measure string) string {
	id, is := strings.CutSuffix(measure, linkedBase)
	if !is {
		return ""
	}
	return id
}

const (
	longestDays = 60  // where a map says nothing
	mostDays    = 400 // that a map can say
)

// String tells two linked metrics apart that follow other interactions.
func (l *Linked) String() string {
	s := fmt.Sprintf("%s %d %q %q %q %q %q %s", l.ID, l.Kind, l.Topic, l.Touchpoints, l.Except, l.First, l.Last, l.Longest)
	if l.Hold != "" {
		s += " " + l.Hold
	}
	return s
}

// CountsAt reports whether the metric can have values at a touchpoint: contacts where they are, journeys where they begin.
func (l *Linked) CountsAt(touchpoint string) bool {
	switch {
	case l.Kind == mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME, l.Kind == mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION:
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
	return m.Linked[linkedOfBase(measure)]
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
		case mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT, mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS:
			if x.GetKind() == mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT {
				l.Topic = x.GetTopic()
			}
			if len(x.GetTouchpoints()) > 0 {
				l.Touchpoints = slices.Compact(slices.Sorted(slices.Values(x.GetTouchpoints())))
				break
			}
			l.Except = backStage(p)
		case mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME:
			l.First, l.Last = endsOf(p, x.GetJourney())
		case mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION:
			l.First, l.Last = endsOf(p, x.GetJourney())
			l.Except, l.Hold = backStage(p), x.GetHold()
		}
		out[l.ID] = l
	}
	return out
}

// backStage returns the touchpoints that customers do not see, sorted.
func backStage(p *mapv1.Map) []string {
	var ids []string
	for _, t := range p.GetTouchpoints() {
		if t.GetBackStage() {
			ids = append(ids, t.GetId())
		}
	}
	slices.Sort(ids)
	return ids
}

// endsOf returns the touchpoints of a journey's first and of its last stage, sorted.
func endsOf(p *mapv1.Map, journey string) (begin, complete []string) {
	var first, last string
	for _, j := range p.GetJourneys() {
		if s := j.GetStages(); j.GetId() == journey && len(s) > 0 {
			first, last = s[0], s[len(s)-1]
		}
	}
	for _, t := range p.GetTouchpoints() {
		switch s := t.GetStage(); {
		case s == "":
		case s == first:
			begin = append(begin, t.GetId())
		case s == last:
			complete = append(complete, t.GetId())
		}
	}
	slices.Sort(begin)
	slices.Sort(complete)
	return begin, complete
}
