package ingest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// testDisk is a disk of 1,000 bytes of which some are free; less than nothing is one that cannot be read.
type testDisk struct{ free atomic.Int64 }

func (d *testDisk) probe(string) (free, total uint64, err error) {
	if n := d.free.Load(); n >= 0 {
		return uint64(n), 1000, nil
	}
	return 0, 0, errors.New("unreadable")
}

func testSpace(reserve uint64, share float64, mend func(context.Context) error) (*space, *testDisk, *lines) {
	d, log := &testDisk{}, &lines{}
	d.free.Store(1000)
	return &space{path: "/", reserve: reserve, share: share, mend: mend, log: slog.New(log), disk: d.probe, broken: make(chan struct{}, 1)}, d, log
}

// Facts are refused below the reserve or the share, whichever is more, and taken again above a tenth more.
func TestSpace(t *testing.T) {
	for _, c := range []struct {
		reserve     uint64
		share       float64
		low, enough int64 // below low refused; from enough on taken again
	}{{100, 0, 100, 110}, {0, 0.2, 200, 220}, {100, 0.2, 200, 220}, {300, 0.2, 300, 330}} {
		s, d, log := testSpace(c.reserve, c.share, nil)
		for _, x := range []struct {
			free  int64
			taken bool
		}{
			{1000, true}, {c.low, true}, {c.low - 1, false}, {c.low, false}, {c.enough - 1, false}, {c.enough, true}, {c.low, true}, {c.low - 1, false}, {0, false}, {-1, false}, {1000, true}, {-1, true},
		} {
			d.free.Store(x.free)
			s.look()
			err := s.admit()
			if (err == nil) != x.taken {
				t.Errorf("reserve %d, share %v, free %d: %v", c.reserve, c.share, x.free, err)
			}
			var f *fault.Error
			if err != nil && (!errors.As(err, &f) || f.Kind != fault.Exhausted || f.RetryAfter <= 0 || !errors.Is(err, errNoSpace) || !strings.Contains(f.Message, "free some space")) {
				t.Errorf("the refusal is %#v", err)
			}
		}
		changes := slices.DeleteFunc(log.all(), func(s string) bool { return strings.Contains(s, "cannot be read") })
		if len(changes) != 4 {
			t.Errorf("each change is told once: %q", changes)
		}
	}
}

func TestNoReserve(t *testing.T) {
	s, d, _ := testSpace(0, 0, nil)
	d.free.Store(0)
	s.look()
	if err := s.admit(); err != nil {
		t.Error(err)
	}
}

// The disk is watched while it runs, and recovers by itself.
func TestSpaceIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, _ := testSpace(100, 0, nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.run(ctx) }()
		for _, x := range []struct {
			free  int64
			taken bool
		}{{50, false}, {500, true}} {
			d.free.Store(x.free)
			time.Sleep(2 * spaceEvery)
			if err := s.admit(); (err == nil) != x.taken {
				t.Errorf("free %d: %v", x.free, err)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A failed publication has the bus mended: once there is space, and again until it works; many failures are one reason.
func TestMending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		var works atomic.Bool
		s, d, _ := testSpace(100, 0, func(context.Context) error {
			tries.Add(1)
			if !works.Load() {
				return errors.New("not yet")
			}
			return nil
		})
		go func() { _ = s.run(t.Context()) }()
		time.Sleep(10 * spaceEvery)
		if n := tries.Load(); n != 0 {
			t.Errorf("mended %d times without need", n)
		}
		d.free.Store(50)
		for range 100 {
			s.failed(errors.New("no space left"))
		}
		time.Sleep(10 * spaceEvery)
		if n := tries.Load(); n != 0 {
			t.Errorf("mended %d times without space", n)
		}
		d.free.Store(500)
		time.Sleep(10*spaceEvery + spaceEvery/2)
		if n := tries.Load(); n < 5 {
			t.Errorf("tried %d times", n)
		}
		works.Store(true)
		tries.Store(0)
		time.Sleep(10 * spaceEvery)
		if n := tries.Load(); n != 1 {
			t.Errorf("mended %d times after it worked", n-1)
		}
	})
}

// The real disk answers.
func TestDisk(t *testing.T) {
	free, total, err := disk(t.TempDir())
	if err != nil || total == 0 || free > total {
		t.Errorf("%d of %d, %v", free, total, err)
	}
	if _, _, err := disk("/no/such/folder"); err == nil || !strings.Contains(err.Error(), "/no/such/folder") {
		t.Errorf("%v", err)
	}
	s := newSpace(t.TempDir(), 1<<62, 0, nil, slog.New(slog.DiscardHandler))
	if s.admit() == nil {
		t.Error("a full disk is seen at the start")
	}
}
