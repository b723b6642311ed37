package correlation

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// recordedAround publishes facts, waits for a time, and publishes corrections and late facts after it. It returns the time.
func (r *rig) recordedAround(rnd *rand.Rand) time.Time {
	r.t.Helper()
	r.publish(life(rnd, time.Now(), 200)...)
	time.Sleep(5 * time.Millisecond)
	c := time.Now()
	time.Sleep(5 * time.Millisecond)
	r.publish(life(rnd, c, 200)...)
	return c
}

func cuts(c time.Time) []cut { return []cut{{organisation: "acme", before: c}} }

// Trimming changes no score; what is left is folded from the base, and equals what a rebuild and a verification find, as do
// facts and corrections that come later.
func TestTrim(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(1, 1))
	c := r.recordedAround(rnd)
	before, facts, first := r.digest(), r.gens.current().state.Counts().Facts, r.first()

	foreseen, err := r.keep.trim(t.Context(), cuts(c), "", true)
	if err != nil {
		t.Fatal(err)
	}
	if d := r.digest(); d.Hash != before.Hash || r.first() != first {
		t.Fatal("saying what would be done did something")
	}
	did, err := r.keep.trim(t.Context(), cuts(c), "", false)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(foreseen, did) || did.GetFacts() == 0 || did.GetMessages() == 0 || did.GetFirstSequence() != r.first() || r.first() <= first {
		t.Errorf("foreseen %v, done %v; the stream begins at %d", foreseen, did, r.first())
	}
	after := r.digest()
	if !maps.Equal(before.Lines, after.Lines) {
		t.Error("trimming changed scores")
	}
	if after.Facts != facts-did.GetFacts() {
		t.Errorf("%d facts of %d are left, %d were let go", after.Facts, facts, did.GetFacts())
	}
	r.verify()

	r.publish(life(rnd, c, 200)...)
	r.verify()
	live := r.digest()
	if _, err := r.gens.rebuild(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	if r.digest().Hash != live.Hash {
		t.Error("rebuilt, it is another state")
	}
	r.again()
	if r.digest().Hash != live.Hash {
		t.Error("begun again, it is another state")
	}
	// Nothing is left to do, and calling again does nothing.
	again, err := r.keep.trim(t.Context(), cuts(c), "", false)
	if err != nil || again.GetFacts() != 0 || again.GetMessages() != 0 || r.digest().Hash != live.Hash {
		t.Errorf("%v, %v", again, err)
	}
	// The next base follows from this one.
	c2 := r.recordedAround(rnd)
	lines := r.digest().Lines
	if next, err := r.keep.trim(t.Context(), cuts(c2), "", false); err != nil || next.GetMessages() == 0 {
		t.Fatalf("%v, %v", next, err)
	}
	if !maps.Equal(lines, r.digest().Lines) {
		t.Error("trimming again changed scores")
	}
	r.verify()
	r.publish(life(rnd, c2, 200)...)
	r.verify()
	names, err := r.stores.Names()
	if err != nil || len(names) != 3 {
		t.Errorf("stores left: %q, %v", names, err)
	}
	if len(r.parked) > 0 {
		t.Errorf("parked: %q", r.parked)
	}
}

