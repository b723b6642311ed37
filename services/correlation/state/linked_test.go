package state

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

const day = 24 * time.Hour

var linkedMetrics = []Linked{
	{ID: "again", Base: "again_base", Except: []string{"ledger"}, Longest: 9 * day},
	{ID: "cycle", Base: "cycle_base", Kind: JourneyTime, First: []string{"call", "order"}, Last: []string{"pay"}, Longest: 4 * day},
	{ID: "repeat", Base: "repeat_base", Topic: "topic", Touchpoints: []string{"call", "chat", "pay"}, Longest: 2 * day},
	{ID: "segment_repeat", Base: "segment_repeat_base", Topic: "segment", Longest: 60 * day},
	{ID: "handed", Base: "handed_base", Kind: Transfers, Except: []string{"ledger"}, Longest: 2 * day},
	{ID: "strain", Base: "strain_base", Kind: Friction, First: []string{"call", "order"}, Last: []string{"pay"}, Except: []string{"ledger", "order"}, Hold: "hold", Longest: 4 * day},
	{ID: "bare", Base: "bare_base", Kind: Friction, First: []string{"chat"}, Last: []string{"order", "pay"}, Longest: 12 * day},
	{ID: "muted", Base: "muted_base", Kind: Friction, First: []string{"order"}, Last: []string{"ledger"}, Except: []string{"ledger"}, Hold: "talk", Longest: 30 * day},
}

// following is counting where metrics follow customers.
func following(string) (*Counting, error) {
	return followed(linkedMetrics)
}

// times is counting where only the four metrics of times do, as in the benchmarks from the first.
func times(string) (*Counting, error) { return followed(linkedMetrics[:4]) }

func followed(by []Linked) (*Counting, error) {
	c, err := counting("")
	c.Linked, c.Resolution["hold"] = by, 1
	for _, l := range by {
		c.Resolution[l.ID], c.Resolution[l.Base] = 3600, 1
		if l.Kind > JourneyTime {
			c.Resolution[l.ID] = 1
		}
	}
	return c, err
}

// visit makes any version of any of n interactions of a few customers, at times that often are equal or a longest time apart.
func visit(r *rand.Rand, n int) *factv1.RecordedFact {
	f := &factv1.RecordedFact{Source: "pbx", Id: fmt.Sprint(r.IntN(n)), Version: r.Uint64N(4), Kind: factv1.Kind_KIND_INTERACTION}
	if r.IntN(6) == 0 {
		return seal(f)
	}
	at := now.Add(-time.Duration(r.IntN(30)) * 12 * time.Hour)
	if r.IntN(2) == 0 {
		at = at.Add(-time.Duration(r.IntN(100_000)) * time.Millisecond)
	}
	i := &factv1.RecordedInteraction{
		OccurredAtMs: at.UnixMilli(), Touchpoint: pick(r, "call", "chat", "order", "pay", "ledger"), Channel: pick(r, "", "voice", "mail"),
		Team: pick(r, "", "north", "south"), Outcome: pick(r, "", "answered"), Metrics: []*factv1.RecordedMetric{{Metric: "wait", Value: r.Int64N(100_000)}},
	}
	for _, m := range []string{"talk", "hold"} {
		if r.IntN(2) == 0 {
			i.Metrics = append([]*factv1.RecordedMetric{{Metric: m, Value: r.Int64N(3)}}, i.Metrics...)
		}
	}
	if r.IntN(8) > 0 {
		i.Customer = append(make([]byte, 15), byte(r.IntN(3)))
	}
	if r.IntN(2) == 0 {
		i.Contact = append(make([]byte, 15), byte(r.IntN(5)))
	}
	if r.IntN(3) > 0 {
		i.Attributes = append(i.Attributes, &factv1.RecordedAttribute{Key: "segment", Value: pick(r, "home", "work")})
	}
	if r.IntN(4) > 0 {
		i.Attributes = append(i.Attributes, &factv1.RecordedAttribute{Key: "topic", Value: pick(r, "bill", "line")})
	}
	f.Content = &factv1.RecordedFact_Interaction{Interaction: i}
	return seal(f)
}

