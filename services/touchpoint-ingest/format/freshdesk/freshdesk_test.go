package freshdesk

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

// Every code lies on the scale of seven, in order, under its number and its name.
func TestCodes(t *testing.T) {
	o := formattest.Options(t)
	points := func(code string) float64 {
		p := Format().Parse(format.Delivery{Body: []byte(`{"ticket_id":1,"satisfaction_rating":"` + code + `"}`), ReceivedAt: formattest.Now()}, o)
		r := Format().Assemble(p.Events, o)
		if len(r) != 1 || r[0].Answer == nil {
			t.Fatalf("%s: %+v, %+v", code, r, p.Problems)
		}
		return r[0].Answer.Value
	}
	names := []string{"Extremely Unhappy", "very_unhappy", "unhappy", "Neutral", "Happy", "Very happy", "EXTREMELY HAPPY"}
	for i, code := range []string{"-103", "-102", "-101", "100", "101", "102", "103"} {
		if want := float64(i + 1); points(code) != want || points(names[i]) != want {
			t.Errorf("%s is %v, %s is %v, want %v", code, points(code), names[i], points(names[i]), want)
		}
	}
}

// A body without times that is sent again later is the same contact.
func TestReceiptIsNoIdentity(t *testing.T) {
	o := formattest.Options(t)
	d := format.Delivery{Body: []byte(`{"ticket_id":1,"ticket_status":"Resolved"}`), ReceivedAt: formattest.Now()}
	first := Format().Assemble(Format().Parse(d, o).Events, o)
	d.ReceivedAt = d.ReceivedAt.Add(30e9)
	again := Format().Assemble(Format().Parse(d, o).Events, o)
	if len(first) != 1 || len(again) != 1 || first[0].ID != again[0].ID || first[0].Version >= again[0].Version {
		t.Errorf("first %v, again %v", first, again)
	}
}
