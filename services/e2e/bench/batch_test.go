package main

import (
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// What batches send, decoded by standard protobuf and counted fact by fact, is what recount says.
func TestRecount(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	points := []string{touchpointID(1), touchpointID(2), touchpointID(3)}
	for _, size := range []int{1, 20, 400} {
		var batches []*batch
		for i := range 800 / size {
			batches = append(batches, newBatch(r, i, i*size, load{size: size, points: points}))
		}
		newest := map[string]*factv1.Fact{}
		duplicates, corrections, facts := 0, 0, 0
		for n := range 7 {
			for i, b := range batches {
				b.fill(uint64(n*len(batches)+i)*uint64(size), 1_800_000_000+int64(n))
				b.number(aSequence + uint64(n))
				var req ingestv1.PublishStreamRequest
				if err := proto.Unmarshal(b.frame, &req); err != nil {
					t.Fatal(err)
				}
				if req.GetSequence() != aSequence+uint64(n) || len(req.GetBatch().GetFacts()) != size {
					t.Fatalf("sequence %d, %d facts", req.GetSequence(), len(req.GetBatch().GetFacts()))
				}
				if back := must(proto.MarshalOptions{Deterministic: true}.Marshal(&req)); len(back) != len(b.frame) {
					t.Fatalf("a batch is %d bytes and would be %d if encoded anew", len(b.frame), len(back))
				}
				for k, f := range req.GetBatch().GetFacts() {
					facts++
					old := newest[f.GetId()]
					switch {
					case old == nil:
						newest[f.GetId()] = f
					case f.GetVersion() > old.GetVersion():
						corrections++
						newest[f.GetId()] = f
					case f.GetVersion() < old.GetVersion(): // the fact of a correction that came first in its batch
					case !proto.Equal(f, old):
						t.Fatalf("slot %d says something else with the same version: %v %v", k, f, old)
					default:
						duplicates++
					}
				}
			}
		}
		want := map[string]*tally{"": {}}
		for _, f := range newest {
			i := f.GetInteraction()
			if want[i.GetTouchpoint()] == nil {
				want[i.GetTouchpoint()] = &tally{}
			}
			for _, w := range []*tally{want[""], want[i.GetTouchpoint()]} {
				w.count++
				for m, v := range i.GetMetrics() {
					w.sums[m] += v.GetValue()
				}
			}
		}
		got := recount(batches)
		if len(got) != len(want) {
			t.Fatalf("%d touchpoints, want %d", len(got)-1, len(want)-1)
		}
		for touchpoint, w := range want {
			if *got[touchpoint] != *w {
				t.Errorf("batches of %d, touchpoint %q: %+v, want %+v", size, touchpoint, *got[touchpoint], *w)
			}
		}
		if n, _ := sent(batches); n != int64(facts) {
			t.Errorf("sent %d, want %d", n, facts)
		}
		if size > 1 && (duplicates*100 < facts*8/10 || corrections*200 < facts*7/10) {
			t.Errorf("of %d facts %d are duplicates and %d corrections", facts, duplicates, corrections)
		}
	}
}

func BenchmarkFill(b *testing.B) {
	x := newBatch(rand.New(rand.NewPCG(1, 2)), 0, 0, saturate())
	for n := range b.N / len(x.slots) {
		x.fill(uint64(n*len(x.slots)), 1_800_000_000)
	}
}
