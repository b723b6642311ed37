package words

import (
	"cmp"
	"math"
	"slices"
)

// Distinct is a word that stands out among some texts beside others.
type Distinct struct {
	// Stem of the word.
	Stem string
	// Z is its log-odds ratio in standard errors: 1.96 and more is more than chance, one word looked at alone.
	Z float64
	// Among and Beside are how many texts of either kind have it.
	Among, Beside int
}

// StandOut returns the words over-represented among some texts (detractors' of this month) beside others, most striking first, by
// the log-odds ratio with an informative Dirichlet prior, which is the words of both together (Monroe, Colaresi and Quinn 2008). A
// word counts once a text. Words of fewer than least texts are left out, and so are those of which chance alone would make as
// many: z is held against the number of words looked at (Bonferroni, 5%).
func StandOut(among, beside []string, language string, least int) []Distinct {
	a, b := texts(among, language), texts(beside, language)
	total := map[string]int{}
	var n, na, nb float64
	for w, k := range a {
		total[w] += k
		na += float64(k)
	}
	for w, k := range b {
		total[w] += k
		nb += float64(k)
	}
	n = na + nb
	if na == 0 || nb == 0 {
		return nil
	}
	// The prior weighs as much as a tenth of the texts' words: enough to hold back rare words.
	weight := max(n/10, 1)
	var out []Distinct
	looked := 0
	for w, k := range total {
		if k < least {
			continue
		}
		looked++
		prior := weight * float64(k) / n
		x, y := float64(a[w])+prior, float64(b[w])+prior
		odds := math.Log(x/(na+weight-x)) - math.Log(y/(nb+weight-y))
		out = append(out, Distinct{Stem: w, Z: odds / math.Sqrt(1/x+1/y), Among: a[w], Beside: b[w]})
	}
	limit := quantile(1 - 0.025/float64(max(looked, 1)))
	out = slices.DeleteFunc(out, func(d Distinct) bool { return d.Z < limit })
	if len(out) == 0 {
		return nil
	}
	slices.SortFunc(out, func(x, y Distinct) int { return cmp.Or(cmp.Compare(y.Z, x.Z), cmp.Compare(x.Stem, y.Stem)) })
	return out
}

func texts(all []string, language string) map[string]int {
	out := map[string]int{}
	for _, t := range all {
		seen := map[string]bool{}
		for _, s := range Stems(t, language) {
			if !seen[s] && len(s) > 1 {
				seen[s] = true
				out[s]++
			}
		}
	}
	return out
}

// quantile of the standard normal distribution.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
