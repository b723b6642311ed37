package ingest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/cloudevent"
)

const (
	requestSubject = "ts.in.*.*" // ts.in.<organisation>.<source>
	requestQueue   = "touchpoint-ingest"
	requests       = 1024 // that may wait for the disk at once
	drainTime      = 5 * time.Second
)

// openHatch takes requests on ts.in.<organisation>.<source> from when it returns: CloudEvents as by HTTP, or a PublishRequest in
// protobuf, with the key in the header Authorization.
func openHatch(env *host.Env, rec *Recorder) (*hatch, error) {
	h := &hatch{
		rec: rec, guard: env.Guard, log: env.Log, tracer: env.Tracer, slots: make(chan struct{}, requests),
		seldom: rate.Sometimes{First: 1, Interval: 10 * time.Second},
	}
	nc := env.Bus.NC()
	var err error
	if h.sub, err = nc.QueueSubscribe(requestSubject, requestQueue, func(m *nats.Msg) { h.take(context.Background(), m) }); err == nil {
		err = nc.FlushTimeout(drainTime) // the server knows now
	}
	if err != nil {
		return nil, fmt.Errorf("subscribing to %s: %w", requestSubject, err)
	}
	return h, nil
}

// serve returns when ctx has ended and all that was taken before is answered.
func (h *hatch) serve(ctx context.Context) error {
	<-ctx.Done()
	drained := make(chan struct{})
	h.sub.SetClosedHandler(func(string) { close(drained) })
	if err := h.sub.Drain(); err == nil { // else the connection has gone, and the subscription with it
		select {
		case <-drained:
		case <-time.After(drainTime):
		}
	}
	for range requests { // every slot is free when the last request is answered
		h.slots <- struct{}{}
	}
	return nil
}

// hatch is the entrance by NATS. Requests are checked and handed over one by one, in the order of their arrival, and wait for
// the disk together.
type hatch struct {
	rec    *Recorder
	guard  *access.Guard
	log    *slog.Logger
	tracer trace.Tracer
	sub    *nats.Subscription
	slots  chan struct{}
	seldom rate.Sometimes // tells the log of what nobody is told otherwise
}

// waiting finishes a request once its facts are on disk.
type waiting func(ctx context.Context) (answer []byte)

// call is one request.
type call struct {
	*nats.Msg
	speaker
	event bool // it holds, or means to hold, CloudEvents, and so is answered in JSON
}

func (h *hatch) take(ctx context.Context, m *nats.Msg) {
	ctx, span := h.tracer.Start(bus.Extract(ctx, m.Header), "ts.in", trace.WithSpanKind(trace.SpanKindConsumer))
	c := &call{Msg: m}
	select {
	case h.slots <- struct{}{}:
	default:
		h.respond(c, h.guarded(c, func() []byte { return h.busy(c) }))
		span.End()
		return
	}
	var finish waiting
	if answer := h.guarded(c, func() []byte { finish = h.submit(ctx, c); return nil }); answer != nil {
		finish = done(answer)
	}
	go func() {
		defer func() { <-h.slots }()
		defer span.End()
		h.respond(c, h.guarded(c, func() []byte { return finish(ctx) }))
	}()
}

// guarded makes an answer of a panic: one request must not end the process.
func (h *hatch) guarded(c *call, f func() []byte) (answer []byte) {
	defer func() {
		if p := recover(); p != nil {
			answer = h.failed(c, panicked(h.log, p))
		}
	}()
	return f()
}

func done(answer []byte) waiting { return func(context.Context) []byte { return answer } }

func (h *hatch) busy(c *call) []byte {
	if err := h.identify(c); err != nil {
		return h.failed(c, err)
	}
	err := fault.New(fault.Exhausted, "more requests wait for the disk than may: send again later")
	err.RetryAfter = 100 * time.Millisecond
	return h.failed(c, err)
}

// submit checks a request and hands its facts over.
func (h *hatch) submit(ctx context.Context, c *call) waiting {
	if err := h.identify(c); err != nil {
		return done(h.failed(c, err))
	}
	msg, err := cloudevent.Detect(c.Header)
	switch {
	case err != nil:
	case len(c.Data) > cloudevent.MaxBytes:
		err = cloudevent.TooManyBytes()
	case headerValue(c.Header, "Content-Encoding") != "":
		err = &cloudevent.Error{Fault: cloudevent.Unsupported, Message: "The payload is compressed.", Remedy: "Send it as it is."}
	case msg == nil && c.event:
		err = unsupported()
	case msg == nil:
		return h.facts(ctx, c)
	}
	var events []cloudevent.Event
	if err == nil {
		events, err = msg.Decode(c.Data)
	}
	if err != nil {
		return done(h.refused(c, err))
	}
	sub := h.rec.submitEvents(ctx, c.speaker, events)
	return func(ctx context.Context) []byte {
		o := sub.wait(ctx, h.log)
		if o.err != nil {
			return h.failed(c, o.err)
		}
		return written(func(w http.ResponseWriter) { answerEvents(w, msg.Batch(), o, h.log) })
	}
}

