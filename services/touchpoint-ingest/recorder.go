package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/admit"
)

// Recorder is the one path of all facts, whatever entrance they took: check, pseudonymise, group, write to disk, answer.
type Recorder struct {
	admitter *admit.Admitter
	maps     *expmap.Registry
	bus      *bus.Bus
	clock    func() time.Time
	cfg      Config
	limits   laneLimits
	refusals *refusals
	space    *space
	limiter  *limiter
	stats    *stats
	pace     *pace
	log      *slog.Logger

	mu      sync.RWMutex
	lanes   map[laneKey]*lane
	stopped bool
	drafts  sync.Pool // *draft
}

type laneKey struct {
	organisation string
	partition    int
}

// draft is a request's facts as they will be stored, by partition.
type draft struct {
	parts []part
}

type part struct {
	data []byte
	ends []int
}

var sourceRule = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

var importRule = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// Record takes one PublishRequest in wire bytes and returns once all it accepted is on disk. An error means that the whole
// request was refused.
func (r *Recorder) Record(ctx context.Context, p access.Principal, request []byte) ([]*ingestv1.FactResult, error) {
	t, err := r.submit(ctx, p, request)
	if err != nil {
		return nil, err
	}
	if err := t.wait(ctx); err != nil {
		return nil, err
	}
	out := make([]*ingestv1.FactResult, t.facts)
	ok := &ingestv1.FactResult{Status: ingestv1.Status_STATUS_RECORDED}
	for i := range out {
		out[i] = ok
	}
	for _, x := range t.refusals {
		out[x.index] = &ingestv1.FactResult{Status: ingestv1.Status_STATUS_REFUSED, Refusal: x.refusal}
	}
	return out, nil
}

// recordHashed is Record for facts whose customer ids are keyed hashes already.
func (r *Recorder) recordHashed(ctx context.Context, p access.Principal, request []byte) error {
	t, err := r.submitAs(ctx, p, request, true)
	if err != nil {
		return err
	}
	return t.wait(ctx)
}

// rehearse says why a fact of a source would be refused; nil when it would be recorded. Its customer id is a keyed hash.
func (r *Recorder) rehearse(m *expmap.Map, source string, f *factv1.Fact) (why refusal) {
	request, err := proto.Marshal(&ingestv1.PublishRequest{Facts: []*factv1.Fact{f}})
	if err == nil {
		err = wire.EachFact(request, func(_ int, f *wire.Fact, ferr error) error {
			if ferr != nil {
				return ferr
			}
			why = r.admitter.AdmitHashed(nil, m, source, nil, r.clock(), f).Refusal
			return nil
		})
	}
	if err != nil {
		why, _ = refusalOf(fault.Wrap(fault.Invalid, err, "the record makes no fact"))
	}
	return why
}

// submit checks a request and hands its facts to their lanes.
func (r *Recorder) submit(ctx context.Context, p access.Principal, request []byte) (*ticket, error) {
	return r.submitAs(ctx, p, request, false)
}

func (r *Recorder) submitAs(ctx context.Context, p access.Principal, request []byte, hashed bool) (*ticket, error) {
	head, err := wire.ScanRequest(request)
	if err != nil {
		f := fault.Wrap(fault.Invalid, err, "the bytes are no PublishRequest")
		var lim *wire.LimitError
		if errors.As(err, &lim) {
			f.Message = "facts: " + lim.Error()
			f.Violations = []fault.Violation{{Field: "facts", Message: lim.Error(), Remedy: "send smaller batches: at most 256 KiB and 1,000 facts"}}
		}
		err = f
		return nil, r.refused("", "", 1, err)
	}
	org, source, err := r.identify(p, head)
	if err != nil {
		return nil, r.refused("", "", max(1, head.Facts), err)
	}
	m, err := r.admits(p, org, source, head)
	if err != nil {
		return nil, r.refused(org, source, max(1, head.Facts), err)
	}
	return r.draft(ctx, p, m, org, source, head, request, hashed)
}

// admits says whether a request may be drafted now, and by which map.
func (r *Recorder) admits(p access.Principal, org, source string, head wire.Request) (*expmap.Map, error) {
	m := r.maps.Current(org)
	switch {
	case m == nil:
		return nil, fault.New(fault.NotFound, "organisation %q has no map: apply one with `touchstone apply`", org)
	case head.Facts == 0:
		return nil, fault.Field("facts", "there is none", "send at least one fact")
	case len(head.ImportID) > 0 && !importRule.Match(head.ImportID):
		return nil, fault.Field("import_id", "it has other characters than a-z 0-9 and -, or more than 64", "choose another import id")
	}
	if err := r.space.admit(); err != nil {
		return nil, err
	}
	return m, r.limiter.take(limited(p, org), source, head.Facts)
}

// refused counts the facts of a request that is refused as a whole, and lists it where it is known whose it is. What may be
// sent again unchanged is only counted: its publisher will.
func (r *Recorder) refused(org, source string, facts int, err error) error {
	why, retry := refusalOf(err)
	r.refusals.count(why, facts)
	if org != "" && retry == 0 {
		r.refusals.list(org, source, "", why)
	}
	return err
}

