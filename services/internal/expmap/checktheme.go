package expmap

import (
	"fmt"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func (c *checker) theme(at string, t *mapv1.Theme) {
	languages := map[string]int{}
	for i, w := range t.GetWords() {
		field := fmt.Sprintf("%s.words[%d]", at, i)
		if tag := c.language(field+".language", w.GetLanguage()); tag != "" {
			if j, twice := languages[tag]; twice {
				c.add(field+".language", fmt.Sprintf("The language %q is given twice, first as words[%d].", w.GetLanguage(), j), "Join the two.")
			} else {
				languages[tag] = i
			}
		}
		first := map[string]int{}
		for j, word := range w.GetWords() {
			is := strings.ToLower(strings.Join(strings.Fields(word), " "))
			if k, twice := first[is]; twice && is != "" {
				c.add(fmt.Sprintf("%s.words[%d]", field, j), fmt.Sprintf("The word %q is listed twice, first as words[%d].", word, k), "Delete one of the two.")
				continue
			}
			first[is] = j
			if strings.Trim(is, "* ") == "" {
				c.add(fmt.Sprintf("%s.words[%d]", field, j), "A word of the theme is empty: it would be found in every text.", "Write it, or delete it.")
			} else if slices.ContainsFunc(strings.Fields(is), func(w string) bool { return strings.Contains(strings.TrimSuffix(w, "*"), "*") }) {
				c.add(fmt.Sprintf("%s.words[%d]", field, j), fmt.Sprintf("In %q a * stands elsewhere than at the end of a word.", word), "Write the beginning of the word, and * for whatever ends it.")
			}
		}
	}
}
