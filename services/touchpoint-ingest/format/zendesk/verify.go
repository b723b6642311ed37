package zendesk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// tolerance is how old a signed delivery may be, and how far ahead its clock.
const tolerance = 5 * time.Minute

// verify checks the signature over the timestamp and the body as they came.
func verify(d format.Delivery, secret string, now time.Time) error {
	header := func(name string) string {
		if v := d.Header[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	stamp := header("X-Zendesk-Webhook-Signature-Timestamp")
	given, err := base64.StdEncoding.DecodeString(header("X-Zendesk-Webhook-Signature"))
	if stamp == "" || err != nil || len(given) == 0 {
		return errors.New("the headers X-Zendesk-Webhook-Signature and -Timestamp are missing or broken")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp))
	mac.Write(d.Body)
	if !hmac.Equal(mac.Sum(nil), given) {
		return errors.New("it was not made with this secret")
	}
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return errors.New("its timestamp is no time")
	}
	if d := now.Sub(at); d > tolerance || d < -tolerance {
		return errors.New("it is more than 5 minutes old, or of a clock that is wrong")
	}
	return nil
}
