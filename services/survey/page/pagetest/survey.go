package pagetest

import "github.com/touchstone-cx/touchstone/services/survey/page"

// Short returns the kit's survey of three questions, one a screen: nps (0 to 10); why (text), asked of all up to 8; ease (five
// choices, 1 to 5). In English, German and Arabic, with consent asked.
func Short() *page.Survey {
	return &page.Survey{
		Organisation: "Northwind",
		Languages:    []string{"en", "de", "ar"},
		AskConsent:   true,
		Notes: map[string]string{
			"en": "Your answers go to the Northwind care team and are kept for 13 months.",
			"de": "Ihre Antworten gehen an das Kundenteam von Northwind und werden 13 Monate aufbewahrt.",
			"ar": "تصل إجاباتك إلى فريق العناية وتُحفظ لمدة 13 شهرًا.",
		},
		Published: map[string]string{
			"en": "Last month, answers like yours led us to add six people to the evening phone team.",
			"de": "Letzten Monat haben wir wegen solcher Antworten sechs Leute ins Abendteam geholt.",
			"ar": "في الشهر الماضي أضفنا ستة أشخاص إلى فريق المساء بفضل إجابات مثل إجاباتك.",
		},
		Questions: []page.Question{NPS(), Why(), Ease()},
	}
}

// NPS returns the question nps.
func NPS() page.Question {
	return page.Question{ID: "nps", Kind: page.NPS, Min: 0, Max: 10, Wordings: map[string]page.Wording{
		"en": {Text: "How likely are you to recommend Northwind to a friend?", Low: "not at all likely", High: "extremely likely"},
		"de": {Text: "Wie wahrscheinlich ist es, dass Sie Northwind weiterempfehlen?", Low: "gar nicht wahrscheinlich", High: "sehr wahrscheinlich"},
		"ar": {Text: "ما مدى احتمال أن توصي صديقًا بنورثويند؟", Low: "غير محتمل إطلاقًا", High: "محتمل جدًا"},
	}}
}

// Why returns the question why, which is not asked of those who gave 9 or 10 for nps.
func Why() page.Question {
	return page.Question{
		ID: "why", Kind: page.Text, Needs: []string{"nps"},
		When: func(a page.Answers) bool { v := a["nps"].Values; return len(v) == 1 && v[0] <= 8 },
		Wordings: map[string]page.Wording{
			"en": {Text: "What is the main reason for your answer?"},
			"de": {Text: "Was ist der wichtigste Grund für Ihre Antwort?"},
			"ar": {Text: "ما السبب الرئيسي لإجابتك؟"},
		},
	}
}

// Ease returns the question ease.
func Ease() page.Question {
	return page.Question{ID: "ease", Kind: page.CES1, Min: 1, Max: 5, Choices: []int32{1, 2, 3, 4, 5}, Wordings: map[string]page.Wording{
		"en": {Text: "How easy was it to reach us on the phone?", Choices: []string{"Very easy", "Easy", "Neither easy nor hard", "Hard", "Very hard"}},
		"de": {Text: "Wie leicht haben Sie uns am Telefon erreicht?", Choices: []string{"Sehr leicht", "Leicht", "Weder leicht noch schwer", "Schwer", "Sehr schwer"}},
		"ar": {Text: "ما مدى سهولة الوصول إلينا عبر الهاتف؟", Choices: []string{"سهل جدًا", "سهل", "لا سهل ولا صعب", "صعب", "صعب جدًا"}},
	}}
}

// One returns a survey of one question of a kind, q, in English, preceded by nps where second is set: an opening question cannot
// be skipped.
func One(kind page.Kind, second bool) *page.Survey {
	s := &page.Survey{Organisation: "Northwind", Languages: []string{"en"}, Questions: []page.Question{Of(kind)}}
	if second {
		s.Questions = []page.Question{NPS(), Of(kind)}
	}
	return s
}

