package survey

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// decider reads TS_FACT and decides about each interaction that happens now and on which a survey triggers.
//
//	step                                            a crash right after it leaves
//	1  facts are read, triggers looked at             nothing
//	2  the gates are passed, in memory                nothing
//	3  decisions and the position of the last fact    the decisions; reading goes on after that position
//	   go to TS_SURVEY in one message
//	4  the state folds it                             the same
//
// It begins to read act_within before now: what is older invites nobody, whatever the state has. Up to the state's position it only
// remembers which interactions it saw, so that a higher version of one that was not asked about is not taken for a new one.
type decider struct {
	js     jetstream.JetStream
	maps   *expmap.Registry
	atlas  *atlas
	state  *state.State
	judge  *judge
	log    *journal
	clock  func() time.Time
	slog   *slog.Logger
	within time.Duration

	// Below: of the goroutine in run.
	seen, seenBefore map[identity]struct{} // interactions met in this half of the time, and in the half before
	turned           time.Time
	pending          map[string]*pendingDecisions
}

type identity struct{ hi, lo uint64 }

// pendingDecisions are what is to be decided in one organisation.
type pendingDecisions struct {
	questions []*question
	others    []*surveyv1.SurveyEvent
	position  uint64 // of the last fact read
	written   uint64 // position when last written
	since     time.Time
}

const (
	decideAtOnce  = 1000             // questions that are decided together at most
	positionEvery = 4096             // messages after which a position is written although nothing was decided
	positionWait  = time.Minute      // and the time
	readAgain     = time.Second      // after the stream was away
	mapWait       = 10 * time.Second // for the map by which a message was checked
)

func (d *decider) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if d.needed() {
			err := d.life(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				d.slog.Warn("the facts are read again", "reason", err)
			}
		}
		select {
		case <-time.After(readAgain):
		case <-ctx.Done():
		}
	}
	return nil
}

// needed reports whether any survey asks after interactions. While none does no fact is read: where nobody is asked, facts cost
// nothing here.
func (d *decider) needed() bool {
	return slices.ContainsFunc(d.maps.Organisations(), func(org string) bool {
		by := d.atlas.current(org)
		return by != nil && len(by.view.After) > 0
	})
}

