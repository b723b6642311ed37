package cli_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
)

func (f *fake) TrimHistory(_ context.Context, r *adminv1.TrimHistoryRequest) (*adminv1.TrimHistoryResponse, error) {
	out := &adminv1.TrimHistoryResponse{SealedBefore: timestamppb.New(time.Date(2024, 10, 1, 0, 0, 0, 0, time.UTC)), Facts: 12345, FirstSequence: 678, Messages: 677}
	if r.GetBefore() != "2024-10-01" {
		out.SealedBefore = nil
	}
	if r.GetDryRun() {
		out.Facts = 54321
	}
	return out, nil
}

func TestTrimShowsWhatItDid(t *testing.T) {
	run := (&fake{}).run(t)
	for _, c := range []struct {
		args  []string
		shows []string
	}{
		{[]string{"trim", "--before", "2024-10-01"}, []string{"2024-10-01 00:00 UTC", "facts let go", "12,345", "begins at", "678"}},
		{[]string{"trim", "--dry-run", "--before", "2024-10-01"}, []string{"facts to let go", "54,321", "would begin"}},
		{[]string{"trim"}, []string{"nothing"}},
		{[]string{"trim", "--before", "2024-10-01", "--format", "json"}, []string{`"2024-10-01T00:00:00Z"`}},
	} {
		out, _, err := run(c.args...)
		if err != nil {
			t.Fatal(err)
		}
		has(t, out, c.shows...)
	}
	// Who names one organisation must not seal all of them.
	if _, _, err := run("trim", "-o", "airport", "--before", "2024-10-01"); err == nil || !strings.Contains(err.Error(), "leave out -o") {
		t.Errorf("sealed for one organisation: %v", err)
	}
}
