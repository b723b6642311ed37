package admit_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// recorded is what a valid fact must become, written another way: texts as their keyed hashes, which is what the digest
// is taken of.
func (r *rig) recorded(source, importID string, f *factv1.Fact) *factv1.RecordedFact {
	out := &factv1.RecordedFact{Source: source, Id: f.GetId(), Version: f.GetVersion(), RecordedAtMs: now.UnixMilli(), ImportId: importID, History: importID != ""}
	hash := func(kind byte, s string) []byte {
		if s == "" {
			return nil
		}
		var h [seal.Size]byte
		r.hasher.Hash(&h, "acme", kind, []byte(s))
		return h[:]
	}
	version := func(ids ...string) uint32 {
		if strings.Join(ids, "") == "" {
			return 0
		}
		return r.hasher.KeyVersion()
	}
	ref := func(x *factv1.InteractionRef) {
		if x != nil {
			out.AboutId, out.AboutSource = x.GetId(), x.GetSource()
			if out.AboutSource == "" {
				out.AboutSource = source
			}
		}
	}
	var content proto.Message
	switch x := f.GetContent().(type) {
	case *factv1.Fact_Interaction:
		i := x.Interaction
		c := &factv1.RecordedInteraction{
			OccurredAtMs: i.GetOccurredAt().AsTime().UnixMilli(), Touchpoint: i.GetTouchpoint(), Channel: i.GetChannel(), Team: i.GetTeam(), Outcome: i.GetOutcome(),
			Contact: hash(seal.Contact, i.GetContactId()), Customer: hash(seal.Customer, i.GetCustomerId()), KeyVersion: version(i.GetContactId(), i.GetCustomerId()),
			SealedNote: hash(seal.Text, i.GetNote()),
		}
		if b, err := (proto.MarshalOptions{Deterministic: true}).Marshal(i.GetContact()); err == nil {
			c.SealedContact = hash(seal.Text, string(b))
		}
		for _, m := range i.GetMetrics() {
			c.Metrics = append(c.Metrics, &factv1.RecordedMetric{Metric: m.GetMetric(), Value: m.GetValue()})
		}
		slices.SortFunc(c.Metrics, func(a, b *factv1.RecordedMetric) int { return strings.Compare(a.GetMetric(), b.GetMetric()) })
		for _, k := range slices.Sorted(maps.Keys(i.GetAttributes())) {
			c.Attributes = append(c.Attributes, &factv1.RecordedAttribute{Key: k, Value: i.GetAttributes()[k]})
		}
		out.Kind, out.Content, content = factv1.Kind_KIND_INTERACTION, &factv1.RecordedFact_Interaction{Interaction: c}, c
	case *factv1.Fact_Answer:
		a := x.Answer
		c := &factv1.RecordedAnswer{
			Question: a.GetQuestion(), Value: a.GetValue(), Touchpoint: a.GetTouchpoint(), Channel: a.GetChannel(), Team: a.GetTeam(),
			Customer: hash(seal.Customer, a.GetCustomerId()), Response: hash(seal.Response, a.GetResponseId()),
			KeyVersion: version(a.GetCustomerId(), a.GetResponseId()), SealedText: hash(seal.Text, a.GetText()),
		}
		if a.GetAboutTime() != nil {
			c.AboutTimeMs = a.GetAboutTime().AsTime().UnixMilli()
		}
		ref(a.GetInteraction())
		out.Kind, out.Content, content = factv1.Kind_KIND_ANSWER, &factv1.RecordedFact_Answer{Answer: c}, c
	case *factv1.Fact_Observation:
		o := x.Observation
		c := &factv1.RecordedObservation{
			Metric: o.GetMetric(), PeriodStartMs: o.GetPeriodStart().AsTime().UnixMilli(), PeriodEndMs: o.GetPeriodEnd().AsTime().UnixMilli(),
			Sum: o.GetSum(), N: o.GetN(), Touchpoint: o.GetTouchpoint(), Channel: o.GetChannel(), Team: o.GetTeam(),
		}
		out.Kind, out.Content, content = factv1.Kind_KIND_OBSERVATION, &factv1.RecordedFact_Observation{Observation: c}, c
	case *factv1.Fact_Retraction:
		out.Kind = x.Retraction.GetKind()
		ref(x.Retraction.GetInteraction())
		return out
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(content)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(b)
	out.Digest = sum[:16]
	return out
}

// open opens what is sealed in a recorded fact and puts the keyed hashes of the texts in its place.
func (r *rig) open(t interface{ Fatal(...any) }, f *factv1.RecordedFact) {
	hashed := func(plain []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		var h [seal.Size]byte
		r.hasher.Hash(&h, "acme", seal.Text, plain)
		return h[:]
	}
	text := func(customer, sealed []byte) []byte {
		if sealed == nil {
			return nil
		}
		var c [seal.Size]byte
		copy(c[:], customer)
		return hashed(r.sealer.OpenText("acme", c, sealed))
	}
	if x := f.GetInteraction(); x != nil {
		x.SealedNote = text(x.GetCustomer(), x.GetSealedNote())
		if x.SealedContact != nil {
			x.SealedContact = hashed(seal.OpenContact(r.keys, x.GetSealedContact()))
		}
	}
	if x := f.GetAnswer(); x != nil {
		x.SealedText = text(x.GetCustomer(), x.GetSealedText())
	}
}

// Whatever valid facts are admitted, in one buffer, are a batch of exactly them by the rules of protobuf.
func TestAdmitted(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		facts := rapid.SliceOfN(anyFact, 1, 5).Draw(rt, "facts")
		importID := oneOf(rt, "", "2017-calls")
		var out []byte
		var want []*factv1.RecordedFact
		for _, f := range facts {
			res := r.Admit(out, r.m, "acd", []byte(importID), now, scan(rt, f))
			if res.Refusal != nil {
				rt.Fatal(res.Refusal)
			}
			if !bytes.HasPrefix(res.Out, out) {
				rt.Fatal("what was there before has changed")
			}
			out = res.Out
			want = append(want, r.recorded("acd", importID, f))
		}
		got := new(factv1.RecordedBatch)
		if err := proto.Unmarshal(out, got); err != nil || len(got.GetFacts()) != len(want) {
			rt.Fatal(len(got.GetFacts()), err)
		}
		sameScan(rt, out, got)
		for i, f := range got.GetFacts() {
			r.open(rt, f)
			if !proto.Equal(f, want[i]) {
				rt.Fatalf("got  %v\nwant %v", f, want[i])
			}
		}
	})
}