// step is one interaction of a customer, for the naive recount.
type step struct {
	id      string
	contact uint64
	name    string
	attr    map[string]string
	i       *factv1.RecordedInteraction
}

func lines(facts []*factv1.RecordedFact) map[string][]step {
	newest := map[string]*factv1.RecordedFact{}
	for _, f := range facts {
		if o := newest[f.Id]; o == nil || f.Version > o.Version || f.Version == o.Version && string(f.Digest) > string(o.Digest) {
			newest[f.Id] = f
		}
	}
	out := map[string][]step{}
	for _, f := range newest {
		i := f.GetInteraction()
		if i == nil || len(i.Customer) == 0 {
			continue
		}
		hi, lo := wire.Identity("acme", f.Kind, []byte(f.Source), []byte(f.Id), nil, nil)
		s := step{id: f.Id, contact: hi ^ lo, i: i, attr: map[string]string{}}
		if len(i.Contact) > 0 {
			s.contact = xxh3.Hash(i.Contact)
		}
		var names []string
		for _, a := range i.Attributes {
			s.attr[a.Key] = a.Value
			names = append(names, a.Key+"="+a.Value)
		}
		s.name = strings.Join(append([]string{i.Touchpoint, i.Channel, i.Team, i.Outcome}, names...), "\x00") + "\x00"
		for _, m := range []string{"talk", "hold"} {
			s.name += fmt.Sprint(b2i(had(i, m)))
		}
		out[string(i.Customer)] = append(out[string(i.Customer)], s)
	}
	for _, line := range out {
		slices.SortFunc(line, func(a, b step) int {
			return cmp.Or(cmp.Compare(a.i.OccurredAtMs, b.i.OccurredAtMs), cmp.Compare(a.contact, b.contact), cmp.Compare(a.name, b.name))
		})
	}
	return out
}

// cases are those of a linked metric by the plainest reading of its rules: by the id of the interaction that bears each, the
// seconds, or -1 where they are not known.
func cases(l Linked, facts []*factv1.RecordedFact) (out recounted, borne map[string]int64) {
	borne = map[string]int64{}
	longest := l.Longest.Milliseconds()
	found := func(s step, seconds int64) {
		c := interactionCase(s.i)
		c.interaction, c.segment, c.values = false, s.attr["segment"], map[string]int64{l.Base: 0}
		if seconds >= 0 {
			c.values = map[string]int64{l.ID: seconds, l.Base: 1}
		}
		borne[s.id] = seconds
		out = append(out, c)
	}
	for _, line := range lines(facts) {
		if l.Kind > JourneyTime {
			for k, x := range counts(l, line) {
				found(line[k], x)
			}
			continue
		}
		if l.Kind == JourneyTime {
			var open *step
			for k := range line {
				s := &line[k]
				starts, ends := slices.Contains(l.First, s.i.Touchpoint), slices.Contains(l.Last, s.i.Touchpoint)
				if !starts && !ends {
					continue
				}
				if open != nil && s.i.OccurredAtMs-open.i.OccurredAtMs > longest {
					found(*open, -1)
					open = nil
				}
				if open != nil && ends {
					found(*open, (s.i.OccurredAtMs-open.i.OccurredAtMs)/1000)
					open = nil
				} else if open == nil && starts {
					open = s
				}
			}
			if open != nil {
				found(*open, -1)
			}
			continue
		}
		chains := map[string][]step{}
		for _, s := range line {
			if t := s.attr[l.Topic]; (l.Topic == "" || t != "") && (l.Touchpoints == nil || slices.Contains(l.Touchpoints, s.i.Touchpoint)) && !slices.Contains(l.Except, s.i.Touchpoint) {
				chains[t] = append(chains[t], s)
			}
		}
		for _, chain := range chains {
			for k, s := range chain {
				gap := int64(-1)
				if k+1 < len(chain) && chain[k+1].i.OccurredAtMs-s.i.OccurredAtMs <= longest {
					if chain[k+1].contact == s.contact {
						continue
					}
					gap = (chain[k+1].i.OccurredAtMs - s.i.OccurredAtMs) / 1000
				}
				found(s, gap)
			}
		}
	}
	return out, borne
}

