package admit

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

const (
	maxAhead    = 5 * time.Minute // a clock may be so far ahead
	maxValue    = 1 << 47         // magnitude of a metric's value, exclusive
	maxSum      = 1 << 62         // magnitude of an observation's sum, exclusive
	maxCases    = 1 << 40         // cases of an observation, exclusive
	maxPersonal = 256             // bytes of an identifier of a person or contact
	maxText     = 16 << 10        // bytes of a note or comment
	// Before 1971 a time is a mistake of units, and the zero of a recorded time means that there is none.
	earliest = 365 * 86400
)

// check says what is wrong with the fact, nil when nothing is.
func (s *scratch) check() refusal {
	if !ValidID(s.f.ID) {
		if len(s.f.ID) == 0 {
			return missing("id", "Give each fact an id of its own. "+idRemedy)
		}
		return invalid("id", "It is too long or has a character that an id may not have.", idRemedy)
	}
	if s.f.Retract {
		return s.retraction()
	}
	if s.f.Version == math.MaxUint64 {
		return invalid("version", "It is 2^64-1, which is kept for facts that are taken back for ever.", "Send the source's update time or counter.")
	}
	switch s.f.Kind {
	case factv1.Kind_KIND_INTERACTION:
		return s.interaction()
	case factv1.Kind_KIND_ANSWER:
		return s.answer()
	case factv1.Kind_KIND_OBSERVATION:
		return s.observation()
	default:
		return missing("content", "Send one of interaction, answer, observation, retraction.")
	}
}

func (s *scratch) interaction() refusal {
	f := s.f
	if why := s.time("interaction.occurred_at", f.At); why != nil {
		return why
	}
	t, why := s.touchpoint("interaction.touchpoint", f.Touchpoint)
	if why == nil {
		why = s.place("interaction.", t)
	}
	if why != nil {
		return why
	}
	if _, ok := s.m.Outcomes[string(f.Outcome)]; !ok && len(f.Outcome) > 0 {
		return notInMap("interaction.outcome", "outcome", f.Outcome, s.m.Outcomes)
	}
	if len(f.ContactID) > maxPersonal {
		return tooLarge("interaction.contact_id", maxPersonal)
	}
	if len(f.CustomerID) > maxPersonal {
		return tooLarge("interaction.customer_id", maxPersonal)
	}
	if len(f.Note) > maxText {
		return tooLarge("interaction.note", maxText)
	}
	if len(f.Agent) > maxPersonal {
		return tooLarge("interaction.agent", maxPersonal)
	}
	if why := s.measured(t); why != nil {
		return why
	}
	for i := range f.Attributes {
		a := &f.Attributes[i]
		declared := s.m.Attributes[string(a.Key)]
		if declared == nil {
			return notInMap("interaction.attributes", "attribute", a.Key, s.m.Attributes)
		}
		if _, ok := declared.Values[string(a.Value)]; !ok {
			return notInMap("interaction.attributes["+declared.ID+"]", "value of the attribute", a.Value, declared.Values)
		}
	}
	slices.SortFunc(f.Attributes, func(a, b wire.RecordedAttribute) int { return bytes.Compare(a.Key, b.Key) })
	return nil
}

// measured checks the metric values and sorts them by metric, so that equal content has equal bytes.
func (s *scratch) measured(t *expmap.Touchpoint) refusal {
	for i := range s.f.Metrics {
		v := &s.f.Metrics[i]
		at := func(field string) string { return fmt.Sprintf("interaction.metrics[%d].%s", i, field) }
		m, why := s.metric(at, v.Metric, t)
		if why != nil {
			return why
		}
		if !v.Set {
			return missing(at("value"), "Give a value in the metric's resolution, or a decimal in its unit.")
		}
		x := v.Value
		if v.Decimal != nil {
			if x, why = decimal(at("decimal"), v.Decimal, m, v.Rounding); why != nil {
				return why
			}
		}
		if x <= -maxValue || x >= maxValue {
			return invalid(at("value"), "Its magnitude is 2^47 or more.", fmt.Sprintf("Send it in units of 1/%d %s.", m.Resolution, m.Proto.GetUnit()))
		}
		s.metrics = append(s.metrics, metric{v.Metric, x})
		for j := i; j > 0; j-- { // few, and most publishers send them in one order
			c := bytes.Compare(s.metrics[j-1].id, s.metrics[j].id)
			if c == 0 {
				return invalid(at("metric"), "The metric occurs twice.", "Send each metric once; legs with several values are several interactions.")
			}
			if c < 0 {
				break
			}
			s.metrics[j-1], s.metrics[j] = s.metrics[j], s.metrics[j-1]
		}
	}
	return nil
}

