// Package twilio is what both of Twilio's formats have in common: how requests are signed, and whose a number is. It is no format.
package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// Verify checks a delivery by the account's auth token: HMAC-SHA1 over the URL as Twilio called it and, of a form, its
// fields by name with their distinct values. Of another body the URL holds the SHA-256. Nothing in it is a time, so a
// repetition cannot be told from a retry; it changes nothing.
func Verify(d format.Delivery, secret string, _ time.Time) error {
	given := d.Get("X-Twilio-Signature")
	switch {
	case given == "":
		return errors.New("the header X-Twilio-Signature is missing")
	case d.URL == nil:
		return errors.New("the URL that was called is unknown")
	}
	rest, err := signed(d)
	if err != nil {
		return err
	}
	for _, u := range called(d) {
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write([]byte(u + rest))
		if hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(given)) {
			return nil
		}
	}
	return errors.New("it was not made with this auth token for the URL " + d.URL.Scheme + "://" + d.URL.Host + d.URL.EscapedPath() + ": check the token, and that the service knows the URL under which Twilio calls it")
}

// signed returns what is signed after the URL.
func signed(d format.Delivery) (string, error) {
	kind := strings.ToLower(d.Get("Content-Type"))
	form := strings.HasPrefix(kind, "application/x-www-form-urlencoded")
	if want := d.URL.Query().Get("bodySHA256"); want != "" && !form {
		sum := sha256.Sum256(d.Body)
		if !hmac.Equal([]byte(hex.EncodeToString(sum[:])), []byte(strings.ToLower(want))) {
			return "", errors.New("the body is not the one that was signed")
		}
		return "", nil
	}
	if len(d.Body) == 0 {
		return "", nil
	}
	if !form && kind != "" {
		return "", fmt.Errorf("a body of type %s is signed by bodySHA256 in the URL, which is missing", kind)
	}
	fields, err := url.ParseQuery(string(d.Body))
	if err != nil {
		return "", errors.New("the body is no form")
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(fields[name]))) {
			b.WriteString(name + value)
		}
	}
	return b.String(), nil
}

// called returns the URL in the writings that may have been signed: with and without its port, the default one where it has
// none, and with the name and password that were sent along.
func called(d format.Delivery) []string {
	hosts := []string{d.URL.Host}
	if name, port, err := net.SplitHostPort(d.URL.Host); err == nil && port != "" {
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		hosts = append(hosts, name)
	} else if d.URL.Scheme == "https" {
		hosts = append(hosts, d.URL.Host+":443")
	} else {
		hosts = append(hosts, d.URL.Host+":80")
	}
	users := []string{""}
	r := http.Request{Header: http.Header(d.Header)}
	if name, password, ok := r.BasicAuth(); ok {
		users = append(users, name+":"+password+"@", url.UserPassword(name, password).String()+"@")
	}
	if d.URL.User != nil {
		users = append(users, d.URL.User.String()+"@")
	}
	var all []string
	for _, user := range users {
		for _, host := range hosts {
			all = append(all, d.URL.Scheme+"://"+user+host+d.URL.RequestURI())
		}
	}
	return all
}