// Of returns a question of a kind, whose id is the kind's name.
func Of(kind page.Kind) page.Question {
	if kind == page.NPS {
		return NPS()
	}
	q := page.Question{ID: string(kind)}
	w := page.Wording{}
	switch kind {
	case page.ENPS:
		w = page.Wording{Text: "How likely are you to recommend Northwind as a place to work?", Low: "not at all likely", High: "extremely likely"}
		q.Max = 10
	case page.CSAT:
		w = page.Wording{Text: "How satisfied are you with your call?", Low: "very dissatisfied", High: "very satisfied"}
		q.Min, q.Max = 1, 5
	case page.CES1:
		w = page.Wording{Text: "How much effort did you have to put in?", Low: "very low effort", High: "very high effort"}
		q.Min, q.Max = 1, 5
	case page.CES2:
		w = page.Wording{Text: "Northwind made it easy for me to handle my issue.", Low: "strongly disagree", High: "strongly agree"}
		q.Min, q.Max = 1, 7
	case page.Rating:
		w = page.Wording{Text: "How did the signs at the gate guide you?", Low: "badly", High: "well"}
		q.Min, q.Max = -5, 5
	case page.Expectation:
		w = page.Wording{Text: "How quick did you expect us to be?", Low: "slow", High: "quick"}
		q.Min, q.Max = 1, 10
	case page.Importance:
		w = page.Wording{Text: "How important is a quick answer to you?", Low: "not at all important", High: "very important"}
		q.Min, q.Max = 1, 4
	case page.YesNo:
		w.Text = "Was your issue solved at the first contact?"
		q.Max = 1
	case page.Comparison:
		w.Text = "Compared with others, how was Northwind?"
		q.Min, q.Max = -1, 1
	case page.Emotion:
		w = page.Wording{Text: "Which feeling describes it best?", Choices: []string{"Happy", "Relieved", "Neutral", "Annoyed", "Angry"}}
		q.Choices, q.Min, q.Max = []int32{1, 2, 3, 4, 5}, 1, 5
	case page.Choice:
		w = page.Wording{Text: "How did you reach us?", Choices: []string{"Phone", "E-mail", "Chat"}}
		q.Choices, q.Min, q.Max = []int32{1, 2, 3}, 1, 3
	case page.Reason:
		w = page.Wording{Text: "What is the main reason for your answer?", Choices: []string{"Waiting time", "Friendliness", "Price", "Something else"}}
		q.Choices, q.Min, q.Max = []int32{1, 2, 3, 9}, 1, 9
	case page.Multiple:
		w = page.Wording{Text: "Which of these did you use?", Choices: []string{"The app", "The web site", "A branch", "The telephone"}}
		q.Choices, q.Min, q.Max = []int32{1, 2, 3, 4}, 1, 4
	case page.Ranking:
		w = page.Wording{Text: "What matters most to you?", Choices: []string{"A short wait", "A friendly voice", "A clear answer", "Something that is written down for later"}}
		q.Choices, q.Min, q.Max = []int32{1, 2, 3, 4}, 1, 4
	case page.Perceived:
		w = page.Wording{Text: "How many minutes did you wait, as it felt to you?"}
		q.Max = 100
	case page.Text:
		w.Text = "What could we do better?"
	}
	q.Kind = kind
	q.Wordings = map[string]page.Wording{"en": w}
	return q
}

// Long returns a survey of eight questions on one page under three topics.
func Long() *page.Survey {
	s := &page.Survey{Organisation: "Northwind", Languages: []string{"en"}, AskConsent: true}
	for _, of := range []struct {
		topic string
		kinds []page.Kind
	}{
		{"Your call", []page.Kind{page.NPS, page.CSAT, page.CES2}},
		{"What you expected", []page.Kind{page.Expectation, page.Importance, page.Perceived}},
		{"In your own words", []page.Kind{page.Multiple, page.Text}},
	} {
		for _, kind := range of.kinds {
			q := Of(kind)
			w := q.Wordings["en"]
			w.Topic = of.topic
			q.Wordings["en"] = w
			s.Questions = append(s.Questions, q)
		}
	}
	return s
}

// Branching returns a survey of five questions of which the last two hang on the first: two pages.
func Branching() *page.Survey {
	s := &page.Survey{Organisation: "Northwind", Languages: []string{"en"}}
	bad := func(a page.Answers) bool { v := a["nps"].Values; return len(v) == 1 && v[0] <= 6 }
	for _, kind := range []page.Kind{page.NPS, page.CSAT, page.YesNo, page.Reason, page.Text} {
		q := Of(kind)
		if kind == page.Reason || kind == page.Text {
			q.When, q.Needs = bad, []string{"nps"}
		}
		s.Questions = append(s.Questions, q)
	}
	return s
}
