package importer

import (
	"gopkg.in/yaml.v3"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

type observationOf struct {
	id, metric, sum, n        *text
	start, end                *moment
	touchpoint, channel, team *text
}

func (p *parser) observation(n *yaml.Node, path string) builder {
	f := p.fields(n, path, "id", "metric", "period_start", "period_end", "sum", "n", "touchpoint", "channel", "team")
	o := &observationOf{
		id: p.need(f, n, path, "id"), metric: p.need(f, n, path, "metric"), sum: p.need(f, n, path, "sum"), n: p.need(f, n, path, "n"),
		touchpoint: p.need(f, n, path, "touchpoint"), channel: p.may(f, path, "channel"), team: p.may(f, path, "team"),
	}
	for name, into := range map[string]**moment{"period_start": &o.start, "period_end": &o.end} {
		if f[name] == nil {
			p.fail(n, join(path, name), "is missing", "say which period the value is for: {format: …, value: …}")
			continue
		}
		*into = p.moment(f[name], join(path, name))
	}
	return o
}

func (o *observationOf) build(r *rowReader) *factv1.Fact {
	sum, ok := r.whole("observation.sum", o.sum)
	n, some := int64(0), false
	if ok {
		n, some = r.whole("observation.n", o.n)
	}
	if !some {
		if !r.failed {
			r.result.NoValue++
		}
		return nil
	}
	if n < 1 {
		r.problem("observation.n", "is below 1", "leave the row out, or correct the number of cases")
		return nil
	}
	return &factv1.Fact{
		Id: r.required("id", o.id),
		Content: &factv1.Fact_Observation{Observation: &factv1.Observation{
			Metric:      r.required("observation.metric", o.metric),
			PeriodStart: r.time("observation.period_start", o.start, true),
			PeriodEnd:   r.time("observation.period_end", o.end, true),
			Sum:         sum,
			N:           uint64(n),
			Touchpoint:  r.required("observation.touchpoint", o.touchpoint),
			Channel:     r.optional("observation.channel", o.channel),
			Team:        r.optional("observation.team", o.team),
		}},
	}
}
