package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// History is sealed: no score changes, older facts are refused, and the same holds whenever the process is killed meanwhile and
// the same command is given again.
func TestTrim(t *testing.T) {
	i := started(t)
	apply(t, i.Clients().Maps, traffic.Map("acme"))
	call := func(id string, at time.Time) *factv1.Fact {
		return &factv1.Fact{Id: id, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{OccurredAt: timestamppb.New(at), Touchpoint: "call", CustomerId: "c" + id}}}
	}
	now := time.Now()
	var old []*factv1.Fact
	for n := range 2000 {
		old = append(old, call(fmt.Sprint(n), now.AddDate(-2, 0, -n%900)))
	}
	publish(t, i.Clients().Ingest, "acme", "pbx", old...)
	publish(t, i.Clients().Ingest, "acme", "pbx", life(2000, 4)...)
	publish(t, i.Clients().Ingest, "acme", "survey", life(500, 5)...)
	before := verified(t, i.Clients().Admin)
	at := target{Clients: i.Clients()}
	scores, day := picture(t, at, "acme"), now.AddDate(-1, -6, 0).Format(time.DateOnly)

	if r := command(t, i, "trim", "--dry-run", "--before", day); r.Code != 0 || !strings.Contains(r.Out, "2,000") {
		t.Fatalf("dry run: %+v", r)
	}
	for round, wait := range []time.Duration{0, 3 * time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond} {
		killed := make(chan error, 1)
		go func() {
			time.Sleep(wait)
			killed <- i.Kill()
		}()
		command(t, i, "trim", "--before", day) // it may end either way
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		begin(t, i)
		if v := verified(t, i.Clients().Admin); v.GetFacts() != before.GetFacts() && v.GetFacts() != before.GetFacts()-2000 {
			t.Fatalf("round %d: %v", round, v)
		}
	}
	if r := command(t, i, "trim", "--before", day); r.Code != 0 {
		t.Fatalf("trim: %+v", r)
	}
	if v := verified(t, i.Clients().Admin); v.GetFacts() != before.GetFacts()-2000 {
		t.Errorf("before %v, after %v", before, v)
	}
	if picture(t, at, "acme") != scores {
		t.Error("the scores changed")
	}
	zone, err := time.LoadLocation(traffic.Map("acme").GetZone())
	if err != nil {
		t.Fatal(err)
	}
	first, err := time.ParseInLocation(time.DateOnly, day, zone)
	if err != nil {
		t.Fatal(err)
	}
	if r := command(t, i, "status"); !strings.Contains(r.Out, first.UTC().Format("2006-01-02 15:04 UTC")) {
		t.Errorf("status: %+v", r)
	}
	r, err := i.Clients().Ingest.Publish(t.Context(), &ingestv1.PublishRequest{Organisation: "acme", Source: "pbx", Facts: old[:1]})
	if err != nil || r.GetResults()[0].GetRefusal().GetReason() != ingestv1.Reason_REASON_SEALED {
		t.Errorf("an old fact: %v, %v", r, err)
	}
	if r := command(t, i, "rebuild"); r.Code != 0 || picture(t, at, "acme") != scores {
		t.Errorf("rebuilt: %+v", r)
	}
}
