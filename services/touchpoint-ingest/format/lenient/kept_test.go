package lenient_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

func problems(p *format.Parsed) string {
	var all []string
	for _, x := range p.Problems {
		all = append(all, fmt.Sprintf("%d %s: %s %s", x.Line, x.Field, x.Message, x.Remedy))
	}
	return strings.Join(all, "|")
}

func TestEnveloped(t *testing.T) {
	for in, want := range map[string]struct{ objects, problems string }{
		`{"a":1}`: {`1{"a":1}`, ""},
		"{\"Records\":[{\"body\":\"{\\\"a\\\":1}\"},{\"body\":\"[{},{\\\"b\\\":2}]\"}]}\n{\"c\":3}":             {`1{"a":1} 1{} 1{"b":2} 2{"c":3}`, ""},
		`{"Records":[{"Data":"eyJhIjoxfQ=="},{"kinesis":{"data":"eyJiIjoyfQ=="}},{"kinesis":"x","body":"{}"}]}`: {`1{"a":1} 1{"b":2} 1{}`, ""},
		"\n{\"Records\":[{\"Data\":\"%\"},{},{\"body\":\"{\"}]}":                                                {"", "2 data: This is not written in base64. envelope|2 Records: This record of the envelope holds no data. envelope|2 : This is no whole JSON value. whole"},
		`{"Records":[]}`:                 {"", ""},
		`{"Records":null}`:               {`1{"Records":null}`, ""},
		`{"Records":"x"}`:                {`1{"Records":"x"}`, ""},
		`{"Records":[{"body":"[1]"}]} 2`: {"", "1 : This is no JSON object. object|1 : This is no JSON object. object"},
		// An envelope within an envelope is taken for what it holds.
		`{"Records":[{"body":"{\"Records\":[]}"}]}`: {`1{"Records":[]}`, ""},
	} {
		var p format.Parsed
		var got []string
		for line, raw := range lenient.Enveloped(&p, []byte(in), "whole", "object", "envelope") {
			got = append(got, fmt.Sprintf("%d%s", line, raw))
		}
		if objects := strings.Join(got, " "); objects != want.objects || problems(&p) != want.problems {
			t.Errorf("%q: got %s, %s", in, objects, problems(&p))
		}
		for range lenient.Enveloped(&p, []byte(in), "", "", "") {
			break // who has enough is given no more
		}
	}
}

func TestKept(t *testing.T) {
	var p format.Parsed
	k := lenient.Kept{Parsed: &p, Options: format.Options{Zone: time.UTC}, Line: 7, Record: "event", Numbers: "Send numbers.", Fields: map[string]string{}}
	k.Text("a", "x")
	k.Text("empty", "")
	k.Text("a", "y")
	if at := k.Time("b", "2026-03-02 09:00:00 +0100"); !at.Equal(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)) {
		t.Error(at)
	}
	k.Time("never", "1970-01-01T00:00:00Z")
	if at := k.Moment("seen", "2026-03-02T08:00:00Z"); at.IsZero() {
		t.Error("a time that is not kept is not read")
	}
	k.Number("c", "1.50")
	k.Number("none", "")
	if len(p.Problems) > 0 || k.Broken {
		t.Error(problems(&p), k.Broken)
	}
	k.Number("d", "many")
	if k.Broken {
		t.Error("a number breaks a record")
	}
	if at := k.Time("e", "soon"); !at.IsZero() || !k.Broken {
		t.Error(at, k.Broken)
	}
	if want := map[string]string{"a": "y", "b": "2026-03-02T08:00:00Z", "c": "1.50"}; !reflect.DeepEqual(k.Fields, want) {
		t.Error(k.Fields)
	}
	const want = "7 d: This is no number; the event is taken without it. Send numbers.|7 e: This is no time. Send times as the system writes them: 2026-03-02T08:00:00Z."
	if got := problems(&p); got != want {
		t.Error(got)
	}
}

func TestAttributes(t *testing.T) {
	f := map[string]string{"a": "1", "b": "", "c": "3", "d": "4"}
	if got := lenient.Attributes(f, "a", "b", "c", "e"); !reflect.DeepEqual(got, map[string]string{"a": "1", "c": "3"}) {
		t.Error(got)
	}
	if got := lenient.Attributes(f, "b", "e"); got != nil {
		t.Error(got)
	}
}

func TestClip(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "short": "short", "12345": "12345", "123456": "123456", "1234567": "123456…", "12345éé": "12345é…", "a\xffb": "a?b", "1234\xff56789": "1234?5…",
	} {
		if got := lenient.Clip(in, 5); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in, most := string(rapid.SliceOf(rapid.Byte()).Draw(t, "in")), rapid.IntRange(0, 100).Draw(t, "most")
		got := lenient.Clip(in, most)
		if !utf8.ValidString(got) || len(got) > most+utf8.UTFMax+len("…") || lenient.Clip(in, len(in)) != strings.ToValidUTF8(in, "?") {
			t.Fatalf("%q to %d: %q", in, most, got)
		}
	})
}

func TestEpoch(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"1772438400": at, "1772438400.9": at, "1772438400000": at, "1772438400250": at.Add(250 * time.Millisecond), "1772438400000001": at.Add(time.Microsecond),
		"946684800": time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), "946684799": {}, "0": {}, "": {}, "-1772438400": {}, "100000000000000001": {}, "x": {}, "1e9": {}, "99999999999999999999": {},
	} {
		if got := lenient.Epoch(in); !got.Equal(want) {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestMisshapen(t *testing.T) {
	var v struct{ A struct{ B int } }
	if got := lenient.Misshapen(json.Unmarshal([]byte(`{"a":{"b":"x"}}`), &v)); got != "A.B" && got != "a.b" {
		t.Errorf("got %q", got)
	}
	if got := lenient.Misshapen(json.Unmarshal([]byte(`{"a":`), &v)); got != "" {
		t.Errorf("of half a text: %q", got)
	}
}

func TestPoints(t *testing.T) {
	for in, want := range map[string]bool{"0": true, "-3": true, "4.5": true, "1000": true, "1000.1": false, "-1001": false, "NaN": false, "inf": false, "": false, "ten": false} {
		if lenient.Points(in) != want {
			t.Errorf("%q: got %v", in, !want)
		}
	}
}

// Against a count of the seconds in which any of the spans lasts.
func TestTogether(t *testing.T) {
	from := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		starts := rapid.SliceOf(rapid.IntRange(0, 50)).Draw(t, "starts")
		var spans [][2]time.Time
		var lit [100]bool
		for _, s := range starts {
			n := rapid.IntRange(-2, 20).Draw(t, "length")
			spans = append(spans, [2]time.Time{from.Add(time.Duration(s) * time.Second), from.Add(time.Duration(s+n) * time.Second)})
			for i := s; i < s+n; i++ {
				lit[i] = true
			}
		}
		var want time.Duration
		for _, on := range lit {
			if on {
				want += time.Second
			}
		}
		if got := lenient.Together(slices.Clone(spans)); got != want {
			t.Fatalf("%v: got %s, want %s", spans, got, want)
		}
	})
}
