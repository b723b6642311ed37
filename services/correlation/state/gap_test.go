package state

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

var (
	expectations = map[string][]string{"easy": {"easy_expected", "easy_hoped"}}
	compareds    = []Gap{
		{Question: "easy", Baseline: Stated, Expectations: expectations["easy"], Gap: "easy_gap_stated", Expected: "easy_expected_stated"},
		{Question: "easy", Baseline: Last, Gap: "easy_gap_last", Expected: "easy_expected_last"},
		{Question: "easy", Baseline: History, Gap: "easy_gap_history", Expected: "easy_expected_history"},
		{Question: "recommend", Baseline: History, Gap: "recommend_gap_history", Expected: "recommend_expected_history"},
	}
	perceiveds = []Perceived{{Question: "wait_felt", Metric: "wait", Factor: 60_000, Gap: "wait_felt_gap_felt", Counted: "wait_felt_counted"}}
)

// comparing is counting where answers are compared.
func comparing(string) (*Counting, error) {
	c, err := counting("")
	c.Gaps, c.Perceived = compareds, perceiveds
	for _, q := range []string{"easy_expected", "easy_hoped", "mood", "wait_felt"} {
		c.Resolution[q] = 1
	}
	for _, g := range compareds {
		c.Resolution[g.Gap], c.Resolution[g.Expected] = 1, 1
		if g.Baseline == History {
			c.Resolution[g.Gap], c.Resolution[g.Expected] = 1000, 1000
		}
	}
	for _, p := range perceiveds {
		c.Resolution[p.Gap], c.Resolution[p.Counted] = 1000, 1000
	}
	return c, err
}

// comparingAndFollowing does both.
func comparingAndFollowing(string) (*Counting, error) {
	c, err := comparing("")
	f, _ := following("")
	c.Linked = f.Linked
	for k, v := range f.Resolution {
		c.Resolution[k] = v
	}
	return c, err
}

// opinion makes any version of any of n answers and as many interactions of a few customers, at times that are often equal.
func opinion(r *rand.Rand, n int) *factv1.RecordedFact {
	f := &factv1.RecordedFact{Source: "pbx", Id: fmt.Sprint(r.IntN(n)), Version: r.Uint64N(4), Kind: pick(r, factv1.Kind_KIND_INTERACTION, factv1.Kind_KIND_ANSWER, factv1.Kind_KIND_ANSWER)}
	at := now.Add(-time.Duration(r.IntN(12)) * 12 * time.Hour).UnixMilli()
	touchpoint, channel, team := pick(r, "call", "chat"), pick(r, "", "voice"), pick(r, "", "north", "south")
	var customer, response []byte
	if r.IntN(4) > 0 {
		customer = append(make([]byte, 15), byte(r.IntN(3)))
	}
	if r.IntN(3) > 0 {
		response = append(make([]byte, 15), byte(r.IntN(8)))
	}
	if f.Kind == factv1.Kind_KIND_ANSWER && r.IntN(2) == 0 {
		f.AboutSource, f.AboutId = "pbx", fmt.Sprint(r.IntN(n))
	}
	switch {
	case r.IntN(6) == 0:
	case f.Kind == factv1.Kind_KIND_INTERACTION:
		i := &factv1.RecordedInteraction{OccurredAtMs: at, Touchpoint: touchpoint, Channel: channel, Team: team, Outcome: pick(r, "", "answered"), Customer: customer}
		if r.IntN(3) > 0 {
			i.Metrics = []*factv1.RecordedMetric{{Metric: "talk", Value: r.Int64N(9)}, {Metric: "wait", Value: r.Int64N(400_000)}}
		}
		if r.IntN(2) == 0 {
			i.Attributes = []*factv1.RecordedAttribute{{Key: "segment", Value: pick(r, "home", "work")}}
		}
		f.Content = &factv1.RecordedFact_Interaction{Interaction: i}
	default:
		a := &factv1.RecordedAnswer{
			Question: pick(r, "easy", "easy", "easy", "recommend", "easy_expected", "easy_hoped", "mood", "wait_felt"), Value: r.Int64N(9) - 1,
			Customer: customer, Response: response,
		}
		if f.AboutId == "" || r.IntN(2) == 0 {
			a.AboutTimeMs, a.Touchpoint, a.Channel, a.Team = at, touchpoint, channel, team
		}
		f.Content = &factv1.RecordedFact_Answer{Answer: a}
	}
	return seal(f)
}

// told is one answer that counts, for the naive recount.
type told struct {
	counted
	key                          string
	hi, lo                       uint64
	question, customer, response string // customer and response empty where there is none
	value                        int64
}

func factKey(f *factv1.RecordedFact) string {
	return fmt.Sprint(f.Kind, "|", f.Source, "|", f.Id, "|", f.AboutSource, "|", f.AboutId)
}

