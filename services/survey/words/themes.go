package words

import (
	"slices"
	"strings"
	"unicode"

	"github.com/kljensen/snowball"
)

// Theme is a topic and the words by which it is known.
type Theme struct {
	ID string
	// Words and phrases by language. A word that ends in * stands for all that begin so.
	Words map[string][]string
}

// Finder finds themes. It is immutable and safe for concurrent use.
type Finder struct {
	// By language, by the stem of a phrase's first word: longest phrases first.
	heads map[string]map[string][]phrase
	stars map[string][]phrase // whose first word ends in *
}

type phrase struct {
	theme string
	stems []string
}

// stemmers are the languages whose words are compared by their stems; words of others are compared as they are written.
var stemmers = map[string]string{"en": "english", "es": "spanish", "fr": "french", "ru": "russian", "sv": "swedish", "no": "norwegian", "nb": "norwegian", "hu": "hungarian"}

// NewFinder returns the finder of some themes.
func NewFinder(themes []Theme) *Finder {
	f := &Finder{heads: map[string]map[string][]phrase{}, stars: map[string][]phrase{}}
	for _, t := range themes {
		for language, all := range t.Words {
			l := base(language)
			if f.heads[l] == nil {
				f.heads[l] = map[string][]phrase{}
			}
			for _, w := range all {
				p := phrase{theme: t.ID}
				for _, word := range strings.FieldsFunc(strings.ToLower(w), func(r rune) bool { return !isWord(r) && r != '*' }) {
					if !strings.HasSuffix(word, "*") {
						word = stem(word, l)
					}
					p.stems = append(p.stems, word)
				}
				switch {
				case len(p.stems) == 0:
				case strings.HasSuffix(p.stems[0], "*"):
					f.stars[l] = append(f.stars[l], p)
				default:
					f.heads[l][p.stems[0]] = append(f.heads[l][p.stems[0]], p)
				}
			}
		}
	}
	return f
}

// Find returns the themes of a text in a language, sorted, each once.
func (f *Finder) Find(text, language string) []string {
	l := base(language)
	stems := Stems(text, l)
	var found []string
	add := func(p phrase, at int) {
		if p.fits(stems[at:]) && !slices.Contains(found, p.theme) {
			found = append(found, p.theme)
		}
	}
	for at, s := range stems {
		for _, p := range f.heads[l][s] {
			add(p, at)
		}
		for _, p := range f.stars[l] {
			add(p, at)
		}
	}
	slices.Sort(found)
	return found
}

func (p *phrase) fits(stems []string) bool {
	if len(p.stems) > len(stems) {
		return false
	}
	for i, want := range p.stems {
		if begin, star := strings.CutSuffix(want, "*"); star && strings.HasPrefix(stems[i], begin) || stems[i] == want {
			continue
		}
		return false
	}
	return true
}

// Stems returns the stems of a text's words, in order and in lower case.
func Stems(text, language string) []string {
	l := base(language)
	all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !isWord(r) })
	for i := range all {
		all[i] = stem(all[i], l)
	}
	return all
}

func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)
}

func stem(word, language string) string {
	if s, ok := stemmers[language]; ok {
		if short, err := snowball.Stem(word, s, true); err == nil {
			return short
		}
	}
	return word
}
