package traffic

import (
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// Life makes up the facts of one source, one after another, the same for the same seed. It is for one goroutine.
type Life struct {
	// Settled keeps every fact days away from the ages at which fine cells are dropped, so that two instances that are
	// looked at one after the other hold the same cells.
	Settled bool

	r      *rand.Rand
	now    time.Time // no fact is later
	made   int
	recent []*factv1.Fact // newest version of each of the last facts
	later  []*factv1.Fact // what comes after something that was to come first
}

const remembered = 512

// NewLife returns a life of facts that lie before now.
func NewLife(seed, number uint64, now time.Time) *Life {
	return &Life{r: rand.New(rand.NewPCG(seed, number)), now: now}
}

func pick[T any](r *rand.Rand, xs ...T) T { return xs[r.IntN(len(xs))] }

// Next returns the next delivery. No two deliveries have the same identity and version with other content.
func (l *Life) Next() *factv1.Fact {
	if len(l.later) > 0 && l.r.IntN(4) == 0 {
		f := l.later[0]
		l.later = l.later[1:]
		return f
	}
	switch x := l.r.IntN(100); {
	case x < 40 || len(l.recent) < 10:
		return l.remember(l.fact(&factv1.Fact_Interaction{Interaction: l.interaction()}))
	case x < 62:
		return l.answer()
	case x < 67:
		at := l.at()
		return l.remember(l.fact(&factv1.Fact_Observation{Observation: &factv1.Observation{
			Metric: "staff", PeriodStart: timestamppb.New(at), PeriodEnd: timestamppb.New(at.Add(time.Hour)), Sum: l.r.Int64N(1e9), N: 1 + l.r.Uint64N(100),
			Touchpoint: pick(l.r, "call", "chat", "visit"), Team: pick(l.r, "", "north", "south"),
		}}))
	case x < 77: // a duplicate
		return l.recent[l.r.IntN(len(l.recent))]
	case x < 88:
		return l.correct(1)
	case x < 92: // the newer version first
		at := l.r.IntN(len(l.recent))
		stale := l.version(at, 1)
		newer := l.version(at, 2)
		l.recent[at] = newer
		l.later = append(l.later, stale)
		return newer
	default:
		at := l.r.IntN(len(l.recent))
		f := l.recent[at]
		r := &factv1.Retraction{}
		switch c := f.GetContent().(type) {
		case *factv1.Fact_Interaction:
			r.Kind = factv1.Kind_KIND_INTERACTION
		case *factv1.Fact_Answer:
			r.Kind, r.Interaction = factv1.Kind_KIND_ANSWER, c.Answer.GetInteraction()
		case *factv1.Fact_Observation:
			r.Kind = factv1.Kind_KIND_OBSERVATION
		case *factv1.Fact_Retraction: // already taken back: a duplicate
			return f
		}
		l.recent[at] = &factv1.Fact{Id: f.GetId(), Version: f.GetVersion() + 1, Content: &factv1.Fact_Retraction{Retraction: r}}
		return l.recent[at]
	}
}

// correct replaces a recent fact, retracted ones too.
func (l *Life) correct(by uint64) *factv1.Fact {
	at := l.r.IntN(len(l.recent))
	l.recent[at] = l.version(at, by)
	return l.recent[at]
}

// version is another version of a recent fact, of the same kind and identity.
func (l *Life) version(at int, by uint64) *factv1.Fact {
	f := l.recent[at]
	next := &factv1.Fact{Id: f.GetId(), Version: f.GetVersion() + by}
	kind, about := factv1.Kind_KIND_INTERACTION, (*factv1.InteractionRef)(nil)
	switch c := f.GetContent().(type) {
	case *factv1.Fact_Answer:
		kind, about = factv1.Kind_KIND_ANSWER, c.Answer.GetInteraction()
	case *factv1.Fact_Observation:
		kind = factv1.Kind_KIND_OBSERVATION
	case *factv1.Fact_Retraction:
		kind, about = c.Retraction.GetKind(), c.Retraction.GetInteraction()
	}
	switch kind {
	case factv1.Kind_KIND_ANSWER:
		next.Content = &factv1.Fact_Answer{Answer: l.answerAbout(about)}
	case factv1.Kind_KIND_OBSERVATION:
		start := l.at()
		next.Content = &factv1.Fact_Observation{Observation: &factv1.Observation{
			Metric: "staff", PeriodStart: timestamppb.New(start), PeriodEnd: timestamppb.New(start.Add(time.Hour)), Sum: l.r.Int64N(1e9), N: 1 + l.r.Uint64N(100),
			Touchpoint: pick(l.r, "call", "chat", "visit"), Team: pick(l.r, "", "north", "south"),
		}}
	default:
		next.Content = &factv1.Fact_Interaction{Interaction: l.interaction()}
	}
	return next
}

func (l *Life) remember(f *factv1.Fact) *factv1.Fact {
	if len(l.recent) < remembered {
		l.recent = append(l.recent, f)
	} else {
		l.recent[l.r.IntN(remembered)] = f
	}
	return f
}

func (l *Life) fact(content any) *factv1.Fact {
	l.made++
	f := &factv1.Fact{Id: fmt.Sprintf("f-%d", l.made), Version: l.r.Uint64N(3)}
	switch c := content.(type) {
	case *factv1.Fact_Interaction:
		f.Content = c
	case *factv1.Fact_Answer:
		f.Content = c
	case *factv1.Fact_Observation:
		f.Content = c
	}
	return f
}

// at is a moment of the last minutes, days or weeks, so that every tier of cells is met.
func (l *Life) at() time.Time {
	span := pick(l.r, 2*time.Hour, 20*time.Hour, Age)
	age := time.Duration(l.r.Int64N(int64(span)))
	if l.Settled && span == Age {
		age = pick(l.r, 4*24*time.Hour+age/3, 40*24*time.Hour+age/3) // 4 to 24 or 40 to 60 days
	}
	return l.now.Add(-age).Truncate(time.Millisecond)
}

func (l *Life) interaction() *factv1.Interaction {
	touchpoint := pick(l.r, "call", "chat", "visit")
	channel := map[string][]string{"call": {"", "voice"}, "chat": {"web", "app"}, "visit": {""}}[touchpoint]
	i := &factv1.Interaction{
		OccurredAt: timestamppb.New(l.at()), Touchpoint: touchpoint, Channel: pick(l.r, channel...),
		Team: pick(l.r, "", "north", "south", "east"), Outcome: pick(l.r, "", "answered", "answered", "abandoned"),
		CustomerId: fmt.Sprintf("customer-%d", l.r.IntN(1000)),
	}
	if l.r.IntN(4) > 0 {
		ms := l.r.Int64N(pick(l.r, int64(30_000), 290_000, 4_000_000))
		m := &factv1.MetricValue{Metric: "wait", Amount: &factv1.MetricValue_Value{Value: ms}}
		if l.r.IntN(3) == 0 {
			m.Amount = &factv1.MetricValue_Decimal{Decimal: fmt.Sprintf("%d.%03d", ms/1000, ms%1000)}
		}
		i.Metrics = append(i.Metrics, m)
	}
	if l.r.IntN(2) == 0 {
		i.Metrics = append(i.Metrics, &factv1.MetricValue{Metric: "cost", Amount: &factv1.MetricValue_Value{Value: l.r.Int64N(100_000) - 20_000}})
	}
	if l.r.IntN(2) == 0 {
		i.Attributes = map[string]string{"segment": pick(l.r, "home", "work")}
	}
	return i
}

// answer is about a recent interaction, one that comes later, or none.
func (l *Life) answer() *factv1.Fact {
	var about *factv1.InteractionRef
	switch l.r.IntN(4) {
	case 0:
		i := l.remember(l.fact(&factv1.Fact_Interaction{Interaction: l.interaction()}))
		l.later = append(l.later, i)
		about = &factv1.InteractionRef{Id: i.GetId()}
	case 1:
	default:
		f := l.recent[l.r.IntN(len(l.recent))]
		if f.GetInteraction() != nil || f.GetRetraction().GetKind() == factv1.Kind_KIND_INTERACTION {
			about = &factv1.InteractionRef{Id: f.GetId()}
		}
	}
	return l.remember(l.fact(&factv1.Fact_Answer{Answer: l.answerAbout(about)}))
}

func (l *Life) answerAbout(about *factv1.InteractionRef) *factv1.Answer {
	a := &factv1.Answer{Question: pick(l.r, "recommend", "easy"), Interaction: about}
	a.Value = l.r.Int64N(11)
	if a.Question == "easy" {
		a.Value = 1 + l.r.Int64N(7)
	}
	if about == nil || l.r.IntN(2) == 0 {
		a.AboutTime, a.Touchpoint, a.Team = timestamppb.New(l.at()), pick(l.r, "call", "chat", "visit"), pick(l.r, "", "north", "east")
	}
	if l.r.IntN(50) == 0 {
		a.Text = "said " + fmt.Sprint(l.made)
	}
	return a
}
