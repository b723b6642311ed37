package cli_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/scoreservice"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// The library, and the fewest touchpoints and stages that each industry has.
var industries = []struct {
	from                string
	touchpoints, stages int
}{{"airport", 25, 7}, {"hospital", 25, 6}, {"retail", 25, 6}, {"saas", 25, 6}, {"telecom", 84, 7}}

// begun is a library map with its text.
func begun(t *testing.T, args ...string) (string, *expmap.Map) {
	t.Helper()
	out, _, err := (&fake{}).run(t)(append([]string{"map", "new", "--from"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.CheckYAML(args[0]+".yaml", []byte(out))
	for _, p := range problems {
		t.Error(p)
	}
	if m == nil {
		t.FailNow()
	}
	return out, m
}

func TestEveryLibraryMapIsWhole(t *testing.T) {
	for _, want := range industries {
		t.Run(want.from, func(t *testing.T) {
			text, m := begun(t, want.from)
			p := m.Proto
			if n := len(p.GetTouchpoints()); n < want.touchpoints || want.touchpoints < 84 && n > 45 || len(p.GetStages()) < want.stages {
				t.Errorf("%d touchpoints over %d stages", n, len(p.GetStages()))
			}
			// What its first line says of it.
			if head := fmt.Sprintf(": %d over %d stages", len(p.GetTouchpoints()), len(p.GetStages())); !strings.Contains(strings.SplitN(text, "\n", 2)[0], head) {
				t.Errorf("the first line does not say %q", head)
			}
			places(t, m)
			asked(t, m)
			judged(t, m)
			surveyed(t, m)
		})
	}
}

// places looks at touchpoints, their owners, stages and steps.
func places(t *testing.T, m *expmap.Map) {
	t.Helper()
	p := m.Proto
	roles, owning, stages := map[string]bool{}, map[string]bool{p.GetProgrammeOwner(): true}, map[string]int{}
	for _, r := range p.GetRoles() {
		roles[r.GetId()] = true
		if r.GetName() == "" {
			t.Errorf("the role %s has no name", r.GetId())
		}
	}
	directions, steps := map[mapv1.Direction]int{}, map[mapv1.Place]int{}
	for _, x := range p.GetTouchpoints() {
		stages[x.GetStage()]++
		owning[x.GetFunctionalOwner()], owning[x.GetOperationalOwner()] = true, true
		if !x.GetBackStage() {
			directions[x.GetDirection()]++
		}
		if len(x.GetMetrics()) == 0 || len(x.GetChannels()) == 0 || x.GetName() == "" {
			t.Errorf("%s lacks metrics, channels or a name", x.GetId())
		}
		for _, s := range x.GetSteps() {
			steps[s.GetPlace()]++
			owning[s.GetOwner()] = true
		}
	}
	if directions[mapv1.Direction_DIRECTION_INBOUND] < 5 || directions[mapv1.Direction_DIRECTION_OUTBOUND] < 5 || directions[mapv1.Direction_DIRECTION_UNSPECIFIED] > 0 {
		t.Errorf("directions %v", directions)
	}
	if steps[mapv1.Place_PLACE_FRONT_STAGE] < 5 || steps[mapv1.Place_PLACE_BACK_STAGE] < 5 {
		t.Errorf("steps %v", steps)
	}
	travelled := map[string]bool{}
	for _, j := range p.GetJourneys() {
		for _, s := range j.GetStages() {
			travelled[s] = true
		}
	}
	for _, s := range p.GetStages() {
		if stages[s.GetId()] == 0 || !travelled[s.GetId()] || s.GetQuestion() == "" {
			t.Errorf("the stage %s has %d touchpoints, is in a journey: %v, has the outcome %q", s.GetId(), stages[s.GetId()], travelled[s.GetId()], s.GetQuestion())
		}
	}
	for _, x := range p.GetPairings() {
		owning[x.GetOwner()] = true
	}
	for _, x := range p.GetTargets() {
		owning[x.GetSetBy()] = true
	}
	for r := range roles {
		if !owning[r] {
			t.Errorf("the role %s owns nothing", r)
		}
	}
}

// asked looks at questions and pairings.
func asked(t *testing.T, m *expmap.Map) {
	t.Helper()
	paired, felt := map[string]bool{}, map[string]bool{}
	for _, p := range m.Proto.GetPairings() {
		paired[p.GetQuestion()], felt[p.GetMetric()] = true, true
		if p.GetLife() != mapv1.Life_LIFE_CANDIDATE || p.GetOwner() == "" {
			t.Errorf("the pairing %s is %v, owned by %q", p.GetId(), p.GetLife(), p.GetOwner())
		}
		// A map of the library says which metrics are measured where, so that a pairing can be wrong.
		if _, ok := m.Touchpoints[p.GetTouchpoint()].Metrics[p.GetMetric()]; !ok {
			t.Errorf("the pairing %s: %s is not measured at %s", p.GetId(), p.GetMetric(), p.GetTouchpoint())
		}
	}
	kinds, facets, about := map[mapv1.QuestionKind]bool{}, map[mapv1.Facet][]string{}, map[string]bool{}
	for _, q := range m.Proto.GetQuestions() {
		kinds[q.GetKind()] = true
		facets[q.GetFacet()] = append(facets[q.GetFacet()], q.GetTouchpoints()...)
		if paired[q.GetId()] == (q.GetUnpairedBecause() != "") {
			t.Errorf("the question %s is paired: %v, and not because %q", q.GetId(), paired[q.GetId()], q.GetUnpairedBecause())
		}
		for _, x := range q.GetTouchpoints() {
			about[x] = true
			if m.Touchpoints[x].Proto.GetBackStage() {
				t.Errorf("%s asks about %s, which customers never meet", q.GetId(), x)
			}
			if a := m.Questions[q.GetAbout()]; q.GetAbout() != "" && !slices.Contains(a.Proto.GetTouchpoints(), x) {
				t.Errorf("%s is asked at %s, and %s is not", q.GetId(), x, q.GetAbout())
			}
		}
	}
	for _, k := range []mapv1.QuestionKind{
		mapv1.QuestionKind_QUESTION_KIND_NPS, mapv1.QuestionKind_QUESTION_KIND_CSAT, mapv1.QuestionKind_QUESTION_KIND_CES2,
		mapv1.QuestionKind_QUESTION_KIND_EXPECTATION, mapv1.QuestionKind_QUESTION_KIND_EMOTION,
	} {
		if !kinds[k] {
			t.Errorf("no question is of kind %v", k)
		}
	}
	// The three parts of the index are asked together, else it could not be computed.
	together := 0
	for _, x := range facets[mapv1.Facet_FACET_SUCCESS] {
		if slices.Contains(facets[mapv1.Facet_FACET_EFFORT], x) && slices.Contains(facets[mapv1.Facet_FACET_EMOTION], x) {
			together++
		}
	}
	if together < 5 {
		t.Errorf("the index has all its parts at %d touchpoints", together)
	}
}

// surveyed looks at the survey to begin with: a draft that lacks nothing to become active, in two languages.
func surveyed(t *testing.T, m *expmap.Map) {
	t.Helper()
	if len(m.Surveys) != 1 || len(m.Themes) < 3 {
		t.Errorf("%d surveys, %d themes", len(m.Surveys), len(m.Themes))
	}
	p := proto.CloneOf(m.Proto)
	for _, s := range p.GetSurveys() {
		if n := len(s.GetItems()); s.GetState() != mapv1.SurveyState_SURVEY_STATE_UNSPECIFIED || n < 2 || n > 3 || !slices.Equal(s.GetLanguages(), []string{"en", "de"}) {
			t.Errorf("%s is %v, asks %d questions in %v", s.GetId(), s.GetState(), n, s.GetLanguages())
		}
		s.State = mapv1.SurveyState_SURVEY_STATE_ACTIVE
	}
	if _, problems := expmap.Compile(p, 1); len(problems) > 0 {
		t.Errorf("it cannot become active: %v", problems)
	}
	for _, x := range m.Themes {
		if len(x.Words["en"]) == 0 || len(x.Words["de"]) == 0 {
			t.Errorf("the theme %s has no words in en or de", x.ID)
		}
	}
	if r := p.GetContactRules(); r.GetDays() != 30 || r.GetAYear() != 4 || r.GetFrom() != "09:00" || r.GetTo() != "20:00" || r.GetDailyCap() != 10_000 {
		t.Errorf("contact rules %v", r)
	}
}

// judged looks at what scores are held against: every named one must exist.
func judged(t *testing.T, m *expmap.Map) {
	t.Helper()
	p := m.Proto
	if len(p.GetTargets()) < 5 || len(p.GetCalendars()) < 1 || len(p.GetCxScores()) != 1 || len(p.GetActionRules()) < 3 || len(p.GetSegments()) < 1 {
		t.Errorf("%d targets, %d calendars, %d cx scores, %d action rules, %d segments",
			len(p.GetTargets()), len(p.GetCalendars()), len(p.GetCxScores()), len(p.GetActionRules()), len(p.GetSegments()))
	}
	scores := score.NewCatalogue(scoreservice.Spec(m))
	named := expmap.ScoreNames(p)
	for _, id := range named {
		if scores.Lookup(id) == nil {
			t.Errorf("check takes %s for a score", id)
		}
	}
	for _, d := range scores.All() {
		if !slices.Contains(named, d.ID) {
			t.Errorf("check does not know the score %s", d.ID)
		}
	}
	exists := func(id string) {
		if scores.Lookup(id) == nil && id != p.GetCxScores()[0].GetId() {
			t.Errorf("there is no score %s", id)
		}
	}
	for _, id := range []string{"aht", "rr1", "rr2", "next_contact.within", "next_contact.beyond", "felt_wait.gap_felt"} {
		exists(id)
	}
	if !slices.ContainsFunc(p.GetQuestions(), func(q *mapv1.Question) bool { return scores.Lookup(q.GetId()+".gap_stated") != nil }) {
		t.Error("no question is compared with what was expected")
	}
	cascading := false
	for _, x := range p.GetTargets() {
		exists(x.GetScore())
		cascading = cascading || x.GetCascades() && x.GetTouchpoint()+x.GetStage()+x.GetJourney() == ""
	}
	if !cascading {
		t.Error("no target of the organisation cascades, so that touchpoints have none")
	}
	for _, x := range p.GetCxScores()[0].GetParts() {
		exists(x.GetScore())
	}
	published := 0
	for _, x := range p.GetServiceLevels() {
		if x.GetAbandons() != mapv1.Abandons_ABANDONS_UNSPECIFIED {
			published++
		}
	}
	if published < 2 {
		t.Errorf("%d service levels by a published formula", published)
	}
}

// The example that README.md and the simulation use is what the command writes, so that there is one telecom map.
func TestTheTelecomExampleIsTheLibrarys(t *testing.T) {
	text, _ := begun(t, "telecom", "--name", "Telecom (example)")
	example, err := os.ReadFile(examples + "telecom/map.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if text != string(example) {
		t.Error("deploy/examples/telecom/map.yaml differs from: touchstone map new --from telecom --name 'Telecom (example)'")
	}
}

func TestANewMapIsOfItsOrganisationAndKeepsItsComments(t *testing.T) {
	for _, want := range industries {
		text, m := begun(t, want.from, "-o", "acme_1", "--name", `Acme: "one", # or two`)
		if m.Organisation != "acme_1" || m.Proto.GetName() != `Acme: "one", # or two` {
			t.Errorf("%s is of %s, %s", want.from, m.Organisation, m.Proto.GetName())
		}
		if strings.Contains(text, "{{") || strings.Count(text, "\n#") < 8 {
			t.Errorf("%s: a template that is not filled, or comments lost", want.from)
		}
		if wide := regexp.MustCompile(`(?m)^.{129,}$`).FindString(text); wide != "" {
			t.Errorf("%s: a line to scroll: %s", want.from, wide)
		}
	}
	if _, m := begun(t, "retail", "-o", "acme"); m.Proto.GetName() != "acme" {
		t.Errorf("the name is %q", m.Proto.GetName())
	}
}

func TestANewMapOverwritesNothing(t *testing.T) {
	run := (&fake{}).run(t)
	file := filepath.Join(t.TempDir(), "map.yaml")
	out, _, err := run("map", "new", "--from", "saas", "-o", "acme", "--output", file)
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, file+" is written: ", " touchpoints, ", "for organisation acme", "touchstone apply "+file)
	if out, _, err = run("check", "--offline", file); err != nil {
		t.Fatal(err)
	}
	has(t, out, "is in order")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = run("map", "new", "--from", "retail", "--output", file)
	code(t, err, cli.ExitFailed)
	has(t, err.Error(), file+" exists: name another file")
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("it was overwritten, or %v", err)
	}
}

func TestWithoutAnIndustryTheLibraryIsListed(t *testing.T) {
	run := (&fake{}).run(t)
	out, _, err := run("map", "new")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 1+len(industries) || !regexp.MustCompile(`^FROM +TOUCHPOINTS +STAGES +METRICS +QUESTIONS +PAIRINGS$`).MatchString(lines[0]) {
		t.Fatal(out)
	}
	for i, want := range industries {
		if _, m := begun(t, want.from); !regexp.MustCompile(fmt.Sprintf(`^%s +%d +\d+ +\d+ +%d +%d$`,
			want.from, len(m.Touchpoints), len(m.Questions), len(m.Proto.GetPairings()))).MatchString(lines[i+1]) {
			t.Error(lines[i+1])
		}
	}
	out, _, err = run("map", "new", "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "from,touchpoints,stages,metrics,questions,pairings\n", "telecom,84,7,")
}

func TestWhatCannotBeBegunIsSaid(t *testing.T) {
	run := (&fake{}).run(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"industry":          {[]string{"--from", "hospitl"}, `there is no industry "hospitl". Did you mean "hospital"? Use one of airport, hospital, retail, saas, telecom`},
		"organisation":      {[]string{"--from", "retail", "-o", "Acme Ltd"}, "retail.yaml:4: organisation: "},
		"name":              {[]string{"--from", "retail", "--name", strings.Repeat("x", 201)}, "retail.yaml:5: name: "},
		"name alone":        {[]string{"--name", "Acme"}, "--name needs --from"},
		"format":            {[]string{"--format", "xml"}, "--format is table, json or csv"},
		"output alone":      {[]string{"--output", "map.yaml"}, "--output needs --from"},
		"folder is missing": {[]string{"--from", "retail", "--output", filepath.Join(t.TempDir(), "none", "map.yaml")}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := run(append([]string{"map", "new"}, c.args...)...)
			code(t, err, cli.ExitFailed)
			has(t, err.Error(), c.want)
			if out != "" {
				t.Errorf("printed %q", out)
			}
		})
	}
}

// Whatever the organisation is called, the map says so or is refused.
func TestAnyNameIsKeptOrRefused(t *testing.T) {
	run := (&fake{}).run(t)
	valid := regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	for _, s := range []string{
		"null", "yes", "on", "y", "n", "~", "1e3", "0x1f", "a: b", "- x", "#", "a #b", "{{.Name}}", "{}", "&a", "*a", "!!int", "a\nb", "\t", " a ", "'", `"`, `\`, "<<",
		"-", "é", "a-1", "2026-11-01", strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("é", 200), "\xff",
	} {
		m, err := written(run, "--organisation="+s)
		switch {
		case valid.MatchString(s) != (err == nil):
			t.Errorf("organisation %q: %v", s, err)
		case err == nil && m.Organisation != s:
			t.Errorf("organisation %q became %q", s, m.Organisation)
		}
		m, err = written(run, "--name="+s)
		switch {
		case utf8.ValidString(s) != (err == nil):
			t.Errorf("name %q: %v", s, err)
		case err == nil && m.Proto.GetName() != s:
			t.Errorf("name %q became %q", s, m.Proto.GetName())
		}
	}
}

// written is a new map of the hospital library.
func written(run func(...string) (string, string, error), args ...string) (*expmap.Map, error) {
	out, _, err := run(append([]string{"map", "new", "--from", "hospital"}, args...)...)
	if err != nil {
		return nil, err
	}
	m, problems := expmap.CheckYAML("hospital.yaml", []byte(out))
	if m == nil {
		return nil, errors.New(problems[0].String())
	}
	return m, nil
}
