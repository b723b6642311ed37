package ingest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/admit"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/cloudevent"
)

// publisher returns who sends an Authorization header, if they may publish. It is asked before a request is read.
func publisher(guard *access.Guard, authorization string) (access.Principal, error) {
	p, err := guard.Principal(authorization)
	switch {
	case err != nil:
		return p, err
	case p.Allows(accessv1.Role_ROLE_SOURCE):
		return p, nil
	case p.KeyID == "":
		return p, fault.New(fault.Unauthenticated, "publishing needs a key with the role source: send \"Authorization: Bearer tsk_…\"")
	default:
		return p, fault.New(fault.Denied, "publishing needs a key with the role source")
	}
}

// speaker is who publishes, and in which name: that of the key, or of the subject of NATS, from which no event may differ.
type speaker struct {
	access.Principal
	organisation string // where an event names none
	source       string // of the subject; "" where each event names its own
	bound        bool   // to organisation and source
}

func speakerOf(p access.Principal) speaker {
	org := p.Organisation
	if org == "" {
		org = defaultOrganisation
	}
	return speaker{Principal: p, organisation: org}
}

// unnamed stands for the source in the list of refusals where none could be read.
const unnamed = "unnamed"

// listed returns under which organisation and source something refused is listed: what it says, as far as that may be believed.
func (s speaker) listed(organisation, source string) (string, string) {
	if !sourceRule.MatchString(organisation) || !s.Sees(organisation) || s.bound {
		organisation = s.organisation
	}
	switch {
	case s.source != "":
		source = s.source
	case s.Source != "":
		source = s.Source
	case !sourceRule.MatchString(source):
		source = unnamed
	}
	return organisation, source
}

// group is the events of one organisation and source: one PublishRequest.
type group struct {
	request []byte
	places  []int // of its facts among the events
	ticket  *ticket
	err     error
}

// submission is events on their way to disk.
type submission struct {
	results []*ingestv1.FactResult // nil where a group will tell
	groups  []*group
}

// submitEvents hands events to their lanes. The events of a batch may belong to several organisations and sources; those of
// each keep their order.
func (r *Recorder) submitEvents(ctx context.Context, s speaker, events []cloudevent.Event) *submission {
	sub := &submission{results: make([]*ingestv1.FactResult, len(events))}
	open := map[[2]string]*group{}
	for i := range events {
		ev := &events[i]
		if why := s.refuse(ev); why != nil {
			sub.results[i] = &ingestv1.FactResult{Status: ingestv1.Status_STATUS_REFUSED, Refusal: why}
			org, source := s.listed(ev.Organisation, ev.Source)
			id := ""
			if admit.ValidID([]byte(ev.ID)) {
				id = ev.ID
			}
			r.refusals.add(org, source, id, why)
			continue
		}
		key := [2]string{ev.Organisation, ev.Source}
		if key[0] == "" {
			key[0] = s.organisation
		}
		g := open[key]
		if size := protowire.SizeTag(4) + protowire.SizeBytes(len(ev.Fact)); g == nil || len(g.request)+size > wire.MaxRequest {
			g = newGroup(key[0], key[1])
			open[key] = g
			sub.groups = append(sub.groups, g)
		}
		g.request = protowire.AppendBytes(protowire.AppendTag(g.request, 4, protowire.BytesType), ev.Fact)
		g.places = append(g.places, i)
	}
	for _, g := range sub.groups {
		g.ticket, g.err = r.submit(ctx, s.Principal, g.request)
		g.request = nil
	}
	return sub
}

func newGroup(organisation, source string) *group {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), organisation)
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), source)
	return &group{request: b}
}

// refuse says why an event cannot be taken from this speaker, or why it could not be read.
func (s speaker) refuse(ev *cloudevent.Event) refusal {
	invalid := func(field, message, remedy string) refusal {
		return &ingestv1.Refusal{Reason: ingestv1.Reason_REASON_INVALID, Field: field, Message: message, Remedy: remedy}
	}
	switch {
	case ev.Refusal != nil:
		return ev.Refusal
	case s.bound && ev.Organisation != "" && ev.Organisation != s.organisation:
		return invalid("organisation", "The subject names another organisation.", "Leave it out, or publish on ts.in."+ev.Organisation+"."+ev.Source+".")
	case s.bound && ev.Source != s.source:
		return invalid("source", "The subject names another source.", "Set it to "+s.source+", or publish on ts.in."+s.organisation+"."+ev.Source+".")
	}
	return nil
}

// outcome is what became of events.
type outcome struct {
	results  []*ingestv1.FactResult // one an event, in their order
	recorded int
	err      error         // why all were refused, where it is one thing for all
	retry    time.Duration // after which what failed for now may be sent again; 0: nothing did
}

// wait returns once all that was accepted is on disk, or is not known to be.
func (sub *submission) wait(ctx context.Context, log *slog.Logger) outcome {
	o := outcome{results: sub.results}
	failed := 0
	for _, g := range sub.groups {
		if g.err == nil {
			g.err = g.ticket.wait(ctx)
		}
		if g.err != nil {
			why, retry := refusalOf(g.err)
			if fault.KindOf(g.err) == fault.Internal {
				log.ErrorContext(ctx, "events could not be recorded", "error", g.err)
			}
			for _, i := range g.places {
				o.results[i] = &ingestv1.FactResult{Status: ingestv1.Status_STATUS_REFUSED, Refusal: why}
			}
			o.retry = max(o.retry, retry)
			if failed == 0 || fault.KindOf(o.err) == fault.KindOf(g.err) {
				failed += len(g.places)
				o.err = g.err
			}
			continue
		}
		ok := &ingestv1.FactResult{Status: ingestv1.Status_STATUS_RECORDED}
		for _, i := range g.places {
			o.results[i] = ok
		}
		for _, x := range g.ticket.refusals {
			o.results[g.places[x.index]] = &ingestv1.FactResult{Status: ingestv1.Status_STATUS_REFUSED, Refusal: x.refusal}
		}
		o.recorded += len(g.places) - len(g.ticket.refusals)
	}
	if failed < len(o.results) {
		o.err = nil
	}
	return o
}

// requestRefusal tells of a request that was refused before its events could be told apart.
func requestRefusal(e *cloudevent.Error) refusal {
	reason := ingestv1.Reason_REASON_MALFORMED
	if e.Fault == cloudevent.TooLarge {
		reason = ingestv1.Reason_REASON_TOO_LARGE
	}
	return &ingestv1.Refusal{Reason: reason, Message: e.Message, Remedy: e.Remedy}
}

// asRequestError finds out whether a request was refused as a whole by its bytes.
func asRequestError(err error) (*cloudevent.Error, bool) {
	var e *cloudevent.Error
	ok := errors.As(err, &e)
	return e, ok
}

// headerValue returns the first value of a header, whatever the case of its name.
func headerValue(header map[string][]string, name string) string {
	for k, v := range header {
		if len(v) > 0 && strings.EqualFold(k, name) {
			return v[0]
		}
	}
	return ""
}
