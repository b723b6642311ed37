package scoreservice

import (
	"os"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// What employees are asked in a wave is shown as their answers are, its parts too; what customers are asked is not.
func TestAnswersToSurveysOfEmployeesAreTheirs(t *testing.T) {
	data, err := os.ReadFile("../../internal/expmap/testdata/surveys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.CheckYAML("surveys.yaml", data)
	if m == nil {
		t.Fatal(problems)
	}
	theirs := 0
	for _, d := range score.NewCatalogue(Spec(m)).All() {
		of := strings.HasPrefix(d.ID, "first_")
		if of {
			theirs++
		}
		if d.Employees != of || of && d.Minimum < score.FewestEmployees {
			t.Errorf("%s: of employees is %v, at least %d answers", d.ID, d.Employees, d.Minimum)
		}
	}
	if theirs != 3*(4+3) { // mean, median, sd, count and three shares of three ranks
		t.Errorf("%d scores of employees", theirs)
	}
}
