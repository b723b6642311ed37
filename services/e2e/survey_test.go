package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
)

// outbox waits until so many messages lie in an instance's outbox, and returns their links.
func outbox(t *testing.T, i *instance.Instance, n int) (links []string) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(i.Dir(), "survey", "outbox", "*.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) >= n {
			for _, file := range files {
				b, err := os.ReadFile(file)
				link := regexp.MustCompile(`(?m)^link: (\S+)$`).FindSubmatch(b)
				if err != nil || link == nil {
					t.Fatalf("%s: %v\n%s", file, err, b)
				}
				links = append(links, string(link[1]))
			}
			return links
		}
		if time.Now().After(until) {
			t.Fatalf("%d messages in the outbox, want %d", len(files), n)
		}
	}
}

func fetch(t *testing.T, method, link string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, link, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %v\n%s", method, link, resp.StatusCode, err, b)
	}
	return string(b)
}

// From a call to a score: a map with an active survey, an interaction, a message, an answered page, a fact, and a score that counts
// it once, through kill -9.
func TestSurvey(t *testing.T) {
	// A port of its own, so that links hold through the restart.
	i := started(t)
	const org = "asking"
	to := i.Clients()
	apply(t, to.Maps, &mapv1.Map{
		Organisation: org, Name: "Asking", Outcomes: []*mapv1.Outcome{{Id: "answered"}},
		Touchpoints: []*mapv1.Touchpoint{{Id: "call", Name: "Call", FunctionalOwner: "head", OperationalOwner: "floor"}},
		Questions:   []*mapv1.Question{{Id: "recommend", Text: "Would you recommend us?", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"call"}, UnpairedBecause: "nothing is measured"}},
		ActionRules: []*mapv1.ActionRule{{Id: "call_back", Question: "recommend", Answer: 6, Action: "Call them back.", Owner: "floor"}},
		Surveys: []*mapv1.Survey{{
			Id: "help", Name: "Help", Owner: "head", State: mapv1.SurveyState_SURVEY_STATE_ACTIVE, Items: []*mapv1.SurveyItem{{Question: "recommend"}},
			Trigger: &mapv1.SurveyTrigger{Touchpoints: []string{"call"}},
		}},
	})
	publish := func(id, customer string) {
		t.Helper()
		r, err := to.Ingest.Publish(t.Context(), &ingestv1.PublishRequest{Organisation: org, Source: "acd", Facts: []*factv1.Fact{{
			Id: id, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{OccurredAt: timestamppb.Now(), Touchpoint: "call", Outcome: "answered", CustomerId: customer}},
		}}})
		if err != nil || r.GetResults()[0].GetStatus() != ingestv1.Status_STATUS_RECORDED {
			t.Fatalf("%v %v", r, err)
		}
	}
	publish("call-1", "ann")
	publish("call-1", "ann") // told twice
	publish("call-2", "ann") // too soon
	link := outbox(t, i, 1)[0]
	shown := fetch(t, http.MethodGet, link, nil)
	receipt := regexp.MustCompile(`name="receipt" value="([^"]*)"`).FindStringSubmatch(shown)
	if receipt == nil || !strings.Contains(shown, "Would you recommend us?") {
		t.Fatalf("%s", shown)
	}
	if thanks := fetch(t, http.MethodPost, link, url.Values{"at": {"recommend"}, "q.recommend": {"2"}, "receipt": {receipt[1]}}); !strings.Contains(thanks, "Thank you") {
		t.Fatalf("%s", thanks)
	}
	counts := func(when string) {
		t.Helper()
		for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			r, err := to.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
				Organisation: org, Score: "recommend.bad", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: scorev1.Window_WINDOW_ALL,
			}})
			if err != nil {
				r, err = to.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
					Organisation: org, Score: "recommend.nps", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: scorev1.Window_WINDOW_ALL,
				}})
			}
			if err == nil && r.GetScore().GetN() == 1 && r.GetScore().GetValue() == -100 {
				return
			}
			if time.Now().After(until) {
				t.Fatalf("%s: the score is %v, %v", when, r, err)
			}
		}
	}
	counts("answered")
	if err := i.Kill(); err != nil {
		t.Fatal(err)
	}
	begin(t, i)
	publish("call-1", "ann")
	publish("call-3", "bob")
	outbox(t, i, 2)
	settled(t, to.Admin)
	counts("killed")
	if n := len(outbox(t, i, 2)); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}

	r := command(t, i, "survey", "why", "ann", "-o", org)
	if r.Code != 0 || !strings.Contains(r.Out, "completed") || !strings.Contains(r.Out, "quarantine") {
		t.Errorf("why: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := command(t, i, "survey", "list", "-o", org); r.Code != 0 || !strings.Contains(r.Out, "help") || !strings.Contains(r.Out, "messages go to the outbox folder") {
		t.Errorf("list: %d %s%s", r.Code, r.Out, r.Err)
	}
	r = command(t, i, "survey", "todo", "-o", org, "--format", "json")
	var todo struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(strings.Trim(strings.TrimSpace(r.Out), "[]")), &todo); r.Code != 0 || err != nil {
		t.Fatalf("todo: %d %s%s %v", r.Code, r.Out, r.Err, err)
	}
	if r := command(t, i, "survey", "done", todo.ID, "called, and said sorry", "-o", org); r.Code != 0 {
		t.Errorf("done: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := command(t, i, "survey", "health", "-o", org); r.Code != 0 || !strings.Contains(r.Out, "RR1") || !strings.Contains(r.Out, "not asked: quarantine") {
		t.Errorf("health: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := command(t, i, "survey", "stop", "-o", org); r.Code != 0 || !strings.Contains(r.Out, "nothing is sent: stopped by key") {
		t.Errorf("stop: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := command(t, i, "survey", "resume", "-o", org); r.Code != 0 {
		t.Errorf("resume: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := command(t, i, "survey", "invite", "help", "cid", "-o", org); r.Code != 0 || !strings.Contains(r.Out, "/s/") {
		t.Errorf("invite: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := command(t, i, "survey", "decide", "-o", org, "--customer", "dan", "--touchpoint", "call"); r.Code != 0 || !strings.Contains(r.Out, "queued") {
		t.Errorf("decide: %d %s%s", r.Code, r.Out, r.Err)
	}
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte("customer_id,email,stage\nann,ann@example.com,buy\nbob,bob@example.com,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := command(t, i, "survey", "audience", "lost-prospects", file, "-o", org); r.Code != 0 || !strings.Contains(r.Out, "2 people") {
		t.Errorf("audience: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := command(t, i, "survey", "release", "help/2026-12-01", "-o", org); r.Code == 0 || !strings.Contains(r.Err, "no invitations of the wave") {
		t.Errorf("release: %d %s%s", r.Code, r.Out, r.Err)
	}
}

// Texts, choices of several and rankings become scores of their parts: what was not chosen and what a text is not about count too.
func TestSurveyParts(t *testing.T) {
	i := started(t)
	const org = "parts"
	to := i.Clients()
	question := func(id string, kind mapv1.QuestionKind, labels ...string) *mapv1.Question {
		q := &mapv1.Question{Id: id, Text: id + "?", Kind: kind, Touchpoints: []string{"call"}, UnpairedBecause: "nothing is measured"}
		for n, label := range labels {
			q.Choices = append(q.Choices, &mapv1.Choice{Value: int32(n + 1), Label: label})
		}
		return q
	}
	theme := func(id string, words ...string) *mapv1.Theme {
		return &mapv1.Theme{Id: id, Words: []*mapv1.ThemeWords{{Language: "en", Words: words}}}
	}
	apply(t, to.Maps, &mapv1.Map{
		Organisation: org, Name: "Parts", Themes: []*mapv1.Theme{theme("waiting", "wait*"), theme("price", "expensive")},
		Touchpoints: []*mapv1.Touchpoint{{Id: "call", Name: "Call", FunctionalOwner: "head", OperationalOwner: "floor"}},
		Questions: []*mapv1.Question{
			question("why", mapv1.QuestionKind_QUESTION_KIND_TEXT), question("used", mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, "App", "Web"),
			question("order", mapv1.QuestionKind_QUESTION_KIND_RANKING, "Speed", "Price"),
		},
		Surveys: []*mapv1.Survey{{
			Id: "help", Name: "Help", Owner: "head", State: mapv1.SurveyState_SURVEY_STATE_ACTIVE, Trigger: &mapv1.SurveyTrigger{Touchpoints: []string{"call"}},
			Items: []*mapv1.SurveyItem{{Question: "why"}, {Question: "used"}, {Question: "order"}},
		}},
	})
	r, err := to.Ingest.Publish(t.Context(), &ingestv1.PublishRequest{Organisation: org, Source: "acd", Facts: []*factv1.Fact{{
		Id: "call-1", Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{OccurredAt: timestamppb.Now(), Touchpoint: "call", CustomerId: "ann"}},
	}}})
	if err != nil || r.GetResults()[0].GetStatus() != ingestv1.Status_STATUS_RECORDED {
		t.Fatalf("%v %v", r, err)
	}
	link := outbox(t, i, 1)[0]
	token := link[strings.LastIndex(link, "/")+1:]
	token, _, _ = strings.Cut(token, "?")
	if _, err := to.Surveys.RecordResponse(t.Context(), &surveyv1.RecordResponseRequest{Organisation: org, Token: token, Language: "en", Final: true, Given: []*surveyv1.Given{
		{Question: "why", Text: "I waited an hour, terrible."}, {Question: "used", Values: []int32{2}}, {Question: "order", Values: []int32{2, 1}},
	}}); err != nil {
		t.Fatal(err)
	}
	get := func(score string) (*scorev1.Score, error) {
		r, err := to.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
			Organisation: org, Score: score, Scope: &scorev1.Scope{Touchpoint: "call"}, Window: scorev1.Window_WINDOW_ALL,
		}})
		return r.GetScore(), err
	}
	for score, want := range map[string]float64{
		"why.negative": 100, "why_waiting.share.1": 100, "why_price.share.1": 0, "used_1.share.1": 0, "used_2.share.1": 100, "order_1.mean": 2, "order_2.mean": 1,
	} {
		for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			s, err := get(score)
			if err == nil && s.GetN() == 1 {
				if s.GetValue() != want {
					t.Errorf("%s is %v, want %v", score, s.GetValue(), want)
				}
				break
			}
			if time.Now().After(until) {
				t.Fatalf("%s: %v %v", score, s, err)
			}
		}
	}
}
