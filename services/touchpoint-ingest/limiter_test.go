package ingest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *testClock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *testClock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func TestLimiter(t *testing.T) {
	c := &testClock{at: time.Unix(1e9, 0)}
	l := newLimiter(2000, c.now)
	take := func(source string, n int) *fault.Error {
		t.Helper()
		err := l.take("acme", source, n)
		if err == nil {
			return nil
		}
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Exhausted || !strings.Contains(f.Message, source) {
			t.Fatalf("%v", err)
		}
		return f
	}
	// A second's worth is in hand.
	for range 2 {
		if err := take("acd", 1000); err != nil {
			t.Fatal(err)
		}
	}
	err := take("acd", 500)
	if err == nil || err.RetryAfter != 250*time.Millisecond {
		t.Fatalf("%+v", err)
	}
	// What was refused costs nothing: told to wait a quarter of a second, one has to wait no longer.
	for range 10 {
		if err := take("acd", 500); err == nil || err.RetryAfter != 250*time.Millisecond {
			t.Fatalf("%+v", err)
		}
	}
	if err := take("crm", 1000); err != nil {
		t.Errorf("another source: %v", err)
	}
	if err := l.take("other", "acd", 1000); err != nil {
		t.Errorf("the same source of another organisation: %v", err)
	}
	c.pass(250 * time.Millisecond)
	if err := take("acd", 500); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

// A rate below the largest batch still lets one pass.
func TestLimiterOfASlowSource(t *testing.T) {
	c := &testClock{at: time.Unix(1e9, 0)}
	l := newLimiter(10, c.now)
	if err := l.take("acme", "acd", 1000); err != nil {
		t.Fatal(err)
	}
	var f *fault.Error
	if err := l.take("acme", "acd", 1000); !errors.As(err, &f) || f.RetryAfter != 100*time.Second {
		t.Errorf("%v", err)
	}
	c.pass(100 * time.Second)
	if err := l.take("acme", "acd", 1000); err != nil {
		t.Error(err)
	}
}

func TestNoLimit(t *testing.T) {
	l := newLimiter(0, time.Now)
	for range 100 {
		if err := l.take("acme", "acd", 1_000_000); err != nil {
			t.Fatal(err)
		}
	}
}

// What is remembered of sources is bounded, and serves many at once.
func TestLimiterForgets(t *testing.T) {
	l := newLimiter(1000, time.Now)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 3000 {
				if err := l.take("acme", fmt.Sprintf("s%d-%d", w, i), 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(l.sources); n > limitedSources {
		t.Errorf("%d sources are remembered", n)
	}
}
