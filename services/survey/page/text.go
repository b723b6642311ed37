package page

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"
)

// textFiles are the interface's texts, one file a language: to add one, add a file.
//
//go:embed text/*.yaml
var textFiles embed.FS

// texts are what the interface says in one language. {names} in braces are filled in.
type texts struct {
	tag language.Tag

	Name     string `yaml:"name"`     // of the language, in itself
	Language string `yaml:"language"` // the word, before the picker

	Question  byNumber `yaml:"question"`  // {i} {n}
	Questions byNumber `yaml:"questions"` // {n}
	About     string   `yaml:"about"`     // {organisation}: heading over several questions

	Back     string `yaml:"back"`
	Continue string `yaml:"continue"`
	Send     string `yaml:"send"`
	Skip     string `yaml:"skip"`

	Yes    string `yaml:"yes"`
	No     string `yaml:"no"`
	Better string `yaml:"better"`
	Same   string `yaml:"same"`
	Worse  string `yaml:"worse"`

	AllThatApply string `yaml:"all_that_apply"`
	Places       string `yaml:"places"`
	LeaveOut     string `yaml:"leave_out"`
	AtMost       string `yaml:"at_most"`

	Problem        string `yaml:"problem"`
	Error          string `yaml:"error"` // {title}
	ChooseNumber   string `yaml:"choose_number"`
	EnterNumber    string `yaml:"enter_number"`
	ChooseOne      string `yaml:"choose_one"`
	ChooseSome     string `yaml:"choose_some"`
	ChoosePlaces   string `yaml:"choose_places"`
	WriteSomething string `yaml:"write_something"`
	TooLong        string `yaml:"too_long"`
	NotSaved       string `yaml:"not_saved"`

	Thanks      string `yaml:"thanks"`
	Contact     string `yaml:"contact"`
	ContactHint string `yaml:"contact_hint"`
	ContactYes  string `yaml:"contact_yes"`
	Quote       string `yaml:"quote"`
	QuoteHint   string `yaml:"quote_hint"`
	QuoteYes    string `yaml:"quote_yes"`
	NoThanks    string `yaml:"no_thanks"`
	Save        string `yaml:"save"`
	ChooseYesNo string `yaml:"choose_yes_no"`
	Saved       string `yaml:"saved"`
	Note        string `yaml:"note"` // {organisation}

	Gone        string `yaml:"gone"`
	GoneText    string `yaml:"gone_text"`
	Stop        string `yaml:"stop"`
	StopText    string `yaml:"stop_text"`
	StopButton  string `yaml:"stop_button"`
	Stopped     string `yaml:"stopped"`
	StoppedText string `yaml:"stopped_text"`
	Failed      string `yaml:"failed"`
	FailedText  string `yaml:"failed_text"`
}

// byNumber is a text by the number in it: one for all, or one a plural category of the language.
type byNumber map[string]string

// UnmarshalYAML reads a text or a table of them.
func (b *byNumber) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*b = byNumber{"other": node.Value}
		return nil
	}
	var table map[string]string
	if err := node.Decode(&table); err != nil {
		return err
	}
	*b = table
	return nil
}

// loadTexts reads every language. English is first.
func loadTexts() ([]*texts, error) {
	entries, err := textFiles.ReadDir("text")
	if err != nil {
		return nil, err
	}
	var out []*texts
	for _, e := range entries {
		data, err := textFiles.ReadFile(path.Join("text", e.Name()))
		if err != nil {
			return nil, err
		}
		t := &texts{}
		if t.tag, err = language.Parse(strings.TrimSuffix(e.Name(), ".yaml")); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		d := yaml.NewDecoder(bytes.NewReader(data))
		d.KnownFields(true)
		if err := d.Decode(t); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		if t.tag == language.English {
			out = append([]*texts{t}, out...)
		} else {
			out = append(out, t)
		}
	}
	return out, nil
}

// fill puts values in a text's places: name, value, name, value.
func (t *texts) fill(text string, pairs ...any) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i].(string)+"}", strings.ReplaceAll(fmt.Sprint(pairs[i+1]), "-", "−"))
	}
	return text
}

// number fills a text whose form hangs on n.
func (t *texts) number(b byNumber, n int, pairs ...any) string {
	return t.fill(b.of(t.tag, n), append(pairs, "n", n)...)
}

// of returns the text for a number.
func (b byNumber) of(tag language.Tag, n int) string {
	if text, ok := b[category(tag, n)]; ok {
		return text
	}
	return b["other"]
}

// category returns the plural category of a number by CLDR.
func category(tag language.Tag, n int) string {
	switch plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0) {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	}
	return "other"
}
