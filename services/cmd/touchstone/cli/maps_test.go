package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// threeVersions are those of a small map that grew, changed and lost something.
func threeVersions() []*mapv1.MapVersion {
	m := &mapv1.Map{
		Organisation: "acme", Zone: "Europe/Berlin",
		Metrics:   []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}, {Id: "hold", Name: "Time on hold", Unit: "s", Resolution: 1000}},
		Questions: []*mapv1.Question{{Id: "recommend", Text: "Would you?", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"help"}}},
		Touchpoints: []*mapv1.Touchpoint{
			{Id: "help", Name: "Help line", Metrics: []string{"wait", "hold"}, FunctionalOwner: "head", OperationalOwner: "floor"},
		},
	}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var all []*mapv1.MapVersion
	keep := func() {
		all = append(all, &mapv1.MapVersion{Version: uint64(len(all) + 1), AppliedAt: timestamppb.New(at.AddDate(0, 0, 7*len(all))), Map: proto.CloneOf(m)})
	}
	keep()
	m.Touchpoints = append(m.Touchpoints, &mapv1.Touchpoint{Id: "visit", Name: "Visit", FunctionalOwner: "head", OperationalOwner: "branch"})
	m.Pairings = []*mapv1.Pairing{{Id: "wait_recommend", Question: "recommend", Metric: "wait", Touchpoint: "help", Sign: mapv1.Sign_SIGN_NEGATIVE}}
	keep()
	m.Touchpoints[0].FunctionalOwner, m.Touchpoints[0].Metrics, m.Metrics = "head_of_care", []string{"wait"}, m.Metrics[:1]
	m.Zone = "Europe/Madrid"
	keep()
	return all
}

