// Package traffic publishes random facts as real sources do, with corrections, duplicates, retractions and answers that
// come before their interaction, and repeats each until it is acknowledged.
package traffic

import (
	"time"
	_ "time/tzdata" // the map's zone

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Map is the map of one organisation whose facts this package makes up.
func Map(organisation string) *mapv1.Map {
	touchpoint := func(id string, channels ...string) *mapv1.Touchpoint {
		return &mapv1.Touchpoint{Id: id, Stage: "serve", Channels: channels, Direction: mapv1.Direction_DIRECTION_INBOUND, FunctionalOwner: "head", OperationalOwner: "manager"}
	}
	return &mapv1.Map{
		Organisation: organisation, Name: "Faults", Zone: Zone,
		Touchpoints: []*mapv1.Touchpoint{touchpoint("call", "voice"), touchpoint("chat", "web", "app"), touchpoint("visit")},
		Channels:    []*mapv1.Channel{{Id: "voice"}, {Id: "web"}, {Id: "app"}},
		Teams:       []*mapv1.Team{{Id: "north"}, {Id: "south"}, {Id: "east"}},
		Metrics: []*mapv1.Metric{
			{Id: "wait", Unit: "s", Resolution: 1000, Better: mapv1.Better_BETTER_LOWER},
			{Id: "cost", Unit: "EUR", Resolution: 100, Better: mapv1.Better_BETTER_LOWER},
			{Id: "staff", Unit: "persons", Resolution: 1, Better: mapv1.Better_BETTER_HIGHER},
		},
		Outcomes: []*mapv1.Outcome{{Id: "answered"}, {Id: "abandoned"}},
		Questions: []*mapv1.Question{
			{Id: "recommend", Text: "Would you recommend us?", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMin: 0, ScaleMax: 10, Touchpoints: []string{"call", "chat", "visit"}},
			{Id: "easy", Text: "Was it easy?", Kind: mapv1.QuestionKind_QUESTION_KIND_CES2, ScaleMin: 1, ScaleMax: 7, Touchpoints: []string{"call", "chat", "visit"}},
		},
		Attributes: []*mapv1.Attribute{{Id: "segment", Values: []string{"home", "work"}}},
		Breakdowns: []string{"channel", "team", "attribute:segment"},
	}
}

// Zone of the map.
const Zone = "Europe/Berlin"

// Resolutions are those of its metrics.
func Resolutions() map[string]int64 { return map[string]int64{"wait": 1000, "cost": 100, "staff": 1} }

// Age is how old the oldest fact is at most.
const Age = 60 * 24 * time.Hour
