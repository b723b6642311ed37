package survey

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/state"
	"github.com/touchstone-cx/touchstone/services/survey/words"
)

// answers is the page.Store over the log and its state. What it takes is on disk and in the state before it returns; of several who
// finish one invitation the first in the log has.
type answers struct {
	state      *state.State
	atlas      *atlas
	keys       keys
	log        *journal
	locks      *locks
	sealer     *seal.Sealer
	sentiments *words.Sentiments
	clock      func() time.Time

	// decoy is an invitation that was answered, as the store keeps it. Whoever comes with a token that is nobody's has it read, so
	// that time does not tell such tokens from others.
	decoy atomic.Pointer[[]byte]
}

// found is what is known of a token.
type found struct {
	id     state.ID
	i      *state.Invitation
	by     *compiled
	survey *asked
}

// find looks a token up; ErrGone for one that never was.
func (a *answers) find(ctx context.Context, token string) (*found, error) {
	id, i, err := a.state.Token(a.keys.hash(token))
	if err != nil {
		return nil, err
	}
	if i == nil {
		a.pretend(ctx)
		return nil, page.ErrGone
	}
	f := &found{id: id, i: i}
	if f.by, err = a.atlas.at(ctx, i.Organisation, orNumber(i.AskedBy, i.MapVersion)); err != nil {
		return nil, err
	}
	if f.survey = f.by.byID[i.Survey]; f.survey == nil {
		return nil, page.ErrGone
	}
	return f, nil
}

// pretend does for an unknown token what is done for others.
func (a *answers) pretend(ctx context.Context) {
	b := a.decoy.Load()
	if b == nil {
		return
	}
	i := &state.Invitation{}
	if json.Unmarshal(*b, i) != nil {
		return
	}
	if by, err := a.atlas.at(ctx, i.Organisation, orNumber(i.AskedBy, i.MapVersion)); err == nil {
		a.closed(&found{i: i, by: by})
	}
	a.saved(i)
}

func orNumber(n, otherwise uint64) uint64 {
	if n == 0 {
		return otherwise
	}
	return n
}

// closed reports whether a link takes nothing any more.
func (a *answers) closed(f *found) bool {
	over := a.clock().UnixMilli() >= f.i.OpenUntil
	if now := a.atlas.current(f.i.Organisation); now != nil {
		s := now.byID[f.i.Survey]
		over = over || s == nil || s.proto.GetState() == mapv1.SurveyState_SURVEY_STATE_CLOSED
	}
	return over
}

// saved are an invitation's answers as pages read them. Texts whose customer was forgotten are empty.
func (a *answers) saved(i *state.Invitation) page.Answers {
	out := page.Answers{}
	for _, x := range i.Answers {
		out[x.GetQuestion()] = page.Answer{Values: x.GetValues(), Text: a.text(i, x)}
	}
	return out
}

func (a *answers) text(i *state.Invitation, x *surveyv1.SavedAnswer) string {
	if len(x.GetSealedText()) == 0 {
		return ""
	}
	plain, err := a.sealer.OpenText(i.Organisation, i.Customer, x.GetSealedText())
	if err != nil {
		return ""
	}
	return string(plain)
}

// Open implements page.Store.
func (a *answers) Open(ctx context.Context, token string) (*page.Invitation, error) {
	f, err := a.find(ctx, token)
	if err != nil {
		return nil, err
	}
	out := &page.Invitation{Survey: f.survey.page, Saved: a.saved(f.i), Finished: f.i.Completed > 0}
	if f.i.MayContact || f.i.MayQuote {
		out.Consent = &page.Consent{Contact: f.i.MayContact, Quote: f.i.MayQuote}
	}
	if a.closed(f) {
		return nil, page.ErrGone
	}
	if a.decoy.Load() == nil && out.Finished {
		if b, err := json.Marshal(f.i); err == nil {
			a.decoy.Store(&b)
		}
	}
	return out, nil
}

// Save implements page.Store.
func (a *answers) Save(ctx context.Context, token string, step page.Step) error {
	return a.take(ctx, token, func(f *found) (*surveyv1.Saved, error) { return a.step(f, step, false) })
}

// Finish implements page.Store.
func (a *answers) Finish(ctx context.Context, token string, step page.Step) error {
	return a.take(ctx, token, func(f *found) (*surveyv1.Saved, error) { return a.step(f, step, true) })
}

