package admit_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

const (
	missing    = ingestv1.Reason_REASON_MISSING
	invalid    = ingestv1.Reason_REASON_INVALID
	notInMap   = ingestv1.Reason_REASON_NOT_IN_MAP
	future     = ingestv1.Reason_REASON_FUTURE
	resolution = ingestv1.Reason_REASON_RESOLUTION
	tooLarge   = ingestv1.Reason_REASON_TOO_LARGE
)

func value(metric string, v int64) *factv1.MetricValue {
	return &factv1.MetricValue{Metric: metric, Amount: &factv1.MetricValue_Value{Value: v}}
}

func decimal(metric, v string, r factv1.Rounding) *factv1.MetricValue {
	return &factv1.MetricValue{Metric: metric, Amount: &factv1.MetricValue_Decimal{Decimal: v}, Rounding: r}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	type i = factv1.Interaction
	type a = factv1.Answer
	type o = factv1.Observation
	long := canary + strings.Repeat("x", 300)
	comment := canary + strings.Repeat("x", 16<<10)
	at := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(now.Add(d)) }
	onI := func(f func(*i)) *factv1.Fact { x := interaction(); f(x.GetInteraction()); return x }
	onA := func(f func(*a)) *factv1.Fact { x := answer(); f(x.GetAnswer()); return x }
	onO := func(f func(*o)) *factv1.Fact { x := observation(); f(x.GetObservation()); return x }
	onM := func(m ...*factv1.MetricValue) *factv1.Fact { return onI(func(x *i) { x.Metrics = m }) }
	withID := func(id string) *factv1.Fact { x := interaction(); x.Id = id; return x }
	about := func(k factv1.Kind, source, id string) *factv1.Fact {
		x := retraction(k)
		x.GetRetraction().Interaction = &factv1.InteractionRef{Source: source, Id: id}
		return x
	}
	for _, c := range []struct {
		fact   *factv1.Fact
		reason ingestv1.Reason
		field  string
	}{
		{withID(""), missing, "id"},
		{withID(canary + " with a blank"), invalid, "id"},
		{withID(canary + strings.Repeat("x", 123)), invalid, "id"},
		{withID("ünicode"), invalid, "id"},
		{&factv1.Fact{Id: "x"}, missing, "content"},

		{onI(func(x *i) { x.OccurredAt = nil }), missing, "interaction.occurred_at"},
		{onI(func(x *i) { x.OccurredAt = at(5*time.Minute + time.Millisecond) }), future, "interaction.occurred_at"},
		{onI(func(x *i) { x.OccurredAt = &timestamppb.Timestamp{Seconds: 365*86400 - 1} }), invalid, "interaction.occurred_at"},
		{onI(func(x *i) { x.OccurredAt = &timestamppb.Timestamp{Seconds: now.UnixMilli()} }), invalid, "interaction.occurred_at"},
		{onI(func(x *i) { x.OccurredAt = &timestamppb.Timestamp{Seconds: 1e9, Nanos: 1e9} }), invalid, "interaction.occurred_at"},
		{onI(func(x *i) { x.OccurredAt = &timestamppb.Timestamp{Seconds: 1e9, Nanos: -1} }), invalid, "interaction.occurred_at"},
		{onI(func(x *i) { x.OccurredAt = &timestamppb.Timestamp{Seconds: -1 << 63, Nanos: -1} }), invalid, "interaction.occurred_at"},
		{onI(func(x *i) { x.Touchpoint = "" }), missing, "interaction.touchpoint"},
		{onI(func(x *i) { x.Touchpoint = "hlep" }), notInMap, "interaction.touchpoint"},
		{onI(func(x *i) { x.Channel = "fax" }), notInMap, "interaction.channel"},
		{onI(func(x *i) { x.Touchpoint = "visit" }), notInMap, "interaction.channel"},
		{onI(func(x *i) { x.Team = "west" }), notInMap, "interaction.team"},
		{onI(func(x *i) { x.Outcome = "lost" }), notInMap, "interaction.outcome"},
		{onI(func(x *i) { x.ContactId = long }), tooLarge, "interaction.contact_id"},
		{onI(func(x *i) { x.CustomerId = long }), tooLarge, "interaction.customer_id"},
		{onI(func(x *i) { x.Note = comment }), tooLarge, "interaction.note"},
		{onI(func(x *i) { x.Attributes["age"] = "x" }), notInMap, "interaction.attributes"},
		{onI(func(x *i) { x.Attributes["segment"] = "x" }), notInMap, "interaction.attributes[segment]"},
		{onI(func(x *i) { x.Contact.Name = long }), tooLarge, "interaction.contact.name"},
		{onI(func(x *i) { x.Contact.Email = canary }), invalid, "interaction.contact.email"},
		{onI(func(x *i) { x.Contact.Email = long + "@example.com" }), tooLarge, "interaction.contact.email"},
		{onI(func(x *i) { x.Contact.Phone = "030 canary" }), invalid, "interaction.contact.phone"},
		{onI(func(x *i) { x.Contact.Phone = long }), tooLarge, "interaction.contact.phone"},
		{onI(func(x *i) { x.Contact.Language = "canary language" }), invalid, "interaction.contact.language"},
		{onI(func(x *i) { x.Contact.Language = long }), tooLarge, "interaction.contact.language"},

		{onM(value("", 1)), missing, "interaction.metrics[0].metric"},
		{onM(value("wait", 1), value("wiat", 1)), notInMap, "interaction.metrics[1].metric"},
		{onM(value("wait", 1), &factv1.MetricValue{Metric: "talk"}), missing, "interaction.metrics[1].value"},
		{onM(value("wait", 1), value("talk", 2), value("wait", 1)), invalid, "interaction.metrics[2].metric"},
		{onM(value("wait", 1<<47)), invalid, "interaction.metrics[0].value"},
		{onM(value("wait", -1<<47)), invalid, "interaction.metrics[0].value"},
		{onM(value("wait", -1<<63)), invalid, "interaction.metrics[0].value"},
		{onM(decimal("wait", "twenty", 0)), invalid, "interaction.metrics[0].decimal"},
		{onM(decimal("wait", "1.2345", 0)), resolution, "interaction.metrics[0].decimal"},
		{onM(decimal("wait", "1", 4)), invalid, "interaction.metrics[0].decimal"},
		{onM(decimal("wait", "1", -1)), invalid, "interaction.metrics[0].decimal"},
		{onI(func(x *i) {
			x.Touchpoint, x.Channel, x.Metrics = "visit", "chat", []*factv1.MetricValue{value("talk", 1)}
		}), notInMap, "interaction.metrics[0].metric"},

		{onA(func(x *a) { x.Question = "" }), missing, "answer.question"},
		{onA(func(x *a) { x.Question = "recomend" }), notInMap, "answer.question"},
		{onA(func(x *a) { x.Value = 11 }), invalid, "answer.value"},
		{onA(func(x *a) { x.Value = -1 }), invalid, "answer.value"},
		{onA(func(x *a) { x.Question, x.Value = "used", 1 }), invalid, "answer.question"},
		{onA(func(x *a) { x.Question, x.Value = "first", 1 }), invalid, "answer.question"},
		{onA(func(x *a) { x.Question, x.Value = "used_3", 1 }), notInMap, "answer.question"},
		{onA(func(x *a) { x.Question, x.Value = "used_2", 2 }), invalid, "answer.value"},
		{onA(func(x *a) { x.Question, x.Value = "first_2", 0 }), invalid, "answer.value"},
		{onA(func(x *a) { x.Question, x.Value = "why", 1001 }), invalid, "answer.value"},
		{onA(func(x *a) { x.Question, x.Value = "why_waiting", -1 }), invalid, "answer.value"},
		{onA(func(x *a) { x.Interaction.Id = "" }), missing, "answer.interaction.id"},
		{onA(func(x *a) { x.Interaction.Id = canary + "\n" }), invalid, "answer.interaction.id"},
		{onA(func(x *a) { x.Interaction.Source = "ACD" }), invalid, "answer.interaction.source"},
		{onA(func(x *a) { x.AboutTime = at(time.Hour) }), future, "answer.about_time"},
		{onA(func(x *a) { x.AboutTime = new(timestamppb.Timestamp) }), invalid, "answer.about_time"},
		{onA(func(x *a) { x.AboutTime, x.Interaction = nil, nil }), missing, "answer.about_time"},
		{onA(func(x *a) { x.Touchpoint, x.Interaction = "", nil }), missing, "answer.touchpoint"},
		{onA(func(x *a) { x.Touchpoint = "" }), missing, "answer.touchpoint"},
		{onA(func(x *a) { x.Touchpoint = "hlep" }), notInMap, "answer.touchpoint"},
		{onA(func(x *a) { x.Question, x.Value, x.Touchpoint, x.Channel = "easy", 1, "visit", "chat" }), notInMap, "answer.touchpoint"},
		{onA(func(x *a) { x.Channel = "fax" }), notInMap, "answer.channel"},
		{onA(func(x *a) { x.Touchpoint = "visit" }), notInMap, "answer.channel"},
		{onA(func(x *a) { x.Team = "west" }), notInMap, "answer.team"},
		{onA(func(x *a) { x.CustomerId = long }), tooLarge, "answer.customer_id"},
		{onA(func(x *a) { x.ResponseId = long }), tooLarge, "answer.response_id"},
		{onA(func(x *a) { x.Text = comment }), tooLarge, "answer.text"},

		{onO(func(x *o) { x.PeriodStart = nil }), missing, "observation.period_start"},
		{onO(func(x *o) { x.PeriodStart = at(time.Hour) }), future, "observation.period_start"},
		{onO(func(x *o) { x.PeriodEnd = nil }), missing, "observation.period_end"},
		{onO(func(x *o) { x.PeriodEnd = x.PeriodStart }), invalid, "observation.period_end"},
		{onO(func(x *o) { x.PeriodEnd = &timestamppb.Timestamp{Seconds: 1 << 62} }), invalid, "observation.period_end"},
		{onO(func(x *o) { x.Touchpoint = "" }), missing, "observation.touchpoint"},
		{onO(func(x *o) { x.Touchpoint = "hlep" }), notInMap, "observation.touchpoint"},
		{onO(func(x *o) { x.Channel = "fax" }), notInMap, "observation.channel"},
		{onO(func(x *o) { x.Team = "west" }), notInMap, "observation.team"},
		{onO(func(x *o) { x.Metric = "" }), missing, "observation.metric"},
		{onO(func(x *o) { x.Metric = "wiat" }), notInMap, "observation.metric"},
		{onO(func(x *o) { x.Touchpoint, x.Metric = "visit", "talk" }), notInMap, "observation.metric"},
		{onO(func(x *o) { x.Sum = 1 << 62 }), invalid, "observation.sum"},
		{onO(func(x *o) { x.Sum = -1 << 62 }), invalid, "observation.sum"},
		{onO(func(x *o) { x.N = 0 }), invalid, "observation.n"},
		{onO(func(x *o) { x.N = 1 << 40 }), invalid, "observation.n"},

		{retraction(0), missing, "retraction.kind"},
		{retraction(factv1.Kind_KIND_DISPUTE), invalid, "retraction.kind"},
		{retraction(5), invalid, "retraction.kind"},
		{about(factv1.Kind_KIND_INTERACTION, "", "x"), invalid, "retraction.interaction"},
		{about(factv1.Kind_KIND_OBSERVATION, "", "x"), invalid, "retraction.interaction"},
		{about(factv1.Kind_KIND_ANSWER, "", ""), missing, "retraction.interaction.id"},
		{about(factv1.Kind_KIND_ANSWER, "", "a b"), invalid, "retraction.interaction.id"},
		{about(factv1.Kind_KIND_ANSWER, "-", "x"), invalid, "retraction.interaction.source"},
	} {
		t.Run(fmt.Sprint(c.reason, " ", c.field), func(t *testing.T) {
			_, why := r.admit(t, c.fact)
			if why.GetReason() != c.reason || why.GetField() != c.field {
				t.Fatalf("refused as %v, want %v of %s", why, c.reason, c.field)
			}
			wellSaid(t, why)
		})
	}
}

