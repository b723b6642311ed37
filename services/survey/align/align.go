// Package align compares how an employee ranks what matters with how it is documented: role alignment.
//
// It is pure. Ranks begin at 1, the most important.
package align

import (
	"fmt"
	"math"
)

// Alignment says how far a perceived order is from the documented one.
type Alignment struct {
	// Pairs of things, n(n−1)/2.
	Pairs int
	// Discordant pairs are ordered the other way round than documented: Kendall's tau distance, the number of swaps of
	// neighbours that turn one order into the other (Kendall 1938).
	Discordant int
	// Tied pairs have the same rank in the perceived order; the documented one has no ties.
	Tied int
	// Distance is (Discordant + Tied/2) ÷ Pairs, from 0 (as documented) to 1 (the reverse); a tie is half a swap.
	Distance float64
	// Tau is Kendall's tau-b (1945), from −1 to 1; without ties it is 1 − 2·Distance. NaN where the perceived order says nothing:
	// all is tied.
	Tau float64
	// Moved are the things by value in the documented order, with how many ranks each is perceived as less (above 0) or more
	// (below 0) important than documented.
	Moved []Moved
}

// Moved is one thing's shift.
type Moved struct {
	Value int32
	// By is the perceived rank less the documented one; in halves where ranks are tied.
	By float64
}

// Orders compares a perceived order with a documented one; both list the values of the same things, the most important first.
// It fails when they do not.
func Orders(perceived, documented []int32) (Alignment, error) {
	ranks := make(map[int32]int, len(perceived))
	for i, v := range perceived {
		if _, twice := ranks[v]; twice {
			return Alignment{}, fmt.Errorf("the value %d is ranked twice", v)
		}
		ranks[v] = i + 1
	}
	return Ranks(ranks, documented)
}

// Ranks compares perceived ranks, which may be tied, with a documented order. It fails when they are not of the same things, two
// or more, and when the documented order names one twice.
func Ranks(perceived map[int32]int, documented []int32) (Alignment, error) {
	n := len(documented)
	if n < 2 {
		return Alignment{}, fmt.Errorf("an order of %d says nothing: name two or more", n)
	}
	if len(perceived) != n {
		return Alignment{}, fmt.Errorf("%d are ranked and %d documented", len(perceived), n)
	}
	seen := make(map[int32]struct{}, n)
	for _, v := range documented {
		if _, ranked := perceived[v]; !ranked {
			return Alignment{}, fmt.Errorf("the value %d is documented and not ranked", v)
		}
		if _, twice := seen[v]; twice {
			return Alignment{}, fmt.Errorf("the value %d is documented twice", v)
		}
		seen[v] = struct{}{}
	}
	a := Alignment{Pairs: n * (n - 1) / 2}
	for i, more := range documented {
		for _, less := range documented[i+1:] {
			switch x, y := perceived[more], perceived[less]; {
			case x > y:
				a.Discordant++
			case x == y:
				a.Tied++
			}
		}
		a.Moved = append(a.Moved, Moved{more, midrank(perceived, more) - float64(i+1)})
	}
	pairs, concordant := float64(a.Pairs), float64(a.Pairs-a.Discordant-a.Tied)
	a.Distance = (float64(a.Discordant) + float64(a.Tied)/2) / pairs
	// tau-b = (C − D) ÷ √((n0 − n1)(n0 − n2)); the documented order has no ties, n2 = 0.
	a.Tau = (concordant - float64(a.Discordant)) / math.Sqrt((pairs-float64(a.Tied))*pairs)
	return a, nil
}

// midrank is a thing's place among all, the mean of their places where several are tied.
func midrank(ranks map[int32]int, of int32) float64 {
	before, same := 0, 0
	for _, r := range ranks {
		switch {
		case r < ranks[of]:
			before++
		case r == ranks[of]:
			same++
		}
	}
	return float64(before) + float64(same+1)/2
}
