package pagetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/touchstone-cx/touchstone/services/survey/page"
)

// Fixture is a store under test.
type Fixture struct {
	Store page.Store
	// Invite returns the token of a new invitation to the survey Short, which is open.
	Invite func() string
	// Expire ends an invitation's time.
	Expire func(token string)
	// Recorded returns what was recorded of an invitation.
	Recorded func(token string) Record
}

// Exercise holds a store to what pages need of it. start returns a new one each time.
func Exercise(t *testing.T, start func(*testing.T) Fixture) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Fixture, *Respondent)
	}{
		{"to the end", toTheEnd},
		{"resume", resume},
		{"back", back},
		{"another branch takes answers back", branch},
		{"skip", skip},
		{"the same POST twice", twice},
		{"the last POST twice", lastTwice},
		{"another language keeps answers", otherLanguage},
		{"a GET records nothing", scanner},
		{"one of 1,000 submits at once", parallel},
		{"spent, expired and unknown look the same", alike},
		{"and take the same time", sameTime},
		{"guesses", guesses},
		{"stop", stop},
		{"may we get in touch", consent},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t)
			h, err := page.New(f.Store, page.Options{Key: []byte("a key of the test's")})
			if err != nil {
				t.Fatal(err)
			}
			c.run(t, f, &Respondent{T: t, Handler: h})
		})
	}
}

// holds fails unless an answer is recorded so.
func holds(t *testing.T, f Fixture, token, question, text string, values ...int32) {
	t.Helper()
	a, ok := f.Recorded(token).Answers[question]
	if !ok || a.Text != text || !slices.Equal(a.Values, values) {
		t.Fatalf("recorded for %s: %+v (%v), want %v %q", question, a, ok, values, text)
	}
}

func toTheEnd(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Shows(200, "Question 1 of 3", "0 = not at all likely", ">Continue<")
	r.Lacks(" checked", "Skip this", ">Back<")
	r.Post("q.nps", "3")
	holds(t, f, token, "nps", "", 3)
	if last := f.Recorded(token).Last; last.LastSeen != "why" || last.Language != "en" {
		t.Errorf("the first step is %+v", last)
	}
	r.Shows(200, "Question 2 of 3", "Skip this question", ">Back<")
	r.Post("q.why", "The wait <b>was</b>\r\nlong")
	holds(t, f, token, "why", "The wait <b>was</b>\nlong")
	r.Shows(200, "Question 3 of 3", ">Send answers<")
	if got := f.Recorded(token); got.Finishes != 0 {
		t.Error("finished before the end")
	}
	r.Post("q.ease", "4")
	holds(t, f, token, "ease", "", 4)
	r.Shows(200, "Thank you. Your answers are in.", "add six people")
	if got := f.Recorded(token); got.Finishes != 1 || got.Last.LastSeen != "ease" {
		t.Errorf("at the end: %+v", got)
	}
}

func resume(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Post("q.nps", "3")
	r.Post("q.why", "")
	for range 2 {
		r.Get("/s/" + token)
		r.Shows(200, "Question 3 of 3", "How easy was it")
	}
	r.Get("/s/" + token + "?at=nps")
	r.Shows(200, "Question 1 of 3", `value="3" checked`)
	fresh := f.Invite()
	r.Get("/s/" + fresh + "?at=ease")
	r.Shows(200, "Question 1 of 3") // nobody passes the first question
}

func back(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Post("q.nps", "3")
	r.Post("q.why", "The wait")
	r.Shows(200, `href="?at=why&amp;lang=en"`)
	r.Get("?at=why&lang=en")
	r.Shows(200, "Question 2 of 3", "The wait</textarea>")
	r.Get("?at=nps&lang=en")
	r.Post("q.nps", "5")
	r.Shows(200, "Question 2 of 3", "The wait</textarea>")
	holds(t, f, token, "nps", "", 5)
	holds(t, f, token, "why", "The wait")
}

func branch(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Post("q.nps", "3")
	r.Post("q.why", "The wait")
	r.Get("?at=nps&lang=en")
	r.Post("q.nps", "10")
	r.Shows(200, "Question 2 of 2", "How easy was it")
	holds(t, f, token, "nps", "", 10)
	holds(t, f, token, "why", "")
}

func skip(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Post("skip", "1") // the first cannot be skipped
	r.Shows(422, "There is a problem", "Choose a number from 0 to 10")
	if got := f.Recorded(token); got.Saves != 0 {
		t.Errorf("recorded: %+v", got)
	}
	r.Post("q.nps", "3")
	r.Post("q.why", "half a sent", "skip", "1")
	holds(t, f, token, "why", "")
	r.Post()
	r.Shows(422, "Choose one answer")
	r.Post("skip", "1")
	r.Shows(200, "Thank you.")
	holds(t, f, token, "ease", "")
	if got := f.Recorded(token); got.Finishes != 1 {
		t.Errorf("recorded: %+v", got)
	}
}

func twice(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	again := *r
	r.Post("q.nps", "3")
	again.Post("q.nps", "3")
	again.Shows(200, "Question 2 of 3")
	again.Post("q.why", "The wait")
	r.Shows(200, "Question 2 of 3")
	r.Post("q.why", "The wait")
	r.Shows(200, "Question 3 of 3")
	holds(t, f, token, "nps", "", 3)
	holds(t, f, token, "why", "The wait")
	if got := f.Recorded(token); got.Saves != 2 {
		t.Errorf("%d saves, want 2: what is saved already needs none", got.Saves)
	}
}

