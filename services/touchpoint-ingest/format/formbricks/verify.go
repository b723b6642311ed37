package formbricks

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/signature"
)

// verify checks the signature of the Standard Webhooks: over id, timestamp and body, by a key that is base64 after "whsec_".
// Several may be given, while the key is changed; one must fit.
func verify(d format.Delivery, secret string, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return errors.New("the secret of the source is not whsec_ and base64")
	}
	id, stamp, signed := d.Get("Webhook-Id"), d.Get("Webhook-Timestamp"), d.Get("Webhook-Signature")
	if id == "" || stamp == "" || signed == "" {
		return errors.New("the headers webhook-id, webhook-timestamp and webhook-signature are missing")
	}
	var given [][]byte
	for one := range strings.FieldsSeq(signed) {
		if digest, ok := strings.CutPrefix(one, "v1,"); ok {
			if b, err := base64.StdEncoding.DecodeString(digest); err == nil {
				given = append(given, b)
			}
		}
	}
	if err := signature.Check(key, given, []byte(id+"."+stamp+"."), d.Body); err != nil {
		return err
	}
	return signature.FreshSeconds(stamp, now)
}
