package lenient_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

func TestScalars(t *testing.T) {
	for in, want := range map[string]lenient.Text{
		`" a b "`: "a b", `17`: "17", `-1.50`: "-1.50", `true`: "true", `null`: "", `{"a":1}`: "", `[1]`: "", `"é"`: "é",
	} {
		var got struct {
			V lenient.Text
			L lenient.Loose[[]int]
		}
		if err := json.Unmarshal([]byte(`{"v":`+in+`,"l":`+in+`}`), &got); err != nil || got.V != want {
			t.Errorf("%s: got %q, %v", in, got.V, err)
		}
	}
	var v struct{ A, B int }
	if err := lenient.Decode([]byte(`{"a":"x","b":2}`), &v); err != nil || v.B != 2 {
		t.Errorf("another type: got %+v, %v", v, err)
	}
	if lenient.Decode([]byte(`{"a":`), &v) == nil {
		t.Error("half a text is taken for JSON")
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{"1.5": "1.5 true", "-2e3": "-2000 true", "": "0 false", "inf": "0 false", "0x1p3": "0 false", "1_0": "0 false", "1-": "0 false"} {
		if f, ok := lenient.Number(in); fmt.Sprint(f, ok) != want {
			t.Errorf("%q: got %v %v, want %s", in, f, ok, want)
		}
	}
	for in, want := range map[string]string{"1.5": "1.5s true", "-3": "-3s true", "1e400": "277h46m40s true", "NaN": "0s false", "": "0s false", "x": "0s false"} {
		if d, ok := lenient.Duration(in, time.Second); fmt.Sprint(d, ok) != want {
			t.Errorf("%q: got %v %v, want %s", in, d, ok, want)
		}
	}
}

func TestTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const utc, none, not = "2026-03-02T08:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z false"
	for in, want := range map[string]struct{ time, happened string }{
		"2026-03-02T08:00:00Z":          {utc, ""},
		"2026-03-02T08:00:00.250+00:00": {"2026-03-02T08:00:00.25Z", ""},
		"2026-03-02 09:00:00":           {utc, ""},
		"2026-03-02t09:00":              {utc, ""},
		"2026-3-2 9:0:0":                {utc, ""},
		"2026-03-02 08:00:00 UTC":       {utc, ""},
		"2026-03-02T10:00:00+0200":      {utc, ""},
		"2026-03-02 10:00:00 +0200":     {utc, ""},
		"2026-03-02 10:00:00+02":        {utc, ""},
		"Mon, 2 Mar, 2026 at 9:00 AM":   {utc, ""},
		"Mar 2, 2026 9:00 AM":           {utc, ""},
		"1772438400":                    {utc, ""},
		"1772438400000":                 {utc, ""},
		"1772438400000000":              {utc, ""},
		"1772438400.25":                 {"2026-03-02T08:00:00.25Z", ""},
		"":                              {not, none},
		"0":                             {not, none},
		"1970-01-01T00:00:00Z":          {not, none},
		"1970-01-01T00:00:00+02:00":     {not, none},
		"0001-01-01T00:00:00Z":          {not, not},
		"1989-12-31T00:00:00Z":          {not, not},
		"2201-01-01T00:00:00Z":          {not, not},
		"yesterday":                     {not, not},
		"-1":                            {not, not},
		"1e300":                         {not, not},
	} {
		say := func(at time.Time, ok bool) string {
			return strings.TrimSuffix(at.Format(time.RFC3339Nano)+fmt.Sprint(" ", ok), " true")
		}
		if got := say(lenient.Time(in, zone)); got != want.time {
			t.Errorf("%q: got %s, want %s", in, got, want.time)
		}
		if want.happened == "" {
			want.happened = want.time
		}
		if got := say(lenient.Happened(in, zone)); got != want.happened {
			t.Errorf("%q may not have happened: got %s, want %s", in, got, want.happened)
		}
	}
}

