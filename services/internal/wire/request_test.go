package wire

import (
	"errors"
	"runtime"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// FuzzRequest holds the scanner of requests to standard protobuf: what it takes, protobuf takes with the same values; what
// protobuf takes and it does not is refused for one of the reasons it declares.
func FuzzRequest(f *testing.F) {
	seeds(f, anyRequest)
	f.Fuzz(func(t *testing.T, b []byte) { agreeOnRequest(t, b) })
}

func TestRequestAgreesWithProtobuf(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { agreeOnRequest(rt, mutated(rt, anyRequest.Draw(rt, "request"))) })
}

type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

func agreeOnRequest(t tester, b []byte) {
	t.Helper()
	want := new(ingestv1.PublishRequest)
	refused := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, want)
	head, err := ScanRequest(b)
	if err != nil {
		var limit *LimitError
		switch {
		case refused != nil:
		case errors.As(err, &limit):
			if len(b) <= MaxRequest && len(want.GetFacts()) <= MaxFacts {
				t.Fatalf("limit without need: %v", err)
			}
		case !hasGroup(want.ProtoReflect().Descriptor(), b):
			t.Fatalf("refused what protobuf takes: %v", err)
		}
		return
	}
	got := &ingestv1.PublishRequest{Organisation: string(head.Organisation), Source: string(head.Source), ImportId: string(head.ImportID)}
	all := true
	raw := elements(b, 4)
	err = EachFact(b, func(i int, f *Fact, err error) error {
		if i != len(got.GetFacts()) {
			t.Fatalf("fact %d after %d", i, len(got.GetFacts()))
		}
		one := agreeOnFact(t, raw[i], f, err)
		all = all && one != nil
		got.Facts = append(got.Facts, one)
		return nil
	})
	if err != nil || len(got.GetFacts()) != head.Facts {
		t.Fatalf("%d of %d facts: %v", len(got.GetFacts()), head.Facts, err)
	}
	if !all {
		return
	}
	if refused != nil {
		t.Fatalf("took what protobuf refuses: %v", refused)
	}
	if !proto.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

