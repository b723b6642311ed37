package expmap

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

const languageRemedy = `Use a BCP 47 tag, such as "de", "pt-BR" or "ar".`

// canonical returns a BCP 47 tag as it is written best ("pt-br" → "pt-BR"); ok is false for what is none.
func canonical(tag string) (string, bool) {
	t, err := language.Parse(tag)
	if err != nil || t == language.Und || strings.ContainsRune(tag, '_') {
		return "", false
	}
	return t.String(), true
}

// language checks a tag and returns it as it is written best; "" where it is none.
func (c *checker) language(at, tag string) string {
	is, ok := canonical(tag)
	if !ok {
		if _, said := c.broken[at]; !said {
			c.add(at, fmt.Sprintf("%q is no language.", tag), languageRemedy)
		}
		return ""
	}
	return is
}

func (c *checker) languages(at string, tags []string) {
	first := map[string]int{}
	for i, t := range tags {
		field := fmt.Sprintf("%s[%d]", at, i)
		is := c.language(field, t)
		if is == "" {
			continue
		}
		if j, twice := first[is]; twice {
			c.add(field, fmt.Sprintf("The language %q is listed twice, first as languages[%d].", t, j), "Delete one of the two.")
			continue
		}
		first[is] = i
	}
}

// inLanguage returns what is written in a language, else in the language without its region ("pt" for "pt-BR").
func inLanguage[T interface{ GetLanguage() string }](all []T, tag string) (found T, ok bool) {
	want := strings.ToLower(tag)
	for {
		for _, x := range all {
			if strings.ToLower(x.GetLanguage()) == want {
				return x, true
			}
		}
		cut := strings.LastIndexByte(want, '-')
		if cut < 0 {
			return found, false
		}
		want = want[:cut]
	}
}