func wellSaid(t testing.TB, why *ingestv1.Refusal) {
	t.Helper()
	if why.GetMessage() == "" || why.GetRemedy() == "" {
		t.Errorf("it does not say what is wrong and what to do: %v", why)
	}
	if strings.Contains(strings.ToLower(why.String()), canary) {
		t.Errorf("it repeats what is personal: %v", why)
	}
	if _, err := proto.Marshal(why); err != nil {
		t.Error(err)
	}
}

// A misspelt id is answered with the one that was meant, and never in full when it is long.
func TestNotInMapNamesTheLikely(t *testing.T) {
	r := newRig(t)
	f := interaction()
	f.GetInteraction().Touchpoint = "hepl"
	if _, why := r.admit(t, f); !strings.Contains(why.GetMessage(), `"help"`) {
		t.Error(why)
	}
	f.GetInteraction().Touchpoint = strings.Repeat("ü", 1000)
	if _, why := r.admit(t, f); len(why.GetMessage()) > 400 {
		t.Error(why)
	}
}

func TestContactOfDamagedBytes(t *testing.T) {
	r := newRig(t)
	f := scan(t, interaction())
	f.Contact = append(protowire.AppendTag(nil, 1, protowire.BytesType), 0x7f)
	why := r.Admit(nil, r.m, "acd", nil, now, f).Refusal
	if why.GetReason() != ingestv1.Reason_REASON_MALFORMED || why.GetField() != "interaction.contact" {
		t.Fatal(why)
	}
	wellSaid(t, why)
}

