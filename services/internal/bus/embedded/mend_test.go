//go:build unix

package embedded_test

import (
	"context"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/bus/embedded"
)

// limitFiles makes every write beyond size fail, as a full disk does, without needing one. It is the process's limit: no
// test of this package runs beside another.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // a failing write, not a signal
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	}
}

func TestMendAfterADiskThatTookNoMore(t *testing.T) {
	s := bustest.Server(t, embedded.Options{Dir: t.TempDir(), Sync: true})
	b := bustest.Connect(t, s)
	ctx := soon(t)
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	if restarted, err := s.Mend(ctx); restarted || err != nil {
		t.Fatalf("a healthy server must be left alone: %v, %v", restarted, err)
	}
	payload := make([]byte, 64<<10)
	publish := func() error {
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := b.JS().Publish(short, bus.FactSubject("default", 0), payload)
		return err
	}
	lift := limitFiles(t, 1<<20)
	acknowledged := 0
	for s.WriteError() == nil && ctx.Err() == nil {
		if publish() == nil {
			acknowledged++
		}
	}
	if s.Health(ctx) == nil {
		t.Error("health must tell that JetStream cannot write")
	}
	if restarted, err := s.Mend(ctx); restarted || err == nil {
		t.Errorf("no restart may be tried while the disk takes no data: %v, %v", restarted, err)
	}
	lift()
	if restarted, err := s.Mend(ctx); !restarted || err != nil {
		t.Fatalf("there is space again: %v, %v", restarted, err)
	}
	for err := publish(); err != nil; err = publish() {
		if ctx.Err() != nil {
			t.Fatalf("publishing after the restart: %v", err)
		}
	}
	st, err := b.JS().Stream(ctx, bus.StreamFact)
	if err != nil {
		t.Fatal(err)
	}
	if n := st.CachedInfo().State.Msgs; n < uint64(acknowledged)+1 {
		t.Errorf("%d messages, but %d were acknowledged", n, acknowledged+1)
	}
	if err := s.Health(ctx); err != nil {
		t.Error(err)
	}
}
