package sms_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/sms"
)

const id = "01000000000000000000000000000000-0"

func TestParseStatus(t *testing.T) {
	query := url.Values{"message": {id}}
	for name, c := range map[string]struct {
		query url.Values
		body  string
		want  channel.Report
		ok    bool
		wrong bool
	}{
		"delivered":      {query, "MessageSid=SM1&MessageStatus=delivered&To=%2B4915112345678", channel.Report{ID: id, ProviderID: "SM1", State: channel.Delivered}, true, false},
		"read":           {query, "MessageSid=SM1&MessageStatus=read&ErrorCode=0", channel.Report{ID: id, ProviderID: "SM1", State: channel.Delivered}, true, false},
		"older names":    {query, "SmsSid=SM1&SmsStatus=delivered", channel.Report{ID: id, ProviderID: "SM1", State: channel.Delivered}, true, false},
		"undelivered":    {query, "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003", channel.Report{ID: id, ProviderID: "SM1", State: channel.Bounced, Reason: "The provider's code is 30003."}, true, false},
		"failed":         {query, "MessageSid=SM1&MessageStatus=failed&ErrorCode=30001&ErrorMessage=%2B4915112345678", channel.Report{ID: id, ProviderID: "SM1", State: channel.Failed, Reason: "The provider's code is 30001."}, true, false},
		"opted out":      {query, "MessageSid=SM1&MessageStatus=failed&ErrorCode=21610", channel.Report{ID: id, ProviderID: "SM1", State: channel.Bounced, Reason: "The provider's code is 21610.", OptedOut: true}, true, false},
		"a code of text": {query, "MessageSid=SM1&MessageStatus=failed&ErrorCode=Anna", channel.Report{ID: id, ProviderID: "SM1", State: channel.Failed}, true, false},
		"on the way":     {query, "MessageSid=SM1&MessageStatus=sent", channel.Report{}, false, false},
		"queued":         {query, "MessageSid=SM1&MessageStatus=queued", channel.Report{}, false, false},
		"new word":       {query, "MessageSid=SM1&MessageStatus=pondering", channel.Report{}, false, false},
		"no id":          {nil, "MessageSid=SM1&MessageStatus=delivered", channel.Report{}, false, true},
		"another id":     {url.Values{"message": {"../x"}}, "MessageSid=SM1&MessageStatus=delivered", channel.Report{}, false, true},
		"no SID":         {query, "MessageStatus=delivered", channel.Report{}, false, true},
		"no status":      {query, "MessageSid=SM1", channel.Report{}, false, true},
		"no form":        {query, "MessageSid=%zz", channel.Report{}, false, true},
		"empty":          {query, "", channel.Report{}, false, true},
		"too long":       {query, "MessageSid=SM1&MessageStatus=delivered&x=" + strings.Repeat("a", 64<<10), channel.Report{}, false, true},
	} {
		got, ok, err := sms.ParseStatus(c.query, []byte(c.body))
		if got != c.want || ok != c.ok || (err != nil) != c.wrong {
			t.Errorf("%s: %+v, %t, %v", name, got, ok, err)
		}
	}
}

