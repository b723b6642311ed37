package state

import (
	"encoding/binary"
	"errors"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// entry is a fact in the ledger: which version holds, and all that it takes to undo what it counted.
type entry struct {
	hi, lo   uint64 // identity
	kind     factv1.Kind
	flags    uint8
	version  uint64
	digest   [16]byte
	position uint64 // stream sequence of the version that holds
	index    uint32 // and its place in that message
	first    uint64 // stream sequence of the first delivery
	firstIdx uint32
	org      uint32
	imported uint32 // symbol of the import id
	recorded int64  // ms; only of what has no time of its own: a retraction, an answer that its interaction gives a time

	at                                 int64 // ms: occurred_at, about_time (0 = none), period_start
	touchpoint, channel, team, outcome uint32
	attributes                         []uint32 // symbols of "key=value", and of the agent where agents are counted
	metrics                            []value
	answers                            []uint64 // numbers of the answers about this interaction
	customer                           [16]byte // keyed hash; only where customers are followed or compared, as what comes next
	contact                            uint64   // hash of the contact's; of the fact's identity where it names none
	topics                             []uint32 // symbols of "key=value" of attributes that are topics and no breakdown
	question                           uint32
	value                              int64
	named                              bool   // an answer that names its customer itself
	response                           uint64 // hash of an answer's response; 0 for none
	about                              uint64 // number + 1 of the interaction asked about, or of the contested fact
	metric                             uint32
	sum                                int64
	n                                  uint64
}

type value struct {
	measure uint32
	v       int64
}

const (
	flagContent     = 1 << iota // has content: not retracted, not awaited
	flagAwaited                 // a fact that answers or a dispute refer to and that was never delivered
	flagSimulated               // from the simulator
	flagHistory                 // its version came as history
	flagConflict                // another content with an equal version was seen
	flagUncountable             // names a measure that no map declares
	flagCustomer                // of a customer who is followed or compared; of an answer also: of a response
	flagExcluded                // a dispute about it was ruled so; it belongs to the identity and outlives its versions
)

func (e *entry) has(flag uint8) bool { return e.flags&flag != 0 }

// counts reports whether an entry counts what it says, as far as itself is concerned.
func (e *entry) counts() bool { return e.flags&(flagContent|flagExcluded) == flagContent }

func (e *entry) set(flag uint8, on bool) {
	e.flags &^= flag
	if on {
		e.flags |= flag
	}
}

// identityOf reads an encoded entry's identity.
func identityOf(b []byte) (hi, lo uint64) {
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
}

// append encodes the entry.
func (e *entry) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, e.hi)
	b = binary.BigEndian.AppendUint64(b, e.lo)
	b = append(b, byte(e.kind), e.flags)
	b = append(b, e.digest[:]...)
	b = binary.AppendUvarint(b, e.version)
	b = binary.AppendUvarint(b, e.position)
	b = binary.AppendUvarint(b, uint64(e.index))
	b = binary.AppendUvarint(b, e.position-e.first)
	b = binary.AppendUvarint(b, uint64(e.firstIdx))
	b = binary.AppendUvarint(b, uint64(e.org))
	b = binary.AppendUvarint(b, uint64(e.imported))
	if e.kind == factv1.Kind_KIND_INTERACTION {
		b = binary.AppendUvarint(b, uint64(len(e.answers)))
		for _, a := range e.answers {
			b = binary.AppendUvarint(b, a)
		}
	}
	if e.kind == factv1.Kind_KIND_ANSWER || e.kind == factv1.Kind_KIND_DISPUTE {
		b = binary.AppendUvarint(b, e.about)
	}
	if !e.has(flagContent) {
		if !e.has(flagAwaited) {
			b = binary.AppendVarint(b, e.recorded)
		}
		return b
	}
	b = binary.AppendVarint(b, e.at)
	b = binary.AppendUvarint(b, uint64(e.touchpoint))
	b = binary.AppendUvarint(b, uint64(e.channel))
	b = binary.AppendUvarint(b, uint64(e.team))
	switch e.kind {
	case factv1.Kind_KIND_INTERACTION:
		b = binary.AppendUvarint(b, uint64(e.outcome))
		b = binary.AppendUvarint(b, uint64(len(e.attributes)))
		for _, a := range e.attributes {
			b = binary.AppendUvarint(b, uint64(a))
		}
		b = binary.AppendUvarint(b, uint64(len(e.metrics)))
		for _, m := range e.metrics {
			b = binary.AppendUvarint(b, uint64(m.measure))
			b = binary.AppendVarint(b, m.v)
		}
		if e.has(flagCustomer) {
			b = append(b, e.customer[:]...)
			b = binary.BigEndian.AppendUint64(b, e.contact)
			b = binary.AppendUvarint(b, uint64(len(e.topics)))
			for _, t := range e.topics {
				b = binary.AppendUvarint(b, uint64(t))
			}
		}
	case factv1.Kind_KIND_ANSWER:
		b = binary.AppendUvarint(b, uint64(e.question))
		b = binary.AppendVarint(b, e.value)
		if e.has(flagCustomer) {
			b = e.appendWho(b)
		}
		if e.at == 0 {
			b = binary.AppendVarint(b, e.recorded)
		}
	case factv1.Kind_KIND_OBSERVATION:
		b = binary.AppendUvarint(b, uint64(e.metric))
		b = binary.AppendVarint(b, e.sum)
		b = binary.AppendUvarint(b, e.n)
	case factv1.Kind_KIND_DISPUTE:
		b = binary.AppendVarint(b, e.value)
	}
	return b
}

