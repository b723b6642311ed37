package survey

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

var receipts = regexp.MustCompile(`name="receipt" value="([^"]*)"`)

// browse fetches a page or posts a form to it, without keeping a connection.
func (k *kit) browse(link string, form url.Values) (int, string) {
	k.t.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, link, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		k.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// answer answers a page's question by its form.
func (k *kit) answer(link, question, value string) (int, string) {
	k.t.Helper()
	_, shown := k.browse(link, nil)
	m := receipts.FindStringSubmatch(shown)
	if m == nil {
		k.t.Fatalf("no form: %s", shown)
	}
	return k.browse(link, url.Values{"at": {question}, "q." + question: {value}, "receipt": {m[1]}})
}

// From an interaction to facts: asked by e-mail in the customer's language, answered on the page, told to ingest, done about.
func TestAsked(t *testing.T) {
	k := newKit(t, aMap(func(s *mapv1.Survey, m *mapv1.Map) {
		s.Languages = []string{"en", "de"}
		m.Questions[0].Wordings = []*mapv1.Wording{{Language: "de", Text: "Würden Sie Acme empfehlen?"}}
		m.Questions[1].Wordings = []*mapv1.Wording{{Language: "de", Text: "Acme hat es mir leicht gemacht."}}
	})).begin()
	k.record(k.call("c1", "ann", k.reached(&factv1.Contact{Name: "Ann", Email: "ann@example.com", Language: "de-AT", Zone: "Europe/Vienna"})))
	k.until("a message", func() bool { return len(k.outbox()) == 1 })
	m := k.outbox()[0]
	if m.Medium != "email" || m.Email != "ann@example.com" || m.Name != "Ann" || m.Language != "de" || !strings.Contains(m.Text, "Würden Sie Acme empfehlen?") ||
		!strings.HasPrefix(m.Link, "http://"+k.pages+"/s/") || m.StopLink != strings.TrimSuffix(m.Link, "?lang=de")+"/stop" ||
		!strings.Contains(m.Text, "\n10: "+m.Link+"&score=10\n") || !strings.Contains(m.Text, "Acme") {
		t.Errorf("%+v", m)
	}
	link := strings.TrimSuffix(m.Link, "?lang=de")
	if code, body := k.answer(link, "recommend", "3"); code != 200 || !strings.Contains(body, "Acme made it easy.") {
		t.Fatalf("%d %s", code, body)
	}
	if code, body := k.answer(link, "ease", "2"); code != 200 || !strings.Contains(body, "Thank you") {
		t.Fatalf("%d %s", code, body)
	}
	if code, _ := k.browse(link, nil); code != 404 {
		t.Errorf("a spent link answers %d", code)
	}
	k.until("facts", func() bool { k.mu.Lock(); defer k.mu.Unlock(); return len(k.answered) == 2 })
	id := invitationOf(t, k)
	f := k.answered[id+":recommend"]
	if a := f.GetAnswer(); a.GetValue() != 3 || a.GetInteraction().GetSource() != "acd" || a.GetInteraction().GetId() != "c1" || a.GetTouchpoint() != "call" || a.GetResponseId() != id || a.GetCustomerId() != "" {
		t.Errorf("%v", f)
	}
	if a := k.answered[id+":ease"].GetAnswer(); a.GetValue() != 2 {
		t.Errorf("%v", a)
	}

	todo, err := k.api.ListTodo(k.ctx(), &surveyv1.ListTodoRequest{Organisation: "acme", Owner: "floor"})
	if err != nil || len(todo.GetTodo()) != 1 || todo.GetTodo()[0].GetGiven().GetValues()[0] != 3 {
		t.Fatalf("%v %v", todo, err)
	}
	if _, err := k.api.DoneTodo(k.ctx(), &surveyv1.DoneTodoRequest{Organisation: "acme", Id: todo.GetTodo()[0].GetId(), Done: "called +49 30 1234567"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a number was taken: %v", err)
	}
	done, err := k.api.DoneTodo(k.ctx(), &surveyv1.DoneTodoRequest{Organisation: "acme", Id: todo.GetTodo()[0].GetId(), Done: "called, and said sorry"})
	if err != nil || done.GetTodo().GetDoneAt() == nil {
		t.Errorf("%v %v", done, err)
	}
	if _, err := k.api.DoneTodo(k.ctx(), &surveyv1.DoneTodoRequest{Organisation: "acme", Id: todo.GetTodo()[0].GetId(), Done: "again"}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("done twice: %v", err)
	}

	h, err := k.api.GetHealth(k.ctx(), &surveyv1.GetHealthRequest{Organisation: "acme"})
	if err != nil || h.GetSent() != 1 || h.GetCompleted() != 1 || h.GetRr1().GetValue() != 100 || h.GetRr1().GetLow() < 20 || h.GetRr1().GetLow() > 21 || h.GetAction().GetCases() != 1 {
		t.Errorf("%v %v", h, err)
	}
	list, err := k.api.ListSurveys(k.ctx(), &surveyv1.ListSurveysRequest{Organisation: "acme"})
	if err != nil || len(list.GetSurveys()) != 1 || list.GetSurveys()[0].GetSent() != 1 || list.GetSurveys()[0].GetCompleted() != 1 || list.GetSurveys()[0].GetQueued() != 0 {
		t.Errorf("%v %v", list, err)
	}
	responses, err := k.api.ListResponses(k.ctx(), &surveyv1.ListResponsesRequest{Organisation: "acme"})
	if err != nil || len(responses.GetResponses()) != 1 || !responses.GetResponses()[0].GetCompleted() || len(responses.GetResponses()[0].GetGiven()) != 2 {
		t.Errorf("%v %v", responses, err)
	}

	// The log begins anew for the publisher of answers: the same facts, under the same identities and versions.
	k.halt()
	before := len(k.answered)
	k.begin()
	k.quiet()
	if len(k.answered) != before || k.answered[id+":recommend"].GetVersion() != f.GetVersion() {
		t.Errorf("facts after a restart: %v", k.answered)
	}
}

func invitationOf(t *testing.T, k *kit) string {
	t.Helper()
	id := ofInteraction("acme", "help", "acd", "c1")
	return fmt.Sprintf("%x", id[:])
}

// 1,000 who send the end at once: one is taken, and one answer becomes a fact.
func TestOneEnd(t *testing.T) {
	k := newKit(t, aMap()).begin()
	k.record(k.call("c1", "ann"))
	k.until("a link", func() bool { return len(k.outbox()) == 1 })
	token := strings.TrimSuffix(strings.TrimPrefix(k.outbox()[0].Link, "http://"+k.pages+"/s/"), "?lang=en")
	var taken atomic.Int64
	var all sync.WaitGroup
	for n := range 1000 {
		all.Go(func() {
			_, err := k.api.RecordResponse(k.ctx(), &surveyv1.RecordResponseRequest{
				Organisation: "acme", Token: token, Final: true, Given: []*surveyv1.Given{{Question: "recommend", Values: []int32{int32(n % 11)}}},
			})
			switch {
			case err == nil:
				taken.Add(1)
			case status.Code(err) != codes.FailedPrecondition:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 {
		t.Errorf("%d ends were taken, want 1", taken.Load())
	}
	for _, c := range []struct {
		given *surveyv1.Given
		want  codes.Code
	}{
		{&surveyv1.Given{Question: "nothing", Values: []int32{1}}, codes.InvalidArgument},
		{&surveyv1.Given{Question: "recommend", Values: []int32{11}}, codes.InvalidArgument},
		{&surveyv1.Given{Question: "recommend", Text: "ten"}, codes.InvalidArgument},
		{&surveyv1.Given{Question: "recommend", Values: []int32{1}}, codes.FailedPrecondition},
	} {
		if _, err := k.api.RecordResponse(k.ctx(), &surveyv1.RecordResponseRequest{Organisation: "acme", Token: token, Given: []*surveyv1.Given{c.given}}); status.Code(err) != c.want {
			t.Errorf("%v: %v, want %s", c.given, err, c.want)
		}
	}
	if _, err := k.api.RecordResponse(k.ctx(), &surveyv1.RecordResponseRequest{Organisation: "acme", Token: "aaaa", Final: true}); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown token: %v", err)
	}
}

// A message waits for its hour, for the order to go on, for tomorrow; a reminder follows once, and never an answer or a stop.
func TestWaiting(t *testing.T) {
	k := newKit(t, aMap(func(_ *mapv1.Survey, m *mapv1.Map) { m.ContactRules = &mapv1.ContactRules{DailyCap: 3} })).begin()
	mail := k.reached(&factv1.Contact{Email: "someone@example.com", Zone: "Asia/Tokyo"}) // 21:00 there
	stop := func(yes bool) {
		if _, err := k.api.SetSending(k.ctx(), &surveyv1.SetSendingRequest{Organisation: "acme", Stop: yes}); err != nil {
			t.Fatal(err)
		}
	}
	stop(true)
	for n := range 5 {
		k.record(k.call(fmt.Sprint("c", n), fmt.Sprint("p", n), mail))
	}
	k.until("five wait", func() bool {
		s, err := k.api.GetSending(k.ctx(), &surveyv1.GetSendingRequest{Organisation: "acme"})
		return err == nil && s.GetQueued() == 5 && strings.HasPrefix(s.GetStopped(), "stopped by key ")
	})
	k.later(13 * time.Hour) // 10:00 in Tokyo
	time.Sleep(100 * time.Millisecond)
	if n := len(k.outbox()); n != 0 {
		t.Fatalf("%d messages left although all sending is stopped", n)
	}
	stop(false)
	k.until("three leave", func() bool { return len(k.outbox()) == 3 })
	time.Sleep(100 * time.Millisecond)
	if n := len(k.outbox()); n != 3 {
		t.Fatalf("%d messages left, the cap is 3", n)
	}
	k.later(24 * time.Hour)
	k.until("the others leave the next day", func() bool { return len(k.outbox()) == 5 })

	box := k.outbox()
	k.answer(strings.TrimSuffix(box[0].Link, "?lang=en"), "recommend", "10")
	if code, _ := k.browse(box[1].StopLink, url.Values{}); code != 200 {
		t.Fatal(code)
	}
	for range 4 {
		k.later(24 * time.Hour)
		time.Sleep(150 * time.Millisecond)
	}
	k.until("three reminders", func() bool { return len(k.outbox()) == 8 })
	k.later(48 * time.Hour)
	time.Sleep(200 * time.Millisecond)
	reminded := map[string]bool{}
	for _, m := range k.outbox() {
		if id, ok := strings.CutSuffix(m.ID, "-1"); ok {
			reminded[id] = true
		}
	}
	if len(reminded) != 3 || reminded[strings.TrimSuffix(box[0].ID, "-0")] || reminded[strings.TrimSuffix(box[1].ID, "-0")] {
		t.Errorf("reminded: %v", reminded)
	}
}

// What has not left when a survey is paused waits; when it is closed it never leaves.
func TestPausedAndClosed(t *testing.T) {
	in := func(state mapv1.SurveyState) func(*mapv1.Survey, *mapv1.Map) {
		return func(s *mapv1.Survey, _ *mapv1.Map) { s.State, s.Trigger.DelayMinutes = state, 60 }
	}
	k := newKit(t, aMap(in(mapv1.SurveyState_SURVEY_STATE_ACTIVE))).begin()
	k.record(k.call("c1", "ann"))
	k.until("a decision", func() bool { return len(k.decided()) == 1 })
	k.apply(aMap(in(mapv1.SurveyState_SURVEY_STATE_PAUSED)))
	k.later(2 * time.Hour)
	time.Sleep(200 * time.Millisecond)
	if n := len(k.outbox()); n != 0 {
		t.Fatalf("%d messages left while it was paused", n)
	}
	k.apply(aMap(in(mapv1.SurveyState_SURVEY_STATE_ACTIVE)))
	k.until("it leaves", func() bool { return len(k.outbox()) == 1 })
	link := k.outbox()[0].Link
	k.record(k.call("c2", "bob"))
	k.until("a decision", func() bool { return len(k.decided()) == 2 })
	k.apply(aMap(in(mapv1.SurveyState_SURVEY_STATE_CLOSED)))
	k.later(2 * time.Hour)
	k.until("it is given up", func() bool {
		r, err := k.api.ExplainCustomer(k.ctx(), &surveyv1.ExplainCustomerRequest{Organisation: "acme", CustomerId: "bob"})
		return err == nil && r.GetDecisions()[0].GetReason() == "The survey is closed."
	})
	if code, _ := k.browse(link, nil); code != 404 || len(k.outbox()) != 1 {
		t.Errorf("the link of a closed survey answers %d, and %d messages left", code, len(k.outbox()))
	}
}

// A wish counts from when it is heard; whoever is invited by hand passes the sample and no other gate, once an interaction.
func TestInvite(t *testing.T) {
	k := newKit(t, aMap(func(s *mapv1.Survey, _ *mapv1.Map) { s.Sample = &mapv1.Sample{Share: 1e-9} })).begin()
	ref := &factv1.InteractionRef{Source: "acd", Id: "c1"}
	invite := func(customer string, ref *factv1.InteractionRef) *surveyv1.InviteResponse {
		t.Helper()
		r, err := k.api.Invite(k.ctx(), &surveyv1.InviteRequest{Organisation: "acme", Survey: "help", CustomerId: customer, Interaction: ref})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := invite("ann", ref)
	if first.GetDecision().GetGate() != 0 || first.GetLink() == "" {
		t.Fatalf("%v", first)
	}
	if code, body := k.browse(first.GetLink(), nil); code != 200 || !strings.Contains(body, "recommend Acme") {
		t.Errorf("%d %s", code, body)
	}
	if r := invite("ann", ref); r.GetDecision().GetGate() != surveyv1.Gate_GATE_ONCE || r.GetLink() != "" {
		t.Errorf("%v", r)
	}
	if r := invite("ann", nil); r.GetDecision().GetGate() != surveyv1.Gate_GATE_QUARANTINE {
		t.Errorf("%v", r)
	}
	k.record(k.call("c1", "ann"), k.call("c2", "bob"))
	k.quiet()
	if got := k.about("c1", "c2"); len(got["c1"]) != 1 || len(got["c2"]) != 1 || got["c2"][0].GetGate() != surveyv1.Gate_GATE_SAMPLE {
		t.Errorf("%v", got)
	}
}
