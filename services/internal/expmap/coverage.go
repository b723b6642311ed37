package expmap

import (
	"fmt"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Coverage is what a map leaves open. Nothing of it keeps the map from being applied.
type Coverage struct {
	Touchpoints int `json:"touchpoints"`
	Questions   int `json:"questions"`
	// Paired questions have a pairing that is not retired; Excused ones have none and say why.
	Paired  int `json:"paired"`
	Excused int `json:"excused"`
	// Surveys are those that are not closed, and Surveyed which of them ask about a touchpoint, those of drafts too.
	Surveys  int                 `json:"surveys"`
	Surveyed map[string][]string `json:"surveyed"`
	// Gaps are in the order of GapKinds, and those of one kind in the order of the map.
	Gaps []Gap `json:"gaps"`
}

// Gap is one thing that the map leaves open.
type Gap struct {
	Kind GapKind `json:"gap"`
	// Thing is what it is about ("touchpoint"), ID its id and Name its name, or the wording of a question.
	Thing string `json:"thing"`
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	// Note is what to do about it, or why it is so.
	Note string `json:"note"`
}

// GapKind says what is missing.
type GapKind string

// The kinds of gaps.
const (
	// Unmeasured touchpoints list no metrics. Any may be sent of them, but nobody has said which should.
	Unmeasured GapKind = "unmeasured"
	// WithoutSteps are touchpoints whose process is not written down.
	WithoutSteps GapKind = "without steps"
	// WithoutTarget are touchpoints for which nothing is wanted, neither by a target of theirs nor by one that cascades.
	WithoutTarget GapKind = "without target"
	// WithoutQuestion are touchpoints about which nothing is asked. Those back-stage are left out: customers never meet them.
	WithoutQuestion GapKind = "without question"
	// Unpaired questions are paired with no metric and do not say why.
	Unpaired GapKind = "unpaired"
	// UnpairedBecause are questions that are paired with no metric and say why.
	UnpairedBecause GapKind = "unpaired with a reason"
	// Unasked metrics are in no pairing: whether customers feel them is not looked at. Those that ratios only divide by, or that
	// count cases for one, are left out.
	Unasked GapKind = "unasked"
	// WithoutSurvey are touchpoints about which questions are asked, but by no survey of the map, where it has any. Those back-stage
	// are left out.
	WithoutSurvey GapKind = "without survey"
	// InNoSurvey are questions that no survey of the map asks, where it has any: their answers come from elsewhere, or never.
	InNoSurvey GapKind = "in no survey"
	// WithoutTouchpoints are declared stages in which nothing happens.
	WithoutTouchpoints GapKind = "without touchpoints"
	// OwnsNothing are declared roles that own nothing.
	OwnsNothing GapKind = "owns nothing"
)

// GapKinds returns all kinds, in the order in which they are listed.
func GapKinds() []GapKind {
	return []GapKind{Unmeasured, WithoutSteps, WithoutTarget, WithoutQuestion, Unpaired, UnpairedBecause, Unasked, WithoutSurvey, InNoSurvey, WithoutTouchpoints, OwnsNothing}
}

// Of returns the ids of the gaps of one kind, in the order of the map.
func (c *Coverage) Of(kind GapKind) []string {
	var ids []string
	for _, g := range c.Gaps {
		if g.Kind == kind {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

// Headline is the one sentence that stands for the whole.
func (c *Coverage) Headline() string {
	verb := "are"
	if c.Paired == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %d questions %s paired with a metric.", c.Paired, c.Questions, verb)
}

// Cover lists what a map leaves open. The map need not have been checked.
func Cover(p *mapv1.Map) *Coverage {
	c := &Coverage{Touchpoints: len(p.GetTouchpoints()), Questions: len(p.GetQuestions()), Surveyed: map[string][]string{}, Gaps: []Gap{}}
	c.surveys(p)
	for _, kind := range GapKinds() {
		switch kind {
		case Unmeasured, WithoutSteps, WithoutTarget, WithoutQuestion:
			c.touchpoints(p, kind)
		case Unpaired, UnpairedBecause:
			c.questions(p, kind)
		case Unasked:
			c.metrics(p)
		case WithoutSurvey:
			c.unsurveyed(p)
		case InNoSurvey:
			c.inNoSurvey(p)
		case WithoutTouchpoints:
			c.stages(p)
		case OwnsNothing:
			c.roles(p)
		}
	}
	return c
}

func (c *Coverage) add(kind GapKind, thing, id, name, note string) {
	c.Gaps = append(c.Gaps, Gap{Kind: kind, Thing: thing, ID: id, Name: name, Note: note})
}

func (c *Coverage) touchpoints(p *mapv1.Map, kind GapKind) {
	asked := map[string]struct{}{}
	for _, q := range p.GetQuestions() {
		for _, t := range q.GetTouchpoints() {
			asked[t] = struct{}{}
		}
	}
	where := newPlaces(p)
	for _, t := range p.GetTouchpoints() {
		gap, note := false, ""
		switch kind {
		case Unmeasured:
			gap, note = len(t.GetMetrics()) == 0, "List in metrics what is measured there."
		case WithoutSteps:
			gap, note = len(t.GetSteps()) == 0, "Write down in steps what happens there, in order."
		case WithoutTarget:
			gap, note = !wanted(p, where, t), "Set a target for it, or one that cascades for its stage, its journey or the organisation."
		case WithoutQuestion:
			_, is := asked[t.GetId()]
			gap, note = !is && !t.GetBackStage(), "Ask customers about it, or mark it back_stage if they never meet it."
		}
		if gap {
			c.add(kind, "touchpoint", t.GetId(), t.GetName(), note)
		}
	}
}

// wanted reports whether a target holds for a touchpoint as a whole or in part: its own, or one that cascades down to it. A
// target cascades to where its score exists; one of a channel or team cascades to that channel's or team's part alone, which
// leaves the touchpoint without.
func wanted(p *mapv1.Map, where places, t *mapv1.Touchpoint) bool {
	for _, x := range p.GetTargets() {
		if x.GetTouchpoint() == t.GetId() {
			return true
		}
		if !x.GetCascades() || x.GetTouchpoint() != "" || given(x.GetChannel(), x.GetTeam()) > 0 {
			continue
		}
		head, _, _ := strings.Cut(x.GetScore(), ".")
		if above(p, x, t) && where.exists(head, t) {
			return true
		}
	}
	return false
}

// above reports whether a target's stage, journey or organisation holds a touchpoint.
func above(p *mapv1.Map, x *mapv1.Target, t *mapv1.Touchpoint) bool {
	if x.GetStage() != "" {
		return x.GetStage() == t.GetStage()
	}
	if x.GetJourney() == "" {
		return true
	}
	for _, j := range p.GetJourneys() {
		if j.GetId() == x.GetJourney() {
			return slices.Contains(j.GetStages(), t.GetStage())
		}
	}
	return false
}

func (c *Coverage) questions(p *mapv1.Map, kind GapKind) {
	for _, q := range p.GetQuestions() {
		reason := q.GetUnpairedBecause()
		switch is := paired(p, q.GetId()); {
		case is && kind == Unpaired:
			c.Paired++
		case is:
		case kind == Unpaired && reason == "":
			c.add(kind, "question", q.GetId(), q.GetText(), "Pair it with the metric that should move it, or say in unpaired_because why there is none.")
		case kind == UnpairedBecause && reason != "":
			c.Excused++
			c.add(kind, "question", q.GetId(), q.GetText(), reason)
		}
	}
}

func (c *Coverage) metrics(p *mapv1.Map) {
	inPairing := map[string]struct{}{}
	for _, x := range p.GetPairings() {
		if x.GetLife() != mapv1.Life_LIFE_RETIRED {
			inPairing[x.GetMetric()] = struct{}{}
		}
	}
	for _, m := range p.GetMetrics() {
		if _, is := inPairing[m.GetId()]; !is && !dividesOnly(p, m.GetId()) {
			c.add(Unasked, "metric", m.GetId(), m.GetName(), "Pair it with the question that it should move; ask one if there is none.")
		}
	}
}

// dividesOnly reports whether a metric is there for the sake of a ratio: summed below its line and above none, or a count of cases.
func dividesOnly(p *mapv1.Map, metric string) bool {
	divides, is := false, func(ids []string) bool { return slices.Contains(ids, metric) }
	for _, r := range p.GetRatios() {
		switch {
		case r.GetShareOfCases() && (is(r.GetOver()) || is(r.GetUnder())), !is(r.GetOver()) && is(r.GetUnder()):
			divides = true
		case is(r.GetOver()):
			return false
		}
	}
	return divides
}

func (c *Coverage) stages(p *mapv1.Map) {
	used := map[string]struct{}{}
	for _, t := range p.GetTouchpoints() {
		used[t.GetStage()] = struct{}{}
	}
	for _, s := range p.GetStages() {
		if _, is := used[s.GetId()]; !is {
			c.add(WithoutTouchpoints, "stage", s.GetId(), s.GetName(), "Declare its touchpoints, or delete it.")
		}
	}
}

func (c *Coverage) roles(p *mapv1.Map) {
	owns := map[string]struct{}{p.GetProgrammeOwner(): {}}
	for _, t := range p.GetTouchpoints() {
		owns[t.GetFunctionalOwner()] = struct{}{}
		owns[t.GetOperationalOwner()] = struct{}{}
		for _, s := range t.GetSteps() {
			owns[s.GetOwner()] = struct{}{}
		}
	}
	for _, x := range p.GetPairings() {
		owns[x.GetOwner()] = struct{}{}
	}
	for _, r := range p.GetActionRules() {
		owns[r.GetOwner()] = struct{}{}
	}
	for _, s := range p.GetSurveys() {
		owns[s.GetOwner()] = struct{}{}
	}
	for _, r := range p.GetRoles() {
		if _, is := owns[r.GetId()]; !is {
			c.add(OwnsNothing, "role", r.GetId(), r.GetName(), "Give it what it owns, or delete it.")
		}
	}
}
