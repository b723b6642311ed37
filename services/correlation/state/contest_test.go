package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

func identityID(f *factv1.RecordedFact) string {
	return DisputeID(wire.Identity("acme", f.Kind, []byte(f.Source), []byte(f.Id), []byte(f.AboutSource), []byte(f.AboutId)))
}

// disputed is a step of the dispute about a fact.
func disputed(f *factv1.RecordedFact, version uint64, by string, ruling factv1.Ruling, ruledBy string) *factv1.RecordedFact {
	return seal(&factv1.RecordedFact{
		Source: DisputeSource, Id: identityID(f), Version: version, Kind: factv1.Kind_KIND_DISPUTE,
		Content: &factv1.RecordedFact_Dispute{Dispute: &factv1.RecordedDispute{
			Kind: f.Kind, Source: f.Source, Id: f.Id, AboutSource: f.AboutSource, AboutId: f.AboutId,
			Reason: "the bot took the call", Owner: "head", RaisedBy: by, RaisedAtMs: int64(version), Ruling: ruling, RuledBy: ruledBy,
		}},
	})
}

// contested adds steps of disputes about some of the facts, and about some that never came; now and then one is taken back,
// or whoever raised it rules on it.
func contested(r *rand.Rand, facts []*factv1.RecordedFact, another func() *factv1.RecordedFact) []*factv1.RecordedFact {
	out := slices.Clone(facts)
	for range r.IntN(30) {
		f := pick(r, facts...)
		if r.IntN(10) == 0 {
			f = another()
		}
		ruling, by := pick(r, factv1.Ruling_RULING_UNSPECIFIED, factv1.Ruling_RULING_COUNTED, factv1.Ruling_RULING_EXCLUDED, factv1.Ruling_RULING_EXCLUDED), ""
		if ruling != 0 {
			by = pick(r, "b", "c", "b", "a")
		}
		d := disputed(f, r.Uint64N(5), "a", ruling, by)
		if r.IntN(12) == 0 {
			d.Content = nil
			seal(d)
		}
		out = append(out, d)
	}
	return out
}

// ruled returns by name what the newest steps of all disputes leave contested and what they leave out.
func ruled(all []*factv1.RecordedFact) (open, excluded map[string]bool) {
	newest, open, excluded := map[string]*factv1.RecordedFact{}, map[string]bool{}, map[string]bool{}
	about := map[string]string{}
	for _, f := range all {
		if f.Kind != factv1.Kind_KIND_DISPUTE {
			about[identityID(f)] = nameOf(f)
			continue
		}
		if o := newest[f.Id]; o == nil || f.Version > o.Version || f.Version == o.Version && string(f.Digest) > string(o.Digest) {
			newest[f.Id] = f
		}
	}
	for id, f := range newest {
		switch d := f.GetDispute(); {
		case d == nil:
		case d.Ruling == factv1.Ruling_RULING_EXCLUDED && d.RuledBy != d.RaisedBy:
			excluded[about[id]] = true
		case d.Ruling != factv1.Ruling_RULING_COUNTED || d.RuledBy == d.RaisedBy:
			open[about[id]] = true
		}
	}
	return open, excluded
}

// A ruling holds whatever comes in which order: the dispute before its fact, the ruling before the dispute, corrections and
// retractions in between, restarts anywhere.
func TestDisputesAreOrderFree(t *testing.T) {
	seeds := uint64(200)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 9))
		n := 1 + r.IntN(30)
		var facts []*factv1.RecordedFact
		for range 5 + r.IntN(80) {
			facts = append(facts, random(r, n))
		}
		all := contested(r, facts, func() *factv1.RecordedFact { return random(r, n+3) })
		a, b := play(t, r, all), play(t, r, all)
		if a.hash() != b.hash() {
			t.Fatalf("seed %d: two orders of the same %d facts give two states", seed, len(all))
		}
		_, excluded := ruled(all)
		sameAs(t, seed, a, recount(all, excluded))
		// Without any dispute the cells are what they were.
		var undo []*factv1.RecordedFact
		for _, f := range all {
			if f.Kind == factv1.Kind_KIND_DISPUTE {
				undo = append(undo, seal(&factv1.RecordedFact{Source: f.Source, Id: f.Id, Kind: f.Kind, Version: 9}))
			}
		}
		b.apply(undo...)
		sameAs(t, seed, b, recount(facts, nil))
	}
}

