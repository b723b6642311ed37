package page_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	survey "github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

// look is one kind of page, and what leads to it.
type look struct {
	name string
	open func(*tab)
}

// everyPage lists all kinds of pages.
func everyPage() []look {
	short := func(b *tab, query string) { b.open("/s/" + b.site.invite(pagetest.Short()) + query) }
	second := func(b *tab, kind survey.Kind, query string) {
		b.open("/s/" + b.site.invite(pagetest.One(kind, true)) + query)
		b.leads(click("[value='7']"), click(".go"))
	}
	through := func(b *tab, query string) {
		short(b, query)
		b.leads(click("[value='7']"), click(".go"))
		b.leads(js("document.querySelector('textarea').value='It took long.'"), click(".go"))
	}
	thanks := func(b *tab, query string) {
		through(b, query)
		b.leads(click("[value='2']"), click(".go"))
	}
	out := []look{
		{"1-nps", func(b *tab) { short(b, "") }},
		{"1-chosen", func(b *tab) { short(b, "?score=7") }},
		{"1-error", func(b *tab) { short(b, ""); b.leads(click(".go")) }},
		{"1-rtl", func(b *tab) { short(b, "?lang=ar") }},
		{"1-rtl-error", func(b *tab) { short(b, "?lang=ar"); b.leads(click(".go")) }},
		{"1-languages", func(b *tab) { short(b, ""); b.run(js("document.querySelector('details').open=true")) }},
		{"2-why", func(b *tab) { short(b, ""); b.leads(click("[value='7']"), click(".go")) }},
		{"2-why-rtl", func(b *tab) { short(b, "?lang=ar"); b.leads(click("[value='7']"), click(".go")) }},
		{"3-ease", func(b *tab) { through(b, "") }},
		{"3-ease-chosen", func(b *tab) { through(b, ""); b.run(click("[value='2']")) }},
		{"3-ease-error", func(b *tab) { through(b, ""); b.leads(click(".go")) }},
		{"4-thanks", func(b *tab) { thanks(b, "") }},
		{"4-thanks-rtl", func(b *tab) { thanks(b, "?lang=ar") }},
		{"4-thanks-error", func(b *tab) { thanks(b, ""); b.leads(click(".go")) }},
		{"5-saved", func(b *tab) { thanks(b, ""); b.leads(click("[value='1']"), click(".go")) }},
		{"long", func(b *tab) { b.open("/s/" + b.site.invite(pagetest.Long())) }},
		{"long-error", func(b *tab) {
			b.open("/s/" + b.site.invite(pagetest.Long()))
			b.leads(js("document.querySelector('.type').value='many'"), click(".go"))
		}},
		{"branching", func(b *tab) { b.open("/s/" + b.site.invite(pagetest.Branching())) }},
		{"gone", func(b *tab) { b.open("/s/unknown") }},
		{"stop", func(b *tab) { b.open("/s/unknown/stop") }},
		{"stopped", func(b *tab) { b.open("/s/unknown/stop?lang=ar"); b.leads(click(".go")) }},
		{"ranking-error", func(b *tab) {
			second(b, survey.Ranking, "")
			b.leads(js("document.querySelectorAll('select').forEach(s=>s.value='1')"), click(".go"))
		}},
		{"perceived-error", func(b *tab) {
			second(b, survey.Perceived, "")
			b.leads(js("document.querySelector('.type').value='<b>'"), click(".go"))
		}},
	}
	for _, kind := range survey.Kinds() {
		out = append(out, look{"kind-" + string(kind), func(b *tab) { second(b, kind, "") }})
	}
	return out
}

// verdict is what the page's measures say.
type verdict struct {
	Axe    []string // violations
	Wide   bool     // it scrolls sideways
	Larger bool     // it does with twice the size of text
	Small  []string // targets that are too small
	Tiny   []string // text under 14 px
}

const measure = `(async () => {
  const box = e => e.getBoundingClientRect(), name = e => e.outerHTML.slice(0, 80);
  const shown = e => box(e).width > 1 && getComputedStyle(e).visibility != 'hidden';
  const wide = () => document.documentElement.scrollWidth > innerWidth;
  const out = {Wide: wide(), Small: [], Tiny: []};
  for (const e of document.querySelectorAll('.row label')) if (box(e).width < 43 || box(e).height < 52) out.Small.push(name(e));
  for (const e of document.querySelectorAll('.list:not(.ranks) label, .go')) if (box(e).height < 52) out.Small.push(name(e));
  for (const e of document.querySelectorAll('button, summary, select, textarea, .type, .back, li > a')) if (shown(e) && (box(e).width < 24 || box(e).height < 24)) out.Small.push(name(e));
  for (const e of document.querySelectorAll('body *')) if (e.children.length == 0 && e.textContent.trim() && shown(e) && parseFloat(getComputedStyle(e).fontSize) < 14) out.Tiny.push(name(e));
  document.documentElement.style.fontSize = '200%';
  out.Larger = wide();
  document.documentElement.style.fontSize = '';
  const found = await axe.run({resultTypes: ['violations'], preload: false});
  out.Axe = found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120) + ' ' + n.failureSummary).join(' | '));
  return out;
})()`

// Every kind of page, in both themes, at three widths, with and without script: nothing that axe-core finds, no sideways scroll
// (at twice the size of text neither), no small target, no complaint of the browser, no request to anybody else.
func TestEveryPage(t *testing.T) {
	if !have(t) {
		return
	}
	source := axe(t)
	s := newSite(t)
	pages := everyPage()
	const tabs = 2
	for n := range tabs {
		t.Run(fmt.Sprint("tab ", n), func(t *testing.T) {
			t.Parallel()
			b := s.tab(t)
			for i, p := range pages {
				for _, scripted := range []bool{true, false} {
					if (2*i+boolean(scripted))%tabs != n {
						continue
					}
					b.scripts(scripted)
					b.looks(390, false)
					p.open(b)
					b.calm(p.name)
					b.scripts(true) // for the measures; the page has no script left to run
					b.run(js(source))
					for _, dark := range []bool{false, true} {
						for _, width := range []int64{320, 390, 900} {
							name := fmt.Sprintf("%s-%d-%s", p.name, width, map[bool]string{false: "light", true: "dark"}[dark])
							b.looks(width, dark)
							if scripted {
								b.keep(name)
							}
							v := get[verdict](b, measure)
							if len(v.Axe) > 0 || v.Wide || v.Larger || len(v.Small) > 0 || len(v.Tiny) > 0 {
								t.Errorf("%s, script %v: sideways %v, with large text %v\n%s", name, scripted, v.Wide, v.Larger,
									strings.Join(slices.Concat(v.Axe, v.Small, v.Tiny), "\n"))
							}
						}
					}
					b.calm(p.name)
				}
			}
		})
	}
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
