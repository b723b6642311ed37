package twiliovoice

import (
	"flag"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, Format()) }

func TestUnended(t *testing.T) {
	o := formattest.Options(t)
	for _, c := range []struct{ name, body, want string }{
		{"ringing", "CallSid=CA1&CallStatus=ringing&Direction=inbound&To=%2B493055599900&Timestamp=Mon%2C+02+Mar+2026+08%3A00%3A00+%2B0000", `CA1 v1 2026-03-02T08:00:00.000Z queue="+493055599900" channel="voice" direction="inbound" outcome="unterminated" contact="CA1"`},
		{"only a call made for it", "CallSid=CA2&ParentCallSid=CA1&CallStatus=completed&CallDuration=9&Timestamp=Mon%2C+02+Mar+2026+08%3A00%3A00+%2B0000", `CA1 v1 2026-03-02T08:00:00.000Z channel="voice" outcome="unterminated" contact="CA1"`},
	} {
		f := Format()
		events := f.Parse(format.Delivery{Body: []byte(c.body)}, o).Events
		if got := f.Call("CA1", events, o); len(got) != 0 {
			t.Errorf("%s: %v before its end", c.name, got)
		}
		f.Records = f.Unended
		var got string
		for _, r := range f.Call("CA1", events, o) {
			got += r.String()
		}
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestMoments(t *testing.T) {
	want := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for _, s := range []string{
		"Mon, 02 Mar 2026 08:00:00 +0000", "Mon, 2 Mar 2026 08:00:00 GMT", "Tues, 02 March 2026 08:00:00 +0000", "02 Mar 2026 09:00:00 +0100",
		"Mon, 02  Mar 2026 08:00:00 UTC", "2026-03-02T08:00:00Z", "2026-03-02T09:00:00.000+01:00", "1772438400", "1772438400000",
	} {
		if got := moment(s); !got.Equal(want) {
			t.Errorf("%q is %v", s, got)
		}
	}
	for _, s := range []string{"", "Thurs, 20 July 1989", "Thurs, 20 July 1989 08:00:00 +0000", "Mon, 02 Mar 2026 08:00:00", "Mon, 02 Mar 2026 08:00:00 CET", "soon", "12"} {
		if got := moment(s); !got.IsZero() {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestNamesThatDifferInCase(t *testing.T) {
	o := formattest.Options(t)
	for range 50 {
		p := Format().Parse(format.Delivery{Body: []byte("CallSid=CA1&callStatus=busy&CallStatus=failed&Timestamp=1772438400"), ReceivedAt: formattest.Now()}, o)
		if len(p.Events) != 1 || p.Events[0].Name != "busy" {
			t.Fatalf("%+v", p)
		}
	}
}

func TestFilesHaveNoReceipt(t *testing.T) {
	p := Format().Parse(format.Delivery{Body: []byte("CallSid=CA1&CallStatus=completed"), Origin: "calls.txt:0", ReceivedAt: formattest.Now()}, formattest.Options(t))
	if len(p.Events) != 0 || len(p.Problems) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestVerify(t *testing.T) {
	u, err := url.Parse("https://mycompany.com/myapp.php?foo=1&bar=2")
	if err != nil {
		t.Fatal(err)
	}
	d := format.Delivery{
		Body:   []byte("CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Twilio-Signature": {"RSOYDt4T1cUTdK1PDd93/VVr8B8="}}, URL: u,
	}
	if err := Format().Verify(d, "12345", formattest.Now()); err != nil {
		t.Error(err)
	}
	if Format().Verify(d, "54321", formattest.Now()) == nil {
		t.Error("another token holds")
	}
}