// tellings are all answers that count, each with what it bears of gaps: found by comparing every answer with every other.
func tellings(facts []*factv1.RecordedFact) []told { return tellingsSince(facts, math.MinInt64, nil) }

// tellingsSince are those at or after a time, compared with what is past, too.
func tellingsSince(facts []*factv1.RecordedFact, since int64, past []told) []told {
	newest := map[string]*factv1.RecordedFact{}
	for _, f := range facts {
		if o := newest[factKey(f)]; o == nil || f.Version > o.Version || f.Version == o.Version && string(f.Digest) > string(o.Digest) {
			newest[factKey(f)] = f
		}
	}
	all := slices.Clone(past)
	for key, f := range newest {
		a := f.GetAnswer()
		if a == nil {
			continue
		}
		x := told{
			counted: counted{at: a.AboutTimeMs, touchpoint: a.Touchpoint, channel: a.Channel, team: a.Team}, key: key,
			question: a.Question, customer: string(a.Customer), response: string(a.Response), value: a.Value,
		}
		x.hi, x.lo = wire.Identity("acme", f.Kind, []byte(f.Source), []byte(f.Id), []byte(f.AboutSource), []byte(f.AboutId))
		about := newest[factKey(&factv1.RecordedFact{Kind: factv1.Kind_KIND_INTERACTION, Source: f.AboutSource, Id: f.AboutId})]
		var i *factv1.RecordedInteraction
		if f.AboutId != "" {
			i = about.GetInteraction()
		}
		if i != nil {
			x.counted, x.customer = interactionCase(i), cmp.Or(x.customer, string(i.Customer))
			x.interaction = false
		}
		if x.at == 0 || x.touchpoint == "" || x.at < since {
			continue
		}
		x.values = map[string]int64{a.Question: a.Value}
		for _, p := range perceiveds {
			for _, m := range i.GetMetrics() {
				if m.Metric == p.Metric && a.Question == p.Question {
					x.values[p.Gap], x.values[p.Counted] = a.Value*p.Factor-m.Value, m.Value
				}
			}
		}
		all = append(all, x)
	}
	order := func(a, b told) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
	}
	for k := range all {
		x := &all[k]
		if x.customer == "" || k < len(past) {
			continue
		}
		fits := func(f func(e told) bool) []told {
			some := slices.DeleteFunc(slices.Clone(all), func(e told) bool { return e.customer != x.customer || !f(e) })
			slices.SortFunc(some, order)
			return some
		}
		expected := func(e told) bool { return slices.Contains(expectations[x.question], e.question) }
		before := func(e told) bool { return e.question == x.question && order(e, *x) < 0 }
		for _, g := range compareds {
			if g.Question != x.question {
				continue
			}
			var of []told
			unit := int64(1)
			switch g.Baseline {
			case Stated:
				of = fits(func(e told) bool { return expected(e) && x.response != "" && e.response == x.response })
				if len(of) == 0 {
					of = fits(func(e told) bool { return expected(e) && e.at <= x.at })
				}
			case Last:
				of = fits(func(e told) bool { return before(e) && e.touchpoint == x.touchpoint })
			case History:
				of, unit = fits(before), 1000
			}
			if len(of) == 0 {
				continue
			}
			want := of[len(of)-1].value
			if g.Baseline == History {
				sum := int64(0)
				for _, e := range of {
					sum += e.value
				}
				want = int64(math.RoundToEven(float64(sum*1000) / float64(len(of))))
			}
			x.values[g.Gap], x.values[g.Expected] = x.value*unit-want, want
		}
	}
	return all[len(past):]
}

func gapMeasures() []string {
	all := []string{"easy"}
	for _, g := range compareds {
		all = append(all, g.Gap, g.Expected)
	}
	for _, p := range perceiveds {
		all = append(all, p.Gap, p.Counted)
	}
	return all
}

func sameGaps(t interface{ Fatalf(string, ...any) }, facts []*factv1.RecordedFact, sample func(Scope, string, Span) *cell.Sample) {
	sameTellings(t, tellings(facts), sample)
}

func sameTellings(t interface{ Fatalf(string, ...any) }, all []told, sample func(Scope, string, Span) *cell.Sample) {
	var want recounted
	for _, x := range all {
		want = append(want, x.counted)
	}
	for _, measure := range gapMeasures() {
		for _, sc := range []Scope{
			{},
			{Touchpoint: "call"},
			{Touchpoint: "chat", Breakdown: "team", Value: "north"},
			{Breakdown: "channel", Value: "voice"},
			{Touchpoint: "call", Breakdown: "attribute:segment", Value: "home"},
		} {
			for _, w := range []scorev1.Window{scorev1.Window_WINDOW_24H, scorev1.Window_WINDOW_ALL} {
				span := Live(w, now, berlin)
				var adder cell.Adder
				s := sample(sc, measure, span)
				for _, m := range s.Measure {
					adder.Add(m, true)
				}
				got := adder.Take()
				_, n, sum, _ := want.sum(sc, measure, span)
				if got.N != n || got.Sum.String() != fmt.Sprint(sum) || got.Hist.Total() != n || s.Simulated != 0 {
					t.Fatalf("%s of %+v, %v: %d cases, sum %s; want %d, %d", measure, sc, w, got.N, got.Sum, n, sum)
				}
			}
		}
	}
}

