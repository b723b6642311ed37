// Package correlation folds facts into scores: it owns the ledger and the cells, answers score queries, and verifies,
// rebuilds and backs up what it holds.
package correlation

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/scoreservice"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/audit"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/pebblestore"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// Config is the section "correlation" of the configuration.
type Config struct {
	SyncEvery       time.Duration `yaml:"sync_every"`       // of the store; the stream holds the truth
	LagLimit        uint64        `yaml:"lag_limit"`        // messages behind the stream at which this instance is not ready
	RetentionMonths int           `yaml:"retention_months"` // whole months of facts that ledger and stream keep; 0: all of them
}

// Unit returns the service.
func Unit() host.Unit {
	return host.Unit{Name: "correlation", Start: start, Settings: func() (string, any) { c := defaults(); return section, &c }}
}

const section = "correlation"

func defaults() Config {
	return Config{SyncEvery: time.Second, LagLimit: 1000, RetentionMonths: 25}
}

func start(ctx context.Context, env *host.Env) error {
	cfg := defaults()
	if err := env.Config(section, &cfg); err != nil {
		return err
	}
	if cfg.RetentionMonths < 0 || cfg.RetentionMonths > 1200 {
		return errors.New("correlation: retention_months must be 0, to keep everything, to 1200")
	}
	stores, err := pebblestore.Open(filepath.Join(env.DataDir, "store"))
	if err != nil {
		return err
	}
	env.OnStop("store", func(context.Context) error { return stores.Close() })

	counts := newCountings(env.Maps)
	gens := &generations{
		js: env.Bus.JS(), stores: stores, clock: env.Clock, log: env.Log, ready: counts.known, tracer: env.Tracer, run: env.Go,
		maps: func(org string) (*state.Counting, error) {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			return counts.of(ctx, org)
		},
		park: func(ctx context.Context, m fold.Message, reason string) error {
			return env.Bus.Park(ctx, bus.StreamFact, m.Subject, m.Sequence, m.Data, reason)
		},
	}
	if err := observe(env.Metrics, gens, stores); err != nil {
		return err
	}
	if err := gens.start(ctx); err != nil {
		return err
	}
	env.Health("fold", gens.health(cfg.LagLimit))
	env.Go("upkeep", func(ctx context.Context) error { return gens.upkeep(ctx, cfg.SyncEvery) })
	env.Go("progress", func(ctx context.Context) error { return gens.tell(ctx, env.Bus.NC()) })
	env.Go("map changes", recounts(env, gens))
	log := audit.New(env.Bus.JS())
	keep := &retention{gens: gens, js: env.Bus.JS(), maps: env.Maps, clock: env.Clock, months: cfg.RetentionMonths, log: env.Log, write: log.Write}
	if keep.months > 0 {
		env.Go("retention", keep.run)
	}

	live := func() *state.State { return gens.current().state }
	reader := scoreservice.NewReader(scoreservice.Source{State: live, Maps: env.Maps, Clock: env.Clock, Confined: confined})
	known := &facts{live: live, maps: env.Maps, reader: reader, js: env.Bus.JS(), clock: env.Clock}
	scores := scoreservice.New(reader, known)
	env.OnStop("watches", func(context.Context) error { scores.Close(); return nil })
	scorev1.RegisterScoreServiceServer(env.GRPC, scores)
	hash := agentHash(env.KeyDir)
	scorev1.RegisterAgentServiceServer(env.GRPC, scoreservice.NewAgents(reader, hash, log.Write))
	adminv1.RegisterAdminServiceServer(env.GRPC, &admin{
		Service: &access.Service{Keys: env.Access, HashAgent: hash}, gens: gens, bus: env.Bus, maps: env.Maps, audit: log, retention: keep,
	})
	scorev1.RegisterDisputeServiceServer(env.GRPC, newDisputes(known, gens, log.Write))
	return nil
}

func confined(ctx context.Context) string {
	p, ok := access.PrincipalFrom(ctx)
	if !ok {
		return "\x00" // nobody: no organisation has this name
	}
	return p.Organisation
}

// health tells whether the fold is loaded and near the end of its stream.
func (g *generations) health(limit uint64) func(context.Context) error {
	return func(context.Context) error {
		gen := g.current()
		if err := gen.fold.Trouble(); err != nil {
			return err
		}
		if !gen.fold.Loaded() {
			return errors.New("loading the state")
		}
		if lag := gen.fold.Lag(); lag > limit {
			return fmt.Errorf("%d messages behind the stream of facts", lag)
		}
		return nil
	}
}

