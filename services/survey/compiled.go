package survey

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
	"github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/words"
)

// compiled is one version of a map as far as surveys need it. It never changes.
type compiled struct {
	version   uint64
	proto     *mapv1.Map
	zone      *time.Location
	rules     gate.Rules
	surveys   []*asked
	byID      map[string]*asked
	questions map[string]*mapv1.Question
	finder    *words.Finder
	triggers  map[string][]*asked // active surveys by the touchpoints on which they trigger
	scale     map[string]float64  // values of each metric in one unit
	owners    map[string]string   // operational owner by touchpoint
	names     map[string]string   // of touchpoints, as customers read them
}

// asked is one survey.
type asked struct {
	proto  *mapv1.Survey
	asking gate.Asking
	when   *condition
	delay  time.Duration
	page   *page.Survey
	// wrong says why it asks nobody although the map says so: a condition that cannot be read.
	wrong string
}

func compile(p *mapv1.Map, version uint64) (*compiled, error) {
	zone, err := zoneOf(p.GetZone())
	if err != nil {
		return nil, err
	}
	c := &compiled{
		version: version, proto: p, zone: zone, rules: rulesOf(p.GetContactRules(), zone), byID: map[string]*asked{}, questions: map[string]*mapv1.Question{},
		triggers: map[string][]*asked{}, scale: map[string]float64{}, owners: map[string]string{}, names: map[string]string{},
	}
	for _, q := range p.GetQuestions() {
		c.questions[q.GetId()] = q
	}
	for _, m := range p.GetMetrics() {
		c.scale[m.GetId()] = max(float64(m.GetResolution()), 1)
	}
	for _, t := range p.GetTouchpoints() {
		c.owners[t.GetId()], c.names[t.GetId()] = t.GetOperationalOwner(), t.GetName()
	}
	var themes []words.Theme
	for _, t := range p.GetThemes() {
		x := words.Theme{ID: t.GetId(), Words: map[string][]string{}}
		for _, w := range t.GetWords() {
			x.Words[w.GetLanguage()] = append(x.Words[w.GetLanguage()], w.GetWords()...)
		}
		themes = append(themes, x)
	}
	c.finder = words.NewFinder(themes)
	for _, s := range p.GetSurveys() {
		a := &asked{proto: s, asking: askingOf(s), delay: time.Duration(s.GetTrigger().GetDelayMinutes()) * time.Minute}
		var pageErr error
		a.page, pageErr = c.pageOf(s)
		a.when, err = interactionCondition(s.GetTrigger().GetWhen())
		for _, wrong := range []error{pageErr, err} {
			if wrong != nil {
				a.wrong = wrong.Error()
				a.asking.Held = "Its map cannot be used: " + a.wrong
			}
		}
		c.surveys = append(c.surveys, a)
		c.byID[s.GetId()] = a
		if s.GetState() == mapv1.SurveyState_SURVEY_STATE_ACTIVE {
			for _, t := range s.GetTrigger().GetTouchpoints() {
				c.triggers[t] = append(c.triggers[t], a)
			}
		}
	}
	return c, nil
}

// triggered tells whether a survey asks after an interaction with these properties.
func (a *asked) triggered(touchpoint, channel, team, outcome string, attributes map[string]string, metrics func() map[string]float64) bool {
	t := a.proto.GetTrigger()
	if !slices.Contains(t.GetTouchpoints(), touchpoint) || len(t.GetOutcomes()) > 0 && !slices.Contains(t.GetOutcomes(), outcome) {
		return false
	}
	if a.when == nil {
		return true
	}
	return a.when.holds(map[string]any{
		"touchpoint": touchpoint, "channel": channel, "team": team, "outcome": outcome, "attributes": attributes, "metrics": metrics(),
	})
}

// pageOf is a survey as pages show it.
func (c *compiled) pageOf(s *mapv1.Survey) (*page.Survey, error) {
	out := &page.Survey{Organisation: orElse(c.proto.GetName(), c.proto.GetOrganisation()), Languages: languagesOf(s), AskConsent: s.GetAskConsent(), Published: map[string]string{}}
	for _, p := range s.GetPublished() {
		if _, newer := out.Published[p.GetLanguage()]; !newer {
			out.Published[p.GetLanguage()] = p.GetText()
		}
	}
	var before []*mapv1.Question
	var wrong error
	for _, item := range s.GetItems() {
		q := c.questions[item.GetQuestion()]
		if q == nil {
			return out, fmt.Errorf("the question %q is not in the map", item.GetQuestion())
		}
		x := page.Question{
			ID: q.GetId(), Kind: page.Kind(strings.ToLower(strings.TrimPrefix(q.GetKind().String(), "QUESTION_KIND_"))), Min: q.GetScaleMin(), Max: q.GetScaleMax(),
			Wordings: map[string]page.Wording{},
		}
		w := page.Wording{Text: q.GetText(), Low: q.GetLowLabel(), High: q.GetHighLabel()}
		for _, choice := range q.GetChoices() {
			x.Choices = append(x.Choices, choice.GetValue())
			w.Choices = append(w.Choices, choice.GetLabel())
		}
		x.Wordings[out.Languages[0]] = w
		for _, other := range q.GetWordings() {
			o := page.Wording{Text: other.GetText(), Low: other.GetLowLabel(), High: other.GetHighLabel(), Choices: other.GetChoices()}
			if len(o.Choices) != len(w.Choices) {
				o.Choices = w.Choices
			}
			x.Wordings[other.GetLanguage()] = o
		}
		var err error
		if x.When, x.Needs, err = answersCondition(item.GetWhen(), before); err != nil {
			wrong = err
		}
		out.Questions = append(out.Questions, x)
		before = append(before, q)
	}
	if len(out.Questions) == 0 {
		wrong = fmt.Errorf("it has no questions")
	}
	return out, wrong
}

// atlas holds compiled maps: the current of each organisation, and those by which somebody was asked.
type atlas struct {
	maps *expmap.Registry

	mu    sync.Mutex
	known map[edition]*compiled
}

type edition struct {
	org     string
	version uint64
}

// mostKnown is how many versions are kept compiled.
const mostKnown = 64

func newAtlas(maps *expmap.Registry) *atlas {
	return &atlas{maps: maps, known: map[edition]*compiled{}}
}

// current returns an organisation's map as it is now; nil when there is none that can be used.
func (a *atlas) current(org string) *compiled {
	m := a.maps.Current(org)
	if m == nil {
		return nil
	}
	c, err := a.of(edition{org, m.Version}, func() (*mapv1.Map, error) { return m.Proto, nil })
	if err != nil {
		return nil
	}
	return c
}

// at returns a version of an organisation's map.
func (a *atlas) at(ctx context.Context, org string, version uint64) (*compiled, error) {
	return a.of(edition{org, version}, func() (*mapv1.Map, error) {
		if m := a.maps.Current(org); m != nil && m.Version == version {
			return m.Proto, nil
		}
		mv, err := a.maps.Version(ctx, org, version)
		return mv.GetMap(), err
	})
}

func (a *atlas) of(e edition, read func() (*mapv1.Map, error)) (*compiled, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.known[e]; c != nil {
		return c, nil
	}
	p, err := read()
	if err != nil {
		return nil, err
	}
	c, err := compile(p, e.version)
	if err != nil {
		return nil, err
	}
	if len(a.known) >= mostKnown {
		clear(a.known)
	}
	a.known[e] = c
	return c, nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