var linkedScopes = []Scope{
	{},
	{Touchpoint: "call"},
	{Touchpoint: "pay", Breakdown: "team", Value: "north"},
	{Breakdown: "channel", Value: "voice"},
	{Touchpoints: []string{"chat", "order"}},
	{Breakdown: "attribute:segment", Value: "home"},
}

// sameCases compares every sum of linked metrics with those of a naive recount.
func sameCases(t interface{ Fatalf(string, ...any) }, facts []*factv1.RecordedFact, sample func(Scope, string, Span) *cell.Sample) {
	sumsOfCases(t, func(l Linked) recounted { c, _ := cases(l, facts); return c }, sample)
}

func sumsOfCases(t interface{ Fatalf(string, ...any) }, of func(Linked) recounted, sample func(Scope, string, Span) *cell.Sample) {
	for _, l := range linkedMetrics {
		want := of(l)
		for _, measure := range []string{l.ID, l.Base} {
			for _, sc := range linkedScopes {
				for _, w := range []scorev1.Window{scorev1.Window_WINDOW_24H, scorev1.Window_WINDOW_7D, scorev1.Window_WINDOW_ALL} {
					span := Live(w, now, berlin)
					var adder cell.Adder
					s := sample(sc, measure, span)
					for _, m := range s.Measure {
						adder.Add(m, true)
					}
					got := adder.Take()
					_, n, sum, _ := want.sum(sc, measure, span)
					if got.N != n || got.Sum.String() != fmt.Sprint(sum) || got.Hist.Total() != n {
						t.Fatalf("%s of %+v, %v: %d cases, sum %s; want %d, %d", measure, sc, w, got.N, got.Sum, n, sum)
					}
				}
			}
		}
	}
}

// What follows customers is a function of the set of facts too, and the one that a naive recount gives: whatever the order, the
// repetitions, the corrections of customer, time, touchpoint and topic, the retractions and the restarts in between.
func TestLinkedMetricsAreOrderFree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 3))
		var facts []*factv1.RecordedFact
		for range 2 + r.IntN(80) {
			facts = append(facts, visit(r, 1+r.IntN(50)))
		}
		a, b := playBy(rt, following, r, facts), playBy(rt, following, r, facts)
		if a.hash() != b.hash() {
			rt.Fatalf("two orders of the same %d facts give two states", len(facts))
		}
		a.s.View("acme", func(v *View) {
			sameCases(rt, facts, func(sc Scope, measure string, span Span) *cell.Sample {
				return v.Sample(sc, cell.Needs{Measure: measure, Distribution: true}, span)
			})
		})
		b.flush()
		b.restart()
		if a.hash() != b.hash() {
			rt.Fatal("loaded, it is another state")
		}
	})
}

// A fact tells what it bears, and what the scores would be without it: those of others change as well.
func TestLinkedMetricsOfOneFact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 4))
		var facts []*factv1.RecordedFact
		for k := range 2 + r.IntN(20) {
			f := visit(r, 1)
			f.Id = fmt.Sprint(k)
			facts = append(facts, seal(f))
		}
		l := playBy(rt, following, r, facts)
		l.s.View("acme", func(v *View) {
			for k, x := range facts {
				f, _, err := v.Fact(x.Kind, x.Source, x.Id, "", "")
				if err != nil {
					rt.Fatal(err)
				}
				for _, m := range linkedMetrics {
					_, borne := cases(m, facts)
					seconds, is := borne[x.Id]
					base, bears := f.Values[m.Base]
					value, known := f.Values[m.ID]
					if is != bears || known != (is && seconds >= 0) || known && (value != seconds || base != 1) || bears && !known && base != 0 {
						rt.Fatalf("fact %s bears %v of %s, want %d (%v)", x.Id, f.Values, m.ID, seconds, is)
					}
				}
				rest := slices.Delete(slices.Clone(facts), k, k+1)
				sameCases(rt, rest, func(sc Scope, measure string, span Span) *cell.Sample { return v.Without(f, sc, measure, span) })
			}
		})
	})
}

