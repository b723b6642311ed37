package page

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// maxTag and maxAccept are how much is read of a link's language, and of Accept-Language.
const maxTag, maxAccept = 64, 200

// voice is a language in which a page is shown.
type voice struct {
	tag   string // the survey's own tag of it
	dir   string // ltr or rtl
	texts *texts // of the interface; English where there are none
}

// tongue is a language of the picker.
type tongue struct {
	Tag, Name string
	Current   bool
}

// choice is a set of languages of which one is chosen.
type choice struct {
	matcher language.Matcher
	voices  []voice
	names   []string
}

// languages chooses languages. It is made once; sets of languages are kept as they are met.
type languages struct {
	texts   []*texts
	matcher language.Matcher // of texts
	all     *choice          // the interface's own, for pages that know no survey

	mu   sync.Mutex
	sets map[string]*choice
}

// maxSets is how many sets of languages are kept.
const maxSets = 1000

func newLanguages() (*languages, error) {
	list, err := loadTexts()
	if err != nil {
		return nil, err
	}
	l := &languages{texts: list, sets: map[string]*choice{}}
	tags, names := make([]language.Tag, len(list)), make([]string, len(list))
	for i, t := range list {
		tags[i], names[i] = t.tag, t.tag.String()
	}
	l.matcher = language.NewMatcher(tags)
	l.all = l.build(names)
	return l, nil
}

// of returns the choice among a survey's languages.
func (l *languages) of(tags []string) *choice {
	key := strings.Join(tags, " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.sets[key]; ok {
		return c
	}
	if len(l.sets) >= maxSets {
		clear(l.sets)
	}
	c := l.build(tags)
	l.sets[key] = c
	return c
}

func (l *languages) build(tags []string) *choice {
	c := &choice{}
	var parsed []language.Tag
	for _, name := range tags {
		tag := language.Make(name)
		v := voice{tag: name, dir: direction(tag), texts: l.texts[0]}
		own := display.Self.Name(tag)
		if _, i, sure := l.matcher.Match(tag); sure >= language.High {
			v.texts = l.texts[i]
			if tag == v.texts.tag {
				own = v.texts.Name
			}
		}
		parsed = append(parsed, tag)
		c.voices, c.names = append(c.voices, v), append(c.names, own)
	}
	c.matcher = language.NewMatcher(parsed)
	return c
}

// choose returns the language of a page: what the link or the picker says, else what the browser asks for, else the first.
func (c *choice) choose(wanted, accept string) voice {
	if wanted != "" && len(wanted) <= maxTag {
		if tag, err := language.Parse(wanted); err == nil {
			if _, i, sure := c.matcher.Match(tag); sure > language.No {
				return c.voices[i]
			}
		}
	}
	if tags, _, err := language.ParseAcceptLanguage(accept[:min(len(accept), maxAccept)]); err == nil && len(tags) > 0 {
		if _, i, sure := c.matcher.Match(tags...); sure > language.No {
			return c.voices[i]
		}
	}
	return c.voices[0]
}

// picker lists the languages by their own names.
func (c *choice) picker(current string) []tongue {
	out := make([]tongue, len(c.voices))
	for i, v := range c.voices {
		out[i] = tongue{v.tag, c.names[i], v.tag == current}
	}
	return out
}

// direction returns in which direction a language is written.
func direction(tag language.Tag) string {
	switch script, _ := tag.Script(); script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg", "Samr", "Mand":
		return "rtl"
	}
	return "ltr"
}
