package compose

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// values fill the places of a text.
type values struct{ name, touchpoint, day, link, organisation string }

// fill puts values into a text, in one pass: what stands in a value is no place. A place without a value takes the space before
// it along, so that "Hello {name}," becomes "Hello,".
func (v values) fill(text string) string {
	var pairs []string
	for _, p := range [][2]string{{"{name}", v.name}, {"{touchpoint}", v.touchpoint}, {"{day}", v.day}, {"{link}", v.link}, {"{organisation}", v.organisation}} {
		if p[1] == "" {
			pairs = append(pairs, " "+p[0], "")
		}
		pairs = append(pairs, p[0], p[1])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// sms fills a text message: at most MostSMS characters, the link whole. What is too long loses first the ends of its values, then
// its own.
func (v values) sms(text string) string {
	if !strings.Contains(text, "{link}") {
		text += " {link}"
	}
	for _, most := range []int{MostSMS, 40, 20} {
		short := values{cut(v.name, most), cut(v.touchpoint, most), v.day, v.link, cut(v.organisation, most)}
		if s := oneLine(short.fill(text)); utf8.RuneCountInString(s) <= MostSMS {
			return s
		}
	}
	before, after, _ := strings.Cut(text, "{link}")
	bare := values{cut(v.name, 20), cut(v.touchpoint, 20), v.day, v.link, cut(v.organisation, 20)}
	// The end stands for how to end it: it is kept as far as it fits, and the beginning gives way.
	after = cut(oneLine(bare.fill(strings.ReplaceAll(after, "{link}", ""))), MostSMS/6)
	before = cut(oneLine(bare.fill(before)), MostSMS-utf8.RuneCountInString(v.link+after)-2)
	return strings.TrimSpace(before + " " + v.link + " " + after)
}

// cut leaves the first characters of a text, and dots where there were more.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	if most < 4 {
		return ""
	}
	return strings.TrimSpace(string([]rune(text)[:most-3])) + "..."
}

// mostLine is the most characters of a subject.
const mostLine = 200

// oneLine makes a text one line that moves no other: controls and what turns the direction of writing become spaces or go.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x61c, r == 0xfeff, r == utf8.RuneError:
			return -1
		case unicode.IsControl(r), unicode.IsSpace(r), r == 0x2028, r == 0x2029:
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

var addressLike = regexp.MustCompile(`[\pL\d]\.\pL{2,}`)

// harmless is a customer's name as a message may greet it; empty where it looks like an address: whoever chooses such a name wants
// the organisation to send it on.
func harmless(name string) string {
	name = oneLine(name)
	if strings.ContainsAny(name, `/:@<>\{}`) || addressLike.MatchString(name) {
		return ""
	}
	return cut(name, 60)
}
