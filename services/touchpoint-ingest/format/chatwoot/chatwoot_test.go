package chatwoot

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

func TestVerify(t *testing.T) {
	const secret, stamp, body = "chatwoot-test-secret", "1772443680", `{"event":"webwidget_triggered","id":1}`
	// printf %s "$stamp.$body" | openssl dgst -sha256 -hmac "$secret" -hex
	const signature = "sha256=48150d6e2563a41ca7065e9815d0ef0ce57ce639e08589ec65ef5ccd1050ba96"
	// The same without a timestamp, as nobody may send it.
	const without = "sha256=dc78ea9567752306f192deece45ae0708c0efd56765cae5a62fc7e6043704c5d"
	now := formattest.Now()
	for _, c := range []struct {
		name, body, secret, stamp, signature string
		now                                  time.Time
		ok                                   bool
	}{
		{"as signed", body, secret, stamp, signature, now, true},
		{"without the prefix", body, secret, stamp, signature[7:], now, true},
		{"another body", body + " ", secret, stamp, signature, now, false},
		{"another secret", body, "x", stamp, signature, now, false},
		{"another timestamp", body, secret, "1772443681", signature, now, false},
		{"sent again later", body, secret, stamp, signature, now.Add(10 * time.Minute), false},
		{"a clock far behind", body, secret, stamp, signature, now.Add(-10 * time.Minute), false},
		{"the body alone signed", body, secret, stamp, without, now, false},
		{"the body alone signed, and no timestamp", body, secret, "", without, now, false},
		{"an older Chatwoot, which signs nothing", body, secret, "", "", now, false},
		{"no hexadecimal digits", body, secret, stamp, "sha256=zz", now, false},
	} {
		d := format.Delivery{Body: []byte(c.body), Header: map[string][]string{}}
		if c.signature != "" {
			d.Header["X-Chatwoot-Signature"] = []string{c.signature}
		}
		if c.stamp != "" {
			d.Header["X-Chatwoot-Timestamp"] = []string{c.stamp}
		}
		if err := Format().Verify(d, c.secret, c.now); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
