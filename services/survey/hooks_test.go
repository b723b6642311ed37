package survey

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

// provider stands in for one of text messages.
type provider struct {
	mu    sync.Mutex
	taken []url.Values
}

// calls counts the messages that were handed over.
func (p *provider) calls() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.taken)
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = append(p.taken, r.PostForm)
	if r.PostForm.Get("To") == "+4915100000009" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"code": 21610, "message": "unsubscribed", "status": 400}`)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"sid": "SM%d", "status": "queued"}`, len(p.taken))
}

// tell calls back as the provider does, by the address that it was given.
func (k *kit) tell(callback string, form url.Values, token string) int {
	k.t.Helper()
	signed := callback
	for _, name := range slices.Sorted(maps.Keys(form)) {
		signed += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(signed))
	at := strings.Replace(callback, "https://survey.example.com", "http://"+k.pages, 1)
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Text messages leave once sending is on; what their provider tells of them, and of people who want none, is written down once.
func TestTextMessages(t *testing.T) {
	p := &provider{}
	far := httptest.NewServer(p)
	t.Cleanup(far.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := newKit(t, aMap(func(s *mapv1.Survey, m *mapv1.Map) {
		s.Channels = []mapv1.SurveyChannel{mapv1.SurveyChannel_SURVEY_CHANNEL_SMS}
		m.Messages = []*mapv1.MessageTemplate{{Id: "plain", Texts: []*mapv1.MessageText{{
			Language: "en", Subject: "Your {touchpoint}", Text: "Hello {name}", Sms: "{organisation}: {name}, how was the {touchpoint} on {day}? {link}",
		}}}}
	}))
	k.env = []string{
		"TOUCHSTONE_SURVEY_SENDING_ON=true", "TOUCHSTONE_SURVEY_SMS_URL=" + far.URL, "TOUCHSTONE_SURVEY_SMS_ACCOUNT=AC1", "TOUCHSTONE_SURVEY_SMS_FROM=Acme",
		"TOUCHSTONE_SURVEY_SMS_TOKEN_FILE=" + token, "TOUCHSTONE_SURVEY_SMS_CALLBACK=https://survey.example.com/hooks/sms",
	}
	k.begin()
	if s, err := k.api.GetSending(k.ctx(), &surveyv1.GetSendingRequest{Organisation: "acme"}); err != nil || !s.GetOn() {
		t.Errorf("%v %v", s, err)
	}
	states := func(customer string) (string, bool) {
		t.Helper()
		r, err := k.api.ExplainCustomer(k.ctx(), &surveyv1.ExplainCustomerRequest{Organisation: "acme", CustomerId: customer})
		if err != nil || len(r.GetDecisions()) == 0 {
			return "", false
		}
		return strings.TrimPrefix(r.GetDecisions()[0].GetState().String(), "INVITATION_STATE_"), r.GetOptedOut()
	}
	is := func(customer, want string, out bool) {
		t.Helper()
		k.until(customer+" is "+want, func() bool { s, o := states(customer); return s == want && o == out })
	}
	callbacks := map[string]string{}
	for n, customer := range []string{"ann", "bob", "cid"} {
		k.record(k.call("c-"+customer, customer, k.reached(&factv1.Contact{Name: strings.ToUpper(customer), Phone: fmt.Sprint("+491510000000", n)})))
		k.until("a message for "+customer, func() bool { return len(p.calls()) == n+1 })
		m := p.calls()[n]
		if want := fmt.Sprintf("Acme: %s, how was the Call on 4 March? http://%s/s/", strings.ToUpper(customer), k.pages); !strings.HasPrefix(m.Get("Body"), want) || !strings.HasSuffix(m.Get("Body"), "?lang=en") {
			t.Errorf("%q, want %q", m.Get("Body"), want)
		}
		callbacks[customer] = m.Get("StatusCallback")
		is(customer, "SENT", false)
	}
	ended := func(status, code string) url.Values {
		return url.Values{"MessageSid": {"SM1"}, "MessageStatus": {status}, "ErrorCode": {code}}
	}
	if got := k.tell(callbacks["ann"], ended("delivered", ""), "another"); got != http.StatusForbidden {
		t.Errorf("a call that nobody signed: %d", got)
	}
	for range 3 { // told again
		for customer, form := range map[string]url.Values{"ann": ended("delivered", ""), "bob": ended("undelivered", "30003"), "cid": ended("failed", "21610")} {
			if got := k.tell(callbacks[customer], form, "secret"); got != http.StatusNoContent {
				t.Errorf("%s: %d", customer, got)
			}
		}
	}
	unknown := strings.Replace(callbacks["ann"], "message=", "message=0000", 1)
	unknown = unknown[:len(unknown)-6] + "-0"
	if got := k.tell(unknown, ended("delivered", ""), "secret"); got != http.StatusNoContent {
		t.Errorf("a message that is not known: %d", got)
	}
	if got := k.tell("https://survey.example.com/hooks/sms/reply", url.Values{"MessageSid": {"SM9"}, "From": {"+4915100000000"}, "Body": {"Thanks"}}, "secret"); got != http.StatusOK {
		t.Errorf("a reply: %d", got)
	}
	is("ann", "DELIVERED", false)
	is("bob", "BOUNCED", false)
	is("cid", "BOUNCED", true)

	// A STOP is the wish of whoever was written to by that number, and of nobody else.
	for range 2 {
		for from, body := range map[string]string{"+4915100000001": "Stop!", "+4915100000000": "It will not stop raining", "+4915199999999": "STOP"} {
			if got := k.tell("https://survey.example.com/hooks/sms/reply", url.Values{"MessageSid": {"SM8"}, "From": {from}, "Body": {body}}, "secret"); got != http.StatusOK {
				t.Errorf("a reply from %s: %d", from, got)
			}
		}
	}
	is("bob", "BOUNCED", true)
	is("ann", "DELIVERED", false)
	if got := k.tell("https://survey.example.com/hooks/sms/reply", url.Values{"MessageSid": {"SM7"}, "From": {"+4915100000000"}, "Body": {"STOP"}}, "another"); got != http.StatusForbidden {
		t.Errorf("a STOP that the provider did not sign: %d", got)
	}

	// Who told the provider before is known once it refuses, and not asked again.
	k.record(k.call("c-dan", "dan", k.reached(&factv1.Contact{Name: "Dan", Phone: "+4915100000009"})))
	is("dan", "FAILED", true)
	var deliveries, wishes int
	for _, e := range k.events() {
		if e.GetDelivery() != nil {
			deliveries++
		}
		if e.GetWish().GetBy() == "stop" {
			wishes++
		}
	}
	if deliveries != 3 || wishes != 3 {
		t.Errorf("%d deliveries and %d wishes in the log, want 3 and 3", deliveries, wishes)
	}
	// Nobody is reminded where nothing arrived or who wants nothing.
	k.later(4 * 24 * time.Hour)
	k.until("one reminder", func() bool { return len(p.calls()) == 5 })
	time.Sleep(100 * time.Millisecond)
	if all := p.calls(); len(all) != 5 || all[4].Get("To") != "+4915100000000" || !strings.Contains(all[4].Get("StatusCallback"), "-1") {
		t.Errorf("%v", all)
	}
	if code, _ := k.browse("http://"+k.pages+"/hooks/smsx", nil); code != http.StatusNotFound {
		t.Errorf("no hook answers %d", code)
	}
}