// Both values are those of a recount: with all that is contested counted, and with all of it left out. They are the same from
// every order and after a restart.
func TestBothValues(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 11))
		make := func() *factv1.RecordedFact {
			if r.IntN(2) == 0 {
				f := random(r, 20)
				f.Source = "crm"
				return seal(f)
			}
			return visit(r, 20)
		}
		var facts []*factv1.RecordedFact
		for range 2 + r.IntN(50) {
			facts = append(facts, make())
		}
		all := contested(r, facts, make)
		l := playBy(rt, following, r, all)
		open, excluded := ruled(all)
		none := map[string]bool{}
		for name := range open {
			none[name] = true
		}
		for name := range excluded {
			none[name] = true
		}
		kept := func(out map[string]bool) (rest []*factv1.RecordedFact) {
			for _, f := range facts {
				if f.Source == "pbx" && f.Kind == factv1.Kind_KIND_INTERACTION && !out[nameOf(f)] {
					rest = append(rest, f)
				}
			}
			return rest
		}
		l.s.View("acme", func(v *View) {
			how := func(k int64) func(sc Scope, measure string, span Span) *cell.Sample {
				return func(sc Scope, measure string, span Span) *cell.Sample {
					needs := cell.Needs{Measure: measure, Distribution: true}
					// A fact elsewhere may move what others here bear: here all facts of the organisation are looked at.
					in, out, err := v.Contests(Scope{}, Live(scorev1.Window_WINDOW_ALL, now, berlin), func(f *Fact) bool { return f.Kind == factv1.Kind_KIND_INTERACTION })
					if err != nil {
						rt.Fatal(err)
					}
					if k < 0 {
						return v.With(v.Sample(sc, needs, span), in, -1, sc, needs, span)
					}
					return v.With(v.Sample(sc, needs, span), out, 1, sc, needs, span)
				}
			}
			sameCases(rt, kept(excluded), func(sc Scope, measure string, span Span) *cell.Sample {
				return v.Sample(sc, cell.Needs{Measure: measure, Distribution: true}, span)
			})
			sameCases(rt, kept(nil), how(1))
			sameCases(rt, kept(none), how(-1))
			for _, sc := range linkedScopes[:5] { // the recount knows no more than one attribute
				for _, measure := range []string{"", "wait", "recommend", "staff"} {
					for _, w := range []scorev1.Window{scorev1.Window_WINDOW_24H, scorev1.Window_WINDOW_ALL} {
						needs, span := cell.Needs{Measure: measure, Distribution: true}, Live(w, now, berlin)
						in, out, err := v.Contests(sc, span, func(f *Fact) bool { return f.Carries(measure) })
						if err != nil {
							rt.Fatal(err)
						}
						s := v.Sample(sc, needs, span)
						before := fmt.Sprint(s.Interactions, total(s))
						check := func(what string, s *cell.Sample, want recounted) {
							n, values, sum, observed := want.sum(sc, measure, span)
							m := total(s)
							if measure == "" && s.Offered() != n || m.N != values || m.Sum.String() != fmt.Sprint(sum) || m.ObservedN != observed || m.Hist.Total() != values {
								rt.Fatalf("%s %+v %q: %d, %d, %s, %d; want %d, %d, %d, %d", what, sc, measure, s.Offered(), m.N, m.Sum, m.ObservedN, n, values, sum, observed)
							}
						}
						check("as ruled", s, recount(facts, excluded))
						check("with all", v.With(s, out, 1, sc, needs, span), recount(facts, nil))
						check("without all", v.With(s, in, -1, sc, needs, span), recount(facts, none))
						if fmt.Sprint(s.Interactions, total(s)) != before {
							rt.Fatal("the sample was changed")
						}
					}
				}
			}
		})
	})
}

func total(s *cell.Sample) *cell.Moments {
	var a cell.Adder
	for _, m := range s.Measure {
		a.Add(m, true)
	}
	return a.Take()
}

// What was never delivered is not there, though a dispute made room for it.
func TestADisputeBeforeItsFact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 12))
	seen := map[factv1.Kind]bool{}
	for len(seen) < 3 {
		f := random(r, 5)
		if f.Content == nil || seen[f.Kind] || f.Kind == factv1.Kind_KIND_ANSWER && f.GetAnswer().AboutTimeMs == 0 {
			continue
		}
		seen[f.Kind] = true
		l := begin(t)
		l.apply(disputed(f, 2, "a", factv1.Ruling_RULING_EXCLUDED, "b"))
		look := func(want bool) {
			t.Helper()
			l.s.View("acme", func(v *View) {
				got, _, err := v.Fact(f.Kind, f.Source, f.Id, f.AboutSource, f.AboutId)
				if err != nil || (got != nil) != want || want && (!got.Excluded || got.Counted) {
					t.Fatalf("%v: %+v, %v", f.Kind, got, err)
				}
				n := 0
				if _, _, err := v.Facts(0, 100, func(x *Fact) bool {
					if x.Kind != factv1.Kind_KIND_DISPUTE {
						n++
					}
					return true
				}); err != nil || n > 0 != want {
					t.Fatalf("%v: %d facts, %v", f.Kind, n, err)
				}
				d, err := v.Dispute(identityID(f))
				if err != nil || d == nil || d.ID != identityID(f) || d.Ruling != factv1.Ruling_RULING_EXCLUDED || d.Version != 2 {
					t.Fatalf("%v: %+v, %v", f.Kind, d, err)
				}
				if list := v.Disputes(false, ""); len(list) != 1 || len(v.Disputes(true, "")) != 0 {
					t.Fatalf("%v: %v", f.Kind, list)
				}
			})
			if got := l.s.Counts(); got.Facts != 1 && !want || got.Facts != 2 && want {
				t.Errorf("%v: %+v", f.Kind, got)
			}
		}
		look(false)
		l.flush()
		l.restart()
		look(false)
		l.apply(f)
		look(true)
		l.flush()
		l.restart()
		look(true)
	}
}

