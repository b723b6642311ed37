package audit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/audit"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func line(org string, kind adminv1.AuditKind, about string) *adminv1.AuditLine {
	return &adminv1.AuditLine{At: timestamppb.New(time.Unix(1_800_000_000, 0)), Organisation: org, Kind: kind, Key: "k", About: about}
}

const (
	agents    = adminv1.AuditKind_AUDIT_KIND_AGENT_READ
	customers = adminv1.AuditKind_AUDIT_KIND_CUSTOMER_READ
	all       = adminv1.AuditKind_AUDIT_KIND_UNSPECIFIED
)

// Pages of any size, of any kind, put together are all lines of the organisation, newest first, each once.
func TestLinesComeBackNewestFirst(t *testing.T) {
	b := bustest.New(t)
	l := audit.New(b.JS())
	want := map[adminv1.AuditKind][]string{}
	for i := range 40 {
		org, kind := "acme", agents
		if i%3 == 0 {
			kind = customers
		}
		if i%4 == 1 {
			org = "other"
		}
		if err := l.Write(t.Context(), line(org, kind, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if org == "acme" {
			for _, k := range []adminv1.AuditKind{kind, all} {
				want[k] = append([]string{fmt.Sprint(i)}, want[k]...)
			}
		}
	}
	for _, kind := range []adminv1.AuditKind{agents, customers, all} {
		for _, size := range []int{1, 3, 7, 1000} {
			var got []string
			for before := uint64(0); ; {
				lines, next, err := l.List(t.Context(), "acme", kind, before, size)
				if err != nil || len(lines) > size {
					t.Fatal(len(lines), err)
				}
				for _, x := range lines {
					got = append(got, x.GetAbout())
				}
				if before = next; before == 0 {
					break
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want[kind]) {
				t.Errorf("%v by %d:\n%v\nwant\n%v", kind, size, got, want[kind])
			}
		}
	}
	if lines, next, err := l.List(t.Context(), "nobody", all, 0, 10); len(lines) > 0 || next != 0 || err != nil {
		t.Error(lines, next, err)
	}
}

func TestIncompleteLinesAreNotWritten(t *testing.T) {
	l := audit.New(bustest.New(t).JS())
	for _, x := range []*adminv1.AuditLine{
		{Organisation: "acme", Kind: agents}, line("", agents, ""), line("acme", all, ""),
	} {
		if l.Write(t.Context(), x) == nil {
			t.Errorf("%v is written", x)
		}
	}
}

// Whoever waits for a line that cannot be written hears so, and as something that passes.
func TestWhatCannotBeWrittenIsAnError(t *testing.T) {
	b, server := bustest.In(t, t.TempDir())
	l := audit.New(b.JS())
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := l.Write(ctx, line("acme", agents, "x")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	if _, _, err := l.List(ctx, "acme", all, 0, 1); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

// Nobody takes a line out before its time.
func TestLinesStay(t *testing.T) {
	b := bustest.New(t)
	if err := audit.New(b.JS()).Write(t.Context(), line("acme", agents, "x")); err != nil {
		t.Fatal(err)
	}
	s, err := b.JS().Stream(t.Context(), bus.StreamAudit)
	if err != nil {
		t.Fatal(err)
	}
	if s.DeleteMsg(t.Context(), 1) == nil || s.Purge(t.Context()) == nil {
		t.Error("a line can be taken out")
	}
	if age := s.CachedInfo().Config.MaxAge; age < 25*30*24*time.Hour || s.CachedInfo().Config.Storage != jetstream.FileStorage {
		t.Errorf("lines are kept for %v", age)
	}
	if err := b.EnsureStreams(t.Context()); err != nil { // as at every start
		t.Fatal(err)
	}
}
