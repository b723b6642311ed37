package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// sealedModel is what sealing means by its plainest reading: a set of newest versions, and frozen cases.
type sealedModel struct {
	newest  map[string]*factv1.RecordedFact
	settled map[string]*factv1.RecordedFact
	before  int64
	frozen  recounted
	past    []*factv1.RecordedFact // visits that were sealed
	cases   map[string]recounted   // frozen ones, by linked metric
}

func newSealedModel() *sealedModel {
	return &sealedModel{newest: map[string]*factv1.RecordedFact{}, settled: map[string]*factv1.RecordedFact{}, cases: map[string]recounted{}}
}

func keyOf(f *factv1.RecordedFact) string {
	return fmt.Sprint(f.Kind, "|", f.Source, "|", f.Id, "|", f.AboutSource, "|", f.AboutId)
}

func aboutKey(f *factv1.RecordedFact) string {
	return fmt.Sprint(factv1.Kind_KIND_INTERACTION, "|", f.AboutSource, "|", f.AboutId, "|", "", "|", "")
}

func ownTime(f *factv1.RecordedFact) int64 {
	switch {
	case f.GetInteraction() != nil:
		return f.GetInteraction().OccurredAtMs
	case f.GetObservation() != nil:
		return f.GetObservation().PeriodStartMs
	}
	return f.GetAnswer().GetAboutTimeMs()
}

func (m *sealedModel) deliver(f *factv1.RecordedFact) {
	k := keyOf(f)
	old := m.newest[k]
	if m.settled[k] != nil || old != nil && (f.Version < old.Version || f.Version == old.Version && string(f.Digest) <= string(old.Digest)) {
		return
	}
	if f.Content != nil && f.AboutId == "" && ownTime(f) < m.before {
		return
	}
	m.newest[k] = f
}

func (m *sealedModel) seal(c int64) {
	if c <= m.before {
		return
	}
	for _, x := range m.live() {
		if x.at < c {
			m.frozen = append(m.frozen, x)
		}
	}
	for _, l := range linkedMetrics {
		for _, x := range m.liveCases(l) {
			if x.at < c {
				m.cases[l.ID] = append(m.cases[l.ID], x)
			}
		}
	}
	gone := map[string]bool{}
	old := func(f *factv1.RecordedFact) bool { return f.RecordedAtMs < c-slack }
	for k, f := range m.newest {
		if i := f.GetInteraction(); i != nil && i.OccurredAtMs < c {
			gone[k] = true
			if f.Source == "shop" {
				f = proto.CloneOf(f)
				f.Id += fmt.Sprint("-past-", len(m.past)) // should it be sent again, moved to after the seal, it is another one
				m.past = append(m.past, f)
			}
		}
	}
	for k, f := range m.newest {
		own, has := ownTime(f), f.Content != nil
		switch f.Kind {
		case factv1.Kind_KIND_OBSERVATION:
			gone[k] = has && own < c || !has && old(f)
		case factv1.Kind_KIND_ANSWER:
			i := m.newest[aboutKey(f)]
			switch {
			case f.AboutId != "" && gone[aboutKey(f)]:
				if gone[k] = has && own < c || !has && old(f); !gone[k] {
					gone[k], m.settled[k] = true, f
				}
			case !has:
				gone[k] = old(f)
			case f.AboutId != "" && i != nil && i.Content != nil:
			default:
				gone[k] = own != 0 && own < c || own == 0 && old(f)
			}
		}
	}
	maps.DeleteFunc(m.settled, func(_ string, f *factv1.RecordedFact) bool {
		return f.Content != nil && ownTime(f) < c || f.Content == nil && old(f)
	})
	// A retraction of an interaction stays while answers about it do.
	needed := map[string]bool{}
	for k, f := range m.newest {
		if !gone[k] && f.AboutId != "" {
			needed[aboutKey(f)] = true
		}
	}
	maps.DeleteFunc(m.newest, func(k string, f *factv1.RecordedFact) bool {
		return gone[k] || f.Kind == factv1.Kind_KIND_INTERACTION && f.Content == nil && !needed[k] && old(f)
	})
	m.before = c
}

// live are the cases that still can change.
func (m *sealedModel) live() recounted {
	return slices.DeleteFunc(recount(slices.Collect(maps.Values(m.newest)), nil), func(x counted) bool { return x.at < m.before })
}

func (m *sealedModel) liveCases(l Linked) recounted {
	visits := slices.Clone(m.past)
	for _, f := range m.newest {
		if f.Source == "shop" {
			visits = append(visits, f)
		}
	}
	out, _ := cases(l, visits)
	return slices.DeleteFunc(out, func(x counted) bool { return x.at < m.before })
}