func TestParseReply(t *testing.T) {
	for body, want := range map[string]channel.Reply{
		"MessageSid=SM1&From=%2B4915112345678&Body=STOP":                       {ID: "SM1", From: "+4915112345678", Stop: true},
		"MessageSid=SM1&From=%2B4915112345678&Body=Thank+you":                  {ID: "SM1", From: "+4915112345678"},
		"MessageSid=SM1&From=%2B4915112345678&Body=basta&OptOutType=STOP":      {ID: "SM1", From: "+4915112345678", Stop: true},
		"MessageSid=SM1&From=%2B4915112345678&Body=nie+wieder&OptOutType=STOP": {ID: "SM1", From: "+4915112345678", Stop: true},
		"MessageSid=SM1&From=%2B4915112345678&OptOutType=HELP":                 {ID: "SM1", From: "+4915112345678"},
		"MessageSid=SM1&From=4915112345678&Body=STOP":                          {},
		"MessageSid=SM1&From=Anna&Body=STOP":                                   {},
		"From=%2B4915112345678&Body=STOP":                                      {},
		"%zz":                                                                  {},
	} {
		got, err := sms.ParseReply([]byte(body))
		if got != want || (err != nil) != (want == channel.Reply{}) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

func TestStops(t *testing.T) {
	for _, text := range []string{
		"STOP", "stop", " Stop. ", "STOP!", "Stop please", "stop all", "STOPALL", "opt-out", "OPT OUT", "Unsubscribe", "cancel", "END", "quit", "revoke",
		"STOPP", "Stopp bitte", "abmelden", "Abbestellen!", "ARRÊT", "arrêter", "ARRET", "désabonner", "Se désabonner"[3:], "BAJA", "parar", "cancelar", "basta", "Disiscrivi",
		"afmelden", "Uitschrijven", "beëindigen", "WYPISZ", "rezygnuję", "koniec", "SAIR", "إيقاف", "ايقاف", "توقف", "إلغاء", "قف", "أوقفوا", "\u200fSTOP\u200f", "“STOP”", "ＳＴＯＰ",
	} {
		if !sms.Stops(text) {
			t.Errorf("%q does not stop", text)
		}
	}
	for _, text := range []string{
		"", " ", "7", "Thank you", "I will not stop telling you how good it was", "Don't stop now", "non-stop", "the end", "please cancel my last order today", "nonstop", "🙂",
		"Stopped working again", strings.Repeat("stop ", 50), "\xff",
	} {
		if sms.Stops(text) {
			t.Errorf("%q stops", text)
		}
	}
}

// sign signs a request as the provider does, counted here in a second way.
func sign(at string, form url.Values, key string) string {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(at))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		mac.Write([]byte(name + form.Get(name)))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestHandler(t *testing.T) {
	var reports []channel.Report
	var replies []channel.Reply
	var fails error
	c := open(t, provide(t).config(t))
	h := c.Handler(sms.Heard{
		Report: func(_ context.Context, r channel.Report) error { reports = append(reports, r); return fails },
		Reply:  func(_ context.Context, r channel.Reply) error { replies = append(replies, r); return fails },
	})
	status := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	sent := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"sent"}}
	reply := url.Values{"MessageSid": {"SM2"}, "From": {"+4915112345678"}, "Body": {"Stopp!"}}
	odd := url.Values{"MessageSid": {"SM2"}}
	at := "/status?message=" + id
	for _, x := range []struct {
		name, path string
		form       url.Values
		signature  string
		fails      error
		code       int
		reports    int
		replies    int
	}{
		{"delivered", at, status, sign(callback+at, status, token), nil, 204, 1, 0},
		{"on the way", at, sent, sign(callback+at, sent, token), nil, 204, 0, 0},
		{"a reply", "/reply", reply, sign(callback+"/reply", reply, token), nil, 200, 0, 1},
		{"no signature", at, status, "", nil, 403, 0, 0},
		{"another's key", at, status, sign(callback+at, status, "guess"), nil, 403, 0, 0},
		{"of other fields", at, status, sign(callback+at, sent, token), nil, 403, 0, 0},
		{"of another message", "/status?message=02" + id[2:], status, sign(callback+at, status, token), nil, 403, 0, 0},
		{"of another path", "/reply", reply, sign(callback+at, reply, token), nil, 403, 0, 0},
		{"of another host", at, status, sign("https://other.example/hooks/sms"+at, status, token), nil, 403, 0, 0},
		{"not recorded", at, status, sign(callback+at, status, token), errors.New("full"), 503, 1, 0},
		{"reply not recorded", "/reply", reply, sign(callback+"/reply", reply, token), errors.New("full"), 503, 0, 1},
		{"odd status", at, odd, sign(callback+at, odd, token), nil, 400, 0, 0},
		{"odd reply", "/reply", odd, sign(callback+"/reply", odd, token), nil, 400, 0, 0},
		{"too long", at, url.Values{"x": {strings.Repeat("a", 65<<10)}}, "x", nil, 413, 0, 0},
		{"elsewhere", "/other", status, "x", nil, 404, 0, 0},
	} {
		reports, replies, fails = nil, nil, x.fails
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, x.path, strings.NewReader(x.form.Encode()))
		r.Host = "inside.cluster:7402"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if x.signature != "" {
			r.Header.Set("X-Twilio-Signature", x.signature)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != x.code || len(reports) != x.reports || len(replies) != x.replies {
			t.Errorf("%s: %d, %v, %v", x.name, w.Code, reports, replies)
		}
		for _, secret := range []string{"4915112345678", token} {
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("%s: the answer holds %q", x.name, secret)
			}
		}
		if x.code == 200 && w.Body.String() != "<Response/>" {
			t.Errorf("%s: %s", x.name, w.Body)
		}
	}
	get := httptest.NewRecorder()
	h.ServeHTTP(get, httptest.NewRequestWithContext(t.Context(), http.MethodGet, at, nil))
	if get.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", get.Code)
	}
}

// Where no address for callbacks is configured, none is taken.
func TestHandlerWithoutAddress(t *testing.T) {
	config := provide(t).config(t)
	config.Callback = ""
	h := open(t, config).Handler(sms.Heard{})
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/status?message="+id, strings.NewReader(form.Encode()))
	r.Header.Set("X-Twilio-Signature", sign("/status?message="+id, form, token))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Error(w.Code)
	}
}

// Whatever comes, what is read is short, plain and says what it must.
func FuzzParseStatus(f *testing.F) {
	for _, body := range []string{"MessageSid=SM1&MessageStatus=delivered", "SmsSid=SM1&SmsStatus=failed&ErrorCode=30003", "a=%zz", ";", "MessageSid=%00&MessageStatus=read"} {
		f.Add("message="+id, []byte(body))
	}
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, ok, err := sms.ParseStatus(q, body)
		if (!ok || err != nil) && r != (channel.Report{}) {
			t.Errorf("%+v of nothing", r)
		}
		if ok && (len(r.ID) < 34 || len(r.ID) > 36 || r.ProviderID == "" || r.State < channel.Delivered || r.State > channel.Failed || len(r.Reason) > 40) {
			t.Errorf("%+v", r)
		}
		if err != nil && (ok || len(body) > 3 && bytes.Contains([]byte(err.Error()), body)) {
			t.Error(err)
		}
	})
}

func FuzzParseReply(f *testing.F) {
	for _, body := range []string{"MessageSid=SM1&From=%2B4915112345678&Body=STOP", "SmsSid=SM1&From=%2B49151&OptOutType=stop", "Body=%D8%A5%D9%8A%D9%82%D8%A7%D9%81&From=%2B4915112345678&MessageSid=1", "%"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := sms.ParseReply(body)
		if err != nil && r != (channel.Reply{}) || err == nil && (r.ID == "" || r.From[0] != '+' || len(r.From) > 16) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func FuzzStops(f *testing.F) {
	f.Add("STOP")
	f.Add("إيقاف")
	f.Fuzz(func(t *testing.T, text string) {
		if sms.Stops(text) && utf8.ValidString(text) && len(text) < 100 && !sms.Stops(" "+text+" !") {
			t.Errorf("%q stops, and with space around it does not", text)
		}
	})
}
