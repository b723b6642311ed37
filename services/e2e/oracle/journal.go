// Package oracle counts facts again in the plainest way it can be done, from what publishers were told, and compares with
// what Touchstone says. It shares no code with the services but the contract.
package oracle

import (
	"bufio"
	"fmt"
	"io"
	"math/big"
	"sync"

	"google.golang.org/protobuf/encoding/protodelim"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// Key is the identity of a fact within its organisation.
type Key struct {
	Kind                           factv1.Kind
	Source, ID, AboutSource, About string
}

// KeyOf returns the identity of a fact that a source publishes.
func KeyOf(source string, f *factv1.Fact) Key {
	k := Key{Source: source, ID: f.GetId()}
	var about *factv1.InteractionRef
	switch c := f.GetContent().(type) {
	case *factv1.Fact_Interaction:
		k.Kind = factv1.Kind_KIND_INTERACTION
	case *factv1.Fact_Answer:
		k.Kind, about = factv1.Kind_KIND_ANSWER, c.Answer.GetInteraction()
	case *factv1.Fact_Observation:
		k.Kind = factv1.Kind_KIND_OBSERVATION
	case *factv1.Fact_Retraction:
		k.Kind, about = c.Retraction.GetKind(), c.Retraction.GetInteraction()
	}
	if about != nil {
		k.AboutSource, k.About = about.GetSource(), about.GetId()
		if k.AboutSource == "" {
			k.AboutSource = source
		}
	}
	return k
}

// Version is the newest acknowledged version of a fact, as far as anything counts it.
type Version struct {
	Version   uint64
	Retracted bool
	Case      Case
}

// Case is what one fact says.
type Case struct {
	At                                          int64 // milliseconds since 1970; 0: only its interaction knows
	Touchpoint, Channel, Team, Outcome, Segment string
	Values                                      []Value
	ObservedN, ObservedSum                      int64 // of Values[0], of an observation
}

// Value is one measured value in its resolution, or one answer.
type Value struct {
	Measure string
	Amount  int64
}

// Journal remembers every fact that was acknowledged. It is safe for concurrent use.
type Journal struct {
	resolutions map[string]int64

	mu         sync.Mutex
	newest     map[Key]*Version
	deliveries int
	out        *bufio.Writer
	err        error
}

// NewJournal returns a journal that also writes each acknowledged batch to out as it comes, as length-delimited
// PublishRequests; nil for memory alone. resolutions are those of metrics that come as decimals.
func NewJournal(out io.Writer, resolutions map[string]int64) *Journal {
	j := &Journal{resolutions: resolutions, newest: map[Key]*Version{}}
	if out != nil {
		j.out = bufio.NewWriter(out)
	}
	return j
}

// Acknowledged notes facts whose recording a publisher was told.
func (j *Journal) Acknowledged(source string, facts ...*factv1.Fact) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.out != nil && j.err == nil && len(facts) > 0 {
		_, err := protodelim.MarshalTo(j.out, &ingestv1.PublishRequest{Source: source, Facts: facts})
		if err == nil {
			err = j.out.Flush()
		}
		j.err = err
	}
	for _, f := range facts {
		j.deliveries++
		k := KeyOf(source, f)
		if known := j.newest[k]; known != nil && known.Version >= f.GetVersion() {
			continue // stale or a duplicate; publishers here never send other content under an equal version
		}
		j.newest[k] = j.version(source, f)
	}
}

// Err returns what went wrong in writing the journal.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Facts returns how many facts were acknowledged, one per identity, and in how many deliveries.
func (j *Journal) Facts() (facts, deliveries int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.newest), j.deliveries
}

// Newest calls f for the newest version of each fact.
func (j *Journal) Newest(f func(Key, *Version)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for k, v := range j.newest {
		f(k, v)
	}
}

func (j *Journal) version(source string, f *factv1.Fact) *Version {
	v := &Version{Version: f.GetVersion()}
	switch c := f.GetContent().(type) {
	case *factv1.Fact_Interaction:
		i := c.Interaction
		v.Case = Case{
			At: i.GetOccurredAt().AsTime().UnixMilli(), Touchpoint: i.GetTouchpoint(), Channel: i.GetChannel(), Team: i.GetTeam(),
			Outcome: i.GetOutcome(), Segment: i.GetAttributes()["segment"],
		}
		for _, m := range i.GetMetrics() {
			v.Case.Values = append(v.Case.Values, Value{m.GetMetric(), j.amount(m)})
		}
	case *factv1.Fact_Answer:
		a := c.Answer
		v.Case = Case{Touchpoint: a.GetTouchpoint(), Channel: a.GetChannel(), Team: a.GetTeam(), Values: []Value{{a.GetQuestion(), a.GetValue()}}}
		if a.GetAboutTime() != nil {
			v.Case.At = a.GetAboutTime().AsTime().UnixMilli()
		}
	case *factv1.Fact_Observation:
		o := c.Observation
		v.Case = Case{
			At: o.GetPeriodStart().AsTime().UnixMilli(), Touchpoint: o.GetTouchpoint(), Channel: o.GetChannel(), Team: o.GetTeam(),
			Values: []Value{{o.GetMetric(), 0}}, ObservedN: int64(o.GetN()), ObservedSum: o.GetSum(),
		}
	case *factv1.Fact_Retraction:
		v.Retracted = true
	}
	return v
}

// amount is a metric's value in its resolution.
func (j *Journal) amount(m *factv1.MetricValue) int64 {
	d, ok := m.GetAmount().(*factv1.MetricValue_Decimal)
	if !ok {
		return m.GetValue()
	}
	r, ok := new(big.Rat).SetString(d.Decimal)
	if ok {
		r.Mul(r, big.NewRat(j.resolutions[m.GetMetric()], 1))
	}
	if !ok || !r.IsInt() {
		panic(fmt.Sprintf("oracle: %s = %q does not fit its resolution", m.GetMetric(), d.Decimal))
	}
	return r.Num().Int64()
}