// Gaps are a function of the set of facts: whatever the order, the repetitions, the corrections of place, customer and value,
// the retractions and the restarts in between.
func TestGapsAreOrderFree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 5))
		var facts []*factv1.RecordedFact
		for range 2 + r.IntN(80) {
			facts = append(facts, opinion(r, 1+r.IntN(30)))
		}
		maps := pick(r, comparing, comparingAndFollowing)
		a, b := playBy(rt, maps, r, facts), playBy(rt, maps, r, facts)
		if a.hash() != b.hash() {
			rt.Fatalf("two orders of the same %d facts give two states", len(facts))
		}
		a.s.View("acme", func(v *View) {
			sameGaps(rt, facts, func(sc Scope, measure string, span Span) *cell.Sample {
				return v.Sample(sc, cell.Needs{Measure: measure, Distribution: true}, span)
			})
		})
		b.flush()
		b.restart()
		if a.hash() != b.hash() || b.s.Outdated() != nil {
			rt.Fatal("loaded, it is another state")
		}
	})
}

// An answer tells which gaps it bears, and what the scores would be without it: those of other answers change as well.
func TestGapsOfOneFact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 6))
		var facts []*factv1.RecordedFact
		for k := range 2 + r.IntN(20) {
			f := opinion(r, 20)
			f.Id = fmt.Sprint(k)
			facts = append(facts, seal(f))
		}
		l := playBy(rt, comparing, r, facts)
		l.s.View("acme", func(v *View) {
			all := tellings(facts)
			for k, x := range facts {
				f, _, err := v.Fact(x.Kind, x.Source, x.Id, x.AboutSource, x.AboutId)
				if err != nil {
					rt.Fatal(err)
				}
				for _, measure := range gapMeasures() {
					var value int64
					bears := false
					if i := slices.IndexFunc(all, func(y told) bool { return y.key == factKey(x) }); i >= 0 {
						value, bears = all[i].values[measure]
					}
					if got, is := f.Values[measure]; f.Counted && (is != bears || got != value) {
						rt.Fatalf("fact %s bears %v, not %d (%v) of %s", x.Id, f.Values, value, bears, measure)
					}
				}
				if x.Kind == factv1.Kind_KIND_INTERACTION {
					continue // its answers' places aside
				}
				rest := slices.Delete(slices.Clone(facts), k, k+1)
				sameGaps(rt, rest, func(sc Scope, measure string, span Span) *cell.Sample { return v.Without(f, sc, measure, span) })
			}
		})
	})
}

// Only answers that are compared keep their customer and response, and only where they are.
func TestOnlyComparedAnswersKeepTheirCustomer(t *testing.T) {
	size := func(maps Maps, question string, customer, response byte) int {
		s := &survey{life: beginBy(t, maps), t: t}
		s.answer(customer, response, question, 5, 1, "call", "")
		enc, err := s.s.ledger.Get(0)
		if err != nil {
			t.Fatal(err)
		}
		return len(enc)
	}
	bare := size(counting, "easy", 0, 0)
	for _, c := range []struct {
		maps               Maps
		question           string
		customer, response byte
		more               int
	}{
		{counting, "easy", 1, 1, 0},
		{following, "easy", 1, 1, 0},
		{comparing, "mood", 1, 1, 0},
		{comparing, "easy", 0, 0, 0},
		{comparing, "easy", 1, 1, 25},
		{comparing, "easy_hoped", 1, 0, 25},
		{comparing, "easy", 0, 1, 9},
	} {
		if got := size(c.maps, c.question, c.customer, c.response); got != bare+c.more {
			t.Errorf("%s: %d bytes, want %d", c.question, got, bare+c.more)
		}
	}
}

// A map that compares otherwise asks for a recount, and until then nothing is compared by halves.
func TestAnotherComparisonAsksForARecount(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	var facts []*factv1.RecordedFact
	for range 60 {
		facts = append(facts, opinion(r, 40))
	}
	l := begin(t)
	l.apply(facts[:30]...)
	l.flush()
	l.maps = comparing
	l.restart()
	if got := l.s.Outdated(); len(got) != 1 {
		t.Fatalf("outdated: %v", got)
	}
	l.apply(facts[30:]...)
	l.s.View("acme", func(v *View) {
		for _, measure := range gapMeasures()[1:] {
			if s := v.Sample(Scope{}, cell.Needs{Measure: measure}, Live(scorev1.Window_WINDOW_ALL, now, berlin)); len(s.Measure) != 0 {
				t.Errorf("%s is compared by halves", measure)
			}
		}
	})
}
