package correlation

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// countings derives from each organisation's maps what its facts count by. Facts outlive the declarations that they were
// checked against, so it knows the resolution of every measure that any version declared; the registry sees to it that
// none ever changes.
type countings struct {
	registry *expmap.Registry

	mu          sync.Mutex
	resolutions map[string]map[string]int64 // organisation → measure → values per unit
	versions    map[string]uint64           // up to which version they are read
}

func newCountings(r *expmap.Registry) *countings {
	return &countings{registry: r, resolutions: map[string]map[string]int64{}, versions: map[string]uint64{}}
}

// of implements state.Maps.
func (c *countings) of(ctx context.Context, org string) (*state.Counting, error) {
	m := c.registry.Current(org)
	if m == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	res := c.resolutions[org]
	if res == nil || m.Version < c.versions[org] { // a restored registry begins again
		res = map[string]int64{}
		c.versions[org] = 0
	}
	if c.versions[org] != m.Version {
		next := make(map[string]int64, len(res))
		for k, v := range res {
			next[k] = v
		}
		for v := c.versions[org] + 1; v < m.Version; v++ {
			old, err := c.registry.Version(ctx, org, v)
			if err != nil {
				return nil, fmt.Errorf("reading version %d of the map of %s: %w", v, org, err)
			}
			declare(next, old.GetMap())
		}
		declare(next, m.Proto)
		c.resolutions[org], c.versions[org] = next, m.Version
		res = next
	}
	return countingOf(m, res), nil
}

// countingOf returns the counting part of a map.
func countingOf(m *expmap.Map, resolution map[string]int64) *state.Counting {
	out := &state.Counting{Zone: m.Zone, Attributes: map[string]bool{}, Resolution: resolution, Agent: m.KeepsAgents()}
	for _, b := range m.Breakdowns {
		switch b.Kind {
		case expmap.Channel:
			out.Channel = true
		case expmap.Team:
			out.Team = true
		default:
			out.Attributes[b.Attribute] = true
		}
	}
	for _, l := range m.LinkedInOrder() {
		out.Linked = append(out.Linked, state.Linked{
			ID: l.ID, Base: expmap.LinkedBase(l.ID), Kind: linkedKinds[l.Kind], Topic: l.Topic,
			Touchpoints: l.Touchpoints, Except: l.Except, First: l.First, Last: l.Last, Hold: l.Hold, Longest: l.Longest,
		})
	}
	for _, c := range m.Compared() {
		out.Gaps = append(out.Gaps, state.Gap{
			Question: c.Question, Baseline: baselines[c.Baseline], Expectations: c.Expectations,
			Gap: expmap.GapMeasure(c.Question, c.Baseline), Expected: expmap.ExpectedMeasure(c.Question, c.Baseline),
		})
	}
	for _, p := range m.Perceived() {
		out.Perceived = append(out.Perceived, state.Perceived{
			Question: p.Question, Metric: p.Metric, Factor: p.Factor,
			Gap: expmap.FeltGapMeasure(p.Question), Counted: expmap.CountedMeasure(p.Question),
		})
	}
	return out
}

var linkedKinds = map[mapv1.LinkedKind]state.LinkedKind{
	mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT:      state.NextContact,
	mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME:      state.JourneyTime,
	mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS: state.Transfers,
	mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION:  state.Friction,
}

var baselines = map[mapv1.Baseline]state.Baseline{
	mapv1.Baseline_BASELINE_STATED:  state.Stated,
	mapv1.Baseline_BASELINE_LAST:    state.Last,
	mapv1.Baseline_BASELINE_HISTORY: state.History,
}

func declare(into map[string]int64, m *mapv1.Map) {
	for _, x := range m.GetMetrics() {
		into[x.GetId()] = int64(x.GetResolution())
	}
	for _, x := range m.GetQuestions() {
		into[x.GetId()] = expmap.Resolution(x.GetKind())
		for _, part := range expmap.Parts(m, x) {
			into[part.GetId()] = 1
		}
	}
	maps.Copy(into, expmap.Derived(m))
}

// known waits until the map is known against which ingest checked a message: this process may read TS_MAP later than
// ingest did. A version that does not come within half a minute was not of ingest; the message is then counted by the map
// there is.
func (c *countings) known(ctx context.Context, m fold.Message) error {
	h := m.Header[bus.HeaderMap]
	if len(h) != 1 {
		return nil
	}
	version, err := strconv.ParseUint(h[0], 10, 64)
	if err != nil {
		return nil
	}
	org := bus.FactOrganisation(m.Subject)
	if cur := c.registry.Current(org); cur != nil && cur.Version >= version {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := c.registry.Await(wait, org, version); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}
