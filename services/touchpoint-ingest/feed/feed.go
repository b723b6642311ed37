// Package feed turns the records of native formats into facts, as a source's feed in the map declares. Teams of agents are worked
// out when a record is read, for its agent's name is not kept; all else when its fact is made.
package feed

import (
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// Feed is one source's feed, ready to be used.
type Feed struct {
	m     *expmap.Map
	proto *mapv1.Feed
	zone  *time.Location

	outcomes, metrics, questions, attributes map[string]string
}

// Of returns the feed of a source in a map; ok is false when it has none.
func Of(m *expmap.Map, source string) (f *Feed, ok bool) {
	for _, p := range m.Proto.GetFeeds() {
		if p.GetSource() == source {
			return compile(m, p), true
		}
	}
	return nil, false
}

// Plain returns a feed for a source that has none: every record is refused for want of a rule, in the words that say which
// rule is missing.
func Plain(m *expmap.Map, source, format string) *Feed {
	return compile(m, &mapv1.Feed{Source: source, Format: format})
}

func compile(m *expmap.Map, p *mapv1.Feed) *Feed {
	f := &Feed{
		m: m, proto: p, zone: m.Zone, outcomes: renamed(p.GetOutcomes()), metrics: renamed(p.GetMetrics()),
		questions: renamed(p.GetQuestions()), attributes: renamed(p.GetAttributes()),
	}
	if z := p.GetZone(); z != "" {
		if zone, err := time.LoadLocation(z); err == nil { // else the map's check would have refused it
			f.zone = zone
		}
	}
	return f
}

func renamed(all []*mapv1.Renamed) map[string]string {
	out := make(map[string]string, len(all))
	for _, r := range all {
		out[r.GetFrom()] = r.GetTo()
	}
	return out
}

// Format returns the name of the feed's format.
func (f *Feed) Format() string { return f.proto.GetFormat() }

// About is the field in which a survey tool carries the id of the interaction asked about; empty for its usual names.
func (f *Feed) About() string { return f.proto.GetAboutField() }

// Zone is that of times without one.
func (f *Feed) Zone() *time.Location { return f.zone }

// Fact returns what a record becomes, or why it becomes nothing. Whether the fact fits the map is checked where all facts
// are.
func (f *Feed) Fact(r *format.Record) (*factv1.Fact, *ingestv1.Refusal) {
	if r.Implausible != "" {
		return nil, refusal(ingestv1.Reason_REASON_INVALID, "record", r.Implausible+".", "Find out what the system recorded; a corrected record with a higher version is taken.")
	}
	if r.Retracted {
		return f.retraction(r), nil
	}
	if r.Answer != nil {
		return f.answer(r)
	}
	rule := f.rule(r)
	if rule == nil {
		return nil, f.noRule(r)
	}
	i := &factv1.Interaction{
		OccurredAt: timestamppb.New(r.OccurredAt), Touchpoint: rule.GetTouchpoint(), Channel: f.channel(rule, r), Team: f.team(rule, r),
		Outcome: named(f.outcomes, r.Outcome), ContactId: r.Contact, CustomerId: r.Customer, Attributes: f.declared(r.Attributes), Note: r.Note,
	}
	if f.m.KeepsAgents() {
		i.Agent = agent(r.Agent)
	}
	measured := f.m.Touchpoints[i.Touchpoint]
	for _, x := range r.Measures {
		id := named(f.metrics, x.Name)
		metric := f.m.Metrics[id]
		if metric == nil || measured != nil && measured.Metrics != nil && !has(measured.Metrics, id) {
			continue // the map does not ask for it
		}
		v, why := value(metric, x)
		if why != nil {
			return nil, why
		}
		i.Metrics = append(i.Metrics, &factv1.MetricValue{Metric: id, Amount: &factv1.MetricValue_Value{Value: v}})
	}
	return &factv1.Fact{Id: r.ID, Version: r.Version, Content: &factv1.Fact_Interaction{Interaction: i}}, nil
}

func (f *Feed) retraction(r *format.Record) *factv1.Fact {
	x := &factv1.Retraction{Kind: factv1.Kind_KIND_INTERACTION}
	if r.Answer != nil {
		x.Kind, x.Interaction = factv1.Kind_KIND_ANSWER, f.about(r.Answer)
	}
	return &factv1.Fact{Id: r.ID, Version: r.Version, Content: &factv1.Fact_Retraction{Retraction: x}}
}

// about is the interaction that an answer is about; nil where it names none. An id that was carried along may be of another source.
func (f *Feed) about(a *format.Answer) *factv1.InteractionRef {
	switch {
	case a.Interaction == "":
		return nil
	case a.Carried:
		return &factv1.InteractionRef{Source: f.proto.GetAboutSource(), Id: a.Interaction}
	}
	return &factv1.InteractionRef{Id: a.Interaction}
}

func (f *Feed) answer(r *format.Record) (*factv1.Fact, *ingestv1.Refusal) {
	a := r.Answer
	question := named(f.questions, a.Question)
	if f.m.Questions[question] == nil {
		return nil, refusal(ingestv1.Reason_REASON_NOT_IN_MAP, "answer.question", fmt.Sprintf("The feed of source %q does not say which question %q is.", f.proto.GetSource(), a.Question),
			"Add it to the feed's questions, as from and to.")
	}
	v := math.Round(a.Value)
	if v != a.Value || math.Abs(v) > 1e6 {
		return nil, refusal(ingestv1.Reason_REASON_INVALID, "answer.value", fmt.Sprintf("The answer %v is no point of a scale.", a.Value), "Send whole points.")
	}
	out := &factv1.Answer{
		Question: question, Value: int64(v), CustomerId: r.Customer, ResponseId: r.Contact, Text: a.Text, AboutTime: timestamppb.New(r.OccurredAt), Interaction: f.about(a),
	}
	if rule := f.rule(r); rule != nil {
		out.Touchpoint, out.Channel, out.Team = rule.GetTouchpoint(), f.channel(rule, r), f.team(rule, r)
	} else if a.Interaction == "" {
		return nil, f.noRule(r)
	}
	return &factv1.Fact{Id: r.ID, Version: r.Version, Content: &factv1.Fact_Answer{Answer: out}}, nil
}

// rule returns the first rule that fits a record.
func (f *Feed) rule(r *format.Record) *mapv1.FeedRule {
	for _, rule := range f.proto.GetRules() {
		if rule.GetQueue() != "" && !fits(rule.GetQueue(), r.Queue) {
			continue
		}
		switch rule.GetDirection() {
		case mapv1.Direction_DIRECTION_INBOUND:
			if r.Direction == "outbound" {
				continue
			}
		case mapv1.Direction_DIRECTION_OUTBOUND:
			if r.Direction != "outbound" {
				continue
			}
		}
		return rule
	}
	return nil
}

func (f *Feed) noRule(r *format.Record) *ingestv1.Refusal {
	return refusal(ingestv1.Reason_REASON_NOT_IN_MAP, "interaction.touchpoint", fmt.Sprintf("The feed of source %q has no rule for the queue %q.", f.proto.GetSource(), r.Queue),
		"Add a rule to the feed that names the queue and its touchpoint, then send the records again.")
}

// channel is the rule's, else the record's own where the map declares it.
func (f *Feed) channel(rule *mapv1.FeedRule, r *format.Record) string {
	if rule.GetChannel() != "" {
		return rule.GetChannel()
	}
	if _, ok := f.m.Channels[r.Channel]; ok {
		return r.Channel
	}
	return ""
}

// team is the rule's, else that of the agent: as it was when the record came, where a token says it.
func (f *Feed) team(rule *mapv1.FeedRule, r *format.Record) string {
	if rule.GetTeam() != "" {
		return rule.GetTeam()
	}
	if a, ok := format.ParseAgent(r.Agent); ok {
		return a.Team
	}
	return f.TeamOf(r.Agent)
}

// TeamOf returns the team of an agent by name; empty where no rule of the feed says it.
func (f *Feed) TeamOf(name string) string {
	if name == "" {
		return ""
	}
	for _, x := range f.proto.GetTeams() {
		if fits(x.GetFrom(), name) {
			return x.GetTo()
		}
	}
	return ""
}

// KeepsAgents reports whether the map keeps scores of agents.
func (f *Feed) KeepsAgents() bool { return f.m.KeepsAgents() }

// agent is who a fact names: by the hash that stands in a token, where there is one.
func agent(name string) string {
	a, ok := format.ParseAgent(name)
	switch {
	case !ok:
		return name
	case a.Hash == "":
		return "" // read while the map kept none
	}
	return seal.AgentHashed + a.Hash
}

// declared keeps the attributes that the map declares, under its ids. A value that it does not declare is refused with the fact.
func (f *Feed) declared(given map[string]string) map[string]string {
	var out map[string]string
	for k, v := range given {
		id := named(f.attributes, k)
		if f.m.Attributes[id] == nil {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[id] = v
	}
	return out
}

// unit returns how long a unit of time is, by the names that maps use; 0 for other units.
func unit(name string) time.Duration {
	switch name {
	case "ms":
		return time.Millisecond
	case "s":
		return time.Second
	case "min":
		return time.Minute
	case "h":
		return time.Hour
	case "d":
		return 24 * time.Hour
	}
	return 0
}

// value fits a measure to its metric's unit and resolution, halves to the even neighbour.
func value(m *expmap.Metric, x format.Measure) (int64, *ingestv1.Refusal) {
	if !format.IsTime(x.Name) {
		return x.Count * m.Resolution, nil
	}
	u := unit(m.Proto.GetUnit())
	if u == 0 {
		return 0, refusal(ingestv1.Reason_REASON_INVALID, "interaction.metrics", fmt.Sprintf("%s is a time, and the metric %q is read in %q.", x.Name, m.ID, m.Proto.GetUnit()),
			"Rename the measure in the feed to a metric with the unit ms, s, min, h or d.")
	}
	return int64(math.RoundToEven(float64(x.Time) / float64(u) * float64(m.Resolution))), nil
}

func named(names map[string]string, own string) string {
	if to, ok := names[own]; ok {
		return to
	}
	return own
}

// fits reports whether a name is the pattern, or begins with what stands before its *.
func fits(pattern, name string) bool {
	if prefix, wild := strings.CutSuffix(pattern, "*"); wild {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

func has(set map[string]struct{}, id string) bool { _, ok := set[id]; return ok }

func refusal(reason ingestv1.Reason, field, message, remedy string) *ingestv1.Refusal {
	return &ingestv1.Refusal{Reason: reason, Field: field, Message: message, Remedy: remedy}
}
