package state

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
)

var now = time.Date(2026, 3, 29, 15, 4, 5, 0, time.UTC)

var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}()

func counting(string) (*Counting, error) {
	return &Counting{
		Zone: berlin, Channel: true, Team: true, Attributes: map[string]bool{"segment": true},
		Resolution: map[string]int64{"wait": 1000, "talk": 1000, "cost": 100, "recommend": 1, "easy": 1, "staff": 1},
	}, nil
}

// life drives a state as a fold does: applies batches, flushes, and is loaded again.
type life struct {
	t     interface{ Fatal(...any) }
	st    fold.Store
	maps  Maps
	s     *State
	seq   uint64
	write fold.Write
}

func begin(t interface{ Fatal(...any) }) *life { return beginBy(t, counting) }

func beginBy(t interface{ Fatal(...any) }, maps Maps) *life {
	st, err := memstore.New().Open("x")
	if err != nil {
		t.Fatal(err)
	}
	l := &life{t: t, st: st, maps: maps}
	l.restart()
	return l
}

func (l *life) restart() {
	l.s = New(l.maps, func() time.Time { return now })
	if err := l.s.Load(l.st); err != nil {
		l.t.Fatal(err)
	}
	p, err := l.st.Position()
	if err != nil {
		l.t.Fatal(err)
	}
	l.seq = p.Sequence
}

