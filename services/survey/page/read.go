package page

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// problem is an answer that cannot be taken.
type problem struct {
	question *Question
	message  func(*texts) string
}

// read takes a screen's answers out of a form. Nothing that is not a point of the question's scale, one of its choices or a
// text of fair length gets through. A question without answer is a problem where it must have one, and skipped elsewhere.
func read(screen []*Question, f form, must func(*Question) bool) (answers Answers, problems []problem) {
	answers = Answers{}
	for _, q := range screen {
		a, given, wrong := q.read(f)
		switch {
		case wrong != nil:
			problems = append(problems, problem{q, wrong})
		case !given && must(q):
			problems = append(problems, problem{q, q.missing})
		case given:
			answers[q.ID] = a
		default:
			answers[q.ID] = Answer{}
		}
	}
	return answers, problems
}

// read takes one question's answer out of a form: whether there is any, and what is wrong with it.
func (q *Question) read(f form) (a Answer, given bool, wrong func(*texts) string) {
	name := answerField + q.ID
	switch q.input() {
	case points, number:
		typed := strings.TrimSpace(f.first(name))
		if typed == "" {
			return a, false, nil
		}
		n, ok := integer(typed)
		if !ok || n < q.Min || n > q.Max {
			return a, false, q.missing
		}
		return Answer{Values: []int32{n}}, true, nil
	case list:
		typed := f.first(name)
		if typed == "" {
			return a, false, nil
		}
		n, ok := integer(typed)
		if !ok || !slices.Contains(q.values(), n) {
			return a, false, q.missing
		}
		return Answer{Values: []int32{n}}, true, nil
	case boxes:
		for _, typed := range f.fields[name] {
			n, ok := integer(typed)
			if !ok || !slices.Contains(q.values(), n) {
				return a, false, q.missing
			}
			if !slices.Contains(a.Values, n) {
				a.Values = append(a.Values, n)
			}
		}
		slices.SortFunc(a.Values, func(x, y int32) int { return slices.Index(q.values(), x) - slices.Index(q.values(), y) })
		return a, len(a.Values) > 0, nil
	case ranks:
		return q.readRanks(f)
	case comments:
		text, ok := clean(f.first(name))
		if !ok {
			return a, false, func(t *texts) string { return t.TooLong }
		}
		return Answer{Text: text}, text != "", nil
	}
	return a, false, nil
}

// readRanks takes a ranking: each choice's place, all different, from 1 to their number.
func (q *Question) readRanks(f form) (a Answer, given bool, wrong func(*texts) string) {
	values := q.values()
	places := make([]int32, len(values)) // by place, index of the choice + 1
	placed, right := 0, true
	for i, v := range values {
		typed := f.first(answerField + q.ID + "." + strconv.Itoa(int(v)))
		if typed == "" {
			continue
		}
		placed++
		n, ok := integer(typed)
		if !ok || n < 1 || int(n) > len(values) || places[n-1] != 0 {
			right = false
			continue
		}
		places[n-1] = int32(i) + 1
	}
	if placed == 0 {
		return a, false, nil
	}
	if !right || placed < len(values) {
		return a, false, q.missing
	}
	for _, i := range places {
		a.Values = append(a.Values, values[i-1])
	}
	return a, true, nil
}

// missing says what to do about a question that has no answer, or a wrong one.
func (q *Question) missing(t *texts) string {
	switch q.input() {
	case points:
		return t.fill(t.ChooseNumber, "min", q.Min, "max", q.Max)
	case number:
		return t.fill(t.EnterNumber, "min", q.Min, "max", q.Max)
	case boxes:
		return t.ChooseSome
	case ranks:
		return t.fill(t.ChoosePlaces, "n", len(q.values()))
	case comments:
		return t.WriteSomething
	}
	return t.ChooseOne
}

// integer reads a whole number of at most six characters, also in Arabic, Persian and Indian digits.
func integer(s string) (int32, bool) {
	if len([]rune(s)) > 6 {
		return 0, false
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '−':
			return '-'
		case '٠' <= r && r <= '٩':
			return r - '٠' + '0'
		case '۰' <= r && r <= '۹':
			return r - '۰' + '0'
		case '०' <= r && r <= '९':
			return r - '०' + '0'
		}
		return r
	}, s)
	n, err := strconv.ParseInt(s, 10, 32)
	return int32(n), err == nil
}

// clean returns a text as it is kept: valid, lines ended by line feeds, without other control characters and surrounding space;
// false if it is too long.
func clean(s string) (string, bool) {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\r\n", "\n")
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\t':
			return ' '
		case r != '\n' && unicode.IsControl(r), '\u202a' <= r && r <= '\u202e':
			return -1 // overrides of the direction would turn what stands around a quotation
		}
		return r
	}, s))
	return s, len(s) <= MaxText
}
