package wire_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// FuzzSealedBefore holds the reading of seals to what protobuf reads: a batch with facts is none, whatever it says besides.
func FuzzSealedBefore(f *testing.F) {
	for _, b := range []*factv1.RecordedBatch{
		{}, {SealedBeforeMs: 1}, {SealedBeforeMs: -1}, {SealedBeforeMs: 1 << 62}, {Facts: []*factv1.RecordedFact{{Id: "a"}}}, {Facts: []*factv1.RecordedFact{{}}, SealedBeforeMs: 7},
	} {
		data, err := proto.Marshal(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{16})
	f.Add([]byte{16, 0, 10, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		ms, ok := wire.SealedBefore(data)
		var b factv1.RecordedBatch
		if err := proto.Unmarshal(data, &b); err != nil {
			return
		}
		if ok && (len(b.Facts) > 0 || ms != b.SealedBeforeMs) {
			t.Fatalf("%x: %d, of %v", data, ms, &b)
		}
		if again, err := proto.Marshal(&factv1.RecordedBatch{SealedBeforeMs: b.SealedBeforeMs}); err != nil {
			t.Fatal(err)
		} else if got, ok := wire.SealedBefore(again); b.SealedBeforeMs != 0 && (!ok || got != b.SealedBeforeMs) {
			t.Fatalf("%x: %d, %v", again, got, ok)
		}
	})
}
