package twilio

import (
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// hidden are the numbers that stand for callers who hide theirs: anonymous, restricted and the like, spelt on the keys.
const hidden = " 266696687 7378742833 2562533 8656696 86282452253 464 "

// Number hashes a telephone number; what is none, and who hides it, is nobody.
func Number(number string, o format.Options) string {
	bare := strings.TrimLeft(number, "+0")
	if strings.Trim(bare, "0123456789-(). ") != "" || len(bare) < 3 || strings.Contains(hidden, " "+bare+" ") {
		return ""
	}
	return o.Person(number)
}
