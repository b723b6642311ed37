package survey

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

// A wave asks its audience on its day, holds back all but the first 50 until somebody has looked, and asks nobody twice.
func TestWave(t *testing.T) {
	k := newKit(t, aMap(func(s *mapv1.Survey, _ *mapv1.Map) {
		s.Trigger, s.QuarantineDays, s.NoReminder = nil, 1, true
		s.Wave = &mapv1.SurveyWave{Audience: mapv1.Audience_AUDIENCE_CUSTOMERS, First: "2026-03-05", EveryDays: 40}
	})).begin()
	put := func(replace bool, n int) uint64 {
		t.Helper()
		stream, err := k.api.PutAudience(k.ctx())
		if err != nil {
			t.Fatal(err)
		}
		for from := 0; from < n; from += 30 {
			req := &surveyv1.PutAudienceRequest{Organisation: "acme", Audience: mapv1.Audience_AUDIENCE_CUSTOMERS, Replace: replace}
			for i := from; i < min(from+30, n); i++ {
				req.Members = append(req.Members, &surveyv1.Member{CustomerId: fmt.Sprint("c", i), Contact: &factv1.Contact{Email: fmt.Sprintf("c%d@example.com", i)}})
			}
			if err := stream.Send(req); err != nil {
				t.Fatal(err)
			}
		}
		r, err := stream.CloseAndRecv()
		if err != nil {
			t.Fatal(err)
		}
		return r.GetMembers()
	}
	if n := put(true, 70); n != 70 {
		t.Fatalf("%d members, want 70", n)
	}
	time.Sleep(2 * waveLook)
	if n := len(k.decided()); n != 0 {
		t.Fatalf("%d decisions before the day", n)
	}
	k.later(24 * time.Hour)
	k.until("the first look", func() bool { return len(k.outbox()) == firstLook })
	s, err := k.api.GetSending(k.ctx(), &surveyv1.GetSendingRequest{Organisation: "acme"})
	if err != nil || len(s.GetHeldWaves()) != 1 || s.GetHeldWaves()[0] != "help/2026-03-05" {
		t.Fatalf("%v %v", s, err)
	}
	k.halt()
	k.begin()
	if _, err := k.api.ReleaseWave(k.ctx(), &surveyv1.ReleaseWaveRequest{Organisation: "acme", Wave: "help/2026-01-01"}); status.Code(err) != codes.NotFound {
		t.Errorf("%v", err)
	}
	r, err := k.api.ReleaseWave(k.ctx(), &surveyv1.ReleaseWaveRequest{Organisation: "acme", Wave: "help/2026-03-05"})
	if err != nil || r.GetInvitations() != 20 {
		t.Fatalf("%v %v", r, err)
	}
	k.until("the others leave", func() bool { return len(k.outbox()) == 70 })
	if n := put(false, 72); n != 72 {
		t.Fatalf("%d members, want 72", n)
	}
	k.until("those who were listed late are asked", func() bool { return len(k.outbox()) == 72 })
	if n := len(k.decided()); n != 72 {
		t.Errorf("%d decisions, want 72", n)
	}

	k.later(40 * 24 * time.Hour)
	k.until("the next wave", func() bool { return len(k.outbox()) == 72+firstLook })
	r, err = k.api.ReleaseWave(k.ctx(), &surveyv1.ReleaseWaveRequest{Organisation: "acme", Wave: "help/2026-04-14", End: true})
	if err != nil || r.GetInvitations() != 22 {
		t.Fatalf("%v %v", r, err)
	}
	put(false, 73)
	time.Sleep(2 * waveLook)
	if n := len(k.outbox()); n != 72+firstLook {
		t.Errorf("%d messages after the end, want %d", n, 72+firstLook)
	}
}

func TestDaysOfWaves(t *testing.T) {
	for _, c := range []struct {
		first, now string
		every      uint32
		want       string
	}{
		{"2026-03-05", "2026-03-04", 0, ""},
		{"2026-03-05", "2026-03-05", 0, "2026-03-05"},
		{"2026-03-05", "2026-03-11", 0, "2026-03-05"},
		{"2026-03-05", "2026-03-12", 0, ""},
		{"2026-03-05", "2026-04-04", 30, "2026-04-04"},
		{"2026-03-05", "2026-04-03", 30, ""},
	} {
		now, err := time.Parse(time.DateOnly, c.now)
		if err != nil {
			t.Fatal(err)
		}
		a := built(t, aMap(func(s *mapv1.Survey, m *mapv1.Map) {
			m.Zone, s.Trigger = "UTC", nil
			s.Wave = &mapv1.SurveyWave{Audience: mapv1.Audience_AUDIENCE_CUSTOMERS, First: c.first, EveryDays: c.every, Touchpoint: "call"}
		})).byID["help"]
		if day, ok := a.wave(now.Add(time.Hour)); ok != (c.want != "") || ok && day != c.want {
			t.Errorf("%s every %d on %s: %q %v, want %q", c.first, c.every, c.now, day, ok, c.want)
		}
	}
}
