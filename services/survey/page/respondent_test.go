package page_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	survey "github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

// says fails unless an expression about the page becomes true: focus and history take a moment.
func (b *tab) says(expression string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 5*time.Second)
	defer stop()
	for ctx.Err() == nil {
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression)); err == nil && ok {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !get[bool](b, expression) {
		b.t.Errorf("not so: %s\n%s", expression, get[string](b, "location.search + ' ' + document.activeElement.outerHTML.slice(0, 200) + document.querySelector('main').innerText"))
	}
}

const focused = "document.activeElement"

// What respondents do, with real clicks and keys, with and without script.
func TestRespondent(t *testing.T) {
	if !have(t) {
		return
	}
	s := newSite(t)
	for _, c := range []struct {
		name string
		run  func(*tab, bool)
	}{
		{"error summary", errorSummary},
		{"keyboard", keyboard},
		{"resume", resumeInBrowser},
		{"back button", backButton},
		{"sent twice", sentTwice},
		{"language", languageInBrowser},
		{"half-written", halfWritten},
		{"forced colours", forcedColours},
	} {
		for _, scripted := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, script %v", c.name, scripted), func(t *testing.T) {
				b := s.tab(t)
				b.scripts(scripted)
				b.looks(390, false)
				c.run(b, scripted)
				b.calm(c.name)
			})
		}
	}
}

