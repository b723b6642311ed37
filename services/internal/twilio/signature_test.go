package twilio_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
	"github.com/touchstone-cx/touchstone/services/internal/twilio"
)

const form = "application/x-www-form-urlencoded; charset=UTF-8"

func request(t *testing.T, at, kind, body, signature string) twilio.Request {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return twilio.Request{Body: []byte(body), URL: u, Header: http.Header{"Content-Type": {kind}, "X-Twilio-Signature": {signature}}}
}

func TestVectors(t *testing.T) {
	b, err := os.ReadFile(sharedtest.File(t, "data/samples/twilio/signature_vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Token   string `json:"auth_token"`
		Vectors []struct {
			URL, Body, Signature string
			Params               url.Values
			ParamsAs             string `json:"params_as"`
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 7 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	for i, v := range file.Vectors {
		kind, body := form, v.Params.Encode()
		if v.ParamsAs == "first" {
			body = file.Vectors[0].Params.Encode()
		}
		if v.Body != "" {
			kind, body = "application/json", v.Body
		}
		d := request(t, v.URL, kind, body, v.Signature)
		if err := twilio.Verify(d, file.Token); err != nil {
			t.Errorf("vector %d: %v", i, err)
		}
		if err := twilio.Verify(d, file.Token+"6"); err == nil {
			t.Errorf("vector %d holds with another token", i)
		}
		d.Body = append(d.Body, " "...)
		if err := twilio.Verify(d, file.Token); err == nil {
			t.Errorf("vector %d holds with another body", i)
		}
	}
}

func TestRefused(t *testing.T) {
	const at, sent = "https://cx.example/v1/native/default/twilio", "CallSid=CA1&CallStatus=completed"
	d := request(t, at, form, sent, "")
	for name, c := range map[string]struct {
		d    twilio.Request
		want string
	}{
		"no signature":      {d, "missing"},
		"no URL":            {twilio.Request{Header: http.Header{"X-Twilio-Signature": {"x"}}}, "URL"},
		"JSON without hash": {request(t, at, "application/json", "{}", "x"), "bodySHA256"},
		"no form":           {request(t, at, form, "a=%zz", "x"), "no form"},
		"wrong":             {request(t, at, form, sent, "AAAA"), "auth token"},
	} {
		if err := twilio.Verify(c.d, "token"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key in the URL, as https://source:key@host/…, reaches us as a header, and is signed with the URL.
func TestPasswordInURL(t *testing.T) {
	d := request(t, "https://mycompany.com/myapp.php?foo=1&bar=2", form, "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309", "CukzLTc1tT5dXEDIHm/tKBanW10=")
	r := http.Request{Header: d.Header}
	if err := twilio.Verify(d, "12345"); err == nil {
		t.Error("it holds without the password")
	}
	r.SetBasicAuth("user", "pass")
	if err := twilio.Verify(d, "12345"); err != nil {
		t.Error(err)
	}
}
