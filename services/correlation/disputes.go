package correlation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// disputes is the DisputeService. What it is told becomes a fact in the log as any other; it answers once that is counted.
//
//	step                                        a crash right after it leaves
//	1  the state says that the step may be taken  nothing
//	2  it is written to TS_FACT, on disk          the dispute as asked for, of which the caller does not know: asked again,
//	                                              the answer is that it is contested, or settled, already
//	3  the fold counts it                         the same
//	4  the log tells it                           all is done
//
// One step is taken at a time in a process. Of two taken at once in two processes the version that holds is the ledger's
// choice, and the other caller is told so.
//
// A settled dispute that is opened again is open as any other: the fact counts until it is ruled anew, whatever was ruled
// before, so that what is open is what counts. Its earlier steps stay in the log.
type disputes struct {
	scorev1.UnimplementedDisputeServiceServer
	*facts
	gens *generations
	// write puts a line in the audit; without it no step is taken.
	write func(context.Context, *adminv1.AuditLine) error
	one   chan struct{} // holds a token while nobody takes a step
}

func newDisputes(f *facts, gens *generations, write func(context.Context, *adminv1.AuditLine) error) *disputes {
	d := &disputes{facts: f, gens: gens, write: write, one: make(chan struct{}, 1)}
	d.one <- struct{}{}
	return d
}