func (l *life) apply(facts ...*factv1.RecordedFact) {
	b, err := proto.Marshal(&factv1.RecordedBatch{Facts: facts})
	if err != nil {
		l.t.Fatal(err)
	}
	l.seq++
	if err := l.s.Apply(fold.Message{Sequence: l.seq, Subject: "ts.fact.acme.0", Data: b}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) flush() {
	l.write.Reset()
	if err := l.s.Flush(&l.write); err != nil {
		l.t.Fatal(err)
	}
	p, err := l.st.Position()
	if err != nil {
		l.t.Fatal(err)
	}
	l.write.Expect, l.write.Position = p, fold.Position{Sequence: l.seq}
	if err := l.st.Commit(&l.write); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) hash() string {
	d, err := l.s.Digest(now)
	if err != nil {
		l.t.Fatal(err)
	}
	return d.Hash
}

// seal gives a fact the digest of its content, as ingest does.
func seal(f *factv1.RecordedFact) *factv1.RecordedFact {
	f.Digest = nil
	if f.Content == nil {
		f.Digest = make([]byte, 16)
		return f
	}
	c := proto.Clone(f).(*factv1.RecordedFact)
	c.Version, c.RecordedAtMs, c.History, c.ImportId = 0, 0, false, ""
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil {
		panic(err)
	}
	d := sha256.Sum256(b)
	f.Digest = d[:16]
	return f
}

func pick[T any](r *rand.Rand, xs ...T) T { return xs[r.IntN(len(xs))] }

// random makes any version of any of n facts.
func random(r *rand.Rand, n int) *factv1.RecordedFact {
	f := &factv1.RecordedFact{Source: pick(r, "pbx", "crm"), Id: fmt.Sprint(r.IntN(n)), Version: r.Uint64N(4), RecordedAtMs: r.Int64N(1e12)}
	at := now.Add(-time.Duration(r.Int64N(int64(pick(r, 30*time.Minute, 3*24*time.Hour, 60*24*time.Hour))))).UnixMilli()
	touchpoint, channel, team := pick(r, "call", "chat"), pick(r, "", "voice"), pick(r, "", "north", "south")
	switch r.IntN(4) {
	case 0, 1:
		f.Kind = factv1.Kind_KIND_INTERACTION
		if r.IntN(5) == 0 {
			break
		}
		i := &factv1.RecordedInteraction{OccurredAtMs: at, Touchpoint: touchpoint, Channel: channel, Team: team, Outcome: pick(r, "", "answered", "abandoned")}
		for _, m := range []string{"cost", "talk", "wait"} {
			if r.IntN(3) > 0 {
				i.Metrics = append(i.Metrics, &factv1.RecordedMetric{Metric: m, Value: r.Int64N(pick(r, int64(5), 30_000, 500_000, 1<<46)) - r.Int64N(1000)})
			}
		}
		if r.IntN(2) == 0 {
			i.Attributes = []*factv1.RecordedAttribute{{Key: "segment", Value: pick(r, "home", "work")}}
		}
		f.Content = &factv1.RecordedFact_Interaction{Interaction: i}
	case 2:
		f.Kind = factv1.Kind_KIND_ANSWER
		if r.IntN(4) > 0 {
			f.AboutSource, f.AboutId = pick(r, "pbx", "crm"), fmt.Sprint(r.IntN(n))
		}
		if r.IntN(5) == 0 {
			break
		}
		a := &factv1.RecordedAnswer{Question: pick(r, "recommend", "easy"), Value: r.Int64N(11)}
		if f.AboutId == "" || r.IntN(2) == 0 {
			a.AboutTimeMs, a.Touchpoint, a.Channel, a.Team = at, touchpoint, channel, team
		}
		f.Content = &factv1.RecordedFact_Answer{Answer: a}
	case 3:
		f.Kind = factv1.Kind_KIND_OBSERVATION
		if r.IntN(5) == 0 {
			break
		}
		f.Content = &factv1.RecordedFact_Observation{Observation: &factv1.RecordedObservation{
			Metric: "staff", PeriodStartMs: at, PeriodEndMs: at + 1, Sum: r.Int64N(1e15) - 5e14, N: r.Uint64N(1000) + 1,
			Touchpoint: touchpoint, Channel: channel, Team: team,
		}}
	}
	return seal(f)
}

// play applies deliveries in a shuffled order, some twice and three times, in batches of any size, with flushes and
// restarts anywhere.
func play(t interface{ Fatal(...any) }, r *rand.Rand, facts []*factv1.RecordedFact) *life {
	return playBy(t, counting, r, facts)
}

func playBy(t interface{ Fatal(...any) }, maps Maps, r *rand.Rand, facts []*factv1.RecordedFact) *life {
	var all []*factv1.RecordedFact
	for _, f := range facts {
		for range 1 + r.IntN(3) {
			all = append(all, f)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	l := beginBy(t, maps)
	var unflushed [][]*factv1.RecordedFact
	for len(all) > 0 {
		n := min(len(all), 1+r.IntN(20))
		l.apply(all[:n]...)
		unflushed = append(unflushed, all[:n])
		all = all[n:]
		switch r.IntN(5) {
		case 0:
			l.flush()
			unflushed = nil
		case 1: // crash: what was not flushed comes again from the stream
			l.restart()
			for _, b := range unflushed {
				l.apply(b...)
			}
		}
	}
	if r.IntN(2) == 0 {
		l.flush()
		l.restart()
	}
	return l
}

// The state is a function of the set of facts, whatever their order, repetitions and the restarts in between.
func TestOrderFree(t *testing.T) {
	histories := 1000
	if testing.Short() {
		histories = 100
	}
	for seed := range uint64(histories) {
		r := rand.New(rand.NewPCG(seed, 1))
		var facts []*factv1.RecordedFact
		for range 5 + r.IntN(80) {
			facts = append(facts, random(r, 1+r.IntN(30)))
		}
		a, b := play(t, r, facts), play(t, r, facts)
		if a.hash() != b.hash() {
			t.Fatalf("seed %d: two orders of the same %d facts give two states", seed, len(facts))
		}
		same(t, seed, a, facts)
	}
}

// same compares all sums with a naive recount.
func same(t *testing.T, seed uint64, l *life, facts []*factv1.RecordedFact) {
	t.Helper()
	sameAs(t, seed, l, recount(facts, nil))
}

func sameAs(t interface{ Fatalf(string, ...any) }, seed uint64, l *life, want recounted) {
	sums(t, seed, l, want, want)
}

// sums compares all sums with those of what should count, and what is listed with what should be.
func sums(t interface{ Fatalf(string, ...any) }, seed uint64, l *life, want, shown recounted) {
	l.s.View("acme", func(v *View) {
		today := dayOf(now, berlin)
		for _, sc := range []Scope{
			{},
			{Touchpoint: "call"},
			{Touchpoint: "chat"},
			{Touchpoint: "call", Breakdown: "team", Value: "north"},
			{Breakdown: "channel", Value: "voice"},
			{Touchpoint: "chat", Breakdown: "attribute:segment", Value: "home"},
			{Touchpoints: []string{"chat", "gone", "call"}},
			{Touchpoints: []string{"chat"}, Breakdown: "channel", Value: "voice"},
			{Touchpoints: []string{}},
			{Breakdown: "team", Parts: []Part{{"south", FirstDay, LastDay}, {"gone", FirstDay, LastDay}, {"north", today - 20, today - 1}, {"north", today, LastDay}}},
			{Touchpoint: "call", Breakdown: "team", Parts: []Part{{"north", FirstDay, today}, {"south", today, today + 1}}},
		} {
			for _, measure := range []string{"wait", "recommend", "staff"} {
				for _, w := range []scorev1.Window{scorev1.Window_WINDOW_5M, scorev1.Window_WINDOW_1H, scorev1.Window_WINDOW_24H, scorev1.Window_WINDOW_7D, scorev1.Window_WINDOW_28D, scorev1.Window_WINDOW_13W, scorev1.Window_WINDOW_ALL} {
					span := Live(w, now, berlin)
					got := v.Sample(sc, cell.Needs{Measure: measure, Distribution: true}, span)
					var adder cell.Adder
					for _, m := range got.Measure {
						adder.Add(m, true)
					}
					all := adder.Take()
					n, values, sum, observed := want.sum(sc, measure, span)
					listed := int64(0)
					still, _, _, _ := shown.sum(sc, measure, span)
					if _, _, err := v.Facts(0, 1<<20, func(f *Fact) bool {
						if f.Kind == factv1.Kind_KIND_INTERACTION && v.In(f, sc, span) {
							listed++
						}
						return true
					}); err != nil || listed != still {
						t.Fatalf("seed %d %+v %v: %d facts listed, want %d (%v)", seed, sc, w, listed, still, err)
					}
					if got.Offered() != n || all.N != values || all.Sum.String() != fmt.Sprint(sum) || all.ObservedN != observed || all.Hist.Total() != values {
						t.Fatalf("seed %d %+v %s %v: got %d interactions, %d values, sum %s, %d observed; want %d, %d, %d, %d",
							seed, sc, measure, w, got.Offered(), all.N, all.Sum, all.ObservedN, n, values, sum, observed)
					}
				}
			}
		}
	})
}

type recounted []counted

// counted is one case, by the plainest reading of the rules.
type counted struct {
	at                        int64
	touchpoint, channel, team string
	segment                   string
	interaction               bool
	values                    map[string]int64
	observedN                 int64
}

// recount counts the newest versions, but for what is ruled out by name.
func recount(facts []*factv1.RecordedFact, out map[string]bool) (all recounted) {
	newest := map[string]*factv1.RecordedFact{}
	for _, f := range facts {
		k := nameOf(f)
		o := newest[k]
		if o == nil || f.Version > o.Version || f.Version == o.Version && string(f.Digest) > string(o.Digest) {
			newest[k] = f
		}
	}
	for _, f := range newest {
		if f.Content == nil || out[nameOf(f)] {
			continue
		}
		switch f.Kind {
		case factv1.Kind_KIND_INTERACTION:
			all = append(all, interactionCase(f.GetInteraction()))
		case factv1.Kind_KIND_ANSWER:
			a := f.GetAnswer()
			c := counted{at: a.AboutTimeMs, touchpoint: a.Touchpoint, channel: a.Channel, team: a.Team}
			if i := newest[fmt.Sprint(factv1.Kind_KIND_INTERACTION, "|", f.AboutSource, "|", f.AboutId, "|", "", "|", "")]; f.AboutId != "" && i != nil && i.Content != nil {
				c = interactionCase(i.GetInteraction())
				c.interaction = false
			}
			if c.at == 0 || c.touchpoint == "" {
				continue
			}
			c.values = map[string]int64{a.Question: a.Value}
			all = append(all, c)
		case factv1.Kind_KIND_OBSERVATION:
			o := f.GetObservation()
			all = append(all, counted{at: o.PeriodStartMs, touchpoint: o.Touchpoint, channel: o.Channel, team: o.Team, observedN: int64(o.N)})
		}
	}
	return all
}

func nameOf(f *factv1.RecordedFact) string {
	return fmt.Sprint(f.Kind, "|", f.Source, "|", f.Id, "|", f.AboutSource, "|", f.AboutId)
}

func interactionCase(i *factv1.RecordedInteraction) counted {
	c := counted{at: i.OccurredAtMs, touchpoint: i.Touchpoint, channel: i.Channel, team: i.Team, interaction: true, values: map[string]int64{}}
	for _, m := range i.Metrics {
		c.values[m.Metric] = m.Value
	}
	for _, a := range i.Attributes {
		if a.Key == "segment" {
			c.segment = a.Value
		}
	}
	return c
}

func (r recounted) sum(sc Scope, measure string, span Span) (n, values, sum, observed int64) {
	for _, c := range r {
		if at := time.UnixMilli(c.at); !span.From.IsZero() && at.Before(span.From) || !at.Before(span.To) {
			continue
		}
		day := dayOf(time.UnixMilli(c.at), berlin)
		if sc.Touchpoint != "" && sc.Touchpoint != c.touchpoint ||
			sc.Touchpoints != nil && !slices.Contains(sc.Touchpoints, c.touchpoint) ||
			sc.Parts != nil && !slices.ContainsFunc(sc.Parts, func(p Part) bool { return p.Value == c.team && p.From <= day && day < p.To }) ||
			sc.Parts == nil && sc.Breakdown == "team" && sc.Value != c.team || sc.Breakdown == "channel" && sc.Value != c.channel ||
			sc.Breakdown == "attribute:segment" && sc.Value != c.segment {
			continue
		}
		if c.interaction {
			n++
		}
		if v, ok := c.values[measure]; ok {
			values++
			sum += v
		}
		if measure == "staff" {
			observed += c.observedN
		}
	}
	return n, values, sum, observed
}

// Retracting what was added restores the bytes.
func TestRetractionRestoresTheBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		l := begin(rt)
		for range 20 {
			l.apply(random(r, 10))
		}
		cells := func() map[string]string {
			d, err := l.s.Digest(now)
			if err != nil {
				rt.Fatal(err)
			}
			return d.Lines
		}
		before := cells()
		var ids []*factv1.RecordedFact
		for i := range 30 {
			f := random(r, 10)
			f.Id = fmt.Sprint("extra-", i)
			f.AboutSource, f.AboutId = "", ""
			seal(f)
			ids = append(ids, f)
			l.apply(f)
			if r.IntN(4) == 0 {
				l.flush()
			}
			if r.IntN(6) == 0 {
				l.flush()
				l.restart()
			}
		}
		r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for _, f := range ids {
			l.apply(seal(&factv1.RecordedFact{Source: f.Source, Id: f.Id, Kind: f.Kind, Version: f.Version + 1}))
		}
		after := cells()
		if len(before) != len(after) {
			rt.Fatalf("%d series before, %d after", len(before), len(after))
		}
		for k, h := range before {
			if after[k] != h {
				rt.Fatalf("%s changed", k)
			}
		}
	})
}
