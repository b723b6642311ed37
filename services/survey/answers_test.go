package survey

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
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

func TestStoreOfPages(t *testing.T) {
	pagetest.Exercise(t, func(t *testing.T) pagetest.Fixture {
		k := newKit(t, aMap())
		ctx, cancel := context.WithCancel(context.Background())
		var work sync.WaitGroup
		t.Cleanup(func() { cancel(); work.Wait() })
		run := func(f func(context.Context)) { work.Go(func() { f(ctx) }) }
		st := state.New()
		log := slog.New(slog.DiscardHandler)
		store, err := memstore.New().Open("state")
		if err != nil {
			t.Fatal(err)
		}
		f := fold.New(fold.Config{JS: k.bus.JS(), Stream: bus.StreamSurvey, Store: store, Machine: st, Log: log})
		run(func(ctx context.Context) {
			if err := f.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		j := &journal{js: k.bus.JS(), state: st, folded: f.Applied, log: log, books: map[string]*book{}, run: run}
		sealer, err := seal.OpenSealer(filepath.Join(t.TempDir(), "keys"), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sealer.Close() })
		maps := newAtlas(k.maps)
		maps.current("acme").byID["help"].page = pagetest.Short()
		ks := keys{[]byte("a key of the test's")}
		s := &shelf{records: map[string]*pagetest.Record{}, expired: map[string]bool{}}
		s.answers = &answers{state: st, atlas: maps, keys: ks, log: j, locks: newLocks(), sealer: sealer, sentiments: words.NewSentiments(), clock: k.clock}
		s.late = &answers{state: st, atlas: maps, keys: ks, log: j, locks: newLocks(), sealer: sealer, sentiments: words.NewSentiments(), clock: func() time.Time { return k.clock().AddDate(1, 0, 0) }}
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
				token := ks.token(id)
				hash := ks.hash(token)
				must(j.write(t.Context(), "acme", func() (*surveyv1.SurveyBatch, error) {
					return &surveyv1.SurveyBatch{Events: []*surveyv1.SurveyEvent{{AtMs: k.now.Load(), Invitation: id[:], What: &surveyv1.SurveyEvent_Decided{Decided: &surveyv1.Decided{
						Survey: "help", Customer: id[:], DueMs: k.now.Load(), Token: hash[:], MapVersion: 1, Language: "en", OpenUntilMs: k.clock().AddDate(0, 0, 14).UnixMilli(),
						Context: &surveyv1.Context{Touchpoint: "call"},
					}}}}}, nil
				}))
				return token
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
	c, err := compile(aMap(func(s *mapv1.Survey, m *mapv1.Map) {
		m.Questions = append(m.Questions, &mapv1.Question{Id: "why", Text: "Why?", Kind: mapv1.QuestionKind_QUESTION_KIND_TEXT})
		s.Items = append(s.Items, &mapv1.SurveyItem{Question: "why"})
		m.Themes = []*mapv1.Theme{{Id: "waiting", Words: []*mapv1.ThemeWords{{Language: "en", Words: []string{"wait"}}}}}
	}), 1)
	if err != nil {
		t.Fatal(err)
	}
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