// alone waits until no other step is being taken.
func (d *disputes) alone(ctx context.Context) (done func(), err error) {
	select {
	case <-d.one:
		return func() { d.one <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ContestFact implements the RPC.
func (d *disputes) ContestFact(ctx context.Context, req *scorev1.ContestFactRequest) (*scorev1.ContestFactResponse, error) {
	org, m, by, err := d.who(ctx, req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	if err := plain("reason", req.GetReason()); err != nil {
		return nil, err
	}
	aboutSource, aboutID := "", ""
	if req.GetKind() == factv1.Kind_KIND_ANSWER && req.GetInteraction() != nil {
		aboutSource, aboutID = aboutOf(req.GetInteraction(), req.GetSource())
	}
	done, err := d.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var fact *state.Fact
	var before *state.Dispute
	d.live().View(org, func(v *state.View) {
		if fact, _, err = v.Fact(req.GetKind(), req.GetSource(), req.GetId(), aboutSource, aboutID); err == nil && fact != nil {
			before, err = v.Contested(fact.Number)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case fact == nil:
		return nil, noFact(req.GetId(), req.GetSource(), org, d.held(org, m))
	case !fact.Content:
		return nil, fault.New(fault.Precondition, "%s of source %s is retracted and counts nowhere: there is nothing to contest", req.GetId(), req.GetSource())
	}
	if err := mayOwn(m, fact.Touchpoint, req.GetOwner()); err != nil {
		return nil, err
	}
	version, at := uint64(1), fact.Position
	if before != nil {
		if before.Ruling == factv1.Ruling_RULING_UNSPECIFIED {
			return nil, fault.New(fault.Precondition, "it is contested already, since %s: rule on it with `touchstone rule %s`", day(before.Raised, m.Zone), before.ID)
		}
		version, at = before.Version+1, before.Position
	}
	said := &factv1.RecordedDispute{
		Kind: req.GetKind(), Source: req.GetSource(), Id: req.GetId(), AboutSource: aboutSource, AboutId: aboutID,
		Reason: req.GetReason(), Owner: req.GetOwner(), RaisedBy: by, RaisedAtMs: d.clock().UnixMilli(),
	}
	if err := d.audit(ctx, org, by, fmt.Sprintf("a fact at %s was contested as %s", fact.Touchpoint, req.GetOwner())); err != nil {
		return nil, err
	}
	out, err := d.take(ctx, org, m, at, version, said)
	if err != nil {
		return nil, err
	}
	return &scorev1.ContestFactResponse{Dispute: out}, nil
}

// RuleDispute implements the RPC.
func (d *disputes) RuleDispute(ctx context.Context, req *scorev1.RuleDisputeRequest) (*scorev1.RuleDisputeResponse, error) {
	org, m, by, err := d.who(ctx, req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	if err := plain("reason", req.GetReason()); err != nil {
		return nil, err
	}
	done, err := d.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var before *state.Dispute
	d.live().View(org, func(v *state.View) { before, err = v.Dispute(req.GetId()) })
	switch {
	case err != nil:
		return nil, err
	case before == nil:
		return nil, fault.New(fault.NotFound, "no dispute of %s has the id %s: see `touchstone disputes`", org, req.GetId())
	}
	said, err := d.said(ctx, newStreamReader(d.js), before)
	switch {
	case err != nil:
		return nil, err
	case said == nil:
		return nil, sealedAway()
	case before.Ruling != factv1.Ruling_RULING_UNSPECIFIED:
		return nil, fault.New(fault.Precondition, "it is settled: %s on %s; contest the fact again to have it ruled anew", rulings[before.Ruling], day(time.UnixMilli(said.GetRuledAtMs()), m.Zone))
	case said.GetRaisedBy() == by:
		return nil, fault.New(fault.Precondition, "this key raised the dispute: another person rules")
	}
	said.Ruling, said.RulingReason, said.RuledBy, said.RuledAtMs = req.GetRuling(), req.GetReason(), by, d.clock().UnixMilli()
	if err := d.audit(ctx, org, by, fmt.Sprintf("dispute %s was %s", before.ID, rulings[req.GetRuling()])); err != nil {
		return nil, err
	}
	out, err := d.take(ctx, org, m, before.Position, before.Version+1, said)
	if err != nil {
		return nil, err
	}
	return &scorev1.RuleDisputeResponse{Dispute: out}, nil
}

var rulings = map[factv1.Ruling]string{factv1.Ruling_RULING_COUNTED: "ruled to count", factv1.Ruling_RULING_EXCLUDED: "ruled out"}

// who says of which organisation a request speaks, by which map, and which key sends it.
func (d *disputes) who(ctx context.Context, organisation string) (org string, m *expmap.Map, key string, err error) {
	if org, m, err = d.organisation(ctx, organisation); err != nil {
		return "", nil, "", err
	}
	p, ok := access.PrincipalFrom(ctx)
	if !ok || p.KeyID == "" {
		return "", nil, "", fault.New(fault.Unauthenticated, "to contest and to rule needs a key with the role owner: who did is kept")
	}
	if !d.gens.current().fold.Loaded() {
		return "", nil, "", &fault.Error{Kind: fault.Unavailable, Message: "the facts are being loaded: call again in a moment", RetryAfter: 500 * time.Millisecond}
	}
	return org, m, p.KeyID, nil
}

func sealedAway() error {
	return fault.New(fault.Precondition, "the log no longer holds it: what is sealed stays as it was counted")
}

// countedWithin is how long a step may take from the log to the scores.
const countedWithin = 20 * time.Second

// take records a step of a dispute in the partition of the message at a position, which is its fact's, and returns the
// dispute once it is counted.
func (d *disputes) take(ctx context.Context, org string, m *expmap.Map, at, version uint64, said *factv1.RecordedDispute) (*scorev1.Dispute, error) {
	read := newStreamReader(d.js)
	subject, err := read.subject(ctx, at)
	if err != nil {
		return nil, err
	}
	if subject == "" {
		return nil, sealedAway()
	}
	msg, id, err := step(org, subject, m.Version, version, d.clock(), said)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, countedWithin)
	defer cancel()
	ack, err := d.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(bus.StreamFact))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "it could not be written to disk now; it may or may not be recorded: look with `touchstone disputes` before you try again")
	}
	if err := d.counted(ctx, ack.Sequence); err != nil {
		return nil, err
	}
	var now *state.Dispute
	d.live().View(org, func(v *state.View) { now, err = v.Dispute(id) })
	if err != nil {
		return nil, err
	}
	if now == nil || now.Position != ack.Sequence {
		return nil, fault.New(fault.Conflict, "somebody else took a step in this dispute at the same time: look at it again")
	}
	return d.dispute(ctx, read, org, m, now.Number)
}

// step is the message of one step of a dispute, as ingest would write it, and the dispute's id.
func step(org, subject string, mapVersion, version uint64, now time.Time, said *factv1.RecordedDispute) (*nats.Msg, string, error) {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(said)
	if err != nil {
		return nil, "", err
	}
	sum, id := sha256.Sum256(content), disputeID(org, said)
	data, err := proto.Marshal(&factv1.RecordedBatch{Facts: []*factv1.RecordedFact{{
		Source: state.DisputeSource, Id: id, Version: version, Kind: factv1.Kind_KIND_DISPUTE, Digest: sum[:16],
		RecordedAtMs: now.UnixMilli(), Content: &factv1.RecordedFact_Dispute{Dispute: said},
	}}})
	if err != nil {
		return nil, "", err
	}
	return &nats.Msg{Subject: subject, Data: data, Header: nats.Header{bus.HeaderMap: []string{strconv.FormatUint(mapVersion, 10)}}}, id, nil
}

// counted waits until the fold has applied a message.
func (d *disputes) counted(ctx context.Context, sequence uint64) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for d.gens.current().fold.Applied() < sequence {
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "it is recorded, and not counted yet: look with `touchstone disputes`")
		case <-tick.C:
		}
	}
	return nil
}

