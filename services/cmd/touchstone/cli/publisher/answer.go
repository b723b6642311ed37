package publisher

import (
	"fmt"
	"math/rand/v2"
	"time"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// Refused is a batch that the service will not take, however often it is repeated.
type Refused struct{ Refusal *ingestv1.Refusal }

func (e *Refused) Error() string {
	s := e.Refusal.GetMessage()
	if f := e.Refusal.GetField(); f != "" {
		s = f + ": " + s
	}
	if r := e.Refusal.GetRemedy(); r != "" {
		s += " — " + r
	}
	return s
}

// answer takes in the response to one part.
func (r *run) answer(m *ingestv1.PublishStreamResponse) error {
	p := r.inFlight[m.GetSequence()]
	if p == nil {
		return nil // answered before the connection broke, and sent again since
	}
	delete(r.inFlight, m.GetSequence())
	if e := m.GetError(); e != nil {
		return r.refused(p, e, time.Duration(m.GetRetryAfterMs())*time.Millisecond)
	}
	if len(m.GetResults()) != len(p.facts) {
		return fmt.Errorf("the service answered %d facts of %d", len(m.GetResults()), len(p.facts))
	}
	var again []int
	for i, result := range m.GetResults() {
		if result.GetStatus() != ingestv1.Status_STATUS_RECORDED && temporary(result.GetRefusal().GetReason()) {
			again = append(again, p.facts[i])
			continue
		}
		p.entry.results[p.facts[i]] = result
		p.entry.open--
	}
	if len(again) < len(p.facts) {
		r.progress, r.failures = time.Now(), 0
	}
	if len(again) > 0 {
		return r.later(&part{entry: p.entry, facts: again}, time.Duration(m.GetRetryAfterMs())*time.Millisecond, "the service is busy")
	}
	return nil
}

// refused handles a part that was refused whole.
func (r *run) refused(p *part, e *ingestv1.Refusal, retryAfter time.Duration) error {
	switch {
	case temporary(e.GetReason()) || retryAfter > 0:
		return r.later(p, retryAfter, e.GetMessage())
	case e.GetReason() == ingestv1.Reason_REASON_FORBIDDEN:
		return &Refused{e}
	case len(p.facts) == 1:
		p.entry.results[p.facts[0]] = &ingestv1.FactResult{Status: ingestv1.Status_STATUS_REFUSED, Refusal: e}
		p.entry.open--
		return nil
	default:
		// One bad or large fact must not cost its neighbours: halve until it stands alone.
		half := len(p.facts) / 2
		r.ready = append(r.ready, &part{entry: p.entry, facts: p.facts[:half]}, &part{entry: p.entry, facts: p.facts[half:]})
		return nil
	}
}

// later sends p again after the time the service asked for, or a growing one of our own.
func (r *run) later(p *part, retryAfter time.Duration, why string) error {
	if r.GiveUp > 0 && time.Since(r.progress) > r.GiveUp {
		return fmt.Errorf("gave up after %s without progress: %s", r.GiveUp, why)
	}
	if retryAfter <= 0 {
		retryAfter = r.grow()
	}
	p.due = time.Now().Add(retryAfter)
	r.ready = append(r.ready, p)
	return nil
}

func temporary(reason ingestv1.Reason) bool {
	switch reason {
	case ingestv1.Reason_REASON_RATE, ingestv1.Reason_REASON_NO_SPACE, ingestv1.Reason_REASON_UNAVAILABLE:
		return true
	}
	return false
}

// grow is the first wait, doubled per failure up to 64 times, of which half is chance, so that publishers do not return
// in step.
func (r *run) grow() time.Duration {
	d := r.Backoff << min(r.failures, 6)
	r.failures++
	return d/2 + rand.N(d/2+1)
}
