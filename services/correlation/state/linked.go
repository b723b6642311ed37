package state

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Linked says how a metric follows a customer from one interaction to a later one. What it gives counts in the context of the
// earlier one, times as values in whole seconds, rounded down, so that "less than W" is exact:
//
//   - Next contacts. Of a customer's interactions that take part (at its touchpoints, with a value of the topic if there is
//     one), those with the same value of the topic make a chain, in order of time. One that is followed within the longest
//     time by a leg of its own contact counts nothing: a contact counts once, at its last leg, and once more where another
//     contact came between its legs. Any other counts one case, and where the next of the chain comes within the longest time,
//     the seconds until it.
//   - Journeys. A customer's first interaction at a touchpoint of the first stage begins a journey, and further ones within
//     the longest time belong to it. The first one at a touchpoint of the last stage within the longest time completes it; one
//     that comes while no journey is open counts nothing. Each journey begun counts one case, and when completed, the seconds.
//   - Transfers. Of a customer's interactions that take part, those with one contact are its legs, and each within the longest
//     time after the one before it. Each contact counts one case at its first leg, and the legs after that.
//   - Friction. Each journey completed, by the rule above, counts one case at the interaction that begins it: how many
//     interactions there were from that one to the one that completes it, both included (contacts and the legs after their
//     first), how many of them had a hold, and how often the channel was another than that of the one before. Those at
//     touchpoints of Except count nothing of it, and one whose channel is not known does not change it.
//
// Of interactions at the same millisecond the order is fixed by their content, whatever the order in which they came.
type Linked struct {
	ID   string
	Kind LinkedKind
	// Topic is the attribute of next contacts; empty for any.
	Topic string
	// Touchpoints are those of next contacts and transfers; nil means all but Except.
	Touchpoints, Except []string
	// First and Last are the touchpoints that begin a journey and that complete it.
	First, Last []string
	// Hold is the metric whose value above 0 means a hold, for friction; empty where none tells.
	Hold    string
	Longest time.Duration
	// Base is the id of the measure of cases: 1 where the later interaction is known, 0 where it is not.
	Base string
}

// LinkedKind says what a linked metric measures.
type LinkedKind uint8

// The kinds.
const (
	NextContact LinkedKind = iota
	JourneyTime
	Transfers
	Friction
)

func (k LinkedKind) journey() bool { return k == JourneyTime || k == Friction }

// String tells two linked metrics apart that give different cells.
func (l *Linked) String() string {
	s := fmt.Sprintf("%s %v %q %q %q %q %q %s", l.ID, l.Kind == JourneyTime, l.Topic, l.Touchpoints, l.Except, l.First, l.Last, l.Longest)
	if l.Kind > JourneyTime { // the two older kinds are told as ever: cells counted by them stay
		s += fmt.Sprintf(" %d %s", l.Kind, l.Hold)
	}
	return s
}

// role is what an interaction is to a linked metric.
type role uint8

const (
	outside role = iota
	contact
	begins
	completes
	passes // within a journey, if one is open
)

func (l *Linked) role(touchpoint string) role {
	switch {
	case l.Kind.journey() && slices.Contains(l.First, touchpoint):
		return begins
	case l.Kind.journey() && slices.Contains(l.Last, touchpoint):
		return completes
	case l.Kind == Friction && !slices.Contains(l.Except, touchpoint):
		return passes
	case l.Kind.journey():
		return outside
	case l.Touchpoints != nil && !slices.Contains(l.Touchpoints, touchpoint), slices.Contains(l.Except, touchpoint):
		return outside
	default:
		return contact
	}
}

// links is what an organisation's linked metrics have to remember: where each customer was, and when. It is made again from
// the ledger when a state is loaded.
type links struct {
	of       []Linked
	symbol   func(uint32) string
	measures []uint32 // symbols of the metrics
	bases    []uint32 // and of their cases
	topics   map[string]bool
	holds    []uint32          // symbols of the metrics that tell of a hold
	legs     bool              // whether transfers are counted
	roles    map[uint32][]role // by touchpoint
	settings []setting
	numbers  map[string]uint32
	lines    map[[16]byte][]moment
	key      []byte // scratch
	changes  []change
	room     []moment
	ghosts   map[ghost]int64 // journeys that were open when their beginning was sealed: when they began
	ghostly  []uint32        // by linked metric: number + 1 of its ghosts' setting; nil while there is none
}

// setting is a context without its time. Few contexts differ by more, so that a moment need not hold its own.
type setting struct {
	context
	others []uint32 // topics that are no attributes of the context
	roles  []role   // by linked metric
	topics []uint32 // by linked metric: symbol of the topic's "key=value", 0 for any; nil where none has a topic
	flags  string   // what flags gives
	points []int64  // by linked metric: what it adds to friction; nil where none is friction
}

func (s *State) newLinks(c *Counting) *links {
	if len(c.Linked) == 0 {
		return nil
	}
	l := &links{of: c.Linked, symbol: s.symbols.name, roles: map[uint32][]role{}, topics: map[string]bool{}, numbers: map[string]uint32{}, lines: map[[16]byte][]moment{}}
	for i := range l.of {
		l.measures = append(l.measures, s.symbols.of([]byte(l.of[i].ID)))
		l.bases = append(l.bases, s.symbols.of([]byte(l.of[i].Base)))
		if t := l.of[i].Topic; t != "" {
			l.topics[t] = true
		}
		if h := l.of[i].Hold; h != "" && l.of[i].Kind == Friction {
			l.holds = append(l.holds, s.symbols.of([]byte(h)))
		}
		l.legs = l.legs || l.of[i].Kind == Transfers
	}
	maps.DeleteFunc(l.topics, func(t string, _ bool) bool { return c.Attributes[t] }) // kept already
	return l
}