// Allow implements page.Store.
func (a *answers) Allow(ctx context.Context, token string, c page.Consent) error {
	return a.take(ctx, token, func(f *found) (*surveyv1.Saved, error) {
		if f.i.Completed == 0 {
			return nil, page.ErrGone // it is asked after the end
		}
		return &surveyv1.Saved{MayContact: c.Contact, MayQuote: c.Quote}, nil
	})
}

// step makes of a page's step what is saved; ErrSpent once the invitation is finished.
func (a *answers) step(f *found, step page.Step, final bool) (*surveyv1.Saved, error) {
	if f.i.Completed > 0 {
		return nil, page.ErrSpent
	}
	out := &surveyv1.Saved{Final: final, Language: step.Language, LastSeen: step.LastSeen, Device: step.Device, MayQuote: f.i.MayQuote, MayContact: f.i.MayContact}
	for _, id := range slices.Sorted(maps.Keys(step.Answers)) {
		given := step.Answers[id]
		x := &surveyv1.SavedAnswer{Question: id, Values: given.Values}
		if given.Text != "" {
			text := words.Redact(given.Text)
			if n, ok := a.sentiments.Of(text, step.Language); ok {
				x.Sentiment = int32(n)
			}
			x.Themes = f.by.finder.Find(text, step.Language)
			sealed, err := a.sealer.Text(f.i.Organisation, f.i.Customer, []byte(text))
			if err != nil {
				return nil, err
			}
			x.SealedText = sealed
		}
		out.Answers = append(out.Answers, x)
		out.Bad = append(out.Bad, f.by.bad(f.i.Context.GetTouchpoint(), x, a.clock())...)
	}
	return out, nil
}

// bad are the map's rules that an answer breaks.
func (c *compiled) bad(touchpoint string, x *surveyv1.SavedAnswer, now time.Time) (out []*surveyv1.Bad) {
	q := c.view.Questions[x.GetQuestion()]
	if q == nil || len(x.GetValues()) != 1 {
		return nil
	}
	for _, r := range c.proto.GetActionRules() {
		if r.GetQuestion() != x.GetQuestion() {
			continue
		}
		v := x.GetValues()[0]
		if lowerIsBetter(q.Kind) && v < r.GetAnswer() || !lowerIsBetter(q.Kind) && v > r.GetAnswer() {
			continue
		}
		within := time.Duration(number(r.GetWithinHours(), defaultWithin)) * time.Hour
		out = append(out, &surveyv1.Bad{Rule: r.GetId(), Question: r.GetQuestion(), Action: r.GetAction(), Owner: orElse(r.GetOwner(), c.owner(touchpoint)), DueMs: now.Add(within).UnixMilli()})
	}
	return out
}

// take saves what make makes of an invitation that takes answers.
func (a *answers) take(ctx context.Context, token string, make func(*found) (*surveyv1.Saved, error)) error {
	f, err := a.find(ctx, token)
	if err != nil {
		return err
	}
	defer a.locks.lock(f.id)()
	return a.log.write(ctx, f.i.Organisation, func() (*surveyv1.SurveyBatch, error) {
		f, err := a.find(ctx, token)
		if err != nil {
			return nil, err
		}
		if a.closed(f) {
			return nil, page.ErrGone
		}
		s, err := make(f)
		if err != nil {
			return nil, err
		}
		if err := a.sealer.Sync(); err != nil { // no text outlives its key by a power cut
			return nil, err
		}
		now := a.clock()
		s.Step, s.MapVersion, s.Month = f.i.Step+1, f.by.version, now.In(f.by.zone).Format("2006-01")
		return &surveyv1.SurveyBatch{Events: []*surveyv1.SurveyEvent{{AtMs: now.UnixMilli(), Invitation: f.id[:], What: &surveyv1.SurveyEvent_Saved{Saved: s}}}}, nil
	})
}

// OptOut implements page.Store.
func (a *answers) OptOut(ctx context.Context, token string) error {
	f, err := a.find(ctx, token)
	if err != nil {
		return err
	}
	if f.i.Customer == (state.ID{}) {
		return nil // nobody knows who they are, and so nobody asks them by name
	}
	return a.log.write(ctx, f.i.Organisation, func() (*surveyv1.SurveyBatch, error) {
		return &surveyv1.SurveyBatch{Events: []*surveyv1.SurveyEvent{{AtMs: a.clock().UnixMilli(), Invitation: f.id[:], What: &surveyv1.SurveyEvent_Wish{
			Wish: &surveyv1.Wish{Customer: f.i.Customer[:], Preference: surveyv1.Preference_PREFERENCE_OPTED_OUT, By: "link"},
		}}}}, nil
	})
}
