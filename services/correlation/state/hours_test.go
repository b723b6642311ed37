package state_test

import (
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// TestHours: each quarter-hour is in the hour that clocks show, also when one of them comes twice or not at all.
func TestHours(t *testing.T) {
	for _, c := range []struct {
		zone string
		of   string
		odd  map[int]int64
	}{
		{zone: "Europe/Berlin", of: "2026-06-01"},
		{zone: "Europe/Berlin", of: "2026-10-25", odd: map[int]int64{2: 8}},
		{zone: "Europe/Berlin", of: "2026-03-29", odd: map[int]int64{2: 0}},
		{zone: "Asia/Kathmandu", of: "2026-06-01"},
		{zone: "Australia/Lord_Howe", of: "2026-04-05", odd: map[int]int64{1: 6}}, // half an hour
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.ParseInLocation(time.DateOnly, c.of, zone)
		if err != nil {
			t.Fatal(err)
		}
		end := day.AddDate(0, 0, 1)
		all, hours, err := state.Hours(day, end, end.AddDate(0, 0, 3), zone)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for h, x := range hours {
			var n int64
			for _, p := range x.Pieces {
				n += p.To - p.From
			}
			sum += n
			want := int64(4)
			if odd, ok := c.odd[h]; ok {
				want = odd
			}
			if n != want || !x.From.Equal(all.From) || !x.To.Equal(all.To) {
				t.Errorf("%s in %s: %d quarter-hours at %d, want %d", c.of, c.zone, n, h, want)
			}
		}
		if sum != all.Pieces[0].To-all.Pieces[0].From || !all.From.Equal(day) || !all.To.Equal(end) {
			t.Errorf("%s in %s: %d quarter-hours of %v", c.of, c.zone, sum, all)
		}
	}
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	if _, _, err := state.Hours(now.AddDate(0, 0, -36), now, now, time.UTC); err == nil {
		t.Error("more than is kept")
	}
	if _, _, err := state.Hours(time.Time{}, now, now, time.UTC); err == nil {
		t.Error("all time")
	}
	// What has not come yet is none of it.
	all, _, err := state.Hours(now.Add(time.Hour), now.Add(2*time.Hour), now, time.UTC)
	if err != nil || len(all.Pieces) != 0 || all.To.Before(all.From) {
		t.Errorf("%v %v", all, err)
	}
}
