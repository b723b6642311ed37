// Package twilio checks how Twilio signs the requests that it makes.
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
)

// Request is one that says it is Twilio's.
type Request struct {
	// URL as the sender called it.
	URL *url.URL
	// Header of it, by canonical name.
	Header http.Header
	// Body as it came.
	Body []byte
}

// Verify checks a request by the account's auth token: HMAC-SHA1 over the URL as Twilio called it and, of a form, its
// fields by name with their distinct values. Of another body the URL holds the SHA-256. Nothing in it is a time, so a
// repetition cannot be told from a retry; it changes nothing.
func Verify(r Request, token string) error {
	given := r.Header.Get("X-Twilio-Signature")
	switch {
	case given == "":
		return errors.New("the header X-Twilio-Signature is missing")
	case r.URL == nil:
		return errors.New("the URL that was called is unknown")
	}
	rest, err := signed(r)
	if err != nil {
		return err
	}
	for _, u := range called(r) {
		mac := hmac.New(sha1.New, []byte(token))
		mac.Write([]byte(u + rest))
		if hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(given)) {
			return nil
		}
	}
	return errors.New("it was not made with this auth token for the URL " + r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath() + ": check the token, and that the service knows the URL under which Twilio calls it")
}

// signed returns what is signed after the URL.
func signed(r Request) (string, error) {
	kind := strings.ToLower(r.Header.Get("Content-Type"))
	form := strings.HasPrefix(kind, "application/x-www-form-urlencoded")
	if want := r.URL.Query().Get("bodySHA256"); want != "" && !form {
		sum := sha256.Sum256(r.Body)
		if !hmac.Equal([]byte(hex.EncodeToString(sum[:])), []byte(strings.ToLower(want))) {
			return "", errors.New("the body is not the one that was signed")
		}
		return "", nil
	}
	if len(r.Body) == 0 {
		return "", nil
	}
	if !form && kind != "" {
		return "", fmt.Errorf("a body of type %s is signed by bodySHA256 in the URL, which is missing", kind)
	}
	fields, err := url.ParseQuery(string(r.Body))
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
func called(r Request) []string {
	hosts := []string{r.URL.Host}
	if name, port, err := net.SplitHostPort(r.URL.Host); err == nil && port != "" {
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		hosts = append(hosts, name)
	} else if r.URL.Scheme == "https" {
		hosts = append(hosts, r.URL.Host+":443")
	} else {
		hosts = append(hosts, r.URL.Host+":80")
	}
	users := []string{""}
	basic := http.Request{Header: r.Header}
	if name, password, ok := basic.BasicAuth(); ok {
		users = append(users, name+":"+password+"@", url.UserPassword(name, password).String()+"@")
	}
	if r.URL.User != nil {
		users = append(users, r.URL.User.String()+"@")
	}
	var all []string
	for _, user := range users {
		for _, host := range hosts {
			all = append(all, r.URL.Scheme+"://"+user+host+r.URL.RequestURI())
		}
	}
	return all
}
