package importer

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// metricOf is one metric of an interaction: a number in the metric's unit, or the seconds between two times.
type metricOf struct {
	metric   string
	value    *text
	between  *betweenOf
	rounding factv1.Rounding
}

type betweenOf struct {
	from, to       *moment
	acrossMidnight bool
}

func (p *parser) metric(n *yaml.Node, path string) metricOf {
	f := p.fields(n, path, "metric", "value", "seconds_between", "rounding")
	var m metricOf
	if f["metric"] == nil {
		p.fail(n, join(path, "metric"), "is missing", "name a metric of the map")
	} else if s, ok := p.scalar(f["metric"], join(path, "metric")); ok {
		m.metric = s
	}
	switch value, between := f["value"], f["seconds_between"]; {
	case (value == nil) == (between == nil):
		p.fail(n, path, "needs a value or seconds_between", "write one of the two")
	case value != nil:
		m.value = p.text(value, join(path, "value"))
	default:
		m.between = p.between(between, join(path, "seconds_between"))
	}
	if r := f["rounding"]; r != nil {
		words := map[string]factv1.Rounding{
			"half_even": factv1.Rounding_ROUNDING_HALF_EVEN, "floor": factv1.Rounding_ROUNDING_FLOOR, "ceiling": factv1.Rounding_ROUNDING_CEILING,
		}
		s, _ := p.scalar(r, join(path, "rounding"))
		word, ok := words[s]
		if !ok {
			p.fail(r, join(path, "rounding"), "is none of half_even, floor, ceiling", "choose one, or remove rounding to refuse what does not fit")
		}
		m.rounding = word
	}
	return m
}

func (p *parser) between(n *yaml.Node, path string) *betweenOf {
	f := p.fields(n, path, "format", "from", "to", "missing", "across_midnight")
	b := &betweenOf{}
	side := func(name string) *moment {
		m := &moment{text: p.need(f, n, path, name), format: "rfc3339", zone: p.mapping.Zone}
		if f["format"] != nil {
			if s, ok := p.scalar(f["format"], join(path, "format")); ok {
				m.format = p.layout(f["format"], join(path, "format"), s)
			}
		}
		if f["missing"] != nil {
			m.text.missing = []template{{}}
			for i, item := range p.list(f["missing"], join(path, "missing")) {
				m.text.missing = append(m.text.missing, p.template(item, at(join(path, "missing"), i)))
			}
		}
		return m
	}
	b.from, b.to = side("from"), side("to")
	if a := f["across_midnight"]; a != nil {
		switch s, _ := p.scalar(a, join(path, "across_midnight")); s {
		case "true":
			b.acrossMidnight = true
		case "false":
		default:
			p.fail(a, join(path, "across_midnight"), "is neither true nor false", "write true where the end may lie after midnight")
		}
	}
	return b
}

// build returns nil where the row has no such value: a metric that was not measured is left out, never counted as 0.
func (m *metricOf) build(r *rowReader) *factv1.MetricValue {
	field := "interaction.metrics." + m.metric
	var d string
	var ok bool
	if m.between != nil {
		d, ok = m.between.read(r, field)
	} else {
		d, ok = r.decimal(field, m.value)
	}
	if !ok {
		return nil
	}
	return &factv1.MetricValue{Metric: m.metric, Amount: &factv1.MetricValue_Decimal{Decimal: d}, Rounding: m.rounding}
}

func (b *betweenOf) read(r *rowReader, field string) (string, bool) {
	from, ok, problem := b.from.read(r.row)
	if ok {
		var to time.Time
		if to, ok, problem = b.to.read(r.row); ok {
			return b.seconds(r, field, from, to)
		}
	}
	if problem != "" {
		r.problem(field, problem, correctCell)
	}
	return "", false
}

func (b *betweenOf) seconds(r *rowReader, field string, from, to time.Time) (string, bool) {
	if to.Before(from) && b.acrossMidnight {
		to = to.AddDate(0, 0, 1)
	}
	d := to.Sub(from)
	if d < 0 {
		r.problem(field, "ends before it begins", "correct the times, or set across_midnight: true where the end may lie on the next day")
		return "", false
	}
	if d%time.Second == 0 {
		return fmt.Sprint(int64(d / time.Second)), true
	}
	return fmt.Sprintf("%d.%03d", d/time.Second, d%time.Second/time.Millisecond), true
}
