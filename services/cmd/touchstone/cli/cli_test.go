package cli_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
)

const examples = "../../../../deploy/examples/"

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// has fails unless text contains each of want.
func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

func code(t *testing.T, err error, want int) {
	t.Helper()
	if got := cli.ExitCode(err); got != want {
		t.Errorf("exit %d, want %d: %v", got, want, err)
	}
}

// The published figures of the airport survey, from facts that went through mapping, batches and the stream.
func TestTheAirportSurveyHasItsPublishedNPS(t *testing.T) {
	for year, want := range map[string]struct {
		n   int
		nps float64
	}{"2017": {2746, 39.8398}, "2018": {2650, 30.9811}} {
		f := &fake{}
		out, stderr, err := f.run(t)("import", examples+"airport/"+year+"_SFO_Customer_Survey.csv", "--mapping", examples+"airport/import-"+year+".yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		has(t, out, "into airport", " 0 rows refused", "touchstone retract -o airport --import ")
		n, sum := 0, 0
		for _, fact := range f.facts {
			if a := fact.GetAnswer(); a.GetQuestion() == "recommend" {
				n++
				switch {
				case a.GetValue() >= 9:
					sum++
				case a.GetValue() <= 6:
					sum--
				}
			}
		}
		if nps := 100 * float64(sum) / float64(n); n != want.n || math.Abs(nps-want.nps) > 0.0001 {
			t.Errorf("%s: NPS %.4f of %d answers, want %.4f of %d", year, nps, n, want.nps, want.n)
		}
	}
}

const mapping = `
organisation: telecom
source: calls
facts:
  - interaction: {id: "{id}", occurred_at: {format: unix, column: at}, touchpoint: "{place}"}
`

func rows(n int) string {
	var b strings.Builder
	b.WriteString("id,at,place\n")
	for i := range n {
		fmt.Fprintf(&b, "c%d,%d,help_line\n", i, 1700000000+i)
	}
	return b.String()
}

func TestBadRowsAreNamedAndTheRestTaken(t *testing.T) {
	f := &fake{}
	m := write(t, "m.yaml", mapping)
	data := write(t, "calls.csv", "id,at,place\na,1700000000,help_line\nb,soon,help_line\nc,1700000000,nowhere\nd,1700000000\ne,1700000001,help_line\n")
	list := filepath.Join(t.TempDir(), "refused.txt")
	out, stderr, err := f.run(t)("import", data, "--mapping", m, "--refused", list)
	code(t, err, cli.ExitInPart)
	has(t, stderr,
		data+`:3: interaction.occurred_at: "soon" is not a time in format unix — correct the cell`,
		data+`:4: interaction.touchpoint: nowhere is not in the map — add it to the map`,
		data+`:5: has 2 cells, the header has 3 — `)
	has(t, out, "5 rows", "2 facts recorded", "3 rows refused")
	kept, readErr := os.ReadFile(list)
	if readErr != nil || strings.Count(string(kept), "\n") != 3 {
		t.Errorf("%s %v", kept, readErr)
	}
	if len(f.facts) != 2 {
		t.Errorf("%d facts", len(f.facts))
	}
}

func TestAnInterruptedImportGoesOn(t *testing.T) {
	f := &fake{failAt: 3}
	run := f.run(t)
	m, data := write(t, "m.yaml", mapping), write(t, "calls.csv", rows(2600))
	_, _, err := run("import", data, "--mapping", m)
	code(t, err, cli.ExitNotAllowed)
	has(t, err.Error(), "run the same command again to go on")
	f.failAt, f.batches = 0, 0
	out, stderr, err := run("import", data, "--mapping", m)
	if err != nil {
		t.Fatal(err)
	}
	has(t, stderr, "going on after row 1,000 of import")
	has(t, out, "2,600 rows, 2,600 facts recorded")
	if f.batches != 4 || len(f.facts) != 2600 {
		t.Errorf("%d batches, %d facts", f.batches, len(f.facts))
	}
	out, _, err = run("import", data, "--mapping", m)
	if err != nil || f.batches != 4 {
		t.Fatalf("%d batches, %v", f.batches, err)
	}
	has(t, out, "is complete", "nothing to do")
	// Another version of the same file is another import.
	if _, _, err = run("import", data, "--mapping", m, "--version", "2"); err != nil || f.facts["telecom/calls/c0"].GetVersion() != 2 {
		t.Fatal(err)
	}
}

func TestAMappingProblemStopsBeforeAnythingIsPublished(t *testing.T) {
	f := &fake{}
	run := f.run(t)
	m := write(t, "m.yaml", mapping)
	_, _, err := run("import", write(t, "calls.csv", "id,When,place\n"), "--mapping", m)
	has(t, err.Error(), m+`:5: the data file has no column "at" — it has id, When, place`)
	bad := write(t, "bad.yaml", "source: x\nformat: xml\n")
	_, _, err = run("import", write(t, "calls.csv", ""), "--mapping", bad)
	has(t, err.Error(), bad+":2: format: is neither csv nor ndjson — ", bad+":1: facts: is missing")
	if f.batches > 0 {
		t.Error("something was published")
	}
}

func TestRetractTakesBackAnImport(t *testing.T) {
	f := &fake{}
	run := f.run(t)
	m, data := write(t, "m.yaml", mapping), write(t, "calls.csv", rows(700))
	if _, _, err := run("import", data, "--mapping", m, "--import-id", "wrong"); err != nil {
		t.Fatal(err)
	}
	_, stderr, err := run("retract", "--import", "wrong", "-o", "telecom")
	code(t, err, cli.ExitFailed)
	has(t, stderr, "take back 700 facts of import wrong from telecom, source calls? [y/N]")
	out, _, err := run("retract", "--import", "wrong", "-o", "telecom", "--yes")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "700 facts of import wrong are taken back", "--version above 1")
	for key, fact := range f.facts {
		if r := fact.GetRetraction(); r.GetKind() != factv1.Kind_KIND_INTERACTION || fact.GetVersion() != 1 {
			t.Fatalf("%s: %v", key, fact)
		}
	}
	_, _, err = run("retract", "--import", "wrong", "-o", "telecom", "--yes")
	has(t, err.Error(), "has no facts that count")
}

