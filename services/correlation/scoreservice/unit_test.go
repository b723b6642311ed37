package scoreservice

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// reorganised is a map in which north changes from east to west on a day, south stands in west, and both in the company.
func reorganised(on string) func(*mapv1.Map) {
	return func(m *mapv1.Map) {
		m.Teams = []*mapv1.Team{
			{Id: "company"},
			{Id: "east", Placements: []*mapv1.Placement{{Parent: "company"}}},
			{Id: "west", Placements: []*mapv1.Placement{{Parent: "company"}}},
			{Id: "north", Placements: []*mapv1.Placement{{Parent: "east", To: on}, {Parent: "west", From: on}}},
			{Id: "south", Placements: []*mapv1.Placement{{Parent: "west"}}},
		}
	}
}

// TestReorganisation: facts belong to the units of their day. An organisation whose facts carry these units' names instead
// of the teams' has the same scores, byte for byte, in every window and on both sides of the day.
func TestReorganisation(t *testing.T) {
	for _, c := range []struct {
		name string
		on   string
		now  time.Time
	}{
		{"weeks ago", "2026-02-16", monday},
		{"months ago", "2025-12-24", monday},
		{"today", "2026-03-02", time.Date(2026, 3, 1, 23, 25, 30, 0, time.UTC)}, // 0:25 in Berlin
		{"when clocks change", "2026-03-29", time.Date(2026, 3, 29, 8, 0, 0, 0, time.UTC)},
		{"to come", "2026-12-01", monday},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t)
			k.now.Store(c.now.UnixMilli())
			k.apply("default", 2, reorganised(c.on))
			k.apply("other", 2, reorganised(c.on))
			k.fresh()
			zone := k.Current("default").Zone
			on, err := time.ParseInLocation(time.DateOnly, c.on, zone)
			if err != nil {
				t.Fatal(err)
			}
			unitOf := func(team string, at time.Time) string {
				switch {
				case team == "north" && at.Before(on):
					return "east"
				case team == "north" || team == "south":
					return "west"
				}
				return team
			}
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 900 {
				back := []time.Duration{50 * time.Minute, 30 * time.Hour, 30 * 24 * time.Hour, 80 * 24 * time.Hour}[i%4]
				at := c.now.Add(-time.Duration(r.Int64N(int64(back))))
				team := []string{"north", "south", "east", "west", "company", ""}[r.IntN(6)]
				touchpoint, outcome, wait := []string{"call", "shop"}[r.IntN(2)], []string{"answered", "abandoned"}[r.IntN(2)], r.Int64N(200_000)
				a := answer(at, touchpoint, "recommend", r.Int64N(11))
				a.Team = team
				b := proto.Clone(a).(*factv1.RecordedAnswer)
				b.Team = unitOf(team, at)
				k.fold(sealed(fmt.Sprint("c", i), 0, call(at, touchpoint, team, outcome, wait)), sealed(fmt.Sprint("a", i), 0, a))
				k.foldInto("other", sealed(fmt.Sprint("c", i), 0, call(at, touchpoint, unitOf(team, at), outcome, wait)), sealed(fmt.Sprint("a", i), 0, b))
			}
			// In the other organisation nobody stands below east and west.
			k.apply("other", 3, func(m *mapv1.Map) {
				reorganised(c.on)(m)
				m.Teams[3].Placements, m.Teams[4].Placements = nil, nil
			})
			k.apply("default", 3, reorganised(c.on))

			var refs []*scorev1.ScoreRef
			add := func(ref *scorev1.ScoreRef) {
				for _, id := range []string{"interactions.count", "wait.mean", "wait.p90", "wait.sum", "recommend.nps", "in_time"} {
					for _, touchpoint := range []string{"", "call"} {
						for _, unit := range []string{"east", "west", "company"} {
							x := proto.Clone(ref).(*scorev1.ScoreRef)
							x.Score, x.Scope = id, &scorev1.Scope{Touchpoint: touchpoint, Team: unit}
							refs = append(refs, x)
						}
					}
				}
			}
			for w := scorev1.Window_WINDOW_5M; w <= scorev1.Window_WINDOW_ALL; w++ {
				add(&scorev1.ScoreRef{Window: w})
			}
			begin := timestamppb.New(c.now.AddDate(0, 0, -85))
			add(&scorev1.ScoreRef{From: begin})
			if on.Before(c.now) {
				add(&scorev1.ScoreRef{From: begin, To: timestamppb.New(on)})
				add(&scorev1.ScoreRef{From: timestamppb.New(on)})
				add(&scorev1.ScoreRef{From: timestamppb.New(on.Add(-26 * time.Hour)), To: timestamppb.New(on.Add(20 * time.Minute))})
			}
			cases := int64(0)
			for _, ref := range refs {
				mine, theirs := k.bytes(ref, "default"), k.bytes(ref, "other")
				if mine.text != theirs.text {
					t.Fatalf("%v\n%s\nwant\n%s", ref, mine.text, theirs.text)
				}
				cases += mine.n
			}
			if cases == 0 {
				t.Error("nothing was compared")
			}
		})
	}
}

