package scoreservice

import (
	"context"
	"fmt"
	"slices"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// GetSpread compares a score between groups that have no case in common: touchpoints, channels, teams below which nobody stands,
// or hours of the day. A group is shown if ListScores would show it.
func (s *Service) GetSpread(ctx context.Context, req *scorev1.GetSpreadRequest) (*scorev1.GetSpreadResponse, error) {
	t, err := s.r.Target(ctx, req.GetRef(), "ref")
	if err != nil {
		return nil, err
	}
	now := s.r.Clock()
	out := &scorev1.GetSpreadResponse{}
	var ids []string
	var scores []*scorev1.Score
	if req.GetBy() == scorev1.By_BY_HOUR {
		ids, scores, err = s.r.hours(t, now)
	} else {
		ids, scores, err = s.r.spreadOver(t, req.GetBy(), now)
	}
	if err != nil {
		return nil, err
	}
	out.All = scores[0]
	var groups []score.GroupScore
	for i, x := range scores[1:] {
		if x.GetN() == 0 {
			continue
		}
		out.Groups = append(out.Groups, &scorev1.SpreadGroup{Id: ids[i], Score: x})
		if x.Value != nil {
			e := score.GroupScore{Group: ids[i], Value: x.GetValue(), SE: x.StandardError}
			if v := x.GetInterval(); v != nil {
				e.Interval = &score.Interval{Low: v.GetLow(), High: v.GetHigh()}
			}
			groups = append(groups, e)
		}
	}
	if b := score.BetweenGroups(groups); b != nil {
		out.Between, out.ShareReal = &b.SD, &b.Real
	}
	if out.All.Value != nil {
		out.Best, out.Worst = score.Ends(out.All.GetValue(), groups, t.Definition.Better)
	}
	return out, nil
}

// spreadOver computes a target's score and those of its groups, which it names, at one position.
func (r *Reader) spreadOver(t *Target, by scorev1.By, now time.Time) ([]string, []*scorev1.Score, error) {
	d := r.declared(t.Map)
	name := t.name()
	var scopes []scope
	var ids []string
	switch by {
	case scorev1.By_BY_TOUCHPOINT:
		if name.level == ofTouchpoint {
			return nil, nil, fault.Field("ref.scope.touchpoint", "Touchpoints are compared, but one is given.", "Leave it out, or give a stage or a journey.")
		}
		for _, id := range d.s.touchpoints[name.level][name.id] {
			ids, scopes = append(ids, id), append(scopes, scope{ofTouchpoint, id, name.breakdown, name.value})
		}
	case scorev1.By_BY_CHANNEL, scorev1.By_BY_TEAM:
		breakdown, noun := byChannel, "Channels"
		if by == scorev1.By_BY_TEAM {
			breakdown, noun = byTeam, "Teams"
		}
		switch {
		case t.Definition.Composite != nil:
			return nil, nil, fault.Field("by", fmt.Sprintf("%q is made of other scores, which are compared between touchpoints only.", t.Definition.ID), "Compare touchpoints, or one of its parts.")
		case name.breakdown != "":
			return nil, nil, fault.Field("ref.scope", noun+" are compared, but the score is narrowed to one channel, team or segment.", "Leave it out.")
		case !kept(t.Map, breakdown):
			return nil, nil, fault.Field("by", fmt.Sprintf("The map keeps no breakdown %s.", breakdown), "Add it to breakdowns in the map; history is then counted again.")
		}
		for _, value := range values(t.Map, breakdown) {
			if by == scorev1.By_BY_TEAM && len(d.s.below[value]) > 0 {
				continue // the sum of others
			}
			ids, scopes = append(ids, value), append(scopes, scope{name.level, name.id, breakdown, value})
		}
	default:
		return nil, nil, fault.Field("by", "There are no such groups.", "Compare touchpoints, channels, teams or hours.")
	}
	targets := []*Target{t}
	p := &plan{declared: d}
	for i := range scopes {
		if err := d.divided(t.Definition, scopes[i], "ref"); err != nil {
			return nil, nil, err
		}
		if !p.applies(t.Definition, scopes[i]) {
			ids[i] = ""
			continue
		}
		targets = append(targets, d.newTarget(t.Definition, scopes[i], t.Ref.GetWindow(), t.Ref.GetFrom(), t.Ref.GetTo(), "ref"))
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	scores, err := r.scoresOf(targets, now)
	return ids, scores, err
}

// hours computes a target's score and that of each hour of the day, at one position.
func (r *Reader) hours(t *Target, now time.Time) ([]string, []*scorev1.Score, error) {
	switch w := t.Ref.GetWindow(); {
	case t.Definition.Employees:
		return nil, nil, fault.Field("by", "Answers of employees are shown for whole days and longer only, "+nobody+".", "Compare touchpoints or teams.")
	case t.Definition.Composite != nil:
		return nil, nil, fault.Field("by", fmt.Sprintf("%q is made of other scores, which are compared between touchpoints only.", t.Definition.ID), "Compare touchpoints, or one of its parts.")
	case w == scorev1.Window_WINDOW_5M || w == scorev1.Window_WINDOW_1H:
		return nil, nil, fault.Field("ref.window", "This window is too short to compare hours of the day.", "Use 24h, 7d or 28d.")
	}
	span, err := t.Span(now)
	if err != nil {
		return nil, nil, err
	}
	all, hours, err := state.Hours(span.From, span.To, now, t.Map.Zone)
	if err != nil {
		return nil, nil, under(err, "ref")
	}
	spans := append([]state.Span{all}, hours[:]...)
	found := make([]*taken, len(spans))
	var at Moment
	r.view(t.Organisation(), func(v *view) {
		at = v.moment(now)
		for i, x := range spans {
			b := r.bag(v) // one each: all of them have the same ends
			b.remember = false
			found[i] = b.take(t, x)
		}
	})
	var ids []string
	scores := make([]*scorev1.Score, len(spans))
	for i, x := range spans {
		scores[i] = t.finish(found[i], x, at)
		if i > 0 {
			ids = append(ids, fmt.Sprintf("%02d", i-1))
		}
	}
	return ids, scores, nil
}
