package survey

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
	"github.com/touchstone-cx/touchstone/services/survey/state"
	"github.com/touchstone-cx/touchstone/services/survey/words"
)

// shelf is the store of pages over a real log, with a count of what it took, and a clock for each token.
type shelf struct {
	*answers
	late *answers // a year later

	mu      sync.Mutex
	records map[string]*pagetest.Record
	expired map[string]bool
}

func (s *shelf) of(token string) *answers {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expired[token] {
		return s.late
	}
	return s.answers
}

func (s *shelf) Open(ctx context.Context, token string) (*page.Invitation, error) {
	return s.of(token).Open(ctx, token)
}

func (s *shelf) Save(ctx context.Context, token string, step page.Step) error {
	err := s.of(token).Save(ctx, token, step)
	s.note(err, token, func(r *pagetest.Record) { r.Saves, r.Last = r.Saves+1, step })
	return err
}

func (s *shelf) Finish(ctx context.Context, token string, step page.Step) error {
	err := s.of(token).Finish(ctx, token, step)
	s.note(err, token, func(r *pagetest.Record) { r.Finishes, r.Last = r.Finishes+1, step })
	return err
}

func (s *shelf) Allow(ctx context.Context, token string, c page.Consent) error {
	return s.of(token).Allow(ctx, token, c)
}

func (s *shelf) OptOut(ctx context.Context, token string) error {
	return s.of(token).OptOut(ctx, token)
}

func (s *shelf) note(err error, token string, change func(*pagetest.Record)) {
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[token] == nil {
		s.records[token] = &pagetest.Record{}
	}
	change(s.records[token])
}

// desk is a store of pages with a state and a writer of its own on the kit's log.
func desk(t *testing.T, k *kit, sealer *seal.Sealer) *answers {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	t.Cleanup(func() { cancel(); work.Wait() })
	st, log := state.New(), slog.New(slog.DiscardHandler)
	store, err := memstore.New().Open("state")
	if err != nil {
		t.Fatal(err)
	}
	f := fold.New(fold.Config{JS: k.bus.JS(), Stream: bus.StreamSurvey, Store: store, Machine: st, Log: log})
	work.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	j := &journal{js: k.bus.JS(), state: st, folded: f.Applied, log: log, books: map[string]*book{}, run: func(f func(context.Context)) { work.Go(func() { f(ctx) }) }}
	return &answers{
		state: st, atlas: newAtlas(k.maps), keys: keys{[]byte("a key of the test's")}, log: j, locks: newLocks(), sealer: sealer, sentiments: words.NewSentiments(), clock: k.clock,
	}
}

// asks writes a decision to ask somebody.
func (a *answers) asks(t *testing.T, k *kit, id state.ID) (token string) {
	t.Helper()
	token = a.keys.token(id)
	hash := a.keys.hash(token)
	if err := a.log.write(t.Context(), "acme", func() (*surveyv1.SurveyBatch, error) {
		return &surveyv1.SurveyBatch{Events: []*surveyv1.SurveyEvent{{AtMs: k.now.Load(), Invitation: id[:], What: &surveyv1.SurveyEvent_Decided{Decided: &surveyv1.Decided{
			Survey: "help", Customer: id[:], DueMs: k.now.Load(), Token: hash[:], MapVersion: 1, Language: "en", OpenUntilMs: k.clock().AddDate(0, 0, 14).UnixMilli(),
			Context: &surveyv1.Context{Touchpoint: "call"},
		}}}}}, nil
	}); err != nil {
		t.Error(err)
	}
	return token
}

// Two instances that write one log: of all who end one invitation one has, and none of what either took is lost.
func TestTwoWriters(t *testing.T) {
	k := newKit(t, aMap())
	sealer, err := seal.OpenSealer(t.TempDir(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sealer.Close() })
	one, other := desk(t, k, sealer), desk(t, k, sealer)
	for round := range byte(8) {
		token := one.asks(t, k, state.ID{1, round})
		if err := other.log.catchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ends atomic.Int64
		var all sync.WaitGroup
		for n := range 40 {
			at := []*answers{one, other}[n%2]
			all.Go(func() {
				step := page.Step{Answers: page.Answers{"recommend": {Values: []int32{int32(n % 11)}}}, Language: "en"}
				if n%4 < 2 {
					if err := at.Save(t.Context(), token, step); err != nil && !errors.Is(err, page.ErrSpent) {
						t.Error(err)
					}
					return
				}
				switch err := at.Finish(t.Context(), token, step); {
				case err == nil:
					ends.Add(1)
				case !errors.Is(err, page.ErrSpent):
					t.Error(err)
				}
			})
		}
		all.Wait()
		// A writer that cannot know whether its own message was the one may find itself spent; two ends there never are.
		if ends.Load() != 1 {
			t.Errorf("round %d: %d ends, want 1", round, ends.Load())
		}
		if err := errors.Join(one.log.catchUp(t.Context()), other.log.catchUp(t.Context())); err != nil {
			t.Fatal(err)
		}
		_, a, err := one.state.Token(one.keys.hash(token))
		_, b, berr := other.state.Token(one.keys.hash(token))
		if err != nil || berr != nil || a.Completed == 0 || a.Step != b.Step || a.Answers[0].GetValues()[0] != b.Answers[0].GetValues()[0] {
			t.Errorf("%+v %+v %v %v", a, b, err, berr)
		}
	}
	s, err := k.bus.JS().Stream(t.Context(), bus.StreamSurvey)
	if err != nil {
		t.Fatal(err)
	}
	if s.CachedInfo().State.Msgs < 16 {
		t.Error("little was written")
	}
	// Each save that was taken is a step of its own: none was written on what was stale.
	steps := map[string]uint32{}
	for _, e := range k.events() {
		if x := e.GetSaved(); x != nil {
			if id := string(e.GetInvitation()); x.GetStep() != steps[id]+1 {
				t.Errorf("step %d follows %d", x.GetStep(), steps[id])
			} else {
				steps[id] = x.GetStep()
			}
		}
	}
}

