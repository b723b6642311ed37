package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/directory"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// theMap has the roles care_lead, floor_lead and head.
func theMap(t testing.TB, declared bool) *expmap.Map {
	t.Helper()
	p := &mapv1.Map{
		Organisation: "acme", Zone: "Europe/Berlin", ProgrammeOwner: "head",
		Touchpoints: []*mapv1.Touchpoint{{Id: "help", FunctionalOwner: "care_lead", OperationalOwner: "floor_lead"}},
	}
	if declared {
		p.Roles = []*mapv1.Role{{Id: "head"}, {Id: "care_lead"}, {Id: "floor_lead"}}
	}
	m, problems := expmap.Compile(p, 1)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return m
}

func sound() *directoryv1.Directory {
	return &directoryv1.Directory{
		Organisation: "acme",
		Holders:      []*directoryv1.Holder{person("ana", "Europe/Berlin", hours("08:00", "18:00")), person("ben", ""), person("cem", "")},
		Holdings: []*directoryv1.Holding{
			{Role: "care_lead", Holder: "ana", To: "2026-07-01", Deputy: "ben"},
			{Role: "care_lead", Holder: "ana", From: "2026-07-01"},
			{Role: "care_lead", Holder: "ben", From: "2026-07-01", Deputy: "ana"},
			{Role: "floor_lead", Holder: "ben", Deputy: "ana"},
		},
	}
}

func TestCheck(t *testing.T) {
	for _, declared := range []bool{true, false} {
		if p := directory.Check(sound(), theMap(t, declared)); len(p) > 0 {
			t.Fatal("a sound directory:", p)
		}
	}
	way := func(kind directoryv1.WayKind, address string) func(*directoryv1.Directory) {
		return func(d *directoryv1.Directory) { d.Holders[1].Ways[0] = &directoryv1.Way{Kind: kind, Address: address} }
	}
	const address = "directory.holders[1].ways[0].address"
	for _, c := range []struct {
		what   string
		change func(*directoryv1.Directory)
		field  string // of the only problem
		says   string
	}{
		{"another organisation", func(d *directoryv1.Directory) { d.Organisation = "other" }, "directory.organisation", `"other"`},
		{"a misspelt role", func(d *directoryv1.Directory) { d.Holdings[3].Role = "flor_lead" }, "directory.holdings[3].role", `Did you mean "floor_lead"?`},
		{"an unknown role", func(d *directoryv1.Directory) { d.Holdings[3].Role = "cook" }, "directory.holdings[3].role", `The map has no role "cook".`},
		{"an unknown holder", func(d *directoryv1.Directory) { d.Holdings[3].Holder = "bem" }, "directory.holdings[3].holder", `Did you mean "ben"?`},
		{"an unknown deputy", func(d *directoryv1.Directory) { d.Holdings[3].Deputy = "zoe" }, "directory.holdings[3].deputy", `no holder "zoe"`},
		{"their own deputy", func(d *directoryv1.Directory) { d.Holdings[3].Deputy = "ben" }, "directory.holdings[3].deputy", "own deputy"},
		{"a day that is none", func(d *directoryv1.Directory) { d.Holdings[1].From = "2026-02-30" }, "directory.holdings[1].from", `"2026-02-30" is no day`},
		{"a day written otherwise", func(d *directoryv1.Directory) { d.Holdings[0].To = "1.7.2026" }, "directory.holdings[0].to", "is no day"},
		{"an end before the beginning", func(d *directoryv1.Directory) { d.Holdings[1].To = "2026-07-01" }, "directory.holdings[1].to", "not after it begins"},
		{"an overlap", func(d *directoryv1.Directory) { d.Holdings[0].To = "2026-07-02" }, "directory.holdings[1].from", "by holdings[0]"},
		{"an overlap for ever", func(d *directoryv1.Directory) { d.Holdings[0].To = "" }, "directory.holdings[1].from", "by holdings[0]"},
		{"a holder twice", func(d *directoryv1.Directory) { d.Holders[2].Id = "ben" }, "directory.holders[2].id", "listed twice"},
		{"an id that is none", func(d *directoryv1.Directory) { d.Holders[2].Id = "Cem" }, "directory.holders[2].id", "no id"},
		{"a zone that is none", func(d *directoryv1.Directory) { d.Holders[1].Zone = "Berlin" }, "directory.holders[1].zone", `"Berlin"`},
		{"the machine's zone", func(d *directoryv1.Directory) { d.Holders[1].Zone = "Local" }, "directory.holders[1].zone", "not known"},
		{"no way", func(d *directoryv1.Directory) { d.Holders[1].Ways = nil }, "directory.holders[1].ways", "no way to reach"},
		{"no kind", way(0, "x"), "directory.holders[1].ways[0].kind", "no kind"},
		{"an e-mail address", way(1, "Ben <ben@example.org>"), address, "no e-mail address"},
		{"a telephone number", way(2, "030 1234567"), address, "no telephone number"},
		{"a number for SMS", way(3, "+49 171 1234567"), address, "no telephone number"},
		{"a chat", way(4, "care"), address, "no channel"},
		{"a webhook", way(5, "hooks.example.org/x"), address, "no URL"},
		{"a webhook with a password", way(5, "https://a:b@example.org/x"), address, "no URL"},
		{"no time", func(d *directoryv1.Directory) { d.Holders[0].Hours[0].From = "8:00" }, "directory.holders[0].hours[0].from", `"8:00" is no time`},
		{"hours over midnight", func(d *directoryv1.Directory) { d.Holders[0].Hours[0].To = "07:00" }, "directory.holders[0].hours[0].to", "not after"},
		{"no weekday", func(d *directoryv1.Directory) { d.Holders[0].Hours[0].Days[1] = "tues" }, "directory.holders[0].hours[0].days[1]", `"tues"`},
		{"a weekday twice", func(d *directoryv1.Directory) { d.Holders[0].Hours[0].Days[1] = "mon" }, "directory.holders[0].hours[0].days[1]", "twice"},
		{"no weekdays", func(d *directoryv1.Directory) { d.Holders[0].Hours[0].Days = nil }, "directory.holders[0].hours[0].days", "no day"},
		{"overlapping hours", func(d *directoryv1.Directory) {
			d.Holders[0].Hours = append(d.Holders[0].Hours, hours("17:00", "24:00", "fri", "sat"))
		}, "directory.holders[0].hours[1].days[0]", "overlap those of hours[0]"},
	} {
		d := sound()
		c.change(d)
		p := directory.Check(d, theMap(t, true))
		if len(p) != 1 || p[0].Field != c.field || !strings.Contains(p[0].Message, c.says) || p[0].Remedy == "" {
			t.Errorf("%s: %+v, want %q at %s", c.what, p, c.says, c.field)
		}
	}
}

