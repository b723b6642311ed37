package zendesk

import (
	"encoding/base64"
	"errors"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/signature"
)

// verify checks the signature over the timestamp and the body as they came.
func verify(d format.Delivery, secret string, now time.Time) error {
	stamp := d.Get("X-Zendesk-Webhook-Signature-Timestamp")
	given, err := base64.StdEncoding.DecodeString(d.Get("X-Zendesk-Webhook-Signature"))
	if stamp == "" || err != nil || len(given) == 0 {
		return errors.New("the headers X-Zendesk-Webhook-Signature and -Timestamp are missing or broken")
	}
	if err := signature.Check([]byte(secret), [][]byte{given}, []byte(stamp), d.Body); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return errors.New("its timestamp is no time")
	}
	return signature.Fresh(at, now)
}
