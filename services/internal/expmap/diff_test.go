package expmap_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func TestDiffTellsWhatChanged(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(p *mapv1.Map)
		want    []string
		summary string
	}{
		"nothing": {func(*mapv1.Map) {}, nil, "nothing"},
		"a field of the map": {
			func(p *mapv1.Map) { p.Name = "Two clinics" },
			[]string{"the map: name: A clinic → Two clinics"},
			"name changed",
		},
		"the counting part": {
			func(p *mapv1.Map) {
				p.Zone, p.Breakdowns, p.Metrics[0].Resolution = "", []string{"team"}, 1
				p.Questions[6].ScaleMax = 2
			},
			[]string{
				"the map: zone: Europe/Berlin → nothing (counting part)", "metric wait: resolution: 1000 → 1 (counting part)",
				"question reason: scale_max: 1 → 2 (counting part)", "the map: breakdowns: channel, attribute:insurance → nothing (counting part)",
			},
			"zone changed, metric wait changed, question reason changed, breakdowns changed",
		},
		"things that come and go": {
			func(p *mapv1.Map) {
				p.Touchpoints = append(p.Touchpoints[:1:1], &mapv1.Touchpoint{Id: "kiosk", Name: "Kiosk"}, &mapv1.Touchpoint{Id: "porch"})
				p.Feeds = nil
			},
			[]string{
				"touchpoint consultation removed", "touchpoint laboratory removed", "touchpoint kiosk added (Kiosk)", "touchpoint porch added", "feed pbx removed",
			},
			"2 touchpoints removed, 2 touchpoints added, feed pbx removed",
		},
		"owner, stage, metrics": {
			func(p *mapv1.Map) {
				x := p.Touchpoints[0]
				x.FunctionalOwner, x.Stage, x.Metrics, x.BackStage, x.Importance = "director", "", []string{"talk", "results_time"}, true, 0
			},
			[]string{
				"touchpoint booking_call: stage: book → nothing", "touchpoint booking_call: metrics: wait → results_time",
				"touchpoint booking_call: functional_owner: head_of_care → director", "touchpoint booking_call: importance: 2 → nothing",
				"touchpoint booking_call: back_stage: nothing → true",
			},
			"touchpoint booking_call changed",
		},
		"a step within a touchpoint": {
			func(p *mapv1.Map) {
				p.Touchpoints[0].Steps[0].Place = mapv1.Place_PLACE_BACK_STAGE
				p.Touchpoints[0].Steps = append(p.Touchpoints[0].Steps, &mapv1.ProcessStep{Id: "thank"})
			},
			[]string{"touchpoint booking_call, step queue: place: front_stage → back_stage", "touchpoint booking_call, step thank added"},
			"touchpoint booking_call changed",
		},
		"a target": {
			func(p *mapv1.Map) { p.Targets[1].Value, p.Targets[0].By = 12.5, "2027-06-30" },
			[]string{
				"target wait.mean by 2026-12-31 removed (20)", "target recommend.nps of stage visit: value: 0 → 12.5", "target wait.mean by 2027-06-30 added (20)",
			},
			"target wait.mean by 2026-12-31 removed, target recommend.nps of stage visit changed, target wait.mean by 2027-06-30 added",
		},
		"a reorganisation": {
			func(p *mapv1.Map) { p.Teams[1].Placements = p.Teams[1].Placements[:1] },
			[]string{"team north, placement south from 2026-07-01 removed"},
			"team north changed",
		},
		"a composite": {
			func(p *mapv1.Map) { p.CxScores[0].Parts[1].Best = 10; p.CxScores[0].SurveyWeight = 0 },
			[]string{"CX score cx, part wait.mean: best: 0 → 10", "CX score cx: survey_weight: 0.6 → nothing"},
			"CX score cx changed",
		},
		"linked metrics and minimums": {
			func(p *mapv1.Map) {
				p.LinkedMetrics[0].Topic, p.LinkedMetrics[0].Name, p.LinkedMetrics[2].LongestDays = "", "Again", 90
				p.LinkedMetrics = slices.Delete(p.LinkedMetrics, 1, 2)
				p.Minimums = nil
			},
			[]string{
				"linked metric repeat: name: Hours to the next call → Again", "linked metric repeat: topic: insurance → nothing (counting part)",
				"linked metric again removed (counting part)", "linked metric to_treatment: longest_days: 120 → 90 (counting part)",
				"minimums: answers: 5 → nothing", "minimums: employees: 15 → nothing",
			},
			"2 linked metrics changed, linked metric again removed, minimums changed",
		},
		"empty minimums": {
			func(p *mapv1.Map) { p.Party, p.Minimums = &mapv1.Party{}, &mapv1.Minimums{} },
			[]string{
				"party: singular: patient → nothing", "party: plural: patients → nothing",
				"minimums: answers: 5 → nothing", "minimums: employees: 15 → nothing",
			},
			"party changed, minimums changed",
		},
		"the party": {
			func(p *mapv1.Map) { p.Party = nil },
			[]string{"party: singular: patient → nothing", "party: plural: patients → nothing"},
			"party changed",
		},
		"an empty party": {
			func(p *mapv1.Map) { p.Party.Singular, p.Party.Plural = "", "" },
			[]string{"party: singular: patient → nothing", "party: plural: patients → nothing"},
			"party changed",
		},
		"order of stages": {
			func(p *mapv1.Map) { slices.Reverse(p.Journeys[0].Stages); slices.Reverse(p.Feeds[0].Rules) },
			[]string{"journey treatment: stages in another order", "feed pbx: rules in another order"},
			"journey treatment changed, feed pbx changed",
		},
		"order of things": {
			func(p *mapv1.Map) { slices.Reverse(p.Touchpoints) },
			[]string{"the map: touchpoints in another order"},
			"touchpoints reordered",
		},
		"hours, rules and renames": {
			func(p *mapv1.Map) {
				p.Calendars[0].Hours[1].To, p.Feeds[0].Rules[0].Team, p.Feeds[0].Teams[0].To = "20:00", "south", "south"
			},
			[]string{
				"calendar office, hours mon thu 13:30–24:00 removed", "calendar office, hours mon thu 13:30–20:00 added",
				"feed pbx, rule book* inbound: team: north → south", "feed pbx, team SIP/1*: to: north → south",
			},
			"calendar office changed, feed pbx changed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			old := whole(t)
			new := proto.CloneOf(old)
			c.change(new)
			changes := expmap.Diff(old, new)
			var got []string
			for _, x := range changes {
				got = append(got, x.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if s := expmap.Summary(changes); s != c.summary {
				t.Errorf("summary %q, want %q", s, c.summary)
			}
		})
	}
}

