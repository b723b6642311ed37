package compose_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/survey/channel/compose"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// What is too long for a text message loses the ends of its values first, then its own beginning; the link stays, once and whole, and how to
// end it stays at the end.
func TestShortened(t *testing.T) {
	long, far := strings.Repeat("a", 200), "https://survey.example/s/"+strings.Repeat("k", 160)
	for name, c := range map[string]struct {
		sms, touchpoint, link string
		want                  string // how it begins
		ends                  string
	}{
		"fits":               {"{touchpoint}? {link} STOP", "Help", link, "Help? " + link, link + " STOP"},
		"long value":         {"{touchpoint}? {organisation} {touchpoint} {link} STOP", long, link, strings.Repeat("a", 37) + "...? Wagtail Bank", link + " STOP"},
		"very long value":    {strings.Repeat("x", 220) + " {touchpoint} {link} STOP", long, link, strings.Repeat("x", 220) + " " + strings.Repeat("a", 17) + "... ", link + " STOP"},
		"long text":          {strings.Repeat("x", 260) + " {link} STOP", "Help", link, strings.Repeat("x", 240), "... " + link + " STOP"},
		"long text, no link": {strings.Repeat("x", 300), "Help", link, strings.Repeat("x", 240), "... " + link},
		"two long links":     {"Help? {link} or {link} STOP", "Help", far, "Help? " + far, far + " or STOP"},
		"long end":           {"Help? {link} " + strings.Repeat("y ", 140), "Help", far, "Help? " + far + " y y", "y..."},
	} {
		p := parts()
		p.Medium, p.Touchpoint, p.Link = gate.SMS, c.touchpoint, c.link
		p.Template = &mapv1.MessageTemplate{Texts: []*mapv1.MessageText{{Language: "en", Text: "x", Sms: c.sms}}}
		text := message(t, p).Text
		if n := utf8.RuneCountInString(text); n > compose.MostSMS || !strings.HasPrefix(text, c.want) || !strings.HasSuffix(text, c.ends) || strings.Count(text, "https:") != 1 {
			t.Errorf("%s: %d characters: %q", name, n, text)
		}
	}
}
