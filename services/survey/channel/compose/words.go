package compose

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// textFiles are the built-in words, one file a language: to add one, add a file.
//
//go:embed text/*.yaml
var textFiles embed.FS

// texts are the built-in words of one language. {names} in braces are filled in.
type texts struct {
	tag string

	Subject  string   `yaml:"subject"`
	Text     string   `yaml:"text"`     // after an interaction
	Wave     string   `yaml:"wave"`     // of a wave: nothing happened
	SMS      string   `yaml:"sms"`      // after an interaction
	SMSWave  string   `yaml:"sms_wave"` // of a wave
	Open     string   `yaml:"open"`     // of the link
	Stop     string   `yaml:"stop"`     // of the link by which one ends it
	Reminder string   `yaml:"reminder"` // {subject}
	Yes      string   `yaml:"yes"`
	No       string   `yaml:"no"`
	Day      string   `yaml:"day"` // {d} {month}
	Months   []string `yaml:"months"`
}

// words are all languages, English first.
type words struct{ all []*texts }

func readWords() (*words, error) {
	entries, err := textFiles.ReadDir("text")
	if err != nil {
		return nil, err
	}
	w := &words{}
	for _, e := range entries {
		data, err := textFiles.ReadFile(path.Join("text", e.Name()))
		if err != nil {
			return nil, err
		}
		t := &texts{tag: strings.TrimSuffix(e.Name(), ".yaml")}
		d := yaml.NewDecoder(bytes.NewReader(data))
		d.KnownFields(true)
		if err := d.Decode(t); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		if len(t.Months) != 12 {
			return nil, fmt.Errorf("%s: %d months", e.Name(), len(t.Months))
		}
		if t.tag == "en" {
			w.all = append([]*texts{t}, w.all...)
		} else {
			w.all = append(w.all, t)
		}
	}
	return w, nil
}

func (w *words) tags() (all []string) {
	for _, t := range w.all {
		all = append(all, t.tag)
	}
	return all
}

// of returns the built-in words of a language, English where there are none.
func (w *words) of(tag string) *texts {
	for _, t := range w.all {
		if t.tag == base(tag) {
			return t
		}
	}
	return w.all[0]
}

// date writes a day.
func (t *texts) date(day time.Time) string {
	return strings.NewReplacer("{d}", strconv.Itoa(day.Day()), "{month}", t.Months[day.Month()-1]).Replace(t.Day)
}

// chosen are the words of one message.
type chosen struct {
	language           string
	subject, text, sms string
	own                *texts // of the same language, or English
}

// choose takes the template's text in the language wanted, else in the same without its region, else its first; without a template
// the built-in words.
func (w *words) choose(p *Parts) chosen {
	built := w.of(p.Language)
	text, sms := built.Text, built.SMS
	if p.Touchpoint == "" || p.Day.IsZero() {
		text, sms = built.Wave, built.SMSWave
	}
	if p.Template == nil || len(p.Template.GetTexts()) == 0 {
		return chosen{built.tag, built.Subject, text, sms, built}
	}
	t := closest(p.Template.GetTexts(), p.Language)
	c := chosen{t.GetLanguage(), t.GetSubject(), t.GetText(), t.GetSms(), w.of(t.GetLanguage())}
	if c.subject == "" {
		c.subject = c.own.Subject
	}
	if c.sms == "" { // what an e-mail says, as far as there is room
		c.sms = oneLine(c.text)
	}
	return c
}

func closest(all []*mapv1.MessageText, wanted string) *mapv1.MessageText {
	for _, t := range all {
		if strings.EqualFold(t.GetLanguage(), wanted) {
			return t
		}
	}
	for _, t := range all {
		if base(t.GetLanguage()) == base(wanted) {
			return t
		}
	}
	return all[0]
}

// base is a language without its region.
func base(tag string) string {
	b, _ := language.Make(tag).Base()
	return b.String()
}
