package asteriskcel

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, Format()) }

func TestInProgress(t *testing.T) {
	f, o := Format(), formattest.Options(t)
	row := func(name string, at int, more string) string {
		return fmt.Sprintf(`{"eventtype":%q,"eventtime":%d,"uniqueid":"c.1","linkedid":"c.1","channame":"PJSIP/t-1","appname":"Queue","appdata":"q"%s}`+"\n", name, at, more)
	}
	entered, bridged := row("APP_START", 1772440000, ""), row("BRIDGE_ENTER", 1772440010, `,"peer":"PJSIP/7-2"`)
	for name, c := range map[string]struct{ log, unended string }{
		"waiting":   {entered, `outcome="unterminated" contact="c.1" attribute.appname="queue"`},
		"left":      {entered + row("APP_END", 1772440030, ""), `outcome="unterminated" contact="c.1" attribute.appname="queue"`},
		"connected": {entered + bridged, `agent="PJSIP/7" outcome="unterminated" contact="c.1" wait=10s attribute.appname="queue"`},
	} {
		p := f.Parse(format.Delivery{Body: []byte(c.log)}, o)
		if got := f.Assemble(p.Events, o); len(got) != 0 {
			t.Errorf("%s: in progress, and yet %v", name, formattest.Named(got[0]).String())
		}
		if got := f.Unended("c.1", p.Events, o); len(got) != 1 || !strings.HasSuffix(formattest.Named(got[0]).String(), c.unended) {
			t.Errorf("%s: unended: got %v, want %s", name, got, c.unended)
		}
	}
	p := f.Parse(format.Delivery{Body: []byte(entered + bridged + row("CHAN_END", 1772440030, ""))}, o)
	if got := f.Unended("c.1", p.Events, o); len(got) != 0 {
		t.Errorf("it has ended, and yet %v", got)
	}
}