var errEntry = errors.New("a ledger entry is damaged: rebuild the state")

// decode fills e from its encoding, reusing its slices.
func (e *entry) decode(b []byte) error {
	if len(b) < 34 {
		return errEntry
	}
	*e = entry{attributes: e.attributes[:0], metrics: e.metrics[:0], answers: e.answers[:0], topics: e.topics[:0]}
	e.hi, e.lo = identityOf(b)
	e.kind, e.flags = factv1.Kind(b[16]), b[17]
	copy(e.digest[:], b[18:34])
	r := blockReader{b: b[34:]}
	e.version = r.uint()
	e.position = r.uint()
	e.index = uint32(r.uint())
	e.first = e.position - r.uint()
	e.firstIdx = uint32(r.uint())
	e.org = uint32(r.uint())
	e.imported = uint32(r.uint())
	if e.kind == factv1.Kind_KIND_INTERACTION {
		for n := r.uint(); n > 0 && r.err == nil; n-- {
			e.answers = append(e.answers, r.uint())
		}
	}
	if e.kind == factv1.Kind_KIND_ANSWER || e.kind == factv1.Kind_KIND_DISPUTE {
		e.about = r.uint()
	}
	if e.has(flagContent) {
		e.at = r.int()
		e.touchpoint, e.channel, e.team = uint32(r.uint()), uint32(r.uint()), uint32(r.uint())
		switch e.kind {
		case factv1.Kind_KIND_INTERACTION:
			e.outcome = uint32(r.uint())
			for n := r.uint(); n > 0 && r.err == nil; n-- {
				e.attributes = append(e.attributes, uint32(r.uint()))
			}
			for n := r.uint(); n > 0 && r.err == nil; n-- {
				e.metrics = append(e.metrics, value{uint32(r.uint()), r.int()})
			}
			if e.has(flagCustomer) {
				copy(e.customer[:], r.bytes(16))
				e.contact = r.uint64()
				for n := r.uint(); n > 0 && r.err == nil; n-- {
					e.topics = append(e.topics, uint32(r.uint()))
				}
			}
		case factv1.Kind_KIND_ANSWER:
			e.question, e.value = uint32(r.uint()), r.int()
			if e.has(flagCustomer) {
				e.decodeWho(&r)
			}
		case factv1.Kind_KIND_OBSERVATION:
			e.metric, e.sum, e.n = uint32(r.uint()), r.int(), r.uint()
		case factv1.Kind_KIND_DISPUTE:
			e.value = r.int()
		}
	}
	if len(r.b) > 0 && r.err == nil && (!e.has(flagContent) || e.kind == factv1.Kind_KIND_ANSWER && e.at == 0) {
		e.recorded = r.int()
	}
	if r.err != nil || len(r.b) > 0 {
		return errEntry
	}
	return nil
}
