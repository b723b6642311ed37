package correlation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// retention seals what is old and lets its facts go.
//
//	step                                              a crash right after it leaves
//	1  TS_SEALED says before when it is sealed        older facts are refused by ingest, and nothing else
//	2  a message of TS_FACT seals                     the fold reads it once it runs again
//	3  the live fold has read it                      the ledger has let go of the facts; the stream has all of them
//	4  a base is built and synced                     a store that nobody names: it is dropped at the next start
//	5  the marker names it                            folds begin with it; the stream has more than they need
//	6  the stream is trimmed up to it                 the base before it, which is dropped at the next start
//	7  the base before it is dropped                  nothing
//
// After a crash at any of these, the same call completes it.
type retention struct {
	gens   *generations
	js     jetstream.JetStream
	maps   *expmap.Registry
	clock  func() time.Time
	months int
	log    *slog.Logger
	// write puts a line in the audit; without it nothing is sealed.
	write func(context.Context, *adminv1.AuditLine) error

	one sync.Mutex
}

// cut is before when an organisation is to be sealed. One that is idle has nothing to let go and is not sealed, but the stream
// is not trimmed beyond it either: every message let go is one whose facts are sealed.
type cut struct {
	organisation string
	before       time.Time
	idle         bool
}

// byRetention returns before when organisations are to be sealed as configured: the first of a month, in each one's zone. One
// that is sealed further stays so.
func (r *retention) byRetention() (out []cut) {
	now := r.clock()
	for org, sealed := range r.sorted() {
		y, m, _ := now.In(r.zone(org)).Date()
		before := time.Date(y, m-time.Month(r.months), 1, 0, 0, 0, 0, r.zone(org))
		out = append(out, cut{organisation: org, before: later(before, sealed)})
	}
	return out
}

func later(t time.Time, ms int64) time.Time {
	if x := time.UnixMilli(ms); x.After(t) {
		return x
	}
	return t
}

// byDay returns the same by a day, as 2024-10-01.
func (r *retention) byDay(day string) (out []cut, err error) {
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return nil, fault.Field("before", fmt.Sprintf("%q is no day", day), "give one as 2024-10-01, or none to go by the configured retention")
	}
	for org, sealed := range r.sorted() {
		before, err := time.ParseInLocation(time.DateOnly, day, r.zone(org))
		if err != nil {
			return nil, err
		}
		if before.After(r.clock().AddDate(0, -1, 0)) {
			return nil, fault.Field("before", "it is less than a month ago", "name an earlier day: what is sealed can be corrected by nobody any more")
		}
		if s := time.UnixMilli(sealed); sealed != 0 && before.Before(s) {
			return nil, fault.Field("before", fmt.Sprintf("organisation %s is sealed before %s already", org, s.In(r.zone(org)).Format(time.DateOnly)), "name that day or a later one; what is sealed stays so")
		}
		out = append(out, cut{organisation: org, before: before})
	}
	return out, nil
}

// sorted yields the organisations that have facts, and before when each is sealed.
func (r *retention) sorted() func(func(string, int64) bool) {
	seals := r.gens.current().state.Seals()
	return func(yield func(string, int64) bool) {
		for _, org := range slices.Sorted(maps.Keys(seals)) {
			if r.maps.Current(org) != nil && !yield(org, seals[org]) {
				return
			}
		}
	}
}

func (r *retention) zone(org string) *time.Location { return r.maps.Current(org).Zone }

// trim seals and lets go; dry only says what would be done. A cut that is sealed already is not sealed again, but what was
// left undone for it is completed.
func (r *retention) trim(ctx context.Context, cuts []cut, key string, dry bool) (*adminv1.TrimHistoryResponse, error) {
	r.one.Lock()
	defer r.one.Unlock()
	out := &adminv1.TrimHistoryResponse{}
	if len(cuts) == 0 {
		return out, nil
	}
	first := earliest(cuts)
	out.SealedBefore = timestamppb.New(first)
	if dry {
		for _, c := range cuts {
			n, err := r.gens.current().state.LetsGo(c.organisation, c.before.UnixMilli())
			if err != nil {
				return nil, err
			}
			out.Facts += n
		}
		var err error
		out.Messages, out.FirstSequence, err = r.foresee(ctx, first)
		return out, err
	}
	position, err := r.lastBefore(ctx, first)
	if err != nil {
		return nil, err
	}
	before := r.gens.current().state.Counts().LetGo
	for _, c := range cuts {
		if c.idle || r.gens.current().state.Seals()[c.organisation] >= c.before.UnixMilli() {
			continue
		}
		if err := r.write(ctx, &adminv1.AuditLine{
			At: timestamppb.New(r.clock()), Organisation: c.organisation, Kind: adminv1.AuditKind_AUDIT_KIND_SEALED, Key: key,
			About: "what happened before " + c.before.Format(time.DateOnly) + " is sealed",
		}); err != nil {
			return nil, err
		}
		if err := r.announce(ctx, c); err != nil {
			return nil, err
		}
		at, err := r.seal(ctx, c)
		if err == nil {
			err = r.await(ctx, at)
		}
		if err != nil {
			return nil, err
		}
		r.log.Info("history is sealed", "organisation", c.organisation, "before", c.before, "position", at)
	}
	if now := r.gens.current().state.Counts().LetGo; now > before {
		out.Facts = now - before
	}
	if out.Messages, out.FirstSequence, err = r.gens.rebase(ctx, position); err != nil {
		return nil, err
	}
	r.log.Info("the stream of facts is trimmed", "first", out.GetFirstSequence(), "messages", out.GetMessages(), "facts", out.GetFacts())
	return out, nil
}

