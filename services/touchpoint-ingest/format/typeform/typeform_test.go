package typeform

import (
	"flag"
	"testing"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var update = flag.Bool("update", false, "write want anew")

func TestCases(t *testing.T) {
	if *update {
		t.Log("want is written anew: read what changed")
	}
	formattest.Run(t, Format())
}

func FuzzParse(f *testing.F) { formattest.Fuzz(f, Format()) }

// A comment belongs to the answer before it, or to the first.
func TestComments(t *testing.T) {
	const body = `{"event_type":"form_response","form_response":{"token":"t","submitted_at":"2026-03-01T10:05:00Z","answers":[
		{"text":"zero","field":{"id":"a","type":"long_text"}},
		{"number":1,"field":{"id":"b"}},
		{"text":"one","field":{"id":"c","type":"long_text"}},
		{"text":"more","field":{"id":"d","type":"long_text"}},
		{"number":2,"field":{"id":"e"}},
		{"text":"a name","field":{"id":"f","type":"short_text"}}]}}`
	o := formattest.Options(t)
	got := map[string]string{}
	for _, r := range Format().Assemble(Format().Parse(format.Delivery{Body: []byte(body)}, o).Events, o) {
		got[r.ID] = r.Answer.Text
	}
	if len(got) != 2 || got["t:b"] != "zero\none\nmore" || got["t:e"] != "" {
		t.Errorf("%q", got)
	}
}

func TestVerify(t *testing.T) {
	const secret, body = "typeform-test-secret", `{"event_id":"x","event_type":"form_response"}`
	// printf %s "$body" | openssl dgst -sha256 -hmac "$secret" -binary | base64
	const signature = "sha256=GkPcBySMRetjxRvFvvlFvNbTxphqkZF97d7u666Bsmk="
	for _, c := range []struct {
		name, body, secret, signature string
		ok                            bool
	}{
		{"as signed", body, secret, signature, true},
		{"another body", body + "\n", secret, signature, false},
		{"another secret", body, "x", signature, false},
		{"another digest", body, secret, "sha256=AAAA", false},
		{"no prefix", body, secret, signature[7:], false},
		{"no base64", body, secret, "sha256=%", false},
		{"nothing signed", body, secret, "sha256=", false},
	} {
		d := format.Delivery{Body: []byte(c.body), Header: map[string][]string{"Typeform-Signature": {c.signature}}}
		if err := Format().Verify(d, c.secret, formattest.Now()); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if Format().Verify(format.Delivery{Body: []byte(body)}, secret, formattest.Now()) == nil {
		t.Error("a delivery without a signature is accepted")
	}
}

// TestAbout: the feed says in which hidden field the form's link carries the interaction's id.
func TestAbout(t *testing.T) {
	const body = `{"form_response":{"form_id":"f","token":"t","submitted_at":"2026-03-02T08:00:00Z","hidden":{"call":"1772.1/1","interaction_id":"other"},"answers":[{"type":"number","number":9,"field":{"id":"q"}}]}}`
	for field, want := range map[string]string{"": "other", "call": "1772.1/1", "Call": "1772.1/1", "none": ""} {
		f, o := Format(), formattest.Options(t)
		o.About = field
		got := f.Assemble(f.Parse(format.Delivery{Body: []byte(body)}, o).Events, o)
		if len(got) != 1 || got[0].Answer.Interaction != want || got[0].Answer.Carried != (want != "") {
			t.Errorf("%q: %+v", field, got)
		}
	}
}