func TestStoreOfPages(t *testing.T) {
	pagetest.Exercise(t, func(t *testing.T) pagetest.Fixture {
		k := newKit(t, aMap())
		sealer, err := seal.OpenSealer(filepath.Join(t.TempDir(), "keys"), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sealer.Close() })
		s := &shelf{records: map[string]*pagetest.Record{}, expired: map[string]bool{}, answers: desk(t, k, sealer)}
		s.atlas.current("acme").byID["help"].page = pagetest.Short()
		late := answers{state: s.state, atlas: s.atlas, keys: s.keys, log: s.log, locks: newLocks(), sealer: sealer, sentiments: s.sentiments, clock: func() time.Time { return k.clock().AddDate(1, 0, 0) }}
		s.late = &late
		st, ks := s.state, s.keys
		n := byte(0)
		must := func(err error) {
			if err != nil {
				t.Error(err)
			}
		}
		return pagetest.Fixture{
			Store: s,
			Invite: func() string {
				n++
				id := state.ID{n}
				return s.asks(t, k, id)
			},
			Expire: func(token string) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.expired[token] = true
				if s.late.decoy.Load() == nil { // what was answered elsewhere is known to both
					s.late.decoy.Store(s.decoy.Load())
				}
			},
			Recorded: func(token string) pagetest.Record {
				_, i, err := st.Token(ks.hash(token))
				must(err)
				p, err := st.Person(i.Customer)
				must(err)
				s.mu.Lock()
				defer s.mu.Unlock()
				r := pagetest.Record{}
				if s.records[token] != nil {
					r = *s.records[token]
				}
				r.Answers, r.OptedOut = s.saved(i), p.OptedOut
				if i.MayContact || i.MayQuote {
					r.Consent = &page.Consent{Contact: i.MayContact, Quote: i.MayQuote}
				}
				return r
			},
		}
	})
}

// What is saved names nobody: personal data is taken out of texts, and texts are sealed; sentiment, themes and what is to be done are
// beside them.
func TestSavedTexts(t *testing.T) {
	c := built(t, aMap(func(s *mapv1.Survey, m *mapv1.Map) {
		m.Questions = append(m.Questions, &mapv1.Question{Id: "why", Text: "Why?", Kind: mapv1.QuestionKind_QUESTION_KIND_TEXT, Touchpoints: []string{"call"}, UnpairedBecause: "a test"})
		s.Items = append(s.Items, &mapv1.SurveyItem{Question: "why"})
		m.Themes = []*mapv1.Theme{{Id: "waiting", Words: []*mapv1.ThemeWords{{Language: "en", Words: []string{"wait"}}}}}
	}))
	sealer, err := seal.OpenSealer(t.TempDir(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sealer.Close() }()
	a := &answers{sealer: sealer, sentiments: words.NewSentiments(), clock: func() time.Time { return noon }}
	i := &state.Invitation{Organisation: "acme", Survey: "help", Customer: state.ID{1}, Context: &surveyv1.Context{Touchpoint: "call"}}
	saved, err := a.step(&found{i: i, by: c, survey: c.byID["help"]}, page.Step{Language: "en", Answers: page.Answers{
		"recommend": {Values: []int32{3}}, "why": {Text: "I waited an hour, terrible. Call me on +49 30 1234567"},
	}}, true)
	if err != nil {
		t.Fatal(err)
	}
	why := saved.GetAnswers()[1]
	if got := a.text(i, why); got != "I waited an hour, terrible. Call me on [number]" {
		t.Errorf("%q", got)
	}
	if why.GetSentiment() >= 0 || !slices.Equal(why.GetThemes(), []string{"waiting"}) {
		t.Errorf("%v", why)
	}
	if b := saved.GetBad(); len(b) != 1 || b[0].GetRule() != "call_back" || b[0].GetOwner() != "floor" || b[0].GetDueMs() != noon.Add(48*time.Hour).UnixMilli() {
		t.Errorf("%v", b)
	}
	raw, err := proto.Marshal(saved)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"waited", "1234567"} {
		if bytes.Contains(raw, []byte(word)) {
			t.Errorf("%q is in the log in the clear", word)
		}
	}
}
