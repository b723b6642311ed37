package expmap

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Compile checks a map and builds its tables. It returns either the map or all its problems, in the order of the
// declaration, each with the path of the field, what is wrong, and what to do. p is copied: the caller may go on using it.
func Compile(p *mapv1.Map, version uint64) (*Map, []*mapv1.Problem) {
	if p == nil {
		return nil, []*mapv1.Problem{{Field: "map", Message: "No map was given.", Remedy: "Give the map to check."}}
	}
	if problems := check(p); len(problems) > 0 {
		return nil, problems
	}
	m, err := build(p, version)
	if err != nil {
		return nil, []*mapv1.Problem{{Field: "zone", Message: sentence(err.Error()), Remedy: zoneRemedy}}
	}
	return m, nil
}

// build makes the tables of a map without checking it. A map that was once accepted must stay readable when the checks
// become stricter, so what is stored is built and not compiled. Only an unknown zone fails.
func build(p *mapv1.Map, version uint64) (*Map, error) {
	p = proto.CloneOf(p)
	zone, err := loadZone(p.GetZone())
	if err != nil {
		return nil, err
	}
	m := &Map{
		Organisation: p.GetOrganisation(),
		Version:      version,
		Proto:        p,
		Zone:         zone,
		Touchpoints:  make(map[string]*Touchpoint, len(p.GetTouchpoints())),
		Channels:     make(map[string]struct{}, len(p.GetChannels())),
		Teams:        make(map[string]struct{}, len(p.GetTeams())),
		Outcomes:     make(map[string]struct{}, len(p.GetOutcomes())),
		Metrics:      make(map[string]*Metric, len(p.GetMetrics())),
		Questions:    make(map[string]*Question, len(p.GetQuestions())),
		Attributes:   make(map[string]*Attribute, len(p.GetAttributes())),
		Breakdowns:   breakdowns(p),
	}
	for _, t := range p.GetTouchpoints() {
		m.Touchpoints[t.GetId()] = &Touchpoint{ID: t.GetId(), Channels: setOrNil(t.GetChannels()), Metrics: setOrNil(t.GetMetrics()), Proto: t}
	}
	for _, c := range p.GetChannels() {
		m.Channels[c.GetId()] = struct{}{}
	}
	for _, t := range p.GetTeams() {
		m.Teams[t.GetId()] = struct{}{}
	}
	for _, o := range p.GetOutcomes() {
		m.Outcomes[o.GetId()] = struct{}{}
	}
	for _, x := range p.GetMetrics() {
		m.Metrics[x.GetId()] = &Metric{ID: x.GetId(), Resolution: int64(x.GetResolution()), Better: x.GetBetter(), Proto: x}
	}
	for _, q := range p.GetQuestions() {
		m.Questions[q.GetId()] = buildQuestion(q, "")
	}
	for _, q := range p.GetQuestions() {
		for _, part := range Parts(p, q) {
			if m.Questions[part.GetId()] == nil && m.Metrics[part.GetId()] == nil { // else one of a map that was never checked
				m.Questions[part.GetId()] = buildQuestion(part, q.GetId())
			}
		}
	}
	for _, a := range p.GetAttributes() {
		m.Attributes[a.GetId()] = &Attribute{ID: a.GetId(), Values: set(a.GetValues())}
	}
	m.ServiceLevels = byID(p.GetServiceLevels())
	m.Roles, m.Journeys, m.Pairings = byID(p.GetRoles()), byID(p.GetJourneys()), byID(p.GetPairings())
	m.Segments, m.CxScores = byID(p.GetSegments()), byID(p.GetCxScores())
	m.Linked = buildLinked(p)
	m.Stages, m.Targets, m.tree = stages(p), targets(p, zone), teamTree(p.GetTeams())
	m.Calendars = make(map[string]*Calendar, len(p.GetCalendars()))
	for _, c := range p.GetCalendars() {
		m.Calendars[c.GetId()] = buildCalendar(c, zone)
	}
	buildSurveys(m)
	return m, nil
}

func byID[T interface{ GetId() string }](things []T) map[string]T {
	m := make(map[string]T, len(things))
	for _, t := range things {
		m[t.GetId()] = t
	}
	return m
}

// stages joins what touchpoints, stages and journeys say of one another.
func stages(p *mapv1.Map) map[string]*Stage {
	m := map[string]*Stage{}
	for _, s := range p.GetStages() {
		m[s.GetId()] = &Stage{ID: s.GetId(), Proto: s}
	}
	for _, t := range p.GetTouchpoints() {
		id := t.GetStage()
		if id == "" {
			continue
		}
		if m[id] == nil {
			m[id] = &Stage{ID: id}
		}
		m[id].Touchpoints = append(m[id].Touchpoints, t.GetId())
	}
	for _, j := range p.GetJourneys() {
		for _, id := range j.GetStages() {
			if s := m[id]; s != nil {
				s.Journey = j.GetId()
			}
		}
	}
	return m
}

func targets(p *mapv1.Map, zone *time.Location) map[string][]*Target {
	m := map[string][]*Target{}
	for _, t := range p.GetTargets() {
		by, err := parseDay(t.GetBy(), zone)
		if err != nil {
			by = time.Time{} // none, or one of a map that was never checked
		}
		m[t.GetScore()] = append(m[t.GetScore()], &Target{By: by, Proto: t})
	}
	return m
}

// breakdowns returns what the map declares, channel and team where it declares nothing.
func breakdowns(p *mapv1.Map) []Breakdown {
	if len(p.GetBreakdowns()) == 0 {
		return []Breakdown{{Kind: Channel}, {Kind: Team}}
	}
	var bs []Breakdown
	for _, s := range p.GetBreakdowns() {
		if b, ok := parseBreakdown(s); ok {
			bs = append(bs, b)
		}
	}
	return bs
}

// loadZone refuses "Local", whose meaning depends on the machine: the same facts would give other days elsewhere.
func loadZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, fmt.Errorf(`the zone "Local" differs from machine to machine`)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the zone %q is not known", name)
	}
	return zone, nil
}

func set(ids []string) map[string]struct{} {
	s := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		s[id] = struct{}{}
	}
	return s
}

func setOrNil(ids []string) map[string]struct{} {
	if len(ids) == 0 {
		return nil
	}
	return set(ids)
}
