// Package twilio is what both of Twilio's formats have in common: how requests are signed, and whose a number is. It is no format.
package twilio

import (
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/twilio"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// Verify checks a delivery by the account's auth token. Nothing in it is a time, so a repetition cannot be told from a retry; it
// changes nothing.
func Verify(d format.Delivery, secret string, _ time.Time) error {
	return twilio.Verify(twilio.Request{URL: d.URL, Header: d.Header, Body: d.Body}, secret)
}
