package scoreservice

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// attacker asks for scores of employees in every way there is, and keeps whose answers each one that it is told is a sum of.
type attacker struct {
	*kit
	t       *testing.T
	rnd     *rand.Rand
	queries int
	seen    map[string]map[string][]uint64 // by question: sets of answered
	refused int
	said    []said
	hidden  int
	shown   int
}

// said is how many answers to a question came of one day, touchpoint and team: nobody can tell them apart.
type said struct {
	question, touchpoint, team string
	day                        time.Time
	n                          int64
}

// TestNobodyIsIsolated asks 10,000 adversarial queries, with Get, Batch, Series, List, Spread, Explain and Watch, of random windows
// and scopes and at many moments while answers come. Whoever asked adds up and subtracts any two or three results that they
// were told: never is what is left a sum over 1 to 9 answers.
func TestNobodyIsIsolated(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	total := &attacker{}
	combined := 0
	for total.queries < 10_000 {
		a := &attacker{kit: newKit(t), t: t, rnd: rand.New(rand.NewPCG(seed, uint64(total.queries))), seen: map[string]map[string][]uint64{}}
		a.organisation()
		last := a.clock()
		for moment := range 12 {
			a.advance(time.Duration(a.rnd.IntN(9)) * 24 * time.Hour)
			a.answers(moment, last)
			last = a.clock()
			for range 40 {
				a.ask()
			}
		}
		for question, sets := range a.seen {
			n, isolated := a.combine(sets)
			combined += n
			if isolated != "" {
				t.Fatalf("seed %d, query %d: %s: %s", seed, total.queries, question, isolated)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d, query %d", seed, total.queries)
		}
		total.queries += a.queries
		total.shown, total.hidden, total.refused = total.shown+a.shown, total.hidden+a.hidden, total.refused+a.refused
	}
	t.Logf("%d queries: %d shown, %d hidden, %d refused; %d combinations", total.queries, total.shown, total.hidden, total.refused, combined)
	if total.shown < 5000 || total.hidden < 2000 || total.refused < 500 || combined < 3e5 {
		t.Error("this proves little")
	}
}

// organisation makes up teams, some of which move.
func (a *attacker) organisation() {
	a.apply("default", 2, func(m *mapv1.Map) {
		ofEmployees(m)
		m.Teams = []*mapv1.Team{{Id: "company"}, {Id: "region"}}
		for i := range 5 {
			p := []*mapv1.Placement{{Parent: []string{"company", "region"}[a.rnd.IntN(2)]}}
			if a.rnd.IntN(4) == 0 {
				on := monday.AddDate(0, 0, a.rnd.IntN(60)).Format(time.DateOnly)
				p = []*mapv1.Placement{{Parent: "company", To: on}, {Parent: "region", From: on}}
			}
			m.Teams = append(m.Teams, &mapv1.Team{Id: fmt.Sprint("t", i), Placements: p})
		}
		if a.rnd.IntN(2) == 0 {
			m.Teams[1].Placements = []*mapv1.Placement{{Parent: "company"}}
		}
	})
	a.fresh()
}

// answers come for the days since the moment before, and for today.
func (a *attacker) answers(moment int, last time.Time) {
	days := int(a.clock().Sub(last).Hours() / 24)
	for i := range a.rnd.IntN(9) {
		s := said{
			question: []string{"work_here", "team_here"}[a.rnd.IntN(2)], touchpoint: "call",
			team: []string{"t0", "t1", "t2", "t3", "t4", "region", ""}[a.rnd.IntN(7)], day: a.clock().AddDate(0, 0, -a.rnd.IntN(days+1)), n: int64(1 + a.rnd.IntN(16)),
		}
		if a.rnd.IntN(3) == 0 {
			s.n += 10
		}
		if s.question == "work_here" {
			s.touchpoint = []string{"call", "shop", "site"}[a.rnd.IntN(3)]
		}
		a.said = append(a.said, s)
		a.fold(voices(fmt.Sprint(moment, "-", i, "-"), int(s.n), s.day, s.question, s.touchpoint, s.team)...)
	}
}

func (a *attacker) scope() *scorev1.Scope {
	team := []string{"company", "region", "t0", "t1", "t2", "t3", "t4"}[a.rnd.IntN(7)]
	switch a.rnd.IntN(12) {
	case 0, 1:
		return nil
	case 2:
		return &scorev1.Scope{Stage: []string{"buy", "use", "help", "leave"}[a.rnd.IntN(4)]}
	case 3:
		return &scorev1.Scope{Journey: []string{"life", "goodbye"}[a.rnd.IntN(2)]}
	case 4:
		return &scorev1.Scope{Channel: "phone"}
	case 5:
		return &scorev1.Scope{Segment: "plan=gold"}
	case 6:
		return &scorev1.Scope{Touchpoint: "call", Team: team}
	case 7, 8, 9:
		return &scorev1.Scope{Team: team}
	}
	return &scorev1.Scope{Touchpoint: []string{"call", "shop", "site"}[a.rnd.IntN(3)]}
}

func (a *attacker) ref() *scorev1.ScoreRef {
	statistic := []string{"nps", "nps_adjusted", "mean", "median", "sd", "count", "share.0", "share.10"}[a.rnd.IntN(8)]
	r := &scorev1.ScoreRef{Score: []string{"work_here.", "team_here."}[a.rnd.IntN(2)] + statistic, Scope: a.scope()}
	if a.rnd.IntN(8) > 0 { // most of the time what might be shown
		r.Score = "work_here." + statistic
		if r.GetScope().GetTeam() != "" {
			r.Score, r.Scope.Touchpoint = "team_here."+statistic, ""
		}
	}
	if a.rnd.IntN(2) == 0 {
		r.Window = scorev1.Window(1 + a.rnd.IntN(7))
		if a.rnd.IntN(4) > 0 {
			r.Window = max(r.Window, week)
		}
		return r
	}
	from := monday.Add(time.Duration(a.rnd.IntN(80*24)) * time.Hour)
	r.From, r.To = ts(from), ts(from.Add(time.Duration(1+a.rnd.IntN(50*24))*time.Hour))
	return r
}

// ask sends one query. What is refused must be the caller's fault.
func (a *attacker) ask() {
	a.queries++
	ctx := context.Background()
	var told []*scorev1.Score
	var err error
	switch a.rnd.IntN(8) {
	case 0:
		var refs []*scorev1.ScoreRef
		for range 3 {
			refs = append(refs, a.ref())
		}
		var resp *scorev1.BatchGetScoresResponse
		resp, err = a.svc.BatchGetScores(ctx, &scorev1.BatchGetScoresRequest{Refs: refs})
		told = resp.GetScores()
	case 1:
		var resp *scorev1.GetSeriesResponse
		resp, err = a.svc.GetSeries(ctx, &scorev1.GetSeriesRequest{Ref: a.ref(), Step: scorev1.Step(a.rnd.IntN(6))})
		told = resp.GetScores()
	case 2:
		r := a.ref()
		var resp *scorev1.ListScoresResponse
		resp, err = a.svc.ListScores(ctx, &scorev1.ListScoresRequest{PageSize: 1000, Filter: &scorev1.Filter{
			Scores: []string{"work_here.*", "team_here.*"}, Window: r.GetWindow(), From: r.GetFrom(), To: r.GetTo(), ByTeam: true, ByChannel: true, ByStage: true, ByJourney: true,
		}})
		told = resp.GetScores()
	case 3:
		var resp *scorev1.GetSpreadResponse
		resp, err = a.svc.GetSpread(ctx, &scorev1.GetSpreadRequest{Ref: a.ref(), By: scorev1.By(1 + a.rnd.IntN(4))})
		if err == nil {
			told = append(told, resp.GetAll())
			for _, g := range resp.GetGroups() {
				told = append(told, g.GetScore())
			}
		}
	case 4:
		var resp *scorev1.ExplainScoreResponse
		if resp, err = a.svc.ExplainScore(ctx, &scorev1.ExplainScoreRequest{Ref: a.ref()}); err == nil {
			told = append(told, resp.GetScore())
			if len(resp.GetCells()) > 0 || resp.GetMoreCells() > 0 || resp.GetScore().Value == nil && (resp.GetFormula() != "" || len(resp.GetQuantities()) > 0) {
				a.t.Errorf("explained: %v", resp)
			}
		}
	case 5:
		r := a.ref()
		r.From, r.To, r.Window = nil, nil, week
		if _, err = a.svc.newWatch(ctx, &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{r}}); err == nil {
			a.t.Errorf("watched: %v", r)
		}
	default:
		var resp *scorev1.GetScoreResponse
		if resp, err = a.svc.GetScore(ctx, &scorev1.GetScoreRequest{Ref: a.ref()}); err == nil {
			told = append(told, resp.GetScore())
		}
	}
	var e *fault.Error
	if err != nil {
		a.refused++
		if !errors.As(err, &e) || e.Kind != fault.Invalid {
			a.t.Error(err)
		}
	}
	for _, s := range told {
		a.told(s)
	}
}

