package admit_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/admit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 29, 15, 4, 5, 123e6, time.UTC)

// rig is an admitter with its keys and a map that has everything.
type rig struct {
	*admit.Admitter
	keys   string
	hasher *seal.Hasher
	sealer *seal.Sealer
	m      *expmap.Map
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return openRig(t, t.TempDir(), t.TempDir())
}

func openRig(t testing.TB, keys, data string) *rig {
	t.Helper()
	r := &rig{keys: keys}
	var err error
	if r.hasher, err = seal.OpenHasher(keys); err != nil {
		t.Fatal(err)
	}
	if r.sealer, err = seal.OpenSealer(keys, data); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.sealer.Close(); err != nil {
			t.Error(err)
		}
	})
	m, problems := expmap.Compile(richMap(), 3)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r.m = m
	r.Admitter = admit.New(r.hasher, r.sealer)
	return r
}

func richMap() *mapv1.Map {
	return &mapv1.Map{
		Organisation: "acme", Name: "Acme",
		Channels: []*mapv1.Channel{{Id: "voice"}, {Id: "chat"}},
		Teams:    []*mapv1.Team{{Id: "north"}, {Id: "south"}},
		Outcomes: []*mapv1.Outcome{{Id: "answered"}, {Id: "abandoned"}},
		Metrics: []*mapv1.Metric{
			{Id: "wait", Unit: "s", Resolution: 1000},
			{Id: "talk", Unit: "s", Resolution: 1000},
			{Id: "cost", Unit: "EUR", Resolution: 100},
			{Id: "transfers", Unit: "transfers", Resolution: 1},
		},
		Questions: []*mapv1.Question{
			{Id: "recommend", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"help", "visit"}},
			{Id: "easy", Kind: mapv1.QuestionKind_QUESTION_KIND_RATING, ScaleMin: -3, ScaleMax: 3, Touchpoints: []string{"help"}},
			{Id: "why", Kind: mapv1.QuestionKind_QUESTION_KIND_TEXT, Touchpoints: []string{"help"}},
			{Id: "used", Kind: mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, Touchpoints: []string{"help"}, Choices: []*mapv1.Choice{{Value: 1, Label: "App"}, {Value: 2, Label: "Site"}}},
			{Id: "first", Kind: mapv1.QuestionKind_QUESTION_KIND_RANKING, Touchpoints: []string{"help"}, Choices: []*mapv1.Choice{{Value: 1, Label: "Speed"}, {Value: 2, Label: "Cost"}}},
		},
		Themes:     []*mapv1.Theme{{Id: "waiting", Words: []*mapv1.ThemeWords{{Language: "en", Words: []string{"wait"}}}}},
		Attributes: []*mapv1.Attribute{{Id: "segment", Values: []string{"consumer", "business"}}, {Id: "region", Values: []string{"n", "s"}}},
		Touchpoints: []*mapv1.Touchpoint{
			{Id: "help", FunctionalOwner: "head", OperationalOwner: "floor"},
			{Id: "visit", Channels: []string{"chat"}, Metrics: []string{"wait"}, FunctionalOwner: "head", OperationalOwner: "floor"},
		},
	}
}

// scan takes a fact through the wire, as a publisher's comes.
func scan(t interface{ Fatal(...any) }, f *factv1.Fact) *wire.Fact {
	b, err := proto.Marshal(&ingestv1.PublishRequest{Facts: []*factv1.Fact{f}})
	if err != nil {
		t.Fatal(err)
	}
	var out wire.Fact
	if err := wire.EachFact(b, func(_ int, f *wire.Fact, err error) error {
		out = *f
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return &out
}

// admit admits a live fact of source "acd" and returns it as recorded, or its refusal.
func (r *rig) admit(t interface{ Fatal(...any) }, f *factv1.Fact) (*factv1.RecordedFact, *ingestv1.Refusal) {
	res := r.Admit(nil, r.m, "acd", nil, now, scan(t, f))
	if res.Refusal != nil {
		if len(res.Out) > 0 {
			t.Fatal("a refused fact left bytes")
		}
		return nil, res.Refusal
	}
	b := new(factv1.RecordedBatch)
	if err := proto.Unmarshal(res.Out, b); err != nil || len(b.GetFacts()) != 1 {
		t.Fatal(len(b.GetFacts()), "facts:", err)
	}
	return b.GetFacts()[0], nil
}

// Every personal field of these holds a canary, which nothing may repeat.
const canary = "canary"

func interaction() *factv1.Fact {
	return &factv1.Fact{Id: "call-1", Version: 2, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
		OccurredAt: timestamppb.New(now.Add(-time.Minute)), Touchpoint: "help", Channel: "voice", Team: "north", Outcome: "answered",
		ContactId: canary + "-contact", CustomerId: canary + "-customer", Note: canary + " note", Agent: canary + "-agent",
		Metrics: []*factv1.MetricValue{
			{Metric: "wait", Amount: &factv1.MetricValue_Value{Value: 19_500}},
			{Metric: "cost", Amount: &factv1.MetricValue_Decimal{Decimal: "-12.5"}},
		},
		Attributes: map[string]string{"segment": "business", "region": "n"},
		Contact:    &factv1.Contact{Name: "Canary " + canary, Email: canary + "@example.com", Phone: "+4930123456", Language: "en-GB"},
	}}}
}