// ListDisputes implements the RPC.
func (d *disputes) ListDisputes(ctx context.Context, req *scorev1.ListDisputesRequest) (*scorev1.ListDisputesResponse, error) {
	org, m, err := d.organisation(ctx, req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	if t := req.GetTouchpoint(); t != "" && m.Touchpoints[t] == nil {
		return nil, fault.Field("touchpoint", "the map has no touchpoint "+strconv.Quote(t)+"."+expmap.DidYouMean(t, m.Touchpoints), "name one of the map, or leave it out")
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = 100
	}
	after, begun, err := parseDisputesPage(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	var all []state.Contest
	d.live().View(org, func(v *state.View) { all = v.Disputes(req.GetOpen(), req.GetTouchpoint()) })
	if begun {
		i := slices.IndexFunc(all, func(c state.Contest) bool {
			return c.Raised < after.Raised || c.Raised == after.Raised && c.Number < after.Number
		})
		if i < 0 {
			i = len(all)
		}
		all = all[i:]
	}
	resp, read := &scorev1.ListDisputesResponse{}, newStreamReader(d.js)
	for i, c := range all {
		if i == size {
			last := all[i-1]
			resp.NextPageToken = base64.RawURLEncoding.EncodeToString(binary.AppendUvarint(binary.AppendVarint(nil, last.Raised), last.Number))
			break
		}
		x, err := d.dispute(ctx, read, org, m, c.Number)
		if err != nil {
			return nil, err
		}
		if x != nil {
			resp.Disputes = append(resp.Disputes, x)
		}
	}
	return resp, nil
}

func parseDisputesPage(token string) (c state.Contest, begun bool, err error) {
	if token == "" {
		return c, false, nil
	}
	if b, err := base64.RawURLEncoding.DecodeString(token); err == nil {
		raised, n := binary.Varint(b)
		number, k := binary.Uvarint(b[max(0, n):])
		if n > 0 && k > 0 && n+k == len(b) {
			return state.Contest{Number: number, Raised: raised}, true, nil
		}
	}
	return c, false, fault.Field("page_token", "this is no page token of ListDisputes", "send next_page_token of the page before, unchanged")
}

// dispute returns the dispute about the fact at a place in the ledger, with what that moves now; nil when there is none.
func (d *disputes) dispute(ctx context.Context, read *streamReader, org string, m *expmap.Map, number uint64) (*scorev1.Dispute, error) {
	var known *state.Dispute
	var fact *state.Fact
	var effects []*scorev1.Effect
	var err error
	now := d.clock()
	d.live().View(org, func(v *state.View) {
		if known, err = v.Contested(number); err != nil || known == nil {
			return
		}
		if fact, err = v.FactAt(number); err == nil && fact != nil && fact.Content && !fact.Waits {
			effects, err = d.effects(v, m, fact, now)
		}
	})
	if err != nil || known == nil {
		return nil, err
	}
	out := &scorev1.Dispute{Id: known.ID, Effects: effects}
	if fact != nil && fact.Content && !fact.Waits {
		out.Touchpoint, out.At = fact.Touchpoint, timestamppb.New(fact.At)
	}
	out.Said, err = d.said(ctx, read, known)
	return out, err
}

// audit tells who takes a step, before it is taken. The reasons are in the log of facts; neither names a customer.
func (d *disputes) audit(ctx context.Context, org, key, what string) error {
	return d.write(ctx, &adminv1.AuditLine{
		At: timestamppb.New(d.clock()), Organisation: org, Kind: adminv1.AuditKind_AUDIT_KIND_DISPUTE, Key: key, About: what,
	})
}
