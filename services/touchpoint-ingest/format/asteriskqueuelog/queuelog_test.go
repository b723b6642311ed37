package asteriskqueuelog

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, Format()) }

// lines are what comes of a log, delivered as one.
func lines(t *testing.T, log string) []string {
	t.Helper()
	f, o := Format(), formattest.Options(t)
	var out []string
	for _, r := range f.Assemble(f.Parse(format.Delivery{Body: []byte(log), ReceivedAt: formattest.Now()}, o).Events, o) {
		out = append(out, formattest.Named(r).String())
	}
	return out
}

func TestUnended(t *testing.T) {
	f, o := Format(), formattest.Options(t)
	p := f.Parse(format.Delivery{Body: []byte(`1772440000|1772440000.1|sales|NONE|ENTERQUEUE||4930555000|1
1772440020|1772440000.1|sales|NONE|EXITWITHTIMEOUT|1|1|20
1772440020|1772440000.1|support|NONE|ENTERQUEUE||4930555000|1
1772440031|1772440000.1|support|Agent/7|RINGNOANSWER|5000
1772440041|1772440000.1|support|Agent/8|CONNECT|21|1772440032.2|9
`)}, o)
	if n := len(f.Records("1772440000.1", slices.Clone(p.Events), o)); n != 1 {
		t.Errorf("%d records while it is in progress, want the one that has ended", n)
	}
	var got []string
	for _, r := range f.Unended("1772440000.1", p.Events, o) {
		got = append(got, formattest.Named(r).String())
	}
	want := `1772440000.1/2 v0 2026-03-02T08:27:00.000Z queue="support" channel="voice" agent="Agent/8" outcome="unterminated" contact="1772440000.1" customer="` +
		o.Person("4930555000") + `" wait=21s ring=14s attempts=1`
	if fmt.Sprint(got) != fmt.Sprint([]string{want}) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestRestartClosesOnlyWhatIsOpen(t *testing.T) {
	const log = `1772440000|1772440000.1|sales|NONE|ENTERQUEUE||4930555000|1
1772440005|1772440005.2|sales|NONE|ENTERQUEUE||4930555001|2
1772440009|1772440005.2|sales|NONE|ABANDON|2|2|4
1772440100|NONE|NONE|NONE|QUEUESTART|
1772440100|1772440100.1|sales|NONE|ENTERQUEUE||4930555002|1
`
	got := lines(t, log)
	if len(got) != 2 || !strings.Contains(got[0], `outcome="unterminated"`) || !strings.Contains(got[1], `outcome="abandoned"`) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	// The end was only delivered later, by another file: it holds, with a higher version.
	got = lines(t, log+"1772440060|1772440000.1|sales|NONE|ABANDON|1|1|60\n")
	if len(got) != 2 || !strings.Contains(got[0], `v2 `) || !strings.Contains(got[0], `outcome="abandoned"`) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// TestFacts holds single facts of the log against what must come of them.
func TestFacts(t *testing.T) {
	const entered = "1772440000|c.1|q|NONE|ENTERQUEUE||4930555000|1\n"
	for name, c := range map[string]struct{ log, want string }{
		"milliseconds of RINGNOANSWER": {entered + "1772440012|c.1|q|a|RINGNOANSWER|12000\n1772440013|c.1|q|NONE|ABANDON|1|1|13\n", "wait=13s ring=12s attempts=1"},
		"cancelled ringing":            {entered + "1772440012|c.1|q|a|RINGCANCELED|1500\n1772440013|c.1|q|NONE|ABANDON|1|1|13\n", "wait=13s ring=1.5s attempts=0"},
		"ABANDON with a member":        {entered + "1772440013|c.1|q|Ann|ABANDON|1|1|13\n", `outcome="abandoned" contact="c.1"`},
		"LINK":                         {entered + "1772440013|c.1|q|a|CONNECT|13|c.2|3\n1772440053|c.1|q|a|ATTENDEDTRANSFER|LINK|SIP/a-1|SIP/b-2|13|40|1\n", "wait=13s talk=40s transfers=1"},
		"LINK cut off":                 {entered + "1772440053|c.1|q|a|ATTENDEDTRANSFER|LINK|SIP/a-1|SIP/b-2|13|40\n", "wait=13s talk=40s transfers=1"},
		"APP":                          {entered + "1772440053|c.1|q|a|ATTENDEDTRANSFER|APP|VoiceMail|13|40|1\n", "wait=13s talk=40s transfers=1"},
		"old TRANSFER":                 {entered + "1772440053|c.1|q|a|TRANSFER|200|internal|13|40\n", "wait=13s talk=40s transfers=1"},
		"COMPLETE in vain":             {entered + "1772440053|c.1|q|a|BLINDTRANSFER|200|internal|13|40|1\n1772440090|c.1|q|a|COMPLETEAGENT|13|77|1\n", "wait=13s talk=40s transfers=1"},
		"within one second":            {entered + "1772440000|c.1|q|a|COMPLETEAGENT|0|0|1\n1772440000|c.1|q|a|CONNECT|0|c.2|0\n", "wait=0s talk=0s transfers=0 ring=0s attempts=0"},
		"the log begins in its middle": {"1772440053|c.1|q|a|COMPLETECALLER|13|40|1\n", "c.1/1 v1 2026-03-02T08:26:40.000Z"},
		"entered again without an end": {entered + "1772440030|c.1|r|NONE|ENTERQUEUE||4930555000|1\n", `c.1/1 v2 2026-03-02T08:26:40.000Z queue="q" channel="voice" outcome="unterminated"`},
		"negative":                     {entered + "1772440013|c.1|q|NONE|ABANDON|1|1|-13\n", `implausible="wait of -13s cannot be right"`},
		"too large for a number":       {entered + "1772440013|c.1|q|NONE|ABANDON|1|1|1e400\n", "implausible="},
		"negative among rings":         {entered + "1772440012|c.1|q|a|RINGNOANSWER|-12000\n1772440012|c.1|q|b|RINGNOANSWER|15000\n1772440013|c.1|q|NONE|ABANDON|1|1|13\n", `implausible="ring of -12s`},
		"time runs backwards":          {entered + "1772526500|c.1|q|NONE|ABANDON|1\n", "implausible="},
	} {
		if got := lines(t, c.log); len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: got\n%s\nwant %s", name, strings.Join(got, "\n"), c.want)
		}
	}
}

func TestSameQueueAgainWithinASecond(t *testing.T) {
	got := lines(t, `1772440000|c.1|q|NONE|ENTERQUEUE||4930555000|1
1772440020|c.1|q|NONE|EXITWITHTIMEOUT|1|1|20
1772440020|c.1|q|NONE|ENTERQUEUE||4930555000|3
1772440025|c.1|q|NONE|ABANDON|3|3|5
`)
	if len(got) != 2 || !strings.Contains(got[0], "wait=20s") || !strings.Contains(got[1], "wait=5s") || !strings.Contains(got[1], "c.1/2 ") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}
