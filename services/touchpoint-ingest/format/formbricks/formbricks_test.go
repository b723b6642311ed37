package formbricks

import (
	"flag"
	"testing"
	"time"

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

// Each delivery by itself, as the service reads them: the highest version is the newest.
func TestVersionsRise(t *testing.T) {
	o := formattest.Options(t)
	last := uint64(0)
	for _, c := range []struct{ event, updated string }{
		{"responseCreated", "2026-03-01T10:00:00.000Z"},
		{"responseUpdated", "2026-03-01T10:00:00.000Z"},
		{"responseFinished", "2026-03-01T10:00:00.000Z"},
		{"responseUpdated", "2026-03-01T10:00:00.001Z"},
		{"RESPONSEFINISHED", "2026-03-01T10:00:00.001Z"},
	} {
		body := `{"event":"` + c.event + `","data":{"id":"r","data":{"q":1},"createdAt":"2026-03-01T10:00:00.000Z","updatedAt":"` + c.updated + `"}}`
		r := Format().Assemble(Format().Parse(format.Delivery{Body: []byte(body)}, o).Events, o)
		if len(r) != 1 || r[0].ID != "r:q" || r[0].Version <= last {
			t.Fatalf("%s at %s: %v after version %d", c.event, c.updated, r, last)
		}
		last = r[0].Version
	}
}

// Of several numbers each has the comment whose question begins like its own; a text that fits none is nobody's.
func TestComments(t *testing.T) {
	const body = `{"event":"responseFinished","data":{"id":"r","createdAt":"2026-03-01T10:00:00Z","data":{
		"q1":1,"q10":2,"q2":3,"q1_why":"one","q10_why":"ten","q10_more":"ten and more","other":"a much longer text","q2_phone":"0171 5550107","q2_mail":"a@b.example"}}}`
	o := formattest.Options(t)
	got := map[string]string{}
	for _, r := range Format().Assemble(Format().Parse(format.Delivery{Body: []byte(body)}, o).Events, o) {
		got[r.Answer.Question] = r.Answer.Text
	}
	if len(got) != 3 || got["q1"] != "one" || got["q10"] != "ten and more" || got["q2"] != "" {
		t.Errorf("%q", got)
	}
}

// The first two are vectors that the specification's authors publish.
func TestVerify(t *testing.T) {
	const (
		ping   = `{"event_type":"ping","data":{"success":true}}`
		secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
		id     = "msg_loFOjxBNrRLzqYUf"
		stamp  = "1731705121"
		signed = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
	)
	at := time.Unix(1731705121, 0)
	for _, c := range []struct {
		name, body, secret, id, stamp, signature string
		now                                      time.Time
		ok                                       bool
	}{
		{"svix", ping, secret, id, stamp, signed, at, true},
		{
			"standard webhooks", `{"test": 2432232314}`, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", time.Unix(1614265330, 0), true,
		},
		{"secret without its prefix", ping, secret[6:], id, stamp, signed, at, true},
		{"several signatures", ping, secret, id, stamp, "v1,AAAA v1a,AAAA " + signed, at, true},
		{"none of several", ping, secret, id, stamp, "v1,AAAA v2,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=", at, false},
		{"another body", ping + " ", secret, id, stamp, signed, at, false},
		{"another id", ping, secret, "msg_x", stamp, signed, at, false},
		{"another timestamp", ping, secret, id, "1731705122", signed, at, false},
		{"another secret", ping, "whsec_AAAA", id, stamp, signed, at, false},
		{"a secret that is none", ping, "whsec_%", id, stamp, signed, at, false},
		{"no secret", ping, "whsec_", id, stamp, signed, at, false},
		{"sent again later", ping, secret, id, stamp, signed, at.Add(6 * time.Minute), false},
		{"a clock far behind", ping, secret, id, stamp, signed, at.Add(-6 * time.Minute), false},
		{"no signature", ping, secret, id, stamp, "", at, false},
		{"no id", ping, secret, "", stamp, signed, at, false},
	} {
		d := format.Delivery{Body: []byte(c.body), Header: map[string][]string{
			"Webhook-Id": {c.id}, "Webhook-Timestamp": {c.stamp}, "Webhook-Signature": {c.signature},
		}}
		if err := Format().Verify(d, c.secret, c.now); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if Format().Verify(format.Delivery{}, secret, at) == nil {
		t.Error("a delivery without headers is accepted")
	}
}

// TestAbout: the feed says in which hidden field the survey's link carries the interaction's id. Under its usual name it is no
// answer all the same.
func TestAbout(t *testing.T) {
	const body = `{"event":"responseFinished","data":{"id":"r","surveyId":"s","createdAt":"2026-03-02T08:00:00Z","data":{"nps":9,"call":"1772.1/1","interaction_id":"7"}}}`
	for field, want := range map[string]string{"": "7", "call": "1772.1/1", "none": ""} {
		f, o := Format(), formattest.Options(t)
		o.About = field
		got := f.Assemble(f.Parse(format.Delivery{Body: []byte(body)}, o).Events, o)
		if len(got) != 1 || got[0].Answer.Interaction != want || got[0].Answer.Carried != (want != "") {
			t.Errorf("%q: %+v", field, got)
		}
	}
}
