package expmap_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// Each case of testdata/problems.txt breaks testdata/whole.yaml in one place, and says all that must be reported.
func TestEveryCheckOfTheWholeMap(t *testing.T) { checks(t, "whole.yaml", "problems.txt") }

// And each case of testdata/scores-problems.txt testdata/scores.yaml.
func TestEveryCheckOfScores(t *testing.T) { checks(t, "scores.yaml", "scores-problems.txt") }

// And each case of testdata/surveys-problems.txt testdata/surveys.yaml.
func TestEveryCheckOfSurveys(t *testing.T) { checks(t, "surveys.yaml", "surveys-problems.txt") }

func checks(t *testing.T, file, problems string) {
	whole, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if m, problems := expmap.CheckYAML(file, whole); m == nil {
		t.Fatal(problems)
	}
	cases, err := os.ReadFile("testdata/" + problems)
	if err != nil {
		t.Fatal(err)
	}
	_, all, _ := strings.Cut(string(cases), "\n\n")
	for _, paragraph := range strings.Split(strings.TrimSpace(all), "\n\n") {
		var name string
		var out, in, want []string
		for _, line := range strings.Split(paragraph, "\n") {
			switch {
			case strings.HasPrefix(line, "== "):
				name = line[3:]
			case strings.HasPrefix(line, "-"):
				out = append(out, line[1:])
			case strings.HasPrefix(line, "+"):
				in = append(in, line[1:])
			case strings.HasPrefix(line, "! "):
				want = append(want, line[2:])
			default:
				t.Fatalf("this line is of no kind: %q", line)
			}
		}
		t.Run(name, func(t *testing.T) {
			from, to := strings.Join(out, "\n"), strings.Join(in, "\n")
			if strings.Count(string(whole), from) != 1 {
				t.Fatalf("%q is not there once", from)
			}
			m, problems := expmap.CheckYAML(file, []byte(strings.Replace(string(whole), from, to, 1)))
			if m != nil {
				t.Fatal("accepted")
			}
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%d: %s: %s", p.Line, p.Field, p.Message))
				if p.Remedy == "" {
					t.Errorf("no remedy: %s", p)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n! %s\nwant\n! %s", strings.Join(got, "\n! "), strings.Join(want, "\n! "))
			}
		})
	}
}