func tap(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

func errorSummary(b *tab, _ bool) {
	b.open("/s/" + b.site.invite(pagetest.Short()))
	b.leads(tap(".go"))
	b.says(focused + ".className == 'sum' && getComputedStyle(" + focused + ").outlineStyle == 'solid'")
	b.says("document.title.startsWith('Error: ')")
	b.says("document.querySelector('.wrong').innerText == 'Choose a number from 0 to 10'")
	b.run(tap(".sum a"))
	b.says(focused + ".name == 'q.nps' && " + focused + ".value == '0' && !" + focused + ".checked")
}

func keyboard(b *tab, _ bool) {
	token := b.site.invite(pagetest.Short())
	b.open("/s/" + token)
	b.run(chromedp.KeyEvent("\t"))
	b.says(focused + ".tagName == 'SUMMARY'")
	b.run(chromedp.KeyEvent("\t"))
	b.says(focused + ".name == 'q.nps' && !document.querySelector(':checked')")
	b.run(chromedp.KeyEvent(" "), chromedp.KeyEvent(kb.ArrowRight))
	b.says("document.querySelector(':checked').value == '1'")
	b.says("getComputedStyle(document.querySelector(':checked + b')).outlineStyle == 'solid'")
	b.leads(chromedp.KeyEvent("\r")) // Enter continues, and does not change the language
	b.says("document.querySelector('.place').innerText == 'Question 2 of 3'")
	if got := b.site.store.Recorded(token); got.Saves != 1 || got.Last.Language != "en" || got.Answers["nps"].Values[0] != 1 {
		b.t.Errorf("recorded %+v", got)
	}
	b.open("/s/" + b.site.invite(pagetest.One(survey.Perceived, false)))
	b.run(tap(".type"), chromedp.KeyEvent("12"))
	b.leads(chromedp.KeyEvent("\r"))
	b.says("document.querySelector('h1').innerText.startsWith('Thank you')")
}

func resumeInBrowser(b *tab, scripted bool) {
	token := b.site.invite(pagetest.Short())
	b.open("/s/" + token)
	b.run(tap(".row label:nth-child(8)"))
	b.leads(tap(".go"))
	other := b.site.tab(b.t)
	other.scripts(scripted)
	other.open("/s/" + token + "?score=2")
	other.says("document.querySelector('.place').innerText == 'Question 2 of 3'")
	other.leads(tap(".back"))
	other.says("document.querySelector(':checked').value == '7'")
	b.leads(chromedp.Reload())
	b.says("document.querySelector('.place').innerText == 'Question 2 of 3'")
	other.calm("resume")
}

// After going back the page may be the very one that was left: chromedp then no longer knows where its elements are, and the
// clicks are the page's own.
func backButton(b *tab, _ bool) {
	token := b.site.invite(pagetest.Short())
	b.open("/s/" + token)
	b.run(tap(".row label:nth-child(4)"))
	b.leads(tap(".go"))
	b.run(js("history.back()"))
	b.says("document.querySelector('.place').innerText == 'Question 1 of 3' && document.querySelector(':checked').value == '3'")
	b.run(click(".row label:nth-child(5)"))
	b.leads(click(".go"))
	b.says("document.querySelector('.place').innerText == 'Question 2 of 3'")
	b.leads(click(".skip"))
	b.run(click(".list label"))
	b.leads(click(".go"))
	b.says("document.querySelector('h1').innerText.startsWith('Thank you')")
	// Nothing can be changed any more, whether the browser kept the page or fetches it again.
	b.run(js("history.back()"))
	b.says("document.querySelector('.place, .panel').innerText.match(/^(Question 3 of 3|This link takes no answers)/) != null")
	if get[bool](b, "document.querySelector('.go') != null") {
		b.run(click(".list label:last-child"))
		b.leads(click(".go"))
		b.says("document.querySelector('h1').innerText.startsWith('Thank you')")
	}
	if got := b.site.store.Recorded(token); got.Finishes != 1 || got.Answers["nps"].Values[0] != 4 || got.Answers["ease"].Values[0] != 1 {
		b.t.Errorf("recorded %+v", got)
	}
}

func sentTwice(b *tab, _ bool) {
	token := b.site.invite(pagetest.Short())
	b.open("/s/" + token)
	b.run(tap(".row label:nth-child(10)"))
	b.leads(js("document.querySelector('.go').click(), document.querySelector('.go').click()"))
	b.says("document.querySelector('.place').innerText == 'Question 2 of 2'")
	b.run(tap(".list label"))
	b.leads(js("document.querySelector('.go').click(), document.querySelector('.go').click()"))
	b.says("document.querySelector('h1').innerText.startsWith('Thank you')")
	b.leads(chromedp.Reload())
	b.says("document.querySelector('h1').innerText.startsWith('Thank you')")
	if got := b.site.store.Recorded(token); got.Finishes != 1 || got.Saves != 1 {
		b.t.Errorf("recorded %+v", got)
	}
}

func languageInBrowser(b *tab, _ bool) {
	token := b.site.invite(pagetest.Short())
	b.open("/s/" + token)
	b.run(tap(".row label:nth-child(8)"), tap("summary"))
	b.leads(tap("[value=ar]"))
	b.says("document.dir == 'rtl' && document.documentElement.lang == 'ar' && document.querySelector(':checked').value == '7'")
	b.says("document.querySelector('.row label').getBoundingClientRect().left > document.querySelector('.row label:nth-child(2)').getBoundingClientRect().left")
	b.says("document.querySelector('.ends span').getBoundingClientRect().right > document.querySelector('.ends span:last-child').getBoundingClientRect().right")
	b.leads(tap(".go"))
	b.says("document.dir == 'rtl'")
	b.open("/s/unknown?lang=de")
	b.run(tap("summary"))
	b.leads(tap("a[lang=pl]"))
	b.says("document.documentElement.lang == 'pl'")
}

// A half-written comment stays in its tab; without script it does not, and all else works.
func halfWritten(b *tab, scripted bool) {
	token := b.site.invite(pagetest.Short())
	b.open("/s/" + token)
	b.run(tap(".row label:nth-child(8)"))
	b.leads(tap(".go"))
	b.run(tap("textarea"), chromedp.KeyEvent("It took"))
	b.open("/s/" + token)
	want := map[bool]string{true: "It took", false: ""}[scripted]
	if got := get[string](b, "document.querySelector('textarea').value"); got != want {
		b.t.Errorf("the comment is %q, want %q", got, want)
	}
	b.run(tap("textarea"), chromedp.KeyEvent(" long"))
	b.leads(tap(".go"))
	b.leads(tap(".skip"))
	b.says("sessionStorage.length == 0")
	if got := b.site.store.Recorded(token).Answers["why"].Text; !strings.HasSuffix(got, " long") && got != "long" {
		b.t.Errorf("recorded %q", got)
	}
}

// What is chosen is seen where the system sets the colours; nothing moves.
func forcedColours(b *tab, _ bool) {
	b.open("/s/" + b.site.invite(pagetest.Short()) + "?score=7")
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "forced-colors", Value: "active"}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	b.says("matchMedia('(forced-colors: active)').matches")
	b.says("getComputedStyle(document.querySelector(':checked + b')).backgroundColor != getComputedStyle(document.querySelector('input:not(:checked) + b')).backgroundColor")
	b.says("getComputedStyle(document.querySelector('.go')).borderStyle == 'solid'")
	b.says("document.getAnimations().length == 0")
	b.keep("1-forced-390")
}
