package genesysconversation_test

import (
	"flag"
	"os"
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/genesysconversation"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, genesysconversation.Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, genesysconversation.Format()) }

// The vendor's samples: the first has ended, the second has not (and writes days with one digit).
func TestSamples(t *testing.T) {
	f, o := genesysconversation.Format(), formattest.Options(t)
	for name, want := range map[string]string{
		"analytics_conversation_detail_1.json": `1bc96a39-6725-40c4-9345-db72aa67b8c6 v1617281003306 2021-04-01T12:27:53.386Z queue="a623d83c-96d7-4baa-af1f-d46ad6700d8b" ` +
			`channel="chat" direction="inbound" agent="50fcd33c-f432-4726-abc9-979f3ca01555" outcome="answered" contact="1bc96a39-6725-40c4-9345-db72aa67b8c6" ` +
			`wait=11.179s ring=11.05s talk=6m14.561s hold=9m4.176s holds=1 longest_hold=9m4.176s transfers=0 ` +
			`attribute.disconnectType="timeout" attribute.divisionId="1b6b98a6-3d70-47be-9406-61a5aa8cc570"`,
		"analytics_conversation_detail_2.json": "",
	} {
		body, err := os.ReadFile(sharedtest.File(t, "data/samples/genesys-cloud/"+name))
		if err != nil {
			t.Fatal(err)
		}
		p := f.Parse(format.Delivery{Body: body, ReceivedAt: formattest.Now()}, o)
		if len(p.Problems) > 0 {
			t.Errorf("%s: %+v", name, p.Problems)
		}
		got := ""
		for _, r := range f.Assemble(p.Events, o) {
			got += formattest.Named(r).String()
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}
