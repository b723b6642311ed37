package survey

import (
	"context"
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
	view    *expmap.Map
	version uint64
	proto   *mapv1.Map
	zone    *time.Location
	rules   gate.Rules
	surveys []*asked // in the order of the map
	byID    map[string]*asked
	finder  *words.Finder
}

// asked is one survey.
type asked struct {
	view   *expmap.Survey
	proto  *mapv1.Survey
	asking gate.Asking
	page   *page.Survey
}

func compile(m *expmap.Map) *compiled {
	c := &compiled{view: m, version: m.Version, proto: m.Proto, zone: m.Zone, rules: rulesOf(m), byID: make(map[string]*asked, len(m.Surveys))}
	themes := make([]words.Theme, len(m.Themes))
	for i, t := range m.Themes {
		themes[i] = words.Theme{ID: t.ID, Words: t.Words}
	}
	c.finder = words.NewFinder(themes)
	for _, p := range m.Proto.GetSurveys() {
		s := m.Surveys[p.GetId()]
		a := &asked{view: s, proto: s.Proto, asking: askingOf(s), page: pageOf(m, s)}
		c.surveys = append(c.surveys, a)
		c.byID[s.ID] = a
	}
	return c
}

// scale is how many values of a metric make one unit.
func (c *compiled) scale(metric string) float64 {
	if m := c.view.Metrics[metric]; m != nil {
		return max(float64(m.Resolution), 1)
	}
	return 1
}

// owner is the operational owner of a touchpoint; empty for none.
func (c *compiled) owner(touchpoint string) string {
	if t := c.view.Touchpoints[touchpoint]; t != nil {
		return t.Proto.GetOperationalOwner()
	}
	return ""
}

// triggered tells whether a survey asks after an interaction.
func (a *asked) triggered(i *expmap.Interaction) bool {
	return a.view.Trigger != nil && a.view.Trigger.Asks(i)
}

// delay from when an interaction was recorded.
func (a *asked) delay() time.Duration {
	if a.view.Trigger == nil {
		return 0
	}
	return a.view.Trigger.Delay
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

// current returns an organisation's map as it is now; nil when there is none.
func (a *atlas) current(org string) *compiled {
	m := a.maps.Current(org)
	if m == nil {
		return nil
	}
	return a.of(m)
}

// at returns a version of an organisation's map.
func (a *atlas) at(ctx context.Context, org string, version uint64) (*compiled, error) {
	a.mu.Lock()
	c := a.known[edition{org, version}]
	a.mu.Unlock()
	if c != nil {
		return c, nil
	}
	m, err := a.maps.At(ctx, org, version)
	if err != nil {
		return nil, err
	}
	return a.of(m), nil
}

func (a *atlas) of(m *expmap.Map) *compiled {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := edition{m.Organisation, m.Version}
	if c := a.known[e]; c != nil {
		return c
	}
	if len(a.known) >= mostKnown {
		clear(a.known)
	}
	c := compile(m)
	a.known[e] = c
	return c
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// name is what a touchpoint is called; empty where the map has none of this id.
func (c *compiled) name(touchpoint string) string {
	if t := c.view.Touchpoints[touchpoint]; t != nil {
		return t.Proto.GetName()
	}
	return ""
}
