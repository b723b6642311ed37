package correlation

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/audit"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/pebblestore"
)

// rig is the generations of correlation over a real stream and a real store, which can be ended and begun again.
type rig struct {
	t      *testing.T
	bus    *bus.Bus
	dir    string
	stores *pebblestore.Stores
	gens   *generations
	keep   *retention
	halt   context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	counting *state.Counting
	now      time.Time
	parked   []string
}

func newRig(t *testing.T) *rig { return newRigOn(t, bustest.New(t)) }

func newRigOn(t *testing.T, b *bus.Bus) *rig {
	r := &rig{t: t, bus: b, dir: t.TempDir(), counting: berlin(t), now: time.Now().AddDate(0, 0, 30)}
	r.begin()
	t.Cleanup(func() { r.end() })
	return r
}

func berlin(t *testing.T) *state.Counting {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return &state.Counting{
		Zone: zone, Channel: true, Team: true, Attributes: map[string]bool{},
		Resolution: map[string]int64{"wait": 1000, "recommend": 1, "again": 3600, "again_base": 1, "cycle": 3600, "cycle_base": 1},
		Linked: []state.Linked{
			{ID: "again", Base: "again_base", Longest: 9 * 24 * time.Hour},
			{ID: "cycle", Base: "cycle_base", Kind: state.JourneyTime, First: []string{"call"}, Last: []string{"chat"}, Longest: 4 * 24 * time.Hour},
		},
	}
}

func (r *rig) begin() {
	r.t.Helper()
	var err error
	if r.stores, err = pebblestore.Open(r.dir); err != nil {
		r.t.Fatal(err)
	}
	ctx, halt := context.WithCancel(context.Background())
	r.halt = halt
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	r.gens = &generations{
		js: r.bus.JS(), stores: r.stores, log: log, tracer: noop.NewTracerProvider().Tracer(""),
		clock: func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now },
		maps: func(string) (*state.Counting, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			c := *r.counting
			return &c, nil
		},
		ready: func(context.Context, fold.Message) error { return nil },
		park: func(_ context.Context, m fold.Message, why string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.parked = append(r.parked, fmt.Sprint(m.Sequence, " ", why))
			return nil
		},
		run: func(name string, f func(context.Context) error) {
			r.work.Go(func() {
				if err := f(ctx); err != nil {
					r.t.Errorf("%s: %v", name, err)
				}
			})
		},
	}
	if err := r.gens.start(ctx); err != nil {
		r.t.Fatal(err)
	}
	r.keep = &retention{gens: r.gens, js: r.bus.JS(), clock: r.gens.clock, months: 25, log: log, write: audit.New(r.bus.JS()).Write}
	r.caughtUp()
}

func (r *rig) end() {
	r.halt()
	r.work.Wait()
	if err := r.stores.Close(); err != nil {
		r.t.Error(err)
	}
}

// again is a process that ended and began anew.
func (r *rig) again() { r.t.Helper(); r.end(); r.begin() }

func (r *rig) last() uint64 {
	r.t.Helper()
	s, err := r.bus.JS().Stream(r.t.Context(), bus.StreamFact)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}

// first returns where the stream begins.
func (r *rig) first() uint64 {
	r.t.Helper()
	s, err := r.bus.JS().Stream(r.t.Context(), bus.StreamFact)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.CachedInfo().State.FirstSeq
}

func (r *rig) caughtUp() {
	r.t.Helper()
	last := r.last()
	for end := time.Now().Add(20 * time.Second); !r.gens.current().fold.Loaded() || r.gens.current().fold.Applied() < last; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("counted up to %d of %d: %v", r.gens.current().fold.Applied(), last, r.gens.current().fold.Trouble())
		}
	}
}

// publish records facts, some in a message.
func (r *rig) publish(facts ...*factv1.RecordedFact) { r.t.Helper(); r.publishTo("acme", facts...) }

func (r *rig) publishTo(org string, facts ...*factv1.RecordedFact) {
	r.t.Helper()
	for len(facts) > 0 {
		n := min(len(facts), 7)
		b, err := proto.Marshal(&factv1.RecordedBatch{Facts: facts[:n]})
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.bus.JS().Publish(r.t.Context(), bus.FactSubject(org, 0), b); err != nil {
			r.t.Fatal(err)
		}
		facts = facts[n:]
	}
	r.caughtUp()
}

// digest is the live state in brief.
func (r *rig) digest() state.Digest {
	r.t.Helper()
	r.caughtUp()
	d, err := r.gens.current().state.Digest(r.gens.clock())
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// verify counts again from the base and compares.
func (r *rig) verify() {
	r.t.Helper()
	v, err := r.gens.verify(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if v.live.Hash != v.recount.Hash {
		r.t.Fatalf("verify finds differences: %v", v.differences)
	}
}

// life makes versions of n interactions and answers of a few customers, which happen within days before and after a time.
func life(r *rand.Rand, around time.Time, n int) (out []*factv1.RecordedFact) {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	for range n {
		at := around.Add(time.Duration(r.Int64N(int64(50*24*time.Hour))) - 40*24*time.Hour).UnixMilli()
		f := &factv1.RecordedFact{Source: "pbx", Id: fmt.Sprint(r.IntN(n)), Version: r.Uint64N(5), Kind: factv1.Kind_KIND_INTERACTION, RecordedAtMs: time.Now().UnixMilli()}
		switch r.IntN(8) {
		case 0, 1, 2:
			f.Kind, f.AboutSource, f.AboutId = factv1.Kind_KIND_ANSWER, "pbx", fmt.Sprint(r.IntN(n))
			a := &factv1.RecordedAnswer{Question: "recommend", Value: r.Int64N(11)}
			if r.IntN(2) == 0 {
				a.AboutTimeMs, a.Touchpoint, a.Team = at, pick("call", "chat"), pick("", "north")
			}
			f.Content = &factv1.RecordedFact_Answer{Answer: a}
		case 3:
		default:
			f.Content = &factv1.RecordedFact_Interaction{Interaction: &factv1.RecordedInteraction{
				OccurredAtMs: at, Touchpoint: pick("call", "chat"), Channel: pick("", "voice"), Team: pick("", "north", "south"), Outcome: pick("", "answered"),
				Metrics: []*factv1.RecordedMetric{{Metric: "wait", Value: r.Int64N(100_000)}}, Customer: append(make([]byte, 15), byte(r.IntN(4))),
			}}
		}
		f.Digest = make([]byte, 16)
		if f.Content != nil {
			c := proto.CloneOf(f)
			c.RecordedAtMs = 0
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
			if err != nil {
				panic(err)
			}
			d := sha256.Sum256(b)
			f.Digest = d[:16]
		}
		out = append(out, f)
	}
	return out
}

// MapOf applies the map of an organisation.
func MapOf(t *testing.T, b *bus.Bus, org, zone string) {
	t.Helper()
	maps, err := expmap.NewRegistry(t.Context(), b.JS())
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	if _, _, err := maps.Apply(t.Context(), &mapv1.Map{
		Organisation: org, Name: org, Zone: zone, Metrics: []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}},
		Touchpoints: []*mapv1.Touchpoint{{Id: "help", FunctionalOwner: "head", OperationalOwner: "floor"}},
	}, nil); err != nil {
		t.Fatal(err)
	}
}
