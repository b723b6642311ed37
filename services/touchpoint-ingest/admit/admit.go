// Package admit turns a published fact into a recorded one: it checks it against the experience map, takes the person out
// of it, and encodes it. It is the only place where a customer's data is seen in the clear.
package admit

import (
	"crypto/sha256"
	"sync"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// Admitter checks and encodes facts. It may be used by any number of goroutines.
type Admitter struct {
	// SealedBefore returns before when an organisation's history is sealed, in milliseconds since 1970 UTC; 0 where nothing is.
	// It may be nil, and must be set before the first fact.
	SealedBefore func(organisation string) int64

	hasher  *seal.Hasher
	sealer  *seal.Sealer
	scratch sync.Pool // *scratch
}

// New returns an admitter that hashes and seals with these keys.
func New(hasher *seal.Hasher, sealer *seal.Sealer) *Admitter {
	return &Admitter{hasher: hasher, sealer: sealer, scratch: sync.Pool{New: func() any { return new(scratch) }}}
}

// Result is what became of one fact.
type Result struct {
	// Out is what was given, with the fact appended as one more element of a RecordedBatch; as it was given when refused.
	Out []byte
	// Hi and Lo are the identity by which the fact's partition is chosen: that of the interaction asked about for an answer
	// that has one, else its own, so that the join of both is local to a partition.
	Hi, Lo uint64
	// Refusal says why the fact is not taken; nil when it is.
	Refusal *ingestv1.Refusal
}

// scratch is one fact in the making.
type scratch struct {
	m      *expmap.Map
	source string
	now    time.Time
	f      *wire.Fact
	hashed bool  // customer ids are keyed hashes already
	before int64 // ms: what happened before is sealed

	content []byte // of the recorded content, with keyed hashes of texts where the sealed texts will stand
	sealed  []byte // of the recorded content, as it is stored
	metrics []metric
	aboutID []byte
	about   []byte // source of the interaction asked about
	texts   [2]text
	n       int // texts
}

// metric is one checked metric value.
type metric struct {
	id    []byte
	value int64
}

// text is a field that is sealed: where its stand-in was put in content, and what was sealed.
type text struct {
	at     int // of the field's tag in content
	end    int
	field  int
	sealed []byte
}

// Admit appends f to dst as recorded, or says why it is refused. now is when it was received. f is as its publisher of this
// source sent it; importID is empty for live facts.
func (a *Admitter) Admit(dst []byte, m *expmap.Map, source string, importID []byte, now time.Time, f *wire.Fact) Result {
	return a.admit(dst, m, source, importID, now, f, false)
}

// AdmitHashed is Admit for a fact of our own making, whose customer id is its keyed hash in hexadecimal, and whose agent may be
// one after seal.AgentHashed.
func (a *Admitter) AdmitHashed(dst []byte, m *expmap.Map, source string, importID []byte, now time.Time, f *wire.Fact) Result {
	return a.admit(dst, m, source, importID, now, f, true)
}

func (a *Admitter) admit(dst []byte, m *expmap.Map, source string, importID []byte, now time.Time, f *wire.Fact, hashed bool) Result {
	s, ok := a.scratch.Get().(*scratch)
	if !ok {
		s = new(scratch)
	}
	defer a.scratch.Put(s)
	*s = scratch{m: m, source: source, now: now, f: f, hashed: hashed, content: s.content[:0], sealed: s.sealed[:0], metrics: s.metrics[:0]}
	if a.SealedBefore != nil {
		s.before = a.SealedBefore(m.Organisation)
	}
	if why := s.check(); why != nil {
		return Result{Out: dst, Refusal: why}
	}
	field, why := a.encode(s)
	if why != nil {
		return Result{Out: dst, Refusal: why}
	}
	r := Result{}
	if len(s.aboutID) > 0 {
		r.Hi, r.Lo = wire.Identity(m.Organisation, factv1.Kind_KIND_INTERACTION, s.about, s.aboutID, nil, nil)
	} else {
		r.Hi, r.Lo = wire.Identity(m.Organisation, f.Kind, []byte(source), f.ID, nil, nil)
	}
	r.Out = s.record(dst, importID, field)
	return r
}

// Sync makes the keys durable by which texts were sealed. It must return before a fact that Admit sealed is stored: a text
// whose key a power cut took could be read by nobody.
func (a *Admitter) Sync() error { return a.sealer.Sync() }

// record appends the recorded fact.
func (s *scratch) record(dst, importID []byte, field int) []byte {
	f, stored := s.f, s.content
	if s.n > 0 {
		stored = s.sealed
	}
	size := sizeBytes(1, len(s.source)) + sizeBytes(2, len(f.ID)) + sizeVarint(4, uint64(f.Kind)) +
		sizeVarint(6, zigzag(s.now.UnixMilli())) + sizeBytes(8, len(importID)) + sizeBytes(12, len(s.about)) + sizeBytes(13, len(s.aboutID))
	if f.Version != 0 {
		size += sizeVarint(3, f.Version)
	}
	if len(importID) > 0 {
		size += 2
	}
	if !f.Retract {
		size += 2 + 16 + 1 + lenVarint(uint64(len(stored))) + len(stored)
	}
	b := appendTag(dst, 1, 2)
	b = appendUvarint(b, uint64(size))
	b = appendBytes(b, 1, s.source)
	b = appendBytes(b, 2, f.ID)
	if f.Version != 0 {
		b = appendVarint(b, 3, f.Version)
	}
	b = appendVarint(b, 4, uint64(f.Kind))
	if !f.Retract {
		// The digest is of what was said, so two deliveries of one text agree although each seals it differently.
		sum := sha256.Sum256(s.content)
		b = appendBytes(b, 5, sum[:16])
	}
	b = appendVarint(b, 6, zigzag(s.now.UnixMilli()))
	if len(importID) > 0 {
		b = appendVarint(b, 7, 1)
		b = appendBytes(b, 8, importID)
	}
	if !f.Retract {
		b = appendTag(b, field, 2)
		b = appendUvarint(b, uint64(len(stored)))
		b = append(b, stored...)
	}
	b = appendBytes(b, 12, s.about)
	return appendBytes(b, 13, s.aboutID)
}
