package admit_test

import (
	"strings"
	"testing"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// Who sends a value of what is worked out is not told to declare it: the map has it.
func TestValuesOfWhatIsWorkedOut(t *testing.T) {
	r := newRig(t)
	p := richMap()
	p.Ratios = []*mapv1.Ratio{{Id: "aht", Over: []string{"talk"}, Outcomes: []string{"answered"}}}
	p.LinkedMetrics = []*mapv1.LinkedMetric{{Id: "next_contact", Kind: mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT}}
	p.ServiceLevels = []*mapv1.ServiceLevel{{Id: "sl20", Metric: "wait", Threshold: 20, Boundary: mapv1.Boundary_BOUNDARY_AT_MOST, Outcomes: []string{"answered"}}}
	m, problems := expmap.Compile(p, 4)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r.m = m
	for _, id := range []string{"aht", "next_contact", "sl20"} {
		f := interaction()
		f.GetInteraction().Metrics = []*factv1.MetricValue{{Metric: id, Amount: &factv1.MetricValue_Value{Value: 1}}}
		_, why := r.admit(t, f)
		if why.GetReason() != ingestv1.Reason_REASON_NOT_IN_MAP || why.GetField() != "interaction.metrics[0].metric" || !strings.Contains(why.GetMessage(), "worked out from other facts") {
			t.Errorf("%s: %v", id, why)
		}
	}
}