// What no dispute of ours would say is recorded, changes nothing and parks nothing.
func TestStrangeDisputes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 13))
	f := visit(r, 1)
	for f.Content == nil {
		f = visit(r, 1)
	}
	l := begin(t)
	l.apply(f)
	before, err := l.s.Digest(now)
	if err != nil {
		t.Fatal(err)
	}
	change := func(g func(*factv1.RecordedFact)) *factv1.RecordedFact {
		d := disputed(f, 3, "a", factv1.Ruling_RULING_EXCLUDED, "b")
		g(d)
		return d
	}
	l.apply(
		change(func(d *factv1.RecordedFact) { d.Source = "pbx" }),
		change(func(d *factv1.RecordedFact) { d.Id = "0123" }),
		change(func(d *factv1.RecordedFact) { d.AboutId = "x" }),
		change(func(d *factv1.RecordedFact) { d.GetDispute().Id = "other" }),
		change(func(d *factv1.RecordedFact) { d.Id, d.GetDispute().Kind = "1", factv1.Kind_KIND_DISPUTE }),
		change(func(d *factv1.RecordedFact) { d.Id, d.GetDispute().Kind = "2", 99 }),
		&factv1.RecordedFact{Source: DisputeSource, Id: "3", Kind: factv1.Kind_KIND_DISPUTE, Content: &factv1.RecordedFact_Answer{Answer: &factv1.RecordedAnswer{Question: "easy", Touchpoint: "call", AboutTimeMs: 5}}},
		&factv1.RecordedFact{Source: DisputeSource, Id: "4", Kind: factv1.Kind_KIND_DISPUTE},
		&factv1.RecordedFact{Source: "later", Id: "5", Kind: 77},
	)
	after, err := l.s.Digest(now)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(before.Lines) != fmt.Sprint(after.Lines) {
		t.Error("cells changed")
	}
	l.s.View("acme", func(v *View) {
		if got := v.Disputes(false, ""); got != nil {
			t.Errorf("disputes: %v", got)
		}
	})
}

// Both values of gaps, too: an answer that is left out is no expectation of others either.
func TestBothValuesOfGaps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 12))
		n := 1 + r.IntN(30)
		answer := func() *factv1.RecordedFact {
			for {
				if f := opinion(r, n); f.Kind == factv1.Kind_KIND_ANSWER {
					return f
				}
			}
		}
		var facts, answers []*factv1.RecordedFact
		for range 2 + r.IntN(60) {
			f := opinion(r, n)
			if facts = append(facts, f); f.Kind == factv1.Kind_KIND_ANSWER {
				answers = append(answers, f)
			}
		}
		if len(answers) == 0 {
			answers = append(answers, answer())
			facts = append(facts, answers...)
		}
		all := append(slices.Clone(facts), contested(r, answers, answer)[len(answers):]...)
		l := playBy(rt, pick(r, comparing, comparingAndFollowing), r, all)
		if r.IntN(2) == 0 {
			l.flush()
			l.restart()
		}
		open, excluded := ruled(all)
		kept := func(out ...map[string]bool) (rest []*factv1.RecordedFact) {
			for _, f := range facts {
				if !slices.ContainsFunc(out, func(gone map[string]bool) bool { return gone[nameOf(f)] }) {
					rest = append(rest, f)
				}
			}
			return rest
		}
		l.s.View("acme", func(v *View) {
			in, out, err := v.Contests(Scope{}, Live(scorev1.Window_WINDOW_ALL, now, berlin), func(f *Fact) bool { return f.Kind == factv1.Kind_KIND_ANSWER })
			if err != nil {
				rt.Fatal(err)
			}
			how := func(all []*Fact, k int64) func(sc Scope, measure string, span Span) *cell.Sample {
				return func(sc Scope, measure string, span Span) *cell.Sample {
					needs := cell.Needs{Measure: measure, Distribution: true}
					s, facts := v.Sample(sc, needs, span), all
					if !v.org.gaps.counts(v.s.symbols.byName[measure]) {
						facts = slices.DeleteFunc(slices.Clone(all), func(f *Fact) bool { return !v.lies(f, sc, span) })
					}
					return v.With(s, facts, k, sc, needs, span)
				}
			}
			sameGaps(rt, kept(excluded), how(nil, 1))
			sameGaps(rt, kept(), how(out, 1))
			sameGaps(rt, kept(open, excluded), how(in, -1))
		})
	})
}
