package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Telemetry is metrics and traces of one process. Nothing is global: two hosts in one process do not mix.
type Telemetry struct {
	registry *prometheus.Registry
	meters   *sdkmetric.MeterProvider
	tracers  trace.TracerProvider
	sdk      *sdktrace.TracerProvider // nil when nothing is traced
}

// NewTelemetry makes metrics for /metrics, and traces sent by OTLP when endpoint is set. Nothing calls out otherwise.
func NewTelemetry(ctx context.Context, endpoint, version string) (*Telemetry, error) {
	t := &Telemetry{registry: prometheus.NewRegistry(), tracers: noop.NewTracerProvider()}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exp, err := otelprom.New(otelprom.WithRegisterer(t.registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	res := resource.NewSchemaless(attribute.String("service.name", "touchstone"), attribute.String("service.version", version))
	t.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exp), sdkmetric.WithResource(res))
	if endpoint != "" {
		x, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(endpoint))
		if err != nil {
			return nil, fmt.Errorf("traces: %w", err)
		}
		t.sdk = sdktrace.NewTracerProvider(sdktrace.WithBatcher(x), sdktrace.WithResource(res), sdktrace.WithSampler(sdktrace.ParentBased(linked{sdktrace.TraceIDRatioBased(sampled)})))
		t.tracers = t.sdk
	}
	return t, nil
}

// sampled is the share of requests that are traced when their caller does not say.
const sampled = 0.01

// linked samples what links to something sampled, so that the handling of a batch is in the traces of its causes.
type linked struct{ sdktrace.Sampler }

func (l linked) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	for i := range p.Links {
		if p.Links[i].SpanContext.IsSampled() {
			return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
		}
	}
	return l.Sampler.ShouldSample(p)
}

// Traced reports whether traces go anywhere.
func (t *Telemetry) Traced() bool { return t.sdk != nil }

// Meter returns a unit's meter.
func (t *Telemetry) Meter(name string) metric.Meter { return t.meters.Meter(name) }

// Tracer returns a unit's tracer.
func (t *Telemetry) Tracer(name string) trace.Tracer { return t.tracers.Tracer(name) }

// Handler serves the metrics.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{})
}

// Stop sends what is left.
func (t *Telemetry) Stop(ctx context.Context) error {
	err := t.meters.Shutdown(ctx)
	if t.sdk != nil {
		err = errors.Join(err, t.sdk.Shutdown(ctx))
	}
	return err
}

// NewLog returns a logger that writes JSON or text to standard error, with the trace of its context, and without the
// values of keys that may hold secrets or persons.
func NewLog(level slog.Level, text bool) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	var h slog.Handler = slog.NewJSONHandler(os.Stderr, opts)
	if text {
		h = slog.NewTextHandler(os.Stderr, opts)
	}
	return slog.New(traced{h})
}

func redact(_ []string, a slog.Attr) slog.Attr {
	k := strings.ToLower(a.Key)
	for _, s := range []string{"token", "secret", "password", "customer", "phone", "email", "authorization"} {
		if strings.Contains(k, s) {
			return slog.String(a.Key, "(hidden)")
		}
	}
	return a
}

// traced adds trace and span ids.
type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(a []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(a)} }

func (t traced) WithGroup(n string) slog.Handler { return traced{t.Handler.WithGroup(n)} }
