package correlation

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/scoreservice"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// facts answers what lies behind scores: ListFacts and GetFact. The ledger knows which facts count; their words come from
// the stream.
type facts struct {
	live   func() *state.State
	maps   *expmap.Registry
	reader *scoreservice.Reader
	js     jetstream.JetStream
	clock  func() time.Time
}

// scanLimit bounds the ledger entries looked at for one page, so that a rare match never holds up the fold.
const scanLimit = 64 * state.LedgerChunk

// ListFacts implements the RPC.
func (f *facts) ListFacts(ctx context.Context, req *scorev1.ListFactsRequest) (*scorev1.ListFactsResponse, error) {
	org, m, err := f.organisation(ctx, req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	var of *scoreservice.Resolved
	if ref := req.GetRef(); ref != nil {
		if of, err = f.reader.Resolve(m, ref, f.clock()); err != nil {
			return nil, err
		}
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = 100
	}
	from, err := parsePage(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp := &scorev1.ListFactsResponse{}
	read := newStreamReader(f.js)
	for len(resp.Facts) < size {
		var hits []*state.Fact
		var more bool
		var err error
		f.live().View(org, func(v *state.View) {
			from, more, err = v.Facts(from, scanLimit, func(x *state.Fact) bool {
				if req.GetImportId() != "" && x.ImportID != req.GetImportId() || req.GetConflicts() && !x.Conflict {
					return true
				}
				if x.Kind == factv1.Kind_KIND_DISPUTE { // ListDisputes tells them
					return true
				}
				if of != nil && !of.Counts(v, x) {
					return true
				}
				hits = append(hits, x)
				return len(resp.Facts)+len(hits) < size
			})
		})
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			rf, err := read.fact(ctx, h.Position, h.Index)
			if err != nil {
				return nil, err
			}
			if rf != nil {
				resp.Facts = append(resp.Facts, rf)
			}
		}
		if !more {
			return resp, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	resp.NextPageToken = base64.RawURLEncoding.EncodeToString(binary.AppendUvarint(nil, from))
	return resp, nil
}

func parsePage(token string) (uint64, error) {
	if token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		if n, k := binary.Uvarint(b); k == len(b) && k > 0 {
			return n, nil
		}
	}
	return 0, fault.Field("page_token", "this is no page token of ListFacts", "send next_page_token of the page before, unchanged")
}

func (f *facts) organisation(ctx context.Context, org string) (string, *expmap.Map, error) {
	if org == "" {
		org = "default"
	}
	m := f.maps.Current(org)
	if m == nil || !host.MayRead(ctx, org) {
		return "", nil, fault.New(fault.NotFound, "organisation %q has no map: apply one with `touchstone apply`", org)
	}
	return org, m, nil
}

// GetFact implements the RPC.
func (f *facts) GetFact(ctx context.Context, req *scorev1.GetFactRequest) (*scorev1.GetFactResponse, error) {
	org, m, err := f.organisation(ctx, req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	kinds := []factv1.Kind{req.GetKind()}
	if req.GetKind() == factv1.Kind_KIND_UNSPECIFIED {
		kinds = []factv1.Kind{factv1.Kind_KIND_INTERACTION, factv1.Kind_KIND_ANSWER, factv1.Kind_KIND_OBSERVATION}
	}
	resp := &scorev1.GetFactResponse{}
	read := newStreamReader(f.js)
	for _, k := range kinds {
		aboutSource, aboutID := "", ""
		if k == factv1.Kind_KIND_ANSWER && req.GetInteraction() != nil {
			aboutSource, aboutID = aboutOf(req.GetInteraction(), req.GetSource())
		}
		story, err := f.story(ctx, read, m, org, k, req.GetSource(), req.GetId(), aboutSource, aboutID)
		if err != nil {
			return nil, err
		}
		if story != nil {
			resp.Stories = append(resp.Stories, story)
		}
	}
	if len(resp.Stories) == 0 {
		return nil, noFact(req.GetId(), req.GetSource(), org, f.held(org, m))
	}
	return resp, nil
}

// aboutOf returns the interaction that an answer of a source is about.
func aboutOf(ref *factv1.InteractionRef, own string) (source, id string) {
	if ref.GetSource() != "" {
		own = ref.GetSource()
	}
	return own, ref.GetId()
}

// noFact says that a fact is not known; held adds that it may be no longer.
func noFact(id, source, org, held string) error {
	return fault.New(fault.NotFound, "no fact %s of source %s was recorded in %s%s; for an answer about an interaction, name that interaction too", id, source, org, held)
}

// held says before when an organisation's facts are no longer held; empty where all are.
func (f *facts) held(org string, m *expmap.Map) string {
	ms := f.live().Seals()[org]
	if ms == 0 {
		return ""
	}
	return fmt.Sprintf(", or it happened before %s and is no longer held: what it counted stays in the scores", time.UnixMilli(ms).In(m.Zone).Format(time.DateOnly))
}

func (f *facts) story(ctx context.Context, read *streamReader, m *expmap.Map, org string, k factv1.Kind, source, id, aboutSource, aboutID string) (*scorev1.FactStory, error) {
	var known *state.Fact
	var deliveries []state.Delivery
	var effects []*scorev1.Effect
	var dispute *state.Dispute
	var err error
	now := f.clock()
	f.live().View(org, func(v *state.View) {
		known, deliveries, err = v.Fact(k, source, id, aboutSource, aboutID)
		if err == nil && known != nil && known.Counted {
			effects, err = f.effects(v, m, known, now)
		}
		if err == nil && known != nil {
			dispute, err = v.Contested(known.Number)
		}
	})
	if err != nil || known == nil {
		return nil, err
	}
	said, err := f.said(ctx, read, dispute)
	if err != nil {
		return nil, err
	}
	out := &scorev1.FactStory{Counted: toldDisputed(known, said, m.Zone), Effects: effects}
	for _, d := range deliveries {
		x := &scorev1.Delivery{Version: d.Version, Position: d.Position, Verdict: d.Verdict}
		if x.Fact, err = read.fact(ctx, d.Position, d.Index); err != nil {
			return nil, err
		}
		if x.Fact != nil {
			x.Version = x.Fact.GetVersion() // the ledger keeps the version that holds, the stream each one
			x.RecordedAt = timestamppb.New(time.UnixMilli(x.Fact.GetRecordedAtMs()))
		}
		out.Deliveries = append(out.Deliveries, x)
	}
	if known.Content {
		out.Current, err = read.fact(ctx, known.Position, known.Index)
	}
	return out, err
}

// told says in words where a fact counts.
func told(x *state.Fact, zone *time.Location) string {
	switch {
	case !x.Content:
		return "retracted: it counts nowhere"
	case x.Sealed:
		return "belongs to what is sealed: what is counted there stays as it is"
	case x.Waits:
		return "waits for its interaction: it has no touchpoint and time of its own, so it counts nowhere until then"
	}
	s := fmt.Sprintf("counts at %s on %s", x.Touchpoint, x.At.In(zone).Format("2006-01-02 15:04:05 MST"))
	if x.Channel != "" {
		s += ", channel " + x.Channel
	}
	if x.Team != "" {
		s += ", team " + x.Team
	}
	if x.Outcome != "" {
		s += ", outcome " + x.Outcome
	}
	if x.Conflict {
		s += "; another content was sent with the same version, and lost"
	}
	return s
}

// effects computes each headline score of the fact's day without it and with it.
func (f *facts) effects(v *state.View, m *expmap.Map, x *state.Fact, now time.Time) ([]*scorev1.Effect, error) {
	day := time.Date(x.At.In(m.Zone).Year(), x.At.In(m.Zone).Month(), x.At.In(m.Zone).Day(), 0, 0, 0, 0, m.Zone)
	from, to := timestamppb.New(day), timestamppb.New(day.AddDate(0, 0, 1))
	scopes := []*scorev1.Scope{{}, {Touchpoint: x.Touchpoint}}
	if x.Channel != "" {
		scopes = append(scopes, &scorev1.Scope{Touchpoint: x.Touchpoint, Channel: x.Channel})
	}
	if x.Team != "" {
		scopes = append(scopes, &scorev1.Scope{Touchpoint: x.Touchpoint, Team: x.Team})
	}
	var out []*scorev1.Effect
	for _, id := range f.reader.Headlines(m) {
		for _, sc := range scopes {
			ref := &scorev1.ScoreRef{Organisation: m.Organisation, Score: id, Scope: sc, From: from, To: to}
			r, err := f.reader.Resolve(m, ref, now)
			if err != nil {
				return nil, err
			}
			if !r.Bears(x) {
				continue
			}
			out = append(out, r.Effect(v, x, now))
		}
	}
	return out, nil
}

// streamReader reads recorded facts from TS_FACT, remembering the last message, since neighbours share one.
type streamReader struct {
	js    jetstream.JetStream
	s     jetstream.Stream
	at    uint64
	on    string // subject of the message
	batch *factv1.RecordedBatch
}

func newStreamReader(js jetstream.JetStream) *streamReader { return &streamReader{js: js} }

// fact returns one fact of a message; nil when the stream no longer holds it.
func (r *streamReader) fact(ctx context.Context, position uint64, index uint32) (*factv1.RecordedFact, error) {
	if held, err := r.read(ctx, position); err != nil || !held || int(index) >= len(r.batch.GetFacts()) {
		return nil, err
	}
	return r.batch.GetFacts()[index], nil
}

// subject returns the subject of a message; empty when the stream no longer holds it.
func (r *streamReader) subject(ctx context.Context, position uint64) (string, error) {
	if held, err := r.read(ctx, position); err != nil || !held {
		return "", err
	}
	return r.on, nil
}

// read reads a message; held is false when the stream no longer holds it.
func (r *streamReader) read(ctx context.Context, position uint64) (held bool, err error) {
	if r.s == nil {
		s, err := r.js.Stream(ctx, bus.StreamFact)
		if err != nil {
			return false, fault.Wrap(fault.Unavailable, err, "the stream of facts cannot be read now")
		}
		r.s = s
	}
	if r.batch == nil || r.at != position {
		msg, err := r.s.GetMsg(ctx, position)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, nil
		}
		if err != nil {
			return false, fault.Wrap(fault.Unavailable, err, "the stream of facts cannot be read now")
		}
		b := &factv1.RecordedBatch{}
		if err := proto.Unmarshal(msg.Data, b); err != nil {
			return false, err
		}
		for _, x := range b.GetFacts() {
			if i := x.GetInteraction(); i != nil {
				i.Agent = nil // whoever lists facts could work out scores of single agents
			}
		}
		r.at, r.on, r.batch = position, msg.Subject, b
	}
	return true, nil
}
