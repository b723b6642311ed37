package freeswitchcdr

import (
	"encoding/base64"
	"flag"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, Format()) }

// wrapped breaks base64 into lines, as FreeSWITCH does.
func wrapped(s string) string {
	var b strings.Builder
	for len(s) > 72 {
		b.WriteString(s[:72] + "\n")
		s = s[72:]
	}
	return b.String() + s
}

func TestEveryWritingGivesTheSame(t *testing.T) {
	raw, err := os.ReadFile("testdata/queue/1.body")
	if err != nil {
		t.Fatal(err)
	}
	o := formattest.Options(t)
	want := Format().Parse(format.Delivery{Body: raw}, o).Events[0].ID
	b64 := base64.StdEncoding.EncodeToString(raw)
	for name, body := range map[string]string{
		"raw":               string(raw),
		"form":              "cdr=" + url.PathEscape(string(raw)),
		"form with plus":    "cdr=" + url.QueryEscape(string(raw)),
		"form not encoded":  "cdr=" + string(raw),
		"form, second":      "uuid=7&cdr=" + url.PathEscape(string(raw)),
		"base64 form":       "cdr=" + b64,
		"base64 in lines":   "cdr=" + wrapped(b64),
		"base64, escaped":   "cdr=" + url.QueryEscape(b64),
		"base64, no pad":    "cdr=" + strings.TrimRight(b64, "="),
		"spooled":           url.PathEscape(string(raw)) + "\n",
		"spooled as base64": wrapped(b64) + "\n",
		"a list":            "[" + string(raw) + "]",
	} {
		p := Format().Parse(format.Delivery{Body: []byte(body)}, o)
		if len(p.Events) != 1 || len(p.Problems) != 0 || p.Events[0].ID != want {
			t.Errorf("%s: %d events, %v", name, len(p.Events), p.Problems)
		}
	}
}

func TestFileOfForms(t *testing.T) {
	one, two := `{"variables":{"uuid":"a","start_epoch":"1772438400"}}`, `{"variables":{"uuid":"b","start_epoch":"1772438400"}}`
	body := "cdr=" + url.PathEscape(one) + "\ncdr=" + base64.StdEncoding.EncodeToString([]byte(two)) + "\n"
	p := Format().Parse(format.Delivery{Body: []byte(body)}, formattest.Options(t))
	if len(p.Events) != 2 || len(p.Problems) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestUnended(t *testing.T) {
	o := formattest.Options(t)
	for _, c := range []struct{ name, body, want string }{
		{"an agent's leg alone", `{"variables":{"uuid":"b1","cc_side":"agent","cc_member_session_uuid":"a1","cc_queue":"support@default","start_epoch":"1772440000","end_epoch":"1772440020"}}`, `a1 v1 2026-03-02T08:26:40.000Z queue="support@default" channel="voice" outcome="unterminated" contact="a1"`},
		{"a consultation alone", `{"variables":{"uuid":"b1","originating_leg_uuid":"a1","start_epoch":"1772440000"}}`, ""},
	} {
		f := Format()
		events := f.Parse(format.Delivery{Body: []byte(c.body)}, o).Events
		if got := f.Call("a1", events, o); len(got) != 0 {
			t.Errorf("%s: %v before its end", c.name, got)
		}
		f.Records = f.Unended
		var got string
		for _, r := range f.Call("a1", events, o) {
			got += r.String()
		}
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