func TestDiffOfTheFirstMap(t *testing.T) {
	p := small()
	if changes := expmap.Diff(nil, p); len(changes) < 12 || changes[0].To != "acme" {
		t.Errorf("%v", changes)
	}
	if changes := expmap.Diff(p, nil); len(changes) < 12 {
		t.Errorf("%v", changes)
	}
	if changes := expmap.Diff(nil, nil); changes != nil {
		t.Errorf("%v", changes)
	}
}

// Whatever is done to any field, however deep, there is a difference exactly when the maps are not equal, and as many there as
// back.
func TestDiffMissesNothing(t *testing.T) {
	missesNothing(t, whole(t))
	missesNothing(t, shop(t))
}

func missesNothing(t *testing.T, original *mapv1.Map) {
	rapid.Check(t, func(t *rapid.T) {
		p := proto.CloneOf(original)
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			edit(t, p.ProtoReflect())
		}
		there, back := expmap.Diff(original, p), expmap.Diff(p, original)
		if proto.Equal(original, p) != (len(there) == 0) || len(there) != len(back) {
			t.Fatalf("%d there, %d back, equal %v: %v", len(there), len(back), proto.Equal(original, p), there)
		}
		if (expmap.Summary(there) == "nothing") != (len(there) == 0) {
			t.Fatalf("the summary of %v says nothing", there)
		}
	})
}

