package main

import (
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// What a world of a map sends is what the map takes, of customers who come again.
func TestWorldSendsWhatTheMapTakes(t *testing.T) {
	w, err := readWorld("../../../deploy/examples/telecom/map.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l := load{size: 400, world: w}
	for id := range w.m.Touchpoints {
		l.points = append(l.points, id)
	}
	slices.Sort(l.points)
	b := newBatch(rand.New(rand.NewPCG(1, 2)), 0, 0, l)
	legs, visits := map[string]int{}, map[string]int{}
	for _, first := range []uint64{0, 2 * returning} { // the second time the same customers come again
		b.fill(first, 1_800_000_000)
		var req ingestv1.PublishStreamRequest
		if err := proto.Unmarshal(b.frame, &req); err != nil {
			t.Fatal(err)
		}
		if req.GetBatch().GetOrganisation() != "telecom" {
			t.Errorf("organisation %q", req.GetBatch().GetOrganisation())
		}
		for _, f := range req.GetBatch().GetFacts() {
			i := f.GetInteraction()
			at := w.m.Touchpoints[i.GetTouchpoint()]
			if _, declared := w.m.Outcomes[i.GetOutcome()]; at == nil || !declared {
				t.Fatalf("%v", i)
			}
			for _, v := range i.GetMetrics() {
				if _, ok := at.Metrics[v.GetMetric()]; at.Metrics != nil && !ok {
					t.Errorf("%s at %s", v.GetMetric(), at.ID)
				}
			}
			if c := at.Proto.GetChannels(); len(c) > 0 && !slices.Contains(c, i.GetChannel()) {
				t.Errorf("%s at %s", i.GetChannel(), at.ID)
			}
			if f.GetVersion() == 0 {
				legs[i.GetContactId()]++
				visits[i.GetCustomerId()]++
			}
		}
	}
	two, again := 0, 0
	for _, n := range legs {
		if n >= 2 {
			two++
		}
	}
	for _, n := range visits {
		if n >= 4 {
			again++
		}
	}
	if two < 300 || again < 150 {
		t.Errorf("%d contacts of two legs, %d customers who came again", two, again)
	}
}