// told keeps whose answers a score is of, by the time that it states.
func (a *attacker) told(s *scorev1.Score) {
	if s.Value == nil {
		a.hidden++
		if s.GetN() != 0 || s.Interval != nil || s.StandardError != nil || s.Coverage != nil || s.GetSuppressed() == "" {
			a.t.Errorf("withheld, and tells %v", s)
		}
		return
	}
	a.shown++
	question, _, _ := strings.Cut(s.GetRef().GetScore(), ".")
	set := make([]uint64, 0, 4)
	var n int64
	for i, x := range a.said {
		if i%64 == 0 {
			set = append(set, 0)
		}
		if x.question == question && a.holds(s, x) {
			set[i/64] |= 1 << (i % 64)
			n += x.n
		}
	}
	for len(set) > 0 && set[len(set)-1] == 0 {
		set = set[:len(set)-1]
	}
	if n != s.GetN() || n < 10 {
		a.t.Errorf("%v is of %d answers, not %d", s, n, s.GetN())
	}
	if a.seen[question] == nil {
		a.seen[question] = map[string][]uint64{}
	}
	a.seen[question][fmt.Sprint(set)] = set
}

func (a *attacker) holds(s *scorev1.Score, x said) bool {
	m, sc := a.Current("default"), s.GetRef().GetScope()
	if s.GetFrom() != nil && x.day.Before(s.GetFrom().AsTime()) || !x.day.Before(s.GetTo().AsTime()) {
		return false
	}
	stage := m.Touchpoints[x.touchpoint].Proto.GetStage()
	switch {
	case sc.GetTouchpoint() != "":
		return x.touchpoint == sc.GetTouchpoint()
	case sc.GetStage() != "":
		return stage == sc.GetStage()
	case sc.GetJourney() != "":
		return m.Stages[stage].Journey == sc.GetJourney()
	case sc.GetTeam() != "":
		return slices.Contains(m.TeamsBelow(sc.GetTeam(), x.day), x.team)
	}
	return true
}

