package admit_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// FuzzAdmit takes bytes the way of a request: whatever they are, what is admitted reads alike by protobuf and by the scanner
// of batches, and what is refused says why in words that can be sent.
func FuzzAdmit(f *testing.F) {
	r := newRig(f)
	add := func(facts ...*factv1.Fact) {
		b, err := proto.Marshal(&ingestv1.PublishRequest{Facts: facts})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	add(interaction(), answer(), observation(), retraction(1), retraction(2))
	several := rapid.SliceOfN(anyFact, 0, 4)
	for i := range 50 {
		add(several.Example(i)...)
	}
	misspelt := interaction()
	misspelt.GetInteraction().Touchpoint = strings.Repeat("ü", 100)
	add(misspelt)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := wire.ScanRequest(b); err != nil {
			return
		}
		var out []byte
		admitted := 0
		err := wire.EachFact(b, func(_ int, fact *wire.Fact, err error) error {
			if err != nil {
				return nil
			}
			res := r.Admit(out, r.m, "acd", nil, now, fact)
			if why := res.Refusal; why != nil {
				if why.GetReason() == 0 || why.GetMessage() == "" || why.GetRemedy() == "" {
					t.Fatalf("refused without a word: %v", why)
				}
				if _, err := proto.Marshal(why); err != nil {
					t.Fatal(err)
				}
				return nil
			}
			out = res.Out
			admitted++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got := new(factv1.RecordedBatch)
		if err := proto.Unmarshal(out, got); err != nil || len(got.GetFacts()) != admitted {
			t.Fatalf("%d of %d facts: %v", len(got.GetFacts()), admitted, err)
		}
		for _, x := range got.GetFacts() {
			if len(x.ProtoReflect().GetUnknown()) > 0 {
				t.Fatalf("unknown fields in %v", x)
			}
		}
		sameScan(t, out, got)
	})
}
