package correlation_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
)

func (s *service) backup() (out []byte) {
	s.t.Helper()
	st, err := s.admin.Backup(s.ctx, &adminv1.BackupRequest{})
	for err == nil {
		var r *adminv1.BackupResponse
		if r, err = st.Recv(); err == nil {
			out = append(out, r.GetData()...)
		}
	}
	if !errors.Is(err, io.EOF) {
		s.t.Fatal(err)
	}
	return out
}

func (s *service) restore(b []byte) error {
	s.t.Helper()
	st, err := s.admin.Restore(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	for len(b) > 0 {
		n := min(len(b), 1000)
		if err := st.Send(&adminv1.RestoreRequest{Data: b[:n]}); err != nil {
			break // the answer says why
		}
		b = b[n:]
	}
	_, err = st.CloseAndRecv()
	return err
}

func (s *service) verified() *adminv1.VerifyResponse {
	s.t.Helper()
	s.counted()
	v, err := s.admin.Verify(s.ctx, &adminv1.VerifyRequest{})
	if err != nil || !v.GetEqual() {
		s.t.Fatalf("verify: %v, %v", v, err)
	}
	return v
}

// A backup of a trimmed instance holds the base: restored, it has the sealed history too, under the same hash, in the same
// places of the stream, and goes on from there, also after a restart.
func TestBackupAfterTrimming(t *testing.T) {
	b := bustest.New(t)
	correlation.MapOf(t, b, "acme", "Europe/Berlin")
	real, now := time.Now(), time.Now().AddDate(0, 27, 0)
	s := serveOn(t, b, t.TempDir(), now)
	for i := range 3000 {
		s.recorded("acme", fmt.Sprint(i), real.Add(-time.Duration(i)*time.Hour))
	}
	s.counted()
	if r, err := s.admin.TrimHistory(s.ctx, &adminv1.TrimHistoryRequest{}); err != nil || r.GetFacts() != 3000 || r.GetMessages() != 3000 {
		t.Fatalf("%v, %v", r, err)
	}
	for i := range 50 {
		s.recorded("acme", fmt.Sprint("new ", i), now.Add(-time.Duration(i)*time.Hour))
	}
	before, data := s.verified(), s.backup()

	dir, other := t.TempDir(), bustest.New(t)
	t.Run("restored", func(t *testing.T) {
		into := serveOn(t, other, dir, now)
		if err := into.restore(data); err != nil {
			t.Fatal(err)
		}
		after := into.verified()
		if after.GetLiveHash() != before.GetLiveHash() || after.GetPosition() != before.GetPosition() || into.offered("acme") != 3050 {
			t.Errorf("before %v, restored %v; %v interactions", before, after, into.offered("acme"))
		}
		a, b := s.counted(), into.counted()
		if a.GetBase() != b.GetBase() || !a.GetSealedBefore().AsTime().Equal(b.GetSealedBefore().AsTime()) {
			t.Errorf("%v and %v", a, b)
		}
		f, err := into.score.GetFact(into.ctx, &scorev1.GetFactRequest{Organisation: "acme", Source: "pbx", Id: "new 7", Kind: factv1.Kind_KIND_INTERACTION})
		if err != nil || f.GetStories()[0].GetCurrent().GetId() != "new 7" {
			t.Errorf("%v, %v", f, err)
		}
		sealed, err := other.JS().Stream(t.Context(), bus.StreamSealed)
		if err != nil || sealed.CachedInfo().State.Msgs != 1 {
			t.Error("ingest would not know what is sealed", err)
		}
		if err := into.restore(data); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("a second restore: %v", err)
		}
	})
	again := serveOn(t, other, dir, now)
	if v := again.verified(); v.GetLiveHash() != before.GetLiveHash() {
		t.Error("begun again, it has another hash")
	}
	again.recorded("acme", "later", now)
	if again.verified(); again.offered("acme") != 3051 {
		t.Errorf("%v interactions", again.offered("acme"))
	}
	if r, err := again.admin.TrimHistory(again.ctx, &adminv1.TrimHistoryRequest{Before: now.AddDate(0, -1, -2).Format(time.DateOnly)}); err != nil || again.offered("acme") != 3051 {
		t.Errorf("%v, %v", r, err)
	}
	again.verified()
}

// A base that is cut off, or whose bytes are no pairs, is not taken for one.
func TestADamagedBaseIsRefused(t *testing.T) {
	b := bustest.New(t)
	correlation.MapOf(t, b, "acme", "")
	now := time.Now().AddDate(0, 27, 0)
	s := serveOn(t, b, t.TempDir(), now)
	for i := range 20 {
		s.recorded("acme", fmt.Sprint(i), time.Now())
	}
	s.counted()
	if _, err := s.admin.TrimHistory(s.ctx, &adminv1.TrimHistoryRequest{}); err != nil {
		t.Fatal(err)
	}
	data := s.backup()
	at := bytes.Index(data, []byte("\x12\x08position"))
	if at < 0 {
		t.Fatal("there is no base in the backup")
	}
	torn := bytes.Clone(data)
	copy(torn[at:], "\x12\x08positiom")
	for name, d := range map[string][]byte{"cut off": data[:at+200], "torn": torn} {
		into := serve(t, now)
		if err := into.restore(d); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
		if st := into.counted(); st.GetBase() != 0 {
			t.Errorf("%s: it has a base: %v", name, st)
		}
	}
}