// combine adds up and subtracts every two and every three of the sets seen, and describes what is left of 1 to 9 answers.
func (a *attacker) combine(seen map[string][]uint64) (combined int, isolated string) {
	width := (len(a.said) + 63) / 64
	var sets [][]uint64
	for _, s := range seen {
		sets = append(sets, append(slices.Clone(s), make([]uint64, width-len(s))...))
	}
	const most = 120
	a.rnd.Shuffle(len(sets), func(i, k int) { sets[i], sets[k] = sets[k], sets[i] })
	pairs, triples := sets, sets[:min(most, len(sets))]
	left := func(word func(i int) uint64) (n int64) {
		for i := range width {
			for w := word(i); w != 0; w &= w - 1 {
				if n += a.said[i*64+bits.TrailingZeros64(w)].n; n >= 10 {
					return n
				}
			}
		}
		return n
	}
	check := func(how string, n int64, of ...[]uint64) {
		combined++
		if n > 0 && n < 10 {
			isolated = fmt.Sprintf("%d answers in %s of %b, all %+v", n, how, of, a.said)
		}
	}
	for i, x := range pairs {
		for _, y := range pairs[:i] {
			check("x − y", left(func(k int) uint64 { return x[k] ^ y[k] }), x, y)
		}
	}
	for i, x := range triples {
		for j, y := range triples[:i] {
			for _, z := range triples[:j] {
				// Coefficients 1, −1, −1 leave nothing where x is in one of the others alone; 1, 1, −2 where all three are.
				check("x − y − z", left(func(k int) uint64 { return (x[k] | y[k] | z[k]) &^ (x[k] & (y[k] ^ z[k])) }), x, y, z)
				check("y − x − z", left(func(k int) uint64 { return (x[k] | y[k] | z[k]) &^ (y[k] & (x[k] ^ z[k])) }), x, y, z)
				check("z − x − y", left(func(k int) uint64 { return (x[k] | y[k] | z[k]) &^ (z[k] & (x[k] ^ y[k])) }), x, y, z)
				check("x + y − 2z", left(func(k int) uint64 { return (x[k] | y[k] | z[k]) &^ (x[k] & y[k] & z[k]) }), x, y, z)
			}
		}
	}
	return combined, isolated
}
