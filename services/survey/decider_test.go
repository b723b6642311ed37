package survey

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
)

// Each gate holds back whom it should, in the order of the gates, through log, state and map.
func TestGates(t *testing.T) {
	k := newKit(t, aMap(func(s *mapv1.Survey, m *mapv1.Map) {
		s.Trigger.When = `metrics["wait"] > 60.0`
		s.Channels = s.Channels[:1] // e-mail alone
		s.Quotas = []*mapv1.Quota{{Attribute: "plan", Value: "gold", Answers: 1}}
		m.ContactRules = &mapv1.ContactRules{DoNotAsk: []string{"fraud"}}
	})).begin()
	mail := k.reached(&factv1.Contact{Email: "ann@example.com", Language: "de"})
	if _, err := k.api.SetPreference(k.ctx(), &surveyv1.SetPreferenceRequest{Organisation: "acme", CustomerId: "out", Preference: surveyv1.Preference_PREFERENCE_OPTED_OUT}); err != nil {
		t.Fatal(err)
	}
	k.record(
		k.call("ask", "ann", mail),
		k.call("again", "ann", mail),
		k.call("out", "out", mail),
		k.call("fraud", "bob", mail, func(f *factv1.RecordedFact) { f.GetInteraction().Outcome = "fraud" }),
		k.call("nowhere", "cid"),
		k.call("short", "dan", mail, func(f *factv1.RecordedFact) { f.GetInteraction().Metrics[0].Value = 1000 }),
		k.call("shop", "eve", mail, func(f *factv1.RecordedFact) { f.GetInteraction().Touchpoint = "shop" }),
		k.call("old", "fay", mail, func(f *factv1.RecordedFact) { f.GetInteraction().OccurredAtMs -= 25 * 3600 * 1000 }),
		k.call("history", "gus", mail, func(f *factv1.RecordedFact) { f.History = true }),
		k.call("noid", "", mail),
		k.call("noid2", "", mail),
	)
	k.quiet()
	got := k.about("ask", "again", "out", "fraud", "nowhere", "short", "shop", "old", "history", "noid", "noid2")
	for id, want := range map[string]surveyv1.Gate{
		"ask": surveyv1.Gate_GATE_UNSPECIFIED, "again": surveyv1.Gate_GATE_QUARANTINE, "out": surveyv1.Gate_GATE_CONSENT, "fraud": surveyv1.Gate_GATE_DO_NOT_ASK,
		"nowhere": surveyv1.Gate_GATE_CHANNEL, "noid": surveyv1.Gate_GATE_UNSPECIFIED, "noid2": surveyv1.Gate_GATE_QUARANTINE,
	} {
		if len(got[id]) != 1 || got[id][0].GetGate() != want {
			t.Errorf("%s: %v, want %s", id, got[id], want)
		}
	}
	for _, id := range []string{"short", "shop", "old", "history"} {
		if len(got[id]) != 0 {
			t.Errorf("%s: %v, want no decision", id, got[id])
		}
	}
	if why := got["again"]; len(why) == 1 && why[0].GetReason() != "They were asked today by help: at least 90 days lie between two invitations to this survey." {
		t.Errorf("%q", why[0].GetReason())
	}
	r, err := k.api.ExplainCustomer(k.ctx(), &surveyv1.ExplainCustomerRequest{Organisation: "acme", CustomerId: "ann"})
	if err != nil || len(r.GetDecisions()) != 2 || r.GetDecisions()[0].GetGate() != surveyv1.Gate_GATE_QUARANTINE || r.GetFreeAt() == nil {
		t.Errorf("%v %v", r, err)
	}
	what, err := k.api.Decide(k.ctx(), &surveyv1.DecideRequest{Organisation: "acme", Survey: "help", CustomerId: "zoe"})
	if err != nil || len(what.GetDecisions()) != 1 || what.GetDecisions()[0].GetGate() != surveyv1.Gate_GATE_CHANNEL {
		t.Errorf("%v %v", what, err)
	}
}