type published struct {
	text string
	n    int64
}

// bytes is a score with its arithmetic and its days, but for the name.
func (k *kit) bytes(ref *scorev1.ScoreRef, organisation string) published {
	k.t.Helper()
	ref = proto.Clone(ref).(*scorev1.ScoreRef)
	ref.Organisation = organisation
	got, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: ref})
	if err != nil {
		k.t.Fatal(err)
	}
	s := proto.Clone(got.GetScore()).(*scorev1.Score)
	s.Ref = nil
	why, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: ref})
	if err != nil {
		k.t.Fatal(err)
	}
	var b strings.Builder
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(s)
	if err != nil {
		k.t.Fatal(err)
	}
	fmt.Fprintf(&b, "%x\n%s\n", raw, why.GetFormula())
	if ref.GetScore() == "wait.mean" { // one is enough: a series takes long
		days, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: ref, Step: scorev1.Step_STEP_DAY})
		if err != nil {
			k.t.Fatal(err)
		}
		for _, x := range days.GetScores() {
			fmt.Fprint(&b, x.GetFrom().AsTime(), " ", x.GetN(), " ", x.GetValue(), x.GetSuppressed(), "\n")
		}
	}
	n := int64(0)
	for _, c := range why.GetCells() {
		n += c.GetN()
	}
	if n != s.GetN() && why.GetMoreCells() == 0 && s.Value != nil {
		k.t.Errorf("%v: %d cases in the cells of %d", ref, n, s.GetN())
	}
	return published{b.String(), s.GetN()}
}

// TestUnitIsTheSumOfItsTeams adds the teams up by hand, each on its side of the day.
func TestUnitIsTheSumOfItsTeams(t *testing.T) {
	k := newKit(t)
	k.apply("default", 2, reorganised("2026-02-16"))
	on := time.Date(2026, 2, 15, 23, 0, 0, 0, time.UTC) // midnight in Berlin
	for i, team := range []string{"north", "south", "west", "east"} {
		k.fold(sealed(fmt.Sprint("b", i), 0, call(on.Add(-time.Millisecond), "call", team, "answered", 1000<<i)))
		k.fold(sealed(fmt.Sprint("a", i), 0, call(on, "call", team, "answered", 16_000<<i)))
	}
	for _, c := range []struct {
		unit     string
		from, to time.Time
		sum      float64
	}{
		{"west", on.AddDate(0, 0, -7), on, 2 + 4},
		{"west", on, monday, 16 + 32 + 64},
		{"west", on.AddDate(0, 0, -7), monday, 2 + 4 + 16 + 32 + 64},
		{"east", on.AddDate(0, 0, -7), on, 1 + 8},
		{"east", on, monday, 128},
		{"company", on.AddDate(0, 0, -7), monday, 255},
		{"north", on.AddDate(0, 0, -7), monday, 1 + 16},
	} {
		ref := &scorev1.ScoreRef{Score: "wait.sum", Scope: &scorev1.Scope{Team: c.unit}, From: timestamppb.New(c.from), To: timestamppb.New(c.to)}
		resp, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: ref})
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.GetScore().GetValue(); got != c.sum {
			t.Errorf("%s from %v to %v: %v, want %v", c.unit, c.from, c.to, got, c.sum)
		}
	}
	// The arithmetic tells what each team brings, and the cells add up to it.
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.sum", Scope: &scorev1.Scope{Team: "west"}}})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, q := range resp.GetQuantities() {
		if strings.HasPrefix(q.GetName(), "cases of team ") {
			told = append(told, q.GetName()+" = "+q.GetValue())
		}
	}
	want := []string{"cases of team north = 1", "cases of team south = 2", "cases of team west = 2"}
	if !slices.Equal(told, want) || len(resp.GetCells()) != 5 || resp.GetScore().GetN() != 5 {
		t.Errorf("%v, %d cells", told, len(resp.GetCells()))
	}
	// Another tree reads the same cells anew: nothing is counted again.
	position := resp.GetScore().GetPosition()
	k.apply("default", 3, reorganised("2026-03-01"))
	if s := k.get("wait.sum", &scorev1.Scope{Team: "east"}, weeks); s.GetValue() != 1+16+8+128 || s.GetPosition() != position {
		t.Errorf("reorganised later: %v", s)
	}
}