// edit changes a field of a message, or of one within it.
func edit(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	fd := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field"))
	within := rapid.IntRange(0, 3).Draw(t, "within") > 0
	switch {
	case fd.IsMap():
		m.Mutable(fd).Map().Set(value(t, fd.MapKey()).MapKey(), value(t, fd.MapValue()))
	case fd.IsList():
		list := m.Mutable(fd).List()
		i := rapid.IntRange(0, max(0, list.Len()-1)).Draw(t, "item")
		switch {
		case list.Len() == 0 && fd.Kind() == protoreflect.MessageKind:
			list.Append(list.NewElement())
		case list.Len() == 0:
			list.Append(value(t, fd))
		case within && fd.Kind() == protoreflect.MessageKind:
			edit(t, list.Get(i).Message())
		case rapid.Bool().Draw(t, "cut"):
			list.Truncate(i)
		default: // the first comes again at the end, or the ends change places
			a, b := list.Get(0), list.Get(list.Len()-1)
			if rapid.Bool().Draw(t, "swap") {
				list.Set(0, b)
				list.Set(list.Len()-1, a)
			} else {
				list.Append(a)
			}
		}
	case fd.Kind() == protoreflect.MessageKind:
		if within {
			edit(t, m.Mutable(fd).Message())
		} else {
			m.Clear(fd)
		}
	default:
		m.Set(fd, value(t, fd))
	}
}

func value(t *rapid.T, fd protoreflect.FieldDescriptor) protoreflect.Value {
	n := rapid.IntRange(0, 3).Draw(t, "n")
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.SampledFrom([]string{"", "a", "b, c", "wait"}).Draw(t, "text"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n > 1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(30 * n)) // 30 and more are of a newer contract
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	default:
		return protoreflect.ValueOfFloat64(float64(n))
	}
}

// TestScoresThatCompareAreOfTheReadingPart: floors, limits, ratios and seams act at once, and are read and written as they are.
func TestScoresThatCompareAreOfTheReadingPart(t *testing.T) {
	data, err := os.ReadFile("testdata/scores.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.CheckYAML("scores.yaml", data)
	if m == nil {
		t.Fatal(problems)
	}
	p := proto.CloneOf(m.Proto)
	p.Metrics[0].Floor, p.Metrics[6].Floor, p.Questions[0].Floor, p.LinkedMetrics[0].Limit = nil, proto.Float64(0), proto.Int32(1), proto.Float64(72)
	p.Targets = slices.Delete(p.Targets, 1, 2) // of the floor that goes
	p.Ratios[0].Over, p.Ratios[0].AbsentIsZero, p.Ratios[2].ShareOfCases = []string{"acw", "talk"}, nil, false
	p.Ratios = slices.Delete(p.Ratios, 3, 4)
	p.Seams[0].BesideUntil = "2026-05-01"
	var got []string
	for _, c := range expmap.Diff(m.Proto, p) {
		got = append(got, c.String())
	}
	want := []string{
		"metric talk: floor: 300 → nothing", "metric quality: floor: 60 → 0", "question satisfied: floor: 2 → 1", "target talk.bad removed (5)", "linked metric again: limit: 168 → 72",
		"ratio talk_share removed", "ratio aht: over: hold → nothing", "ratio aht: absent_is_zero: hold → nothing",
		"ratio rr1: share_of_cases: true → nothing", "seam aht: beside_until: 2026-04-01 → 2026-05-01",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	next, problemsOf := expmap.Compile(p, 2)
	if len(problemsOf) > 0 || expmap.Recounts(m, next) != nil || m.CountingDigest() != next.CountingDigest() {
		t.Errorf("%v, recounts %v", problemsOf, expmap.Recounts(m, next))
	}
	text, err := expmap.WriteYAML(p)
	if err != nil {
		t.Fatal(err)
	}
	if again, problems := expmap.ReadYAML("map.yaml", text); len(problems) > 0 || !proto.Equal(again, p) {
		t.Errorf("%v\n%s", problems, text)
	}
}
