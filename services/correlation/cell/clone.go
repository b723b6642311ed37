package cell

import (
	"bytes"
	"maps"
)

// Clone returns a copy that shares nothing that changes: for what-ifs.
func (s *Sample) Clone() *Sample {
	out := *s
	out.Interactions = maps.Clone(s.Interactions)
	if out.Interactions == nil {
		out.Interactions = map[string]int64{}
	}
	out.Measure = make(map[string]*Moments, len(s.Measure))
	for outcome, m := range s.Measure {
		c := *m
		c.Hist.data = bytes.Clone(m.Hist.data)
		out.Measure[outcome] = &c
	}
	return &out
}