// What the limits still allow is taken.
func TestLimitsAreInclusive(t *testing.T) {
	r := newRig(t)
	f := interaction()
	x := f.GetInteraction()
	f.Id = strings.Repeat("x", 128)
	x.OccurredAt = timestamppb.New(now.Add(5 * time.Minute))
	x.ContactId, x.CustomerId, x.Note = strings.Repeat("c", 256), strings.Repeat("k", 256), strings.Repeat("n", 16<<10)
	x.Metrics = []*factv1.MetricValue{value("wait", 1<<47-1), value("talk", -1<<47+1)}
	o := observation()
	o.GetObservation().Sum, o.GetObservation().N = 1<<62-1, 1<<40-1
	o.GetObservation().PeriodStart = &timestamppb.Timestamp{Seconds: 365 * 86400}
	for _, f := range []*factv1.Fact{f, o} {
		if _, why := r.admit(t, f); why != nil {
			t.Error(why)
		}
	}
}

// Where a text's key cannot be read the fact is refused: it is never stored unsealed, nor without its text.
func TestTextThatCannotBeSealed(t *testing.T) {
	keys, data := t.TempDir(), t.TempDir()
	t.Run("before", func(t *testing.T) {
		if _, why := openRig(t, keys, data).admit(t, interaction()); why != nil {
			t.Fatal(why)
		}
	})
	other := bytes.Repeat([]byte("ab"), 32)
	if err := os.WriteFile(filepath.Join(keys, "customer-keys"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	_, why := openRig(t, keys, data).admit(t, interaction())
	if why.GetReason() != ingestv1.Reason_REASON_UNAVAILABLE {
		t.Fatal(why)
	}
	wellSaid(t, why)
}
