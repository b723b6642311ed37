package compose_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/compose"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

const (
	link = "https://survey.example/s/abcdefghijklmnopqrstuvwxyz"
	stop = link + "/stop"
)

func parts() *compose.Parts {
	return &compose.Parts{
		Invitation: [16]byte{1}, Medium: gate.Email, Contact: channel.Contact{Name: "Zoë", Email: "zoe@example.net", Phone: "+4915112345678"},
		Language: "en", Touchpoint: "Help line", Day: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Organisation: "Wagtail Bank", Link: link, Stop: stop, First: nps(),
	}
}

func nps() *mapv1.Question {
	return &mapv1.Question{
		Id: "recommend", Text: "How likely are you to recommend us?", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, LowLabel: "not at all", HighLabel: "very",
		Wordings: []*mapv1.Wording{{Language: "de", Text: "Wie wahrscheinlich empfehlen Sie uns?", LowLabel: "gar nicht", HighLabel: "sehr"}},
	}
}

func composer(t testing.TB) *compose.Composer {
	t.Helper()
	c, err := compose.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func message(t *testing.T, p *compose.Parts) *channel.Message {
	t.Helper()
	m, err := composer(t).Message(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestBuiltIn(t *testing.T) {
	m := message(t, parts())
	if want := "Hello Zoë,\n\non 24 November you were in touch with us: Help line. How was it? Your answer takes about a minute."; m.Text != want {
		t.Errorf("text %q", m.Text)
	}
	if m.Subject != "Your experience with Wagtail Bank" || m.Open != "Answer the questions" || m.StopWords != "Send me no more surveys" || m.Language != "en" {
		t.Errorf("%+v", m)
	}
	if m.ID != channel.ID([16]byte{1}, 0) || m.Link != link || m.Stop != stop || m.Medium != gate.Email || m.Contact.Email != "zoe@example.net" {
		t.Errorf("%+v", m)
	}
	q := m.Question
	if q == nil || q.Text != "How likely are you to recommend us?" || q.Low != "not at all" || q.High != "very" || len(q.Points) != 11 {
		t.Fatalf("%+v", q)
	}
	for i, p := range q.Points {
		if p.Label != fmt.Sprint(i) || p.Link != fmt.Sprintf("%s?score=%d", link, i) {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	if err := channel.Check(m, gate.Email); err != nil {
		t.Error(err)
	}
}

func TestReminder(t *testing.T) {
	p := parts()
	p.Number, p.Language = 1, "de"
	m := message(t, p)
	if m.Subject != "Erinnerung: Ihre Erfahrung mit Wagtail Bank" || m.ID != channel.ID([16]byte{1}, 1) || !strings.Contains(m.Text, "am 24. November") {
		t.Errorf("%+v", m)
	}
	if m.Question.Text != "Wie wahrscheinlich empfehlen Sie uns?" || m.Question.Low != "gar nicht" {
		t.Errorf("%+v", m.Question)
	}
}

// Every language of the pages has words, every place in them is filled, and nothing is left open in a wave or without a name.
func TestEveryLanguage(t *testing.T) {
	c := composer(t)
	pages, err := os.ReadDir("../../page/text")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, tag := range c.Languages() {
		known[tag] = true
	}
	for _, e := range pages {
		tag := strings.TrimSuffix(e.Name(), ".yaml")
		if !known[tag] {
			t.Errorf("no words in %s", tag)
			continue
		}
		for _, medium := range []gate.Medium{gate.Email, gate.SMS, gate.Webhook, gate.Link} {
			for month := range 12 {
				for _, wave := range []bool{false, true} {
					p := parts()
					p.Language, p.Medium, p.Day = tag, medium, time.Date(2026, time.Month(month+1), 24, 0, 0, 0, 0, time.UTC)
					if wave {
						p.Touchpoint, p.Day, p.Contact.Name = "", time.Time{}, ""
					}
					m, err := c.Message(p)
					if err != nil {
						t.Fatal(err)
					}
					all := m.Subject + m.Text + m.Open + m.StopWords
					if m.Language != tag || strings.ContainsAny(all, "{}") || m.Subject == "" || m.Text == "" || m.Open == "" || m.StopWords == "" || strings.Contains(all, " ,") {
						t.Errorf("%s, %s: %+v", tag, medium, m)
					}
					if strings.Contains(all, "Help line") == wave || strings.Contains(all, "24") == wave || medium != gate.SMS && strings.Contains(all, "Zoë") == wave {
						t.Errorf("%s, %s, wave %t: %s", tag, medium, wave, all)
					}
					if medium == gate.SMS && (!strings.Contains(m.Text, link) || !strings.Contains(m.Text, "STOP") || !strings.Contains(m.Text, "Wagtail Bank") || m.Question != nil) {
						t.Errorf("%s: %s", tag, m.Text)
					}
				}
			}
		}
	}
}

func TestTemplate(t *testing.T) {
	p := parts()
	p.Template = &mapv1.MessageTemplate{Texts: []*mapv1.MessageText{
		{Language: "de", Subject: "Frage von {organisation}", Text: "Liebe/r {name}, {touchpoint} am {day}: {link}", Sms: "{touchpoint}? {link}"},
		{Language: "pt-BR", Subject: "{touchpoint}", Text: "Oi {name}!"},
		{Language: "sv", Text: "Hej {name}, {day}"},
	}}
	for wanted, want := range map[string][4]string{
		"de":    {"de", "Frage von Wagtail Bank", "Liebe/r Zoë, Help line am 24. November: " + link, "Fragen beantworten"},
		"de-AT": {"de", "Frage von Wagtail Bank", "Liebe/r Zoë, Help line am 24. November: " + link, "Fragen beantworten"},
		"pt":    {"pt-BR", "Help line", "Oi Zoë!", "Responder às perguntas"},
		"sv":    {"sv", "Your experience with Wagtail Bank", "Hej Zoë, 24 November", "Answer the questions"},
		"ja":    {"de", "Frage von Wagtail Bank", "Liebe/r Zoë, Help line am 24. November: " + link, "Fragen beantworten"},
	} {
		p.Language = wanted
		m := message(t, p)
		if got := [4]string{m.Language, m.Subject, m.Text, m.Open}; got != want {
			t.Errorf("%s: %q", wanted, got)
		}
	}
	p.Medium = gate.SMS
	for wanted, want := range map[string]string{"de": "Help line? " + link, "pt-BR": "Oi Zoë! " + link} {
		p.Language = wanted
		if m := message(t, p); m.Text != want {
			t.Errorf("%s: %q", wanted, m.Text)
		}
	}
}

func TestQuestions(t *testing.T) {
	choices := []*mapv1.Choice{{Value: 3, Label: "glad"}, {Value: 1, Label: "angry"}}
	many := make([]*mapv1.Choice, 8)
	for i := range many {
		many[i] = &mapv1.Choice{Value: int32(i), Label: "x"}
	}
	for name, c := range map[string]struct {
		q    *mapv1.Question
		want string
	}{
		"none":           {nil, ""},
		"points":         {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_CSAT, ScaleMin: 1, ScaleMax: 3}, "1=1 2=2 3=3"},
		"below zero":     {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_RATING, ScaleMin: -1, ScaleMax: 1}, "-1=-1 0=0 1=1"},
		"yes or no":      {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_YES_NO, ScaleMax: 1}, "Yes=1 No=0"},
		"emotion":        {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_EMOTION, Choices: choices}, "glad=3 angry=1"},
		"too many":       {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_CHOICE, Choices: many}, ""},
		"no choice":      {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_REASON}, ""},
		"long scale":     {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_RATING, ScaleMax: 100}, ""},
		"widest scale":   {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_RATING, ScaleMin: -2147483648, ScaleMax: 2147483647}, ""},
		"no scale":       {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_RATING}, ""},
		"named points":   {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_RATING, ScaleMax: 3, Choices: choices}, ""},
		"several":        {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, Choices: choices}, ""},
		"text":           {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_TEXT}, ""},
		"perceived time": {&mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_PERCEIVED, ScaleMax: 10}, ""},
	} {
		p := parts()
		p.First, p.Link = c.q, link+"?lang=en"
		var got []string
		if q := message(t, p).Question; q != nil {
			for _, x := range q.Points {
				score, ok := strings.CutPrefix(x.Link, link+"?lang=en&score=")
				if !ok {
					t.Errorf("%s: %s", name, x.Link)
				}
				got = append(got, x.Label+"="+score)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	p := parts()
	p.Language = "de"
	p.First = &mapv1.Question{Kind: mapv1.QuestionKind_QUESTION_KIND_EMOTION, Choices: choices, Wordings: []*mapv1.Wording{{Language: "de-CH", Text: "Wie?", Choices: []string{"froh", "böse"}}}}
	if q := message(t, p).Question; q.Text != "Wie?" || q.Points[1].Label != "böse" {
		t.Errorf("%+v", q)
	}
}

// A name greets nobody where it is an address: whoever signs up with one wants the organisation to send it on.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"Zoë": "Hello Zoë,", "": "Hello,", "J. R. Smith": "Hello J. R. Smith,", "O’Neill-Łukasz": "Hello O’Neill-Łukasz,", "李 小龙": "Hello 李 小龙,",
		"Win at evil.example": "Hello,", "https://evil": "Hello,", "a@b": "Hello,", "<b>": "Hello,", "{link}": "Hello,", "www.evil.com": "Hello,",
		"Zoë\r\nBcc: x": "Hello,", "Zoë\r\nCanary": "Hello Zoë Canary,", "\u202eeoZ\u202c": "Hello eoZ,",
		strings.Repeat("a", 100): "Hello " + strings.Repeat("a", 57) + "...,",
	} {
		p := parts()
		p.Contact.Name = name
		if m := message(t, p); !strings.HasPrefix(m.Text, want+"\n") {
			t.Errorf("%q: %q", name, m.Text)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, set := range map[string]func(*compose.Parts){
		"no link": func(p *compose.Parts) { p.Link = "" }, "long link": func(p *compose.Parts) { p.Link += strings.Repeat("a", 200) },
		"link with a line": func(p *compose.Parts) { p.Link += "\nBcc: x" }, "no stop": func(p *compose.Parts) { p.Stop = "" },
		"stop with a space": func(p *compose.Parts) { p.Stop += " x" },
	} {
		p := parts()
		set(p)
		if _, err := composer(t).Message(p); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the map and the customer call things, a text message has at most 300 characters in one line and its link whole, and a subject is
// one line; values are never places.
func TestHolds(t *testing.T) {
	c := composer(t)
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z {}]{0,200}`), rapid.SampledFrom([]string{
		"", "{link}", "{name} {link} {link}", "a\r\nb\u2028c", "{organisation}{touchpoint}{day}{link}", strings.Repeat("{touchpoint} ", 27), strings.Repeat("ж", 290) + "{link}",
	}))
	rapid.Check(t, func(rt *rapid.T) {
		p := parts()
		p.Medium = gate.Medium(rapid.IntRange(1, 4).Draw(rt, "medium"))
		p.Contact.Name, p.Touchpoint, p.Organisation = text.Draw(rt, "name"), text.Draw(rt, "touchpoint"), text.Draw(rt, "organisation")
		p.Link = "https://survey.example/s/" + strings.Repeat("k", rapid.IntRange(1, 170).Draw(rt, "link"))
		p.Number = rapid.IntRange(0, 1).Draw(rt, "number")
		if rapid.Bool().Draw(rt, "template") {
			p.Template = &mapv1.MessageTemplate{Texts: []*mapv1.MessageText{{Language: text.Draw(rt, "language"), Subject: text.Draw(rt, "subject"), Text: text.Draw(rt, "text"), Sms: text.Draw(rt, "sms")}}}
		}
		m, err := c.Message(p)
		if err != nil {
			rt.Fatal(err)
		}
		if strings.ContainsAny(m.Subject+m.Organisation+m.Contact.Name, "\r\n\u2028\x00") {
			rt.Fatalf("more than a line: %q", m.Subject)
		}
		if p.Medium == gate.SMS {
			if n := utf8.RuneCountInString(m.Text); n > compose.MostSMS || strings.Count(m.Text, p.Link) < 1 || strings.ContainsAny(m.Text, "\r\n") {
				rt.Fatalf("%d characters: %q", n, m.Text)
			}
			if strings.Contains(strings.ReplaceAll(m.Text, p.Link, ""), "https:") {
				rt.Fatalf("half a link: %q", m.Text)
			}
		}
	})
}
