package bus

import (
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Inject writes the trace of ctx into a message's header (W3C Trace Context). A header it does not have yet is made only
// when there is a trace.
func Inject(ctx context.Context, m *nats.Msg) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	if m.Header == nil {
		m.Header = nats.Header{}
	}
	propagation.TraceContext{}.Inject(ctx, carrier(m.Header))
}

// Extract returns ctx with the trace of a message's header, for the span of its handling to be a child of.
func Extract(ctx context.Context, h nats.Header) context.Context {
	return propagation.TraceContext{}.Extract(ctx, carrier(h))
}

// Link returns the trace of a message's header, for the span of a batch: it has many causes, and so links, no parent. ok is
// false when the message carries none.
func Link(h nats.Header) (l trace.Link, ok bool) {
	sc := trace.SpanContextFromContext(Extract(context.Background(), h))
	return trace.Link{SpanContext: sc}, sc.IsValid()
}

// carrier reads and writes a NATS header. NATS keeps names as they are written; W3C's are lower case.
type carrier nats.Header

func (c carrier) Get(key string) string { return nats.Header(c).Get(key) }

func (c carrier) Set(key, value string) { nats.Header(c).Set(key, value) }

func (c carrier) Keys() []string {
	out := make([]string, 0, len(c))
	for k := range c {
		out = append(out, k)
	}
	return out
}
