package importer_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/importer"
)

const callsMapping = `
organisation: restaurants
source: calls
format: csv
zone: Europe/London
facts:
  - interaction:
      id: "{Call ID}"
      occurred_at: {format: "2006-01-02 15:04:05", value: "{Call Date} {Call Time}"}
      touchpoint: phone_booking
      team: {column: "Restaurant ID"}
      outcome: {column: "Call Outcome", map: {"Booking completed": answered}, else: abandoned, missing: []}
      metrics:
        - metric: wait
          seconds_between: {format: "2006-01-02 15:04:05", from: "{Call Date} {Call Time}", to: "{Call Date} {Time Answered}", missing: ["{Call Date} "], across_midnight: true}
        - metric: covers
          value: {column: "Covers Booked", missing: [""]}
`

const surveyMapping = `
source: sfo-survey
zone: America/Los_Angeles
constants: {year: "2017", month: "05"}
facts:
  - answer:
      id: "{year}-{RESPNUM}-recommend"
      question: recommend
      value: {column: NETPRO, missing: ["", "11", "BLANK"]}
      about_time: {format: "2006-01-02", value: "{year}-{month}-{INTDATE|02}"}
      touchpoint: airport_overall
      team: {column: BAREA, missing: [""]}
      response_id: "{year}-{RESPNUM}"
  - answer:
      id: "{year}-{#}-row"
      question: overall
      value: {column: Q7ALL, missing: ["", "0"]}
      about_time: {format: "2006-01-02", value: "{year}-{month}-{INTDATE|02}"}
`

// read returns every fact and problem of data under mapping, one a line.
func read(t *testing.T, mapping, data string) (facts []*factv1.Fact, noValue int, problems []string) {
	t.Helper()
	m, bad := importer.Parse([]byte(mapping))
	if len(bad) > 0 {
		t.Fatalf("mapping: %v", bad)
	}
	rows, bad, err := m.Open(strings.NewReader(data))
	if err != nil || len(bad) > 0 {
		t.Fatalf("open: %v %v", bad, err)
	}
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return facts, noValue, problems
		}
		var refused *importer.RowError
		if errors.As(err, &refused) {
			problems = append(problems, fmt.Sprintf("%d: %s", refused.Problem.Line, refused.Problem))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		result := m.Facts(row, 7)
		facts = append(facts, result.Facts...)
		noValue += result.NoValue
		for _, p := range result.Problems {
			problems = append(problems, fmt.Sprintf("%d: %s", p.Line, p))
		}
	}
}

func same(t *testing.T, got []*factv1.Fact, want ...string) {
	t.Helper()
	var wanted []*factv1.Fact
	for _, w := range want {
		f := &factv1.Fact{}
		if err := protojson.Unmarshal([]byte(w), f); err != nil {
			t.Fatal(err)
		}
		wanted = append(wanted, f)
	}
	if d := cmp.Diff(wanted, got, protocmp.Transform()); d != "" {
		t.Fatalf("facts differ (-want +got):\n%s", d)
	}
}