func nps() *scorev1.Score {
	return &scorev1.Score{
		Ref: &scorev1.ScoreRef{Organisation: "airport", Score: "recommend.nps"}, Value: proto.Float64(39.8398), N: 2746,
		Interval: &scorev1.Interval{Low: 37.2249, High: 42.4546, Method: "wald"}, StandardError: proto.Float64(1.33414), Unit: "points",
		From: timestamppb.New(time.Date(2017, 1, 1, 8, 0, 0, 0, time.UTC)), To: timestamppb.New(time.Date(2018, 1, 1, 8, 0, 0, 0, time.UTC)),
		AsOf: timestamppb.New(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)), Simulated: true,
	}
}

func TestScoresTellAllThatJudgesThem(t *testing.T) {
	team := nps()
	team.Ref.Scope, team.Simulated = &scorev1.Scope{Team: "=cmd()"}, false
	f := &fake{list: []*scorev1.Score{nps(), team}, maps: map[string]*mapv1.Map{"airport": {Zone: "America/Los_Angeles"}}}
	run := f.run(t)
	out, _, err := run("scores", "--from", "2017-01-01", "--to", "2018-01-01", "--score", "recommend.*", "--by-team")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "recommend.nps  organisation", "39.84 points  37.22 to 42.45  2,746  1.334  2017-01-01  2018-01-01", "simulated", "team =cmd()")
	if a := f.asked; a.GetOrganisation() != "airport" || a.GetFrom().AsTime().Hour() != 8 || !a.GetByTeam() || a.GetScores()[0] != "recommend.*" {
		t.Errorf("asked for %v", a)
	}
	out, _, err = run("scores", "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "score,scope,value,unit,95%_interval,low,high,method,n,se", "recommend.nps,organisation,39.8398,points,,37.2249,42.4546,wald,2746,1.33414,2017-01-01T08:00:00Z")
	out, _, err = run("scores", "--format", "json", "--team", "=cmd()")
	if err != nil || strings.Count(out, "recommend.nps") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNoScoresSayWhereThereAreSome(t *testing.T) {
	f := &fake{maps: map[string]*mapv1.Map{"airport": {}}}
	_, stderr, err := f.run(t)("scores")
	if err != nil {
		t.Fatal(err)
	}
	has(t, stderr, "no scores in the window 28d for airport; its newest fact is of 2018-05-31 07:00 — try --window all")
}

func TestTextCellsAreNoFormulas(t *testing.T) {
	f := &fake{refused: []*ingestv1.RefusedFact{{Source: "=1+1", Id: "@x", Refusal: &ingestv1.Refusal{Message: "-2\x1b[2J", Remedy: "+"}}}}
	run := f.run(t)
	out, _, err := run("refused", "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "'=1+1,'@x,", ",'-2\x1b[2J,'+")
	out, _, err = run("refused")
	if err != nil || strings.Contains(out, "\x1b") {
		t.Errorf("%v %q", err, out)
	}
}

func TestWatchPrintsOldAndNew(t *testing.T) {
	before, after := nps(), nps()
	after.Value, after.N = proto.Float64(39.9), 2747
	f := &fake{maps: map[string]*mapv1.Map{"airport": {}}, watch: []*scorev1.WatchScoresResponse{
		{Snapshot: true, Changes: []*scorev1.ScoreChange{{Score: before}}},
		{Changes: []*scorev1.ScoreChange{{Score: after, Previous: before.Value, PreviousN: 2746}}},
	}}
	out, stderr, err := f.run(t)("watch", "--changes", "1")
	if err != nil {
		t.Fatal(err)
	}
	has(t, stderr, "watching 1 scores, window 28d")
	has(t, out, "09:00:00  recommend.nps of organisation  39.84 points → 39.90 points  n 2,746 → 2,747  simulated")
	if strings.Count(out, "\n") != 1 {
		t.Error(out)
	}
}

func TestEventTellsTheStory(t *testing.T) {
	call := &factv1.RecordedFact{Source: "demo", Id: "call-1", Kind: factv1.Kind_KIND_INTERACTION, Content: &factv1.RecordedFact_Interaction{
		Interaction: &factv1.RecordedInteraction{OccurredAtMs: 1700000000000, Touchpoint: "help_line", Outcome: "answered", Metrics: []*factv1.RecordedMetric{{Metric: "wait", Value: 12500}, {Metric: "gone", Value: 7}}},
	}}
	f := &fake{maps: map[string]*mapv1.Map{"airport": {Metrics: []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}}}}, story: &scorev1.GetFactResponse{Stories: []*scorev1.FactStory{{
		Deliveries: []*scorev1.Delivery{{Version: 1, Position: 12, RecordedAt: timestamppb.New(time.Unix(1700000001, 0)), Verdict: scorev1.Verdict_VERDICT_NEW, Fact: call}},
		Current:    call, Counted: "counted at help_line", Effects: []*scorev1.Effect{{Before: nps(), After: nps()}},
	}}}}
	run := f.run(t)
	out, _, err := run("event", "demo", "call-1")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "interaction call-1 of source demo", "2023-11-14 22:13:21.000", "new", "2023-11-14 22:13:20, help_line, answered, wait 12.5 s, gone 7", "now: counted at help_line", "39.84 points  →")
	f.story = nil
	f.refused = []*ingestv1.RefusedFact{{Source: "demo", Id: "call-1", Refusal: &ingestv1.Refusal{Field: "interaction.touchpoint", Message: "is not in the map", Remedy: "add it"}}}
	out, _, err = run("event", "demo", "call-1")
	code(t, err, cli.ExitInPart)
	has(t, out, "interaction.touchpoint", "is not in the map", "add it")
	f.refused = nil
	_, _, err = run("event", "demo", "call-1")
	code(t, err, cli.ExitFailed)
}

