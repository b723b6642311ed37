package scoreservice

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Agents answers for single agents: to themselves, and to who leads their team. It implements scorev1.AgentServiceServer.
type Agents struct {
	scorev1.UnsafeAgentServiceServer
	r     *Reader
	hash  func(organisation, agent string) ([]byte, error)
	audit func(context.Context, *adminv1.AuditLine) error
}

// NewAgents returns the service. hash returns the keyed hash by which facts know an agent; audit returns once a line is on
// disk, and while it does not nothing is answered.
func NewAgents(r *Reader, hash func(organisation, agent string) ([]byte, error), audit func(context.Context, *adminv1.AuditLine) error) *Agents {
	return &Agents{r: r, hash: hash, audit: audit}
}

// GetAgentScores implements the RPC.
func (a *Agents) GetAgentScores(ctx context.Context, req *scorev1.GetAgentScoresRequest) (*scorev1.GetAgentScoresResponse, error) {
	p, ok := access.PrincipalFrom(ctx)
	if !ok || p.Role != accessv1.Role_ROLE_AGENT || p.Reads == nil {
		return nil, fault.New(fault.Denied, "scores of single agents are read by themselves and by who leads their team, with a key of the role agent")
	}
	d, err := a.r.organisation(ctx, req.GetRef().GetOrganisation())
	if err != nil {
		return nil, err
	}
	if !p.Sees(d.m.Organisation) {
		return nil, noOrganisation(d.m.Organisation)
	}
	if !d.m.KeepsAgents() {
		return nil, fault.New(fault.Precondition, "the map of %s keeps no scores of single agents: set agent_scores to self_and_leader in it", d.m.Organisation)
	}
	now := a.r.Clock()
	t, span, err := d.agentTarget(req.GetRef(), now)
	if err != nil {
		return nil, err
	}
	who, err := a.whom(d, p.Reads, req)
	if err != nil {
		return nil, err
	}
	rows, team := a.r.agentScores(t, span, who, now)
	line := &adminv1.AuditLine{
		At: timestamppb.New(now), Organisation: d.m.Organisation, Kind: adminv1.AuditKind_AUDIT_KIND_AGENT_READ, Key: p.KeyID,
		About: who.sentence(len(rows)) + ": " + t.sentence(span),
	}
	if err := a.audit(ctx, line); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.New(fault.NotFound, "no agent whom this key reads has a case here in this time")
	}
	return &scorev1.GetAgentScoresResponse{Agents: rows, Team: team}, nil
}

// agentTarget resolves a reference to a score of agents, its team left aside, and its whole days.
func (d declared) agentTarget(ref *scorev1.ScoreRef, now time.Time) (*Target, state.Span, error) {
	none := state.Span{}
	sc := ref.GetScope()
	if sc.GetChannel() != "" || sc.GetSegment() != "" {
		return nil, none, fault.Field("ref.scope", "Agents are not divided by channel or segment.", "Leave it out; name a touchpoint, stage or journey, and a team.")
	}
	w, err := windowOf(ref.GetWindow(), ref.GetFrom(), ref.GetTo(), "ref")
	if err != nil {
		return nil, none, err
	}
	const shortest = "Scores of single agents are shown for 28 days and longer."
	from, to := ref.GetFrom(), ref.GetTo()
	if from == nil {
		switch w {
		case scorev1.Window_WINDOW_28D, scorev1.Window_WINDOW_13W, scorev1.Window_WINDOW_ALL:
		default:
			return nil, none, fault.Field("ref.window", shortest, "Use 28d, 13w or all, or give from and to.")
		}
	} else {
		end := now
		if to != nil {
			end = to.AsTime()
		}
		first, last := wholeDays(from.AsTime(), end, d.m.Zone)
		if first.AddDate(0, 0, 28).After(last) {
			return nil, none, fault.Field("ref.from", shortest, "Begin earlier.")
		}
		from, to = timestamppb.New(first), timestamppb.New(last)
	}
	t, err := d.target(&scorev1.ScoreRef{
		Organisation: d.m.Organisation, Score: ref.GetScore(), Window: ref.GetWindow(), From: from, To: to,
		Scope: &scorev1.Scope{Touchpoint: sc.GetTouchpoint(), Stage: sc.GetStage(), Journey: sc.GetJourney()},
	}, "ref")
	if err != nil {
		return nil, none, err
	}
	if !t.Definition.OfAgents() {
		return nil, none, fault.Field("ref.score", fmt.Sprintf("%q is not among the scores that are shown of single agents.", t.Definition.ID),
			"Use the mean, the nps, the top2 or a share of a metric, question or outcome.")
	}
	span, err := t.Span(now)
	return t, span, err
}

