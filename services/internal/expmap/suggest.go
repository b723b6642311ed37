package expmap

import "slices"

// didYouMean returns the candidate most like s as " Did you mean \"x\"?", or nothing when none is near. Of equally near
// candidates the first in order of spelling is taken, so that the message does not change from run to run.
func didYouMean(s string, candidates []string) string {
	limit := max(1, min(3, len(s)/3))
	best, bestDistance := "", limit+1
	for _, c := range candidates {
		if len(c) > len(s)+limit || len(s) > len(c)+limit {
			continue
		}
		if d := distance(s, c); d < bestDistance || d == bestDistance && best != "" && c < best {
			best, bestDistance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return ` Did you mean "` + best + `"?`
}

// DidYouMean returns the declared id most like id as " Did you mean \"x\"?", or nothing when none is near or so many are
// declared that looking would take long.
func DidYouMean[V any](id string, declared map[string]V) string {
	if len(declared) > maxCandidates {
		return ""
	}
	return didYouMean(id, keys(declared))
}

// maxCandidates bounds the work for one wrong id: a source may send a thousand of them in a batch.
const maxCandidates = 256

// distance is the number of letters to insert, delete, replace or swap with their neighbour to turn a into b (optimal
// string alignment): a swap is the commonest slip of a typist.
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

func keys[V any](m map[string]V) []string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}
