package correlation

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/audit"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// admin is the AdminService. Keys are access.Service's.
type admin struct {
	adminv1.UnimplementedAdminServiceServer
	*access.Service
	gens      *generations
	bus       *bus.Bus
	maps      *expmap.Registry
	audit     *audit.Log
	retention *retention
}

// CreateKey implements the RPC.
func (a *admin) CreateKey(ctx context.Context, r *adminv1.CreateKeyRequest) (*adminv1.CreateKeyResponse, error) {
	if err := a.led(r); err != nil {
		return nil, err
	}
	return a.Service.CreateKey(ctx, r)
}

// ListKeys implements the RPC.
func (a *admin) ListKeys(ctx context.Context, r *adminv1.ListKeysRequest) (*adminv1.ListKeysResponse, error) {
	return a.Service.ListKeys(ctx, r)
}

// RevokeKey implements the RPC.
func (a *admin) RevokeKey(ctx context.Context, r *adminv1.RevokeKeyRequest) (*adminv1.RevokeKeyResponse, error) {
	return a.Service.RevokeKey(ctx, r)
}

// Verify implements the RPC.
func (a *admin) Verify(ctx context.Context, _ *adminv1.VerifyRequest) (*adminv1.VerifyResponse, error) {
	v, err := a.gens.verify(ctx)
	if err != nil {
		return nil, err
	}
	return &adminv1.VerifyResponse{
		Equal: v.live.Hash == v.recount.Hash, Position: v.position, LiveHash: v.live.Hash, RecountHash: v.recount.Hash,
		Facts: v.recount.Facts, Cells: v.recount.Cells, Differences: v.differences,
	}, nil
}

// Rebuild implements the RPC.
func (a *admin) Rebuild(ctx context.Context, _ *adminv1.RebuildRequest) (*adminv1.RebuildResponse, error) {
	gen, err := a.gens.rebuild(ctx, "asked for")
	if err != nil {
		return nil, err
	}
	return &adminv1.RebuildResponse{Generation: gen.number, Facts: gen.state.Counts().Facts}, nil
}

// GetStatus implements the RPC.
func (a *admin) GetStatus(ctx context.Context, _ *adminv1.GetStatusRequest) (*adminv1.GetStatusResponse, error) {
	gen := a.gens.current()
	s, err := a.bus.JS().Stream(ctx, bus.StreamFact)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the stream of facts cannot be read now")
	}
	parked, err := a.bus.JS().Stream(ctx, bus.StreamParked)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the stream of parked messages cannot be read now")
	}
	c := gen.state.Counts()
	_, base, err := a.gens.base()
	if err != nil {
		return nil, err
	}
	return &adminv1.GetStatusResponse{
		Position: gen.fold.Applied(), StreamLast: s.CachedInfo().State.LastSeq, Facts: c.Facts, Cells: c.Cells,
		Generation: gen.number, Duplicates: c.Duplicates, Corrections: c.Corrections, Stale: c.Stale, Conflicts: c.Conflicts,
		Retracted: c.Retracted, Parked: parked.CachedInfo().State.Msgs, Uncounted: c.Uncounted,
		SealedBefore: sealedBefore(gen.state), Base: base.Sequence,
	}, nil
}

// sealedBefore returns before when every organisation that is sealed is; nil where none is. They differ by their zones.
func sealedBefore(s *state.State) *timestamppb.Timestamp {
	first := int64(0)
	for _, ms := range s.Seals() {
		if ms != 0 && (first == 0 || ms < first) {
			first = ms
		}
	}
	if first == 0 {
		return nil
	}
	return timestamppb.New(time.UnixMilli(first))
}

