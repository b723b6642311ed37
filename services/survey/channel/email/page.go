package email

import (
	"embed"
	"html/template"
	"strings"

	"golang.org/x/text/language"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// pageFile is the e-mail for those who read HTML: no picture, no script, nothing fetched, and tables where mail programs need them.
//
//go:embed page.html
var pageFile embed.FS

// view is what the page shows.
type view struct {
	*channel.Message
	Tag, Direction string
	Paragraphs     [][]piece
	Wide           bool // answers that are words stand below one another
}

// piece is a part of a text: words, or the link.
type piece struct {
	Words string
	Link  bool
}

func page(t *template.Template, m *channel.Message) (string, error) {
	v := view{Message: m, Tag: tag(m.Language), Direction: direction(m.Language)}
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(m.Text), "\r\n", "\n"), "\n\n") {
		var pieces []piece
		for i, words := range strings.Split(paragraph, m.Link) {
			if i > 0 {
				pieces = append(pieces, piece{m.Link, true})
			}
			pieces = append(pieces, piece{words, false})
		}
		v.Paragraphs = append(v.Paragraphs, pieces)
	}
	if m.Question != nil {
		for _, p := range m.Question.Points {
			v.Wide = v.Wide || len([]rune(p.Label)) > 3
		}
	}
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return "", err
	}
	return b.String(), nil
}

// direction in which a language is written.
func direction(tag string) string {
	script, _ := language.Make(tag).Script()
	switch script.String() {
	case "Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm":
		return "rtl"
	}
	return "ltr"
}