// sentence names a score of agents in a line of audit.
func (t *Target) sentence(span state.Span) string {
	s := t.Definition.ID
	if t.level != ofOrganisation {
		s += " at " + t.level.String() + " " + t.id
	}
	switch {
	case !t.live():
		return s + ", " + span.From.In(t.Map.Zone).Format(time.DateOnly) + " until " + span.To.In(t.Map.Zone).Format(time.DateOnly)
	case t.Ref.GetWindow() == scorev1.Window_WINDOW_13W:
		return s + ", 13 weeks"
	case t.Ref.GetWindow() == scorev1.Window_WINDOW_ALL:
		return s + ", all time"
	}
	return s + ", 28 days"
}

// whom says whose scores a request reads.
type whom struct {
	agent string            // hash in hexadecimal; empty for all
	own   bool              // it is the caller's own
	teams map[string][]days // in which teams and when the cases were handled; nil for everywhere
	names []string          // as the teams are named to people
}

// whom finds out whose scores a caller reads. It never tells whether an agent exists whom the caller may not read.
func (a *Agents) whom(d declared, p *access.Agents, req *scorev1.GetAgentScoresRequest) (*whom, error) {
	w := &whom{}
	if req.GetAgent() != "" {
		h, err := a.hash(d.m.Organisation, req.GetAgent())
		if err != nil {
			return nil, err
		}
		w.agent = hex.EncodeToString(h)
	}
	own, team := hex.EncodeToString(p.Own), req.GetRef().GetScope().GetTeam()
	if own != "" && (w.agent == own || w.agent == "" && (team == "" || len(p.Leads) == 0)) {
		w.agent, w.own = own, true
		if team != "" {
			w.teams, w.names = d.daysOfUnits(team), []string{team}
		}
		return w, nil
	}
	w.teams, w.names = d.daysOfUnits(p.Leads...), p.Leads
	if team != "" {
		w.teams, w.names = common(w.teams, d.daysOfUnits(team)), []string{team}
		if len(w.teams) == 0 {
			return nil, fault.New(fault.Denied, "this key reads no agents of the team %q: name a team that its holder leads, or one below it", team)
		}
	}
	return w, nil
}

// daysOfUnits returns the teams of which units are the sum, by their days. A unit that is not declared has none.
func (d declared) daysOfUnits(units ...string) map[string][]days {
	out := map[string][]days{}
	for _, u := range units {
		if _, declared := d.m.Teams[u]; !declared {
			continue
		}
		for _, p := range d.s.unit(u) {
			out[p.Value] = joinDays(append(out[p.Value], days{p.From, p.To}))
		}
	}
	return out
}

// common returns the days that two have of each team.
func common(a, b map[string][]days) map[string][]days {
	out := map[string][]days{}
	for team, runs := range a {
		for _, x := range runs {
			for _, y := range b[team] {
				if both := x.and(y); both.from < both.to {
					out[team] = joinDays(append(out[team], both))
				}
			}
		}
	}
	return out
}

// of returns the days on which an agent's cases in a team are read.
func (w *whom) of(team string) []days {
	if w.teams == nil {
		return []days{always}
	}
	return w.teams[team]
}

func (w *whom) sentence(n int) string {
	switch {
	case w.own:
		return "an agent's own scores were read"
	case len(w.names) == 0:
		return "scores of another agent were asked for by one who reads their own, and not shown"
	case len(w.names) == 1:
		return fmt.Sprintf("%s of team %s were read", manyAgents(n), w.names[0])
	}
	return fmt.Sprintf("%s of teams %s were read", manyAgents(n), strings.Join(w.names, ", "))
}

func manyAgents(n int) string {
	if n == 1 {
		return "scores of 1 agent"
	}
	return fmt.Sprintf("scores of %d agents", n)
}
