package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The world of the bench: 84 touchpoints, each with 8 channels, 12 teams and 6 segments beside itself: 2,268 series, of
// which each holds minutes, quarter-hours and days.
const (
	organisation = "bench"
	source       = "bench"
	touchpoints  = 84
	probe        = "probe" // one touchpoint more, for the probes of the latency measurement alone
	attribute    = "segment"

	seriesPerTouchpoint = 1 + 8 + 12 + 6
)

var (
	channels = []string{"voice", "chat", "email", "web", "app", "branch", "social", "post"}
	teams    = []string{
		"care_north", "care_south", "care_east", "care_west", "business", "digital", "billing", "technical",
		"retention", "collections", "branches", "field",
	}
	segments = []string{"consumer", "business", "wholesale", "premium", "student", "senior"}
	outcomes = []string{"answered", "resolved", "unresolved", "transferred", "abandoned"}
	metrics  = [...]string{"queue_wait", "talk_time", "hold_time", "handling_cost"}
)

func touchpointID(i int) string { return fmt.Sprintf("touchpoint_%02d", i) }

// experienceMap declares the world.
func experienceMap() *mapv1.Map {
	m := &mapv1.Map{Organisation: organisation, Name: "Bench", Zone: "UTC", Breakdowns: []string{"channel", "team", "attribute:" + attribute}}
	point := func(id string) {
		m.Touchpoints = append(m.Touchpoints, &mapv1.Touchpoint{
			Id: id, Name: id, Direction: mapv1.Direction_DIRECTION_INBOUND, FunctionalOwner: "head", OperationalOwner: "floor",
		})
	}
	for i := range touchpoints {
		point(touchpointID(i))
	}
	point(probe)
	for _, id := range channels {
		m.Channels = append(m.Channels, &mapv1.Channel{Id: id, Name: id})
	}
	for _, id := range teams {
		m.Teams = append(m.Teams, &mapv1.Team{Id: id, Name: id})
	}
	for _, id := range outcomes {
		m.Outcomes = append(m.Outcomes, &mapv1.Outcome{Id: id, Name: id})
	}
	for _, id := range metrics {
		x := &mapv1.Metric{Id: id, Name: id, Unit: "s", Resolution: 1000, Better: mapv1.Better_BETTER_LOWER}
		if id == "handling_cost" {
			x.Unit, x.Resolution = "EUR", 100
		}
		m.Metrics = append(m.Metrics, x)
	}
	m.Attributes = []*mapv1.Attribute{{Id: attribute, Name: attribute, Values: segments}}
	return m
}

// amounts are an event's values, by metric of its world.
type amounts [9]int64

// event is an interaction as the bench makes it up; its numbers and its time are set when it is sent.
type event struct {
	touchpoint, channel, team, outcome, segment string
	values                                      amounts
	age                                         int64 // seconds from its occurrence to its being sent
	nanos                                       int32
	// Of a world of another map: its metrics and attributes.
	metrics    []string
	attributes map[string]string
}

// invent makes an event that has just ended: it began a call's length ago, four minutes in the mean.
func invent(r *rand.Rand, touchpoint string) event {
	exp := func(mean, most float64) int64 { return int64(min(r.ExpFloat64()*mean, most)) }
	e := event{
		touchpoint: touchpoint, channel: pick(r, channels), team: pick(r, teams), segment: pick(r, segments),
		age: exp(240, 1200),
		// Milliseconds from 269 on have nanoseconds of five bytes, as nearly all have.
		nanos: int32(269+r.IntN(731)) * 1e6,
	}
	// Two of three are answered.
	if e.outcome = "answered"; r.IntN(3) == 0 {
		e.outcome = pick(r, outcomes[1:])
	}
	e.values = amounts{exp(45_000, 900_000), exp(300_000, 3_600_000), exp(20_000, 600_000), exp(450, 9_000)}
	return e
}

// lateAge is hours to days, the shorter the likelier.
func lateAge(r *rand.Rand) int64 {
	const from, to = 3600, 5 * 24 * 3600
	return int64(from * math.Pow(float64(to)/from, r.Float64()))
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// fact is the event as its publisher sends it.
func (e *event) fact(id, contact, customer string, version uint64, seconds int64) *factv1.Fact {
	i := &factv1.Interaction{
		OccurredAt: &timestamppb.Timestamp{Seconds: seconds, Nanos: e.nanos}, Touchpoint: e.touchpoint, Channel: e.channel, Team: e.team,
		Outcome: e.outcome, ContactId: contact, CustomerId: customer, Attributes: map[string]string{attribute: e.segment},
	}
	of := metrics[:]
	if e.metrics != nil {
		of, i.Attributes = e.metrics, e.attributes
	}
	for m, id := range of {
		i.Metrics = append(i.Metrics, &factv1.MetricValue{Metric: id, Amount: &factv1.MetricValue_Value{Value: e.values[m]}})
	}
	return &factv1.Fact{Id: id, Version: version, Content: &factv1.Fact_Interaction{Interaction: i}}
}
