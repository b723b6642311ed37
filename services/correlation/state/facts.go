package state

import (
	"encoding/binary"
	"slices"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/ledger"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// Fact is what the ledger knows of one fact: the version that holds, and where it counts.
type Fact struct {
	Number   uint64 // place in the ledger: order of first arrival
	Kind     factv1.Kind
	Version  uint64
	Content  bool // false when retracted
	Conflict bool
	History  bool
	ImportID string
	Position uint64 // of the version that holds, in TS_FACT
	Index    uint32 // its place in that message

	Counted    bool // whether it counts anywhere
	Waits      bool // an answer that waits for its interaction
	Excluded   bool // ruled out: it counts nowhere, whatever else holds
	Sealed     bool // an answer that would count, or counts, at a time that is sealed: nothing changes it
	At         time.Time
	Touchpoint string
	Channel    string
	Team       string
	Outcome    string
	Attributes []string         // "key=value"
	Values     map[string]int64 // metric, question or linked metric → value, in its resolution
	Sum        int64            // of an observation
	N          uint64           // of an observation
	Measure    string           // of an observation
}

// Delivery is one arrival of one version.
type Delivery struct {
	Position uint64
	Index    uint32
	Version  uint64
	Verdict  scorev1.Verdict
}

// Fact returns a fact and every delivery of it, oldest first; nil when the identity was never delivered.
func (v *View) Fact(kind factv1.Kind, source, id, aboutSource, aboutID string) (*Fact, []Delivery, error) {
	if v.org == nil {
		return nil, nil, nil
	}
	hi, lo := wire.Identity(v.org.name, kind, []byte(source), []byte(id), []byte(aboutSource), []byte(aboutID))
	number, enc, found, err := v.s.ledger.Lookup(hi, lo)
	if err != nil || !found {
		return nil, nil, err
	}
	var e entry
	if err := e.decode(enc); err != nil {
		return nil, nil, err
	}
	if e.has(flagAwaited) {
		return nil, nil, nil
	}
	f, err := v.fact(number, &e)
	if err != nil {
		return nil, nil, err
	}
	prefix := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{keyHistory}, hi), lo)
	deliveries := []Delivery{{Position: e.first, Index: e.firstIdx, Verdict: scorev1.Verdict_VERDICT_NEW, Version: e.version}}
	later := func(k, b []byte) error {
		version, n := binary.Uvarint(b)
		if n <= 0 || n >= len(b) || len(k) != 29 {
			return errEntry
		}
		deliveries = append(deliveries, Delivery{
			Position: binary.BigEndian.Uint64(k[17:]), Index: binary.BigEndian.Uint32(k[25:]),
			Version: version, Verdict: scorev1.Verdict(b[n]),
		})
		return nil
	}
	if err := v.s.store.Scan(prefix, later); err != nil {
		return nil, nil, err
	}
	for _, p := range v.s.history { // not flushed yet
		if len(p.Key) >= len(prefix) && string(p.Key[:len(prefix)]) == string(prefix) {
			if err := later(p.Key, p.Value); err != nil {
				return nil, nil, err
			}
		}
	}
	return f, deliveries, nil
}

// Facts calls f for the organisation's facts from a place in the ledger on, in order of first arrival, until f returns
// false or limit entries were looked at. It returns the place to go on from, and whether there is more.
func (v *View) Facts(from uint64, limit int, f func(*Fact) bool) (next uint64, more bool, err error) {
	if v.org == nil {
		return 0, false, nil
	}
	stop := false
	var e entry
	for from < v.s.ledger.Len() && limit > 0 && !stop {
		err := v.s.ledger.ReadChunk(from, func(number uint64, enc []byte) error {
			if stop {
				return nil
			}
			from = number + 1
			limit--
			if len(enc) == 0 {
				return nil // sealed
			}
			if err := e.decode(enc); err != nil {
				return err
			}
			if e.org != v.org.sym || e.has(flagAwaited) {
				return nil
			}
			x, err := v.fact(number, &e)
			if err != nil {
				return err
			}
			stop = !f(x)
			return nil
		})
		if err != nil {
			return 0, false, err
		}
	}
	return from, from < v.s.ledger.Len(), nil
}

