package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// sources are template, style and script.
//
//go:embed page.html page.css page.js
var sources embed.FS

// renderer writes pages.
type renderer struct {
	template *template.Template
	style    string // with its tags
	script   string
	policy   string // the part of the content security policy that is the same for all
	scripts  string // its part for pages with a script
	packers  sync.Pool
}

func newRenderer() (*renderer, error) {
	t, err := template.ParseFS(sources, "page.html")
	if err != nil {
		return nil, err
	}
	css, err := sources.ReadFile("page.css")
	if err != nil {
		return nil, err
	}
	js, err := sources.ReadFile("page.js")
	if err != nil {
		return nil, err
	}
	style, script := dense(string(css)), dense(string(js))
	return &renderer{
		template: t,
		style:    "<style>" + style + "</style>",
		script:   "<script>" + script + "</script>",
		policy:   "default-src 'none'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; style-src " + digest(style),
		scripts:  "; script-src " + digest(script),
	}, nil
}

var (
	remarks = regexp.MustCompile(`(?m)(?s:/\*.*?\*/)|^\s*//[^\n]*$`)
	spaces  = regexp.MustCompile(`\s+`)
	around  = regexp.MustCompile(` ?([{};,>]) ?`)
	colons  = regexp.MustCompile(`: `)
)

// dense takes out of a style or script what only its authors read. Both are written so that this keeps their meaning.
func dense(s string) string {
	s = spaces.ReplaceAllString(remarks.ReplaceAllString(s, ""), " ")
	return strings.TrimSpace(colons.ReplaceAllString(around.ReplaceAllString(s, "$1"), ":"))
}

// digest returns a source expression for exactly this text.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// write answers with a page, packed where the browser takes that: a long survey is many times the same few words.
func (r *renderer) write(w http.ResponseWriter, request *http.Request, status int, v *view) error {
	own := v.ownStyle()
	v.Style = template.HTML(r.style + "<style>" + own + "</style>")
	policy := r.policy + " " + digest(own)
	if v.hasScript() {
		v.Script, policy = template.HTML(r.script), policy+r.scripts
	}
	var b bytes.Buffer
	if err := r.template.ExecuteTemplate(&b, "page", v); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding, Accept-Language")
	if packs(request) {
		var packed bytes.Buffer
		z, _ := r.packers.Get().(*gzip.Writer)
		if z == nil {
			z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
		}
		defer r.packers.Put(z)
		z.Reset(&packed)
		if _, err := z.Write(b.Bytes()); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		h.Set("Content-Encoding", "gzip")
		b = packed
	}
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}

// packs tells whether a browser takes gzip. What one types is never in a page together with a secret of somebody else's, so that
// the length tells nothing.
func packs(r *http.Request) bool {
	for _, coding := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.TrimSpace(name) == "gzip" {
			return !strings.HasPrefix(strings.ReplaceAll(weight, " ", ""), "q=0") || strings.ContainsAny(weight, "123456789")
		}
	}
	return false
}

// hasScript tells whether there is a comment to keep, or one to forget.
func (v *view) hasScript() bool {
	for _, q := range v.Questions {
		if q.Comments {
			return true
		}
	}
	return v.Message == v.T.Thanks
}

// ownStyle returns what of the style hangs on the page: the brand's colours, and the columns of its scales. Its values are colours
// and numbers of our own making.
func (v *view) ownStyle() string {
	b := v.brand
	var out strings.Builder
	fmt.Fprintf(&out, ":root{--b:%s;--on:%s}@supports(color:light-dark(#000,#fff)){:root{--b:light-dark(%[1]s,%[3]s);--on:light-dark(%[2]s,%[4]s)}}", b.Light, b.OnLight, b.Dark, b.OnDark)
	seen := map[string]bool{}
	for _, q := range v.Questions {
		if q.Row == "" || seen[q.Row] {
			continue
		}
		seen[q.Row] = true
		narrow, wide := columns(len(q.Options))
		fmt.Fprintf(&out, ".%s{--n:%d;--w:%d}", q.Row, narrow, wide)
	}
	return out.String()
}

// rowClass names the class of scales with n points.
func rowClass(n int) string { return "r" + strconv.Itoa(n) }

// columns returns how many points stand in a row: 0 to 10 as 6 and 5 under 480 px, all from there; others in rows as even as
// can be.
func columns(n int) (narrow, wide int) {
	even := func(most int) int {
		rows := (n + most - 1) / most
		return (n + rows - 1) / rows
	}
	return even(6), even(11)
}

// headers sets what every answer carries, redirects too.
func headers(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}