// One invitation an interaction, for ever: under redelivery, higher versions, restarts, a store that lost what it had, a store that
// is gone.
func TestOneInvitationAnIdentity(t *testing.T) {
	k := newKit(t, aMap()).begin()
	var ids []string
	for n := range 400 {
		id := fmt.Sprint("call-", n)
		ids = append(ids, id)
		f := k.call(id, fmt.Sprint("customer-", n))
		k.record(f, f)
		if n%100 == 50 { // killed, at any place
			k.halt()
			if n == 150 {
				if err := os.RemoveAll(filepath.Join(k.dir, "survey", "store")); err != nil {
					t.Fatal(err)
				}
			}
			k.begin()
		}
	}
	for n := range 100 {
		k.record(k.call(fmt.Sprint("call-", n), fmt.Sprint("customer-", n), func(f *factv1.RecordedFact) { f.Version = 7 }))
	}
	k.quiet()
	k.halt()
	k.begin()
	k.quiet()
	got := k.about(ids...)
	for _, id := range ids {
		if len(got[id]) != 1 {
			t.Errorf("%s: %d decisions, want 1", id, len(got[id]))
		}
	}
	k.until("all are sent", func() bool { return len(k.outbox()) >= len(ids) })
	sent := map[string]int{}
	for _, e := range k.events() {
		if e.GetSent() != nil {
			sent[string(e.GetInvitation())]++
		}
	}
	for id, n := range sent {
		if n != 1 {
			t.Errorf("%x was sent %d times", id, n)
		}
	}
}

// A version that comes after one that was not asked about asks nobody, also when the service began again in between.
func TestHigherVersionsInviteNobody(t *testing.T) {
	k := newKit(t, aMap(func(s *mapv1.Survey, _ *mapv1.Map) { s.Trigger.Outcomes = []string{"answered"} })).begin()
	fraud := func(f *factv1.RecordedFact) { f.GetInteraction().Outcome = "fraud" }
	history := func(f *factv1.RecordedFact) { f.History = true }
	second := func(f *factv1.RecordedFact) { f.Version = 2 }
	k.record(k.call("a", "ann", fraud), k.call("b", "bob", history), k.call("c", "cid", fraud))
	k.quiet()
	k.record(k.call("a", "ann", second))
	k.halt()
	k.begin()
	k.record(k.call("b", "bob", second), k.call("c", "cid", second))
	k.quiet()
	if got := k.about("a", "b", "c"); len(got) != 0 {
		t.Errorf("decided: %v", got)
	}
}

// Two years of history invite nobody, and neither does a survey that becomes active later.
func TestHistoryInvitesNobody(t *testing.T) {
	k := newKit(t, aMap(func(s *mapv1.Survey, _ *mapv1.Map) { s.State = mapv1.SurveyState_SURVEY_STATE_PAUSED }))
	k.record(k.call("before", "ann"))
	k.apply(aMap())
	for day := range 730 {
		var facts []*factv1.RecordedFact
		for n := range 3 {
			f := k.call(fmt.Sprint("h", day, "-", n), fmt.Sprint("c", n), func(f *factv1.RecordedFact) {
				f.History = n < 2 // a source that replays its own says nothing of history
				f.GetInteraction().OccurredAtMs -= int64(day+1)*24*3600*1000 + 1
			})
			facts = append(facts, f)
		}
		k.record(facts...)
	}
	k.begin()
	k.quiet()
	if n := len(k.decided()); n != 1 { // of quiet itself
		t.Errorf("%d decisions, want 1", n)
	}
}

