package chatwoot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// tolerance is how old a signed delivery may be, and how far ahead its clock.
const tolerance = 5 * time.Minute

// verify checks the signature over the timestamp, a dot and the body as they came. A delivery without one is refused: who
// leaves it out would else be believed.
func verify(d format.Delivery, secret string, now time.Time) error {
	header := func(name string) string {
		if v := d.Header[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	stamp, signature := header("X-Chatwoot-Timestamp"), header("X-Chatwoot-Signature")
	if stamp == "" || signature == "" {
		return errors.New("the headers X-Chatwoot-Signature and X-Chatwoot-Timestamp are missing; a Chatwoot that does not sign needs a source without a secret")
	}
	given, err := hex.DecodeString(strings.TrimPrefix(signature, "sha256="))
	if err != nil {
		return errors.New("it is not sha256= and hexadecimal digits")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(d.Body)
	if !hmac.Equal(mac.Sum(nil), given) {
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
