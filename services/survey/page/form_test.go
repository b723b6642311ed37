package page_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	survey "github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

// FuzzForm posts any body to a page with every kind of question. Nothing gets through that the survey does not ask for, and
// nothing of it becomes part of the answer's markup.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"", "q.nps=7", "q.nps=11&q.csat=3", "q.nps=7&q.multiple=1&q.multiple=4&q.multiple=1", "skip=1", "lang=ar&q.text=half",
		"q.nps=7&q.ranking.1=1&q.ranking.2=2&q.ranking.3=3&q.ranking.4=4&q.text=The+wait%0D%0A", "q.nps=7&q.unknown=1&nps=3&at=csat",
		"q.perceived=%D9%A1%D9%A2&q.nps=7", `q.perceived="><svg onload=alert(1)>&q.text=</textarea><script>`, "q.nps=%", "q.nps=%ff&q.text=%ff%00",
		"consent=1&q.contact.=1&receipt=0", strings.Repeat("q.text=a&", 600), "q.nps=7&q.text=" + strings.Repeat("%C3%A4", 3000), ";&=&=;",
		"q.nps=-0&q.rating=-5&q.comparison=-1", "q.nps=+7&q.yes_no=01",
	} {
		f.Add(seed)
	}
	s := &survey.Survey{Organisation: "Northwind", Languages: []string{"en"}}
	asked := map[string]survey.Question{}
	for _, kind := range survey.Kinds() {
		q := pagetest.Of(kind)
		s.Questions = append(s.Questions, q)
		asked[q.ID] = q
	}
	// One handler for all, each time over another store: to make one takes longer than a request.
	var store struct{ survey.Store }
	h, err := survey.New(&store, survey.Options{Key: []byte("a key of the test's")})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := pagetest.NewMemory(now)
		store.Store = m
		token := m.Invite(s, now().Add(time.Hour))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/s/"+token, strings.NewReader("at=nps&"+body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if !slices.Contains([]int{303, 400, 413, 422}, w.Code) {
			t.Fatalf("status %d", w.Code)
		}
		for id, a := range m.Recorded(token).Answers {
			q, ok := asked[id]
			if !ok {
				t.Fatalf("%q was not asked", id)
			}
			isAnswer(t, q, a)
		}
		isOurs(t, w.Body.String())
	})
}

// isAnswer fails unless an answer is one that the question allows.
func isAnswer(t *testing.T, q survey.Question, a survey.Answer) {
	t.Helper()
	if a.Text != "" && (q.Kind != survey.Text || len(a.Text) > survey.MaxText || !utf8.ValidString(a.Text) ||
		strings.ContainsFunc(a.Text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) })) {
		t.Fatalf("%s: text %q", q.ID, a.Text)
	}
	seen := map[int32]bool{}
	for _, v := range a.Values {
		if v < q.Min || v > q.Max || seen[v] || len(q.Choices) > 0 && !slices.Contains(q.Choices, v) || q.Kind == survey.Text {
			t.Fatalf("%s: values %v", q.ID, a.Values)
		}
		seen[v] = true
	}
	if n := len(a.Values); n > 1 && q.Kind != survey.Multiple && q.Kind != survey.Ranking || n > 0 && q.Kind == survey.Ranking && n != len(q.Choices) {
		t.Fatalf("%s: values %v", q.ID, a.Values)
	}
}

// isOurs fails if a page holds an element or an attribute that no template of ours writes.
func isOurs(t *testing.T, page string) {
	t.Helper()
	elements := strings.Fields("html head meta link title style script body header div i span button details summary ul li a main h1 h2 h3 p form input fieldset legend label b select option textarea footer")
	attributes := strings.Fields("lang dir charset name content rel href class aria-hidden form tabindex hidden value aria-current role autofocus id method action novalidate type checked for maxlength aria-describedby aria-invalid autocomplete inputmode selected")
	scripts := 0
	for z := html.NewTokenizer(strings.NewReader(page)); z.Next() != html.ErrorToken; {
		token := z.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		if token.Data == "script" {
			scripts++
		}
		if !slices.Contains(elements, token.Data) || scripts > 1 {
			t.Fatalf("the page holds %s", token)
		}
		for _, a := range token.Attr {
			if !slices.Contains(attributes, a.Key) {
				t.Fatalf("the page holds %s", token)
			}
		}
	}
}
