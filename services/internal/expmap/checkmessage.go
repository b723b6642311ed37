package expmap

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// placeholders are what a message may name.
func placeholders() []string { return []string{"name", "touchpoint", "day", "link", "organisation"} }

func (c *checker) message(at string, m *mapv1.MessageTemplate) {
	languages := map[string]int{}
	for i, t := range m.GetTexts() {
		field := fmt.Sprintf("%s.texts[%d]", at, i)
		if tag := c.language(field+".language", t.GetLanguage()); tag != "" {
			if j, twice := languages[tag]; twice {
				c.add(field+".language", fmt.Sprintf("The language %q is given twice, first as texts[%d].", t.GetLanguage(), j), "Delete one of the two.")
			} else {
				languages[tag] = i
			}
		}
		c.placeholders(field+".subject", t.GetSubject())
		c.placeholders(field+".text", t.GetText())
		c.placeholders(field+".sms", t.GetSms())
		if strings.ContainsAny(t.GetSubject(), "\r\n") {
			c.add(field+".subject", "A subject has one line.", "Delete the line break.")
		}
		if t.GetSms() != "" && !strings.Contains(t.GetSms(), "{link}") {
			c.add(field+".sms", "The text message does not say where its link stands.", "Write {link} there.")
		}
	}
}

// placeholders checks what a text names in braces.
func (c *checker) placeholders(at, s string) {
	said := map[string]bool{}
	for _, found := range regexp.MustCompile(`\{([^{}]*)\}`).FindAllStringSubmatch(s, -1) {
		if name := found[1]; !slices.Contains(placeholders(), name) && !said[name] {
			said[name] = true
			c.add(at, fmt.Sprintf("There is no {%s} to be filled in.%s", name, didYouMean(name, placeholders())), "Use {"+strings.Join(placeholders(), "}, {")+"}.")
		}
	}
}
