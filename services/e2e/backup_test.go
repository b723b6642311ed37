package e2e

import (
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// A backup restored into a new instance gives the same scores and the same hash; into one that holds facts it is refused.
func TestBackup(t *testing.T) {
	from := started(t)
	file := filepath.Join(t.TempDir(), "backup")
	for _, org := range []string{"acme", "other"} {
		apply(t, from.Clients().Maps, traffic.Map(org))
		publish(t, from.Clients().Ingest, org, "pbx", life(3000, 2)...)
		// What a later version of the map declares must count in the restored instance too.
		next := traffic.Map(org)
		next.Metrics = append(next.Metrics, &mapv1.Metric{Id: "hold", Unit: "s", Resolution: 1})
		apply(t, from.Clients().Maps, next)
		publish(t, from.Clients().Ingest, org, "late", &factv1.Fact{Id: "held", Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
			OccurredAt: timestamppb.Now(), Touchpoint: "call", Metrics: []*factv1.MetricValue{{Metric: "hold", Amount: &factv1.MetricValue_Value{Value: 7}}},
		}}})
	}
	before := verified(t, from.Clients().Admin)
	if r := command(t, from, "backup", file); r.Code != 0 {
		t.Fatalf("backup ended with %d: %s", r.Code, r.Err)
	}
	into := started(t)
	if r := command(t, into, "restore", file); r.Code != 0 {
		t.Fatalf("restore ended with %d: %s", r.Code, r.Err)
	}
	after := verified(t, into.Clients().Admin)
	if after.GetLiveHash() != before.GetLiveHash() || after.GetFacts() != before.GetFacts() {
		t.Errorf("before %v, restored %v", before, after)
	}
	for _, org := range []string{"acme", "other"} {
		a, b := target{Clients: from.Clients()}, target{Clients: into.Clients()}
		if x, y := picture(t, a, org), picture(t, b, org); x != y {
			t.Errorf("%s: the scores differ", org)
		}
	}
	if r := command(t, into, "restore", file); r.Code == 0 {
		t.Error("a second restore was not refused")
	}
	// What is restored goes on living: after a restart it is the same.
	if err := into.Kill(); err != nil {
		t.Fatal(err)
	}
	begin(t, into)
	if again := verified(t, into.Clients().Admin); again.GetLiveHash() != before.GetLiveHash() {
		t.Error("after a restart the restored instance has another hash")
	}
}
