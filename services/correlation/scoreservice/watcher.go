package scoreservice

import (
	"context"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// maxWatched keeps a snapshot under the 4 MiB that clients take by default.
const maxWatched = 10_000

// watch is one watcher: what it watches, and what it was told.
type watch struct {
	s        *Service
	ctx      context.Context
	filter   *scorev1.Filter // nil when scores are named
	follows  string          // organisation whose shape the filter follows
	question uint64          // digest of what was asked and of what is watched, for tokens
	mine     []*series       // in the order of the list, or of the names
	told     map[*series]*scorev1.Score
	seq      uint64 // all changes up to here were told
	shape    uint64 // of the hub, by which mine was chosen
}

// newWatch resolves a request; the watch must be closed.
func (s *Service) newWatch(ctx context.Context, req *scorev1.WatchScoresRequest) (*watch, error) {
	w := &watch{s: s, ctx: ctx, told: map[*series]*scorev1.Score{}}
	var targets []*Target
	if len(req.GetRefs()) > 0 {
		var err error
		if targets, err = s.named(ctx, req); err != nil {
			return nil, err
		}
	} else {
		w.filter = req.GetFilter()
		if w.filter == nil {
			w.filter = &scorev1.Filter{}
		}
		if w.filter.GetFrom() != nil || w.filter.GetTo() != nil {
			return nil, notLive("filter")
		}
		p, err := s.r.watched(ctx, w.filter)
		if err != nil {
			return nil, err
		}
		w.follows = p.m.Organisation
	}
	s.hub.enter()
	if w.filter == nil {
		w.mine = s.hub.join(targets)
		w.question = selection(nil, w.mine)
		return w, nil
	}
	s.hub.follow(w.follows)
	if _, err := w.choose(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *watch) close() {
	if w.filter != nil {
		w.s.hub.unfollow(w.follows)
	}
	w.s.hub.leave(w.mine)
}

// selection is the digest of a question and of the scores that it selected: a token of another selection cannot tell
// which of today's scores its watcher was told.
func selection(f *scorev1.Filter, all []*series) uint64 {
	h := xxh3.New()
	for _, sr := range all {
		for _, s := range []string{sr.key.organisation, sr.key.score, sr.key.scope.level.String(), sr.key.scope.id, sr.key.scope.breakdown, sr.key.scope.value, sr.key.window.String()} {
			h.WriteString(s)
			h.WriteString("\x00")
		}
	}
	return digest(f) ^ h.Sum64()
}

// named resolves the scores that a request names, each once.
func (s *Service) named(ctx context.Context, req *scorev1.WatchScoresRequest) ([]*Target, error) {
	f := req.GetFilter()
	if len(f.GetTouchpoints())+len(f.GetScores()) > 0 || f.GetByChannel() || f.GetByTeam() || f.GetByStage() || f.GetByJourney() || f.GetNoOrganisation() {
		return nil, fault.Field("filter", "Both a filter and named scores are given.", "Give one of the two.")
	}
	var out []*Target
	seen := map[seriesKey]bool{}
	for i, ref := range req.GetRefs() {
		field := indexed("refs", i)
		t, err := s.r.Target(ctx, ref, field)
		if err != nil {
			return nil, err
		}
		if !t.live() {
			return nil, notLive(field)
		}
		if err := watchable(t.Definition, field+".score"); err != nil {
			return nil, err
		}
		if key := t.key(); !seen[key] {
			seen[key] = true
			out = append(out, t)
		}
	}
	return out, nil
}

func notLive(field string) error {
	return fault.Field(field+".from", "Only live windows can be watched.", "Give a window instead of from and to, or use GetSeries.")
}

// watched resolves a filter to watch. Of many scores those that are not watched are left out.
func (r *Reader) watched(ctx context.Context, f *scorev1.Filter) (*plan, error) {
	p, err := r.plan(ctx, f)
	if err != nil {
		return nil, err
	}
	for i, id := range f.GetScores() {
		if d := p.c.Lookup(id); d != nil {
			if err := watchable(d, indexed("filter.scores", i)); err != nil {
				return nil, err
			}
		}
	}
	p.definitions = slices.DeleteFunc(p.definitions, func(d *score.Definition) bool { return d.Employees })
	return p, nil
}

// choose selects what the filter selects now. It reports whether anything was watched before that no longer is.
func (w *watch) choose() (removed bool, err error) {
	w.shape = w.s.hub.shapeNow()
	p, err := w.s.r.watched(w.ctx, w.filter)
	if err != nil {
		return false, err
	}
	had := make(map[seriesKey]*series, len(w.mine))
	for _, sr := range w.mine {
		had[sr.key] = sr
	}
	var keys []seriesKey
	var fresh []*Target
	for _, sc := range p.scopes(w.s.r) {
		for _, t := range p.targets(sc, func(scope, *score.Definition) bool { return true }) {
			keys = append(keys, t.key())
			if had[t.key()] == nil {
				fresh = append(fresh, t)
			}
		}
		if len(keys) > maxWatched {
			return false, fault.Field("filter", fmt.Sprintf("The filter selects more than %d scores.", maxWatched), "Name touchpoints or scores in it.")
		}
	}
	joined := w.s.hub.join(fresh)
	chosen := make([]*series, len(keys))
	for i, key := range keys {
		if sr := had[key]; sr != nil {
			chosen[i] = sr
			delete(had, key)
		} else {
			chosen[i], joined = joined[0], joined[1:]
		}
	}
	var gone []*series
	for _, sr := range had {
		gone = append(gone, sr)
		delete(w.told, sr)
	}
	w.s.hub.drop(gone)
	w.mine, w.question = chosen, selection(w.filter, chosen)
	return len(gone) > 0, nil
}

// first returns the first response, and the channel that closes when there may be another.
func (w *watch) first(token string) (*scorev1.WatchScoresResponse, <-chan struct{}, error) {
	if token == "" {
		return w.collect(true, false)
	}
	if r, ok := decodeResume(token); ok && r.question == w.question && w.s.hub.knows(r) {
		w.resume(r.seq)
		return w.collect(false, true)
	}
	next, moved, err := w.collect(true, false)
	if next != nil {
		next.ResumeExpired = true
	}
	return next, moved, err
}

// next returns what changed since the last response, nil if nothing did; a new snapshot where scores have gone.
func (w *watch) next() (*scorev1.WatchScoresResponse, <-chan struct{}, error) {
	removed := false
	if w.filter != nil && w.s.hub.shapeNow() != w.shape {
		var err error
		if removed, err = w.choose(); err != nil {
			return nil, nil, err
		}
	}
	return w.collect(removed, false)
}

// resume takes all changes up to seq as told.
func (w *watch) resume(seq uint64) {
	h := w.s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	w.seq = seq
	for _, sr := range w.mine {
		if sr.changed <= seq && w.shows(sr.last) {
			w.told[sr] = sr.last
		}
	}
}

// shows reports whether a score that was not told before is worth telling: what a filter selects only with a case.
func (w *watch) shows(p *scorev1.Score) bool {
	return p != nil && (w.filter == nil || p.GetN() > 0)
}

// collect gathers all scores for a snapshot, else those that changed since the last response; nil if there are none,
// unless always is set.
func (w *watch) collect(snapshot, always bool) (*scorev1.WatchScoresResponse, <-chan struct{}, error) {
	h := w.s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	out := &scorev1.WatchScoresResponse{Snapshot: snapshot}
	for _, sr := range w.mine {
		if sr.gone != nil && w.filter == nil {
			return nil, nil, fault.Wrap(fault.Precondition, sr.gone, "The map no longer has the score %s as it was asked for.", sr.key.score)
		}
		before := w.told[sr]
		switch {
		case sr.gone != nil || sr.last == nil:
		case snapshot:
			if w.shows(sr.last) {
				out.Changes = append(out.Changes, &scorev1.ScoreChange{Score: sr.last})
				w.told[sr] = sr.last
			} else {
				delete(w.told, sr)
			}
		case before == nil:
			// However long ago it changed: this watch may have just begun to select it.
			if w.shows(sr.last) {
				out.Changes = append(out.Changes, &scorev1.ScoreChange{Score: sr.last})
				w.told[sr] = sr.last
			}
		case sr.changed > w.seq && !sameNumbers(before, sr.last):
			out.Changes = append(out.Changes, &scorev1.ScoreChange{Score: sr.last, Previous: before.Value, PreviousN: before.GetN()})
			w.told[sr] = sr.last
		}
	}
	w.seq = h.seq
	out.ResumeToken = resume{w.question, h.instance, h.seq}.encode()
	if !snapshot && !always && len(out.Changes) == 0 {
		out = nil
	}
	return out, h.moved, nil
}