// After a crash between any two steps the same call completes what was begun.
func TestTrimIsCompletedAfterACrash(t *testing.T) {
	steps := []string{"announce", "seal", "await", "build", "mark", "trim", "drop"}
	for n := range len(steps) + 1 {
		t.Run(fmt.Sprint("after ", strings.Join(steps[:n], ", ")), func(t *testing.T) {
			r := newRig(t)
			rnd := rand.New(rand.NewPCG(uint64(n), 2))
			old := r.recordedAround(rnd)
			if _, err := r.keep.trim(t.Context(), cuts(old), "", false); err != nil {
				t.Fatal(err)
			}
			c := r.recordedAround(rnd)
			ctx, sequence := t.Context(), uint64(0)
			position, err := r.keep.lastBefore(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range steps[:n] {
				var err error
				switch step {
				case "announce":
					err = r.keep.announce(ctx, cuts(c)[0])
				case "seal":
					sequence, err = r.keep.seal(ctx, cuts(c)[0])
				case "await":
					err = r.keep.await(ctx, sequence)
				case "build":
					err = r.gens.buildBase(ctx, position)
				case "mark":
					err = r.gens.markBase(position)
				case "trim":
					_, _, err = r.gens.trimStream(ctx)
				case "drop":
					err = r.gens.dropBases()
				}
				if err != nil {
					t.Fatalf("%s: %v", step, err)
				}
			}
			r.again()
			r.verify()
			r.publish(life(rnd, c, 50)...)
			lines := r.digest().Lines
			did, err := r.keep.trim(ctx, cuts(c), "", false)
			if err != nil {
				t.Fatal(err)
			}
			if did.GetFirstSequence() != position+1 || r.first() != position+1 {
				t.Errorf("the stream begins at %d, want %d", r.first(), position+1)
			}
			if !maps.Equal(lines, r.digest().Lines) {
				t.Error("completing changed scores")
			}
			r.verify()
			if got := r.gens.current().state.Seals()["acme"]; got != c.UnixMilli() {
				t.Errorf("sealed before %d", got)
			}
			r.again()
			r.verify()
			names, err := r.stores.Names()
			if err != nil || len(names) != 3 {
				t.Errorf("stores left: %q, %v", names, err)
			}
		})
	}
}

// A base that was not finished is dropped at the next start; a call that is cut off leaves nothing that matters.
func TestAnUnfinishedBaseIsDropped(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(4, 4))
	r.publish(life(rnd, time.Now(), 300)...)
	gen, err := r.gens.open(t.Context(), baseName(30), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := gen.fold.RunTo(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	cutOff, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.gens.buildBase(cutOff, 35); err == nil {
		t.Error("a base was built by a call that had ended")
	}
	r.again()
	names, err := r.stores.Names()
	if err != nil || len(names) != 1 {
		t.Errorf("stores left: %q, %v", names, err)
	}
	r.verify()
}

// Another counting part begins with the base, leaves what is sealed as it was, and goes on: it is not outdated for ever.
func TestAnotherMapAfterTrimming(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(5, 5))
	c := r.recordedAround(rnd)
	if _, err := r.keep.trim(t.Context(), cuts(c), "", false); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	next := *r.counting
	zone, err := time.LoadLocation("America/New_York")
	next.Zone, next.Team, next.Linked = zone, false, next.Linked[1:]
	r.counting = &next
	r.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.gens.rebuild(t.Context(), "another map"); err != nil {
		t.Fatal(err)
	}
	if out := r.gens.current().state.Outdated(); out != nil {
		t.Fatalf("outdated: %v", out)
	}
	r.verify()
	r.publish(life(rnd, c, 300)...)
	r.verify()
	r.again()
	if out := r.gens.current().state.Outdated(); out != nil {
		t.Fatalf("outdated after a restart: %v", out)
	}
	r.verify()
	c2 := r.recordedAround(rnd)
	if _, err := r.keep.trim(t.Context(), cuts(c2), "", false); err != nil {
		t.Fatal(err)
	}
	r.verify()
	live := r.digest().Hash
	if _, err := r.gens.rebuild(t.Context(), "again"); err != nil || r.digest().Hash != live {
		t.Fatalf("rebuilt, it is another state; %v", err)
	}
}

// A live store that is behind the trimmed stream, or gone, begins with the base.
func TestALostStoreBeginsWithTheBase(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(6, 6))
	c := r.recordedAround(rnd)
	if _, err := r.keep.trim(t.Context(), cuts(c), "", false); err != nil {
		t.Fatal(err)
	}
	live := r.digest().Hash
	store := r.gens.current().store
	close(r.gens.current().stop)
	<-r.gens.current().done
	if err := store.Drop(); err != nil {
		t.Fatal(err)
	}
	r.again()
	if r.digest().Hash != live {
		t.Error("it is another state")
	}
	r.verify()
}

