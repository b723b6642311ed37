package scoreservice

import (
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// compute brings series up to date: those whose scope, window or map is not the one they were last computed from. Series
// that share a sample are computed from one, in a view of its own, so that the fold never waits long.
func (h *hub) compute(all []*series) {
	if len(all) == 0 {
		return
	}
	h.eval.Lock()
	defer h.eval.Unlock()
	now := h.r.Clock()
	type news struct {
		sr   *series
		last *scorev1.Score
		gone error
	}
	var found []news
	current := map[string]declared{}
	groups := map[sampleKey][]*series{}
	for _, sr := range all {
		d, ok := current[sr.key.organisation]
		if !ok {
			var err error
			if d, err = h.r.current(sr.key.organisation); err != nil {
				found = append(found, news{sr: sr, gone: err})
				continue
			}
			current[sr.key.organisation] = d
		}
		if sr.t.Map != d.m {
			t, err := d.target(sr.t.Ref, "ref")
			if err == nil {
				err = watchable(t.Definition, "ref.score")
			}
			if err != nil {
				found = append(found, news{sr: sr, gone: err})
				continue
			}
			sr.t = t
		}
		key := sampleKey{organisation: sr.key.organisation, scope: sr.key.scope, needs: cell.Needs{Measure: sr.t.Definition.Measure}, window: sr.key.window}
		if sr.t.ownSample() {
			key.of = sr.t.Definition.ID
		}
		groups[key] = append(groups[key], sr)
	}
	for _, group := range groups {
		for _, x := range h.group(group, now) {
			found = append(found, news{sr: x.sr, last: x.score})
		}
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	next := h.seq + 1
	for _, n := range found {
		sr := n.sr
		if (n.gone != nil) != (sr.gone != nil) {
			sr.changed, h.seq = next, next
		}
		sr.gone = n.gone
		if n.last == nil {
			continue
		}
		if sr.last == nil || !sameNumbers(sr.last, n.last) {
			sr.changed, h.seq = next, next
		}
		sr.last = n.last
	}
	if h.seq == next {
		h.notify()
	}
}

type scored struct {
	sr    *series
	score *scorev1.Score
}

// stale reports whether a series must be computed again.
func (h *hub) stale(sr *series, t *Target, span state.Span) (stale bool) {
	h.r.view(t.Organisation(), func(v *view) {
		is := t.seen(v, span)
		stale = sr.seen != is || is.epoch == 0
	})
	return stale
}

// group computes the series of one sample that are not up to date.
func (h *hub) group(group []*series, now time.Time) []scored {
	t := group[0].t
	span := state.Live(group[0].key.window, now, t.Map.Zone)
	var at Moment
	var x *taken
	var stale []*series
	var disputes []*contested
	var is seen
	needs := t.Definition.Needs()
	if len(t.places) > placesAView && h.stale(group[0], t, span) {
		h.r.warm(t, span)
	}
	h.r.view(t.Organisation(), func(v *view) {
		is = t.seen(v, span)
		for _, sr := range group {
			if sr.seen != is || is.epoch == 0 {
				stale = append(stale, sr)
				needs.Distribution = needs.Distribution || sr.t.Definition.Distribution
			}
		}
		if len(stale) > 0 {
			at = v.moment(now)
			if t.ownSample() {
				x = h.r.bag(v).take(t, span)
			} else {
				x = &taken{sample: h.r.sample(v, t, t.name(), t.Scope, needs, span)}
			}
			for _, sr := range stale {
				disputes = append(disputes, contests(v, sr.t, x.sample, needs, span))
			}
		}
	})
	out := make([]scored, len(stale))
	for i, sr := range stale {
		sr.seen = is
		x.disputes = disputes[i]
		out[i] = scored{sr, sr.t.finish(x, span, at)}
	}
	return out
}