// workedOut tells whether an id is that of a score of which facts carry the parts alone.
func (s *scratch) workedOut(id string) bool {
	for _, r := range s.m.Proto.GetRatios() {
		if r.GetId() == id {
			return true
		}
	}
	for _, l := range s.m.Proto.GetServiceLevels() {
		if l.GetId() == id {
			return true
		}
	}
	return s.m.Linked[id] != nil
}

// metric finds a metric that may be measured at a touchpoint.
func (s *scratch) metric(at func(string) string, id []byte, t *expmap.Touchpoint) (*expmap.Metric, refusal) {
	if len(id) == 0 {
		return nil, missing(at("metric"), "Name a metric of the map.")
	}
	m := s.m.Metrics[string(id)]
	if m == nil {
		if s.workedOut(string(id)) {
			return nil, refuse(ingestv1.Reason_REASON_NOT_IN_MAP, at("metric"), fmt.Sprintf("%q is worked out from other facts: none carries it.", id), "Leave it out.")
		}
		return nil, notInMap(at("metric"), "metric", id, s.m.Metrics)
	}
	if t.Metrics != nil {
		if _, ok := t.Metrics[m.ID]; !ok {
			return nil, refuse(ingestv1.Reason_REASON_NOT_IN_MAP, at("metric"), fmt.Sprintf("The metric %q is not measured at the touchpoint %q.", m.ID, t.ID),
				"Add it to the touchpoint's metrics in the map, or leave it out.")
		}
	}
	return m, nil
}

func (s *scratch) answer() refusal {
	f := s.f
	if len(f.Question) == 0 {
		return missing("answer.question", "Name a question of the map.")
	}
	q := s.m.Questions[string(f.Question)]
	if q == nil {
		return notInMap("answer.question", "question", f.Question, s.m.Questions)
	}
	if q.Min > q.Max {
		return invalid("answer.question", fmt.Sprintf("The question %q is answered by its choices: it has no value of its own.", q.ID), fmt.Sprintf("Send an answer for each choice, to %s_<value of the choice>.", q.ID))
	}
	if f.Value < q.Min || f.Value > q.Max {
		return invalid("answer.value", fmt.Sprintf("The scale of %q is %d to %d.", q.ID, q.Min, q.Max), "Send a point of the scale; leave the answer out when there was none.")
	}
	if why := s.reference("answer.interaction"); why != nil {
		return why
	}
	if f.At.Set {
		if why := s.time("answer.about_time", f.At); why != nil {
			return why
		}
	} else if !f.About {
		return missing("answer.about_time", "Name the interaction asked about, or say when what was asked about happened.")
	}
	if len(f.Touchpoint) == 0 {
		if !f.About {
			return missing("answer.touchpoint", "Name the interaction asked about, or the touchpoint.")
		}
		if len(f.Channel) > 0 || len(f.Team) > 0 {
			return missing("answer.touchpoint", "Name the touchpoint beside channel and team, or leave all three to the interaction.")
		}
	} else {
		t, why := s.touchpoint("answer.touchpoint", f.Touchpoint)
		if why == nil {
			why = s.place("answer.", t)
		}
		if why != nil {
			return why
		}
		if _, ok := q.Touchpoints[t.ID]; !ok {
			return refuse(ingestv1.Reason_REASON_NOT_IN_MAP, "answer.touchpoint", fmt.Sprintf("The question %q does not ask about the touchpoint %q.", q.ID, t.ID),
				"Correct the touchpoint, or add it to the question's touchpoints in the map.")
		}
	}
	if len(f.CustomerID) > maxPersonal {
		return tooLarge("answer.customer_id", maxPersonal)
	}
	if len(f.ResponseID) > maxPersonal {
		return tooLarge("answer.response_id", maxPersonal)
	}
	if len(f.Note) > maxText {
		return tooLarge("answer.text", maxText)
	}
	return nil
}

// reference checks which interaction an answer is about and fills in its source.
func (s *scratch) reference(field string) refusal {
	f := s.f
	if !f.About {
		return nil
	}
	if len(f.AboutID) == 0 {
		return missing(field+".id", "Give the id of the interaction asked about, or leave the reference out.")
	}
	if !ValidID(f.AboutID) {
		return invalid(field+".id", "It is too long or has a character that an id may not have.", idRemedy)
	}
	s.aboutID, s.about = f.AboutID, f.AboutSource
	if len(s.about) == 0 {
		s.about = []byte(s.source)
	}
	if !validSource(s.about) {
		return invalid(field+".source", "A source is 1 to 64 of a-z 0-9 - and _, beginning with a letter.", "Name the source that published the interaction; leave it out when it is the same.")
	}
	return nil
}

