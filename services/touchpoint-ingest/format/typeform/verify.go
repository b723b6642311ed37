package typeform

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// verify checks the signature over the body as it came. It covers no time: what is sent again is found by its id.
func verify(d format.Delivery, secret string, _ time.Time) error {
	var signature string
	if v := d.Header["Typeform-Signature"]; len(v) > 0 {
		signature = v[0]
	}
	digest, ok := strings.CutPrefix(signature, "sha256=")
	given, err := base64.StdEncoding.DecodeString(digest)
	if !ok || err != nil {
		return errors.New("the header Typeform-Signature is missing, or is not sha256= and base64")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(d.Body)
	if !hmac.Equal(mac.Sum(nil), given) {
		return errors.New("it was not made with this secret")
	}
	return nil
}