func TestCallsBecomeInteractions(t *testing.T) {
	facts, _, problems := read(t, callsMapping, `Call ID,Call Date,Call Time,Time Answered,Agent ID,Restaurant ID,Covers Booked,Call Outcome
1,2023-11-01,13:56:45,13:57:02,9,rest030,1,Booking completed
2,2023-11-01,23:59:50,00:00:05,9,rest030,,
3,2023-11-01,14:00:00,,,rest001,,Abandoned
`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	same(t, facts,
		`{"id":"1","version":7,"interaction":{"occurredAt":"2023-11-01T13:56:45Z","touchpoint":"phone_booking","team":"rest030","outcome":"answered","metrics":[{"metric":"wait","decimal":"17"},{"metric":"covers","decimal":"1"}]}}`,
		`{"id":"2","version":7,"interaction":{"occurredAt":"2023-11-01T23:59:50Z","touchpoint":"phone_booking","team":"rest030","outcome":"abandoned","metrics":[{"metric":"wait","decimal":"15"}]}}`,
		`{"id":"3","version":7,"interaction":{"occurredAt":"2023-11-01T14:00:00Z","touchpoint":"phone_booking","team":"rest001","outcome":"abandoned"}}`)
}

func TestSurveyRowsBecomeAnswers(t *testing.T) {
	// Column names carry spaces as in the 2018 file, a byte order mark stands before the first.
	facts, noValue, problems := read(t, surveyMapping, "\ufeffRESPNUM,INTDATE,BAREA,NETPRO  , Q7ALL\n1,3,G,9,4\n2,13,,11,5\n3,14,A, BLANK ,0\n")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if noValue != 3 {
		t.Fatalf("%d facts without a value, want 3", noValue)
	}
	same(t, facts,
		`{"id":"2017-1-recommend","version":7,"answer":{"question":"recommend","value":9,"aboutTime":"2017-05-03T07:00:00Z","touchpoint":"airport_overall","team":"G","responseId":"2017-1"}}`,
		`{"id":"2017-1-row","version":7,"answer":{"question":"overall","value":4,"aboutTime":"2017-05-03T07:00:00Z"}}`,
		`{"id":"2017-2-row","version":7,"answer":{"question":"overall","value":5,"aboutTime":"2017-05-13T07:00:00Z"}}`)
}

func TestABadRowCostsOnlyItsOwnFacts(t *testing.T) {
	facts, _, problems := read(t, surveyMapping, "RESPNUM,INTDATE,BAREA,NETPRO,Q7ALL\n1,3,G,nine,4\n2,3\n3,32,G,9,\n4,5,G,10,\n")
	same(t, facts,
		`{"id":"2017-1-row","version":7,"answer":{"question":"overall","value":4,"aboutTime":"2017-05-03T07:00:00Z"}}`,
		`{"id":"2017-4-recommend","version":7,"answer":{"question":"recommend","value":10,"aboutTime":"2017-05-05T07:00:00Z","touchpoint":"airport_overall","team":"G","responseId":"2017-4"}}`)
	want := []string{
		`2: answer.value: column NETPRO holds "nine", which is not a whole number — correct the cell, or list the value under missing in the mapping`,
		`3: has 2 cells, the header has 5 — quote cells that contain the delimiter`,
		`4: answer.about_time: "2017-05-32" is not a time in format "2006-01-02" — correct the cell, or list the value under missing in the mapping`,
	}
	if d := cmp.Diff(want, problems); d != "" {
		t.Fatal(d)
	}
}

func TestNDJSONReadsPathsAndKeepsLargeNumbers(t *testing.T) {
	mapping := `
source: events
format: ndjson
version: {format: unix_ms, column: updated}
facts:
  - interaction:
      id: "{id}"
      occurred_at: {format: unix, column: at}
      touchpoint: {column: queue.name}
      attributes: {segment: {column: segment, map: {gold: premium}, else: standard}}
      contact: {email: "{mail}"}
`
	facts, _, problems := read(t, mapping, `{"id":9007199254740993,"at":1700000000,"updated":1700000000123,"queue":{"name":"billing"},"segment":"gold","mail":null}

not json
{"id":"b","at":1.5,"updated":1,"queue":{"name":"billing"}}
{"id":"c","at":1700000000,"updated":1,"queue":"billing"}
`)
	same(t, facts, `{"id":"9007199254740993","version":"1700000000123","interaction":{"occurredAt":"2023-11-14T22:13:20Z","touchpoint":"billing","attributes":{"segment":"premium"}}}`)
	for i, want := range []string{"3: is not a JSON object", `4: interaction.occurred_at: "1.5" is not a time`, "5: interaction.touchpoint: column queue.name gives no value"} {
		if !strings.HasPrefix(problems[i], want) {
			t.Errorf("problem %d is %q, want %q", i, problems[i], want)
		}
	}
}

func TestSkippedLocalTimesAreRefused(t *testing.T) {
	_, _, problems := read(t, callsMapping, "Call ID,Call Date,Call Time,Time Answered,Restaurant ID,Covers Booked,Call Outcome\n1,2023-03-26,01:30:00,,r1,,\n")
	if len(problems) == 0 || !strings.Contains(problems[0], "the clocks went forward over it") {
		t.Fatal(problems)
	}
}

func TestMappingProblemsNameLineAndRemedy(t *testing.T) {
	_, problems := importer.Parse([]byte(`source: x
format: xml
zone: Mars/Olympus
fact: []
facts:
  - answer:
      id: "{a"
      question: q
      value: {column: A, value: "{B}"}
      about_time: {format: "YYYY-MM-DD", column: A}
  - interaction: {id: a, touchpoint: t}
  - observation: {id: a, metric: m, sum: "1", n: "1", touchpoint: t}
    answer: {}
`))
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%d %s", p.Line, p.Field))
		if p.Message == "" || p.Remedy == "" {
			t.Errorf("%v lacks a message or a remedy", p)
		}
	}
	want := []string{
		"4 fact", "2 format", "3 zone", "7 facts[0].answer.id", "9 facts[0].answer.value", "10 facts[0].answer.about_time.format",
		"11 facts[1].interaction.occurred_at", "12 facts[2]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestMissingColumnsAreNamedByLineOfTheMapping(t *testing.T) {
	m, _ := importer.Parse([]byte(surveyMapping))
	_, problems, err := m.Open(strings.NewReader("RESPNUM,intdate,BAREA,NETPRO,NETPRO,Q7ALL\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`9: the data file has column "NETPRO" twice`, `10: the data file has no column "INTDATE" — did you mean "intdate"?`}
	for i, w := range want {
		if got := fmt.Sprintf("%d: %s", problems[i].Line, problems[i]); !strings.HasPrefix(got, w) {
			t.Errorf("got %q, want %q", got, w)
		}
	}
}

func TestAnOpenQuoteCannotReadTheWholeFile(t *testing.T) {
	m, _ := importer.Parse([]byte(surveyMapping))
	rows, _, err := m.Open(strings.NewReader("RESPNUM,INTDATE,BAREA,NETPRO,Q7ALL\n1,\"" + strings.Repeat("x\n", 2<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Next(); err == nil || !strings.Contains(err.Error(), "quotation mark") {
		t.Fatal(err)
	}
	if _, err := rows.Next(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}
