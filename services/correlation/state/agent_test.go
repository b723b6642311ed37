package state

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

func countingAgents(org string) (*Counting, error) {
	c, err := counting(org)
	c.Agent = true
	return c, err
}

// handled gives each interaction of a segment the agent of that segment, so that agents must count what their segment does.
func handled(facts []*factv1.RecordedFact) {
	for _, f := range facts {
		if i := f.GetInteraction(); i != nil && len(i.GetAttributes()) > 0 {
			i.Agent = agentOf(i.GetAttributes()[0].GetValue())
			seal(f)
		}
	}
}

func agentOf(segment string) []byte { return bytes.Repeat([]byte(segment), 4) }

var longWindows = []scorev1.Window{scorev1.Window_WINDOW_28D, scorev1.Window_WINDOW_13W, scorev1.Window_WINDOW_ALL}

// Whatever the order, the repetitions and the restarts: the cells of an agent in all teams are those of the segment that is
// theirs, answers about their interactions included, and two instances agree.
func TestAgentsCountWhatTheyHandled(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 7))
		var facts []*factv1.RecordedFact
		for range 5 + r.IntN(80) {
			facts = append(facts, random(r, 1+r.IntN(30)))
		}
		handled(facts)
		a, b := playBy(t, countingAgents, r, facts), playBy(t, countingAgents, r, facts)
		if a.hash() != b.hash() {
			t.Fatalf("seed %d: two orders of the same facts give two states", seed)
		}
		a.s.View("acme", func(v *View) {
			for _, segment := range []string{"home", "work"} {
				var parts []Part
				for _, team := range []string{"", "north", "south"} {
					parts = append(parts, Part{Agent{team, fmt.Sprintf("%x", agentOf(segment))}.Value(), FirstDay, LastDay})
				}
				for _, w := range longWindows {
					for _, measure := range []string{"", "wait", "recommend"} {
						needs := cell.Needs{Measure: measure, Distribution: measure != ""}
						got := v.Sample(Scope{Breakdown: ByAgent, Parts: parts}, needs, Live(w, now, berlin))
						want := v.Sample(Scope{Breakdown: "attribute:segment", Value: segment}, needs, Live(w, now, berlin))
						if !reflect.DeepEqual(got, want) {
							t.Fatalf("seed %d %s %s %v: agents count %+v, their segment %+v", seed, segment, measure, w, got, want)
						}
					}
				}
			}
		})
	}
}

func oneHandled(id, team, agent string) *factv1.RecordedFact {
	return seal(&factv1.RecordedFact{
		Source: "pbx", Id: id, Kind: factv1.Kind_KIND_INTERACTION,
		Content: &factv1.RecordedFact_Interaction{Interaction: &factv1.RecordedInteraction{
			OccurredAtMs: now.UnixMilli(), Touchpoint: "call", Team: team, Agent: []byte(agent),
		}},
	})
}

const alice, bob = "alice-alice-alic", "bob-bob-bob-bob-"

// Of agents only days are kept, by team; a fact tells nothing of its agent, and a digest's lines do not name them.
func TestAgentsAreKeptByTeamAndDay(t *testing.T) {
	l := beginBy(t, countingAgents)
	l.apply(oneHandled("1", "north", alice), oneHandled("2", "south", alice), oneHandled("3", "north", bob), oneHandled("4", "north", "too short"))
	for range 2 {
		l.s.View("acme", func(v *View) {
			want := fmt.Sprintf("[{north %x} {south %x} {north %x}]", alice, alice, bob)
			for _, sc := range []Scope{{}, {Touchpoint: "call"}, {Touchpoints: []string{"chat", "call"}}} {
				if got := fmt.Sprint(v.Agents(sc)); got != want {
					t.Errorf("%+v: agents %s, want %s", sc, got, want)
				}
			}
			if got := v.Agents(Scope{Touchpoint: "chat"}); len(got) > 0 {
				t.Errorf("agents where nobody works: %v", got)
			}
			sc := Scope{Breakdown: ByAgent, Value: Agent{"north", fmt.Sprintf("%x", alice)}.Value()}
			if n := v.Sample(sc, cell.Needs{}, Live(scorev1.Window_WINDOW_1H, now, berlin)).Offered(); n != 0 {
				t.Errorf("%d cases in the last hour", n)
			}
			if n := v.Sample(sc, cell.Needs{}, Live(scorev1.Window_WINDOW_28D, now, berlin)).Offered(); n != 1 {
				t.Errorf("%d cases in four weeks", n)
			}
			if _, _, err := v.Facts(0, 100, func(f *Fact) bool {
				if len(f.Attributes) > 0 {
					t.Errorf("a fact tells %v", f.Attributes)
				}
				return true
			}); err != nil {
				t.Error(err)
			}
		})
		d, err := l.s.Digest(now)
		if err != nil {
			t.Fatal(err)
		}
		agents := 0
		for line := range d.Lines {
			if strings.Contains(line, fmt.Sprintf("%x", alice)) || strings.Contains(line, fmt.Sprintf("%x", bob)) {
				t.Errorf("line %q names an agent", line)
			}
			if strings.Contains(line, "/agent ") {
				agents++
			}
		}
		if agents != 3 {
			t.Errorf("%d lines of agents, want 3: %v", agents, d.Lines)
		}
		l.flush()
		l.restart()
	}
}

// Switched on or off, history is to be counted again, and without it nothing of agents is kept.
func TestAgentsSwitched(t *testing.T) {
	off, on := beginBy(t, counting), beginBy(t, countingAgents)
	for _, l := range []*life{off, on} {
		l.apply(oneHandled("1", "north", alice), oneHandled("2", "south", bob))
		l.flush()
	}
	off.s.View("acme", func(v *View) {
		if got := v.Agents(Scope{}); len(got) > 0 {
			t.Errorf("agents are kept although switched off: %v", got)
		}
	})
	for _, x := range []struct {
		l    *life
		maps Maps
	}{{off, countingAgents}, {on, counting}} {
		if got := x.l.s.Outdated(); len(got) > 0 {
			t.Errorf("outdated: %v", got)
		}
		x.l.maps = x.maps
		x.l.restart()
		if got := x.l.s.Outdated(); len(got) != 1 {
			t.Errorf("outdated after the switch: %v", got)
		}
	}
}