func (r *Recorder) draft(ctx context.Context, p access.Principal, m *expmap.Map, org, source string, head wire.Request, request []byte, hashed bool) (*ticket, error) {
	d, ok := r.drafts.Get().(*draft)
	if !ok {
		d = &draft{parts: make([]part, r.cfg.Partitions)}
	}
	defer func() {
		for i := range d.parts {
			d.parts[i].data, d.parts[i].ends = d.parts[i].data[:0], d.parts[i].ends[:0]
		}
		r.drafts.Put(d)
	}()
	t := newTicket(head.Facts)
	now, check := r.clock(), r.admitter.Admit
	if hashed {
		check = r.admitter.AdmitHashed
	}
	refuse := func(i int, f *wire.Fact, why refusal) {
		t.refusals = append(t.refusals, refusedAt{i, why})
		id := ""
		if f != nil && admit.ValidID(f.ID) {
			id = string(f.ID)
		}
		r.refusals.add(org, source, id, why)
	}
	err := wire.EachFact(request, func(i int, f *wire.Fact, ferr error) error {
		if ferr != nil {
			refuse(i, nil, &ingestv1.Refusal{Reason: ingestv1.Reason_REASON_MALFORMED, Field: fmt.Sprintf("facts[%d]", i), Message: ferr.Error(), Remedy: "send a Fact as touchstone/fact/v1/fact.proto describes it"})
			return nil
		}
		// The first partition's buffer holds it until its identity tells where it belongs.
		pt := &d.parts[0]
		res := check(pt.data, m, source, head.ImportID, now, f)
		if res.Refusal != nil {
			refuse(i, f, res.Refusal)
			return nil
		}
		if k := int(res.Hi % uint64(r.cfg.Partitions)); k != 0 {
			other := &d.parts[k]
			other.data = append(other.data, res.Out[len(pt.data):]...)
			other.ends = append(other.ends, len(other.data))
			return nil
		}
		pt.data = res.Out
		pt.ends = append(pt.ends, len(pt.data))
		return nil
	})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the bytes are no PublishRequest")
	}
	if p.Test {
		r.tried(ctx, org, source, t)
		return t, nil
	}
	if err := r.admitter.Sync(); err != nil {
		r.space.failed(err)
		return nil, fault.Wrap(fault.Unavailable, err, "the keys of sealed texts could not be written to disk now: send the facts again later")
	}
	sampled := ""
	if sc := trace.SpanContextFromContext(ctx); sc.IsSampled() {
		sampled = "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-01"
	}
	for k := range d.parts {
		if len(d.parts[k].ends) == 0 {
			continue
		}
		l, err := r.lane(laneKey{org, k})
		if err == nil {
			err = l.add(t, d.parts[k].data, d.parts[k].ends, sampled)
		}
		if err != nil {
			// Parts handed over before may be recorded; the client sends all again and doubles are found.
			return nil, err
		}
	}
	t.release()
	return t, nil
}

// limited is under which organisation a principal's facts are held to a rate: who tries it out takes nothing of what the
// source itself may send.
func limited(p access.Principal, org string) string {
	if p.Test {
		return org + ".test"
	}
	return org
}

// tried ends the way of a test key's facts: they are dropped where others go to disk.
func (r *Recorder) tried(ctx context.Context, org, source string, t *ticket) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("touchstone.test", true))
	r.log.DebugContext(ctx, "facts of a test key were checked and dropped", "organisation", org, "source", source, "facts", t.facts, "refused", len(t.refusals))
	t.release()
}

// identify decides for which organisation and as which source a request speaks.
func (r *Recorder) identify(p access.Principal, head wire.Request) (org, source string, err error) {
	if !p.Allows(accessv1.Role_ROLE_SOURCE) {
		return "", "", fault.New(fault.Denied, "publishing needs a key with the role source")
	}
	org, source = p.Organisation, p.Source
	if len(head.Organisation) > 0 {
		org = string(head.Organisation)
	}
	if org == "" {
		org = defaultOrganisation
	}
	if err := validOrganisation(org); err != nil {
		return "", "", err
	}
	if !p.Sees(org) {
		return "", "", fault.New(fault.Denied, "this key belongs to organisation %q", p.Organisation)
	}
	if len(head.Source) > 0 {
		source = string(head.Source)
	}
	if p.Source != "" && source != p.Source {
		return "", "", fault.New(fault.Denied, "this key publishes as source %q", p.Source)
	}
	if !sourceRule.MatchString(source) {
		return "", "", fault.Field("source", "a source is 1 to 64 of a-z 0-9 - and _, beginning with a letter", "name the source, or use a key that has one")
	}
	return org, source, nil
}

func (r *Recorder) lane(k laneKey) (*lane, error) {
	r.mu.RLock()
	l := r.lanes[k]
	r.mu.RUnlock()
	if l != nil {
		return l, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, fault.New(fault.Unavailable, "this instance is stopping: send to another, or again later")
	}
	if l = r.lanes[k]; l == nil {
		version := func() uint64 {
			if m := r.maps.Current(k.organisation); m != nil {
				return m.Version
			}
			return 0
		}
		l = newLane(bus.FactSubject(k.organisation, k.partition), r.bus.JS(), version, r.limits, r.pace, r.space.failed, r.stats)
		r.lanes[k] = l
	}
	return l, nil
}

// stop sends what has collected.
func (r *Recorder) stop() {
	r.mu.Lock()
	r.stopped = true
	lanes := r.lanes
	r.mu.Unlock()
	var closing sync.WaitGroup
	for _, l := range lanes {
		closing.Go(l.close)
	}
	closing.Wait()
}