func earliest(cuts []cut) time.Time {
	return slices.MinFunc(cuts, func(a, b cut) int { return a.before.Compare(b.before) }).before
}

func sealMessage(c cut) ([]byte, error) {
	return proto.Marshal(&factv1.RecordedBatch{SealedBeforeMs: c.before.UnixMilli()})
}

// announce tells ingest to refuse what happened before, so that the fold has as little as possible to refuse.
func (r *retention) announce(ctx context.Context, c cut) error {
	data, err := sealMessage(c)
	if err != nil {
		return err
	}
	if _, err := r.js.Publish(ctx, bus.SealedSubject(c.organisation), data, jetstream.WithExpectStream(bus.StreamSealed)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the bus does not answer: call again, and it goes on where it was cut off")
	}
	return nil
}

// seal puts the seal into the log. One partition is enough: all are one stream and one fold.
func (r *retention) seal(ctx context.Context, c cut) (sequence uint64, err error) {
	data, err := sealMessage(c)
	if err != nil {
		return 0, err
	}
	ack, err := r.js.Publish(ctx, bus.FactSubject(c.organisation, 0), data, jetstream.WithExpectStream(bus.StreamFact))
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "the bus does not answer: call again, and it goes on where it was cut off")
	}
	return ack.Sequence, nil
}

// await waits until the live fold has read a message.
func (r *retention) await(ctx context.Context, sequence uint64) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for r.gens.current().fold.Applied() < sequence {
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "the facts before the seal are still being counted: call again, and it goes on from there")
		case <-tick.C:
		}
	}
	return nil
}

// foresee tells how many messages a trim would let go of, and where the stream would begin.
func (r *retention) foresee(ctx context.Context, before time.Time) (messages, first uint64, err error) {
	s, err := r.stream(ctx)
	if err != nil {
		return 0, 0, err
	}
	position, err := r.lastBefore(ctx, before)
	first = s.CachedInfo().State.FirstSeq
	if err != nil || position < first {
		return 0, first, err
	}
	return position + 1 - max(first, 1), position + 1, nil
}

func (r *retention) stream(ctx context.Context) (jetstream.Stream, error) {
	s, err := r.js.Stream(ctx, bus.StreamFact)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the stream of facts cannot be read now")
	}
	return s, nil
}

// lastBefore returns the last message that was recorded before a time and that the live fold has read; 0 where there is none.
func (r *retention) lastBefore(ctx context.Context, before time.Time) (uint64, error) {
	s, err := r.stream(ctx)
	if err != nil {
		return 0, err
	}
	st := s.CachedInfo().State
	// Of [low, high) the messages before low were recorded earlier, those from high on were not.
	low, high := st.FirstSeq, min(st.LastSeq, r.gens.current().fold.Applied())+1
	last := uint64(0)
	for low < high {
		mid := low + (high-low)/2
		m, err := s.GetMsg(ctx, mid, jetstream.WithGetMsgSubject("ts.fact.>")) // it, or the next one there is
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			high = mid
			continue
		}
		if err != nil {
			return 0, fault.Wrap(fault.Unavailable, err, "the stream of facts cannot be read now")
		}
		if m.Time.Before(before) && m.Sequence < high {
			last, low = m.Sequence, m.Sequence+1
		} else {
			high = mid
		}
	}
	return last, nil
}

// run trims by itself: once a day it looks whether anything is older than is to be kept, which it is from the first of a month.
func (r *retention) run(ctx context.Context) error {
	const first, daily = time.Minute, 24 * time.Hour
	done := map[string]time.Time{}
	for wait := first; ; wait = daily {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if !r.gens.current().fold.Loaded() {
			continue
		}
		if err := r.look(ctx, done); err != nil && ctx.Err() == nil {
			r.log.Error("what is older than is to be kept could not be sealed; it is tried again in a day", "error", err)
		}
	}
}

// look trims where there is anything to trim. done remembers what it found nothing for: looking reads the whole ledger.
func (r *retention) look(ctx context.Context, done map[string]time.Time) error {
	all, due := r.byRetention(), false
	for i := range all {
		c := &all[i]
		c.idle = true
		if done[c.organisation].Equal(c.before) || r.gens.current().state.Seals()[c.organisation] >= c.before.UnixMilli() {
			continue
		}
		n, err := r.gens.current().state.LetsGo(c.organisation, c.before.UnixMilli())
		if err != nil {
			return err
		}
		if n == 0 {
			done[c.organisation] = c.before
		} else {
			c.idle, due = false, true
		}
	}
	if !due {
		// One that was cut off after it had sealed has left its messages.
		if len(all) == 0 {
			return nil
		}
		if messages, _, err := r.foresee(ctx, earliest(all)); err != nil || messages == 0 {
			return err
		}
	}
	_, err := r.trim(ctx, all, "", false)
	return err
}

// TrimHistory implements the RPC.
func (a *admin) TrimHistory(ctx context.Context, req *adminv1.TrimHistoryRequest) (*adminv1.TrimHistoryResponse, error) {
	r := a.retention
	var cuts []cut
	var err error
	switch {
	case req.GetBefore() != "":
		cuts, err = r.byDay(req.GetBefore())
	case r.months == 0:
		err = fault.Field("before", "no day is named, and the configuration keeps everything", "name a day, or set correlation.retention_months")
	default:
		cuts = r.byRetention()
	}
	if err != nil {
		return nil, err
	}
	p, _ := access.PrincipalFrom(ctx)
	return r.trim(ctx, cuts, p.KeyID, req.GetDryRun())
}
