package chatwoot

import (
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/signature"
)

// verify checks the signature over the timestamp, a dot and the body as they came. A delivery without one is refused: who
// leaves it out would else be believed.
func verify(d format.Delivery, secret string, now time.Time) error {
	stamp, signed := d.Get("X-Chatwoot-Timestamp"), d.Get("X-Chatwoot-Signature")
	if stamp == "" || signed == "" {
		return errors.New("the headers X-Chatwoot-Signature and X-Chatwoot-Timestamp are missing; a Chatwoot that does not sign needs a source without a secret")
	}
	given, err := hex.DecodeString(strings.TrimPrefix(signed, "sha256="))
	if err != nil {
		return errors.New("it is not sha256= and hexadecimal digits")
	}
	if err := signature.Check([]byte(secret), [][]byte{given}, []byte(stamp+"."), d.Body); err != nil {
		return err
	}
	return signature.FreshSeconds(stamp, now)
}
