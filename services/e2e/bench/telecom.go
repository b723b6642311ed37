package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// telecom measures the same as endToEnd with a whole map: its touchpoints, each with its own channels and metrics, its
// breakdowns, service levels and linked metrics, and customers who come again.
func (b *bench) telecom(ctx context.Context) error {
	r := &b.report
	r.title("telecom", fmt.Sprintf("as e2e for %d s, with the map %s: interactions of 2 legs, customers who come again, %s", b.seconds, b.telecomMap, "values and channels as each touchpoint declares them"))
	w, err := readWorld(b.telecomMap)
	if err != nil {
		return err
	}
	return b.instanceOf(ctx, "telecom", w.m.Proto, func(s *service) error {
		l := saturate()
		l.world, l.points = w, slices.Sorted(maps.Keys(w.m.Touchpoints))
		p := newPublisher(l)
		before, err := s.usage()
		if err != nil {
			return err
		}
		began := time.Now()
		length := time.Duration(b.seconds) * time.Second
		go b.profile(s, "telecom", length)
		if err := p.runFor(ctx, s, length); err != nil {
			return err
		}
		st, err := s.folded(ctx)
		if err != nil {
			return err
		}
		took := time.Since(began)
		after, err := s.usage()
		if err != nil {
			return err
		}
		rss, err := s.resident()
		if err != nil {
			return err
		}
		facts, bytes := sent(p.batches())
		n := float64(facts)
		r.add("telecom", rate, "events/s", n/took.Seconds(), atLeast(250_000))
		r.add("telecom", "service CPU", "µs/event", micros(after.minus(before).cpu)/n)
		r.add("telecom", "event on the wire", "bytes", bytes)
		r.add("telecom", "values of an event", "", w.values())
		r.add("telecom", "resident memory", "MiB", float64(rss)/(1<<20))
		r.add("telecom", "events", "", n)
		r.add("telecom", "live cells", "", float64(st.GetCells()))
		r.add("telecom", "batches refused and sent again", "", float64(p.refused.Load()))
		r.add("telecom", "touchpoints", "", float64(len(w.m.Touchpoints)))
		r.add("telecom", "service levels", "", float64(len(w.m.Proto.GetServiceLevels())))
		r.add("telecom", "linked metrics", "", float64(len(w.m.Proto.GetLinkedMetrics())))
		return w.exact(ctx, s, p)
	})
}

// exact compares the numbers of interactions with a recount, and sees that every linked metric has values.
func (w *world) exact(ctx context.Context, s *service, p *publisher) error {
	var errs []error
	for touchpoint, t := range recount(p.batches()) {
		x, err := s.score(ctx, touchpoint, "interactions.count", scorev1.Window_WINDOW_ALL)
		if err != nil {
			return err
		}
		if got := int64(math.Round(x.GetValue())); got != t.count {
			errs = append(errs, fmt.Errorf("touchpoint %q: %d interactions are counted, %d were sent", touchpoint, got, t.count))
		}
	}
	for _, l := range w.m.Proto.GetLinkedMetrics() {
		x, err := s.score(ctx, "", l.GetId()+".count", scorev1.Window_WINDOW_ALL)
		if err != nil {
			return err
		}
		if x.GetN() == 0 {
			errs = append(errs, fmt.Errorf("the linked metric %s has no value: %s", l.GetId(), x.GetSuppressed()))
		}
	}
	return errors.Join(errs...)
}

// world is what events are made up of: a map. The bench's own is nil.
type world struct {
	m        *expmap.Map
	channels []string
	teams    []string
	outcomes []string
}

func readWorld(file string) (*world, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m, problems := expmap.CheckYAML(file, data)
	if m == nil {
		return nil, fmt.Errorf("%v", problems)
	}
	w := &world{m: m, channels: slices.Sorted(maps.Keys(m.Channels)), teams: slices.Sorted(maps.Keys(m.Teams))}
	for _, o := range m.Proto.GetOutcomes() {
		w.outcomes = append(w.outcomes, o.GetId())
	}
	if len(w.channels) == 0 || len(w.teams) == 0 || len(w.outcomes) < 2 {
		return nil, fmt.Errorf("%s declares no channels, no teams, or fewer than two outcomes", file)
	}
	return w, nil
}

// values is how many values an event has in the mean.
func (w *world) values() float64 {
	n := 0
	for _, t := range w.m.Touchpoints {
		n += len(w.metrics(t))
	}
	return float64(n) / float64(len(w.m.Touchpoints))
}

// metrics are those of a touchpoint, as many as an event can carry.
func (w *world) metrics(t *expmap.Touchpoint) []string {
	all := t.Proto.GetMetrics()
	return all[:min(len(amounts{}), len(all))]
}

// Of a map's world so many customers come again so many times, then so many others, however long the run.
const (
	returning = 5000
	times     = 4
)

// persons tells whose the event of a number is. Of a map's world two events are the legs of one contact, and customers come again,
// so that there is something to link; of the bench's own each is of a contact and a customer of its own.
func (w *world) persons(number uint64) (contact, customer uint64) {
	if w == nil {
		return mix(number), mix(number + 1)
	}
	n := number / 2
	return mix(n), mix(n/(returning*times)*returning + n%returning + 1<<60)
}

func (l load) organisation() string {
	if l.world == nil {
		return organisation
	}
	return l.world.m.Organisation
}

// corrected is the outcome that a correction says.
func (l load) corrected() string {
	if l.world == nil {
		return "resolved"
	}
	return l.world.outcomes[1]
}

// invent makes an event of the load's world.
func (l load) invent(r *rand.Rand, touchpoint string) event {
	e := invent(r, touchpoint)
	w := l.world
	if w == nil {
		return e
	}
	t := w.m.Touchpoints[touchpoint]
	e.team, e.outcome, e.segment = pick(r, w.teams), w.outcomes[0], ""
	if r.IntN(3) == 0 {
		e.outcome = pick(r, w.outcomes[1:])
	}
	if e.channel = pick(r, w.channels); len(t.Proto.GetChannels()) > 0 {
		e.channel = pick(r, t.Proto.GetChannels())
	}
	e.metrics, e.values, e.attributes = w.metrics(t), amounts{}, map[string]string{}
	for i, id := range e.metrics {
		const mean, most = 30, 3000 // units
		// Odd, and odd when a correction halves it: the placeholder of a version is neither.
		e.values[i] = int64(min(r.ExpFloat64()*mean, most)*float64(w.m.Metrics[id].Resolution)) | 3
	}
	for _, a := range w.m.Proto.GetAttributes() {
		e.attributes[a.GetId()] = pick(r, a.GetValues())
	}
	return e
}
