package page_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	survey "github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

func TestEveryAnswerCarriesHeaders(t *testing.T) {
	d := sit(t, pagetest.Short())
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
	}{
		{"GET", "/s/" + d.token, "", "", 200},
		{"HEAD", "/s/" + d.token, "", "", 200},
		{"GET", "/s/" + d.token + "/stop", "", "", 200},
		{"POST", "/s/" + d.token + "/stop", "", "", 200},
		{"POST", "/s/" + d.token, "application/x-www-form-urlencoded", "at=nps", 422},
		{"POST", "/s/" + d.token, "application/x-www-form-urlencoded; charset=utf-8", "at=nps&q.nps=3", 303},
		{"POST", "/s/" + d.token, "application/x-www-form-urlencoded", "at=ease&q.ease=3", 303}, // out of turn: nothing is saved
		{"POST", "/s/" + d.token, "application/json", "{}", 415},
		{"POST", "/s/" + d.token, "", "at=nps&q.nps=3", 415},
		{"POST", "/s/" + d.token, "application/x-www-form-urlencoded", "at=nps&q.nps=%zz", 400},
		{"POST", "/s/" + d.token, "application/x-www-form-urlencoded", strings.Repeat("&", 1000), 400},
		{"POST", "/s/" + d.token, "application/x-www-form-urlencoded", strings.Repeat("a", survey.MaxBody+1), 413},
		{"POST", "/s/" + d.token + "/stop", "", strings.Repeat("a", survey.MaxBody+1), 413},
		{"GET", "/s/unknown", "", "", 404},
		{"GET", "/s/" + strings.Repeat("a", 1000), "", "", 404},
		{"GET", "/", "", "", 404},
		{"DELETE", "/s/" + d.token, "", "", 404},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		w := httptest.NewRecorder()
		d.Handler.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s %s %.40s: status %d, want %d", c.method, c.path, c.body, w.Code, c.status)
		}
		h := w.Header()
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			"X-Robots-Tag": "noindex, nofollow", "Set-Cookie": "",
		} {
			if h.Get(name) != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, h.Get(name), want)
			}
		}
		if strings.HasPrefix(h.Get("Content-Type"), "text/html") && !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; ") {
			t.Errorf("%s %s: policy %q", c.method, c.path, h.Get("Content-Security-Policy"))
		}
		if strings.Contains(w.Body.String(), d.token) || strings.Contains(h.Get("Location"), d.token) {
			t.Errorf("%s %s: the answer holds the token", c.method, c.path)
		}
	}
	if got := d.store.Recorded(d.token); got.Saves != 1 || len(got.Answers) != 1 {
		t.Errorf("recorded %+v", got)
	}
}

// broken is a store that fails for a while.
type broken struct {
	page survey.Store
	survey.Store
	err error
}

func (b *broken) Open(ctx context.Context, token string) (*survey.Invitation, error) {
	if b.page == nil {
		return nil, b.err
	}
	return b.page.Open(ctx, token)
}

func (b *broken) Save(context.Context, string, survey.Step) error { return b.err }
func (b *broken) OptOut(context.Context, string) error            { return b.err }

func TestStoreFails(t *testing.T) {
	m := pagetest.NewMemory(now)
	token := m.Invite(pagetest.Short(), now().Add(time.Hour))
	var log bytes.Buffer
	failure := &fault.Error{Kind: fault.Unavailable, Message: "the log is away", RetryAfter: 1500 * time.Millisecond, Err: errors.New("secret cause")}
	b := &broken{err: failure}
	h, err := survey.New(b, survey.Options{Key: []byte("a key of the test's"), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r := &pagetest.Respondent{T: t, Handler: h}
	r.Get("/s/" + token)
	r.Shows(503, "That did not work")
	b.page = m
	r.Get("/s/" + token)
	r.Post("q.nps", "3")
	r.Shows(503, "Your answer could not be saved", `value="3" checked`)
	if got := r.Header.Get("Retry-After"); got != "2" {
		t.Errorf("retry after %q", got)
	}
	r.Lacks("secret", "the log is away")
	r.Get("/s/" + token + "/stop")
	r.Post()
	r.Shows(503, "That did not work")
	if !strings.Contains(log.String(), "secret cause") || strings.Contains(log.String(), token) {
		t.Errorf("log: %s", log.String())
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct {
		query, accept, want string
	}{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "de-CH, en;q=0.9", "de"},
		{"", "fr, ar-EG;q=0.8", "ar"},
		{"", "fr", "en"},
		{"", "*", "en"},
		{"", "de;q=0.5, en", "en"},
		{"ar", "de", "ar"},
		{"AR-sa", "de", "ar"},
		{"fr", "de", "de"},
		{"no such thing", "de", "de"},
		{"%00", "de", "de"},
		{"", strings.Repeat("de-", 300), "en"},
		{strings.Repeat("de-", 300), "", "en"},
	} {
		d := sit(t, pagetest.Short())
		d.Language = c.accept
		d.Get("?lang=" + strings.ReplaceAll(c.query, " ", "+"))
		d.Shows(200, `<html lang="`+c.want+`"`)
	}
	// A survey in a language without interface texts: its questions in it, the rest in English.
	s := pagetest.Short()
	s.Languages = []string{"ja", "en"}
	s.Questions[0].Wordings["ja"] = survey.Wording{Text: "友人に勧める可能性は？"}
	d := sit(t, s)
	d.Shows(200, `<html lang="ja" dir="ltr">`, "友人に勧める可能性は？", ">Continue<", "日本語")
}

func TestDevice(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148":    "phone",
		"Mozilla/5.0 (Linux; Android 9; SM-G960F) Chrome/70 Mobile Safari/537.36": "phone",
		"Mozilla/5.0 (Linux; Android 14; SM-X910) Chrome/120 Safari/537.36":       "tablet",
		"Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) Mobile/15E148":             "tablet",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/150 Safari/537.36":      "desktop",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17 Safari/605.1": "desktop",
		"Mozilla/5.0 (X11; CrOS x86_64) Chrome/150":                               "desktop",
		"curl/8": "other",
		"":       "other",
	} {
		d := sit(t, pagetest.Short())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/s/"+d.token, strings.NewReader("at=nps&from=en&q.nps=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("User-Agent", agent)
		d.Handler.ServeHTTP(httptest.NewRecorder(), r)
		if got := d.store.Recorded(d.token).Last.Device; got != want {
			t.Errorf("%s: %q, want %q", agent, got, want)
		}
	}
}

func TestKeyIsNeeded(t *testing.T) {
	if _, err := survey.New(pagetest.NewMemory(now), survey.Options{Key: []byte("short")}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a short key: %v", err)
	}
}
