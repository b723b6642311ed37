package format

import (
	"cmp"
	"maps"
	"slices"
)

// Assemble returns the records of parsed events: those of each call together, repetitions left out. It is what the service
// does with the events it has stored, and so tells beforehand what a file would become.
func (f *Format) Assemble(events []Event, o Options) []Record {
	calls := map[string]map[string]Event{}
	for _, e := range events {
		if calls[e.Call] == nil {
			calls[e.Call] = map[string]Event{}
		}
		calls[e.Call][e.ID] = e
	}
	var out []Record
	for _, call := range slices.Sorted(maps.Keys(calls)) {
		out = append(out, f.Call(call, slices.Collect(maps.Values(calls[call])), o)...)
	}
	return out
}

// Call returns the records of one call's distinct events.
func (f *Format) Call(call string, events []Event, o Options) []Record {
	slices.SortFunc(events, func(a, b Event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	records := f.Records(call, events, o)
	for i := range records {
		records[i].Call = call
		if records[i].Version == 0 {
			records[i].Version = uint64(len(events))
		}
	}
	return records
}