// sameScan holds the scanner of batches to protobuf's reading.
func sameScan(t interface{ Fatal(...any) }, b []byte, want *factv1.RecordedBatch) {
	n := 0
	err := wire.ScanBatch(b, func(i int, r *wire.Recorded) error {
		n++
		f := want.GetFacts()[i]
		at, touchpoint, customer := f.GetInteraction().GetOccurredAtMs(), f.GetInteraction().GetTouchpoint(), f.GetInteraction().GetCustomer()
		if a := f.GetAnswer(); a != nil {
			at, touchpoint, customer = a.GetAboutTimeMs(), a.GetTouchpoint(), a.GetCustomer()
		} else if o := f.GetObservation(); o != nil {
			at, touchpoint = o.GetPeriodStartMs(), o.GetTouchpoint()
		}
		got := fmt.Sprintf("%s %s %d %d %x %d %v %s %s %s %v %d %s %x %d %d %d", r.Source, r.ID, r.Version, r.Kind, r.Digest, r.RecordedAt, r.History, r.ImportID,
			r.AboutSource, r.AboutID, r.Content, r.OccurredAt, r.Touchpoint, r.Customer, r.Value, r.Sum, r.N)
		digest := make([]byte, 16)
		copy(digest, f.GetDigest())
		wanted := fmt.Sprintf("%s %s %d %d %x %d %v %s %s %s %v %d %s %x %d %d %d", f.GetSource(), f.GetId(), f.GetVersion(), f.GetKind(), digest, f.GetRecordedAtMs(), f.GetHistory(), f.GetImportId(),
			f.GetAboutSource(), f.GetAboutId(), f.GetContent() != nil, at, touchpoint, customer, f.GetAnswer().GetValue(), f.GetObservation().GetSum(), f.GetObservation().GetN())
		if got != wanted {
			t.Fatal("got ", got, "\nwant", wanted)
		}
		for i, m := range f.GetInteraction().GetMetrics() {
			if string(r.Metrics[i].Metric) != m.GetMetric() || r.Metrics[i].Value != m.GetValue() {
				t.Fatal("metric", i, m)
			}
		}
		return nil
	})
	if err != nil || n != len(want.GetFacts()) {
		t.Fatal(n, "facts scanned:", err)
	}
}

