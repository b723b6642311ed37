package expmap_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// bus is one embedded server that can be restarted on the same port and store.
type bus struct {
	t    *testing.T
	opts *server.Options
	srv  *server.Server
}

func startBus(t *testing.T) *bus {
	t.Helper()
	// Registered first, so that it looks last, after the cleanups that stop everything.
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
	b := &bus{t: t, opts: &server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}}
	b.start()
	t.Cleanup(b.stop)
	b.opts.Port = b.srv.Addr().(*net.TCPAddr).Port
	return b
}

func (b *bus) start() {
	b.t.Helper()
	srv, err := server.NewServer(b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		b.t.Fatal("the server is not ready")
	}
	b.srv = srv
}

func (b *bus) stop() {
	b.srv.Shutdown()
	b.srv.WaitForShutdown()
}

func (b *bus) connect() jetstream.JetStream {
	b.t.Helper()
	nc, err := nats.Connect(b.srv.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = js.CreateOrUpdateStream(b.t.Context(), jetstream.StreamConfig{Name: "TS_MAP", Subjects: []string{"ts.map.*"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return js
}

func (b *bus) registry() *expmap.Registry {
	b.t.Helper()
	return open(b.t, b.connect())
}

func open(t *testing.T, js jetstream.JetStream) *expmap.Registry {
	t.Helper()
	r, err := expmap.NewRegistry(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func apply(t *testing.T, r *expmap.Registry, p *mapv1.Map) uint64 {
	t.Helper()
	version, changed, err := r.Apply(t.Context(), p, nil)
	if err != nil || !changed {
		t.Fatalf("apply: changed %v, %v", changed, err)
	}
	return version
}

// eventually waits for what another goroutine is about to do; how long it takes is not judged.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}

func number(v uint64) *uint64 { return &v }

func TestApplyReadAndReplace(t *testing.T) {
	b := startBus(t)
	r := b.registry()
	if r.Current("acme") != nil || len(r.Organisations()) != 0 {
		t.Fatal("a new registry is empty")
	}
	if _, err := r.Version(t.Context(), "acme", 0); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no map yet: %v", err)
	}
	if v := apply(t, r, small()); v != 1 || r.Current("acme").Version != 1 {
		t.Fatalf("version %d, current %v", v, r.Current("acme"))
	}
	version, changed, err := r.Apply(t.Context(), small(), number(7))
	if version != 1 || changed || err != nil {
		t.Errorf("the same map again: %d %v %v", version, changed, err)
	}
	second := with(func(p *mapv1.Map) { p.Name = "Acme again" })
	if _, _, err := r.Apply(t.Context(), second, number(0)); fault.KindOf(err) != fault.Conflict {
		t.Errorf("wrong expectation: %v", err)
	}
	if version, changed, err = r.Apply(t.Context(), second, number(1)); version != 2 || !changed || err != nil {
		t.Errorf("right expectation: %d %v %v", version, changed, err)
	}
	apply(t, r, with(func(p *mapv1.Map) { p.Organisation = "other" }))
	if got := r.Organisations(); len(got) != 2 || got[0] != "acme" || got[1] != "other" {
		t.Errorf("organisations %v", got)
	}
	for version, name := range map[uint64]string{0: "Acme again", 1: "Acme", 2: "Acme again"} {
		mv, err := r.Version(t.Context(), "acme", version)
		if err != nil || mv.GetMap().GetName() != name || mv.GetAppliedAt() == nil {
			t.Errorf("version %d: %v %v", version, mv, err)
		}
		if m, err := r.At(t.Context(), "acme", version); err != nil || m.Proto.GetName() != name || m.Version != mv.GetVersion() || m.Zone == nil {
			t.Errorf("tables of version %d: %v %v", version, m, err)
		}
	}
	if _, err := r.At(t.Context(), "acme", 3); fault.KindOf(err) != fault.NotFound {
		t.Errorf("tables of version 3: %v", err)
	}
	for _, org := range []string{"acme", "*", "acme.x", ""} {
		if _, err := r.Version(t.Context(), org, 3); fault.KindOf(err) != fault.NotFound {
			t.Errorf("version 3 of %q: %v", org, err)
		}
	}
	late := b.registry()
	if m := late.Current("acme"); m == nil || m.Version != 2 || late.Current("other") == nil {
		t.Error("a registry opened later has the newest maps")
	}
}

func TestApplyRefusesWithEveryProblem(t *testing.T) {
	r := startBus(t).registry()
	_, _, err := r.Apply(t.Context(), with(func(p *mapv1.Map) { p.Zone = "Nowhere"; p.Touchpoints[0].FunctionalOwner = "" }), nil)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Invalid || len(f.Violations) != 2 || f.Violations[0].Field != "zone" || f.Violations[0].Remedy == "" {
		t.Errorf("%+v", err)
	}
	if r.Current("acme") != nil {
		t.Error("a refused map is current")
	}
	if _, _, err := r.Apply(t.Context(), nil, nil); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	huge := small()
	for i := range 4000 {
		huge.Teams = append(huge.Teams, &mapv1.Team{Id: fmt.Sprintf("t%d", i), Name: fmt.Sprintf("%0200d", i)})
	}
	for i := range 900 {
		huge.Metrics = append(huge.Metrics, &mapv1.Metric{Id: fmt.Sprintf("m%d", i), Name: fmt.Sprintf("%0200d", i), Unit: "s", Resolution: 1})
	}
	if _, _, err := r.Apply(t.Context(), huge, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a map that fits no message: %v", err)
	}
}

func TestResolutionNeverChangesNotEvenByRemovalAndReturn(t *testing.T) {
	r := startBus(t).registry()
	apply(t, r, small())
	finer := with(func(p *mapv1.Map) { p.Metrics[1].Resolution = 1000 })
	refused := func(when string) {
		t.Helper()
		_, _, err := r.Apply(t.Context(), finer, nil)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid || len(f.Violations) != 1 || f.Violations[0].Field != "metrics[1].resolution" {
			t.Errorf("%s: %v", when, err)
		}
		if problems, _, _, err := r.Check(t.Context(), finer); err != nil || len(problems) != 1 {
			t.Errorf("%s: check says %v %v", when, problems, err)
		}
	}
	refused("while declared")
	apply(t, r, with(func(p *mapv1.Map) { p.Metrics = p.Metrics[:1] }))
	apply(t, r, with(func(p *mapv1.Map) { p.Metrics = p.Metrics[:1]; p.Name = "another" }))
	refused("after removal")
	if v := apply(t, r, small()); v != 4 {
		t.Errorf("as it was: version %d", v)
	}
}

// A survey that was closed stays so, by removal and return as well.
func TestAClosedSurveyIsNeverReopened(t *testing.T) {
	r := startBus(t).registry()
	in := func(state mapv1.SurveyState) *mapv1.Map {
		return with(func(p *mapv1.Map) { p.Surveys = []*mapv1.Survey{{Id: "old", State: state}} })
	}
	apply(t, r, in(mapv1.SurveyState_SURVEY_STATE_PAUSED))
	apply(t, r, in(mapv1.SurveyState_SURVEY_STATE_CLOSED))
	refused := func(when string) {
		t.Helper()
		_, _, err := r.Apply(t.Context(), in(mapv1.SurveyState_SURVEY_STATE_PAUSED), nil)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid || len(f.Violations) != 1 || f.Violations[0].Field != "surveys[0].state" {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("while declared")
	apply(t, r, small())
	apply(t, r, with(func(p *mapv1.Map) { p.Name = "another" }))
	refused("after removal")
	apply(t, r, in(mapv1.SurveyState_SURVEY_STATE_CLOSED))
}

func TestCheckSaysWhatApplyingWouldDo(t *testing.T) {
	r := startBus(t).registry()
	problems, current, recounts, err := r.Check(t.Context(), small())
	if len(problems) != 0 || current != 0 || recounts != nil || err != nil {
		t.Error("first map:", problems, current, recounts, err)
	}
	apply(t, r, small())
	problems, current, recounts, err = r.Check(t.Context(), with(func(p *mapv1.Map) { p.Zone = "UTC" }))
	if len(problems) != 0 || current != 1 || len(recounts) != 1 || err != nil {
		t.Error("another zone:", problems, current, recounts, err)
	}
	problems, current, _, err = r.Check(t.Context(), with(func(p *mapv1.Map) { p.Zone = "Nowhere" }))
	if len(problems) != 1 || current != 1 || err != nil {
		t.Error("wrong zone:", problems, current, err)
	}
	if problems, _, _, err = r.Check(t.Context(), nil); len(problems) == 0 || err != nil {
		t.Error("no map:", problems, err)
	}
}

func TestSubscribersSeeEveryVersionInOrder(t *testing.T) {
	b := startBus(t)
	writer, watcher := b.registry(), b.registry()
	var mu sync.Mutex
	var seen []string
	watcher.Subscribe(func(old, new *expmap.Map) {
		mu.Lock()
		defer mu.Unlock()
		was := uint64(0)
		if old != nil {
			was = old.Version
		}
		if current := watcher.Current(new.Organisation); current != new {
			t.Errorf("current is %v when %d is announced", current, new.Version)
		}
		seen = append(seen, fmt.Sprintf("%d>%d", was, new.Version))
	})
	want := ""
	for i := range 20 {
		apply(t, writer, with(func(p *mapv1.Map) { p.Name = fmt.Sprint(i) }))
		want += fmt.Sprintf("%d>%d ", i, i+1)
	}
	got := func() (s string) {
		mu.Lock()
		defer mu.Unlock()
		for _, x := range seen {
			s += x + " "
		}
		return s
	}
	eventually(t, "20 versions", func() bool { return len(got()) >= len(want) })
	if got() != want {
		t.Errorf("got  %s\nwant %s", got(), want)
	}
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	b := startBus(t)
	const writers = 6
	first := b.registry()
	apply(t, first, small())
	var wg sync.WaitGroup
	won := make([]bool, writers)
	for i := range writers {
		r := b.registry()
		wg.Go(func() {
			// All expect version 1: exactly one may replace it.
			p := with(func(p *mapv1.Map) { p.Name = fmt.Sprint("expecting ", i) })
			_, changed, err := r.Apply(t.Context(), p, number(1))
			if err != nil && fault.KindOf(err) != fault.Conflict {
				t.Error(err)
			}
			won[i] = changed
			// None expects anything: all go through.
			p = with(func(p *mapv1.Map) { p.Name = fmt.Sprint("not expecting ", i) })
			if _, changed, err := r.Apply(t.Context(), p, nil); err != nil || !changed {
				t.Error(changed, err)
			}
		})
	}
	wg.Wait()
	winners := 0
	for _, w := range won {
		if w {
			winners++
		}
	}
	mv, err := first.Version(t.Context(), "acme", 0)
	if err != nil || winners > 1 || mv.GetVersion() != uint64(1+writers+winners) {
		t.Errorf("%d replaced version 1, version %d, %v", winners, mv.GetVersion(), err)
	}
}

func TestSurvivesRestartOfTheBus(t *testing.T) {
	b := startBus(t)
	r := b.registry()
	apply(t, r, small())
	b.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := r.Apply(ctx, with(func(p *mapv1.Map) { p.Name = "lost" }), nil); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without the bus: %v", err)
	}
	if r.Current("acme") == nil {
		t.Error("maps stay readable without the bus")
	}
	b.start()
	apply(t, b.registry(), with(func(p *mapv1.Map) { p.Name = "after" }))
	eventually(t, "the version applied after the restart", func() bool { return r.Current("acme").Proto.GetName() == "after" })
	eventually(t, "health", func() bool { return r.Health(t.Context()) == nil })
}

func TestARestoredStreamIsReadAgain(t *testing.T) {
	b := startBus(t)
	js := b.connect()
	r := open(t, js)
	for i := range 3 {
		apply(t, r, with(func(p *mapv1.Map) { p.Name = fmt.Sprint(i) }))
	}
	if err := js.DeleteStream(t.Context(), "TS_MAP"); err != nil {
		t.Fatal(err)
	}
	apply(t, b.registry(), with(func(p *mapv1.Map) { p.Name = "restored" })) // connect creates the stream anew
	eventually(t, "the restored map", func() bool { return r.Current("acme").Proto.GetName() == "restored" && r.Current("acme").Version == 1 })
}

func TestAMessageThatIsNoMapStopsNothing(t *testing.T) {
	b := startBus(t)
	js := b.connect()
	r := open(t, js)
	apply(t, r, small())
	for _, subject := range []string{"ts.map.acme", "ts.map.broken"} {
		if _, err := js.Publish(t.Context(), subject, []byte("\xff no map")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "trouble reported", func() bool { return r.Health(t.Context()) != nil })
	apply(t, r, with(func(p *mapv1.Map) { p.Organisation = "other" }))
	if r.Current("other") == nil || r.Current("acme") == nil || r.Current("broken") != nil {
		t.Error("the other maps are served")
	}
	if again := b.registry(); again.Current("other") == nil || again.Health(t.Context()) == nil {
		t.Error("a registry opens, and reports what it cannot read")
	}
}

func TestCloseAndClosedConnection(t *testing.T) {
	b := startBus(t)
	js := b.connect()
	r := open(t, js)
	apply(t, r, small())
	js.Conn().Close()
	eventually(t, "the closed connection reported", func() bool { return r.Health(t.Context()) != nil })
	r.Close()
	r.Close()
	if r.Current("acme") == nil {
		t.Error("maps stay readable after Close")
	}
}
