package page_test

import (
	"html"
	"slices"
	"strings"
	"testing"
	"time"

	survey "github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

// desk is a store, a handler over it and one who answers.
type desk struct {
	*pagetest.Respondent
	store *pagetest.Memory
	token string
}

// sit opens a survey's first page.
func sit(t testing.TB, s *survey.Survey) *desk {
	t.Helper()
	m := pagetest.NewMemory(now)
	h, err := survey.New(m, survey.Options{Key: []byte("a key of the test's")})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{&pagetest.Respondent{T: t, Handler: h}, m, m.Invite(s, now().Add(time.Hour))}
	d.Get("/s/" + d.token)
	return d
}

// Every kind of question, as the first of a survey: what is typed, and what is recorded or said.
func TestKinds(t *testing.T) {
	const points, one = "Choose a number from ", "Choose one answer"
	long := strings.Repeat("ä", survey.MaxText/2)
	for _, c := range []struct {
		kind   survey.Kind
		typed  []string // field, value, …
		values []int32
		text   string
		says   string // instead of recording
	}{
		{survey.NPS, []string{"q.nps", "0"}, []int32{0}, "", ""},
		{survey.NPS, []string{"q.nps", "10"}, []int32{10}, "", ""},
		{survey.NPS, []string{"q.nps", "11"}, nil, "", points + "0 to 10"},
		{survey.NPS, []string{"q.nps", "-1"}, nil, "", points + "0 to 10"},
		{survey.NPS, []string{"q.nps", "7.5"}, nil, "", points + "0 to 10"},
		{survey.NPS, []string{"q.nps", ""}, nil, "", points + "0 to 10"},
		{survey.NPS, []string{"q.csat", "3"}, nil, "", points + "0 to 10"},
		{survey.ENPS, []string{"q.enps", "6"}, []int32{6}, "", ""},
		{survey.CSAT, []string{"q.csat", "5"}, []int32{5}, "", ""},
		{survey.CSAT, []string{"q.csat", "0"}, nil, "", points + "1 to 5"},
		{survey.CES1, []string{"q.ces1", "1"}, []int32{1}, "", ""},
		{survey.CES2, []string{"q.ces2", "7"}, []int32{7}, "", ""},
		{survey.CES2, []string{"q.ces2", "8"}, nil, "", points + "1 to 7"},
		{survey.Rating, []string{"q.rating", "-5"}, []int32{-5}, "", ""},
		{survey.Rating, []string{"q.rating", "-6"}, nil, "", points + "−5 to 5"},
		{survey.Expectation, []string{"q.expectation", "10"}, []int32{10}, "", ""},
		{survey.Importance, []string{"q.importance", "4"}, []int32{4}, "", ""},
		{survey.YesNo, []string{"q.yes_no", "0"}, []int32{0}, "", ""},
		{survey.YesNo, []string{"q.yes_no", "2"}, nil, "", one},
		{survey.Comparison, []string{"q.comparison", "-1"}, []int32{-1}, "", ""},
		{survey.Emotion, []string{"q.emotion", "3"}, []int32{3}, "", ""},
		{survey.Choice, []string{"q.choice", "3"}, []int32{3}, "", ""},
		{survey.Choice, []string{"q.choice", "4"}, nil, "", one},
		{survey.Reason, []string{"q.reason", "9"}, []int32{9}, "", ""},
		{survey.Reason, []string{"q.reason", "5"}, nil, "", one}, // within the scale, and no choice
		{survey.Multiple, []string{"q.multiple", "4", "q.multiple", "1", "q.multiple", "4"}, []int32{1, 4}, "", ""},
		{survey.Multiple, []string{"q.multiple", "1", "q.multiple", "5"}, nil, "", "Choose at least one answer"},
		{survey.Multiple, nil, nil, "", "Choose at least one answer"},
		{survey.Ranking, []string{"q.ranking.1", "2", "q.ranking.2", "1", "q.ranking.3", "4", "q.ranking.4", "3"}, []int32{2, 1, 4, 3}, "", ""},
		{survey.Ranking, []string{"q.ranking.1", "2", "q.ranking.2", "2", "q.ranking.3", "4", "q.ranking.4", "3"}, nil, "", "a different place from 1 to 4"},
		{survey.Ranking, []string{"q.ranking.1", "2"}, nil, "", "a different place from 1 to 4"},
		{survey.Ranking, []string{"q.ranking.1", "5", "q.ranking.2", "1", "q.ranking.3", "4", "q.ranking.4", "3"}, nil, "", "a different place from 1 to 4"},
		{survey.Perceived, []string{"q.perceived", " 12 "}, []int32{12}, "", ""},
		{survey.Perceived, []string{"q.perceived", "١٢"}, []int32{12}, "", ""},
		{survey.Perceived, []string{"q.perceived", "a while"}, nil, "", "Enter a whole number from 0 to 100"},
		{survey.Perceived, []string{"q.perceived", "99999999999999999999"}, nil, "", "Enter a whole number from 0 to 100"},
		{survey.Text, []string{"q.text", " a\r\nb\x00\u202ec\t"}, nil, "a\nbc", ""},
		{survey.Text, []string{"q.text", "\xff<script>"}, nil, "�<script>", ""},
		{survey.Text, []string{"q.text", long}, nil, long, ""},
		{survey.Text, []string{"q.text", long + "b"}, nil, "", "Write at most 1,000 characters"},
		{survey.Text, []string{"q.text", " \n "}, nil, "", "Write a few words"},
	} {
		d := sit(t, pagetest.One(c.kind, false))
		d.Shows(200, "Question 1 of 1", ">Send answers<")
		d.Lacks(" checked", " selected")
		d.Post(c.typed...)
		got := d.store.Recorded(d.token)
		if c.says != "" {
			d.Shows(422, "<title>Error: ", "There is a problem", c.says, `href="#q.`+string(c.kind)+`"`, `id="q.`+string(c.kind)+`"`, `id="e.`+string(c.kind)+`"`)
			if got.Finishes != 0 || len(got.Answers) != 0 {
				t.Errorf("%s %q: recorded %+v", c.kind, c.typed, got)
			}
			if len(c.typed) > 0 && (c.kind == survey.Perceived || c.kind == survey.Text && strings.TrimSpace(c.typed[1]) != "") {
				d.Shows(422, html.EscapeString(c.typed[1])) // what was typed is still there
			}
			continue
		}
		d.Shows(200, "Thank you.")
		a := got.Answers[string(c.kind)]
		if got.Finishes != 1 || a.Text != c.text || !slices.Equal(a.Values, c.values) {
			t.Errorf("%s %q: recorded %+v", c.kind, c.typed, got)
		}
	}
}

// What was answered is there when one comes back, in every kind.
func TestAnswersAreShownAgain(t *testing.T) {
	for _, c := range []struct {
		kind  survey.Kind
		typed []string
		shows []string
	}{
		{survey.CSAT, []string{"q.csat", "5"}, []string{`value="5" checked`}},
		{survey.Rating, []string{"q.rating", "-5"}, []string{`value="-5" checked><b>−5<`}},
		{survey.YesNo, []string{"q.yes_no", "0"}, []string{`value="0" checked><span>No<`}},
		{survey.Multiple, []string{"q.multiple", "1", "q.multiple", "4"}, []string{`value="1" checked`, `value="4" checked`}},
		{survey.Ranking, []string{"q.ranking.1", "2", "q.ranking.2", "1", "q.ranking.3", "4", "q.ranking.4", "3"}, []string{
			`name="q.ranking.3"><option value="">–</option><option>1</option><option>2</option><option>3</option><option selected>4</option>`,
		}},
		{survey.Perceived, []string{"q.perceived", "12"}, []string{`value="12"`}},
		{survey.Text, []string{"q.text", "\nTwo\nlines & <i>"}, []string{">\nTwo\nlines &amp; &lt;i&gt;</textarea>"}},
	} {
		s := pagetest.One(c.kind, true)
		s.Questions = append(s.Questions, pagetest.Of(survey.Reason)) // so that this is not the end
		d := sit(t, s)
		d.Post("q.nps", "5")
		d.Post(c.typed...)
		d.Shows(200, "Question 3 of 3")
		d.Get("?at=" + string(c.kind))
		d.Shows(200, append(c.shows, "Question 2 of 3")...)
	}
}

// A score in the link chooses beforehand what could be saved, and nothing else.
func TestLinkPreselects(t *testing.T) {
	for _, c := range []struct {
		kind  survey.Kind
		score string
		shows string // empty for nothing chosen
	}{
		{survey.NPS, "7", `value="7" checked`},
		{survey.NPS, "11", ""},
		{survey.NPS, "7&score=8", `value="7" checked`},
		{survey.CSAT, "0", ""},
		{survey.YesNo, "1", `value="1" checked`},
		{survey.Choice, "3", `value="3" checked`},
		{survey.Choice, "33", ""},
		{survey.Text, "hello", ""},
		{survey.NPS, "%22%3E%3Cscript%3E", ""},
	} {
		d := sit(t, pagetest.One(c.kind, false))
		d.Get("?score=" + c.score)
		d.Shows(200)
		if c.shows == "" {
			d.Lacks(" checked", "hello", `"><script>`)
		} else {
			d.Shows(200, c.shows)
		}
	}
	d := sit(t, pagetest.Short())
	d.Post("q.nps", "2")
	d.Get("?at=nps&score=9")
	d.Shows(200, `value="2" checked`) // an answer is not overwritten by an old link
	d.Lacks(`value="9" checked`)
}

// Four questions and more stand on one page; what hangs on an answer comes after it.
func TestOnePage(t *testing.T) {
	d := sit(t, pagetest.Long())
	d.Shows(200, ">8 questions<", "<h1>Your experience with Northwind</h1>", `<h2 class="topic">Your call</h2>`, `<h2 class="topic">In your own words</h2>`, ">Send answers<")
	if n := strings.Count(d.Body, `class="topic"`); n != 3 {
		t.Errorf("%d topics", n)
	}
	d.Post("q.csat", "4", "q.perceived", "long", "q.text", "kept")
	d.Shows(422, `href="#q.nps"`, `href="#q.perceived"`, `value="4" checked`, `value="long"`, "kept</textarea>")
	d.Post("q.nps", "9", "q.csat", "4")
	d.Shows(200, "Thank you.")
	got := d.store.Recorded(d.token)
	if got.Finishes != 1 || len(got.Answers) != 8 || len(got.Answers["text"].Values) != 0 {
		t.Errorf("recorded %+v", got)
	}

	d = sit(t, pagetest.Branching())
	d.Shows(200, ">3 questions<", ">Continue<")
	d.Lacks(`name="q.reason"`)
	d.Post("q.nps", "3", "q.csat", "2")
	d.Shows(200, ">2 questions<", `name="q.reason"`, `name="q.text"`, `href="?at=nps&amp;lang=en"`)
	d.Post("q.text", "The wait")
	d.Shows(200, "Thank you.")

	d = sit(t, pagetest.Branching())
	d.Post("q.nps", "10")
	d.Shows(200, "Thank you.") // nothing else is asked
	if got := d.store.Recorded(d.token); got.Finishes != 1 || len(got.Answers) != 3 {
		t.Errorf("recorded %+v", got)
	}
}
