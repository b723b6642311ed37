package pagetest

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/survey/page"
)

// closed returns tokens that take no answers, by why.
func closed(f Fixture, r *Respondent) map[string]string {
	spent, expired, expiredSpent := f.Invite(), f.Invite(), f.Invite()
	for _, token := range []string{spent, expiredSpent} {
		r.Get("/s/" + token)
		r.Post("q.nps", "9")
		r.Post("q.ease", "2")
		r.Shows(200, "Thank you.")
	}
	r.Get("/s/" + expired)
	r.Post("q.nps", "9")
	f.Expire(expired)
	f.Expire(expiredSpent)
	return map[string]string{"unknown": guess(len(spent)), "spent": spent, "expired": expired, "spent and expired": expiredSpent}
}

// guess returns a token as nobody was given.
func guess(n int) string {
	raw := make([]byte, n)
	rand.Read(raw)
	return strings.ToLower(base32.StdEncoding.EncodeToString(raw))[:n]
}

func alike(t *testing.T, f Fixture, r *Respondent) {
	tokens := closed(f, r)
	open := f.Invite()
	r.Get("/s/" + open)
	r.Post("q.nps", "9")
	stolen := r.hidden // a form of another link proves nothing
	for _, request := range []struct{ method, suffix, body string }{
		{http.MethodGet, "", ""},
		{http.MethodHead, "", ""},
		{http.MethodGet, "?lang=ar&at=ease", ""},
		{http.MethodGet, "?done=" + stolen.Get("receipt"), ""},
		{http.MethodPost, "", "q.nps=3&at=nps"},
		{http.MethodPost, "", stolen.Encode() + "&q.ease=2"},
		{http.MethodPost, "", "consent=1&q.contact.=1"},
		{http.MethodGet, "/stop", ""},
		{http.MethodPost, "/stop", "List-Unsubscribe=One-Click"},
		{http.MethodPut, "", ""},
	} {
		var want string
		for _, why := range []string{"unknown", "spent", "expired", "spent and expired"} {
			r.do(request.method, "/s/"+tokens[why]+request.suffix, request.body)
			got := fmt.Sprint(r.Status, r.Header, r.Body)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%s %s %q: the %s link answers\n%s\nthe unknown one\n%s", request.method, request.suffix, request.body, why, got, want)
			}
			if strings.Contains(got, tokens[why]) || strings.Contains(got, "Northwind") {
				t.Errorf("%s %s: the %s link's answer names it", request.method, request.suffix, why)
			}
		}
	}
}

// sameTime compares medians over interleaved requests. Other work on the machine only adds time: one quiet attempt proves it.
func sameTime(t *testing.T, f Fixture, r *Respondent) {
	tokens := closed(f, r)
	names := []string{"unknown", "spent", "expired"}
	var worst time.Duration
	for range 10 {
		times := map[string][]time.Duration{}
		for range 400 {
			for _, why := range names {
				req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/s/"+tokens[why], nil)
				w := httptest.NewRecorder()
				begin := time.Now()
				r.Handler.ServeHTTP(w, req)
				times[why] = append(times[why], time.Since(begin))
			}
		}
		medians := make([]time.Duration, len(names))
		for i, why := range names {
			slices.Sort(times[why])
			medians[i] = times[why][len(times[why])/2]
		}
		worst = slices.Max(medians) - slices.Min(medians)
		if worst <= max(slices.Min(medians)/10, 5*time.Microsecond) {
			t.Logf("medians of %v: %v", names, medians)
			return
		}
	}
	t.Errorf("the answers of %v differ by %v", names, worst)
}

func guesses(t *testing.T, f Fixture, _ *Respondent) {
	for range 100 {
		f.Invite()
	}
	n := len(f.Invite())
	for i := range 1_000_000 {
		if _, err := f.Store.Open(t.Context(), guess(n)); !errors.Is(err, page.ErrGone) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	for _, token := range []string{"", "a", strings.Repeat("a", page.MaxToken), "\x00", "../..", "ä"} {
		if _, err := f.Store.Open(t.Context(), token); !errors.Is(err, page.ErrGone) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}
