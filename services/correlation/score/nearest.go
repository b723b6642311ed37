package score

// Nearest returns the candidate most like s, empty when none is near: at most a third of its letters inserted, deleted,
// replaced or swapped with their neighbour, three at most. Of equally near ones it is the first in order of spelling.
func Nearest(s string, candidates []string) string {
	limit := max(1, min(3, len(s)/3))
	best, least := "", limit+1
	for _, c := range candidates {
		if len(c) > len(s)+limit || len(s) > len(c)+limit {
			continue
		}
		if d := distance(s, c); d < least || d == least && best != "" && c < best {
			best, least = c, d
		}
	}
	return best
}

func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	older, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
		older, last, row = last, row, older
	}
	return last[len(b)]
}
