package state_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

const day = 24 * 3600 * 1000

// log is a state with the store below it.
type log struct {
	t interface {
		Helper()
		Fatal(...any)
	}
	s        *state.State
	store    fold.Store
	position fold.Position
}

func newLog(t interface {
	Helper()
	Fatal(...any)
},
) *log {
	t.Helper()
	st, err := memstore.New().Open("survey")
	if err != nil {
		t.Fatal(err)
	}
	l := &log{t: t, store: st}
	l.restart()
	return l
}

func (l *log) restart() {
	l.t.Helper()
	l.s = state.New()
	if err := l.s.Load(l.store); err != nil {
		l.t.Fatal(err)
	}
}

func (l *log) flush() {
	l.t.Helper()
	w := fold.Write{Expect: l.position}
	if err := l.s.Flush(&w); err != nil {
		l.t.Fatal(err)
	}
	l.position.Sequence++
	w.Position = l.position
	if err := l.store.Commit(&w); err != nil {
		l.t.Fatal(err)
	}
}

func (l *log) apply(facts uint64, events ...*surveyv1.SurveyEvent) {
	l.t.Helper()
	b, err := proto.Marshal(&surveyv1.SurveyBatch{Events: events, FactPosition: facts})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.s.Apply(fold.Message{Subject: "ts.survey.acme.0", Data: b}); err != nil {
		l.t.Fatal(err)
	}
}

func id(n byte) []byte { return append([]byte{n}, make([]byte, 15)...) }

func decided(at int64, n byte, customer byte, change ...func(*surveyv1.Decided)) *surveyv1.SurveyEvent {
	d := &surveyv1.Decided{
		Survey: "help", Customer: id(customer), Source: "acd", Id: fmt.Sprint("call-", n), DueMs: at + 1000, OpenUntilMs: at + 14*day, RemindDays: 3,
		Token: id(100 + n), Language: "en", Month: "2026-11", Context: &surveyv1.Context{Touchpoint: "calls", Attributes: map[string]string{"plan": "gold"}},
	}
	for _, f := range change {
		f(d)
	}
	return &surveyv1.SurveyEvent{AtMs: at, Invitation: id(n), What: &surveyv1.SurveyEvent_Decided{Decided: d}}
}

func sent(at int64, n byte, s *surveyv1.Sent) *surveyv1.SurveyEvent {
	s.Day = "2026-11-25"
	return &surveyv1.SurveyEvent{AtMs: at, Invitation: id(n), What: &surveyv1.SurveyEvent_Sent{Sent: s}}
}

func saved(at int64, n byte, s *surveyv1.Saved) *surveyv1.SurveyEvent {
	s.Month = "2026-11"
	return &surveyv1.SurveyEvent{AtMs: at, Invitation: id(n), What: &surveyv1.SurveyEvent_Saved{Saved: s}}
}

func answer(question string, v int32) []*surveyv1.SavedAnswer {
	return []*surveyv1.SavedAnswer{{Question: question, Values: []int32{v}}}
}

func (l *log) invitation(n byte) *state.Invitation {
	l.t.Helper()
	i, err := l.s.Invitation(state.ID(id(n)))
	if err != nil || i == nil {
		l.t.Fatal(n, i, err)
	}
	return i
}

func (l *log) due(now int64) []state.Waiting {
	l.t.Helper()
	due, _, err := l.s.Due(now, 100)
	if err != nil {
		l.t.Fatal(err)
	}
	return due
}