func TestDocuments(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "0:",
		`{"a":1}`:                         `0:{"a":1}`,
		"\xef\xbb\xbf {\n\"a\":1}\n":      "0:{\n\"a\":1}",
		`[{"a":1}, 2]`:                    `0:{"a":1}|0:2`,
		"[]":                              "",
		"{\"a\":1}\n\nbroken\n{\"b\":2}":  `1:{"a":1}|3:broken|4:{"b":2}`,
		"a=1\nb=2":                        "0:a=1\nb=2",
		"\xef\xbb\xbf{\"a\":1}\n{\"b\":2": `1:{"a":1}|2:{"b":2`,
	} {
		var got []string
		for line, raw := range lenient.Documents([]byte(in)) {
			got = append(got, fmt.Sprintf("%d:%s", line, raw))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestObjects(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "[]",
		`{"a":1}{"b":2}`:                    `[1{"a":1} 1{"b":2}]`,
		"\n{\"a\":1}\n[{\"b\":2},[{}]]":     `[2{"a":1} 3{"b":2} 3{}]`,
		"1\n[null]":                         "[]1object 2object",
		"[[[[{}]]]]":                        "[]1object",
		"{\"a\":\n{\"b\":2},\n{\"c\":\n{}":  `[2{"b":2}]1whole 3whole`,
		"{\"a\":1}\nx\n{\"b\":2}\n{\"c\":3": `[1{"a":1} 3{"b":2}]2whole 4whole`,
	} {
		var p format.Parsed
		got := []string{}
		for line, raw := range lenient.Objects(&p, []byte(in), 1, "whole", "object") {
			got = append(got, fmt.Sprintf("%d%s", line, raw))
		}
		problems := []string{}
		for _, x := range p.Problems {
			problems = append(problems, fmt.Sprint(x.Line, x.Remedy))
		}
		if got := fmt.Sprint(got) + strings.Join(problems, " "); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestRows(t *testing.T) {
	if got := lenient.Split(`"a, b","x ""y""",3`, ',', 3); !reflect.DeepEqual(got, []string{"a, b", `x "y"`, "3"}) {
		t.Errorf("got %q", got)
	}
	if got := lenient.Split(`"a" b,"c,d`, ',', 3); !reflect.DeepEqual(got, []string{`a" b`, "c", "d"}) {
		t.Errorf("a quote that stands for itself: got %q", got)
	}
	names, comma, ok := lenient.Header("\"Time\";Event ;\"a,b\"", "time", "event")
	if !ok || comma != ';' || !reflect.DeepEqual(names, []string{"time", "event", "a,b"}) {
		t.Errorf("got %q %q %v", names, comma, ok)
	}
	if _, _, ok := lenient.Header("1,the time of an event,2", "time", "event"); ok {
		t.Error("a row is taken for a header")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(`{"A":" x ","a":"y","b":1.50,"c":null,"d":{"e": 1},"f":[1]}`), &object); err != nil {
		t.Fatal(err)
	}
	if got := lenient.Row(object); !reflect.DeepEqual(got, map[string]string{"a": "y", "b": "1.50", "c": "", "d": `{"e": 1}`, "f": ""}) {
		t.Errorf("got %q", got)
	}
}

func TestPersons(t *testing.T) {
	for in, want := range map[string]string{
		"tel:+49305550100;ext=1": "+49305550100", "sip:Ann@example.org": "ann", "A@example.org": "a@example.org", "sip:anonymous@x": "", "Unknown": "", "": "",
	} {
		if got := lenient.Address(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := lenient.Comment(strings.Repeat("é", 16<<10)); len(got) != 16<<10 {
		t.Errorf("%d bytes of a comment are kept", len(got))
	}
}

func TestIDs(t *testing.T) {
	for _, id := range []string{"1372864018.11", "a/b+c=", strings.Repeat("a", 128), ""} {
		if lenient.ID(id) != id || lenient.DigestID(id) != id {
			t.Errorf("%q is not kept", id)
		}
	}
	for _, id := range []string{"a b", "é", strings.Repeat("a", 129), "a\x00"} {
		for _, got := range []string{lenient.ID(id), lenient.DigestID(id), lenient.ShortID(id, 10, "x")} {
			if got == id || len(got) > 34 || lenient.ID(got) != got {
				t.Errorf("%q became %q", id, got)
			}
		}
	}
	if lenient.Hash("ab", "c") == lenient.Hash("a", "bc") || lenient.Digest(map[string]string{"a": "b"}) == lenient.Digest(map[string]string{"ab": ""}) {
		t.Error("two things are told as one")
	}
}

func TestIdentified(t *testing.T) {
	o := format.Options{Person: func(s string) string { return lenient.Hash(s) }}
	e := func(change func(*format.Event)) string {
		e := format.Event{Name: "n", At: time.Unix(1772438400, 0), Fields: map[string]string{"a": "b"}, Text: "t"}
		change(&e)
		return lenient.Identified(e, o).ID
	}
	same := e(func(*format.Event) {})
	if got := e(func(e *format.Event) { e.Fields["c"], e.At = "", e.At.UTC() }); got != same {
		t.Error("an empty field or a zone makes another event")
	}
	for name, change := range map[string]func(*format.Event){
		"name": func(e *format.Event) { e.Name = "m" }, "time": func(e *format.Event) { e.At = e.At.Add(1) }, "field": func(e *format.Event) { e.Fields["a"] = "c" },
		"text": func(e *format.Event) { e.Text = "u" }, "customer": func(e *format.Event) { e.Customer = "c" },
	} {
		if e(change) == same {
			t.Errorf("another %s makes no other event", name)
		}
	}
}

// FuzzRead makes sure that nothing panics, that what is yielded is of the body and in its order, and that ids can be ids.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\n{\"b\":", "[1,[{}]]", "1772438400000", "2026-03-02 09:00:00 UTC", `"a";b,"c`, "\xef\xbb\xbf{}", "sip:a@b;c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		lines, last := strings.Count(string(body), "\n")+1, 0
		for line := range lenient.Documents(body) {
			if line > lines {
				t.Fatalf("line %d of %d", line, lines)
			}
		}
		var p format.Parsed
		for line, raw := range lenient.Objects(&p, body, 1, "", "") {
			if line < last || line > lines || !json.Valid(raw) || raw[0] != '{' {
				t.Fatalf("line %d of %d: %q", line, lines, raw)
			}
			last = line
			var object map[string]json.RawMessage
			if lenient.Decode(raw, &object) == nil {
				lenient.Row(object)
			}
		}
		s := string(body)
		lenient.Split(s, ',', 3)
		lenient.Header(s, "a", "b")
		lenient.Duration(s, time.Second)
		if at, ok := lenient.Time(s, time.UTC); ok != !at.IsZero() {
			t.Fatalf("%q: %v %v", s, at, ok)
		}
		if id := lenient.ID(s); len(id) > 128 || lenient.ID(id) != id || lenient.DigestID(id) != id {
			t.Fatalf("%q: %q", s, id)
		}
		if got := lenient.Address(lenient.Comment(s)); !lenient.Known(got) && got != "" {
			t.Fatalf("%q: %q", s, got)
		}
	})
}