func TestErrorsSayFieldMessageAndRemedy(t *testing.T) {
	_, _, err := (&fake{}).run(t)("explain", "nps")
	code(t, err, cli.ExitFailed)
	if err.Error() != "ref.score: nps is no score — choose one of touchstone scores" {
		t.Error(err)
	}
}

func TestAnUnreachableServiceIsNamed(t *testing.T) {
	_, _, err := (&fake{}).run(t)("verify", "--server", "127.0.0.1:1")
	code(t, err, cli.ExitUnreachable)
	has(t, err.Error(), "Touchstone is not reachable at 127.0.0.1:1")
}

func TestVerifyFailsWhenTheStatesDiffer(t *testing.T) {
	out, _, err := (&fake{}).run(t)("verify")
	code(t, err, cli.ExitInPart)
	has(t, out, "DIFFERENT", "cell x")
}

func TestTheKeyIsPresented(t *testing.T) {
	f := &fake{}
	run := f.run(t)
	file := write(t, "key", "tsk_a_b\n")
	if _, _, err := run("refused", "-o", "x", "--key", "@"+file); err != nil {
		t.Fatal(err)
	}
	for _, k := range f.keys {
		if k != "Bearer tsk_a_b" {
			t.Errorf("presented %q", k)
		}
	}
}

