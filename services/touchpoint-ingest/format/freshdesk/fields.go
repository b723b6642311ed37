package freshdesk

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// fields of a body by their names in lower case, nested ones joined by "_".
type fields map[string]string

// mostFields are looked at, and down to mostDepth: administrators write a few dozen.
const (
	mostFields = 1000
	mostDepth  = 5
)

var errUnreadable = errors.New("freshdesk: neither JSON nor a form")

// read takes a body apart: JSON, or form encoding with names like freshdesk_webhook[ticket_id].
func read(raw []byte) (fields, error) {
	b := fields{}
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) == nil && all != nil {
		b.add("", all, 0)
		return b, nil
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil || len(raw) == 0 || strings.ContainsAny(string(raw[:1]), "{[<\"") || !strings.Contains(string(raw), "=") {
		return nil, errUnreadable
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if values := form[name]; len(values) > 0 && len(b) < mostFields {
			b.set(strings.NewReplacer("[", "_", "]", "").Replace(strings.ToValidUTF8(name, "")), strings.ToValidUTF8(strings.TrimSpace(values[0]), ""))
		}
	}
	return b, nil
}

func (b fields) add(prefix string, all map[string]json.RawMessage, depth int) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(b) >= mostFields {
			return
		}
		raw := all[name]
		var nested map[string]json.RawMessage
		if raw[0] == '{' && depth < mostDepth && json.Unmarshal(raw, &nested) == nil {
			b.add(prefix+name+"_", nested, depth+1)
			continue
		}
		var w lenient.Text
		if json.Unmarshal(raw, &w) == nil {
			b.set(prefix+name, string(w))
		}
	}
}

func (b fields) set(name, value string) {
	name = strings.TrimPrefix(strings.NewReplacer(".", "_", " ", "_", "-", "_").Replace(strings.ToLower(name)), "freshdesk_webhook_")
	// A placeholder that Freshdesk did not know comes as it was written. Of two spellings of one name the greater value
	// holds: which of them comes first is chance.
	if value != "" && !strings.HasPrefix(value, "{{") && value > b[name] {
		b[name] = value
	}
}

// get returns the first of some fields that says something.
func (b fields) get(names ...string) string {
	for _, name := range names {
		if v := b[name]; v != "" {
			return v
		}
	}
	return ""
}

const defaultQuestion = "default_question"

// ratings returns the codes that a body tells, by question.
func (b fields) ratings() map[string]string {
	all := map[string]string{}
	for name, v := range b {
		for _, prefix := range []string{"ratings_", "satisfaction_rating_ratings_", "satisfaction_ratings_"} {
			if question, ok := strings.CutPrefix(name, prefix); ok {
				all[question] = v
			}
		}
	}
	if v := b.get("satisfaction_rating", "ticket_satisfaction_rating", "survey_rating", "ticket_survey_rating", "satisfaction_score"); v != "" && len(all) == 0 {
		all[defaultQuestion] = v
	}
	return all
}

// pointsOf puts a rating's code, or what Freshdesk calls it, on seven points.
func pointsOf(code string) (int, bool) {
	switch strings.ToLower(strings.ReplaceAll(code, "_", " ")) {
	case "103", "extremely happy", "extremely satisfied":
		return 7, true
	case "102", "very happy", "very satisfied":
		return 6, true
	case "101", "happy", "satisfied":
		return 5, true
	case "100", "neutral":
		return 4, true
	case "-101", "unhappy", "dissatisfied":
		return 3, true
	case "-102", "very unhappy", "very dissatisfied":
		return 2, true
	case "-103", "extremely unhappy", "extremely dissatisfied":
		return 1, true
	}
	return 0, false
}

// statusOf returns a status in lower case, by name where Freshdesk numbers it.
func statusOf(own string) string {
	switch own {
	case "2":
		return "open"
	case "3":
		return "pending"
	case "4":
		return "resolved"
	case "5":
		return "closed"
	}
	return strings.ToLower(own)
}

// over reports whether a status is one of a ticket that has been dealt with.
func over(status string) bool { return status == "resolved" || status == "closed" }
