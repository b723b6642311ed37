package sms

import (
	"strings"
	"unicode/utf16"
)

// The alphabet of text messages and its extension, whose characters take two places (3GPP TS 23.038, section 6.2.1).
const (
	alphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extended = "\f^{}\\[~]|€"
)

// Segments counts the messages that a text takes on the way: 160 characters in one and 153 in each of several, or 70 and 67 where a
// character is not of the alphabet (unicode). No character is torn in two. An empty text takes none.
func Segments(text string) (n int, unicode bool) {
	if text == "" {
		return 0, false
	}
	var widths []int
	for _, r := range text {
		switch {
		case strings.ContainsRune(alphabet, r):
			widths = append(widths, 1)
		case strings.ContainsRune(extended, r):
			widths = append(widths, 2)
		default:
			unicode = true
		}
	}
	one, each := 160, 153
	if unicode {
		one, each = 70, 67
		widths = widths[:0]
		for _, r := range text {
			widths = append(widths, max(utf16.RuneLen(r), 1))
		}
	}
	total, used := 0, 0
	n = 1
	for _, w := range widths {
		total += w
		if used+w > each {
			n, used = n+1, 0
		}
		used += w
	}
	if total <= one {
		return 1, unicode
	}
	return n, unicode
}
