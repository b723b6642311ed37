// Package expmap compiles, checks, reads, writes and keeps experience maps: what an organisation measures, and how.
//
// A Map is immutable after Compile and safe for any number of readers. Time zones are loaded with time.LoadLocation: a
// binary that runs where no zone database is installed must link time/tzdata itself.
package expmap

import (
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Map is one compiled version of one organisation's experience map. Its sets and tables are keyed by id, so that
// m.Teams[string(b)] looks up bytes without allocating. Nothing in it, Proto included, may be changed.
type Map struct {
	// Organisation id.
	Organisation string
	// Version is 1 for an organisation's first map and rises by one; 0 for a map that was compiled only to be checked.
	Version uint64
	// Proto is the map as declared.
	Proto *mapv1.Map
	// Zone cuts days and ISO weeks; UTC where none is declared.
	Zone *time.Location

	// Touchpoints by id.
	Touchpoints map[string]*Touchpoint
	// Channels, Teams and Outcomes are the declared ids.
	Channels, Teams, Outcomes map[string]struct{}
	// Metrics by id.
	Metrics map[string]*Metric
	// Questions by id, with the parts of those that have any (see PartID). No question has the id of a metric.
	Questions map[string]*Question
	// Attributes by id.
	Attributes map[string]*Attribute
	// Breakdowns kept beside the touchpoint itself, in the declared order; channel and team where none is declared.
	Breakdowns []Breakdown
	// ServiceLevels by id.
	ServiceLevels map[string]*mapv1.ServiceLevel

	// Roles that own things, by id; none where the map names owners as it likes.
	Roles map[string]*mapv1.Role
	// Journeys by id.
	Journeys map[string]*mapv1.Journey
	// Stages by id: those declared, and those that only touchpoints name.
	Stages map[string]*Stage
	// Pairings by id.
	Pairings map[string]*mapv1.Pairing
	// Segments by id.
	Segments map[string]*mapv1.Segment
	// Targets by score, each score's in the order of the map.
	Targets map[string][]*Target
	// CxScores by id.
	CxScores map[string]*mapv1.CxScore
	// Linked metrics by id.
	Linked map[string]*Linked
	// Calendars by id.
	Calendars map[string]*Calendar
	// Surveys by id.
	Surveys map[string]*Survey
	// After are the active surveys that ask after interactions at a touchpoint, by its id, in the order of the map; see Trigger.Asks.
	After map[string][]*Survey
	// Contact is what holds over all surveys.
	Contact Contact
	// Themes in the order of the map.
	Themes []Theme

	tree map[string][]below // teams directly below each
}

// Stage is a phase of a journey.
type Stage struct {
	ID string
	// Journey it belongs to; empty where it belongs to none.
	Journey string
	// Touchpoints of the stage, in the order of the map.
	Touchpoints []string
	// Proto is nil for a stage that only touchpoints name.
	Proto *mapv1.Stage
}

// Target is a wanted value of a score.
type Target struct {
	// By is the start, in the organisation's zone, of the day by which it is wanted; zero where it is wanted from now on.
	By    time.Time
	Proto *mapv1.Target
}

// Touchpoint is one way in which the customer and the organisation meet.
type Touchpoint struct {
	ID string
	// Channels on which it happens; nil means any declared channel.
	Channels map[string]struct{}
	// Metrics measured here; nil means any declared metric.
	Metrics map[string]struct{}
	Proto   *mapv1.Touchpoint
}

// Metric is a process metric.
type Metric struct {
	ID string
	// Resolution is the number of values in one unit: 1000 for seconds kept in milliseconds. 1 to 1,000,000.
	Resolution int64
	Better     mapv1.Better
	Proto      *mapv1.Metric
}

// Question is one item put to customers.
type Question struct {
	ID   string
	Kind mapv1.QuestionKind
	// Min and Max are the lowest and the highest point of the scale, both valid answers. A question that is answered by its
	// parts alone has Min above Max: no value is one of its own.
	Min, Max int64
	// Resolution is the number of values in one point: 1, but 10 for texts, whose sentiment is kept in thousandths.
	Resolution int64
	// Of is the question that this is a part of; empty for those that the map declares.
	Of string
	// Touchpoints it asks about; at least one.
	Touchpoints map[string]struct{}
	// Proto is the question as declared; of a part, what it comes to.
	Proto *mapv1.Question
}

// Attribute is a segment attribute that facts may carry.
type Attribute struct {
	ID string
	// Values are all that a fact may carry.
	Values map[string]struct{}
}

// BreakdownKind says what a breakdown divides a touchpoint by.
type BreakdownKind int

const (
	// Channel divides by the channel of the interaction.
	Channel BreakdownKind = iota + 1
	// Team divides by the team that handled it.
	Team
	// Segment divides by the value of one declared attribute.
	Segment
)

// Breakdown is one division of each touchpoint for which cells are kept.
type Breakdown struct {
	Kind BreakdownKind
	// Attribute is the id of the attribute of a Segment breakdown, else empty.
	Attribute string
}

// String returns the breakdown as a map declares it: "channel", "team" or "attribute:<id>".
func (b Breakdown) String() string {
	switch b.Kind {
	case Channel:
		return "channel"
	case Team:
		return "team"
	default:
		return attributePrefix + b.Attribute
	}
}

const attributePrefix = "attribute:"

// parseBreakdown reads a declared breakdown; ok is false when it is none of the three forms.
func parseBreakdown(s string) (b Breakdown, ok bool) {
	switch {
	case s == "channel":
		return Breakdown{Kind: Channel}, true
	case s == "team":
		return Breakdown{Kind: Team}, true
	case len(s) > len(attributePrefix) && s[:len(attributePrefix)] == attributePrefix:
		return Breakdown{Kind: Segment, Attribute: s[len(attributePrefix):]}, true
	}
	return Breakdown{}, false
}