// Who answered another tool was asked by it: the clocks over all surveys count that.
func TestElsewhere(t *testing.T) {
	k := newKit(t, aMap()).begin()
	answer := func(id, customer, source string) *factv1.RecordedFact {
		f := k.call(id, customer)
		f.Source, f.Kind = source, factv1.Kind_KIND_ANSWER
		f.Content = &factv1.RecordedFact_Answer{Answer: &factv1.RecordedAnswer{Question: "recommend", Value: 3, AboutTimeMs: k.now.Load(), Touchpoint: "call", Customer: f.GetInteraction().GetCustomer()}}
		return f
	}
	k.record(answer("a1", "ann", "kiosk"), answer("a2", "ann", "kiosk"), answer("a1", "ann", "kiosk"), answer("b1", "bob", Source))
	k.quiet()
	k.record(k.call("ann", "ann"), k.call("bob", "bob"))
	k.quiet()
	got := k.about("ann", "bob")
	if len(got["ann"]) != 1 || got["ann"][0].GetGate() != surveyv1.Gate_GATE_QUARANTINE || got["ann"][0].GetEarlier() != 1 || got["ann"][0].GetReason() != "They were asked today by kiosk: at least 30 days lie between two invitations of one person." {
		t.Errorf("%v", got["ann"])
	}
	if len(got["bob"]) != 1 || got["bob"][0].GetGate() != surveyv1.Gate_GATE_UNSPECIFIED {
		t.Errorf("%v", got["bob"])
	}
}

// A survey that becomes active, or active again, asks after what is recorded from then on.
func TestActiveAgain(t *testing.T) {
	paused := func(s *mapv1.Survey, _ *mapv1.Map) { s.State = mapv1.SurveyState_SURVEY_STATE_PAUSED }
	k := newKit(t, aMap(paused)).begin()
	k.record(k.call("a", "ann"))
	k.apply(aMap())
	k.record(k.call("b", "bob"))
	k.quiet()
	k.apply(aMap(paused))
	time.Sleep(2 * readAgain) // nobody reads meanwhile
	k.record(k.call("c", "cid"))
	k.apply(aMap())
	k.record(k.call("d", "dan"))
	k.quiet()
	if got := k.about("a", "b", "c", "d"); len(got) != 2 || len(got["b"]) != 1 || len(got["d"]) != 1 {
		t.Errorf("decided: %v, want b and d", got)
	}
}

// What was retracted is not sent any more.
func TestRetraction(t *testing.T) {
	k := newKit(t, aMap(func(s *mapv1.Survey, _ *mapv1.Map) { s.Trigger.DelayMinutes = 60 })).begin()
	k.record(k.call("gone", "ann"), k.call("stays", "bob"))
	k.quiet()
	k.record(&factv1.RecordedFact{Source: "acd", Id: "gone", Version: 2, Kind: factv1.Kind_KIND_INTERACTION, RecordedAtMs: k.now.Load()})
	k.quiet()
	k.later(2 * time.Hour)
	k.until("the others are sent", func() bool { return len(k.outbox()) == 3 })
	r, err := k.api.ExplainCustomer(k.ctx(), &surveyv1.ExplainCustomerRequest{Organisation: "acme", CustomerId: "ann"})
	if err != nil || len(r.GetDecisions()) != 1 || r.GetDecisions()[0].GetState() != surveyv1.InvitationState_INVITATION_STATE_FAILED {
		t.Errorf("%v %v", r, err)
	}
}

// Many decisions leave in few messages, which is what synced writes cost; and the state has decided up to the facts' end.
func TestDecisionsLeaveTogether(t *testing.T) {
	k := newKit(t, aMap()).begin()
	mail := k.reached(&factv1.Contact{Email: "someone@example.com"})
	if _, err := k.api.SetSending(k.ctx(), &surveyv1.SetSendingRequest{Organisation: "acme", Stop: true}); err != nil {
		t.Fatal(err)
	}
	const n = 5000
	var facts []*factv1.RecordedFact
	for i := range n {
		facts = append(facts, k.call(fmt.Sprint("c", i), fmt.Sprint("p", i), mail))
	}
	began := time.Now()
	for some := range slices.Chunk(facts, 500) {
		k.record(some...)
	}
	k.quiet()
	t.Logf("%d decisions in %s", n, time.Since(began))
	s, err := k.bus.JS().Stream(t.Context(), bus.StreamSurvey)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(k.decided()); got != n+1 {
		t.Errorf("%d decisions, want %d", got, n+1)
	}
	if messages := s.CachedInfo().State.Msgs; messages > n/50 {
		t.Errorf("%d messages for %d decisions", messages, n)
	}
}
