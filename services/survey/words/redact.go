// Package words reads what customers write: it takes personal data out, tells the sentiment, finds themes, and names the words
// that stand out among some texts. It is pure, and knows no language model.
package words

import (
	"regexp"
	"strings"
	"unicode"
)

// What stands in place of personal data.
const (
	mail    = "[e-mail]"
	card    = "[card number]"
	account = "[account]"
	number  = "[number]"
	address = "[address]"
)

var (
	mails = regexp.MustCompile(`[\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`)
	ibans = regexp.MustCompile(`\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b`)
	// Digits that belong together: telephone numbers, cards, customer numbers. Dates and amounts are looked at and left.
	digits = regexp.MustCompile(`\+?\(?[0-9](?:[ ./()\pPd-]{0,2}[0-9]){5,}`)
	dates  = regexp.MustCompile(`^(?:[0-9]{4}[-./][0-9]{1,2}[-./][0-9]{1,2}|[0-9]{1,2}[-./][0-9]{1,2}[-./][0-9]{2,4})(?:[ ][0-9]{1,2})?$`)
	// A street with its number, before or behind, in the words of the languages in which surveys are asked.
	streets = regexp.MustCompile(`(?i)\b[0-9]{1,5}[a-z]?,? (?:[\pL.'-]+ ){1,3}(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|place|square|way)\b\.?` +
		`|\b[\pL.-]+ ?(?:straße|strasse|str\.|weg|allee|platz|gasse) [0-9]{1,4}[a-z]?\b` +
		`|\b(?:[0-9]{1,4},? )?(?:rue|avenue|boulevard|calle|avenida|via|ulica|ul\.|rua) (?:de la |de |del |du |des |la )?[\pLÀ-ÿ.'-]+(?: [\pLÀ-ÿ.'-]+)? ?,? ?[0-9]{1,4}\b` +
		`|\b[0-9]{1,4},? (?:rue|avenue|boulevard) (?:de la |de |du |des |la )?[\pL.'-]+`)
)

// Redact takes out of a text what tells who wrote it: e-mail addresses, telephone and account numbers, cards, and streets with
// their numbers. Names stay: no rule tells them from words. What it gives, given again, is the same.
func Redact(text string) string {
	text = mails.ReplaceAllString(text, mail)
	text = ibans.ReplaceAllStringFunc(text, func(s string) string {
		if n := strings.Count(s, " "); len(s)-n < 15 || len(s)-n > 34 {
			return s
		}
		return account
	})
	text = digits.ReplaceAllStringFunc(text, func(s string) string {
		only := strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, s)
		switch {
		case dates.MatchString(s), len(only) < 7:
			return s
		case len(only) >= 13 && len(only) <= 19 && luhn(only):
			return card
		}
		return number
	})
	return streets.ReplaceAllString(text, address)
}

// luhn reports whether digits end in the check digit of card numbers (ISO/IEC 7812).
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
