package page_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

// now is the tests' time.
func now() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

func TestMemoryStore(t *testing.T) {
	pagetest.Exercise(t, func(*testing.T) pagetest.Fixture {
		m := pagetest.NewMemory(now)
		return pagetest.Fixture{
			Store:    m,
			Invite:   func() string { return m.Invite(pagetest.Short(), now().Add(time.Hour)) },
			Expire:   m.Expire,
			Recorded: m.Recorded,
		}
	})
}

// The pages' own part of an answer: what the store takes comes on top.
func BenchmarkShow(b *testing.B) {
	d := sit(b, pagetest.Short())
	for b.Loop() {
		d.Get("?")
	}
}

func BenchmarkSave(b *testing.B) {
	d := sit(b, pagetest.Short())
	body := "at=nps&from=en&q.nps=7&receipt="
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/s/"+d.token, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		d.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusSeeOther {
			b.Fatal(w.Code)
		}
	}
}
