package pagetest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Respondent uses a handler as a browser without script does: it keeps the address and the form of the page it is on.
type Respondent struct {
	T        testing.TB
	Handler  http.Handler
	Language string // Accept-Language

	Path   string // where it is, with its query
	Status int
	Header http.Header
	Body   string
	hidden url.Values
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// Get fetches an address of the same path as the page it is on, or another path.
func (r *Respondent) Get(address string) {
	r.T.Helper()
	r.do(http.MethodGet, address, "")
}

// Post sends the form it is on with these fields: name, value, name, value. It follows the redirect.
func (r *Respondent) Post(pairs ...string) {
	r.T.Helper()
	form := url.Values{}
	for name, values := range r.hidden {
		form[name] = values
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r.PostRaw(form.Encode())
}

// PostRaw sends a body to the path it is on, and follows the redirect.
func (r *Respondent) PostRaw(body string) {
	r.T.Helper()
	path, _, _ := strings.Cut(r.Path, "?")
	r.do(http.MethodPost, path, body)
	for range 3 {
		if r.Status != http.StatusSeeOther {
			return
		}
		r.do(http.MethodGet, r.Header.Get("Location"), "")
	}
	r.T.Fatal("redirected in a circle")
}

func (r *Respondent) do(method, address, body string) {
	r.T.Helper()
	if strings.HasPrefix(address, "?") {
		path, _, _ := strings.Cut(r.Path, "?")
		address = path + address
	}
	req := httptest.NewRequestWithContext(r.T.Context(), method, address, strings.NewReader(body))
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.Language != "" {
		req.Header.Set("Accept-Language", r.Language)
	}
	w := httptest.NewRecorder()
	r.Handler.ServeHTTP(w, req)
	r.Path, r.Status, r.Header, r.Body = address, w.Code, w.Result().Header, w.Body.String()
	r.hidden = url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(r.Body, -1) {
		r.hidden.Add(m[1], m[2])
	}
}

// Shows fails unless the page has a status and holds all of these.
func (r *Respondent) Shows(status int, parts ...string) {
	r.T.Helper()
	if r.Status != status {
		r.T.Fatalf("%s: status %d, want %d\n%s", r.Path, r.Status, status, r.Body)
	}
	for _, part := range parts {
		if !strings.Contains(r.Body, part) {
			r.T.Fatalf("%s: %q is missing\n%s", r.Path, part, r.Body)
		}
	}
}

// Lacks fails if the page holds one of these.
func (r *Respondent) Lacks(parts ...string) {
	r.T.Helper()
	for _, part := range parts {
		if strings.Contains(r.Body, part) {
			r.T.Fatalf("%s: %q is there\n%s", r.Path, part, r.Body)
		}
	}
}
