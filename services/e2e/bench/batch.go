package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// role is what a slot of a batch does each time the batch is sent.
type role int

const (
	fresh      role = iota // a new fact
	late                   // a new fact, hours to days old
	duplicate              // a fact sent before, again
	correction             // a higher version of a fact sent before
)

// roleOf spreads 1% late facts, 1% duplicates and 0.5% corrections over the slots of all batches.
func roleOf(n int) role {
	switch {
	case n%100 == 7:
		return late
	case n%100 == 57:
		return duplicate
	case n%200 == 133:
		return correction
	default:
		return fresh
	}
}

// batch is an encoded PublishStreamRequest that is sent again and again: only its numbers and times are written anew, in
// place, each in as many bytes as before. That costs the generator some 50 ns an event.
type batch struct {
	index    int
	frame    []byte
	sequence int // where the sequence stands in frame
	slots    []slot
	uses     []use
	world    *world
}

// slot is one fact of a batch.
type slot struct {
	event                                   event
	role                                    role
	of                                      int          // the slot whose fact a duplicate or correction means
	start, end                              int          // of the Fact in frame
	id, contact, customer, seconds, version int          // where they stand in frame
	corrected                               map[int]bool // uses whose fact of was corrected
}

// use is one sending of a batch: the number of its first fact, and when.
type use struct {
	first uint64
	now   int64
}

const (
	idPrefix = "pbx-frankfurt-02:"
	// Placeholders, each of the length of all that will stand in its place.
	anID, aContact, aCustomer = 0xf1f1f1f1f1f1f1f1, 0xf2f2f2f2f2f2f2f2, 0xf3f3f3f3f3f3f3f3
	aSecond                   = 1_700_000_000
	aVersion                  = 1 << 14 // to 1<<21 − 1: three bytes
	aSequence                 = 1 << 28 // to 1<<35 − 1: five bytes
)

// newBatch makes a batch of a load, counting its slots from first on.
func newBatch(r *rand.Rand, index, first int, l load) *batch {
	b := &batch{index: index, slots: make([]slot, l.size), world: l.world}
	b.assign(r, first, l)
	body := must(proto.Marshal(&ingestv1.PublishRequest{Organisation: l.organisation(), Source: source}))
	for i := range b.slots {
		s := &b.slots[i]
		version := uint64(0)
		if s.role == correction {
			version = aVersion
		}
		f := s.event.fact(idPrefix+string(hex(anID)), "contact-"+string(hex(aContact)), "customer-"+string(hex(aCustomer)), version, aSecond)
		enc := must(proto.Marshal(f))
		body = protowire.AppendVarint(protowire.AppendTag(body, 4, protowire.BytesType), uint64(len(enc)))
		s.start = len(body)
		body = append(body, enc...)
		s.end = len(body)
		s.id, s.contact, s.customer = s.find(body, hex(anID)), s.find(body, hex(aContact)), s.find(body, hex(aCustomer))
		s.seconds = s.find(body, varint(1, aSecond)) + 1
		if version > 0 {
			s.version = s.find(body, varint(2, aVersion)) + 1
		}
	}
	b.frame = varint(1, aSequence)
	b.sequence = 1
	b.frame = protowire.AppendVarint(protowire.AppendTag(b.frame, 2, protowire.BytesType), uint64(len(body)))
	shift := len(b.frame)
	b.frame = append(b.frame, body...)
	for i := range b.slots {
		s := &b.slots[i]
		for _, at := range []*int{&s.start, &s.end, &s.id, &s.contact, &s.customer, &s.seconds, &s.version} {
			*at += shift
		}
	}
	return b
}

// assign gives each slot its role and event. A batch of one is always a new fact.
func (b *batch) assign(r *rand.Rand, first int, l load) {
	var free []int
	for i := range b.slots {
		s := &b.slots[i]
		if s.role = roleOf(first + i); len(b.slots) == 1 {
			s.role = fresh
		}
		s.event = l.invent(r, pick(r, l.points))
		if s.role == late {
			s.event.age = lateAge(r)
		}
		if l.alike {
			s.event.channel, s.event.team, s.event.segment, s.event.age = channels[0], teams[0], segments[0], 0
		}
		if s.role == fresh {
			free = append(free, i)
		}
	}
	r.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	for i := range b.slots {
		s := &b.slots[i]
		if s.role != duplicate && s.role != correction {
			continue
		}
		// No two slots mean the same fact.
		s.of, free = free[0], free[1:]
		next := b.slots[s.of].event
		if s.role == correction {
			s.corrected = map[int]bool{}
			next.values[0], next.outcome = next.values[0]/2, l.corrected()
		}
		s.event = next
	}
}

// find returns where what stands in the slot's fact, which must have it once.
func (s *slot) find(body, what []byte) int {
	if enc := body[s.start:s.end]; bytes.Count(enc, what) == 1 {
		return s.start + bytes.Index(enc, what)
	}
	panic(fmt.Sprintf("a placeholder does not stand once in a fact: %x", what))
}

// fill makes the batch a new one, whose facts are numbered from first on.
func (b *batch) fill(first uint64, now int64) {
	this := len(b.uses)
	b.uses = append(b.uses, use{first, now})
	for i := range b.slots {
		s := &b.slots[i]
		n, at := i, this
		if s.role == duplicate || s.role == correction {
			n, at = s.of, earlier(this, i)
		}
		u := b.uses[at]
		number := u.first + uint64(n)
		putHex(b.frame[s.id:], number)
		contact, customer := b.world.persons(number)
		putHex(b.frame[s.contact:], contact)
		putHex(b.frame[s.customer:], customer)
		putVarint(b.frame[s.seconds:], uint64(u.now-s.event.age), 5)
		if s.role == correction {
			putVarint(b.frame[s.version:], uint64(aVersion+this), 3)
			s.corrected[at] = true
		}
	}
}

// earlier chooses the use that a duplicate or correction goes back to: half of them to the one before, half to any.
func earlier(this, slot int) int {
	if slot%2 == 0 {
		return max(this-1, 0)
	}
	return int(mix(uint64(this)<<16|uint64(slot)) % uint64(this+1))
}

// number gives the batch the sequence n.
func (b *batch) number(n uint64) { putVarint(b.frame[b.sequence:], n, 5) }

func varint(field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), v)
}

// putVarint writes v, whose encoding is n bytes long.
func putVarint(b []byte, v uint64, n int) {
	for i := range n - 1 {
		b[i] = byte(v) | 0x80
		v >>= 7
	}
	b[n-1] = byte(v)
}

func hex(v uint64) []byte {
	b := make([]byte, 16)
	putHex(b, v)
	return b
}

func putHex(b []byte, v uint64) {
	const digits = "0123456789abcdef"
	b = b[:16]
	for i := range b {
		b[15-i] = digits[v&15]
		v >>= 4
	}
}

// mix scatters numbers, so that customers come in no order.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // what is encoded is ours
	}
	return v
}