// upkeep syncs the store, absorbs what a flood has left behind, and drops fine buckets that are too old.
func (g *generations) upkeep(ctx context.Context, every time.Duration) error {
	sync, settle, prune := time.NewTicker(every), time.NewTicker(50*time.Millisecond), time.NewTicker(time.Minute)
	defer sync.Stop()
	defer settle.Stop()
	defer prune.Stop()
	settled := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sync.C:
			if err := g.stores.Sync(); err != nil {
				return fmt.Errorf("syncing the store: %w", err)
			}
		case <-settle.C:
			// While facts come the fold sees to it; a flood that has just ended leaves something behind.
			gen := g.current()
			at := gen.fold.Applied()
			if at == settled {
				gen.state.Settle()
			}
			settled = at
		case <-prune.C:
			g.current().state.Prune()
		}
	}
}

// tell publishes how far facts are counted, for the pace of those who publish them.
func (g *generations) tell(ctx context.Context, nc *nats.Conn) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for told := uint64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		at := g.current().fold.Applied()
		if at == told {
			continue
		}
		b, err := proto.Marshal(&factv1.Folded{Position: at})
		if err == nil {
			err = nc.Publish(bus.FoldedSubject("correlation", 0), b)
		}
		if err == nil { // else the bus is away, which Health says
			told = at
		}
	}
}

// recounts counts history again, in a new generation, when an organisation's map changes what is counted.
func recounts(env *host.Env, gens *generations) func(context.Context) error {
	wanted := make(chan string, 64)
	env.Maps.Subscribe(func(old, next *expmap.Map) {
		if why := expmap.Recounts(old, next); why != nil {
			select {
			case wanted <- next.Organisation + ": " + strings.Join(why, " "):
			default: // one recount serves every change before it
			}
		}
	})
	return func(ctx context.Context) error {
		for !gens.current().fold.Loaded() {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(50 * time.Millisecond):
			}
		}
		if orgs := gens.current().state.Outdated(); len(orgs) > 0 {
			if _, err := gens.rebuild(ctx, "changed while nobody counted: the map of "+strings.Join(orgs, ", ")); err != nil && ctx.Err() == nil {
				return fmt.Errorf("counting again after a change of the map: %w", err)
			}
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case why := <-wanted:
				for len(wanted) > 0 {
					why += " " + <-wanted
				}
				if _, err := gens.rebuild(ctx, why); err != nil && ctx.Err() == nil {
					return fmt.Errorf("counting again after a change of the map: %w", err)
				}
			}
		}
	}
}

// observe registers the metrics.
func observe(m metric.Meter, g *generations, stores *pebblestore.Stores) error {
	flush, err := m.Float64Histogram("touchstone_fold_flush_seconds", metric.WithUnit("s"), metric.WithDescription("time of one flush"),
		metric.WithExplicitBucketBoundaries(.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1))
	if err != nil {
		return err
	}
	written, err := m.Int64Counter("touchstone_fold_written_bytes_total", metric.WithUnit("By"), metric.WithDescription("bytes written by flushes"))
	if err != nil {
		return err
	}
	g.seen = func(took time.Duration, _, bytes int) {
		flush.Record(context.Background(), took.Seconds())
		written.Add(context.Background(), int64(bytes))
	}
	gauge := func(name, about string, f func(*generation) int64) error {
		_, err := m.Int64ObservableGauge(name, metric.WithDescription(about), metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			if gen := g.current(); gen != nil {
				o.Observe(f(gen))
			}
			return nil
		}))
		return err
	}
	return errors.Join(
		gauge("touchstone_fold_lag_messages", "messages of facts not folded yet", func(x *generation) int64 { return int64(x.fold.Lag()) }),
		gauge("touchstone_ledger_facts", "facts in the ledger, one per identity", func(x *generation) int64 { return int64(x.state.Counts().Facts) }),
		gauge("touchstone_ledger_index_bytes", "memory of the ledger's index", func(x *generation) int64 { return int64(x.state.IndexBytes()) }),
		gauge("touchstone_cells", "cells in memory", func(x *generation) int64 { return int64(x.state.Counts().Cells) }),
		gauge("touchstone_store_bytes", "bytes of the store on disk", func(*generation) int64 { return int64(stores.Size()) }),
	)
}
