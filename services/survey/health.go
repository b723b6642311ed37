package survey

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// cohorts are counts of what became of those decided about in a period, by survey and name.
type cohorts map[string]map[string]uint64

// cohorts adds up the days since one ("" for all) of a survey ("" for each).
func (s *service) cohorts(org, since, survey string) (cohorts, error) {
	out := cohorts{}
	err := s.state.Counts(org, "cohort/", func(name string, n int64) {
		parts := strings.SplitN(name, "/", 4) // cohort, day, survey, what
		if len(parts) != 4 || parts[1] < since || survey != "" && parts[2] != survey || n <= 0 {
			return
		}
		if out[parts[2]] == nil {
			out[parts[2]] = map[string]uint64{}
		}
		out[parts[2]][parts[3]] += uint64(n)
	})
	return out, err
}

func (c cohorts) of(survey, what string) uint64 { return c[survey][what] }

// sum adds over surveys.
func (c cohorts) sum(what string) (n uint64) {
	for _, x := range c {
		n += x[what]
	}
	return n
}

// under returns what stands below a name, over surveys.
func (c cohorts) under(what string) map[string]uint64 {
	out := map[string]uint64{}
	for _, x := range c {
		for name, n := range x {
			if rest, ok := strings.CutPrefix(name, what+"/"); ok {
				out[rest] += n
			}
		}
	}
	return out
}

// GetHealth implements the RPC. Rates are of cohorts: who answered is counted on the day (UTC) on which they were invited.
func (s *service) GetHealth(_ context.Context, req *surveyv1.GetHealthRequest) (*surveyv1.GetHealthResponse, error) {
	org, by, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	if req.GetSurvey() != "" {
		if _, err := s.survey(by, req.GetSurvey()); err != nil {
			return nil, err
		}
	}
	days := number(req.GetDays(), 28)
	c, err := s.cohorts(org, s.clock().UTC().AddDate(0, 0, 1-days).Format(time.DateOnly), req.GetSurvey())
	if err != nil {
		return nil, err
	}
	less := func(a, b uint64) uint64 { return a - min(a, b) }
	delivered := less(c.sum("sent"), c.sum("bounced"))
	out := &surveyv1.GetHealthResponse{
		Sent: c.sum("sent"), Delivered: delivered, Started: c.sum("started"), Completed: c.sum("completed"),
		Rr1: rate(c.sum("completed"), delivered), Rr2: rate(c.sum("started"), delivered), Completion: rate(c.sum("completed"), c.sum("started")),
	}
	gates := c.under("gate")
	for _, g := range names(gates) {
		if n, err := strconv.Atoi(g); err == nil {
			out.Decided = append(out.Decided, &surveyv1.GateCount{Gate: surveyv1.Gate(n), N: gates[g]})
		}
	}
	last := c.under("last")
	for _, q := range names(last) {
		out.DropOff = append(out.DropOff, &surveyv1.DropOff{Question: q, N: last[q]})
	}
	parts := func(by string) (all []*surveyv1.NamedRate) {
		sent, bounced, started := c.under("sent/"+by), c.under("bounced/"+by), c.under("started/"+by)
		for _, x := range names(sent) {
			all = append(all, &surveyv1.NamedRate{Name: x, Rate: rate(started[x], less(sent[x], bounced[x]))})
		}
		return all
	}
	out.ByLanguage, out.ByEarlier = parts("language"), parts("earlier")
	t, err := s.held.of(org, req.GetSurvey())
	if err != nil {
		return nil, err
	}
	out.Action = rate(t.cases, t.of)
	return out, nil
}

func names(m map[string]uint64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// rate is a share in percent with Wilson's 95% interval (Wilson 1927).
func rate(cases, of uint64) *surveyv1.Rate {
	r := &surveyv1.Rate{Cases: cases, Of: of}
	if of == 0 {
		return r
	}
	const z = 1.959963984540054
	n := float64(of)
	p := min(float64(cases)/n, 1) // an answer can come before its message is known to be sent
	value := 100 * p
	mid, half := (p+z*z/(2*n))/(1+z*z/n), z/(1+z*z/n)*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	r.Value, r.Low, r.High = &value, 100*max(mid-half, 0), 100*min(mid+half, 1)
	return r
}

// interactionOf is an interaction as triggers go by it.
func interactionOf(by *compiled, x *factv1.Interaction) *expmap.Interaction {
	out := &expmap.Interaction{
		Touchpoint: x.GetTouchpoint(), Channel: x.GetChannel(), Team: x.GetTeam(), Outcome: x.GetOutcome(), Attributes: x.GetAttributes(), Metrics: map[string]float64{},
	}
	for _, m := range x.GetMetrics() {
		if x, err := strconv.ParseFloat(m.GetDecimal(), 64); err == nil {
			out.Metrics[m.GetMetric()] = x
		} else {
			out.Metrics[m.GetMetric()] = float64(m.GetValue()) / by.scale(m.GetMetric())
		}
	}
	return out
}