func TestMapsAreCheckedAndApplied(t *testing.T) {
	run := (&fake{}).run(t)
	good := examples + "airport/map.yaml"
	out, _, err := run("check", good)
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "is in order", "would follow version 3", "history would be counted again: the zone changes")
	out, _, err = run("apply", good, "--expect", "3")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "airport: version 4 is current")
	_, _, err = run("apply", good, "--expect", "2")
	has(t, err.Error(), "the current version is 3")
	data, readErr := os.ReadFile(good)
	if readErr != nil {
		t.Fatal(readErr)
	}
	bad := write(t, "map.yaml", strings.Replace(string(data), "zone: America/Los_Angeles", "zone: Mars/Olympus", 1))
	_, _, err = run("check", bad)
	code(t, err, cli.ExitInPart)
	has(t, err.Error(), bad+":", "zone: ", " — ")
}

func TestABackupAppearsWholeOrNotAtAll(t *testing.T) {
	f := &fake{backup: [][]byte{[]byte("abc"), []byte("def")}}
	run := f.run(t)
	name := filepath.Join(t.TempDir(), "backup")
	if _, _, err := run("backup", name); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run("backup", name); err == nil {
		t.Error("it overwrote a backup")
	}
	if _, _, err := run("restore", name); err != nil || string(f.restored) != "abcdef" {
		t.Errorf("%v %q", err, f.restored)
	}
	f.backup = [][]byte{[]byte("abc"), nil}
	broken := filepath.Join(t.TempDir(), "broken")
	if _, _, err := run("backup", broken); err == nil {
		t.Error("no error")
	}
	if left, err := filepath.Glob(broken + "*"); err != nil || len(left) > 0 {
		t.Errorf("left %v %v", left, err)
	}
}

func TestSimulatedHistoryIsPublishedOnce(t *testing.T) {
	f := &fake{maps: map[string]*mapv1.Map{"small": {Organisation: "small", Touchpoints: []*mapv1.Touchpoint{{Id: "desk", FunctionalOwner: "a", OperationalOwner: "b"}}}}, failAt: 5}
	run := f.run(t)
	_, _, err := run("simulate", "--weeks", "1")
	if err == nil {
		t.Fatal("no error")
	}
	f.failAt = 0
	out, _, err := run("simulate", "--weeks", "1")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "simulated history of small: ")
	if n := len(f.facts); n < 30_000 {
		t.Errorf("%d facts", n)
	}
	f.batches = 0
	out, _, err = run("simulate", "--weeks", "1")
	if err != nil || f.batches > 0 {
		t.Fatalf("%d batches, %v", f.batches, err)
	}
	has(t, out, "is there already")
}
