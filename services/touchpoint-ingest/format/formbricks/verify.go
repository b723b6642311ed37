package formbricks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// tolerance is how old a signed delivery may be, and how far ahead its clock.
const tolerance = 5 * time.Minute

// verify checks the signature of the Standard Webhooks: over id, timestamp and body, by a key that is base64 after "whsec_".
// Several may be given, while the key is changed; one must fit.
func verify(d format.Delivery, secret string, now time.Time) error {
	header := func(name string) string {
		if v := d.Header[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return errors.New("the secret of the source is not whsec_ and base64")
	}
	id, stamp, signatures := header("Webhook-Id"), header("Webhook-Timestamp"), header("Webhook-Signature")
	if id == "" || stamp == "" || signatures == "" {
		return errors.New("the headers webhook-id, webhook-timestamp and webhook-signature are missing")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(d.Body)
	want, fits := mac.Sum(nil), false
	for signature := range strings.FieldsSeq(signatures) {
		if digest, ok := strings.CutPrefix(signature, "v1,"); ok {
			given, err := base64.StdEncoding.DecodeString(digest)
			fits = fits || err == nil && hmac.Equal(want, given)
		}
	}
	if !fits {
		return errors.New("it was not made with this secret")
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("its timestamp is no time")
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > tolerance || d < -tolerance {
		return errors.New("it is more than 5 minutes old, or of a clock that is wrong")
	}
	return nil
}
