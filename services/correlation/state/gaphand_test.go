package state

import (
	"fmt"
	"testing"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// survey speaks for customers, by hand.
type survey struct {
	*life
	t *testing.T
	n int
}

// interaction tells what was when, in days, and where; customer 0 and wait -1 are none.
func (s *survey) interaction(id string, version uint64, customer byte, day float64, touchpoint string, wait int64) {
	i := &factv1.RecordedInteraction{OccurredAtMs: dayMs(day), Touchpoint: touchpoint}
	if customer > 0 {
		i.Customer = append(make([]byte, 15), customer)
	}
	if wait >= 0 {
		i.Metrics = []*factv1.RecordedMetric{{Metric: "wait", Value: wait}}
	}
	s.apply(seal(&factv1.RecordedFact{Source: "pbx", Id: id, Version: version, Kind: factv1.Kind_KIND_INTERACTION, Content: &factv1.RecordedFact_Interaction{Interaction: i}}))
}

func dayMs(day float64) int64 { return now.Add(-100*24*time.Hour).UnixMilli() + int64(day*86_400_000) }

// answer is given by a customer in a response; about names an interaction, else day and touchpoint hold. It returns its id.
func (s *survey) answer(customer, response byte, question string, value int64, day float64, touchpoint, about string) (id string) {
	s.n++
	id = fmt.Sprint("a", s.n)
	a := &factv1.RecordedAnswer{Question: question, Value: value}
	if customer > 0 {
		a.Customer = append(make([]byte, 15), customer)
	}
	if response > 0 {
		a.Response = append(make([]byte, 15), response)
	}
	f := &factv1.RecordedFact{Source: "survey", Id: id, Kind: factv1.Kind_KIND_ANSWER, Content: &factv1.RecordedFact_Answer{Answer: a}}
	if about != "" {
		f.AboutSource, f.AboutId = "pbx", about
	} else {
		a.AboutTimeMs, a.Touchpoint = dayMs(day), touchpoint
	}
	s.apply(seal(f))
	return id
}

// bears checks which gaps an answer bears, and no other.
func (s *survey) bears(id, about string, want map[string]int64) {
	s.t.Helper()
	s.s.View("acme", func(v *View) {
		source := ""
		if about != "" {
			source = "pbx"
		}
		f, _, err := v.Fact(factv1.Kind_KIND_ANSWER, "survey", id, source, about)
		if err != nil || f == nil {
			s.t.Fatal(f, err)
		}
		for _, measure := range gapMeasures()[1:] {
			got, is := f.Values[measure]
			w, wanted := want[measure]
			if is != wanted || got != w {
				s.t.Errorf("%s bears %d (%v) of %s, want %d (%v)", id, got, is, measure, w, wanted)
			}
		}
	})
}

func stating(gap, expected int64) map[string]int64 {
	return map[string]int64{"easy_gap_stated": gap, "easy_expected_stated": expected}
}

// remembering is what an answer bears of the last experience and of history.
func remembering(gapLast, last, gapHistory, history int64) map[string]int64 {
	return map[string]int64{"easy_gap_last": gapLast, "easy_expected_last": last, "easy_gap_history": gapHistory, "easy_expected_history": history}
}

// Ten customers, worked by hand.
func TestTenCustomersGaps(t *testing.T) {
	s := &survey{life: beginBy(t, comparing), t: t}

	// 1: one answer and nothing to compare it with.
	s.bears(s.answer(1, 1, "easy", 5, 1, "call", ""), "", nil)

	// 2: expected 6 in the same response, and it was 4: 4 - 6 = -2.
	x := s.answer(2, 2, "easy", 4, 1, "call", "")
	s.bears(x, "", nil)
	s.answer(2, 2, "easy_expected", 6, 1, "call", "")
	s.bears(x, "", stating(-2, 6))

	// 3: said before, in another response: 5 - 3 = 2.
	s.answer(3, 3, "easy_expected", 3, 1, "call", "")
	s.bears(s.answer(3, 4, "easy", 5, 2, "chat", ""), "", stating(2, 3))

	// 4: said after the experience, in another response: no gap. At the very time, it counts: 5 - 1 = 4.
	x = s.answer(4, 5, "easy", 5, 2, "call", "")
	s.answer(4, 6, "easy_expected", 3, 3, "call", "")
	s.bears(x, "", nil)
	s.answer(4, 7, "easy_hoped", 1, 2, "chat", "")
	s.bears(x, "", stating(4, 1))

	// 5: the same response wins over an earlier one (7), though it tells a later time: 4 - 2 = 2.
	s.answer(5, 8, "easy_expected", 7, 1, "call", "")
	x = s.answer(5, 9, "easy", 4, 2, "call", "")
	s.bears(x, "", stating(-3, 7))
	s.answer(5, 9, "easy_expected", 2, 3, "call", "")
	s.bears(x, "", stating(2, 2))

	// 6: 3, then 6 at one touchpoint: last 6 - 3 = 3, history 6000 - 3000 = 3000.
	s.answer(6, 0, "easy", 3, 1, "call", "")
	s.bears(s.answer(6, 0, "easy", 6, 2, "call", ""), "", remembering(3, 3, 3000, 3000))

	// 7: the last comparable experience is one of the same touchpoint, history is of all: call 3, chat 6, call 5.
	s.answer(7, 0, "easy", 3, 1, "call", "")
	x = s.answer(7, 0, "easy", 5, 3, "call", "")
	s.bears(x, "", remembering(2, 3, 2000, 3000))
	// The chat comes late. Its own history is 3: 6000 - 3000. The call's is (3 + 6) / 2 = 4.5 now: 5000 - 4500 = 500.
	s.bears(s.answer(7, 0, "easy", 6, 2, "chat", ""), "", map[string]int64{"easy_gap_history": 3000, "easy_expected_history": 3000})
	s.bears(x, "", remembering(2, 3, 500, 4500))

	// 8: 1, 2, 2 and then 4: (1 + 2 + 2) / 3 = 1.6667, 4000 - 1667 = 2333.
	for day, value := range []int64{1, 2, 2} {
		s.answer(8, 0, "easy", value, float64(day), "call", "")
	}
	s.bears(s.answer(8, 0, "easy", 4, 5, "call", ""), "", remembering(2, 2, 2333, 1667))

	// 9: halves go to the even neighbour. Fifteen 1 and one 2: 17 / 16 = 1.0625, so 1062. With one 4: 19 / 16 = 1.1875, so
	// 1188 (of customer 19).
	for day := range 16 {
		s.answer(9, 0, "easy", 1+b2i(day == 15), float64(day), "call", "")
	}
	s.bears(s.answer(9, 0, "easy", 3, 20, "call", ""), "", remembering(1, 2, 1938, 1062))
	for day := range 16 {
		s.answer(19, 0, "easy", 1+3*b2i(day == 15), float64(day), "call", "")
	}
	s.bears(s.answer(19, 0, "easy", 3, 20, "call", ""), "", remembering(-1, 4, 1812, 1188))

	// 10: of an answer without a customer the interaction tells it, and the time. 2 on day 1, then 5 about the call of day 2.
	a := s.answer(10, 0, "easy", 2, 1, "call", "")
	b := s.answer(0, 0, "easy", 5, 0, "", "i")
	s.bears(a, "", nil)
	s.interaction("i", 1, 10, 2, "call", -1)
	s.bears(b, "i", remembering(3, 2, 3000, 2000))
	// The call is corrected to day 0: now the other answer is the later one. 2 - 5 = -3.
	s.interaction("i", 2, 10, 0, "call", -1)
	s.bears(b, "i", nil)
	s.bears(a, "", remembering(-3, 5, -3000, 5000))
	// It was a chat: the last experience is not comparable any more.
	s.interaction("i", 3, 10, 0, "chat", -1)
	s.bears(a, "", map[string]int64{"easy_gap_history": -3000, "easy_expected_history": 5000})
	// It was another customer's.
	s.interaction("i", 4, 11, 0, "chat", -1)
	s.bears(a, "", nil)
	s.bears(b, "i", nil)

	// What all of them bear, as a score reads it: stated -2 + 2 + 4 + 2 = 6 of 4 answers, who expected 6 + 3 + 1 + 2 = 12.
	s.sum("easy_gap_stated", 4, "6")
	s.sum("easy_expected_stated", 4, "12")
	s.flush()
	s.restart()
	s.sum("easy_gap_stated", 4, "6")
}

func (s *survey) sum(measure string, n int64, want string) {
	s.t.Helper()
	s.s.View("acme", func(v *View) {
		var adder cell.Adder
		for _, m := range v.Sample(Scope{}, cell.Needs{Measure: measure}, Live(scorev1.Window_WINDOW_ALL, now, berlin)).Measure {
			adder.Add(m, false)
		}
		if got := adder.Take(); got.N != n || got.Sum.String() != want {
			s.t.Errorf("%s: %d cases, sum %s; want %d, %s", measure, got.N, got.Sum, n, want)
		}
	})
}

// What was felt stands beside what was counted, and moves with either.
func TestWhatWasFelt(t *testing.T) {
	s := &survey{life: beginBy(t, comparing), t: t}
	felt := func(gap, counted int64) map[string]int64 {
		return map[string]int64{"wait_felt_gap_felt": gap, "wait_felt_counted": counted}
	}
	x := s.answer(0, 0, "wait_felt", 2, 0, "", "i") // two minutes
	s.sum("wait_felt_gap_felt", 0, "0")
	s.interaction("i", 1, 0, 1, "call", 90_000) // 120 s felt - 90 s counted = 30 s
	s.bears(x, "i", felt(30_000, 90_000))
	s.sum("wait_felt_gap_felt", 1, "30000")
	s.interaction("i", 2, 0, 1, "call", 150_000)
	s.bears(x, "i", felt(-30_000, 150_000))
	s.sum("wait_felt_gap_felt", 1, "-30000")
	s.sum("wait_felt_counted", 1, "150000")
	s.interaction("i", 3, 0, 1, "call", -1) // it does not carry the metric
	s.bears(x, "i", nil)
	s.sum("wait_felt_gap_felt", 0, "0")
	s.bears(s.answer(1, 1, "wait_felt", 3, 1, "call", ""), "", nil) // about no interaction
	s.interaction("i", 4, 0, 1, "call", 0)
	s.sum("wait_felt_gap_felt", 1, "120000")
	s.apply(seal(&factv1.RecordedFact{Source: "survey", Id: x, Version: 1, Kind: factv1.Kind_KIND_ANSWER, AboutSource: "pbx", AboutId: "i"}))
	s.sum("wait_felt_gap_felt", 0, "0")
	s.sum("wait_felt_counted", 0, "0")
}
