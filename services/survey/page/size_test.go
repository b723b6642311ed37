package page_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	survey "github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

func compressed(t *testing.T, s string) int {
	t.Helper()
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, brotli.BestCompression)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// A page is all there is: at most 12 KB, with at most 2 KB of script, as brotli packs them and as gzip sends them; a page of one
// question also as it is. What stands inline is what the policy names, and nothing comes from elsewhere.
func TestSizeAndPolicy(t *testing.T) {
	const most, mostScript = 12_000, 2_000
	pages := map[string]*desk{}
	add := func(name string, s *survey.Survey, posts ...[]string) {
		d := sit(t, s)
		for _, p := range posts {
			d.Post(p...)
		}
		pages[name] = d
	}
	for _, kind := range survey.Kinds() {
		add(string(kind), pagetest.One(kind, true), []string{"q.nps", "7"})
	}
	add("first", pagetest.Short())
	add("error", pagetest.Short(), nil)
	add("thanks", pagetest.Short(), []string{"q.nps", "7"}, []string{"q.why", "The wait"}, []string{"q.ease", "1"})
	add("long", pagetest.Long())
	add("long error", pagetest.Long(), []string{"q.perceived", "x"})
	gone := sit(t, pagetest.Short())
	gone.Get("/s/unknown")
	pages["gone"] = gone

	inline := regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)
	largest, packed, sent, script := 0, 0, 0, 0
	for name, d := range pages {
		n := compressed(t, d.Body)
		largest, packed = max(largest, len(d.Body)), max(packed, n)
		if n > most || len(d.Body) > most && !strings.HasPrefix(name, "long") {
			t.Errorf("%s: %d bytes, %d as brotli, at most %d", name, len(d.Body), n, most)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, d.Path, nil)
		r.Header.Set("Accept-Encoding", "br, gzip;q=0.5")
		w := httptest.NewRecorder()
		d.Handler.ServeHTTP(w, r)
		sent = max(sent, w.Body.Len())
		if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Body.Len() > most {
			t.Errorf("%s: %d bytes sent, %v", name, w.Body.Len(), w.Header())
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if page, err := io.ReadAll(z); err != nil || !strings.HasSuffix(strings.TrimSpace(string(page)), "</html>") {
			t.Errorf("%s: %v", name, err)
		}
		policy := d.Header.Get("Content-Security-Policy")
		for _, m := range inline.FindAllStringSubmatch(d.Body, -1) {
			sum := sha256.Sum256([]byte(m[2]))
			if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, m[1]+"-src ") || !strings.Contains(policy, hash) {
				t.Errorf("%s: the policy does not name its %s: %s", name, m[1], policy)
			}
			if m[1] == "script" {
				n := compressed(t, m[2])
				script = max(script, n)
				if n > mostScript {
					t.Errorf("%s: %d bytes of script, at most %d", name, n, mostScript)
				}
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", name, policy)
		}
		for _, outside := range []string{"http:", "https:", "//", "url(", "@import", "src=", " style=", " on"} {
			if strings.Contains(regexp.MustCompile(`>[^<]*<`).ReplaceAllString(d.Body, "><"), outside) {
				t.Errorf("%s: holds %q", name, outside)
			}
		}
	}
	if script < 100 {
		t.Errorf("a script of %d bytes", script)
	}
	t.Logf("first page %d bytes, %d as brotli; largest %d bytes, %d as brotli, %d as gzip sends it; script %d as brotli",
		len(pages["first"].Body), compressed(t, pages["first"].Body), largest, packed, sent, script)
}
