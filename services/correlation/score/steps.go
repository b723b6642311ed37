package score

import "maps"

// Tally is how many answers one day has, in all and by member of a division; those of no member are what is missing to N.
type Tally struct {
	Day int64
	N   int64
	By  map[string]int64
}

// Equal reports whether two tallies are the same.
func (t Tally) Equal(u Tally) bool { return t.Day == u.Day && t.N == u.N && maps.Equal(t.By, u.By) }

// Step is a run of days, half open, by which the score of everybody together moves.
type Step struct {
	From, To int64
	N        int64
}

// Round is a run of whole steps by which the scores of groups move.
type Round struct {
	From, To int64
	// By is by member.
	By map[string]int64
	// Shown are the groups that are shown in it.
	Shown map[string]bool
}

const (
	// roundDays is after how many days groups that still have too few answers no longer keep the others waiting.
	roundDays = 28
	// longestRound is after how many days a round ends in which no group can be shown.
	longestRound = 91
)

// Steps divides days, which are in order, into steps and rounds. groups returns the groups that are the same on some days.
//
// A step ends with the first day on which it has least answers. A round ends with the first step of which all members have
// least answers or none, or with the first after four weeks of which some group can be shown. Both are decided by the days up
// to their end alone and begin where the one before ended: so they are the same whatever the window and the moment, and what
// comes after them moves none of them. What belongs to no whole step, or no whole round, is not shown yet.
//
// Every score shown adds up either whole steps of everybody or whole rounds of one group. Within a round these are sums over
// a table of steps and of the parts into which the groups shown divide it (see Disclose); a round ends only where no sum or
// difference of them, with whatever factors, is of fewer than least answers.
func Steps(days []Tally, groups func(from, to int64) []Group, least int64) ([]Step, []Round) {
	var steps []Step
	var rounds []Round
	var step Step
	var of []map[string]int64 // of the steps of the round
	var by map[string]int64
	open := Round{By: map[string]int64{}}
	for i, d := range days {
		if i == 0 {
			step.From, open.From = d.Day, d.Day
		}
		if by == nil {
			by = map[string]int64{}
		}
		step.N += d.N
		add(by, d)
		if step.N < least {
			continue
		}
		step.To = d.Day + 1
		steps, of = append(steps, step), append(of, by)
		for m, n := range by {
			open.By[m] += n
		}
		open.To = step.To
		step, by = Step{From: step.To}, nil
		if open.close(of, groups, least) {
			rounds, of = append(rounds, open), nil
			open = Round{From: open.To, By: map[string]int64{}}
		}
	}
	return steps, rounds
}

// none is the member of answers that belong to none.
const none = "\x00"

func add(by map[string]int64, d Tally) {
	rest := d.N
	for m, n := range d.By {
		by[m] += n
		rest -= n
	}
	if rest != 0 {
		by[none] += rest
	}
}

// close reports whether a round ends here, and says what is shown in it.
func (r *Round) close(steps []map[string]int64, groups func(from, to int64) []Group, least int64) bool {
	all, total := true, int64(0)
	for _, n := range r.By {
		all = all && (n == 0 || n >= least)
		total += n
	}
	length := r.To - r.From
	if !all && length < roundDays {
		return false
	}
	members := maps.Clone(r.By)
	delete(members, none)
	within := groups(r.From, r.To)
	shown := Disclose(total, members, within, least)
	if len(shown) > 1 && Apart(table(steps, r.By, within, shown), least) {
		r.Shown = shown
		return true
	}
	r.Shown = map[string]bool{}
	return length >= longestRound
}

// table counts answers by step and by the innermost group shown.
func table(steps []map[string]int64, all map[string]int64, groups []Group, shown map[string]bool) [][]int64 {
	column := map[string]int{} // by member; 0 is what is in no group
	size := map[string]int{}   // of that group, those without answers aside
	columns := 1
	for _, g := range groups {
		if !shown[g.ID] {
			continue
		}
		n := 0
		for _, m := range g.Members {
			if all[m] != 0 {
				n++
			}
		}
		for _, m := range g.Members {
			if s, ok := size[m]; !ok || n < s {
				size[m], column[m] = n, columns
			}
		}
		columns++
	}
	out := make([][]int64, len(steps))
	for i, by := range steps {
		out[i] = make([]int64, columns)
		for m, n := range by {
			out[i][column[m]] += n
		}
	}
	return out
}
