package page

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// MaxBody is the most bytes of a POST: the comments of a long survey with every character escaped.
const MaxBody = 64 << 10

// maxFields is the most fields of a form: eight rankings of fifty choices.
const maxFields = 512

// form is a POST as it came: bounded, decoded, and not yet compared with the survey.
type form struct {
	at      string              // the first question of the screen that was filled in
	from    string              // language in which it was shown
	lang    string              // language to change to; empty where it is not changed
	skip    bool                // the screen's question is skipped
	receipt string              // proof that the form was shown while the link was open
	consent bool                // the form of the last page
	fields  map[string][]string // answers by field
}

// answerField begins the names of fields that hold answers; question ids have no dot.
const answerField = "q."

// parseForm decodes a body of type application/x-www-form-urlencoded. Fields that it does not know are left out.
func parseForm(body string) (form, error) {
	f := form{fields: map[string][]string{}}
	if len(body) > MaxBody {
		return f, fault.New(fault.Invalid, "the form is longer than %d bytes", MaxBody)
	}
	if strings.Count(body, "&") >= maxFields {
		return f, fault.New(fault.Invalid, "the form has more than %d fields", maxFields)
	}
	for body != "" {
		var pair string
		pair, body, _ = strings.Cut(body, "&")
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return f, fault.Wrap(fault.Invalid, err, "a field's name cannot be read")
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return f, fault.Wrap(fault.Invalid, err, "a field cannot be read")
		}
		switch {
		case name == "at":
			f.at = bounded(value)
		case name == "from":
			f.from = bounded(value)
		case name == "lang":
			f.lang = bounded(value)
		case name == "receipt":
			f.receipt = bounded(value)
		case name == "skip":
			f.skip = true
		case name == "consent":
			f.consent = true
		case strings.HasPrefix(name, answerField):
			f.fields[name] = append(f.fields[name], value)
		}
	}
	return f, nil
}

// bounded returns a name of at most 64 bytes, else nothing.
func bounded(s string) string {
	if len(s) > 64 || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// first returns a field's first value.
func (f form) first(name string) string {
	if v := f.fields[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
