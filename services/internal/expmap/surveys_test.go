package expmap_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// shop returns the map of testdata/surveys.yaml.
func shop(t testing.TB) *mapv1.Map {
	t.Helper()
	data, err := os.ReadFile("testdata/surveys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.CheckYAML("surveys.yaml", data)
	if m == nil {
		t.Fatal(problems)
	}
	return m.Proto
}

func shopWith(t testing.TB, change func(*mapv1.Map)) *mapv1.Map {
	t.Helper()
	p := shop(t)
	change(p)
	return p
}

func TestPartsAreQuestionsOfTheirOwn(t *testing.T) {
	m := compile(t, shop(t))
	for id, want := range map[string]struct {
		kind            mapv1.QuestionKind
		lo, hi, each    int64
		of, text, asked string
	}{
		"why":         {mapv1.QuestionKind_QUESTION_KIND_TEXT, -1000, 1000, 10, "", "What is the reason?", "help"},
		"why_waiting": {mapv1.QuestionKind_QUESTION_KIND_YES_NO, 0, 1, 1, "why", "why: Waiting", "help"},
		"why_price":   {mapv1.QuestionKind_QUESTION_KIND_YES_NO, 0, 1, 1, "why", "why: price", "help"},
		"used":        {mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, 1, 0, 1, "", "What did you use?", "help"},
		"used_4":      {mapv1.QuestionKind_QUESTION_KIND_YES_NO, 0, 1, 1, "used", "used: Website", "help"},
		"first":       {mapv1.QuestionKind_QUESTION_KIND_RANKING, 1, 0, 1, "", "What comes first?", "work"},
		"first_3":     {mapv1.QuestionKind_QUESTION_KIND_RANKING, 1, 3, 1, "first", "first: Cost", "work"},
		"against":     {mapv1.QuestionKind_QUESTION_KIND_COMPARISON, -1, 1, 1, "", "And against others?", "help"},
	} {
		q := m.Questions[id]
		if q == nil {
			t.Errorf("no question %s", id)
			continue
		}
		if _, asked := q.Touchpoints[want.asked]; q.Kind != want.kind || q.Min != want.lo || q.Max != want.hi || q.Resolution != want.each || q.Of != want.of || q.Proto.GetText() != want.text || !asked {
			t.Errorf("%s: %+v", id, q)
		}
	}
	if got := m.Questions["why_waiting"].KindName(); got != "yes_no" {
		t.Errorf("kind %s", got)
	}
	if len(m.Questions) != 6+2+2+3 {
		t.Errorf("%d questions with their parts", len(m.Questions))
	}
	names := expmap.ScoreNames(m.Proto)
	for _, id := range []string{"why.mean", "why.negative", "why_waiting.share.1", "used_4.share.1", "first_2.mean", "because.share.2", "against.share.-1"} {
		if !slices.Contains(names, id) {
			t.Errorf("no score %s", id)
		}
	}
	for _, id := range []string{"used.mean", "first.mean", "why.share.0", "why.median", "because.mean", "first_2.top2"} {
		if slices.Contains(names, id) {
			t.Errorf("a score %s", id)
		}
	}
	// A target may name them, where they are asked.
	compile(t, shopWith(t, func(p *mapv1.Map) {
		p.Targets = []*mapv1.Target{{Score: "why_waiting.share.1", Value: 10, Touchpoint: "help"}}
	}))
}

func TestSurveysHaveTheirDefaultsSpeltOut(t *testing.T) {
	m := compile(t, shopWith(t, func(p *mapv1.Map) { p.ContactRules = nil }))
	c := m.Contact
	if c.Days != 30 || c.AYear != 4 || c.From != 9*time.Hour || c.To != 20*time.Hour || c.DailyCap != 10_000 || c.Answered || c.ConsentNeeded || len(c.DoNotAsk) > 0 {
		t.Errorf("%+v", c)
	}
	s := m.Surveys["at_work"]
	if s.QuarantineDays != 90 || s.GroupDays != 0 || s.RemindDays != 0 || s.Open != 14*24*time.Hour || !slices.Equal(s.Languages, []string{"en"}) ||
		s.Sample.Share != 1 || s.Trigger != nil || s.Name != "at_work" {
		t.Errorf("%+v", s)
	}
	w := s.Wave
	if w.Audience != mapv1.Audience_AUDIENCE_EMPLOYEES || w.EveryDays != 91 || w.First.Format(time.RFC3339) != "2026-12-01T00:00:00+01:00" || w.Touchpoint(s.Questions[0].Question) != "work" {
		t.Errorf("%+v", w)
	}
	s = m.Surveys["after_help"]
	if s.Delay != true || s.GroupDays != 45 || s.RemindDays != 4 || s.Sample.Seed != 1<<64-1 || s.Sample.Shares["basic"] != 0.25 || s.Trigger.Delay != time.Hour ||
		len(s.Channels) != 3 || s.Quotas[0] != (expmap.Quota{Attribute: "tariff", Value: "gold", Answers: 200}) || !s.AskConsent || s.LeastActionRate != 0.8 {
		t.Errorf("%+v", s)
	}
	bare := compile(t, shopWith(t, func(p *mapv1.Map) {
		p.Surveys = []*mapv1.Survey{{Id: "bare", Group: "g", Sample: &mapv1.Sample{Seed: 1}}}
	})).Surveys["bare"]
	if bare.GroupDays != 30 || bare.RemindDays != 3 || bare.Sample.Share != 1 || len(bare.Channels) != 1 || bare.Channels[0] != mapv1.SurveyChannel_SURVEY_CHANNEL_LINK {
		t.Errorf("%+v", bare)
	}
}

func TestATriggerAsksAfterWhatItNames(t *testing.T) {
	s := compile(t, shop(t)).Surveys["after_help"]
	is := func(change func(*expmap.Interaction)) bool {
		i := &expmap.Interaction{
			Touchpoint: "help", Channel: "voice", Outcome: "answered",
			Attributes: map[string]string{"tariff": "gold"}, Metrics: map[string]float64{"wait": 60.001},
		}
		change(i)
		return s.Trigger.Asks(i)
	}
	m := compile(t, shopWith(t, func(p *mapv1.Map) {
		again := proto.CloneOf(p.Surveys[0])
		again.Id = "again"
		p.Surveys = append(p.Surveys, again, &mapv1.Survey{Id: "draft", Trigger: &mapv1.SurveyTrigger{Touchpoints: []string{"help"}}})
	}))
	if a := m.After["help"]; len(m.After) != 1 || len(a) != 2 || a[0].ID != "after_help" || a[1].ID != "again" {
		t.Errorf("%v ask after help", a)
	}
	for name, c := range map[string]struct {
		change func(*expmap.Interaction)
		want   bool
	}{
		"all as it should be":  {func(*expmap.Interaction) {}, true},
		"another touchpoint":   {func(i *expmap.Interaction) { i.Touchpoint = "order" }, false},
		"another outcome":      {func(i *expmap.Interaction) { i.Outcome = "abandoned" }, false},
		"no outcome":           {func(i *expmap.Interaction) { i.Outcome = "" }, false},
		"just not long enough": {func(i *expmap.Interaction) { i.Metrics["wait"] = 60 }, false},
		"not measured":         {func(i *expmap.Interaction) { delete(i.Metrics, "wait") }, false},
		"nothing measured":     {func(i *expmap.Interaction) { i.Metrics = nil }, false},
		"another tariff":       {func(i *expmap.Interaction) { i.Attributes["tariff"] = "basic" }, false},
		"no attributes at all": {func(i *expmap.Interaction) { i.Attributes = nil }, false},
	} {
		if is(c.change) != c.want {
			t.Errorf("%s: not %v", name, c.want)
		}
	}
}

func TestConditionsGoByTheAnswersBefore(t *testing.T) {
	s := compile(t, shop(t)).Surveys["after_help"]
	one := func(v int32) expmap.Answer { return expmap.Answer{Values: []int32{v}} }
	why := s.Questions[3]
	if !slices.Equal(why.When.Reads, []string{"because", "used"}) || s.Questions[0].When != nil {
		t.Errorf("reads %v", why.When.Reads)
	}
	for name, c := range map[string]struct {
		item    int
		answers map[string]expmap.Answer
		want    bool
	}{
		"always":                       {0, nil, true},
		"at the edge":                  {1, map[string]expmap.Answer{"nps": one(6)}, true},
		"beyond it":                    {1, map[string]expmap.Answer{"nps": one(7)}, false},
		"skipped":                      {1, map[string]expmap.Answer{"nps": {}}, false},
		"nothing answered":             {1, nil, false},
		"chosen":                       {3, map[string]expmap.Answer{"used": {Values: []int32{4, 1}}, "because": one(1)}, true},
		"chosen, the other not known":  {3, map[string]expmap.Answer{"used": {Values: []int32{1}}}, true},
		"the other, chosen not known":  {3, map[string]expmap.Answer{"because": one(2)}, true},
		"neither":                      {3, map[string]expmap.Answer{"used": {Values: []int32{4}}, "because": one(1)}, false},
		"not chosen, other not known":  {3, map[string]expmap.Answer{"used": {Values: []int32{4}}}, false},
		"nothing chosen, other as not": {3, map[string]expmap.Answer{"used": {}, "because": one(1)}, false},
	} {
		if got := s.Questions[c.item].When.Holds(c.answers); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	m := compile(t, shopWith(t, func(p *mapv1.Map) {
		p.Surveys[0].State = mapv1.SurveyState_SURVEY_STATE_UNSPECIFIED
		p.Surveys = p.Surveys[:1]
		p.Surveys[0].Items = []*mapv1.SurveyItem{{Question: "why"}, {Question: "first"}, {Question: "nps", When: `why != "" && first[0] == 2`}}
	}))
	if !m.Surveys["after_help"].Questions[2].When.Holds(map[string]expmap.Answer{"why": {Text: "x"}, "first": {Values: []int32{2, 1, 3}}}) {
		t.Error("a text and a ranking do not hold")
	}
}

// A condition that would take long does not hold, and says nothing.
func TestAConditionCostsLittle(t *testing.T) {
	m := compile(t, shopWith(t, func(p *mapv1.Map) {
		p.Surveys[0].Items = []*mapv1.SurveyItem{{Question: "why"}, {Question: "nps", When: `why.matches("(a+)+x")`}}
		p.Surveys[0].State = mapv1.SurveyState_SURVEY_STATE_UNSPECIFIED
	}))
	began := time.Now()
	if m.Surveys["after_help"].Questions[1].When.Holds(map[string]expmap.Answer{"why": {Text: strings.Repeat("a", 1<<20) + "x"}}) {
		t.Error("it holds, whatever it costs")
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestWhatIsWrittenIsFoundInTheNearestLanguage(t *testing.T) {
	m := compile(t, shop(t))
	s, nps := m.Surveys["after_help"], m.Questions["nps"]
	for language, want := range map[string][2]string{
		"en": {"How likely are you to recommend us?", "Dear {name}, how was {touchpoint}?"}, "de": {"Würden Sie uns empfehlen?", "Wie war es?"},
		"de-AT": {"Würden Sie uns empfehlen?", "Wie war es?"}, "pt-BR": {"Recomendaria?", "Como foi?"}, "PT": {"Recomendaria?", "Como foi?"},
		"fr": {"How likely are you to recommend us?", "Dear {name}, how was {touchpoint}?"},
	} {
		if w := nps.Words(language); w.Text != want[0] {
			t.Errorf("%s: %+v", language, w)
		}
		if x := s.Message(language); x.GetText() != want[1] {
			t.Errorf("%s: %v", language, x)
		}
	}
	if w := m.Questions["because"].Words("de"); !slices.Equal(w.Choices, []string{"Warten", "Preis"}) {
		t.Error(w)
	}
	if w := nps.Words("de"); w.Low != "gar nicht" || w.High != "sehr" {
		t.Error(w)
	}
	if x := m.Surveys["at_work"].Message("en"); x.GetText() != "How is work?" {
		t.Error(x)
	}
	if s.Published("en") == "" || s.Published("de") != "" {
		t.Error("what was published")
	}
	if len(m.Themes) != 2 || m.Themes[0].Name != "Waiting" || !slices.Equal(m.Themes[0].Words["en"], []string{"wait", "on hold"}) || m.Themes[1].Name != "price" {
		t.Errorf("%+v", m.Themes)
	}
}

func TestSurveysOnlyGoForward(t *testing.T) {
	const (
		draft, active = mapv1.SurveyState_SURVEY_STATE_UNSPECIFIED, mapv1.SurveyState_SURVEY_STATE_ACTIVE
		paused, over  = mapv1.SurveyState_SURVEY_STATE_PAUSED, mapv1.SurveyState_SURVEY_STATE_CLOSED
	)
	may := map[[2]mapv1.SurveyState]bool{
		{draft, draft}: true, {draft, active}: true, {draft, paused}: true, {draft, over}: true,
		{active, active}: true, {active, paused}: true, {active, over}: true,
		{paused, active}: true, {paused, paused}: true, {paused, over}: true,
		{over, over}: true,
	}
	in := func(s mapv1.SurveyState) *expmap.Map {
		return compile(t, shopWith(t, func(p *mapv1.Map) { p.Surveys[0].State = s }))
	}
	for _, from := range []mapv1.SurveyState{draft, active, paused, over} {
		for _, to := range []mapv1.SurveyState{draft, active, paused, over} {
			problems := expmap.Incompatible(in(from), in(to))
			if (len(problems) == 0) != may[[2]mapv1.SurveyState{from, to}] {
				t.Errorf("%v → %v: %v", from, to, problems)
			}
			for _, p := range problems {
				if p.GetField() != "surveys[0].state" || p.GetRemedy() == "" {
					t.Error(p)
				}
			}
		}
	}
}

func TestPartsKeepTheirMeaning(t *testing.T) {
	old := compile(t, shop(t))
	for name, c := range map[string]struct {
		change func(*mapv1.Map)
		want   []string
	}{
		"another choice": {func(p *mapv1.Map) {
			p.Questions[3].Choices = append(p.Questions[3].Choices, &mapv1.Choice{Value: 5, Label: "Branch"})
			p.Questions[3].Wordings = nil
		}, nil},
		"a theme less":    {func(p *mapv1.Map) { p.Themes = p.Themes[:1] }, nil},
		"another wording": {func(p *mapv1.Map) { p.Questions[0].Text = "Would you?" }, nil},
		"more to rank": {func(p *mapv1.Map) {
			p.Questions[5].Choices = append(p.Questions[5].Choices, &mapv1.Choice{Value: 4, Label: "Order"})
			p.Questions[5].Documented = nil
		}, []string{"questions[5].choices", "questions[5].choices", "questions[5].choices"}},
		"a ranking of what was chosen": {func(p *mapv1.Map) { p.Questions[3].Kind = mapv1.QuestionKind_QUESTION_KIND_RANKING }, []string{"questions[3].kind", "questions[3].choices", "questions[3].choices"}},
		"a part that becomes a question": {func(p *mapv1.Map) {
			p.Themes = p.Themes[:1]
			p.Questions = append(p.Questions, &mapv1.Question{Id: "why_price", Kind: mapv1.QuestionKind_QUESTION_KIND_YES_NO, ScaleMax: 1, Touchpoints: []string{"help"}})
		}, []string{"questions[6].id"}},
		"a part that becomes a metric": {func(p *mapv1.Map) {
			p.Themes = p.Themes[:1]
			p.Metrics = append(p.Metrics, &mapv1.Metric{Id: "why_price", Unit: "EUR", Resolution: 100})
		}, []string{"metrics[2].id"}},
	} {
		var got []string
		draft := func(p *mapv1.Map) {
			p.Surveys[0].State = mapv1.SurveyState_SURVEY_STATE_PAUSED
			c.change(p)
		}
		for _, x := range expmap.Incompatible(old, compile(t, shopWith(t, draft))) {
			got = append(got, x.GetField())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	// And what was a question, a metric or a gap does not become a part.
	before := compile(t, shopWith(t, func(p *mapv1.Map) {
		p.Themes = p.Themes[:1]
		p.Metrics = append(p.Metrics, &mapv1.Metric{Id: "why_price", Unit: "EUR", Resolution: 100})
	}))
	if got := expmap.Incompatible(before, old); len(got) != 1 || got[0].GetField() != "questions[1].id" {
		t.Error(got)
	}
}

func TestSurveysAreWrittenAndReadBackTheSame(t *testing.T) {
	p := shop(t)
	data, err := expmap.WriteYAML(p)
	if err != nil {
		t.Fatal(err)
	}
	again, problems := expmap.ReadYAML("map.yaml", data)
	if len(problems) > 0 || !proto.Equal(p, again) {
		t.Errorf("%v\n%s", problems, data)
	}
}

func TestTheDiffOfSurveys(t *testing.T) {
	var got []string
	for _, c := range expmap.Diff(shop(t), shopWith(t, func(p *mapv1.Map) {
		p.Questions[0].Text = "Would you?"
		p.Questions[0].Wordings[0].HighLabel = "ganz"
		p.Questions[2].Choices[0].Label = "Waiting"
		p.Themes[0].Words[0].Words = []string{"wait", "queue"}
		p.Messages[0].Texts[1].Subject = "Ihr Anruf"
		p.ContactRules.Days = 60
		s := p.Surveys[0]
		s.State = mapv1.SurveyState_SURVEY_STATE_UNSPECIFIED
		s.Items[2].When = ""
		s.Sample.Shares = map[string]float64{"gold": 0.5}
		s.Quotas[0].Answers = 100
		s.Trigger.DelayMinutes = 0
		p.Surveys = p.Surveys[:1]
	})) {
		got = append(got, c.String())
	}
	const series = " (starts a new series: give it a new id if the meaning changed)"
	want := []string{
		"question nps: text: How likely are you to recommend us? → Would you?" + series,
		"question nps, wording de: high_label: sehr → ganz" + series,
		"question because, choice 1: label: Wait → Waiting" + series,
		"survey after_help: state: active → draft",
		"survey after_help, item used: when: nps <= 6 → nothing",
		"survey after_help, trigger: delay_minutes: 60 → nothing",
		"survey after_help, sample: shares[basic]: 0.25 → nothing",
		"survey after_help, sample: shares[gold]: 1 → 0.5",
		"survey after_help, quota tariff=gold: answers: 200 → 100",
		"survey at_work removed",
		"contact_rules: days: 30 → 60",
		"theme waiting, words en: words: on hold → queue",
		"message template plain, text de: subject: Ihr Besuch → Ihr Anruf",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCoverageOfSurveys(t *testing.T) {
	c := expmap.Cover(shopWith(t, func(p *mapv1.Map) {
		p.Surveys = append(p.Surveys, &mapv1.Survey{
			Id: "old", State: mapv1.SurveyState_SURVEY_STATE_CLOSED,
			Trigger: &mapv1.SurveyTrigger{Touchpoints: []string{"order"}}, Items: []*mapv1.SurveyItem{{Question: "nps"}},
		})
		p.Questions = append(p.Questions, &mapv1.Question{Id: "spare", Touchpoints: []string{"order"}})
	}))
	if !slices.Equal(c.Surveyed["help"], []string{"after_help"}) || !slices.Equal(c.Surveyed["work"], []string{"at_work"}) || len(c.Surveyed) != 2 {
		t.Errorf("%v", c.Surveyed)
	}
	if got := c.Of(expmap.WithoutSurvey); !slices.Equal(got, []string{"order"}) {
		t.Errorf("without survey: %v", got)
	}
	if got := c.Of(expmap.InNoSurvey); !slices.Equal(got, []string{"spare"}) {
		t.Errorf("in no survey: %v", got)
	}
	if c.SurveysLine() != "2 surveys ask about 2 of 3 touchpoints." {
		t.Error(c.SurveysLine())
	}
	none := expmap.Cover(shopWith(t, func(p *mapv1.Map) { p.Surveys = nil }))
	if none.SurveysLine() != "" || len(none.Of(expmap.WithoutSurvey))+len(none.Of(expmap.InNoSurvey)) > 0 {
		t.Errorf("%+v", none)
	}
	owned := expmap.Cover(shopWith(t, func(p *mapv1.Map) { p.Roles = append(p.Roles, &mapv1.Role{Id: "asker"}); p.Surveys[1].Owner = "asker" }))
	if len(owned.Of(expmap.OwnsNothing)) > 0 {
		t.Error(owned.Of(expmap.OwnsNothing))
	}
}

// What employees answered is not shown as customers' answers are, whatever becomes of the survey.
func TestAnswersOfEmployeesStayTheirs(t *testing.T) {
	in := func(change func(*mapv1.Map)) *expmap.Map {
		return compile(t, shopWith(t, func(p *mapv1.Map) { p.Surveys[1].State = mapv1.SurveyState_SURVEY_STATE_PAUSED; change(p) }))
	}
	old := in(func(*mapv1.Map) {})
	if got := expmap.AskedOfEmployees(old.Proto); len(got) != 1 || !got["first"] {
		t.Errorf("%v", got)
	}
	for name, c := range map[string]struct {
		change func(*mapv1.Map)
		want   int
	}{
		"closed":                      {func(p *mapv1.Map) { p.Surveys[1].State = mapv1.SurveyState_SURVEY_STATE_CLOSED }, 0},
		"removed":                     {func(p *mapv1.Map) { p.Surveys = p.Surveys[:1] }, 1},
		"removed with its question":   {func(p *mapv1.Map) { p.Surveys = p.Surveys[:1]; p.Questions = p.Questions[:5] }, 0},
		"another audience":            {func(p *mapv1.Map) { p.Surveys[1].Wave.Audience = mapv1.Audience_AUDIENCE_CUSTOMERS }, 1},
		"its question taken off":      {func(p *mapv1.Map) { p.Surveys[1].Items = nil }, 1},
		"its question asked by other": {func(p *mapv1.Map) { p.Surveys[1].Id = "again" }, 0},
	} {
		if got := expmap.Incompatible(old, in(c.change)); len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