func (l *log) count(name string) int64 {
	l.t.Helper()
	n, err := l.s.Count("acme", name)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

const cohort = "cohort/1970-01-02/help/"

// One invitation from its decision to its end: it waits, is sent, reminded once, and answered once.
func TestLifeOfAnInvitation(t *testing.T) {
	l := newLog(t)
	at := int64(day)
	l.apply(7, decided(at, 1, 50))
	l.apply(8, decided(at+5, 1, 50, func(d *surveyv1.Decided) { d.Survey = "other" })) // decided again: nothing
	if i := l.invitation(1); i.Survey != "help" || i.State(at) != surveyv1.InvitationState_INVITATION_STATE_QUEUED || l.s.Decided("acme") != 8 {
		t.Errorf("%+v %d", i, l.s.Decided("acme"))
	}
	if due := l.due(at); len(due) != 0 {
		t.Error(due)
	}
	if due := l.due(at + 1000); len(due) != 1 {
		t.Error(due)
	}
	l.flush()
	l.restart()
	l.apply(0, sent(at+1000, 1, &surveyv1.Sent{Attempt: 1, Failed: "no answer", Again: true, NextMs: at + 2000}))
	if due := l.due(at + 1999); len(due) != 0 {
		t.Error(due)
	}
	l.apply(0, sent(at+2000, 1, &surveyv1.Sent{Attempt: 2, ProviderId: "x"}))
	if i := l.invitation(1); i.State(at+2000) != surveyv1.InvitationState_INVITATION_STATE_SENT || i.Due != at+2000+3*day {
		t.Errorf("%+v", i)
	}
	hash, i, err := l.s.Token(state.ID(id(101)))
	if err != nil || i == nil || hash != state.ID(id(1)) {
		t.Fatal(hash, i, err)
	}
	l.apply(0, saved(at+3000, 1, &surveyv1.Saved{Step: 1, Answers: answer("nps", 3), LastSeen: "why", Device: "phone", Bad: []*surveyv1.Bad{{Rule: "call", Question: "nps", Action: "Call.", Owner: "floor", DueMs: at + 2*day}}}))
	l.apply(0, saved(at+3100, 1, &surveyv1.Saved{Step: 1, Answers: answer("nps", 9), LastSeen: "why"})) // the same step again
	if due := l.due(at + 100*day); len(due) != 0 {
		t.Error("a reminder would follow an answer: ", due)
	}
	if i := l.invitation(1); i.Answers[0].GetValues()[0] != 3 || i.State(at+3000) != surveyv1.InvitationState_INVITATION_STATE_STARTED {
		t.Errorf("%+v", i)
	}
	if l.count(cohort+"last/why") != 1 {
		t.Error("the question last seen is not counted")
	}
	l.flush()
	l.apply(0, saved(at+4000, 1, &surveyv1.Saved{Step: 2, Answers: answer("ease", 6), LastSeen: "ease", Final: true}))
	l.apply(0, saved(at+4000, 1, &surveyv1.Saved{Step: 3, Answers: answer("nps", 10), Final: true})) // after the end
	l.apply(0, saved(at+4500, 1, &surveyv1.Saved{Step: 4, MayQuote: true}))
	if i = l.invitation(1); !i.MayQuote || i.LastSeen != "ease" {
		t.Errorf("what one may do is not kept: %+v", i)
	}
	if i.State(at+5000) != surveyv1.InvitationState_INVITATION_STATE_COMPLETED || len(i.Answers) != 2 || i.Answers[0].GetValues()[0] != 3 {
		t.Errorf("%+v", i)
	}
	for name, want := range map[string]int64{
		cohort + "asked": 1, cohort + "sent": 1, cohort + "started": 1, cohort + "completed": 1, cohort + "completed/language/en": 1,
		cohort + "started/earlier/0": 1, cohort + "last/why": 0, cohort + "gate/0": 1, "budget/help/2026-11": 1, "quota/help/2026-11/plan=gold": 1, "day/2026-11-25": 1,
	} {
		if got := l.count(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	var todo []*state.Todo
	list := func() {
		todo = nil
		if err := l.s.Todo("acme", func(x *state.Todo) bool { todo = append(todo, x); return true }); err != nil {
			t.Fatal(err)
		}
	}
	if list(); len(todo) != 1 || todo[0].Rule != "call" || todo[0].DoneAt != 0 {
		t.Fatalf("%+v", todo)
	}
	l.apply(0, &surveyv1.SurveyEvent{AtMs: at + 5000, Invitation: id(1), What: &surveyv1.SurveyEvent_Done{Done: &surveyv1.Done{Rule: "call", Text: "Called."}}})
	if list(); todo[0].DoneAt != at+5000 || todo[0].Done != "Called." {
		t.Errorf("%+v", todo)
	}
	if p, err := l.s.Person(state.ID(id(50))); err != nil || len(p.Asked) != 1 || p.Asked[0].Answered != at+3000 || len(p.Decisions) != 1 {
		t.Errorf("%+v %v", p, err)
	}
}

func TestBounces(t *testing.T) {
	l := newLog(t)
	l.apply(1, decided(day, 1, 50))
	l.apply(0, sent(day+1000, 1, &surveyv1.Sent{Attempt: 1}))
	told := func(s surveyv1.InvitationState) {
		l.apply(0, &surveyv1.SurveyEvent{AtMs: day + 2000, Invitation: id(1), What: &surveyv1.SurveyEvent_Delivery{Delivery: &surveyv1.Delivery{State: s, Reason: "unknown user"}}})
	}
	told(surveyv1.InvitationState_INVITATION_STATE_DELIVERED)
	told(surveyv1.InvitationState_INVITATION_STATE_BOUNCED)
	told(surveyv1.InvitationState_INVITATION_STATE_DELIVERED) // late
	if i := l.invitation(1); i.State(day+3000) != surveyv1.InvitationState_INVITATION_STATE_BOUNCED || i.Why != "unknown user" || len(l.due(day*100)) != 0 {
		t.Errorf("%+v %v", i, l.due(day*100))
	}
	l.apply(0, saved(day+4000, 1, &surveyv1.Saved{Step: 1, Answers: answer("nps", 3)})) // it came all the same
	if i := l.invitation(1); i.State(day+5000) != surveyv1.InvitationState_INVITATION_STATE_STARTED {
		t.Errorf("%+v", i)
	}
}

func TestHeldWave(t *testing.T) {
	l := newLog(t)
	held := func(d *surveyv1.Decided) { d.Wave, d.Held = "exit/2026-12-01", true }
	l.apply(0, decided(day, 1, 1), decided(day, 2, 2, held), decided(day, 3, 3, held), decided(day, 4, 4, func(d *surveyv1.Decided) { d.Wave, d.Held = "other/2026-12-01", true }))
	l.flush()
	if due := l.due(day * 2); len(due) != 1 {
		t.Error(due)
	}
	if waves, err := l.s.Held("acme"); err != nil || waves["exit/2026-12-01"] != 2 || waves["other/2026-12-01"] != 1 {
		t.Error(waves, err)
	}
	order := func(o *surveyv1.Order) {
		l.apply(0, &surveyv1.SurveyEvent{AtMs: 3 * day, What: &surveyv1.SurveyEvent_Order{Order: o}})
	}
	order(&surveyv1.Order{ReleaseWave: "exit/2026-12-01"})
	if due := l.due(3 * day); len(due) != 3 {
		t.Error(due)
	}
	order(&surveyv1.Order{EndWave: "other/2026-12-01"})
	if i := l.invitation(4); i.State(3*day) != surveyv1.InvitationState_INVITATION_STATE_NOT_ASKED {
		t.Errorf("%+v", i)
	}
	if _, i, err := l.s.Token(state.ID(id(104))); i != nil || err != nil {
		t.Error("the link of an ended wave opens", i, err)
	}
	order(&surveyv1.Order{Stop: true, Key: "k1"})
	if l.s.Stopped("acme") != "k1" || l.s.Stopped("other") != "" {
		t.Error("not stopped")
	}
	order(&surveyv1.Order{Resume: true})
	if l.s.Stopped("acme") != "" {
		t.Error("still stopped")
	}
}

func TestAudiences(t *testing.T) {
	l := newLog(t)
	put := func(replace bool, who ...byte) {
		e := &surveyv1.Listed{Audience: mapv1.Audience_AUDIENCE_LOST_PROSPECTS, Replace: replace}
		for _, n := range who {
			e.Members = append(e.Members, &surveyv1.ListedMember{Customer: id(n), Stage: "buy"})
		}
		l.apply(0, &surveyv1.SurveyEvent{What: &surveyv1.SurveyEvent_Listed{Listed: e}})
	}
	list := func() (all []byte) {
		if err := l.s.Members("acme", mapv1.Audience_AUDIENCE_LOST_PROSPECTS, func(x state.ID, m *state.Member) bool {
			if m.Stage != "buy" {
				t.Error(m)
			}
			all = append(all, x[0])
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	put(true, 3, 1)
	l.flush()
	put(false, 2)
	if got := list(); !slices.Equal(got, []byte{1, 2, 3}) {
		t.Error(got)
	}
	put(true, 9)
	if got := list(); !slices.Equal(got, []byte{9}) {
		t.Error(got)
	}
	l.flush()
	l.restart()
	if got := list(); !slices.Equal(got, []byte{9}) {
		t.Error(got)
	}
}

// whole is all that a state answers.
func (l *log) whole() string {
	l.t.Helper()
	var all []any
	must := func(err error) {
		if err != nil {
			l.t.Fatal(err)
		}
	}
	for n := byte(1); n < 8; n++ {
		i, err := l.s.Invitation(state.ID(id(n)))
		must(err)
		p, err := l.s.Person(state.ID(id(n)))
		must(err)
		_, byToken, err := l.s.Token(state.ID(id(100 + n)))
		must(err)
		all = append(all, i, p, byToken)
	}
	all = append(all, l.due(1000*day))
	held, err := l.s.Held("acme")
	must(err)
	all = append(all, held)
	must(l.s.Todo("acme", func(t *state.Todo) bool { all = append(all, t); return true }))
	must(l.s.Responses("acme", func(i state.ID, _ *state.Invitation) bool { all = append(all, i); return true }))
	must(l.s.Counts("acme", "", func(name string, n int64) { all = append(all, name, n) }))
	b, err := json.Marshal(all)
	must(err)
	return string(b)
}

// The same log gives the same state, whenever it is flushed and however often it begins again from the last flush; nobody is
// reminded who answered, and what waits is exactly what the invitations say.
func TestStateIsAFunctionOfItsLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one, other := newLog(rt), newLog(rt)
		at := int64(day)
		var since []*surveyv1.SurveyEvent // since the other's last flush
		for range rapid.IntRange(1, 60).Draw(rt, "events") {
			at += int64(rapid.IntRange(0, day).Draw(rt, "later"))
			n := byte(rapid.IntRange(1, 7).Draw(rt, "invitation"))
			var e *surveyv1.SurveyEvent
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0, 1:
				e = decided(at, n, byte(rapid.IntRange(1, 4).Draw(rt, "customer")), func(d *surveyv1.Decided) {
					if d.Gate = surveyv1.Gate(rapid.IntRange(0, 2).Draw(rt, "gate")); d.Gate != 0 {
						d.Token, d.DueMs = nil, 0
					} else if rapid.Bool().Draw(rt, "held") {
						d.Wave, d.Held = "w/1", true
					}
				})
			case 2:
				x := &surveyv1.Sent{Attempt: 1, Message: uint32(rapid.IntRange(0, 1).Draw(rt, "message"))}
				if rapid.Bool().Draw(rt, "fails") {
					x.Failed, x.Again, x.NextMs = "away", rapid.Bool().Draw(rt, "again"), at+1000
				}
				e = sent(at, n, x)
			case 3, 4:
				e = saved(at, n, &surveyv1.Saved{
					Step: uint32(rapid.IntRange(1, 4).Draw(rt, "step")), Final: rapid.Bool().Draw(rt, "final"), LastSeen: rapid.SampledFrom([]string{"nps", "why"}).Draw(rt, "seen"),
					Answers: answer("nps", int32(rapid.IntRange(0, 10).Draw(rt, "value"))), Device: rapid.SampledFrom([]string{"", "phone"}).Draw(rt, "device"),
				})
				if v := e.GetSaved().GetAnswers()[0].GetValues()[0]; v < 4 {
					e.GetSaved().Bad = []*surveyv1.Bad{{Rule: "call", Question: "nps", DueMs: at + day}}
				}
			default:
				e = &surveyv1.SurveyEvent{AtMs: at, What: &surveyv1.SurveyEvent_Order{Order: &surveyv1.Order{ReleaseWave: "w/1"}}}
			}
			one.apply(0, e)
			other.apply(0, e)
			since = append(since, e)
			switch rapid.IntRange(0, 4).Draw(rt, "then") {
			case 0:
				other.flush()
				since = nil
			case 1: // killed: what was not flushed is read again
				other.restart()
				for _, e := range since {
					other.apply(0, e)
				}
			}
		}
		if a, b := one.whole(), other.whole(); a != b {
			rt.Fatalf("with restarts\n%s\nwithout\n%s", b, a)
		}
		waits := map[state.ID]int64{}
		for _, w := range one.due(1000 * day) {
			waits[w.Invitation] = w.Due
		}
		for n := byte(1); n < 8; n++ {
			i, err := one.s.Invitation(state.ID(id(n)))
			if err != nil {
				rt.Fatal(err)
			}
			if i == nil {
				continue
			}
			due := i.Due
			if i.Held {
				due = 0
			}
			if waits[state.ID(id(n))] != due {
				rt.Fatalf("invitation %d waits for %d, its place says %d", n, i.Due, waits[state.ID(id(n))])
			}
			if i.Started > 0 && i.Due > 0 && i.Sent > 0 {
				rt.Fatalf("a reminder follows an answer: %+v", i)
			}
		}
	})
}