// identify finds out who publishes, and that they may on the subject.
func (h *hatch) identify(c *call) error {
	msg, err := cloudevent.Detect(c.Header)
	content := headerValue(c.Header, "Content-Type")
	c.event = err != nil || msg != nil || content != "" && !isFacts(content)
	p, err := publisher(h.guard, headerValue(c.Header, "Authorization"))
	if err != nil {
		return err
	}
	name := strings.Split(c.Subject, ".")
	org, source, err := h.rec.identify(p, wire.Request{Organisation: []byte(name[2]), Source: []byte(name[3])})
	if err != nil {
		return err
	}
	c.speaker = speaker{Principal: p, organisation: org, source: source, bound: true}
	return nil
}

// facts takes a PublishRequest, which the subject names where it does not itself.
func (h *hatch) facts(ctx context.Context, c *call) waiting {
	t, err := h.submitFacts(ctx, c)
	return func(ctx context.Context) []byte {
		if err == nil {
			err = t.wait(ctx)
		}
		if err != nil {
			return h.failed(c, err)
		}
		return appendResults(nil, 2, t)
	}
}

func (h *hatch) submitFacts(ctx context.Context, c *call) (*ticket, error) {
	head, err := wire.ScanRequest(c.Data)
	if err != nil {
		return h.rec.submit(ctx, c.Principal, c.Data) // says why
	}
	switch {
	case len(head.Organisation) > 0 && string(head.Organisation) != c.organisation:
		err = fault.Field("organisation", "the subject names another organisation", "leave it out, or publish on the subject of that organisation")
	case len(head.Source) > 0 && string(head.Source) != c.source:
		err = fault.Field("source", "the subject names another source", "leave it out, or publish on the subject of that source")
	}
	if err != nil {
		return nil, h.rec.refused(c.organisation, c.source, max(1, head.Facts), err)
	}
	request := c.Data
	if len(head.Organisation) == 0 || len(head.Source) == 0 { // at the end: the last of a field counts
		request = make([]byte, 0, len(c.Data)+4+len(c.organisation)+len(c.source))
		request = append(request, c.Data...)
		request = protowire.AppendString(protowire.AppendTag(request, 1, protowire.BytesType), c.organisation)
		request = protowire.AppendString(protowire.AppendTag(request, 2, protowire.BytesType), c.source)
	}
	return h.rec.submit(ctx, c.Principal, request)
}

// refused answers a request whose bytes hold no events, and lists it.
func (h *hatch) refused(c *call, err error) []byte {
	e, ok := asRequestError(err)
	if !ok {
		return h.failed(c, err)
	}
	why := requestRefusal(e)
	h.rec.refusals.add(c.organisation, c.source, "", why)
	if !c.event {
		return appendRefusal(nil, why, 0)
	}
	return written(func(w http.ResponseWriter) { writeRequestError(w, e) })
}

// failed answers a request that was refused as a whole. Where nobody waits for the answer, the list of refusals is told; and
// the log, since a caller who is not known has no list.
func (h *hatch) failed(c *call, err error) []byte {
	if c.Reply == "" {
		if why, retry := refusalOf(err); c.source != "" && retry > 0 {
			h.rec.refusals.list(c.organisation, c.source, "", why) // nobody will send it again
		}
		h.seldom.Do(func() { h.log.Warn("a publication without reply was refused", "error", err) })
	}
	if c.event {
		return written(func(w http.ResponseWriter) { writeError(w, err, h.log) })
	}
	if fault.KindOf(err) == fault.Internal {
		h.log.Error("a request failed", "error", err)
	}
	return appendError(nil, err)
}

func (h *hatch) respond(c *call, answer []byte) {
	if c.Reply == "" {
		return
	}
	if err := bus.Respond(c.Msg, answer); err != nil {
		h.seldom.Do(func() { h.log.Warn("a request could not be answered", "error", err) })
	}
}

// written catches what would be an answer by HTTP: its status is in the body of every problem.
func written(write func(http.ResponseWriter)) []byte {
	w := memory{header: http.Header{}}
	write(&w)
	return w.body.Bytes()
}

type memory struct {
	header http.Header
	body   bytes.Buffer
}

func (w *memory) Header() http.Header { return w.header }

func (w *memory) WriteHeader(int) {}

func (w *memory) Write(b []byte) (int, error) { return w.body.Write(b) }
