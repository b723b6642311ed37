package scoreservice

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// agentsAView is how many agents are added up before the fold may go on.
const agentsAView = 32

// agentCases is what one agent handled in one team.
type agentCases struct {
	state.Agent
	sample *cell.Sample
	n      int64
}

// agentScores computes the scores of those whom a request reads, and the score of their teams. Of a team all agents are looked
// at, whoever is asked about: the mean towards which one is drawn is that of all.
func (r *Reader) agentScores(t *Target, span state.Span, who *whom, now time.Time) ([]*scorev1.AgentScore, *scorev1.Score) {
	var all []state.Agent
	r.view(t.Organisation(), func(v *view) { all = v.Agents(t.Scope) })
	asked := map[string]bool{}
	for _, a := range all {
		if (who.agent == "" || who.agent == a.Hash) && len(who.of(a.Team)) > 0 {
			asked[a.Team] = true
		}
	}
	byTeam := map[string][]*agentCases{}
	all = slices.DeleteFunc(all, func(a state.Agent) bool { return !asked[a.Team] })
	for some := range slices.Chunk(all, agentsAView) {
		r.view(t.Organisation(), func(v *view) {
			for _, a := range some {
				x := &agentCases{Agent: a, sample: v.Sample(t.handled(state.ByAgent, a.Value(), who.of(a.Team)), t.Definition.Needs(), span)}
				if x.n = t.cases(x.sample); x.n > 0 {
					byTeam[a.Team] = append(byTeam[a.Team], x)
				}
			}
		})
	}
	var rows []*agentRow
	for team, cases := range byTeam {
		rows = append(rows, t.ofTeam(cases, r.handledBy(t, span, team, who.of(team), cases))...)
	}
	if who.agent != "" {
		rows = slices.DeleteFunc(rows, func(x *agentRow) bool { return x.hash != who.agent })
	}
	slices.SortFunc(rows, func(a, b *agentRow) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.Team, b.Team)) })
	out := make([]*scorev1.AgentScore, len(rows))
	worked := map[string][]days{}
	for i, x := range rows {
		out[i] = x.AgentScore
		worked[x.GetTeam()] = who.of(x.GetTeam())
	}
	if !who.own {
		worked = who.teams // of all that is led, whoever has cases
	}
	return out, r.teamScore(t, span, worked, who.names, now)
}

// handled is a target's scope narrowed to a value of a breakdown on some days.
func (t *Target) handled(breakdown, value string, on []days) state.Scope {
	sc := state.Scope{Touchpoint: t.Scope.Touchpoint, Touchpoints: t.Scope.Touchpoints, Breakdown: breakdown, Parts: []state.Part{}}
	for _, d := range on {
		sc.Parts = append(sc.Parts, state.Part{Value: value, From: d.from, To: d.to})
	}
	return sc
}

// cases counts what a score of agents is of.
func (t *Target) cases(s *cell.Sample) int64 {
	if t.Definition.OfInteractions {
		return s.Offered() - s.Interactions[""]
	}
	var n int64
	for _, m := range s.Measure {
		n += m.N + m.ObservedN
	}
	return n
}

// handledBy counts a team's cases, those without an agent included, where the map keeps them by team.
func (r *Reader) handledBy(t *Target, span state.Span, team string, on []days, cases []*agentCases) (total int64) {
	for _, x := range cases {
		total += x.n
	}
	if team == "" || !kept(t.Map, byTeam) {
		return total
	}
	r.view(t.Organisation(), func(v *view) {
		total = max(total, t.cases(v.Sample(t.handled(byTeam, team, on), t.Definition.Needs(), span)))
	})
	return total
}

type agentRow struct {
	*scorev1.AgentScore
	hash string
}

// ofTeam computes the scores of all agents of one team, in which total cases were handled. Shown are those with enough
// cases, as long as nobody with fewer could be worked out from them and the team's.
func (t *Target) ofTeam(cases []*agentCases, total int64) []*agentRow {
	least := max(score.FewestOfAgent, t.Definition.Minimum)
	n, groups := map[string]int64{}, make([]score.Group, 0, len(cases))
	few := false
	for _, x := range cases {
		n[x.Hash] = x.n
		few = few || x.n < least
		groups = append(groups, score.Group{ID: x.Hash, Members: []string{x.Hash}})
	}
	shown := score.Disclose(total, n, groups, least)
	var of []score.Estimate
	var weighed []*agentRow
	var own []score.Result
	rows := make([]*agentRow, 0, len(cases))
	for _, x := range cases {
		row := &agentRow{&scorev1.AgentScore{Agent: x.Hash[:16], Team: x.Team, Unit: t.Definition.Unit}, x.Hash}
		rows = append(rows, row)
		if x.n < least {
			row.Suppressed = fmt.Sprintf("fewer than %d cases", least)
			continue
		}
		res := t.Definition.Compute(x.sample)
		switch {
		case x.sample.Damaged:
			row.Suppressed = "a cell is damaged: rebuild the state"
		case res.Value == nil || res.SE == nil:
			row.Suppressed = cmp.Or(res.Suppressed, "unknown: some cases came as published sums")
		default:
			of, own, weighed = append(of, score.Estimate{N: res.N, Value: *res.Value, SE: *res.SE}), append(own, res), append(weighed, row)
		}
	}
	_, drawn := score.Shrink(of)
	low, high := t.Definition.Bounds()
	for i, row := range weighed {
		if few && !shown[row.hash] { // cases of nobody known are nobody's score
			row.Suppressed = fmt.Sprintf("withheld: an agent with fewer than %d cases could be worked out from it", least)
			continue
		}
		s := drawn[i]
		row.N, row.Value, row.OwnWeight = of[i].N, &s.Value, s.Weight
		row.Interval = &scorev1.Interval{Low: max(low, s.Low), High: min(high, s.High), Method: "empirical bayes"}
		if x := own[i].Interval; s.Low == s.High && x != nil { // all cases of all agents are the same
			row.Interval = &scorev1.Interval{Low: x.Low, High: x.High, Method: x.Method}
		}
	}
	return rows
}

// teamScore is the same score of teams on their days; nil where the map keeps none by team.
func (r *Reader) teamScore(t *Target, span state.Span, teams map[string][]days, names []string, now time.Time) *scorev1.Score {
	sc := state.Scope{Touchpoint: t.Scope.Touchpoint, Touchpoints: t.Scope.Touchpoints, Breakdown: byTeam}
	var only []string
	for _, team := range slices.Sorted(maps.Keys(teams)) {
		if team == "" {
			continue
		}
		only = append(only, team)
		sc.Parts = append(sc.Parts, t.handled(byTeam, team, teams[team]).Parts...)
	}
	if len(only) == 0 || !kept(t.Map, byTeam) {
		return nil
	}
	if len(names) == 0 {
		names = only
	}
	x := *t
	x.Scope = sc
	ref := protoScope(t.name())
	if len(names) == 1 {
		if ref == nil {
			ref = &scorev1.Scope{}
		}
		ref.Team = names[0]
	}
	x.Ref = &scorev1.ScoreRef{
		Organisation: t.Ref.GetOrganisation(), Score: t.Ref.GetScore(), Scope: ref, Window: t.Ref.GetWindow(), From: t.Ref.GetFrom(), To: t.Ref.GetTo(),
	}
	var at Moment
	var sample *cell.Sample
	r.view(t.Organisation(), func(v *view) { at, sample = v.moment(now), v.Sample(sc, t.Definition.Needs(), span) })
	return x.finish(&taken{sample: sample}, span, at)
}
