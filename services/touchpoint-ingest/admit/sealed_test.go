package admit_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// What happened before history is sealed is refused, and says so; what happened at that time or after is taken. What counts by
// its interaction is not judged by a time of its own, and a retraction has none.
func TestSealed(t *testing.T) {
	r := newRig(t)
	before := now.AddDate(0, 0, -40).Truncate(time.Second)
	r.SealedBefore = func(org string) int64 {
		if org != r.m.Organisation {
			t.Errorf("asked for %q", org)
		}
		return before.UnixMilli()
	}
	at := func(seconds int64) *timestamppb.Timestamp {
		return &timestamppb.Timestamp{Seconds: before.Unix() + seconds}
	}
	i, o := interaction(), observation()
	own, about := answer(), answer()
	own.GetAnswer().Interaction, own.GetAnswer().Touchpoint = nil, i.GetInteraction().GetTouchpoint()
	about.GetAnswer().Interaction = &factv1.InteractionRef{Id: "x"}
	for _, c := range []struct {
		field  string
		fact   *factv1.Fact
		set    func(*timestamppb.Timestamp)
		sealed bool
	}{
		{"interaction.occurred_at", i, func(x *timestamppb.Timestamp) { i.GetInteraction().OccurredAt = x }, true},
		{"observation.period_start", o, func(x *timestamppb.Timestamp) { o.GetObservation().PeriodStart = x }, true},
		{"answer.about_time", own, func(x *timestamppb.Timestamp) { own.GetAnswer().AboutTime = x }, true},
		{"answer.about_time", about, func(x *timestamppb.Timestamp) { about.GetAnswer().AboutTime = x }, false},
	} {
		c.set(at(0))
		if _, why := r.admit(t, c.fact); why != nil {
			t.Errorf("%s at the time itself: %v", c.field, why)
		}
		c.set(at(-1))
		_, why := r.admit(t, c.fact)
		if got := why.GetReason() == ingestv1.Reason_REASON_SEALED; got != c.sealed || c.sealed && why.GetField() != c.field || !c.sealed && why != nil {
			t.Errorf("%s before it: %v", c.field, why)
		}
		if c.sealed {
			wellSaid(t, why)
			if day := before.In(r.m.Zone).Format("2006-01-02"); !strings.Contains(why.GetMessage(), day) {
				t.Errorf("%q does not name %s", why.GetMessage(), day)
			}
		}
	}
	if _, why := r.admit(t, retraction(factv1.Kind_KIND_INTERACTION)); why != nil {
		t.Error(why)
	}
}