// The maps that the check of maps is tested with, as check prints what is wrong with them.
func TestCheckPrintsEveryProblemWithItsPlaceAndRemedy(t *testing.T) {
	run := (&fake{}).run(t)
	files, err := filepath.Glob("../../../internal/expmap/testdata/broken/*.yaml")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d broken maps, %v", len(files), err)
	}
	for _, file := range files {
		want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".want")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = run("check", file)
		code(t, err, cli.ExitInPart)
		if got := strings.ReplaceAll(err.Error()+"\n", filepath.Dir(file)+"/", ""); got != string(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestMapHistoryTellsWhatEachVersionChanged(t *testing.T) {
	f := &fake{versions: threeVersions()}
	run := f.run(t)
	out, _, err := run("map", "history", "-o", "acme")
	if err != nil {
		t.Fatal(err)
	}
	want := `VERSION  APPLIED           CHANGES
      3  2026-03-16 10:00  zone changed, touchpoint help changed, metric hold removed
      2  2026-03-09 10:00  touchpoint visit added, pairing wait_recommend added
      1  2026-03-02 10:00  the first: 1 touchpoint, 2 metrics, 1 question
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	out, _, err = run("map", "history", "-o", "acme", "--last", "1", "--format", "csv")
	if err != nil || out != "version,applied,changes\n3,2026-03-16T09:00:00Z,\"zone changed, touchpoint help changed, metric hold removed\"\n" {
		t.Errorf("%v %s", err, out)
	}
	out, _, err = run("map", "history", "-o", "acme", "--format", "json")
	var all []struct {
		Version uint64
		Changes []expmap.Change
	}
	if err != nil || json.Unmarshal([]byte(out), &all) != nil || len(all) != 3 || len(all[0].Changes) != 4 || len(all[2].Changes) != 0 {
		t.Errorf("%v %s", err, out)
	}
	f.versions = f.versions[1:] // as after an older one was lost
	out, _, err = run("map", "history", "-o", "acme")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "version 1 is not kept")
	_, _, err = run("map", "history", "-o", "acme", "--last", "0")
	code(t, err, cli.ExitFailed)
}

func TestMapDiffComparesVersionsAndFiles(t *testing.T) {
	f := &fake{versions: threeVersions()}
	run := f.run(t)
	want := `the map: zone: Europe/Berlin → Europe/Madrid (counting part)
touchpoint help: metrics: hold → nothing
touchpoint help: functional_owner: head → head_of_care
metric hold removed (Time on hold)
`
	for _, args := range [][]string{{"2", "3"}, {"2"}} {
		out, _, err := run(append([]string{"map", "diff", "-o", "acme"}, args...)...)
		if err != nil || out != want {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	data, err := expmap.WriteYAML(f.versions[1].GetMap())
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, "map.yaml", strings.Replace(string(data), "name: Visit", "name: Visit to the branch", 1))
	out, _, err := run("map", "diff", file, "2") // the organisation is the file's
	if err != nil || out != "touchpoint visit: name: Visit → Visit to the branch\n" {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err = run("map", "diff", file)
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "the map: zone: Europe/Madrid → Europe/Berlin (counting part)\n", "metric hold added (Time on hold)\n")
	out, _, err = run("map", "diff", "3", "3", "-o", "acme")
	if err != nil || out != "no difference\n" {
		t.Errorf("%v %s", err, out)
	}
	out, _, err = run("map", "diff", "1", "2", "-o", "acme", "--format", "csv")
	if err != nil || out != "change,thing,field,from,to,counting,path,note\nadded,touchpoint visit,,,Visit,false,touchpoints[visit],\nadded,pairing wait_recommend,,,,false,pairings[wait_recommend],\n" {
		t.Errorf("%v %s", err, out)
	}
	out, _, err = run("map", "diff", "3", "3", "-o", "acme", "--format", "json")
	if err != nil || out != "[]\n" {
		t.Errorf("%v %s", err, out)
	}
	_, _, err = run("map", "diff", "2", file, "-o", "acme")
	code(t, err, cli.ExitFailed)
	_, _, err = run("map", "diff", "2", "9", "-o", "acme")
	code(t, err, cli.ExitFailed)
	has(t, err.Error(), "has no version 9")
	_, _, err = run("map", "diff", write(t, "bad.yaml", "organisation: acme\nzones: x\n"))
	code(t, err, cli.ExitInPart)
	has(t, err.Error(), `bad.yaml:2: zones: There is no field "zones". Did you mean "zone"?`)
}

func TestMapShowWritesWhatCanBeAppliedAgain(t *testing.T) {
	f := &fake{versions: threeVersions()}
	run := f.run(t)
	out, _, err := run("map", "show", "2", "-o", "acme")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "# Version 2 of the map of acme, applied at 2026-03-09T09:00:00Z.\n")
	m, problems := expmap.ReadYAML("map.yaml", []byte(out))
	if len(problems) > 0 || !proto.Equal(m, f.versions[1].GetMap()) {
		t.Errorf("%v\n%s", problems, out)
	}
	out, _, err = run("map", "show", "-o", "acme", "--format", "json")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, `"version": "3"`)
	for _, args := range [][]string{{"newest"}, {"0"}, {"--format", "csv"}} {
		_, _, err = run(append([]string{"map", "show", "-o", "acme"}, args...)...)
		code(t, err, cli.ExitFailed)
	}
}

func TestCoverageListsTheGaps(t *testing.T) {
	f := &fake{versions: threeVersions()}
	run := f.run(t)
	out, _, err := run("coverage", "-o", "acme")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "1 of 1 questions is paired with a metric.\n1 touchpoint unmeasured — List in metrics what is measured there.\n",
		"\nunmeasured        touchpoint  visit  Visit\n", "without question  touchpoint  visit  Visit\n")
	file := write(t, "map.yaml", `organisation: acme
metrics: [{id: wait, unit: s, resolution: 1000}]
questions:
  - {id: recommend, text: "Would you?", kind: nps, scale_min: 0, scale_max: 10, touchpoints: [help], unpaired_because: nothing is measured yet}
touchpoints:
  - {id: help, metrics: [wait], functional_owner: head, operational_owner: floor, steps: [{id: answer, place: front_stage}]}
targets: [{score: wait.mean, value: 20, cascades: true}]
`)
	out, _, err = run("coverage", file, "--server", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	want := `0 of 1 questions are paired with a metric.
1 question unpaired with a reason
1 metric unasked — Pair it with the question that it should move; ask one if there is none.

GAP                     OF        ID         NAME        REASON
unpaired with a reason  question  recommend  Would you?  nothing is measured yet
unasked                 metric    wait
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	out, _, err = run("coverage", file, "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "gap,of,id,name,note\nunpaired with a reason,question,recommend,Would you?,nothing is measured yet\n")
	out, _, err = run("coverage", file, "--format", "json")
	var c expmap.Coverage
	if err != nil || json.Unmarshal([]byte(out), &c) != nil || c.Questions != 1 || c.Excused != 1 || len(c.Gaps) != 2 {
		t.Errorf("%v %s", err, out)
	}
	out, _, err = run("check", file)
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "is in order", "0 of 1 questions are paired with a metric.\n")
	out, _, err = run("check", file, "--offline")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "0 of 1 questions are paired with a metric.\n")
	_, _, err = run("coverage", examples+"telecom/nowhere.yaml")
	code(t, err, cli.ExitFailed)
}
