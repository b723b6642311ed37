package page_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	survey "github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

// axe-core judges accessibility. Only these tests use it; nothing of it is shipped.
const (
	axeVersion = "4.14.1"
	axeSHA512  = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)

// have tells whether the tools of the browser tests are there. Without them CI fails, and others read so in the log.
func have(t *testing.T) bool {
	t.Helper()
	for _, tool := range []string{"chromium", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Logf("NOT TESTED: %v: scripts/need %s", err, tool)
			return false
		}
	}
	return true
}

// axe returns axe-core's source, fetched once into bin.
func axe(t *testing.T) string {
	t.Helper()
	bin, err := filepath.Abs("../../../bin")
	if err != nil {
		t.Fatal(err)
	}
	cached := filepath.Join(bin, "axe-core-"+axeVersion+".js")
	if source, err := os.ReadFile(cached); err == nil {
		return string(source)
	}
	dir := t.TempDir()
	pack := exec.CommandContext(t.Context(), "npm", "pack", "--silent", "axe-core@"+axeVersion)
	pack.Dir = dir
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("npm pack: %v\n%s", err, out)
	}
	archive, err := os.ReadFile(filepath.Join(dir, "axe-core-"+axeVersion+".tgz"))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha512.Sum512(archive); base64.StdEncoding.EncodeToString(sum[:]) != axeSHA512 {
		t.Fatalf("axe-core %s is not what these tests were written with", axeVersion)
	}
	unzipped, err := gzip.NewReader(strings.NewReader(string(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(unzipped); ; {
		file, err := files.Next()
		if err != nil {
			t.Fatal(err)
		}
		if file.Name != "package/axe.min.js" {
			continue
		}
		source, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		// By way of another name, for tests that run at the same time.
		next := filepath.Join(bin, fmt.Sprintf(".axe-%d", os.Getpid()))
		if err := errors.Join(os.MkdirAll(bin, 0o755), os.WriteFile(next, source, 0o644), os.Rename(next, cached)); err != nil {
			t.Fatal(err)
		}
		return string(source)
	}
}

// site is a server of pages and a browser.
type site struct {
	url     string
	store   *pagetest.Memory
	browser context.Context
}

func newSite(t *testing.T) *site {
	t.Helper()
	m := pagetest.NewMemory(now)
	h, err := survey.New(m, survey.Options{Key: []byte("a key of the test's")})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.WSURLReadTimeout(60*time.Second),
	)
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	browser, done := chromedp.NewContext(allocator)
	t.Cleanup(func() { // after the last test that uses it
		if err := chromedp.Cancel(browser); err != nil {
			t.Error(err)
		}
		done()
		stop()
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	return &site{server.URL, m, browser}
}

func (s *site) invite(what *survey.Survey) string { return s.store.Invite(what, now().Add(time.Hour)) }

// tab is one page of the browser. What it complains of is collected.
type tab struct {
	t    *testing.T
	site *site
	ctx  context.Context

	mu         sync.Mutex
	complaints []string
}

func (s *site) tab(t *testing.T) *tab {
	t.Helper()
	ctx, done := chromedp.NewContext(s.browser)
	t.Cleanup(done)
	out := &tab{t: t, site: s, ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			out.complain("exception: " + e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			out.complain("console: " + string(e.Type))
		case *cdplog.EventEntryAdded:
			// That a page came with status 422 or 404 is what the page is about.
			if e.Entry.Source != cdplog.EntrySourceNetwork {
				out.complain("log: " + e.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, s.url+"/s/") && !strings.HasPrefix(u, "data:,") {
				out.complain("request: " + u)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *tab) complain(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, what)
}

// calm fails if the browser complained of anything since the last call.
func (b *tab) calm(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("%s: %s", where, c)
	}
	b.complaints = nil
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 30*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.site.url + path))
}

// scripts switches the page's scripts, from the next page on.
func (b *tab) scripts(on bool) {
	b.t.Helper()
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// leads does what leads to another page, and waits for that.
func (b *tab) leads(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 20*time.Second)
	defer stop()
	if _, err := chromedp.RunResponse(ctx, actions...); err != nil {
		b.t.Fatalf("no page follows: %v", err)
	}
}

// click clicks as by script: what stands in the way is another test's matter.
func click(selector string) chromedp.Action[chromedp.Void] {
	return js(fmt.Sprintf("document.querySelector(%q).click()", selector))
}

// js runs an expression in the page.
func js(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](expression)
}

// get returns the value of an expression in the page.
func get[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 30*time.Second)
	defer stop()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// looks sets width and theme.
func (b *tab) looks(width int64, dark bool) {
	b.t.Helper()
	height, theme, scale := int64(780), "light", 1.0
	if os.Getenv("SCREENSHOTS") != "" && width < 480 {
		scale = 2 // as the design's pictures
	}
	switch width {
	case 320, 900:
		height = 640
	}
	if dark {
		theme = "dark"
	}
	command(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale, Mobile: width < 480})
	b.media("prefers-color-scheme", theme)
}

// media sets one feature that style sheets ask about.
func (b *tab) media(name, value string) {
	b.t.Helper()
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
}

// command sends a command to the browser.
func command[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 30*time.Second)
	defer stop()
	out, err := chromedp.Call(ctx, c, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// keep writes a picture of the whole page into the folder SCREENSHOTS, if one is set: someone looks at them at each change.
func (b *tab) keep(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	picture := command(b, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true)}).Data
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)); err != nil {
		b.t.Fatal(err)
	}
}