// sealMessage is a message that seals.
func sealMessage(t interface{ Fatal(...any) }, before int64) []byte {
	b, err := proto.Marshal(&factv1.RecordedBatch{SealedBeforeMs: before})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// phase is facts in any order, and then a seal.
type phase struct {
	facts []*factv1.RecordedFact
	seal  int64
}

// playSealed folds phases, each in an order of its own, with repetitions, flushes, and crashes after which messages come again.
func playSealed(t interface{ Fatal(...any) }, maps Maps, r *rand.Rand, phases []phase) *life {
	l := beginBy(t, maps)
	var unflushed [][]byte
	send := func(data []byte) {
		l.seq++
		if err := l.s.Apply(fold.Message{Sequence: l.seq, Subject: "ts.fact.acme.0", Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	then := func() {
		switch r.IntN(6) {
		case 0:
			l.flush()
			unflushed = nil
		case 1:
			l.restart()
			for _, b := range unflushed {
				send(b)
			}
		case 2:
			l.flush()
			unflushed = nil
			l.restart()
		}
	}
	for _, p := range phases {
		var all []*factv1.RecordedFact
		for _, f := range p.facts {
			for range 1 + r.IntN(2) {
				all = append(all, f)
			}
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for len(all) > 0 {
			n := min(len(all), 1+r.IntN(20))
			b, err := proto.Marshal(&factv1.RecordedBatch{Facts: all[:n]})
			if err != nil {
				t.Fatal(err)
			}
			all = all[n:]
			unflushed = append(unflushed, b)
			send(b)
			then()
		}
		if p.seal != 0 {
			b := sealMessage(t, p.seal)
			unflushed = append(unflushed, b)
			send(b)
			then()
		}
	}
	return l
}

func phases(r *rand.Rand) []phase {
	var out []phase
	for range 1 + r.IntN(4) {
		var p phase
		for range 5 + r.IntN(60) {
			f := random(r, 1+r.IntN(30))
			if r.IntN(2) == 0 {
				f = visit(r, 1+r.IntN(50))
				f.Source = "shop"
				if i := f.GetInteraction(); i != nil {
					// Of one millisecond the order is that of contacts, and the model calls what is past by another name.
					n, err := strconv.Atoi(f.Id)
					if err != nil {
						panic(err)
					}
					i.OccurredAtMs += int64(n)
				}
				seal(f)
			}
			// When it was recorded is told by what it says: two deliveries of one version agree.
			f.RecordedAtMs = now.UnixMilli() - int64(f.Digest[0])*60*day.Milliseconds()/256
			if f.Content == nil {
				f.RecordedAtMs = now.UnixMilli() - int64(f.Version)*20*day.Milliseconds()
			}
			p.facts = append(p.facts, f)
		}
		p.seal = now.Add(-time.Duration(r.Int64N(int64(40 * day)))).UnixMilli()
		out = append(out, p)
	}
	if r.IntN(2) == 0 {
		out[len(out)-1].seal = 0
	}
	return out
}

// Sealing changes no score, and what is not sealed is counted on as if nothing had been let go, whatever the order and the
// restarts in between.
func TestSealing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		r := rand.New(rand.NewPCG(seed, 9))
		all := phases(r)
		m := newSealedModel()
		for _, p := range all {
			for _, f := range p.facts {
				m.deliver(f)
			}
			m.seal(p.seal)
		}
		a, b := playSealed(rt, following, r, all), playSealed(rt, following, r, all)
		if a.hash() != b.hash() {
			rt.Fatal("two orders of the same facts give two states")
		}
		if got, want := a.s.Counts().Facts, uint64(len(m.newest)+len(m.settled)); got != want {
			rt.Fatalf("%d facts in the ledger, want %d", got, want)
		}
		live := m.live()
		sums(rt, seed, a, append(slices.Clone(m.frozen), live...), slices.DeleteFunc(live, func(x counted) bool { return !x.interaction }))
		a.s.View("acme", func(v *View) {
			sumsOfCases(rt, func(l Linked) recounted { return append(slices.Clone(m.cases[l.ID]), m.liveCases(l)...) }, func(sc Scope, measure string, span Span) *cell.Sample {
				return v.Sample(sc, cell.Needs{Measure: measure, Distribution: true}, span)
			})
		})
		a.flush()
		a.restart()
		if a.hash() != b.hash() {
			rt.Fatal("loaded, it is another state")
		}
		for _, p := range stale(a) {
			rt.Fatalf("a delivery of what was let go is kept: %x", p)
		}
	})
}

// stale are the deliveries in the store of facts that the ledger does not know.
func stale(l *life) (out [][]byte) {
	known := map[string]bool{}
	_ = l.s.ledger.Each(func(_ uint64, e []byte) error { known[string(e[:16])] = true; return nil })
	_ = l.st.Scan([]byte{keyHistory}, func(k, _ []byte) error {
		if !known[string(k[1:17])] {
			out = append(out, slices.Clone(k))
		}
		return nil
	})
	return out
}

// A seal lets memory and store go with the facts.
func TestSealingShrinks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	l := beginBy(t, following)
	for i := range 200 {
		var facts []*factv1.RecordedFact
		for k := range 50 {
			f := visit(r, 1)
			f.Id, f.Version = fmt.Sprint(i, "-", k), 1
			facts = append(facts, seal(f), seal(f))
		}
		l.apply(facts...)
	}
	l.flush()
	size := func() (n int) {
		if err := l.st.Scan(nil, func(k, v []byte) error {
			if k[0] == keyLedger || k[0] == keyHistory {
				n += len(k) + len(v)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	stored, index := size(), l.s.IndexBytes()
	lets, err := l.s.LetsGo("acme", now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	facts := l.s.Counts().Facts
	l.seq++
	if err := l.s.Apply(fold.Message{Sequence: l.seq, Subject: "ts.fact.acme.0", Data: sealMessage(t, now.UnixMilli())}); err != nil {
		t.Fatal(err)
	}
	l.flush()
	c := l.s.Counts()
	if c.LetGo != lets || c.Facts != facts-lets || lets < 5000 {
		t.Errorf("%d facts let go of %d, %d are left; %d were foretold", c.LetGo, facts, c.Facts, lets)
	}
	if size() > stored/3 || l.s.IndexBytes() > index/2 {
		t.Errorf("store %d → %d, index %d → %d bytes", stored, size(), index, l.s.IndexBytes())
	}
	if got := l.s.Seals()["acme"]; got != now.UnixMilli() {
		t.Errorf("sealed before %d", got)
	}
}
