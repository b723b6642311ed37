package asteriskcdr

import (
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// device parts a channel ("PJSIP/2001-0000000a") into its device and what tells calls apart.
func device(channel string) (name, call string) {
	i := strings.LastIndex(channel, "-")
	if i < 0 {
		return channel, ""
	}
	tech, _, _ := strings.Cut(channel, "/")
	return channel[:i], tech + channel[i:]
}

func hash(parts ...string) string {
	return lenient.Hash(parts...)[:24]
}