// life reads facts until the stream is away, which is an error, or nobody asks after them any more.
func (d *decider) life(ctx context.Context) error {
	d.seen, d.seenBefore, d.turned, d.pending = map[identity]struct{}{}, map[identity]struct{}{}, d.clock(), map[string]*pendingDecisions{}
	// What the log holds must be in the state before anything is decided on it.
	if err := d.log.catchUp(ctx); err != nil {
		return err
	}
	stream, err := d.js.Stream(ctx, bus.StreamFact)
	if err != nil {
		return err
	}
	from, err := firstSince(ctx, stream, d.clock().Add(-d.within))
	if err != nil {
		return err
	}
	if err := d.restored(ctx, stream.CachedInfo().State.LastSeq); err != nil {
		return err
	}
	r, err := fold.Read(ctx, stream, from, d.slog)
	if err != nil {
		return err
	}
	defer r.Stop()
	for d.needed() {
		for n := 0; n == 0 || r.Ready() && d.waiting() < decideAtOnce; n++ {
			once, cancel := context.WithTimeout(ctx, positionWait)
			m, err := r.Next(once)
			cancel()
			if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
				break
			}
			if err != nil {
				return err
			}
			if err := d.take(ctx, m); err != nil {
				return err
			}
		}
		if err := d.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// restored takes back positions beyond the end of a stream that was restored. What it brings back is known by its identities.
func (d *decider) restored(ctx context.Context, last uint64) error {
	for _, org := range d.maps.Organisations() {
		if err := d.log.write(ctx, org, func() (*surveyv1.SurveyBatch, error) {
			if d.state.Decided(org) <= max(last, 1) {
				return nil, nil
			}
			return &surveyv1.SurveyBatch{FactPosition: max(last, 1)}, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (d *decider) waiting() (n int) {
	for _, p := range d.pending {
		n += len(p.questions) + len(p.others)
	}
	return n
}

// firstSince returns the sequence of a stream's first message since a time, or the one after its last.
func firstSince(ctx context.Context, s jetstream.Stream, since time.Time) (uint64, error) {
	info, err := s.Info(ctx)
	if err != nil {
		return 0, err
	}
	lo, hi := max(info.State.FirstSeq, 1), info.State.LastSeq+1
	for lo < hi { // messages that are gone count as old: none of them is read
		mid := lo + (hi-lo)/2
		m, err := s.GetMsg(ctx, mid)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			lo = mid + 1
		case err != nil:
			return 0, err
		case m.Time.Before(since):
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, nil
}

// take looks at one message of facts.
func (d *decider) take(ctx context.Context, m fold.Message) error {
	org := bus.FactOrganisation(m.Subject)
	if org == "" {
		return nil
	}
	then, err := strconv.ParseUint(nats.Header(m.Header).Get(bus.HeaderMap), 10, 64)
	if err == nil {
		once, cancel := context.WithTimeout(ctx, mapWait)
		err = d.maps.Await(once, org, then)
		cancel()
		if err != nil {
			return err
		}
	}
	by := d.atlas.current(org)
	if by == nil || len(by.view.After) == 0 {
		return nil
	}
	recorded := by // by which map its facts were recorded: surveys that were not active then do not ask after them
	if then != by.version {
		if recorded, err = d.atlas.at(ctx, org, then); err != nil {
			d.slog.Warn("nobody is asked after facts of a map that cannot be read", "organisation", org, "version", then, "reason", err)
			return nil
		}
	}
	now := d.clock()
	if now.Sub(d.turned) > d.within/2 {
		d.seen, d.seenBefore, d.turned = make(map[identity]struct{}, len(d.seen)), d.seen, now
	}
	p := d.pending[org]
	if p == nil {
		p = &pendingDecisions{since: now, written: m.Sequence}
		d.pending[org] = p
	}
	p.position = m.Sequence
	old := m.Sequence <= d.state.Decided(org)
	err = wire.ScanBatch(m.Data, func(_ int, r *wire.Recorded) error {
		if r.Kind == factv1.Kind_KIND_ANSWER {
			d.heard(org, p, r, now, old)
		}
		if r.Kind != factv1.Kind_KIND_INTERACTION {
			return nil
		}
		if !r.Content {
			return d.retracted(org, by, p, r, now, old)
		}
		candidates := by.view.After[string(r.Touchpoint)]
		if len(candidates) == 0 {
			return nil
		}
		if again := d.met(org, r); again || old || r.History || now.UnixMilli()-r.OccurredAt > d.within.Milliseconds() {
			return nil
		}
		return d.ask(org, by, recorded, candidates, p, r)
	})
	if errors.Is(err, wire.ErrMalformed) {
		d.slog.Error("a message of facts cannot be read: nobody is asked after its interactions", "sequence", m.Sequence, "reason", err)
		return nil
	}
	return err
}

// met notes an interaction, and tells whether it was met before.
func (d *decider) met(org string, r *wire.Recorded) bool {
	hi, lo := wire.Identity(org, r.Kind, r.Source, r.ID, r.AboutSource, r.AboutID)
	k := identity{hi, lo}
	_, now := d.seen[k]
	_, before := d.seenBefore[k]
	d.seen[k] = struct{}{}
	return now || before
}

// heard lets the clocks count who answered another tool.
func (d *decider) heard(org string, p *pendingDecisions, r *wire.Recorded, now time.Time, old bool) {
	customer, known := asID(r.Customer)
	if !r.Content || !known || string(r.Source) == Source {
		return
	}
	at := r.OccurredAt
	if at == 0 {
		at = r.RecordedAt
	}
	if again := d.met(org, r); again || old || r.History || now.UnixMilli()-at > d.within.Milliseconds() {
		return
	}
	e := &surveyv1.Elsewhere{Customer: customer[:], Source: string(r.Source), Question: string(r.Question)}
	if len(r.AboutID) > 0 {
		e.Interaction = &factv1.InteractionRef{Source: string(r.AboutSource), Id: string(r.AboutID)}
	}
	p.others = append(p.others, &surveyv1.SurveyEvent{AtMs: at, What: &surveyv1.SurveyEvent_Elsewhere{Elsewhere: e}})
}

// ask adds the questions that an interaction raises.
func (d *decider) ask(org string, by, recorded *compiled, candidates []*expmap.Survey, p *pendingDecisions, r *wire.Recorded) error {
	i := &expmap.Interaction{
		Touchpoint: string(r.Touchpoint), Channel: string(r.Channel), Team: string(r.Team), Outcome: string(r.Outcome),
		Attributes: make(map[string]string, len(r.Attributes)), Metrics: make(map[string]float64, len(r.Metrics)),
	}
	for _, a := range r.Attributes {
		i.Attributes[string(a.Key)] = string(a.Value)
	}
	for _, m := range r.Metrics {
		i.Metrics[string(m.Metric)] = float64(m.Value) / by.scale(string(m.Metric))
	}
	var fact *factv1.RecordedFact
	for _, s := range candidates {
		a := by.byID[s.ID]
		if then := recorded.byID[a.asking.ID]; then == nil || then.proto.GetState() != mapv1.SurveyState_SURVEY_STATE_ACTIVE {
			continue
		}
		if !a.triggered(i) {
			continue
		}
		if fact == nil {
			fact = &factv1.RecordedFact{}
			if err := proto.Unmarshal(r.Raw, fact); err != nil {
				return wire.ErrMalformed
			}
		}
		x := fact.GetInteraction()
		customer, _ := asID(x.GetCustomer())
		p.questions = append(p.questions, &question{
			org: org, id: ofInteraction(org, a.asking.ID, fact.GetSource(), fact.GetId()), asked: a, by: by, customer: customer, source: fact.GetSource(),
			about: fact.GetId(), context: contextOf(x), contact: x.GetSealedContact(), from: time.UnixMilli(fact.GetRecordedAtMs()),
		})
	}
	return nil
}

// retracted takes back what waits to be sent about an interaction that did not happen, or whose customer is forgotten.
func (d *decider) retracted(org string, by *compiled, p *pendingDecisions, r *wire.Recorded, now time.Time, old bool) error {
	d.met(org, r)
	if old {
		return nil
	}
	for _, a := range by.surveys {
		id := ofInteraction(org, a.asking.ID, string(r.Source), string(r.ID))
		// What this very message decides about is not in the state yet.
		for i, q := range p.questions {
			if q.id == id {
				p.questions[i].seen = "The interaction was retracted."
			}
		}
		i, err := d.state.Invitation(id)
		if err != nil {
			return err
		}
		if i == nil || i.Due == 0 {
			continue
		}
		p.others = append(p.others, &surveyv1.SurveyEvent{AtMs: now.UnixMilli(), Invitation: id[:], What: &surveyv1.SurveyEvent_Sent{
			Sent: &surveyv1.Sent{Message: i.Message, Attempt: i.Attempts, Failed: "The interaction was retracted."},
		}})
	}
	return nil
}

// settle decides what waits to be decided.
func (d *decider) settle(ctx context.Context) error {
	for org, p := range d.pending {
		if len(p.questions)+len(p.others) == 0 {
			due := p.position-min(p.position, p.written) >= positionEvery || d.clock().Sub(p.since) >= positionWait
			if !due || p.position <= d.state.Decided(org) {
				continue
			}
		}
		if err := d.judge.invite(ctx, d.log, org, p.questions, p.others, p.position); err != nil {
			return err
		}
		d.pending[org] = &pendingDecisions{position: p.position, written: p.position, since: d.clock()}
	}
	return nil
}