func answer() *factv1.Fact {
	return &factv1.Fact{Id: "r1/recommend", Content: &factv1.Fact_Answer{Answer: &factv1.Answer{
		Question: "recommend", Value: 9, Interaction: &factv1.InteractionRef{Id: "call-1"}, AboutTime: timestamppb.New(now.Add(-time.Hour)),
		Touchpoint: "help", Channel: "voice", Team: "north", CustomerId: canary + "-customer", ResponseId: canary + "-response", Text: canary + " text",
	}}}
}

func observation() *factv1.Fact {
	return &factv1.Fact{Id: "occ-15:00", Content: &factv1.Fact_Observation{Observation: &factv1.Observation{
		Metric: "wait", PeriodStart: timestamppb.New(now.Add(-time.Hour)), PeriodEnd: timestamppb.New(now), Sum: -1_000_000, N: 42,
		Touchpoint: "help", Channel: "chat", Team: "south",
	}}}
}

func retraction(k factv1.Kind) *factv1.Fact {
	return &factv1.Fact{Id: "call-1", Version: 9, Content: &factv1.Fact_Retraction{Retraction: &factv1.Retraction{Kind: k}}}
}

var (
	anyID   = rapid.StringMatching(`[A-Za-z0-9._:/+=-]{1,40}`)
	anyText = rapid.StringN(0, 40, 200)
	anyTime = rapid.Custom(func(rt *rapid.T) *timestamppb.Timestamp {
		return timestamppb.New(now.Add(-time.Duration(rapid.Int64Range(-int64(5*time.Minute), int64(900*24*time.Hour)).Draw(rt, "ago"))))
	})
)

func oneOf(rt *rapid.T, of ...string) string { return rapid.SampledFrom(of).Draw(rt, "one of") }

// anyFact draws facts that are as the map wants them.
var anyFact = rapid.Custom(func(rt *rapid.T) *factv1.Fact {
	f := &factv1.Fact{Id: anyID.Draw(rt, "id"), Version: rapid.Uint64Max(1<<64-2).Draw(rt, "version")}
	ref := func() *factv1.InteractionRef {
		if rapid.Bool().Draw(rt, "about") {
			return &factv1.InteractionRef{Source: oneOf(rt, "", "acd", "crm-2"), Id: anyID.Draw(rt, "about")}
		}
		return nil
	}
	switch rapid.IntRange(0, 3).Draw(rt, "kind") {
	case 0:
		x := &factv1.Interaction{
			OccurredAt: anyTime.Draw(rt, "at"), Touchpoint: "help", Channel: oneOf(rt, "", "voice", "chat"), Team: oneOf(rt, "", "north"),
			Outcome: oneOf(rt, "", "answered", "abandoned"), ContactId: anyText.Draw(rt, "contact"), CustomerId: anyText.Draw(rt, "customer"),
			Note: anyText.Draw(rt, "note"), Agent: anyText.Draw(rt, "agent"), Attributes: map[string]string{},
		}
		for _, m := range rapid.Permutation([]string{"wait", "talk", "cost", "transfers"}).Draw(rt, "metrics")[:rapid.IntRange(0, 4).Draw(rt, "n")] {
			x.Metrics = append(x.Metrics, &factv1.MetricValue{Metric: m, Amount: &factv1.MetricValue_Value{Value: rapid.Int64Range(-1<<47+1, 1<<47-1).Draw(rt, "value")}})
		}
		if rapid.Bool().Draw(rt, "segment") {
			x.Attributes["segment"] = oneOf(rt, "consumer", "business")
		}
		if rapid.Bool().Draw(rt, "region") {
			x.Attributes["region"] = oneOf(rt, "n", "s")
		}
		if rapid.Bool().Draw(rt, "contact") {
			x.Contact = &factv1.Contact{Name: anyText.Draw(rt, "name"), Email: oneOf(rt, "", "a@b.example"), Phone: oneOf(rt, "", "+4930123456"), Language: oneOf(rt, "", "de")}
		}
		f.Content = &factv1.Fact_Interaction{Interaction: x}
	case 1:
		x := &factv1.Answer{
			Question: "easy", Value: rapid.Int64Range(-3, 3).Draw(rt, "value"), Interaction: ref(), CustomerId: anyText.Draw(rt, "customer"),
			ResponseId: anyText.Draw(rt, "response"), Text: anyText.Draw(rt, "text"),
		}
		if x.Interaction == nil || rapid.Bool().Draw(rt, "own") {
			x.AboutTime, x.Touchpoint, x.Channel, x.Team = anyTime.Draw(rt, "at"), "help", oneOf(rt, "", "chat"), oneOf(rt, "", "south")
		}
		f.Content = &factv1.Fact_Answer{Answer: x}
	case 2:
		from := anyTime.Draw(rt, "from")
		f.Content = &factv1.Fact_Observation{Observation: &factv1.Observation{
			Metric: "cost", PeriodStart: from, PeriodEnd: timestamppb.New(from.AsTime().Add(time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Hour)).Draw(rt, "long")))),
			Sum: rapid.Int64Range(-1<<62+1, 1<<62-1).Draw(rt, "sum"), N: rapid.Uint64Range(1, 1<<40-1).Draw(rt, "n"), Touchpoint: "help",
			Channel: oneOf(rt, "", "voice"), Team: oneOf(rt, "", "north"),
		}}
	default:
		x := &factv1.Retraction{Kind: factv1.Kind(rapid.IntRange(1, 3).Draw(rt, "retracted"))}
		if x.Kind == factv1.Kind_KIND_ANSWER {
			x.Interaction = ref()
		}
		f.Content = &factv1.Fact_Retraction{Retraction: x}
	}
	return f
})
