package state

import (
	"slices"
	"testing"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

func had(i *factv1.RecordedInteraction, metric string) bool {
	return slices.ContainsFunc(i.Metrics, func(m *factv1.RecordedMetric) bool { return m.Metric == metric && m.Value > 0 })
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// counts are the cases of transfers and friction by the plainest reading of their rules, by the place in the line of the
// interaction that bears each: pair by pair, where the fold goes along the line.
func counts(l Linked, line []step) map[int]int64 {
	if l.Kind == Transfers {
		return transferCounts(l, line)
	}
	out := map[int]int64{}
	longest := l.Longest.Milliseconds()
	taken := map[int]bool{} // journeys that were begun within another, or completed
	at := func(k int) int64 { return line[k].i.OccurredAtMs }
	for b := range line {
		if taken[b] || !slices.Contains(l.First, line[b].i.Touchpoint) {
			continue
		}
		for e := b + 1; e < len(line) && at(e)-at(b) <= longest; e++ {
			if slices.Contains(l.First, line[e].i.Touchpoint) {
				taken[e] = true
			}
			if slices.Contains(l.Last, line[e].i.Touchpoint) {
				out[b] = strain(l, line[b:e+1])
				break
			}
		}
	}
	return out
}

// strain is contacts and legs after their first, holds and changes of channel, each told by itself.
func strain(l Linked, journey []step) int64 {
	seen := slices.DeleteFunc(slices.Clone(journey), func(s step) bool { return slices.Contains(l.Except, s.i.Touchpoint) })
	contacts := map[uint64]bool{}
	var legs, holds, changes int64
	for _, s := range seen {
		if contacts[s.contact] {
			legs++
		}
		contacts[s.contact] = true
		holds += b2i(l.Hold != "" && had(s.i, l.Hold))
	}
	said := slices.DeleteFunc(slices.Clone(seen), func(s step) bool { return s.i.Channel == "" })
	for k := 1; k < len(said); k++ {
		changes += b2i(said[k].i.Channel != said[k-1].i.Channel)
	}
	return int64(len(contacts)) + legs + holds + changes
}

// transferCounts joins legs that are near enough, pair by pair, until nothing more can be joined.
func transferCounts(l Linked, line []step) map[int]int64 {
	group := make([]int, len(line)) // by leg: the first leg of its contact
	part := func(k int) bool {
		t := line[k].i.Touchpoint
		return (l.Touchpoints == nil || slices.Contains(l.Touchpoints, t)) && !slices.Contains(l.Except, t)
	}
	for k := range group {
		group[k] = k
	}
	for joined := true; joined; {
		joined = false
		for a := range line {
			for b := range line {
				d := line[a].i.OccurredAtMs - line[b].i.OccurredAtMs
				if part(a) && part(b) && line[a].contact == line[b].contact && max(d, -d) <= l.Longest.Milliseconds() && group[b] > group[a] {
					group[b], joined = group[a], true
				}
			}
		}
	}
	out := map[int]int64{}
	for k := range line {
		if part(k) {
			out[group[k]] += b2i(group[k] != k)
		}
	}
	return out
}

// A call handed on twice, a break longer than the longest time, a call back by mail: worked out by hand.
func TestTransfersAndFrictionByHand(t *testing.T) {
	l := beginBy(t, func(string) (*Counting, error) {
		return followed([]Linked{
			{ID: "handed", Base: "handed_base", Kind: Transfers, Except: []string{"books"}, Longest: day},
			{ID: "strain", Base: "strain_base", Kind: Friction, First: []string{"call"}, Last: []string{"pay"}, Except: []string{"books"}, Hold: "hold", Longest: 30 * day},
		})
	})
	leg := func(id string, hours int64, contact byte, touchpoint, channel string, hold int64) {
		i := &factv1.RecordedInteraction{
			OccurredAtMs: now.Add(-10*day).UnixMilli() + hours*3_600_000, Touchpoint: touchpoint, Channel: channel, Customer: make([]byte, 16),
			Metrics: []*factv1.RecordedMetric{{Metric: "hold", Value: hold}},
		}
		if contact > 0 {
			i.Contact = append(make([]byte, 15), contact)
		}
		l.apply(seal(&factv1.RecordedFact{Source: "pbx", Id: id, Kind: factv1.Kind_KIND_INTERACTION, Content: &factv1.RecordedFact_Interaction{Interaction: i}}))
	}
	check := func(measure string, cases int64, sum string) {
		t.Helper()
		l.s.View("acme", func(v *View) {
			var adder cell.Adder
			for _, m := range v.Sample(Scope{Touchpoint: "call"}, cell.Needs{Measure: measure}, Live(scorev1.Window_WINDOW_ALL, now, berlin)).Measure {
				adder.Add(m, false)
			}
			if got := adder.Take(); got.N != cases || got.Sum.String() != sum {
				t.Errorf("%s: %d cases, sum %s; want %d, %s", measure, got.N, got.Sum, cases, sum)
			}
		})
	}
	leg("a", 0, 1, "call", "voice", 5)  // contact 1 begins, on hold
	leg("b", 1, 1, "call", "voice", 0)  // handed on
	leg("c", 3, 0, "books", "mail", 9)  // nobody sees it
	leg("d", 4, 0, "chat", "", 0)       // a contact of its own; its channel is not known
	leg("e", 25, 1, "call", "voice", 2) // 24 hours after b: still contact 1, handed on again, on hold
	check("handed", 1, "2")
	check("strain", 0, "0")            // not completed
	leg("f", 50, 1, "call", "mail", 0) // 25 hours after e: another contact
	check("handed", 2, "2")
	leg("g", 60, 0, "pay", "mail", 0)
	// Interactions a, b, d, e, f and g: 6; holds a and e: 2; voice to mail at f: 1.
	check("strain", 1, "9")
	check("strain_base", 1, "1")
	check("handed_base", 2, "2") // d's and g's are not at the call

	// Two legs that differ by the hold alone: the one that is taken back is the one that goes.
	leg("h", 55, 3, "call", "mail", 1)
	leg("i", 55, 3, "call", "mail", 0)
	check("strain", 1, "12")
	l.apply(seal(&factv1.RecordedFact{Source: "pbx", Id: "h", Version: 1, Kind: factv1.Kind_KIND_INTERACTION}))
	check("strain", 1, "10")
	leg("h", 55, 3, "call", "mail", 1) // stale
	check("strain", 1, "10")
	l.apply(seal(&factv1.RecordedFact{Source: "pbx", Id: "g", Version: 1, Kind: factv1.Kind_KIND_INTERACTION}))
	check("strain", 0, "0")
}
