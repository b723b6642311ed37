package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// retryAfter says when to try again.
func retryAfter(w http.ResponseWriter, err error) {
	wait := 10 * time.Second
	var f *fault.Error
	if errors.As(err, &f) && f.RetryAfter > 0 {
		wait = f.RetryAfter
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}

// receipt proves that a token's form was shown.
func (h *Handler) receipt(token string) string {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte("survey receipt\x00" + token))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// redirect leads to the same path with another query, so that reloading and going back send nothing again. It is relative: a
// proxy may have moved the path.
func redirect(w http.ResponseWriter, query url.Values) {
	w.Header().Set("Location", "?"+query.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// readForm reads a POST's form; a status other than 0 is why it could not.
func readForm(w http.ResponseWriter, r *http.Request) (form, int) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return form{}, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		return form{}, http.StatusRequestEntityTooLarge
	}
	f, err := parseForm(string(body))
	if err != nil {
		return form{}, http.StatusBadRequest
	}
	return f, 0
}

// device is the kind of device by what the browser says of itself. Nothing else of it is kept.
func device(agent string) string {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(agent, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("iPad", "Tablet", "Kindle", "Silk/"), has("Android") && !has("Mobile"):
		return "tablet"
	case has("Mobi", "iPhone", "Android"):
		return "phone"
	case has("Windows NT", "Macintosh", "X11", "CrOS"):
		return "desktop"
	}
	return "other"
}