// A map that gains or loses a linked metric, or one that follows others, asks for a recount; until then nothing is followed by
// halves.
func TestAnotherLinkedMetricAsksForARecount(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var facts []*factv1.RecordedFact
	for range 60 {
		facts = append(facts, visit(r, 40))
	}
	l := begin(t)
	l.apply(facts[:30]...)
	l.flush()
	l.maps = following
	l.restart()
	if got := l.s.Outdated(); len(got) != 1 {
		t.Fatalf("outdated: %v", got)
	}
	l.apply(facts[30:]...)
	l.flush()
	l.restart()
	if got := l.s.Outdated(); len(got) != 1 {
		t.Fatalf("outdated after a restart: %v", got)
	}
	l.s.View("acme", func(v *View) {
		for _, m := range linkedMetrics {
			if s := v.Sample(Scope{}, cell.Needs{Measure: m.Base}, Live(scorev1.Window_WINDOW_ALL, now, berlin)); len(s.Measure) != 0 {
				t.Errorf("%s is followed by halves", m.ID)
			}
		}
	})
	again := beginBy(t, following)
	again.apply(facts...)
	if again.s.Outdated() != nil {
		t.Error("outdated at once")
	}
	again.s.View("acme", func(v *View) {
		sameCases(t, facts, func(sc Scope, measure string, span Span) *cell.Sample {
			return v.Sample(sc, cell.Needs{Measure: measure, Distribution: true}, span)
		})
	})
	again.flush()
	again.maps = func(string) (*Counting, error) {
		c, err := following("")
		c.Linked = slices.Clone(c.Linked)
		c.Linked[0].Longest = 10 * day
		return c, err
	}
	again.restart()
	if len(again.s.Outdated()) != 1 {
		t.Error("another longest time is not noticed")
	}
}

// Entries of organisations without linked metrics are what they were.
func TestOnlyFollowedEntriesKeepTheirCustomer(t *testing.T) {
	f := visit(rand.New(rand.NewPCG(1, 1)), 1)
	f.GetInteraction().Customer, f.GetInteraction().Contact = make([]byte, 16), nil
	size := func(maps Maps, f *factv1.RecordedFact) int {
		l := beginBy(t, maps)
		l.apply(seal(f))
		enc, err := l.s.ledger.Get(0)
		if err != nil {
			t.Fatal(err)
		}
		return len(enc)
	}
	bare := proto.CloneOf(f)
	bare.GetInteraction().Customer = nil
	if a, b := size(counting, f), size(counting, bare); a != b {
		t.Errorf("%d bytes with a customer, %d without", a, b)
	}
	if a, b := size(following, f), size(following, bare); a < b+24 {
		t.Errorf("%d bytes with a customer, %d without", a, b)
	}
}

// A span is cut so that nothing is in both parts or in none, and what is young is all there.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		from := now.Add(-time.Duration(rapid.Int64Range(1, int64(40*day)).Draw(rt, "from")))
		span, err := Between(from, now, now, berlin)
		if err != nil {
			rt.Fatal(err)
		}
		cut := now.Add(-time.Duration(rapid.Int64Range(-int64(day), int64(50*day)).Draw(rt, "cut")))
		old, young := span.Split(cut, berlin)
		in := func(s Span, at time.Time) (n int) {
			for _, p := range s.Pieces {
				if b := bucketOf(p.Tier, at, berlin); b >= p.From && b < p.To {
					n++
				}
			}
			return n
		}
		for range 20 {
			at := span.From.Add(time.Duration(rapid.Int64Range(0, int64(span.To.Sub(span.From))-1).Draw(rt, "at")))
			if in(old, at)+in(young, at) != 1 || in(span, at) != 1 {
				rt.Fatalf("%v is in %d and %d", at, in(old, at), in(young, at))
			}
			if in(old, at) == 1 && !at.Before(cut) || in(old, at) == 1 && (at.Before(old.From) || !at.Before(old.To)) || in(young, at) == 1 && (at.Before(young.From) || !at.Before(young.To)) {
				rt.Fatalf("%v is old, cut at %v: %v %v", at, cut, old, young)
			}
		}
	})
}
