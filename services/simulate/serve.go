package simulate

import (
	"container/heap"
	"fmt"
	"math"
	"sort"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// visit is one leg while it happens.
type visit struct {
	arrival
	place       *place
	interaction *factv1.Interaction
	end         time.Time
	acw         time.Duration
	felt        experience
	lost        bool // abandoned, not delivered, nobody reached: few of them answer
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// serve lets one arrival happen and publishes what comes of it.
func (d *day) serve(a arrival, id string, add func(Publication)) {
	c, p := d.chance, &d.g.places[a.place]
	channel := p.channels[c.IntN(len(p.channels))]
	if hour := a.at.In(d.g.zone).Hour(); isOne(channel, staffed) && peopleHours[hour] == 0 {
		// Nobody is there at night: whoever has another channel takes it.
		for _, other := range p.channels {
			if !isOne(other, staffed) {
				channel = other
			}
		}
	}
	v := &visit{arrival: a, place: p, end: a.at, felt: a.carry, interaction: &factv1.Interaction{
		OccurredAt: timestamppb.New(a.at), Touchpoint: p.id, Channel: channel, ContactId: id, CustomerId: fmt.Sprintf("customer-%d", a.who),
	}}
	if a.first != "" {
		v.interaction.ContactId = a.first
	}
	for _, at := range d.g.people {
		if v.interaction.Attributes == nil {
			v.interaction.Attributes = map[string]string{}
		}
		// Squared: the first values are the common ones.
		u := fixed(d.g.options.Seed, fmt.Sprintf("%s of %d", at.id, a.who))
		v.interaction.Attributes[at.id] = at.values[int(u*u*float64(len(at.values)))]
	}
	v.felt.mood = normalOf(fixed(d.g.options.Seed, fmt.Sprintf("mood of %d", a.who)))
	if p.queued(channel) {
		d.attend(v, id)
	} else {
		d.happen(v)
	}
	sort.Slice(v.interaction.Metrics, func(i, j int) bool { return v.interaction.Metrics[i].Metric < v.interaction.Metrics[j].Metric })
	d.publish(v, id, add)
}

// attend is a contact with a person: a queue, an agent, perhaps a transfer.
func (d *day) attend(v *visit, id string) {
	c, p := d.chance, v.place
	team := d.g.teams[p.teams[c.IntN(len(p.teams))]]
	v.interaction.Team = team.id
	s := d.shifts[team.id]
	if s == nil {
		s = &shift{}
		d.shifts[team.id] = s
	}
	s.resize(d.g.onShift(team, d.week, d.start.Weekday(), v.at.In(d.g.zone).Hour()), v.at)
	wait := s.next(v.at) + seconds(1+c.logNormal(3, 0.5)) // and it rings
	patience := seconds(c.logNormal(190, 0.9))
	v.felt.wait = math.Log1p(wait.Seconds()/15) - 1
	if patience < wait {
		v.end, v.lost = v.at.Add(patience), true
		v.felt.unresolved, v.felt.wait = 1, math.Log1p(patience.Seconds()/15)
		v.interaction.Outcome = d.outcome(p, "abandoned")
		v.measure("wait", patience.Seconds())
		return
	}
	talk := c.logNormal(p.handling, 0.55)
	hold := 0.0
	if c.yes(0.3) {
		hold = c.logNormal(40, 0.7)
	}
	v.acw = seconds(c.logNormal(40, 0.5))
	v.end = v.at.Add(wait).Add(seconds(talk + hold))
	s.serve(v.end.Add(v.acw))
	v.measure("wait", wait.Seconds())
	v.measure("talk", talk)
	if _, ok := p.queue["hold"]; ok && hold > 0 {
		v.measure("hold", hold)
	}
	d.others(v)
	transferred := v.leg < 2 && c.yes(0.08)
	if transferred {
		v.measure("transfers", 1)
		v.felt.transfers++
		v.interaction.Outcome = d.outcome(p, "transferred", "answered")
		d.transfer(v, id)
		return
	}
	v.measure("transfers", 0)
	v.felt.unresolved = 0
	unresolved := 0.16 + 0.05*v.felt.transfers
	switch {
	case c.yes(unresolved):
		v.felt.unresolved = 1
		v.interaction.Outcome = d.outcome(p, "unresolved", "answered")
	case c.yes(0.75):
		v.interaction.Outcome = d.outcome(p, "resolved", "answered")
	default:
		v.interaction.Outcome = d.outcome(p, "answered", "completed")
	}
}

// transfer sends the customer on to another touchpoint with a queue, for one more leg of the same contact.
func (d *day) transfer(v *visit, id string) {
	for range 20 {
		i := d.chance.IntN(len(d.g.places))
		p := &d.g.places[i]
		if i == v.arrival.place || len(p.channels) == 0 || !p.queued(p.channels[0]) || !v.end.Before(d.next) {
			continue
		}
		first := v.first
		if first == "" {
			first = id
		}
		heap.Push(&d.arrivals, arrival{at: v.end, order: d.made, place: i, leg: v.leg + 1, first: first, who: v.who, carry: v.felt})
		return
	}
}

// happen is everything without a queue: machines, messages, visits, calls that we make.
func (d *day) happen(v *visit) {
	c, p := d.chance, v.place
	channel := v.interaction.Channel
	good := 0.93 - 0.02*v.felt.mood
	switch {
	case p.outbound && isOne(channel, staffed):
		switch {
		case c.yes(0.35):
			v.lost = true
			v.interaction.Outcome = d.outcome(p, "not_reached", "not_completed")
		case c.yes(0.3):
			v.interaction.Outcome = d.outcome(p, "accepted", "answered")
		default:
			v.interaction.Outcome = d.outcome(p, "declined", "answered")
		}
		if !v.lost {
			talk := c.logNormal(p.handling*0.6, 0.5)
			v.measure("talk", talk)
			v.acw = seconds(c.logNormal(25, 0.5))
			v.end = v.at.Add(seconds(talk))
		}
		v.staff(d)
	case p.outbound:
		v.lost = !c.yes(0.97)
		v.interaction.Outcome = d.choose(p, !v.lost, []string{"delivered", "completed"}, []string{"not_delivered", "not_completed"})
	case isOne(channel, asynchronous):
		solved := c.yes(0.8)
		v.interaction.Outcome = d.choose(p, solved, []string{"resolved", "answered"}, []string{"unresolved", "answered"})
		v.staff(d)
		v.end = v.at.Add(seconds(c.logNormal(1800, 0.6)))
	case strings.Contains(channel, "field"):
		v.lost = !c.yes(0.95)
		v.interaction.Outcome = d.choose(p, !v.lost, []string{"completed"}, []string{"no_show", "not_completed"})
		v.staff(d)
		v.end = v.at.Add(seconds(c.logNormal(3600, 0.4)))
	default:
		v.lost = !c.yes(good)
		v.interaction.Outcome = d.choose(p, !v.lost, []string{"completed"}, []string{"not_completed"})
		v.end = v.at.Add(seconds(c.logNormal(90, 0.7)))
	}
	if v.lost || strings.HasPrefix(v.interaction.Outcome, "un") {
		v.felt.unresolved = 1
	}
	d.others(v)
}

func (v *visit) staff(d *day) {
	if len(v.place.teams) > 0 {
		v.interaction.Team = v.place.teams[d.chance.IntN(len(v.place.teams))]
	}
}

// others measures what does not come from the queue.
func (d *day) others(v *visit) {
	trouble := d.chance.NormFloat64()
	byPeople := isOne(v.interaction.Channel, staffed) || isOne(v.interaction.Channel, asynchronous)
	for i := range v.place.measures {
		m := &v.place.measures[i]
		if byPeople && isOne(m.id, machine) || !byPeople && isOne(m.id, handled) || !d.chance.yes(m.carried) {
			continue
		}
		value, bad := m.draw(d.chance, trouble)
		if strings.Contains(m.id, "delay") {
			v.felt.delay += bad
		} else {
			v.felt.rest += bad
		}
		v.interaction.Metrics = append(v.interaction.Metrics, &factv1.MetricValue{Metric: m.id, Amount: &factv1.MetricValue_Value{Value: m.whole(value)}})
	}
}

// measure adds a metric of the queue, where the touchpoint has it.
func (v *visit) measure(id string, value float64) {
	m, ok := v.place.queue[id]
	if !ok {
		return
	}
	v.interaction.Metrics = append(v.interaction.Metrics, &factv1.MetricValue{Metric: id, Amount: &factv1.MetricValue_Value{Value: m.whole(value)}})
}

func (d *day) choose(p *place, good bool, then, otherwise []string) string {
	if good {
		return d.outcome(p, then...)
	}
	return d.outcome(p, otherwise...)
}

// outcome is the first of the names that the map has; "" when it has none.
func (d *day) outcome(p *place, names ...string) string {
	for _, n := range names {
		if _, ok := p.outcomes[n]; ok {
			return n
		}
	}
	return ""
}

// publish sends what a source would: the interaction when it is over, what is known only later as a further version, and
// the answers of the few who give them, hours afterwards.
func (d *day) publish(v *visit, id string, add func(Publication)) {
	c := d.chance
	at := v.end.Add(seconds(c.logNormal(2, 0.5)))
	if c.yes(0.01) {
		at = at.Add(seconds(c.logNormal(3*3600, 0.8))) // the line was down
	}
	root := at
	send := func(at time.Time, f *factv1.Fact) {
		add(Publication{At: at, Fact: f, root: root})
		if c.yes(0.005) {
			add(Publication{At: at.Add(seconds(c.logNormal(30, 1))), Fact: f, root: root}) // its answer was lost
		}
	}
	fact := &factv1.Fact{Id: id, Version: 1, Content: &factv1.Fact_Interaction{Interaction: v.interaction}}
	_, hasACW := v.place.queue["acw"]
	switch {
	case v.acw > 0 && hasACW && c.yes(0.35):
		// The record goes out at once, and again when the agent has finished the work after the contact.
		send(at, fact)
		later := proto.Clone(v.interaction).(*factv1.Interaction)
		v.interaction = later
		v.measure("acw", v.acw.Seconds())
		sort.Slice(later.Metrics, func(i, j int) bool { return later.Metrics[i].Metric < later.Metrics[j].Metric })
		send(at.Add(v.acw), &factv1.Fact{Id: id, Version: 2, Content: &factv1.Fact_Interaction{Interaction: later}})
	case v.acw > 0 && hasACW:
		v.measure("acw", v.acw.Seconds())
		sort.Slice(v.interaction.Metrics, func(i, j int) bool { return v.interaction.Metrics[i].Metric < v.interaction.Metrics[j].Metric })
		at, root = at.Add(v.acw), at.Add(v.acw)
		send(at, fact)
	default:
		send(at, fact)
	}
	d.answer(v, id, at, send)
}

func (d *day) answer(v *visit, id string, at time.Time, send func(time.Time, *factv1.Fact)) {
	c, asked := d.chance, v.place.questions
	share := 0.08 + 0.04*fixed(d.g.options.Seed, fmt.Sprintf("answers of %d", v.who))
	if v.lost {
		share = 0.03
	}
	if len(asked) == 0 || !c.yes(share) {
		return
	}
	when := at.Add(min(seconds(c.logNormal(5*3600, 1.1)), 6*24*time.Hour)).Truncate(time.Millisecond)
	first := c.IntN(len(asked))
	for k := range min(len(asked), 1+c.IntN(2)) {
		q := &asked[(first+k)%len(asked)]
		f := func(version uint64, value int64) *factv1.Fact {
			return &factv1.Fact{Id: id + "-" + q.id, Version: version, Content: &factv1.Fact_Answer{Answer: &factv1.Answer{
				Question: q.id, Value: value, Interaction: &factv1.InteractionRef{Id: id},
				Touchpoint: v.place.id, Channel: v.interaction.Channel, Team: v.interaction.Team,
				CustomerId: v.interaction.CustomerId, ResponseId: id,
			}}}
		}
		send(when, f(1, q.answer(c, v.felt)))
		if c.yes(0.003) {
			send(when.Add(time.Minute), f(2, q.answer(c, v.felt))) // thought better of it
		}
	}
}
