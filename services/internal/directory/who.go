package directory

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
)

// WhoHolds returns whom to try for a role at a moment, and why nobody can be reached when nobody can. zone is the
// organisation's.
//
// First come those within their hours, in the on-call order; equal places in the order of the directory. In the place of a
// holder who is not within theirs stands the deputy, or, where the deputy holds the role too and is not within theirs
// either, the deputy's own. After them come those outside their hours, in the same order, for whoever must reach somebody
// all the same. Each is named once, in the first of their places.
func WhoHolds(d *directoryv1.Directory, zone *time.Location, role string, at time.Time) *directoryv1.WhoHoldsResponse {
	day := at.In(zone).Format(dayLayout)
	w := &search{zone: zone, at: at, people: make(map[string]*directoryv1.Holder, len(d.GetHolders())), holds: map[string]*directoryv1.Holding{}, seen: map[string]bool{}}
	for _, h := range d.GetHolders() {
		w.people[h.GetId()] = h
	}
	var order []*directoryv1.Holding
	again := "" // first day on which somebody holds it again
	for _, h := range d.GetHoldings() {
		switch {
		case h.GetRole() != role:
		case held(h, day):
			order = append(order, h)
			w.holds[h.GetHolder()] = h
		case h.GetFrom() > day && (again == "" || h.GetFrom() < again):
			again = h.GetFrom()
		}
	}
	slices.SortStableFunc(order, func(a, b *directoryv1.Holding) int { return cmp.Compare(a.GetOrder(), b.GetOrder()) })
	for _, h := range order {
		w.try(h)
	}
	resp := &directoryv1.WhoHoldsResponse{Reachable: append(w.now, w.later...)}
	switch {
	case len(w.now) > 0:
	case len(order) > 0:
		resp.Nobody = fmt.Sprintf("Nobody who holds the role %q, nor a deputy, is within their hours at %s.", role, at.In(zone).Format("Mon 2006-01-02 15:04 MST"))
	case again != "":
		resp.Nobody = fmt.Sprintf("Nobody holds the role %q on %s; somebody does from %s.", role, day, again)
	default:
		resp.Nobody = fmt.Sprintf("Nobody holds the role %q on %s.", role, day)
	}
	return resp
}

// search is one answer in the making.
type search struct {
	zone       *time.Location
	at         time.Time
	people     map[string]*directoryv1.Holder
	holds      map[string]*directoryv1.Holding // of the role, on the day, by holder
	seen       map[string]bool
	now, later []*directoryv1.Reachable
}

// try adds the holder of a holding, and deputies until one is within their hours.
func (w *search) try(h *directoryv1.Holding) {
	id, of := h.GetHolder(), ""
	for range maxDeputies + 1 {
		p := w.people[id]
		if p == nil {
			return
		}
		in := len(p.GetWays()) > 0 && within(p, w.zone, w.at)
		if !w.seen[id] && len(p.GetWays()) > 0 {
			w.seen[id] = true
			r := &directoryv1.Reachable{Holder: p, WithinHours: in}
			if w.holds[id] == nil {
				r.DeputyOf = of
			}
			if in {
				w.now = append(w.now, r)
			} else {
				w.later = append(w.later, r)
			}
		}
		if in {
			return
		}
		mine := w.holds[id]
		if of == "" {
			mine = h
		}
		if mine.GetDeputy() == "" {
			return
		}
		of, id = id, mine.GetDeputy()
	}
}
