package page_test

import (
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
