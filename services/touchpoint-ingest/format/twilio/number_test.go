package twilio_test

import (
	"testing"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/twilio"
)

func TestNumber(t *testing.T) {
	o := format.Options{Person: func(s string) string { return "p:" + s }}
	for in, want := range map[string]string{
		"+14158675309": "p:+14158675309", "(415) 867-5309": "p:(415) 867-5309", "0049305550100": "p:0049305550100", "911": "p:911",
		"+266696687": "", "266696687": "", "+7378742833": "", "+464": "", "": "", "+": "", "0": "", "42": "", "Anna": "", "a@example.org": "",
	} {
		if got := twilio.Number(in, o); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
