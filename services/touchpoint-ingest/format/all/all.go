// Package all lists the native formats.
package all

import "github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"

// Formats returns every native format. A new one is a folder and a line here.
func Formats() []*format.Format {
	return []*format.Format{}
}
