package lenient

import "strings"

// Clip shortens a text for a message to about so many bytes, and makes it one that can be sent: systems write what is no text.
func Clip(s string, most int) string {
	for i := range s {
		if i > most {
			return strings.ToValidUTF8(s[:i], "?") + "…"
		}
	}
	return strings.ToValidUTF8(s, "?")
}
