package asteriskcdr

import (
	"flag"
	"fmt"
	"testing"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, Format()) }

// TestNoAbandonment makes sure that no disposition in no application becomes an abandoned call.
func TestNoAbandonment(t *testing.T) {
	f, o := Format(), formattest.Options(t)
	for _, app := range []string{"Queue", "Dial", "Playback", "Hangup", ""} {
		for _, disposition := range []string{"ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION"} {
			for _, times := range []string{"0,0", "15,15", "15,0"} {
				row := fmt.Sprintf(`"","1","2","c","x","SIP/1-a","SIP/2-b","%s","q","2026-03-02 09:00:00","","",%s,"%s","DOCUMENTATION"`, app, times, disposition)
				got := f.Assemble(f.Parse(format.Delivery{Body: []byte(row)}, o).Events, o)
				if len(got) != 1 || got[0].Outcome == format.Abandoned || app == "Queue" && (got[0].Outcome != "" || len(got[0].Measures) > 0) {
					t.Errorf("%s %s %s: got %+v", app, disposition, times, got)
				}
			}
		}
	}
}