// What happened before the seal is refused by the fold, counted as such, whatever ingest let through.
func TestTheFoldRefusesWhatIsSealed(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	c := r.recordedAround(rnd)
	if _, err := r.keep.trim(t.Context(), cuts(c), "", false); err != nil {
		t.Fatal(err)
	}
	lines, counted := r.digest(), r.gens.current().state.Counts()
	late := &factv1.RecordedFact{Source: "late", Id: "1", Kind: factv1.Kind_KIND_INTERACTION, Digest: make([]byte, 16), Content: &factv1.RecordedFact_Interaction{
		Interaction: &factv1.RecordedInteraction{OccurredAtMs: c.UnixMilli() - 1, Touchpoint: "call"},
	}}
	r.publish(late)
	if d := r.digest(); d.Hash != lines.Hash || r.gens.current().state.Counts().Sealed != counted.Sealed+1 {
		t.Error("it was counted")
	}
	late.GetInteraction().OccurredAtMs++
	r.publish(late)
	if d := r.digest(); d.Facts != lines.Facts+1 {
		t.Error("what is not sealed was not counted")
	}
	s, err := r.bus.JS().Stream(t.Context(), bus.StreamSealed)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(t.Context(), bus.SealedSubject("acme"))
	var said factv1.RecordedBatch
	if err != nil || proto.Unmarshal(m.Data, &said) != nil || said.GetSealedBeforeMs() != c.UnixMilli() || bus.SealedOrganisation(m.Subject) != "acme" {
		t.Errorf("%v, %v", &said, err)
	}
}

// By itself it trims what is older than is kept, once for each month, and leaves alone who has nothing that old.
func TestTrimmingByItself(t *testing.T) {
	s := bustest.New(t)
	for _, org := range []string{"acme", "young"} {
		MapOf(t, s, org, "Europe/Berlin")
	}
	r := newRigOn(t, s)
	known, err := expmap.NewRegistry(t.Context(), s.JS())
	if err != nil {
		t.Fatal(err)
	}
	defer known.Close()
	r.keep.maps = known
	now := time.Now()
	facts := life(rand.New(rand.NewPCG(8, 8)), now, 100)
	r.publish(facts...)
	r.publishTo("young", slices.DeleteFunc(life(rand.New(rand.NewPCG(9, 9)), now.AddDate(0, 20, 0), 20), func(f *factv1.RecordedFact) bool { return f.GetInteraction() == nil })...)
	done := map[string]time.Time{}
	at := func(months int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.now = now.AddDate(0, months, 0)
	}
	cells := func() map[string]string { t.Helper(); at(30); return r.digest().Lines } // fine buckets are compared at one time
	look := func(months int) {
		t.Helper()
		at(months)
		if err := r.keep.look(t.Context(), done); err != nil {
			t.Fatal(err)
		}
	}
	lines := cells()
	look(1)
	if r.gens.current().state.Seals()["acme"] != 0 || len(done) != 2 {
		t.Fatalf("sealed too early; %v", done)
	}
	look(28)
	seals := r.gens.current().state.Seals()
	if seals["acme"] == 0 || seals["young"] != 0 || r.first() == 1 {
		t.Fatalf("sealed: %v, the stream begins at %d", seals, r.first())
	}
	if c := r.gens.current().state.Counts(); c.LetGo == 0 {
		t.Error("nothing was let go")
	}
	last, base := r.last(), r.first()
	if look(28); r.last() != last || !maps.Equal(lines, cells()) {
		t.Error("scores changed, or looking again sealed again")
	}
	// In the next month it is cut off after it has sealed.
	r.publish(life(rand.New(rand.NewPCG(10, 10)), now.AddDate(0, 3, 0), 30)...)
	lines = cells()
	for _, c := range r.keep.byRetention() {
		if c.organisation != "acme" {
			continue
		}
		at, err := r.keep.seal(t.Context(), c)
		if err == nil {
			err = r.keep.await(t.Context(), at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	last = r.last()
	look(30)
	if r.first() <= base {
		t.Errorf("what was cut off was not completed: the stream begins at %d", r.first())
	}
	look(30)
	if r.last() != last {
		t.Error("looking again sealed again")
	}
	if !maps.Equal(lines, cells()) {
		t.Error("scores changed")
	}
	r.verify()
}
