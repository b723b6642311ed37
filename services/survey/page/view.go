package page

import (
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// view is one page as the template shows it.
type view struct {
	T            *texts
	Lang, Dir    string
	Title        string
	Style        template.HTML
	Script       template.HTML
	Organisation string
	Initial      string

	Picker  []tongue
	Current string       // name of the language it is in
	Saves   bool         // the picker saves what is on the page
	Keep    template.URL // what its links keep of the query

	Message, More string // instead of a question, or before it
	Back          string
	Place         string
	Problems      []viewProblem
	Heading       string
	Form          bool
	Hidden        []hidden
	Questions     []viewQuestion
	Submit, Skip  string
	Note          string

	brand Brand
}

type viewProblem struct{ Anchor, Text string }

type hidden struct{ Name, Value string }

// viewQuestion is a question as the template shows it.
type viewQuestion struct {
	ID, Text, Topic string
	Level           int  // of its heading
	Many            bool // it is one of several
	Words, Comments bool // it is typed: a number, or a text
	Type            string
	Row             string // class by the number of points
	Min             int32
	Low, High, Hint string
	Options         []option
	Ranks           []rank
	Typed           string
	Wrong           string
	Described       string // ids of what describes it
}

type option struct {
	ID      string // of the first, where an error leads
	Value   int32
	Label   string
	Checked bool
}

type rank struct {
	ID, Name, Label string
	Places          []option
}

// newView begins a page in a voice. s is nil on pages that know no survey.
func newView(v voice, c *choice, s *Survey) *view {
	out := &view{T: v.texts, Lang: v.tag, Dir: v.dir, Picker: c.picker(v.tag), brand: defaultBrand()}
	for _, t := range out.Picker {
		if t.Current {
			out.Current = t.Name
		}
	}
	if s == nil {
		return out
	}
	out.Organisation = s.Organisation
	if first, _ := utf8.DecodeRuneInString(s.Organisation); first != utf8.RuneError {
		out.Initial = string(unicode.ToUpper(first))
	}
	if s.Brand != (Brand{}) {
		out.brand = s.Brand
	}
	switch note := s.Notes[v.tag]; {
	case note != "":
		out.Note = note
	case s.Organisation != "":
		out.Note = v.texts.fill(v.texts.Note, "organisation", s.Organisation)
	}
	return out
}

// say makes the page a message.
func (v *view) say(title, more string) *view {
	v.Title, v.Message, v.More = title, title, more
	return v
}

// ask shows a screen. fields are the answers as a form has them, typed or saved.
func (v *view) ask(s *Survey, p plan, at int, saved Answers, fields map[string][]string, problems []problem) {
	t, screen := v.T, p.screens[at]
	total := max(s.count(saved), len(p.screens))
	v.Form, v.Saves = true, true
	if len(screen) > 1 {
		v.Heading = t.fill(t.About, "organisation", s.Organisation)
		v.Place = t.number(t.Questions, len(screen))
	} else if len(s.Questions) <= OneByOne {
		v.Place = t.number(t.Question, total, "i", at+1)
	}
	v.Title = v.Heading
	v.Submit = t.Continue
	if at+1 >= total {
		v.Submit = t.Send
	}
	if at > 0 {
		v.Back = "?" + url.Values{"at": {p.screens[at-1][0].ID}, "lang": {v.Lang}}.Encode()
		if len(screen) == 1 {
			v.Skip = t.Skip
		}
	}
	topic, topics := "", slices.ContainsFunc(screen, func(q *Question) bool { return len(screen) > 1 && s.wording(q, v.Lang).Topic != "" })
	for _, q := range screen {
		w := s.wording(q, v.Lang)
		out := q.view(t, w, fields)
		out.Many = len(screen) > 1
		switch {
		case !out.Many:
			out.Level, v.Title = 1, w.Text
		case topics:
			out.Level = 3
			if w.Topic != topic {
				out.Topic = w.Topic
			}
			topic = w.Topic
		default:
			out.Level = 2
		}
		for _, problem := range problems {
			if problem.question == q {
				out.Wrong = problem.message(t)
				v.Problems = append(v.Problems, viewProblem{out.anchor(), out.Wrong})
			}
		}
		out.describe()
		v.Questions = append(v.Questions, out)
	}
	v.Title += " – " + s.Organisation
	if len(problems) > 0 {
		v.Title = t.fill(t.Error, "title", v.Title)
	}
	v.Hidden = append(v.Hidden, hidden{"at", screen[0].ID}, hidden{"from", v.Lang})
}

// view returns a question as the template shows it.
func (q *Question) view(t *texts, w Wording, fields map[string][]string) viewQuestion {
	name := answerField + q.ID
	out := viewQuestion{ID: q.ID, Text: w.Text, Min: q.Min, Type: "radio"}
	if w.Low != "" {
		out.Low = t.fill("{n} = "+w.Low, "n", q.Min)
	}
	if w.High != "" {
		out.High = t.fill("{n} = "+w.High, "n", q.Max)
	}
	checked := func(v int32) bool { return slices.Contains(fields[name], strconv.Itoa(int(v))) }
	switch q.input() {
	case points:
		out.Row = rowClass(int(q.Max-q.Min) + 1)
		for v := q.Min; v <= q.Max; v++ {
			out.Options = append(out.Options, option{Value: v, Label: t.fill("{n}", "n", v), Checked: checked(v)})
		}
	case list, boxes:
		if q.input() == boxes {
			out.Type, out.Hint = "checkbox", t.AllThatApply
		}
		out.Low, out.High = "", ""
		for i, v := range q.values() {
			out.Options = append(out.Options, option{Value: v, Label: q.label(t, w, i), Checked: checked(v)})
		}
	case ranks:
		out.Hint, out.Low, out.High = t.Places, "", ""
		for i, v := range q.values() {
			r := rank{Name: name + "." + strconv.Itoa(int(v)), Label: q.label(t, w, i)}
			for place := range q.values() {
				n := int32(place) + 1
				r.Places = append(r.Places, option{Value: n, Checked: slices.Contains(fields[r.Name], strconv.Itoa(int(n)))})
			}
			out.Ranks = append(out.Ranks, r)
		}
	case number, comments:
		out.Words, out.Comments = true, q.input() == comments
		if typed := fields[name]; len(typed) > 0 {
			out.Typed = typed[0]
		}
	}
	if len(out.Options) > 0 {
		out.Options[0].ID = name
	}
	if len(out.Ranks) > 0 {
		out.Ranks[0].ID = name
	}
	return out
}

// label returns what a value of a list is called.
func (q *Question) label(t *texts, w Wording, i int) string {
	if i < len(w.Choices) {
		return w.Choices[i]
	}
	v := q.values()[i]
	switch {
	case q.Kind == YesNo && v == 1:
		return t.Yes
	case q.Kind == YesNo:
		return t.No
	case q.Kind == Comparison && v > 0:
		return t.Better
	case q.Kind == Comparison && v == 0:
		return t.Same
	case q.Kind == Comparison:
		return t.Worse
	}
	return t.fill("{n}", "n", v)
}

// anchor is where its error leads.
func (q *viewQuestion) anchor() string { return answerField + q.ID }

// describe collects the ids of what describes it.
func (q *viewQuestion) describe() {
	var ids []string
	if q.Wrong != "" {
		ids = append(ids, "e."+q.ID)
	}
	if q.Hint != "" || q.Comments {
		ids = append(ids, "h."+q.ID)
	}
	if (q.Low != "" || q.High != "") && !q.Comments {
		ids = append(ids, "s."+q.ID)
	}
	q.Described = strings.Join(ids, " ")
}

// thank shows the last page.
func (v *view) thank(s *Survey, inv *Invitation, fields map[string][]string, wrong bool) {
	t := v.T
	v.say(t.Thanks, s.Published[v.Lang])
	if inv.Consent != nil {
		v.More = t.Saved
	}
	if !s.AskConsent || inv.Consent != nil {
		return
	}
	v.Form, v.Submit = true, t.Save
	add := func(id, text, hint, yes string) {
		q := viewQuestion{ID: id, Text: text, Hint: hint, Level: 2, Many: true, Type: "radio"}
		for i, label := range []string{yes, t.NoThanks} {
			value := int32(1 - i)
			q.Options = append(q.Options, option{Value: value, Label: label, Checked: slices.Contains(fields[answerField+id], strconv.Itoa(int(value)))})
		}
		q.Options[0].ID = q.anchor()
		if wrong && id == contactField {
			q.Wrong = t.ChooseYesNo
			v.Problems = append(v.Problems, viewProblem{q.anchor(), q.Wrong})
		}
		q.describe()
		v.Questions = append(v.Questions, q)
	}
	add(contactField, t.Contact, t.ContactHint, t.ContactYes)
	if inv.wrote() {
		add(quoteField, t.Quote, t.QuoteHint, t.QuoteYes)
	}
	v.Hidden = append(v.Hidden, hidden{"consent", "1"}, hidden{"from", v.Lang})
	if wrong {
		v.Title = t.fill(t.Error, "title", v.Title)
	}
}

// The fields of the last page; no question's id ends so.
const contactField, quoteField = "contact.", "quote."

// wrote tells whether there is a text that could be quoted.
func (inv *Invitation) wrote() bool {
	for _, a := range inv.Saved {
		if a.Text != "" {
			return true
		}
	}
	return false
}

// fields returns saved answers as a form would have them.
func (s *Survey) fields(saved Answers) map[string][]string {
	out := map[string][]string{}
	for i := range s.Questions {
		q := &s.Questions[i]
		a := saved[q.ID]
		name := answerField + q.ID
		if a.Text != "" {
			out[name] = []string{a.Text}
		}
		for place, v := range a.Values {
			if q.input() == ranks {
				out[name+"."+strconv.Itoa(int(v))] = []string{strconv.Itoa(place + 1)}
			} else {
				out[name] = append(out[name], strconv.Itoa(int(v)))
			}
		}
	}
	return out
}
