package scoreservice

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// seams tells what a target's definition replaced and what replaced it, and how the two compare over the days that have both. Of
// a chain it tells the neighbours. A neighbour without the same statistic, or that is not shown in this scope, is left out.
func (r *Reader) seams(t *Target, now time.Time) ([]*scorev1.SeriesSeam, error) {
	id, statistic, _ := strings.Cut(t.Definition.ID, ".")
	var out []*scorev1.SeriesSeam
	for _, s := range t.Map.Proto.GetSeams() {
		var other string
		switch id {
		case s.GetId():
			other = s.GetReplaces()
		case s.GetReplaces():
			other = s.GetId()
		default:
			continue
		}
		if statistic != "" {
			other += "." + statistic
		}
		x, err := r.seam(t, s, other, now)
		if err != nil {
			return nil, err
		}
		if x != nil {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b *scorev1.SeriesSeam) int { return cmp.Compare(a.GetSince(), b.GetSince()) })
	return out, nil
}

func (r *Reader) seam(t *Target, s *mapv1.Seam, other string, now time.Time) (*scorev1.SeriesSeam, error) {
	d := r.declared(t.Map)
	since, err := time.ParseInLocation(time.DateOnly, s.GetSince(), t.Map.Zone)
	if err != nil || d.c.Lookup(other) == nil {
		return nil, nil // the map's check refuses such a day
	}
	until, err := time.ParseInLocation(time.DateOnly, s.GetBesideUntil(), t.Map.Zone)
	if err != nil || !since.Before(until) {
		return nil, nil
	}
	named := func(id string, w scorev1.Window, from, to *timestamppb.Timestamp) *scorev1.ScoreRef {
		return &scorev1.ScoreRef{Organisation: t.Organisation(), Score: id, Scope: t.Ref.GetScope(), Window: w, From: from, To: to}
	}
	asked, err := d.target(named(other, t.Ref.GetWindow(), t.Ref.GetFrom(), t.Ref.GetTo()), "ref")
	if err != nil {
		return nil, nil
	}
	out := &scorev1.SeriesSeam{Other: asked.Ref, OtherIsOlder: head(other) == s.GetReplaces(), Since: s.GetSince(), BesideUntil: s.GetBesideUntil()}
	older, newer := other, t.Definition.ID
	if !out.GetOtherIsOlder() {
		older, newer = newer, older
	}
	first, end := state.DayOf(since, t.Map.Zone), min(state.DayOf(until, t.Map.Zone), state.DayOf(now, t.Map.Zone))
	passed := first < end
	if !passed {
		end = state.DayOf(until, t.Map.Zone)
	}
	both := state.Days(first, end, t.Map.Zone)
	targets := make([]*Target, 2)
	for i, id := range []string{older, newer} {
		if targets[i], err = d.target(named(id, scorev1.Window_WINDOW_UNSPECIFIED, timestamppb.New(both.From), timestamppb.New(both.To)), "ref"); err != nil {
			return nil, err
		}
	}
	if passed {
		scores, err := r.scoresOf(targets, now)
		if err != nil {
			return nil, err
		}
		out.Older, out.Newer = scores[0], scores[1]
		return out, nil
	}
	var at Moment
	r.view(t.Organisation(), func(v *view) { at = v.moment(now) })
	not := score.Result{Suppressed: "none of the days that have both has passed"}
	out.Older = targets[0].publish(not, &taken{sample: &cell.Sample{}}, both, at)
	out.Newer = targets[1].publish(not, &taken{sample: &cell.Sample{}}, both, at)
	return out, nil
}

func head(id string) string {
	h, _, _ := strings.Cut(id, ".")
	return h
}
