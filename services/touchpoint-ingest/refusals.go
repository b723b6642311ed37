package ingest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// refusals counts every refusal by its reason and lists the last ones of each source in TS_REFUSED. A source that sends
// nothing but mistakes must not cost the disk: what comes between two writes is listed up to a limit, the rest counted.
type refusals struct {
	bus     *bus.Bus
	clock   func() time.Time
	log     *slog.Logger
	counter metric.Int64Counter

	mu   sync.Mutex
	open map[refusedKey]*ingestv1.RefusedBatch
}

type refusedKey struct{ organisation, source string }

const (
	refusedEvery   = 250 * time.Millisecond // between two writes
	refusedListed  = 100                    // in one message
	refusedSources = 1024                   // with something unwritten; what is more is only counted
)

func newRefusals(env *host.Env) (*refusals, error) {
	c, err := env.Metrics.Int64Counter("touchstone_ingest_refused_total", metric.WithDescription("facts refused, by reason"))
	if err != nil {
		return nil, err
	}
	return &refusals{bus: env.Bus, clock: env.Clock, log: env.Log, counter: c, open: map[refusedKey]*ingestv1.RefusedBatch{}}, nil
}

// add notes a refusal. organisation and source are valid ids that the caller may use; id is empty when it was not readable.
func (r *refusals) add(organisation, source, id string, why *ingestv1.Refusal) {
	r.count(why, 1)
	r.list(organisation, source, id, why)
}

// count counts n facts that were refused for one reason.
func (r *refusals) count(why *ingestv1.Refusal, n int) {
	reason := strings.ToLower(strings.TrimPrefix(why.GetReason().String(), "REASON_"))
	r.counter.Add(context.Background(), int64(n), metric.WithAttributes(attribute.String("reason", reason)))
}

func (r *refusals) list(organisation, source, id string, why *ingestv1.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := refusedKey{organisation, source}
	b := r.open[k]
	if b == nil {
		if len(r.open) == refusedSources {
			return
		}
		b = new(ingestv1.RefusedBatch)
		r.open[k] = b
	}
	if len(b.Refused) == refusedListed {
		b.NotListed++
		return
	}
	b.Refused = append(b.Refused, &ingestv1.RefusedFact{
		RefusedAt: timestamppb.New(r.clock()), Organisation: organisation, Source: source, Id: id, Refusal: why,
	})
}

// run writes what has collected until ctx ends, and then the last of it.
func (r *refusals) run(ctx context.Context) error {
	tick := time.NewTicker(refusedEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.write(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			r.write(last)
			return nil
		}
	}
}

// write publishes what has collected. A list that cannot be written is lost: the counters and the answers to publishers
// have told already, and a full disk must not fill memory too.
func (r *refusals) write(ctx context.Context) {
	r.mu.Lock()
	open := r.open
	r.open = map[refusedKey]*ingestv1.RefusedBatch{}
	r.mu.Unlock()
	for k, b := range open {
		data, err := proto.Marshal(b)
		if err == nil {
			_, err = r.bus.JS().PublishMsg(ctx, &nats.Msg{Subject: "ts.refused." + k.organisation + "." + k.source, Data: data})
		}
		if err != nil {
			r.log.Warn("refusals could not be listed", "organisation", k.organisation, "source", k.source, "refusals", len(b.GetRefused()), "error", err)
		}
	}
}