func validSource(b []byte) bool {
	if len(b) == 0 || len(b) > 64 || b[0] < 'a' || b[0] > 'z' {
		return false
	}
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func (s *scratch) observation() refusal {
	f := s.f
	if why := s.time("observation.period_start", f.At); why != nil {
		return why
	}
	if !f.End.Set {
		return missing("observation.period_end", "Say when the period ended, as an RFC 3339 time.")
	}
	if !validTime(f.End) || millis(f.End) <= millis(f.At) {
		return invalid("observation.period_end", "It is not after the start of the period.", "Send the end of the period; the end itself does not belong to it.")
	}
	t, why := s.touchpoint("observation.touchpoint", f.Touchpoint)
	if why == nil {
		why = s.place("observation.", t)
	}
	if why != nil {
		return why
	}
	if _, why := s.metric(func(field string) string { return "observation." + field }, f.Metric, t); why != nil {
		return why
	}
	if f.Sum <= -maxSum || f.Sum >= maxSum {
		return invalid("observation.sum", "Its magnitude is 2^62 or more.", "Send shorter periods.")
	}
	if f.N == 0 || f.N >= maxCases {
		return invalid("observation.n", "It must be 1 to 2^40.", "Send the number of cases that the sum adds up.")
	}
	return nil
}

func (s *scratch) retraction() refusal {
	switch s.f.Kind {
	case factv1.Kind_KIND_INTERACTION, factv1.Kind_KIND_OBSERVATION:
		if s.f.About {
			return invalid("retraction.interaction", "Only an answer is about an interaction.", "Leave it out, or set kind to KIND_ANSWER.")
		}
		return nil
	case factv1.Kind_KIND_ANSWER:
		return s.reference("retraction.interaction")
	case factv1.Kind_KIND_UNSPECIFIED:
		return missing("retraction.kind", "Say which kind of fact is taken back: KIND_INTERACTION, KIND_ANSWER or KIND_OBSERVATION.")
	case factv1.Kind_KIND_DISPUTE:
		return invalid("retraction.kind", "A dispute is not published and not taken back: DisputeService writes it.", "Contest the fact with ContestFact, or settle its dispute with RuleDispute.")
	default:
		return invalid("retraction.kind", "There is no such kind.", "Send KIND_INTERACTION, KIND_ANSWER or KIND_OBSERVATION.")
	}
}

func (s *scratch) touchpoint(field string, id []byte) (*expmap.Touchpoint, refusal) {
	if len(id) == 0 {
		return nil, missing(field, "Name a touchpoint of the map.")
	}
	t := s.m.Touchpoints[string(id)]
	if t == nil {
		return nil, notInMap(field, "touchpoint", id, s.m.Touchpoints)
	}
	return t, nil
}

// place checks the channel and the team at a touchpoint; both may be unknown.
func (s *scratch) place(prefix string, t *expmap.Touchpoint) refusal {
	if c := s.f.Channel; len(c) > 0 {
		if _, ok := s.m.Channels[string(c)]; !ok {
			return notInMap(prefix+"channel", "channel", c, s.m.Channels)
		}
		if t.Channels != nil {
			if _, ok := t.Channels[string(c)]; !ok {
				return refuse(ingestv1.Reason_REASON_NOT_IN_MAP, prefix+"channel", fmt.Sprintf("The touchpoint %q does not happen on the channel %q.", t.ID, c),
					"Correct the channel, or add it to the touchpoint's channels in the map.")
			}
		}
	}
	if _, ok := s.m.Teams[string(s.f.Team)]; !ok && len(s.f.Team) > 0 {
		return notInMap(prefix+"team", "team", s.f.Team, s.m.Teams)
	}
	return nil
}

func (s *scratch) time(field string, t wire.Time) refusal {
	if !t.Set {
		return missing(field, "Say when it happened, as an RFC 3339 time.")
	}
	if !validTime(t) {
		return invalid(field, "It is no time from 1971 to 9999.", "Send seconds since 1970 UTC and nanoseconds, or an RFC 3339 time.")
	}
	if ahead := time.UnixMilli(millis(t)).Sub(s.now); ahead > maxAhead {
		return refuse(ingestv1.Reason_REASON_FUTURE, field, fmt.Sprintf("It is %s in the future, more than 5 minutes.", ahead.Round(time.Second)), "Correct the publisher's clock or zone, and send it again.")
	}
	// What an answer about an interaction counts by is only known once that is: its own time decides nothing here.
	if millis(t) < s.before && !s.f.About {
		return sealed(field, time.UnixMilli(s.before).In(s.m.Zone))
	}
	return nil
}

func validTime(t wire.Time) bool {
	return t.Seconds >= earliest && t.Seconds <= 253402300799 && t.Nanos >= 0 && t.Nanos < 1e9
}

func millis(t wire.Time) int64 { return t.Seconds*1000 + int64(t.Nanos)/1e6 }