// Equal content has an equal digest, however it was ordered and sealed; other content has another.
func TestDigest(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		f := anyFact.Draw(rt, "fact")
		if f.GetRetraction() != nil {
			return
		}
		first, why := r.admit(rt, f)
		if why != nil {
			rt.Fatal(why)
		}
		same := proto.CloneOf(f)
		same.Id, same.Version = "other", 77 // not content
		if x := same.GetInteraction(); x != nil && len(x.GetMetrics()) > 1 {
			x.Metrics = rapid.Permutation(x.GetMetrics()).Draw(rt, "order")
		}
		second, why := r.admit(rt, same)
		if why != nil || !bytes.Equal(first.GetDigest(), second.GetDigest()) {
			rt.Fatal("equal content has another digest:", why)
		}
		other := proto.CloneOf(f)
		switch x := other.GetContent().(type) {
		case *factv1.Fact_Interaction:
			switch rapid.IntRange(0, 4).Draw(rt, "change") {
			case 0:
				x.Interaction.Note += "!"
			case 1:
				x.Interaction.CustomerId += "!"
			case 2:
				x.Interaction.ContactId += "!"
			case 3:
				c := proto.CloneOf(x.Interaction.GetContact())
				if c == nil {
					c = new(factv1.Contact)
				}
				c.Name += "!"
				x.Interaction.Contact = c
			case 4:
				if len(x.Interaction.GetMetrics()) == 0 {
					return
				}
				x.Interaction.Metrics = x.Interaction.GetMetrics()[1:]
			}
		case *factv1.Fact_Answer:
			x.Answer.Value = (x.Answer.GetValue()+3+1)%7 - 3
		case *factv1.Fact_Observation:
			x.Observation.N = x.Observation.GetN()%100 + 101*(x.Observation.GetN()/100%2+1)
			if x.Observation.GetN() == f.GetObservation().GetN() {
				return
			}
		}
		third, why := r.admit(rt, other)
		if why != nil || bytes.Equal(first.GetDigest(), third.GetDigest()) {
			rt.Fatal("other content has the same digest:", why)
		}
	})
}

// Two deliveries of one text are sealed differently, so that nobody can tell that they are equal.
func TestSealingIsRandomised(t *testing.T) {
	r := newRig(t)
	one, _ := r.admit(t, interaction())
	two, _ := r.admit(t, interaction())
	if bytes.Equal(one.GetInteraction().GetSealedNote(), two.GetInteraction().GetSealedNote()) ||
		bytes.Equal(one.GetInteraction().GetSealedContact(), two.GetInteraction().GetSealedContact()) {
		t.Error("the sealed bytes are equal")
	}
}

// No recorded fact holds what is personal in the clear.
func TestNothingPersonalIsRecorded(t *testing.T) {
	r := newRig(t)
	for _, f := range []*factv1.Fact{interaction(), answer()} {
		res := r.Admit(nil, r.m, "acd", nil, now, scan(t, f))
		if res.Refusal != nil {
			t.Fatal(res.Refusal)
		}
		for _, s := range []string{canary, "Canary", "example.com", "4930123456", "en-GB"} {
			if bytes.Contains(res.Out, []byte(s)) {
				t.Errorf("%q is in the record", s)
			}
		}
	}
}

// An answer goes to the partition of the interaction it is about, whichever source says so; everything else by its own identity.
func TestPartition(t *testing.T) {
	r := newRig(t)
	type identity struct{ hi, lo uint64 }
	of := func(source string, f *factv1.Fact) identity {
		res := r.Admit(nil, r.m, source, nil, now, scan(t, f))
		if res.Refusal != nil {
			t.Fatal(res.Refusal)
		}
		return identity{res.Hi, res.Lo}
	}
	call := of("acd", interaction())
	about := func(source, id string) *factv1.Fact {
		f := answer()
		f.GetAnswer().Interaction = &factv1.InteractionRef{Source: source, Id: id}
		return f
	}
	takenBack := retraction(factv1.Kind_KIND_ANSWER)
	takenBack.GetRetraction().Interaction = &factv1.InteractionRef{Source: "acd", Id: "call-1"}
	for name, got := range map[string]identity{
		"an answer of the same source":     of("acd", about("", "call-1")),
		"an answer of another source":      of("survey", about("acd", "call-1")),
		"that answer's retraction":         of("survey", takenBack),
		"the interaction's own retraction": of("acd", retraction(factv1.Kind_KIND_INTERACTION)),
		"a correction of the same":         of("acd", func() *factv1.Fact { f := interaction(); f.Version = 9; return f }()),
		"the interaction by its public key": func() identity {
			hi, lo := wire.Identity("acme", 1, []byte("acd"), []byte("call-1"), nil, nil)
			return identity{hi, lo}
		}(),
	} {
		if got != call {
			t.Errorf("%s goes elsewhere", name)
		}
	}
	alone := answer()
	alone.GetAnswer().Interaction = nil
	for name, got := range map[string]identity{
		"a call of the same id from another source": of("crm", interaction()),
		"an answer about another call":              of("acd", about("", "call-2")),
		"an answer about a call of this source":     of("survey", about("", "call-1")),
		"an answer about none":                      of("acd", alone),
		"an observation":                            of("acd", observation()),
	} {
		if got == call {
			t.Errorf("%s goes with the call", name)
		}
	}
}
