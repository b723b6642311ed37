package expmap_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

const smallYAML = `organisation: acme
name: 2026          # a name may look like a number
zone: Europe/Berlin
channels: &channels
  - {id: voice}
outcomes:
  - id: answered
metrics:
  - {id: wait, unit: s, resolution: 1000, better: lower}
questions:
  - {id: recommend, text: "Would you?", kind: nps, scale_min: 0, scale_max: 10, touchpoints: [help]}
service_levels:
  - {id: sl20, metric: wait, threshold: 20, boundary: at_most, outcomes: [answered]}
touchpoints:
  - id: help
    channels: [voice]
    direction: INBOUND
    functional_owner: head
    operational_owner: floor
`

func TestReadYAML(t *testing.T) {
	p, problems := expmap.ReadYAML("map.yaml", []byte(smallYAML))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	q := p.GetQuestions()[0]
	if p.GetName() != "2026" || q.GetKind() != mapv1.QuestionKind_QUESTION_KIND_NPS || q.GetScaleMax() != 10 ||
		p.GetMetrics()[0].GetBetter() != mapv1.Better_BETTER_LOWER || p.GetServiceLevels()[0].GetBoundary() != mapv1.Boundary_BOUNDARY_AT_MOST ||
		p.GetTouchpoints()[0].GetDirection() != mapv1.Direction_DIRECTION_INBOUND {
		t.Errorf("read %v", p)
	}
	if m, problems := expmap.CheckYAML("map.yaml", []byte(smallYAML)); m == nil || len(problems) > 0 {
		t.Error(problems)
	}
}

func TestEveryProblemHasItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string // replacement in smallYAML
		want     string
	}{
		"unknown key":         {"functional_owner:", "functional_ownr:", `map.yaml:18:5: There is no field "functional_ownr". Did you mean "functional_owner"?`},
		"unknown enum":        {"kind: nps", "kind: npss", `map.yaml:11:47: The field kind cannot be "npss". Did you mean "nps"? Use one of nps, csat, ces1, ces2, rating, yes_no, enps, expectation, importance, emotion, choice, perceived, text, multiple, ranking, comparison, reason.`},
		"key twice":           {"zone: Europe/Berlin", "name: again", `map.yaml:3:1: The field "name" is given twice, first on line 2. Delete one of the two.`},
		"text for a number":   {"resolution: 1000", "resolution: many", `map.yaml:9:37: The field resolution must be a whole number from 0, not "many".`},
		"number in quotes":    {"resolution: 1000", `resolution: "1000"`, `map.yaml:9:37: The field resolution must be a whole number`},
		"infinite threshold":  {"threshold: 20", "threshold: .inf", `map.yaml:13:41: The field threshold must be a number`},
		"no value":            {"zone: Europe/Berlin", "zone:", `map.yaml:3:6: The field zone has no value.`},
		"scalar for a list":   {"channels: [voice]", "channels: voice", `map.yaml:16:15: The field channels must be a list.`},
		"list for a scalar":   {"zone: Europe/Berlin", "zone: [a]", `map.yaml:3:7: The field zone must be a single value.`},
		"scalar for a map":    {"- {id: voice}", "- voice", `map.yaml:5:5: The field channels[0] must have fields.`},
		"not YAML":            {"outcomes:", "outcomes: [", `map.yaml:`},
		"two documents":       {"outcomes:", "---\noutcomes:", `map.yaml:6:1: The file holds more than one document.`},
		"meaning: channel":    {"channels: [voice]", "channels: [voise]", `map.yaml:16:16: The channel "voise" is not declared. Did you mean "voice"?`},
		"meaning: id":         {"id: help\n", "id: Help\n", `map.yaml:15:9: This is not a valid id.`},
		"meaning: missing":    {"    functional_owner: head\n", "", `map.yaml:15:5: The touchpoint "help" has no functional owner.`},
		"meaning: no outcome": {", outcomes: [answered]}", "}", `map.yaml:13:5: Outcomes is empty.`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(smallYAML, c.from, c.to, 1)
			if text == smallYAML {
				t.Fatal("the replacement changes nothing")
			}
			m, problems := expmap.CheckYAML("map.yaml", []byte(text))
			if m != nil || len(problems) == 0 {
				t.Fatal("accepted")
			}
			if !slices.ContainsFunc(problems, func(l expmap.Located) bool { return strings.HasPrefix(l.String(), c.want) }) {
				t.Errorf("got  %v\nwant %s", problems, c.want)
			}
			if problems[0].Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
}

func TestASyntaxErrorIsFoundWhereItStands(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(smallYAML, "\n"), "\n")
	for name, c := range map[string]struct {
		line int // that is replaced
		with string
	}{
		"bracket not closed":   {16, "    channels: [voice"},
		"brace not closed":     {13, "  - {id: sl20, metric: wait"},
		"quote not closed":     {3, `zone: "Europe/Berlin`},
		"colon too many":       {19, "    operational_owner: floor: manager"},
		"too little indented":  {17, "  direction: INBOUND"},
		"too far indented":     {18, "      functional_owner: head"},
		"a tab":                {18, "\tfunctional_owner: head"},
		"an unknown alias":     {16, "    channels: *chanels"},
		"no space after colon": {3, "zone:Europe/Berlin"},
		"a control character":  {2, "name: a\x01b"},
		"not UTF-8":            {2, "name: \xff"},
		"the first line":       {1, "organisation: ["},
	} {
		t.Run(name, func(t *testing.T) {
			broken := slices.Clone(lines)
			broken[c.line-1] = c.with
			m, problems := expmap.ReadYAML("map.yaml", []byte(strings.Join(broken, "\n")))
			if m != nil || len(problems) != 1 || problems[0].Line != c.line {
				t.Errorf("want line %d: %v", c.line, problems)
			}
		})
	}
}

