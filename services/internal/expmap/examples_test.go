package expmap_test

import (
	"encoding/csv"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

const examples = "../../../deploy/examples/"

func example(t *testing.T, name string) *expmap.Map {
	t.Helper()
	data, err := os.ReadFile(examples + name)
	if err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.CheckYAML(name, data)
	for _, p := range problems {
		t.Error(p)
	}
	if m == nil {
		t.FailNow()
	}
	return m
}

func TestExampleMapsCompile(t *testing.T) {
	telecom := example(t, "telecom/map.yaml")
	stages, directions := map[string]int{}, map[string]int{}
	for _, x := range telecom.Touchpoints {
		stages[x.Proto.GetStage()]++
		directions[x.Proto.GetDirection().String()]++
	}
	if len(telecom.Touchpoints) != 84 || len(stages) != 7 || len(directions) != 2 || directions["DIRECTION_UNSPECIFIED"] > 0 {
		t.Errorf("%d touchpoints, stages %v, directions %v", len(telecom.Touchpoints), stages, directions)
	}
	example(t, "airport/map.yaml")
	example(t, "restaurant/map.yaml")
}

// mapping is what the tests need of an import mapping.
type mapping struct {
	Organisation string
	Constants    map[string]string
	Facts        []struct {
		Answer *struct {
			Question   string
			Touchpoint string
			Value      struct {
				Column  string
				Missing []string
			}
		}
	}
}

// The survey, read here in the plainest way, must give the published figures and fit the map: every column exists, every
// question is asked at its touchpoint, and all that is not missing lies on its scale.
func TestAirportSurvey(t *testing.T) {
	m := example(t, "airport/map.yaml")
	for year, want := range map[string]struct {
		rows, n, promoters, detractors int
		nps, se                        float64
		offMay                         int
	}{
		"2017": {2831, 2746, 1436, 342, 39.8398, 1.33414, 2},
		"2018": {2809, 2650, 1268, 447, 30.9811, 1.44220, 0},
	} {
		rows := readCSV(t, examples+"airport/"+year+"_SFO_Customer_Survey.csv")
		data, err := os.ReadFile(examples + "airport/import-" + year + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var imp mapping
		if err := yaml.Unmarshal(data, &imp); err != nil {
			t.Fatal(err)
		}
		asked := map[string]bool{}
		for _, f := range imp.Facts {
			q := m.Questions[f.Answer.Question]
			if q == nil {
				t.Fatalf("%s: unknown question %s", year, f.Answer.Question)
			}
			asked[q.ID] = true
			if _, ok := q.Touchpoints[f.Answer.Touchpoint]; !ok {
				t.Errorf("%s: %s is not asked at %s", year, q.ID, f.Answer.Touchpoint)
			}
			n, promoters, detractors := 0, 0, 0
			for i, row := range rows {
				cell, ok := row[f.Answer.Value.Column]
				if !ok {
					t.Fatalf("%s: no column %s", year, f.Answer.Value.Column)
				}
				if slices.Contains(f.Answer.Value.Missing, cell) {
					continue
				}
				v, err := strconv.ParseInt(cell, 10, 64)
				if err != nil || v < q.Min || v > q.Max {
					t.Errorf("%s row %d: %s is %q", year, i+1, f.Answer.Value.Column, cell)
				}
				n++
				if v >= 9 {
					promoters++
				} else if v <= 6 {
					detractors++
				}
			}
			if q.ID != "recommend" {
				continue
			}
			p, d := float64(promoters)/float64(n), float64(detractors)/float64(n)
			nps, se := 100*(p-d), 100*math.Sqrt((p+d-(p-d)*(p-d))/float64(n))
			if len(rows) != want.rows || n != want.n || promoters != want.promoters || detractors != want.detractors ||
				math.Abs(nps-want.nps) > 5e-5 || math.Abs(se-want.se) > 5e-6 {
				t.Errorf("%s: rows %d, n %d, promoters %d, detractors %d, NPS %.4f, SE %.5f", year, len(rows), n, promoters, detractors, nps, se)
			}
		}
		if len(asked) != len(m.Questions) {
			t.Errorf("%s: %d of %d questions are imported", year, len(asked), len(m.Questions))
		}
		off, ids := 0, map[string]bool{}
		for _, row := range rows {
			day, err := time.Parse("2006-1-2", year+"-5-"+row["INTDATE"])
			if err != nil {
				t.Fatal(err)
			}
			if name := weekday(day); row["DAY"] != name && row["DAY"] != strconv.Itoa(int(day.Weekday())+1) {
				off++
			}
			ids[row["RESPNUM"]] = true
			if _, ok := m.Teams[row["BAREA"]]; !ok {
				t.Errorf("%s: unknown boarding area %q", year, row["BAREA"])
			}
		}
		if off != want.offMay || len(ids) != len(rows) {
			t.Errorf("%s: %d rows off May, %d ids", year, off, len(ids))
		}
	}
}

func weekday(d time.Time) string {
	if d.Weekday() == time.Thursday {
		return "THUR"
	}
	return strings.ToUpper(d.Weekday().String()[:3])
}

func readCSV(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, h := range records[0] {
			row[strings.TrimSpace(h)] = strings.TrimSpace(r[i])
		}
		rows = append(rows, row)
	}
	return rows
}
