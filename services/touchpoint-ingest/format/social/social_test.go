package social

import (
	"flag"
	"strings"
	"testing"
	"unicode/utf8"

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

// A text is the record's note and nothing else, and no longer than what is kept of one.
func TestText(t *testing.T) {
	o := formattest.Options(t)
	long := strings.Repeat("ü", 10<<10)
	p := Format().Parse(format.Delivery{Body: []byte(`{"id":"1","posted_at":"2026-03-01T18:00:00Z","author":"ina","network":"x","text":"` + long + `"}`)}, o)
	r := Format().Assemble(p.Events, o)
	if len(r) != 1 || len(p.Problems) != 0 {
		t.Fatalf("%+v, %+v", r, p.Problems)
	}
	if n := len(r[0].Note); n > 16<<10 || n < 16<<10-4 || !utf8.ValidString(r[0].Note) || !strings.HasPrefix(long, r[0].Note) {
		t.Errorf("the note has %d bytes", n)
	}
	if e := p.Events[0]; e.Customer != r[0].Customer || e.Customer != o.Person("x:ina") {
		t.Errorf("the text is of %q, the record of %q", e.Customer, r[0].Customer)
	}
	for name, v := range p.Events[0].Fields {
		if strings.Contains(v, "ü") {
			t.Errorf("the field %s holds the text", name)
		}
	}
}