func TestEmptyAndHugeFiles(t *testing.T) {
	bomb := "organisation: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 'b'; i < 'k'; i++ {
		bomb += "k" + string(i) + ": &" + string(i) + " [" + strings.Repeat("*"+string(i-1)+", ", 10) + "]\n"
	}
	for name, text := range map[string]string{
		"empty": "", "comment": "# nothing\n", "only a start": "---\n", "a text": "hello", "a list": "[]",
		"too long": strings.Repeat("#", 5<<20), "alias bomb": bomb, "an alias to itself": "channels: &a [*a]\n",
	} {
		if p, problems := expmap.ReadYAML("map.yaml", []byte(text)); p != nil || len(problems) == 0 || problems[0].Line < 1 {
			t.Errorf("%s: %v %v", name, p, problems)
		}
	}
}

func TestLocateGivesPlacesToProblemsFoundElsewhere(t *testing.T) {
	got := expmap.Locate("map.yaml", []byte(smallYAML), []*mapv1.Problem{
		{Field: "questions[0].touchpoints[0]"}, {Field: "touchpoints[0].metrics[4]"}, {Field: "teams"},
	})
	want := []expmap.Located{
		{File: "map.yaml", Line: 1, Col: 1, Field: "teams"},
		{File: "map.yaml", Line: 11, Col: 95, Field: "questions[0].touchpoints[0]"},
		{File: "map.yaml", Line: 15, Col: 5, Field: "touchpoints[0].metrics[4]"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWriteYAMLReadsBackTheSame(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "yes", "null", "~", "2026-11-01", "0x1f", "1e3", "a: b", "- x", "#", "é\n\tx", "<<", "&a", "*a", "!!int"}))
	rapid.Check(t, func(t *rapid.T) {
		p := &mapv1.Map{Organisation: text.Draw(t, "organisation"), Name: text.Draw(t, "name"), Breakdowns: rapid.SliceOf(text).Draw(t, "breakdowns")}
		for range rapid.IntRange(0, 2).Draw(t, "questions") {
			p.Questions = append(p.Questions, &mapv1.Question{
				Id: text.Draw(t, "id"), Text: text.Draw(t, "text"), Kind: mapv1.QuestionKind(rapid.IntRange(0, 6).Draw(t, "kind")),
				ScaleMin: rapid.Int32().Draw(t, "min"), ScaleMax: rapid.Int32().Draw(t, "max"), Touchpoints: rapid.SliceOf(text).Draw(t, "touchpoints"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "levels") {
			p.ServiceLevels = append(p.ServiceLevels, &mapv1.ServiceLevel{
				Threshold: rapid.Float64().Draw(t, "threshold") + 0, // -0 and 0 are one threshold
				Boundary:  mapv1.Boundary(rapid.IntRange(0, 2).Draw(t, "boundary")),
			})
			p.Metrics = append(p.Metrics, &mapv1.Metric{Resolution: rapid.Uint32().Draw(t, "resolution")})
			p.Surveys = append(p.Surveys, &mapv1.Survey{Sample: &mapv1.Sample{
				Seed: rapid.Uint64().Draw(t, "seed"), Shares: rapid.MapOf(text, rapid.Float64Min(0)).Draw(t, "shares"),
			}})
		}
		data, err := expmap.WriteYAML(p)
		if err != nil {
			t.Fatal(err)
		}
		got, problems := expmap.ReadYAML("map.yaml", data)
		if len(problems) > 0 {
			t.Fatalf("%v\n%s", problems, data)
		}
		if d := cmp.Diff(p, got, protocmp.Transform()); d != "" {
			t.Fatalf("%s\n%s", d, data)
		}
	})
}

func TestWriteYAMLRefusesToLose(t *testing.T) {
	if _, err := expmap.WriteYAML(with(func(p *mapv1.Map) { p.Questions[0].Kind = 99 })); err == nil {
		t.Error("an unknown kind was written")
	}
}

func FuzzReadYAML(f *testing.F) {
	f.Add([]byte(smallYAML))
	for _, file := range []string{"whole.yaml", "surveys.yaml"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("organisation: &a [*a]"))
	f.Add([]byte("touchpoints: [{id: help, channels: [voice]}]\n<<: {}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, problems := expmap.ReadYAML("map.yaml", data)
		if (p == nil) == (len(problems) == 0) {
			t.Fatalf("map %v, problems %v", p, problems)
		}
		for _, l := range problems {
			if l.Line < 1 || l.Col < 1 || l.Message == "" || l.Remedy == "" {
				t.Fatalf("a problem without place, message or remedy: %+v", l)
			}
		}
		if p == nil {
			return
		}
		_, found := expmap.Compile(p, 1)
		for _, l := range expmap.Locate("map.yaml", data, found) {
			if l.Line < 1 || l.Col < 1 {
				t.Fatalf("no place: %+v", l)
			}
		}
		written, err := expmap.WriteYAML(p)
		if err != nil {
			t.Fatal(err)
		}
		again, problems := expmap.ReadYAML("map.yaml", written)
		if len(problems) > 0 || !proto.Equal(p, again) {
			t.Fatalf("written and read back: %v\n%s", problems, written)
		}
	})
}