func lastTwice(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Post("q.nps", "9")
	again := *r
	r.Post("q.ease", "2")
	r.Shows(200, "Thank you.")
	again.Post("q.ease", "5")
	again.Shows(200, "Thank you.")
	holds(t, f, token, "ease", "", 2)
	if got := f.Recorded(token); got.Finishes != 1 {
		t.Errorf("%d ends", got.Finishes)
	}
	r.Get("?" + strings.SplitN(r.Path, "?", 2)[1]) // reload
	r.Shows(200, "Thank you.")
	r.Get("?")
	r.Shows(404) // who has only the link learns nothing
}

func otherLanguage(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Post("q.nps", "3")
	r.Post("q.why", "half a sentence", "lang", "ar")
	r.Shows(200, `lang="ar" dir="rtl"`, "السؤال 2 من 3", "half a sentence</textarea>")
	holds(t, f, token, "why", "half a sentence")
	r.Get("?at=nps&lang=ar")
	r.Shows(200, `value="3" checked`)
	r.Post("q.nps", "4")
	if last := f.Recorded(token).Last; last.Language != "ar" {
		t.Errorf("asked in %q", last.Language)
	}
	r.Shows(200, `dir="rtl"`)

	fresh := f.Invite()
	r.Language = "fr-CH, de;q=0.8, en;q=0.5"
	r.Get("/s/" + fresh)
	r.Shows(200, `lang="de"`, "Frage 1 von 3")
	r.Post("lang", "en") // nothing chosen is no error here
	r.Shows(200, "Question 1 of 3")
	if got := f.Recorded(fresh); got.Saves != 0 {
		t.Errorf("recorded: %+v", got)
	}
}

func scanner(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	for _, query := range []string{"", "?score=9", "?q.nps=9", "?score=9&at=nps&skip=1&consent=1&lang=de", "?score=99", "?score=%00"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r.do(method, "/s/"+token+query, "q.nps=9&at=nps")
			r.Shows(200)
		}
		r.do(http.MethodGet, "/s/"+token+"/stop"+query, "List-Unsubscribe=One-Click")
	}
	if got := f.Recorded(token); got.Saves+got.Finishes+len(got.Answers) != 0 || got.OptedOut {
		t.Fatalf("recorded: %+v", got)
	}
	r.Get("/s/" + token + "?score=9")
	r.Shows(200, `value="9" checked`)
	r.Get("/s/" + token + "?score=11")
	r.Lacks(" checked")
}

func parallel(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Post("q.nps", "9")
	const n = 1000
	var begin, all sync.WaitGroup
	var accepted, thanked atomic.Int64
	begin.Add(1)
	for i := range n {
		all.Go(func() {
			begin.Wait()
			if i%2 == 0 {
				err := f.Store.Finish(context.WithoutCancel(t.Context()), token, page.Step{
					Answers: page.Answers{"ease": {Values: []int32{int32(i%5) + 1}}}, Language: "en", LastSeen: "ease", Device: "phone",
				})
				switch {
				case err == nil:
					accepted.Add(1)
				case !errors.Is(err, page.ErrSpent):
					t.Error(err)
				}
				return
			}
			one := *r
			one.Post("q.ease", fmt.Sprint(i%5+1))
			if one.Status == 200 && strings.Contains(one.Body, "Thank you.") {
				thanked.Add(1)
			}
		})
	}
	begin.Done()
	all.Wait()
	if got := f.Recorded(token); got.Finishes != 1 || accepted.Load() > 1 {
		t.Errorf("%d of %d submits accepted, %d of them at the store, want 1", got.Finishes, n, accepted.Load())
	}
	if thanked.Load() != n/2 {
		t.Errorf("%d of %d who sent it were thanked", thanked.Load(), n/2)
	}
	if err := f.Store.Save(t.Context(), token, page.Step{Answers: page.Answers{"nps": {Values: []int32{0}}}, Language: "en", LastSeen: "nps"}); !errors.Is(err, page.ErrSpent) {
		t.Errorf("saved after the end: %v", err)
	}
	holds(t, f, token, "nps", "", 9)
}

func stop(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token + "/stop")
	r.Shows(200, "Do you want no more surveys?")
	if f.Recorded(token).OptedOut {
		t.Fatal("a GET stopped")
	}
	r.Post()
	r.Shows(200, "You will get no more surveys")
	if !f.Recorded(token).OptedOut {
		t.Fatal("not stopped")
	}

	old := f.Invite()
	f.Expire(old)
	body := "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n"
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/s/"+old+"/stop", strings.NewReader(body))
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	w := httptest.NewRecorder()
	r.Handler.ServeHTTP(w, req)
	if w.Code != 200 || !f.Recorded(old).OptedOut {
		t.Errorf("one click: %d, %v", w.Code, f.Recorded(old).OptedOut)
	}
	if err := f.Store.OptOut(t.Context(), guess(len(old))); !errors.Is(err, page.ErrGone) {
		t.Errorf("an unknown token: %v", err)
	}
}

func consent(t *testing.T, f Fixture, r *Respondent) {
	token := f.Invite()
	r.Get("/s/" + token)
	r.Post("q.nps", "3")
	r.Post("q.why", "The wait")
	r.Post("q.ease", "2")
	r.Shows(200, "May we contact you", "May we quote what you wrote?")
	r.Post()
	r.Shows(422, "Choose yes or no")
	if c := f.Recorded(token).Consent; c != nil {
		t.Fatalf("recorded: %+v", c)
	}
	r.Post("q.contact.", "1", "q.quote.", "0")
	r.Shows(200, "Your choice is saved.")
	if c := f.Recorded(token).Consent; c == nil || !c.Contact || c.Quote {
		t.Errorf("recorded: %+v", c)
	}
}
