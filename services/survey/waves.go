package survey

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// waves asks audiences on their days. A wave is decided about person by person under ids of its own, so that beginning again in
// the middle asks nobody twice.
type waves struct {
	maps  *expmap.Registry
	atlas *atlas
	state *state.State
	judge *judge
	log   *journal
	clock func() time.Time
	slog  *slog.Logger
}

const (
	waveLook  = time.Second        // between two looks at what day it is, and who was listed meanwhile
	waveLasts = 7 * 24 * time.Hour // after its day: a wave that was missed, and people listed late
)

func (w *waves) run(ctx context.Context) error {
	if w.log.catchUp(ctx) != nil {
		return nil
	}
	done := map[string]asOf{} // by wave: what was decided about
	for {
		for _, org := range w.maps.Organisations() {
			by := w.atlas.current(org)
			if by == nil {
				continue
			}
			for _, a := range by.surveys {
				day, ok := a.wave(w.clock())
				if !ok {
					continue
				}
				name := a.asking.ID + "/" + day
				lists, err := w.state.Count(org, "listed/"+strconv.Itoa(int(a.view.Wave.Audience)))
				now := asOf{by.version, lists}
				if err != nil || done[org+"/"+name] == now {
					continue
				}
				if err := w.ask(ctx, org, by, a, name); err != nil {
					w.slog.Warn("a wave could not be decided about yet", "organisation", org, "wave", name, "reason", err)
					continue
				}
				done[org+"/"+name] = now
			}
		}
		select {
		case <-time.After(waveLook):
		case <-ctx.Done():
			return nil
		}
	}
}

// asOf is what the decisions of a wave hang on.
type asOf struct {
	version uint64 // of the map
	lists   int64  // pieces of the audience's list that came so far
}

// wave returns the day of the wave that is under way; ok is false when none is.
func (a *asked) wave(now time.Time) (day string, ok bool) {
	w := a.view.Wave
	if w == nil || a.view.State != mapv1.SurveyState_SURVEY_STATE_ACTIVE || now.Before(w.First) {
		return "", false
	}
	latest := w.First
	if w.EveryDays > 0 {
		for next := w.First; !now.Before(next); next = next.AddDate(0, 0, w.EveryDays) {
			latest = next
		}
	}
	return latest.Format(time.DateOnly), now.Sub(latest) < waveLasts
}

// ask decides about everybody of an audience about whom this wave has not decided.
func (w *waves) ask(ctx context.Context, org string, by *compiled, a *asked, wave string) error {
	var all []*question
	now := w.clock()
	if err := w.state.Members(org, a.view.Wave.Audience, func(customer state.ID, m *state.Member) bool {
		all = append(all, &question{
			org: org, id: invitation(org, a.asking.ID, "wave", wave, string(customer[:])), asked: a, by: by, customer: customer, from: now, wave: wave, contact: m.Contact,
			context: &surveyv1.Context{AtMs: now.UnixMilli(), Touchpoint: a.only(by), Team: m.Team, Attributes: m.Attributes, Stage: m.Stage},
		})
		return ctx.Err() == nil
	}); err != nil {
		return err
	}
	fresh := all[:0]
	for _, q := range all {
		before, err := w.state.Invitation(q.id)
		if err != nil {
			return err
		}
		if before == nil {
			fresh = append(fresh, q)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return w.judge.invite(ctx, w.log, org, fresh, nil, 0)
}