// TestWatchSeesTheParts: a team's call moves the units of its day, and a new tree moves them without a call.
func TestWatchSeesTheParts(t *testing.T) {
	k := newKit(t)
	structured := func(on string) func(*mapv1.Map) {
		return func(m *mapv1.Map) {
			reorganised(on)(m)
			staged(m)
		}
	}
	k.apply("default", 2, structured("2026-02-16"))
	k.fold(sealed("1", 0, call(monday, "call", "north", "answered", 1000)), sealed("2", 0, call(monday, "shop", "east", "answered", 1000)))
	ref := func(sc *scorev1.Scope) *scorev1.ScoreRef {
		return &scorev1.ScoreRef{Score: "interactions.count", Scope: sc, Window: hour}
	}
	c := k.client()
	named := watchOf(t, c, &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{
		ref(&scorev1.Scope{Touchpoint: "call", Team: "west"}), ref(&scorev1.Scope{Team: "east"}), ref(&scorev1.Scope{Stage: "use"}), ref(&scorev1.Scope{Journey: "life", Team: "company"}),
	}})
	if first := named.next(); len(first.GetChanges()) != 4 {
		t.Fatalf("%v", first)
	}
	filtered := watchOf(t, c, &scorev1.WatchScoresRequest{Filter: &scorev1.Filter{Scores: []string{"interactions.count"}, Window: hour, ByStage: true, Touchpoints: []string{"call"}}})
	if got := names(filtered.next()); len(got) != 3 || !got["interactions.count"] || !got["interactions.count @use"] || !got["interactions.count call"] {
		t.Fatalf("%v", got)
	}
	k.fold(sealed("3", 0, call(monday, "call", "north", "answered", 1000)))
	r := named.next()
	for n, want := range map[string][2]float64{
		"interactions.count call//west": {1, 2}, "interactions.count @use": {1, 2}, "interactions.count #life//company": {2, 3},
	} {
		if !slices.ContainsFunc(r.GetChanges(), func(c *scorev1.ScoreChange) bool {
			return name(c.GetScore()) == n && c.GetPrevious() == want[0] && c.GetScore().GetValue() == want[1]
		}) {
			t.Errorf("%s: want %v in %v", n, want, r)
		}
	}
	if len(r.GetChanges()) != 3 {
		t.Errorf("east did not change: %v", r)
	}
	filtered.until("interactions.count @use", 2)
	k.apply("default", 3, structured("2026-03-03"))
	if c, _ := named.until("interactions.count //east", 3); c.GetPrevious() != 1 {
		t.Errorf("%v", c)
	}
}

// BenchmarkGetSums reads what is a sum of many cells: 84 touchpoints in 7 stages, 40 teams below one unit, half of which
// were placed there a week ago.
func BenchmarkGetSums(b *testing.B) {
	k := newKit(b)
	k.apply("default", 2, func(m *mapv1.Map) {
		m.Teams = []*mapv1.Team{{Id: "unit"}, {Id: "before"}}
		for i := range 40 {
			t := &mapv1.Team{Id: fmt.Sprint("team", i), Placements: []*mapv1.Placement{{Parent: "unit"}}}
			if i%2 == 0 {
				t.Placements = []*mapv1.Placement{{Parent: "before", To: "2026-02-23"}, {Parent: "unit", From: "2026-02-23"}}
			}
			m.Teams = append(m.Teams, t)
		}
		m.Stages = []*mapv1.Stage{{Id: "s0"}, {Id: "s1"}, {Id: "s2"}, {Id: "s3"}, {Id: "s4"}, {Id: "s5"}, {Id: "s6"}}
		m.Journeys = []*mapv1.Journey{{Id: "life", Stages: []string{"s0", "s1", "s2", "s3", "s4", "s5", "s6"}}}
		m.Touchpoints[0].Stage, m.Touchpoints[1].Stage, m.Touchpoints[2].Stage = "s0", "s1", "s2"
		for i := range 81 {
			m.Touchpoints = append(m.Touchpoints, &mapv1.Touchpoint{Id: fmt.Sprint("t", i), Stage: fmt.Sprint("s", i%7), FunctionalOwner: "a", OperationalOwner: "b"})
		}
	})
	k.fresh()
	for i := range 20_000 {
		k.fold(sealed(fmt.Sprint("c", i), 0, call(monday.Add(-time.Duration(i)*2*time.Minute), fmt.Sprint("t", i%81), fmt.Sprint("team", i/81%40), "answered", int64(i*i)%200_000)))
	}
	for _, c := range []struct {
		name  string
		scope *scorev1.Scope
	}{
		{"organisation", nil},
		{"stage", &scorev1.Scope{Stage: "s3"}},
		{"journey", &scorev1.Scope{Journey: "life"}},
		{"unit", &scorev1.Scope{Team: "unit"}},
		{"unit at a touchpoint", &scorev1.Scope{Touchpoint: "t1", Team: "unit"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			req := &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Scope: c.scope, Window: weeks}}
			for b.Loop() {
				clear(k.r.samples.byKey)
				if _, err := k.svc.GetScore(context.Background(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
