package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	"github.com/touchstone-cx/touchstone/services/internal/directory"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func person(id, zone string, hours ...*directoryv1.Hours) *directoryv1.Holder {
	return &directoryv1.Holder{Id: id, Name: "Name of " + id, Zone: zone, Hours: hours, Ways: []*directoryv1.Way{{Kind: directoryv1.WayKind_WAY_KIND_EMAIL, Address: id + "@example.org"}}}
}

func hours(from, to string, days ...string) *directoryv1.Hours {
	if len(days) == 0 {
		days = []string{"mon", "tue", "wed", "thu", "fri"}
	}
	return &directoryv1.Hours{From: from, To: to, Days: days}
}

// text is an answer in short: "ana, ben (for cem), dan -" names dan outside their hours.
func text(r *directoryv1.WhoHoldsResponse) string {
	var all []string
	for _, x := range r.GetReachable() {
		s := x.GetHolder().GetId()
		if x.GetDeputyOf() != "" {
			s += " (for " + x.GetDeputyOf() + ")"
		}
		if !x.GetWithinHours() {
			s += " -"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func TestWhoHolds(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	d := &directoryv1.Directory{
		Organisation: "acme",
		Holders: []*directoryv1.Holder{
			person("ana", "", hours("08:00", "18:00")),
			person("ben", "America/New_York", hours("08:00", "18:00")),
			person("cem", "", hours("18:00", "24:00"), hours("00:00", "08:00", "tue", "wed", "thu", "fri", "sat")),
			person("desk", ""),
			{Id: "mute"},
		},
		Holdings: []*directoryv1.Holding{
			{Role: "care", Holder: "ben", Order: 2, Deputy: "desk"},
			{Role: "care", Holder: "ana", Order: 1, Deputy: "cem", From: "2026-03-01", To: "2026-07-01"},
			{Role: "care", Holder: "ana", Order: 3, From: "2026-07-01"},
			{Role: "nights", Holder: "ana", Deputy: "ben"},
			{Role: "nights", Holder: "ben", Order: 1, Deputy: "cem"},
			{Role: "soon", Holder: "ana", From: "2027-01-01"},
			{Role: "silent", Holder: "mute", Deputy: "desk"},
			{Role: "office", Holder: "ana"},
		},
	}
	for _, c := range []struct {
		role, at string // in Berlin
		want     string
		nobody   string
	}{
		{"care", "2026-06-30 10:00", "ana, desk (for ben), ben -", ""},
		{"care", "2026-06-30 15:00", "ana, ben", ""},
		{"care", "2026-06-30 19:00", "cem (for ana), ben, ana -", ""},
		{"care", "2026-07-01 15:00", "ben, ana", ""}, // from that day in another place
		{"care", "2026-02-28 10:00", "desk (for ben), ben -", ""},
		// The deputy holds it too and is outside their hours, so the deputy's own is tried.
		{"nights", "2026-06-30 03:00", "cem (for ben), ana -, ben -", ""},
		{"nights", "2026-06-30 15:00", "ana, ben", ""},
		{"nights", "2026-06-30 18:00", "ben, ana -", ""}, // to is not part of the hours
		{"soon", "2026-12-31 23:59", "", `Nobody holds the role "soon" on 2026-12-31; somebody does from 2027-01-01.`},
		{"soon", "2027-01-01 10:00", "ana", ""},
		{"silent", "2026-06-30 10:00", "desk (for mute)", ""},
		{"office", "2026-07-04 10:00", "ana -", `Nobody who holds the role "office", nor a deputy, is within their hours at Sat 2026-07-04 10:00 CEST.`},
		{"none", "2026-07-04 10:00", "", `Nobody holds the role "none" on 2026-07-04.`},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.at, berlin)
		if err != nil {
			t.Fatal(err)
		}
		got := directory.WhoHolds(d, berlin, c.role, at.UTC())
		if text(got) != c.want || got.GetNobody() != c.nobody {
			t.Errorf("%s at %s: %s; %q\nwant %s; %q", c.role, c.at, text(got), got.GetNobody(), c.want, c.nobody)
		}
	}
	// Nothing was ever put.
	if got := directory.WhoHolds(nil, berlin, "care", time.Unix(0, 0)); len(got.GetReachable()) != 0 || got.GetNobody() == "" {
		t.Error(got)
	}
}

// Whatever a directory holds, also one that no check let through: each is named once, those within their hours first, with
// every holder of the day among them or reached by nothing.
func TestWhoHoldsAnyDirectory(t *testing.T) {
	utc := time.UTC
	rapid.Check(t, func(t *rapid.T) {
		ids := []string{"a", "b", "c", "d", "e"}
		days := []string{"", "2026-01-01", "2026-01-02", "2026-01-03"}
		d := &directoryv1.Directory{}
		open := map[string]bool{}
		for _, id := range ids {
			open[id] = rapid.Bool().Draw(t, "open")
			h := person(id, "")
			if !open[id] {
				h.Hours = []*directoryv1.Hours{hours("00:00", "01:00")}
			}
			d.Holders = append(d.Holders, h)
		}
		one := rapid.SampledFrom(append(ids, "unknown"))
		for range rapid.IntRange(0, 8).Draw(t, "holdings") {
			d.Holdings = append(d.Holdings, &directoryv1.Holding{
				Role: "r", Holder: one.Draw(t, "holder"), Deputy: rapid.SampledFrom(append(ids, "")).Draw(t, "deputy"),
				From: rapid.SampledFrom(days).Draw(t, "from"), To: rapid.SampledFrom(days).Draw(t, "to"), Order: rapid.Uint32Range(0, 2).Draw(t, "order"),
			})
		}
		got := directory.WhoHolds(d, utc, "r", time.Date(2026, 1, 2, 12, 0, 0, 0, utc))
		var named []string
		later := false
		for _, r := range got.GetReachable() {
			id := r.GetHolder().GetId()
			if slices.Contains(named, id) || r.GetWithinHours() != open[id] || later && open[id] {
				t.Fatalf("%s of %v", text(got), d)
			}
			named, later = append(named, id), !open[id]
		}
		for _, h := range d.GetHoldings() {
			holds := h.GetFrom() <= "2026-01-02" && (h.GetTo() == "" || h.GetTo() > "2026-01-02")
			if _, known := open[h.GetHolder()]; holds && known && !slices.Contains(named, h.GetHolder()) {
				t.Fatalf("%s is not among %s", h.GetHolder(), text(got))
			}
		}
		if inside := slices.ContainsFunc(named, func(id string) bool { return open[id] }); inside == (got.GetNobody() != "") {
			t.Fatalf("%s: %q", text(got), got.GetNobody())
		}
	})
}

func BenchmarkWhoHolds(b *testing.B) {
	d := &directoryv1.Directory{}
	for i := range 10_000 {
		d.Holders = append(d.Holders, person(fmt.Sprint("p", i), "", hours("08:00", "18:00")))
		d.Holdings = append(d.Holdings, &directoryv1.Holding{Role: fmt.Sprint("r", i%100), Holder: fmt.Sprint("p", i)})
	}
	for b.Loop() {
		directory.WhoHolds(d, time.UTC, "r7", time.Unix(0, 0))
	}
}
