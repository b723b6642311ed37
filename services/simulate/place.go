package simulate

import (
	"math"
	"slices"
	"sort"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// place is one touchpoint as the simulation sees it.
type place struct {
	id        string
	outbound  bool
	channels  []string
	perDay    float64
	teams     []string           // who handles its staffed channels
	measures  []measure          // without those of the queue
	queue     map[string]measure // wait, talk, hold, acw, transfers, where the map has them here
	questions []question
	outcomes  map[string]struct{}
	handling  float64 // median seconds of talk
}

// staffed are the channels on which a customer waits for a person.
var staffed = []string{"voice", "phone", "call", "chat", "video", "branch", "shop", "store"}

// asynchronous are the channels on which people answer later, and digital those on which nobody does.
var asynchronous = []string{"email", "social", "post", "letter"}

func isOne(channel string, of []string) bool {
	return slices.ContainsFunc(of, func(s string) bool { return strings.Contains(channel, s) })
}

// queueMetrics come from the queue itself.
var queueMetrics = []string{"wait", "talk", "hold", "acw", "transfers"}

// handled are the metrics that only people's work has, and machine those that only a machine's has: a touchpoint with both
// kinds of channel measures each on its own.
var (
	handled = []string{"response", "reply", "replies", "qa"}
	machine = []string{"page_load", "steps"}
)

func places(m *expmap.Map, o Options) []place {
	var out []place
	total := 0.0
	for _, id := range sorted(m.Touchpoints) {
		t := m.Touchpoints[id]
		p := place{id: id, outbound: t.Proto.GetDirection() == mapv1.Direction_DIRECTION_OUTBOUND, outcomes: m.Outcomes, queue: map[string]measure{}}
		p.channels = sorted(t.Channels)
		if t.Channels == nil {
			p.channels = sorted(m.Channels)
		}
		if len(p.channels) == 0 {
			p.channels = []string{""} // the map names none: the channel is not known
		}
		metrics := sorted(t.Metrics)
		if t.Metrics == nil {
			metrics = sorted(m.Metrics)
		}
		for _, metric := range metrics {
			if published(m, metric) {
				continue
			}
			if slices.Contains(queueMetrics, metric) {
				p.queue[metric] = measureOf(m.Metrics[metric])
			} else {
				p.measures = append(p.measures, measureOf(m.Metrics[metric]))
			}
		}
		for _, q := range sorted(m.Questions) {
			x := m.Questions[q]
			if x.Of != "" || x.Min > x.Max || x.Kind == mapv1.QuestionKind_QUESTION_KIND_TEXT {
				continue // several choices and texts are for the survey service's respondents
			}
			if _, asked := x.Touchpoints[id]; asked {
				p.questions = append(p.questions, questionOf(x))
			}
		}
		p.teams = teamsOf(m, t)
		p.handling = 150 + 300*fixed(o.Seed, "handling "+id)
		p.perDay = math.Exp(0.7 * normalOf(fixed(o.Seed, "volume "+id)))
		if p.outbound {
			p.perDay *= 0.6
		}
		total += p.perDay
		out = append(out, p)
	}
	for i := range out {
		out[i].perDay *= o.PerDay / total
	}
	return out
}

// teamsOf guesses from names which teams handle a touchpoint: the map does not say. At most three, best first.
func teamsOf(m *expmap.Map, t *expmap.Touchpoint) []string {
	about := words(t.ID, t.Proto.GetName(), t.Proto.GetStage(), t.Proto.GetOperationalOwner(), t.Proto.GetFunctionalOwner())
	names := map[string]string{}
	for _, p := range m.Proto.GetTeams() {
		names[p.GetId()] = p.GetName()
	}
	type match struct {
		team string
		n    int
	}
	var all []match
	for _, id := range sorted(m.Teams) {
		n := 0
		for _, w := range words(id, names[id]) {
			if slices.ContainsFunc(about, func(a string) bool { return alike(a, w) }) {
				n++
			}
		}
		all = append(all, match{id, n})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].n > all[j].n })
	var out []string
	for _, a := range all {
		if len(out) < 3 && a.n == all[0].n {
			out = append(out, a.team)
		}
	}
	return out
}

// words are the parts of names that carry meaning.
func words(names ...string) []string {
	var out []string
	for _, n := range names {
		for _, w := range strings.FieldsFunc(strings.ToLower(n), func(r rune) bool { return r < 'a' || r > 'z' }) {
			if len(w) > 3 && w != "head" && w != "manager" && w != "customer" && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// alike tells whether two words share their beginning.
func alike(a, b string) bool {
	n := min(len(a), len(b), 5)
	return a[:n] == b[:n]
}

// published reports whether a metric counts cases for a ratio that is a share of them: it comes as sums, and no interaction
// carries it.
func published(m *expmap.Map, metric string) bool {
	return slices.ContainsFunc(m.Proto.GetRatios(), func(r *mapv1.Ratio) bool {
		return r.GetShareOfCases() && (slices.Contains(r.GetOver(), metric) || slices.Contains(r.GetUnder(), metric))
	})
}