// Names and addresses stand in no message: what is said of a directory may be kept elsewhere.
func TestMessagesQuoteNoPersonalData(t *testing.T) {
	d := sound()
	d.Holders[0].Name = "Canary"
	for kind := range 7 {
		d.Holders[0].Ways = append(d.Holders[0].Ways, &directoryv1.Way{Kind: directoryv1.WayKind(kind), Address: "Canary Canary"})
	}
	p := directory.Check(d, theMap(t, true))
	if len(p) != 7 || strings.Contains(fmt.Sprint(p), "Canary") {
		t.Error(p)
	}
}

// A circle of deputies is found exactly where a walk on some day comes back.
func TestCirclesOfDeputies(t *testing.T) {
	m := theMap(t, true)
	rapid.Check(t, func(t *rapid.T) {
		ids := []string{"ana", "ben", "cem"}
		days := []string{"", "2026-01-01", "2026-01-02", "2026-01-03"}
		d := sound()
		d.Holdings = nil
		for _, id := range ids {
			for k := range rapid.IntRange(0, 2).Draw(t, "holdings") {
				at := rapid.IntRange(0, 3).Draw(t, "from")
				h := &directoryv1.Holding{Role: "head", Holder: id, Deputy: rapid.SampledFrom(append(ids, "")).Draw(t, "deputy"), From: days[at], To: fmt.Sprintf("2026-01-%02d", at+1)}
				if h.Deputy == id {
					h.Deputy = ""
				}
				if k > 0 {
					h.From, h.To = "2026-01-05", ""
				}
				d.Holdings = append(d.Holdings, h)
			}
		}
		want := false
		for day := time.Date(2025, 12, 30, 0, 0, 0, 0, time.UTC); day.Year() < 2027 && day.YearDay() != 10; day = day.AddDate(0, 0, 1) {
			on := day.Format("2006-01-02")
			deputy := map[string]string{}
			for _, h := range d.Holdings {
				if h.From <= on && (h.To == "" || on < h.To) {
					deputy[h.Holder] = h.Deputy
				}
			}
			for _, id := range ids {
				next := deputy[id]
				for range 4 {
					want = want || next == id && id != ""
					next = deputy[next]
				}
			}
		}
		problems := directory.Check(d, m)
		got := slices.ContainsFunc(problems, func(p fault.Violation) bool { return strings.Contains(p.Message, "circle") })
		if got != want {
			t.Fatalf("%v: %v, want a circle: %v", d.Holdings, problems, want)
		}
	})
	long := sound()
	long.Holdings = nil
	for i := range 30 {
		long.Holders = append(long.Holders, person(fmt.Sprint("p", i), ""))
		long.Holdings = append(long.Holdings, &directoryv1.Holding{Role: "head", Holder: fmt.Sprint("p", i), Deputy: fmt.Sprint("p", (i+1)%30)})
	}
	if p := directory.Check(long, m); len(p) != 30 || !strings.Contains(p[0].Message, "more than 16") {
		t.Error(p)
	}
}

func TestUnheld(t *testing.T) {
	at := time.Date(2026, 6, 30, 22, 30, 0, 0, time.UTC) // the first of July in Berlin
	for _, declared := range []bool{true, false} {
		m := theMap(t, declared)
		if got := directory.Unheld(sound(), m, at); !slices.Equal(got, []string{"head"}) {
			t.Error(got)
		}
		d := proto.CloneOf(sound())
		d.Holdings[1].From, d.Holdings[2].From = "2026-07-02", "2026-07-02"
		if got := directory.Unheld(d, m, at); !slices.Equal(got, []string{"care_lead", "head"}) {
			t.Error(got)
		}
		if got := directory.Unheld(nil, m, at); len(got) != 3 {
			t.Error(got)
		}
	}
}