// agreeOnFact compares one fact and returns it as protobuf has it, nil when either refuses it.
func agreeOnFact(t tester, raw []byte, f *Fact, err error) *factv1.Fact {
	t.Helper()
	want := new(factv1.Fact)
	refused := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(raw, want)
	if err != nil {
		if refused == nil && !declared(raw, err) {
			t.Fatalf("refused what protobuf takes: %v\n%v", err, want)
		}
		return nil
	}
	contact := new(factv1.Contact)
	if (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(f.Contact, contact) != nil {
		return nil // its decoder is admit's, which refuses it
	}
	if refused != nil {
		t.Fatalf("took what protobuf refuses: %v", refused)
	}
	got := asProto(f)
	if x := got.GetInteraction(); x != nil && f.Contact != nil {
		x.Contact = contact
	}
	if !proto.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
	return got
}

// declared reports whether a fact that protobuf takes may be refused: several contents, a contact twice, groups, limits.
func declared(raw []byte, err error) bool {
	var limit *LimitError
	contents := 0
	for _, num := range []protowire.Number{3, 4, 5, 6} {
		contents += len(elements(raw, num))
	}
	if contents > 1 || hasGroup(new(factv1.Fact).ProtoReflect().Descriptor(), raw) {
		return true
	}
	interactions := elements(raw, 3)
	if len(interactions) == 0 {
		return false
	}
	if x := interactions[0]; errors.As(err, &limit) {
		return len(elements(x, 8)) > MaxMetrics || len(elements(x, 9)) > MaxAttributes
	}
	return len(elements(interactions[0], 10)) > 1
}

// asProto writes a scanned fact as protobuf has it, its contact apart.
func asProto(f *Fact) *factv1.Fact {
	out := &factv1.Fact{Id: string(f.ID), Version: f.Version}
	ref := func() *factv1.InteractionRef {
		if !f.About {
			return nil
		}
		return &factv1.InteractionRef{Source: string(f.AboutSource), Id: string(f.AboutID)}
	}
	at := func(t Time) *timestamppb.Timestamp {
		if !t.Set {
			return nil
		}
		return &timestamppb.Timestamp{Seconds: t.Seconds, Nanos: t.Nanos}
	}
	switch {
	case f.Retract:
		out.Content = &factv1.Fact_Retraction{Retraction: &factv1.Retraction{Kind: f.Kind, Interaction: ref()}}
	case f.Kind == factv1.Kind_KIND_INTERACTION:
		x := &factv1.Interaction{
			OccurredAt: at(f.At), Touchpoint: string(f.Touchpoint), Channel: string(f.Channel), Team: string(f.Team), Outcome: string(f.Outcome),
			ContactId: string(f.ContactID), CustomerId: string(f.CustomerID), Note: string(f.Note), Agent: string(f.Agent), Attributes: map[string]string{},
		}
		for _, m := range f.Metrics {
			v := &factv1.MetricValue{Metric: string(m.Metric), Rounding: m.Rounding}
			if m.Decimal != nil {
				v.Amount = &factv1.MetricValue_Decimal{Decimal: string(m.Decimal)}
			} else if m.Set {
				v.Amount = &factv1.MetricValue_Value{Value: m.Value}
			}
			x.Metrics = append(x.Metrics, v)
		}
		for _, a := range f.Attributes {
			x.Attributes[string(a.Key)] = string(a.Value)
		}
		out.Content = &factv1.Fact_Interaction{Interaction: x}
	case f.Kind == factv1.Kind_KIND_ANSWER:
		out.Content = &factv1.Fact_Answer{Answer: &factv1.Answer{
			Question: string(f.Question), Value: f.Value, Interaction: ref(), AboutTime: at(f.At), Touchpoint: string(f.Touchpoint),
			Channel: string(f.Channel), Team: string(f.Team), CustomerId: string(f.CustomerID), ResponseId: string(f.ResponseID), Text: string(f.Note),
		}}
	case f.Kind == factv1.Kind_KIND_OBSERVATION:
		out.Content = &factv1.Fact_Observation{Observation: &factv1.Observation{
			Metric: string(f.Metric), PeriodStart: at(f.At), PeriodEnd: at(f.End), Sum: f.Sum, N: f.N,
			Touchpoint: string(f.Touchpoint), Channel: string(f.Channel), Team: string(f.Team),
		}}
	}
	return out
}

// repeated returns a message of field num holding v, n times.
func repeated(num protowire.Number, v []byte, n int) (b []byte) {
	for range n {
		b = protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	return b
}

// A small message of protobuf can ask for a hundred times its size in objects; ours may ask for nothing.
func TestBombs(t *testing.T) {
	metrics := func(n int) []byte { return repeated(3, repeated(8, nil, n), 1) }
	attributes := func(n int) []byte {
		var b []byte
		for i := range n {
			b = append(b, repeated(9, repeated(1, []byte{byte('a' + i)}, 1), 1)...)
		}
		return repeated(3, b, 1)
	}
	for _, c := range []struct {
		name  string
		b     []byte
		limit string // of the request
		fact  string // of its first fact
	}{
		{"4 MiB of empty facts", repeated(4, nil, 2<<20), "bytes", ""},
		{"4 MiB of empty unknown messages", repeated(15, nil, 2<<20), "bytes", ""},
		{"256 KiB of empty facts", repeated(4, nil, MaxRequest/2), "facts", ""},
		{"1,001 facts", repeated(4, nil, MaxFacts+1), "facts", ""},
		{"1,000 facts", repeated(4, nil, MaxFacts), "", ""},
		{"256 KiB of unknown fields", repeated(15, nil, MaxRequest/2), "", ""},
		{"64 metrics", repeated(4, metrics(MaxMetrics), 1), "", ""},
		{"65 metrics", repeated(4, metrics(MaxMetrics+1), 1), "", "metrics"},
		{"65 metrics in each of 1,000 facts", repeated(4, metrics(MaxMetrics+1), MaxFacts), "", "metrics"},
		{"120,000 metrics", repeated(4, metrics(120_000), 1), "", "metrics"},
		{"16 attributes", repeated(4, attributes(MaxAttributes), 1), "", ""},
		{"17 attributes", repeated(4, attributes(MaxAttributes+1), 1), "", "attributes"},
		{"one note", repeated(4, repeated(3, repeated(11, make([]byte, 250<<10), 1), 1), 1), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var limit *LimitError
			var err error
			first := error(nil)
			used := allocated(func() {
				if _, err = ScanRequest(c.b); err == nil {
					err = EachFact(c.b, func(i int, _ *Fact, ferr error) error {
						if i == 0 {
							first = ferr
						}
						return nil
					})
				}
			})
			for _, x := range []struct {
				err  error
				what string
			}{{err, c.limit}, {first, c.fact}} {
				switch {
				case x.what == "" && x.err != nil:
					t.Errorf("refused: %v", x.err)
				case x.what != "" && (!errors.As(x.err, &limit) || limit.What != x.what):
					t.Errorf("got %v, want the limit of %s", x.err, x.what)
				}
			}
			if most := uint64(1 << 20); used > most {
				t.Errorf("%d bytes allocated, more than %d", used, most)
			}
		})
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// An error of the caller ends the scan; the next fact does not see what the one before held.
func TestEachFact(t *testing.T) {
	full := &factv1.Fact{Id: "a", Version: 7, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
		Touchpoint: "help", Note: "n", Metrics: []*factv1.MetricValue{{Metric: "m"}}, Attributes: map[string]string{"k": "v"}, Contact: &factv1.Contact{Name: "N"},
	}}}
	b := must(proto.Marshal(&ingestv1.PublishRequest{Facts: []*factv1.Fact{full, {}, full}}))
	stop := errors.New("enough")
	seen := 0
	err := EachFact(b, func(i int, f *Fact, err error) error {
		seen++
		if err != nil {
			t.Error(err)
		}
		if i == 1 {
			if got := asProto(f); !proto.Equal(got, &factv1.Fact{}) || f.Contact != nil || f.Note != nil || len(f.Metrics)+len(f.Attributes) > 0 {
				t.Errorf("the empty fact holds %v", got)
			}
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || seen != 2 {
		t.Errorf("%d facts, %v", seen, err)
	}
}

func TestASCII(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := rapid.SliceOfN(rapid.ByteMax(0x7f), 0, 40).Draw(rt, "bytes")
		if !ascii(b) {
			rt.Fatalf("%x is ASCII", b)
		}
		if len(b) > 0 {
			b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] |= 0x80
			if ascii(b) {
				rt.Fatalf("%x is not ASCII", b)
			}
		}
	})
}
