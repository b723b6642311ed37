package simulate_test

import (
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/simulate"
)

func telecom(t testing.TB) *expmap.Map {
	t.Helper()
	const name = "../../deploy/examples/telecom/map.yaml"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.CheckYAML(name, data)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return m
}

func generator(t testing.TB, m *expmap.Map, o simulate.Options) *simulate.Generator {
	t.Helper()
	g, err := simulate.New(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func history(t testing.TB, g *simulate.Generator, from, to time.Time) []simulate.Publication {
	t.Helper()
	var all []simulate.Publication
	if err := g.History(from, to, func(p []simulate.Publication) error { all = append(all, p...); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// encode makes facts comparable byte for byte.
func encode(t testing.TB, all []simulate.Publication) []string {
	t.Helper()
	out := make([]string, len(all))
	for i, p := range all {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(p.Fact)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = p.At.UTC().Format(time.RFC3339Nano) + string(b)
	}
	return out
}

var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

func TestTheSameSeedMakesTheSameFacts(t *testing.T) {
	m := telecom(t)
	one := encode(t, history(t, generator(t, m, simulate.Options{Seed: 1}), monday, monday.AddDate(0, 0, 2)))
	two := encode(t, history(t, generator(t, m, simulate.Options{Seed: 1}), monday, monday.AddDate(0, 0, 2)))
	if d := cmp.Diff(one, two); d != "" {
		t.Fatal(d)
	}
	other := encode(t, history(t, generator(t, m, simulate.Options{Seed: 2}), monday, monday.AddDate(0, 0, 2)))
	if cmp.Equal(one, other) {
		t.Fatal("another seed made the same facts")
	}
}

func TestLiveMakesWhatHistoryMakesWhateverTheTicks(t *testing.T) {
	g := generator(t, telecom(t), simulate.Options{Seed: 3})
	from, to := monday.Add(9*time.Hour), monday.Add(40*time.Hour)
	want := encode(t, history(t, g, from, to))
	live := g.Live(from)
	var got []simulate.Publication
	for now, tick := from, time.Second; now.Before(to); tick = tick*3 + time.Millisecond {
		if now = now.Add(tick); now.After(to) {
			now = to
		}
		got = append(got, live.Next(now.Add(-1))...)
		tick = min(tick, 5*time.Hour)
	}
	if d := cmp.Diff(want, encode(t, got)); d != "" {
		t.Fatal(d)
	}
}

func TestEveryFactFitsTheMapAndItsTime(t *testing.T) {
	m := telecom(t)
	before := time.Time{}
	known := map[string]bool{}
	for _, p := range history(t, generator(t, m, simulate.Options{Seed: 1, Prefix: "h1-"}), monday, monday.AddDate(0, 0, 7)) {
		if p.At.Before(before) {
			t.Fatalf("%v is published before %v", p.At, before)
		}
		before = p.At
		switch c := p.Fact.Content.(type) {
		case *factv1.Fact_Interaction:
			known[p.Fact.Id] = true
			fits(t, m, p, c.Interaction)
		case *factv1.Fact_Answer:
			q := m.Questions[c.Answer.Question]
			if _, asked := q.Touchpoints[c.Answer.Touchpoint]; !asked || c.Answer.Value < q.Min || c.Answer.Value > q.Max {
				t.Fatalf("answer %v does not fit its question", c.Answer)
			}
			if !known[c.Answer.Interaction.Id] {
				t.Fatalf("answer to %s, which was never published", c.Answer.Interaction.Id)
			}
		default:
			t.Fatalf("unexpected %T", c)
		}
	}
}

func fits(t *testing.T, m *expmap.Map, p simulate.Publication, i *factv1.Interaction) {
	t.Helper()
	place := m.Touchpoints[i.Touchpoint]
	_, channel := place.Channels[i.Channel]
	_, team := m.Teams[i.Team]
	_, outcome := m.Outcomes[i.Outcome]
	if !channel || !outcome || i.Team != "" && !team {
		t.Fatalf("%v does not fit the map", i)
	}
	if i.OccurredAt.AsTime().After(p.At) {
		t.Fatalf("%v is published before it happens", i)
	}
	last := ""
	for _, v := range i.Metrics {
		if _, ok := place.Metrics[v.Metric]; !ok || v.Metric <= last {
			t.Fatalf("%v measures %s after %s", i, v.Metric, last)
		}
		last = v.Metric
	}
	for key, v := range i.Attributes {
		if _, ok := m.Attributes[key].Values[v]; !ok {
			t.Fatalf("%s=%s is not in the map", key, v)
		}
	}
}

// A week stands for the eight of make run.
func TestWhatHappensIsBelievable(t *testing.T) {
	m := telecom(t)
	all := history(t, generator(t, m, simulate.Options{Seed: 1}), monday, monday.AddDate(0, 0, 14))
	weeks8 := len(all) * 4
	if weeks8 < 300_000 || weeks8 > 600_000 {
		t.Errorf("eight weeks would have %d facts", weeks8)
	}
	calls := map[string]*factv1.Interaction{}
	contacts := map[string]int{}
	hours := map[int]int{}
	corrections, duplicates, late := 0, 0, 0
	versions := map[string]uint64{}
	for _, p := range all {
		i := p.Fact.GetInteraction()
		if i == nil {
			continue
		}
		if v, seen := versions[p.Fact.Id]; seen && v == p.Fact.Version {
			duplicates++
		} else if seen {
			corrections++
		} else {
			contacts[i.ContactId]++
			if p.At.Sub(i.OccurredAt.AsTime()) > 3*time.Hour {
				late++
			}
			if i.Channel == "voice" {
				hours[i.OccurredAt.AsTime().In(m.Zone).Hour()]++
			}
		}
		versions[p.Fact.Id] = p.Fact.Version
		calls[p.Fact.Id] = i
	}
	transferred := 0
	for _, legs := range contacts {
		if legs > 1 {
			transferred++
		}
	}
	if corrections < 500 || duplicates < 100 || late < 100 || transferred < 500 {
		t.Errorf("%d corrections, %d duplicates, %d late, %d transferred", corrections, duplicates, late, transferred)
	}
	if hours[10] < 2*hours[20] || hours[3] > 0 {
		t.Errorf("voice by hour: %v", hours)
	}
	offered, abandoned, within := 0, 0, 0
	var waits, answers, acceptable []float64
	for _, i := range calls {
		if w, ok := metric(i, "wait"); ok {
			offered++
			if i.Outcome == "abandoned" {
				abandoned++
			} else if w <= 20_000 {
				within++
			}
		}
	}
	if share := float64(abandoned) / float64(offered); share < 0.01 || share > 0.20 {
		t.Errorf("%.1f%% abandoned of %d", 100*share, offered)
	}
	if share := float64(within) / float64(offered); share < 0.45 || share > 0.95 {
		t.Errorf("%.1f%% answered within 20 s", 100*share)
	}
	asked, gave := len(calls), map[string]bool{}
	for _, p := range all {
		a := p.Fact.GetAnswer()
		if a == nil {
			continue
		}
		gave[a.Interaction.Id] = true
		i := calls[a.Interaction.Id]
		if w, ok := metric(i, "wait"); ok && a.Question == "wait_acceptable" {
			waits, acceptable = append(waits, math.Log1p(float64(w))), append(acceptable, float64(a.Value))
		}
		if a.Question == "recommend" {
			answers = append(answers, float64(a.Value))
		}
	}
	if share := float64(len(gave)) / float64(asked); share < 0.06 || share > 0.13 {
		t.Errorf("%.1f%% answer", 100*share)
	}
	if r := correlation(waits, acceptable); r > -0.3 {
		t.Errorf("wait and its acceptance correlate by %.2f over %d answers", r, len(waits))
	}
	t.Logf("8 weeks: %d facts; offered %d, abandoned %.1f%%, within 20 s %.1f%%, wait ~ acceptable %.2f (n %d), answers %d",
		weeks8, offered, 100*float64(abandoned)/float64(offered), 100*float64(within)/float64(offered), correlation(waits, acceptable), len(waits), len(answers))
	if len(answers) < 500 {
		t.Errorf("only %d answers to recommend", len(answers))
	}
}

func metric(i *factv1.Interaction, id string) (int64, bool) {
	for _, m := range i.GetMetrics() {
		if m.Metric == id {
			return m.GetValue(), true
		}
	}
	return 0, false
}

func correlation(x, y []float64) float64 {
	var sx, sy, sxx, syy, sxy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, sxx, syy, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], syy+y[i]*y[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / math.Sqrt((n*sxx-sx*sx)*(n*syy-sy*sy))
}

// A map with next to nothing declared still has facts.
func TestTheSmallestMap(t *testing.T) {
	m, problems := expmap.Compile(&mapv1.Map{Organisation: "small", Touchpoints: []*mapv1.Touchpoint{{Id: "desk", FunctionalOwner: "head", OperationalOwner: "manager"}}}, 1)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all := history(t, generator(t, m, simulate.Options{Seed: 1, PerDay: 200}), monday, monday.AddDate(0, 0, 1))
	if len(all) < 100 {
		t.Fatalf("%d facts", len(all))
	}
	want := &factv1.Interaction{Touchpoint: "desk"}
	got := proto.Clone(all[0].Fact.GetInteraction()).(*factv1.Interaction)
	got.OccurredAt, got.ContactId, got.CustomerId = nil, "", ""
	if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
		t.Fatal(d)
	}
}

func TestErrorsOfEmitEndIt(t *testing.T) {
	mine := errors.New("mine")
	err := generator(t, telecom(t), simulate.Options{}).History(monday, monday.AddDate(0, 0, 1), func([]simulate.Publication) error { return mine })
	if !errors.Is(err, mine) {
		t.Fatal(err)
	}
}
