package simulate

import (
	"math"
	"math/rand/v2"

	"github.com/zeebo/xxh3"
)

// chance is the only source of randomness: one per day, seeded by what it is for.
type chance struct{ *rand.Rand }

func newChance(seed uint64, what string) chance {
	h := xxh3.HashString128Seed(what, seed)
	return chance{rand.New(rand.NewPCG(h.Hi, h.Lo))}
}

// fixed is a number in [0, 1) that belongs to a name for ever.
func fixed(seed uint64, what string) float64 {
	return float64(xxh3.HashStringSeed(what, seed)>>11) / (1 << 53)
}

// normalOf turns a uniform number into a standard normal one, by the logistic approximation: exact tails do not matter here.
func normalOf(u float64) float64 {
	u = min(max(u, 1e-6), 1-1e-6)
	return math.Log(u/(1-u)) / 1.702
}

func (c chance) yes(p float64) bool { return c.Float64() < p }

func (c chance) logNormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*c.NormFloat64())
}

// poisson is exact below 30 and normal above, where nobody could tell.
func (c chance) poisson(mean float64) int {
	if mean <= 0 {
		return 0
	}
	if mean > 30 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*c.NormFloat64())))
	}
	limit, p, n := math.Exp(-mean), 1.0, -1
	for p > limit {
		p *= c.Float64()
		n++
	}
	return n
}