// ListParked implements the RPC.
func (a *admin) ListParked(ctx context.Context, r *adminv1.ListParkedRequest) (*adminv1.ListParkedResponse, error) {
	size := int(r.GetPageSize())
	if size == 0 {
		size = 100
	}
	from := uint64(1)
	if t := r.GetPageToken(); t != "" {
		n, err := strconv.ParseUint(t, 10, 64)
		if err != nil {
			return nil, fault.Field("page_token", "this is no page token of ListParked", "send next_page_token of the page before, unchanged")
		}
		from = n
	}
	s, err := a.bus.JS().Stream(ctx, bus.StreamParked)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the stream of parked messages cannot be read now")
	}
	st := s.CachedInfo().State
	resp := &adminv1.ListParkedResponse{}
	for n := max(from, st.FirstSeq); n <= st.LastSeq; n++ {
		if len(resp.Messages) == size {
			resp.NextPageToken = strconv.FormatUint(n, 10)
			break
		}
		m, err := s.GetMsg(ctx, n)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // replayed
		}
		if err != nil {
			return nil, err
		}
		resp.Messages = append(resp.Messages, parked(m))
	}
	return resp, nil
}

func parked(m *jetstream.RawStreamMsg) *adminv1.ParkedMessage {
	p := bus.ParkedFrom(m)
	return &adminv1.ParkedMessage{
		Number: m.Sequence, ParkedAt: timestamppb.New(m.Time), Subject: p.Subject, Stream: p.Stream,
		Sequence: p.Sequence, Reason: p.Reason, Size: uint64(len(m.Data)),
	}
}

func (a *admin) parkedMessage(ctx context.Context, number uint64) (jetstream.Stream, *jetstream.RawStreamMsg, error) {
	s, err := a.bus.JS().Stream(ctx, bus.StreamParked)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Unavailable, err, "the stream of parked messages cannot be read now")
	}
	m, err := s.GetMsg(ctx, number)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil, fault.New(fault.NotFound, "no parked message has the number %d: see `touchstone parked list`", number)
	}
	return s, m, err
}

// GetParked implements the RPC.
func (a *admin) GetParked(ctx context.Context, r *adminv1.GetParkedRequest) (*adminv1.GetParkedResponse, error) {
	_, m, err := a.parkedMessage(ctx, r.GetNumber())
	if err != nil {
		return nil, err
	}
	return &adminv1.GetParkedResponse{Message: parked(m), Data: m.Data}, nil
}

// ReplayParked implements the RPC. The message is published again before it leaves the list: a crash in between replays it
// twice, which counts once.
func (a *admin) ReplayParked(ctx context.Context, r *adminv1.ReplayParkedRequest) (*adminv1.ReplayParkedResponse, error) {
	s, m, err := a.parkedMessage(ctx, r.GetNumber())
	if err != nil {
		return nil, err
	}
	ack, err := a.bus.JS().Publish(ctx, bus.ParkedFrom(m).Subject, m.Data)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the message could not be published again")
	}
	if err := s.DeleteMsg(ctx, m.Sequence); err != nil {
		return nil, err
	}
	return &adminv1.ReplayParkedResponse{Sequence: ack.Sequence}, nil
}

// ListRefused implements the RPC.
func (a *admin) ListRefused(ctx context.Context, r *adminv1.ListRefusedRequest) (*adminv1.ListRefusedResponse, error) {
	limit := int(r.GetLimit())
	if limit == 0 {
		limit = 50
	}
	org, source := r.GetOrganisation(), r.GetSource()
	if org == "" {
		org = "default"
	}
	if source == "" {
		source = "*"
	}
	s, err := a.bus.JS().Stream(ctx, bus.StreamRefused)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the list of refusals cannot be read now")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cons, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"ts.refused." + org + "." + source}, DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the list of refusals cannot be read now")
	}
	info, err := cons.Info(ctx)
	if err != nil {
		return nil, err
	}
	var all []*ingestv1.RefusedFact
	for left := info.NumPending; left > 0; left-- {
		m, err := cons.Next(jetstream.FetchMaxWait(2 * time.Second))
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "the list of refusals cannot be read now")
		}
		b := &ingestv1.RefusedBatch{}
		if err := proto.Unmarshal(m.Data(), b); err != nil {
			return nil, err
		}
		for _, f := range b.GetRefused() {
			if r.GetId() == "" || f.GetId() == r.GetId() {
				all = append(all, f)
			}
		}
	}
	resp := &adminv1.ListRefusedResponse{}
	for i := len(all) - 1; i >= 0 && len(resp.Refused) < limit; i-- {
		resp.Refused = append(resp.Refused, all[i])
	}
	return resp, nil
}