// LedgerChunk is how many entries are read at once: a good limit for Facts is a multiple of it.
const LedgerChunk = ledger.ChunkEntries

func (v *View) fact(number uint64, e *entry) (*Fact, error) {
	name := v.s.symbols.name
	f := &Fact{
		Number: number, Kind: e.kind, Version: e.version, Content: e.has(flagContent), Conflict: e.has(flagConflict),
		History: e.has(flagHistory), Excluded: e.has(flagExcluded), ImportID: name(e.imported), Position: e.position, Index: e.index, Values: map[string]int64{},
	}
	if !f.Content {
		return f, nil
	}
	c := contextOf(e)
	switch e.kind {
	case factv1.Kind_KIND_INTERACTION:
		f.Counted = true
		for _, m := range e.metrics {
			f.Values[name(m.measure)] = m.v
		}
		v.linkedValues(f, e)
	case factv1.Kind_KIND_ANSWER:
		f.Values[name(e.question)] = e.value
		var interaction *entry
		if f.Sealed = e.about == aboutSealed; e.about > 0 && !f.Sealed {
			enc, err := v.s.ledger.Read(e.about - 1)
			if err != nil {
				return nil, err
			}
			interaction = new(entry)
			if err := interaction.decode(enc); err != nil {
				return nil, err
			}
		}
		c, f.Counted = answerContext(e, interaction)
		f.Waits = !f.Counted && !f.Sealed
		f.Sealed = f.Sealed || f.Counted && c.at < v.org.sealed
		f.Counted = f.Counted && !f.Sealed
		if f.Counted && v.org.felt != nil {
			v.perceivedValues(f, e, interaction)
		}
		if f.Counted && v.org.gaps != nil {
			v.gapValues(f, e, interaction)
		}
	case factv1.Kind_KIND_OBSERVATION:
		f.Counted = true
		f.Measure, f.Sum, f.N = name(e.metric), e.sum, e.n
	}
	f.Counted = f.Counted && !f.Excluded
	f.At = time.UnixMilli(c.at).UTC()
	f.Touchpoint, f.Channel, f.Team, f.Outcome = name(c.touchpoint), name(c.channel), name(c.team), name(c.outcome)
	for _, a := range c.attributes {
		if n := name(a); !isAgent(n) { // of an agent nothing is told fact by fact
			f.Attributes = append(f.Attributes, n)
		}
	}
	return f, nil
}

// In reports whether a fact counts in a scope and span.
func (v *View) In(f *Fact, sc Scope, span Span) bool { return f.Counted && v.lies(f, sc, span) }

// lies reports whether a fact's context is in a scope and span.
func (v *View) lies(f *Fact, sc Scope, span Span) bool {
	if sc.Touchpoint != "" && sc.Touchpoint != f.Touchpoint ||
		sc.Touchpoint == "" && sc.Touchpoints != nil && !slices.Contains(sc.Touchpoints, f.Touchpoint) {
		return false
	}
	if sc.Parts == nil && !f.has(sc.Breakdown, sc.Value) {
		return false
	}
	day := dayOf(f.At, v.org.counting.Zone)
	if sc.Parts != nil && !slices.ContainsFunc(sc.Parts, func(p Part) bool {
		return p.From <= day && day < p.To && f.has(sc.Breakdown, p.Value)
	}) {
		return false
	}
	for _, p := range span.Pieces {
		if b := bucketOf(p.Tier, f.At, v.org.counting.Zone); b >= p.From && b < p.To {
			return true
		}
	}
	return false
}

// has reports whether a fact has a value of a breakdown.
func (f *Fact) has(breakdown, of string) bool {
	switch b, value := breakdownOf(Scope{Breakdown: breakdown, Value: of}); b {
	case byChannel:
		return f.Channel == value
	case byTeam:
		return f.Team == value
	case byAttribute:
		return slices.Contains(f.Attributes, value)
	default:
		return true
	}
}

// Without is Sample as it would be if a fact had never been recorded, its answers' places aside.
func (v *View) Without(f *Fact, sc Scope, measure string, span Span) *cell.Sample {
	needs := cell.Needs{Measure: measure, Distribution: true}
	s := v.Sample(sc, needs, span)
	if !f.Counted {
		return s
	}
	return v.With(s, []*Fact{f}, -1, sc, needs, span)
}
