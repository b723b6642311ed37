package signature_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/signature"
)

// jefe is the digest of test case 2 of RFC 4231, section 4.3.
const jefe = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

func TestCheck(t *testing.T) {
	right, err := hex.DecodeString(jefe)
	if err != nil {
		t.Fatal(err)
	}
	wrong := make([]byte, len(right))
	what, nothing := []byte("what do ya want "), []byte("for nothing?")
	for name, c := range map[string]struct {
		key    string
		given  [][]byte
		signed [][]byte
		ok     bool
	}{
		"the digest":               {"Jefe", [][]byte{right}, [][]byte{what, nothing}, true},
		"in one part":              {"Jefe", [][]byte{right}, [][]byte{append(append([]byte{}, what...), nothing...)}, true},
		"the last of several":      {"Jefe", [][]byte{wrong, nil, right}, [][]byte{what, nothing}, true},
		"the first of several":     {"Jefe", [][]byte{right, wrong}, [][]byte{what, nothing}, true},
		"another key":              {"jefe", [][]byte{right}, [][]byte{what, nothing}, false},
		"another order":            {"Jefe", [][]byte{right}, [][]byte{nothing, what}, false},
		"half of the digest":       {"Jefe", [][]byte{right[:16]}, [][]byte{what, nothing}, false},
		"a digest that is not one": {"Jefe", [][]byte{wrong}, [][]byte{what, nothing}, false},
		"an empty digest":          {"Jefe", [][]byte{{}}, [][]byte{what, nothing}, false},
		"no digest":                {"Jefe", nil, [][]byte{what, nothing}, false},
	} {
		if err := signature.Check([]byte(c.key), c.given, c.signed...); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFresh(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for age, ok := range map[time.Duration]bool{
		0: true, 5 * time.Minute: true, -5 * time.Minute: true, 5*time.Minute + time.Second: false, -5*time.Minute - time.Second: false,
		1e6 * time.Hour: false, -1e6 * time.Hour: false,
	} {
		if err := signature.Fresh(now.Add(-age), now); (err == nil) != ok {
			t.Errorf("%s old: %v", age, err)
		}
	}
	if err := signature.Fresh(time.Time{}, now); err == nil {
		t.Error("no time is fresh")
	}
}

func TestFreshSeconds(t *testing.T) {
	now := time.Unix(1772438400, 0)
	for stamp, want := range map[string]string{
		"1772438400": "", "1772438100": "", "1772438099": "5 minutes", "1772438701": "5 minutes", "0": "5 minutes", "9223372036854775807": "5 minutes", "-9223372036854775808": "5 minutes",
		"": "no time", "x": "no time", "1772438400.5": "no time", "2026-03-02T08:00:00Z": "no time", "9223372036854775808": "no time",
	} {
		err := signature.FreshSeconds(stamp, now)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", stamp, err, want)
		}
	}
}
