package typeform

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/signature"
)

// verify checks the signature over the body as it came. It covers no time: what is sent again is found by its id.
func verify(d format.Delivery, secret string, _ time.Time) error {
	digest, ok := strings.CutPrefix(d.Get("Typeform-Signature"), "sha256=")
	given, err := base64.StdEncoding.DecodeString(digest)
	if !ok || err != nil {
		return errors.New("the header Typeform-Signature is missing, or is not sha256= and base64")
	}
	return signature.Check([]byte(secret), [][]byte{given}, d.Body)
}
