// Package ingest takes facts in: gRPC, HTTP, NATS. Each entrance is a thin edge over one Recorder.
package ingest

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/admit"
)

// Config is the section "ingest" of the configuration.
type Config struct {
	Partitions   int           `yaml:"partitions"`    // of TS_FACT, for ever: 1 standalone, 8 in a cluster
	MessageBytes int           `yaml:"message_bytes"` // most bytes of facts in one message
	InFlight     int           `yaml:"in_flight"`     // messages on their way to disk, per organisation and partition
	QueueBytes   int           `yaml:"queue_bytes"`   // bytes that may wait, per organisation and partition
	Ahead        uint64        `yaml:"ahead"`         // messages that may be on disk and not counted before publishing slows down; 0: any number
	AckTimeout   time.Duration `yaml:"ack_timeout"`   // longest wait for the disk
	ReserveBytes uint64        `yaml:"reserve_bytes"` // refuse new facts below this much free space …
	ReserveShare float64       `yaml:"reserve_share"` // … or below this share of the disk
	SpacePath    string        `yaml:"space_path"`    // folder whose disk is watched; empty: the data folder
	SourceRate   int           `yaml:"source_rate"`   // most facts a second of one source; 0: no limit
	PublicURL    string        `yaml:"public_url"`    // as webhooks' senders call this service; empty: as their requests say
	// NativeSecrets names, by source, the file that holds the secret with which its system signs.
	NativeSecrets map[string]string `yaml:"native_secrets"`
}

func defaults() Config {
	return Config{
		Partitions: 1, MessageBytes: 256 << 10, InFlight: 8, QueueBytes: 16 << 20, Ahead: 256, AckTimeout: 20 * time.Second,
		ReserveBytes: 512 << 20, ReserveShare: 0.02, SourceRate: 1_000_000,
	}
}

// Unit returns the service.
func Unit() host.Unit {
	return host.Unit{Name: "touchpoint-ingest", Start: start, Settings: func() (string, any) { c := defaults(); return section, &c }}
}

const section = "ingest"

func start(ctx context.Context, env *host.Env) error {
	cfg := defaults()
	if err := env.Config(section, &cfg); err != nil {
		return err
	}
	if cfg.Partitions < 1 || cfg.Partitions > 256 || cfg.MessageBytes < 1024 || cfg.MessageBytes > 900<<10 || cfg.InFlight < 1 {
		return fmt.Errorf("ingest: partitions must be 1 to 256, message_bytes 1024 to 921600, in_flight at least 1")
	}
	hasher, err := seal.OpenHasher(env.KeyDir)
	if err != nil {
		return err
	}
	sealer, err := seal.OpenSealer(env.KeyDir, env.DataDir)
	if err != nil {
		return err
	}
	env.OnStop("customer keys", func(context.Context) error { return sealer.Close() })
	refused, err := newRefusals(env)
	if err != nil {
		return err
	}
	st, err := newStats(env.Metrics)
	if err != nil {
		return err
	}
	if cfg.SpacePath == "" {
		cfg.SpacePath = env.DataDir
	}
	sp := newSpace(cfg.SpacePath, cfg.ReserveBytes, cfg.ReserveShare, mender(env), env.Log)
	pc := newPace(cfg.Ahead)
	if err := pc.listen(env.Bus.NC()); err != nil {
		return err
	}
	env.OnStop("pace", func(context.Context) error { return pc.close() })
	sl := &seals{js: env.Bus.JS()}
	if err := sl.open(ctx); err != nil {
		return fmt.Errorf("reading what is sealed: %w", err)
	}
	env.Go("seals", sl.follow)
	admitter := admit.New(hasher, sealer)
	admitter.SealedBefore = sl.before
	rec := &Recorder{
		admitter: admitter, maps: env.Maps, bus: env.Bus, clock: env.Clock, cfg: cfg,
		limits:   laneLimits{message: cfg.MessageBytes, inFlight: cfg.InFlight, queue: cfg.QueueBytes, ack: cfg.AckTimeout},
		refusals: refused, space: sp, limiter: newLimiter(cfg.SourceRate, env.Clock), stats: st, pace: pc, log: env.Log, lanes: map[laneKey]*lane{},
	}
	env.OnStop("lanes", func(context.Context) error { rec.stop(); return nil })
	env.Go("refusals", refused.run)
	env.Go("space", sp.run)
	env.Health("space", func(context.Context) error { return sp.admit() })
	(&service{rec: rec, imports: newImports(env), log: env.Log}).register(env.GRPC)
	RegisterMapService(env, sl.before)
	RegisterDirectoryService(env)
	registerPersons(env.GRPC, rec, hasher, sealer, env.Log)
	d := registerHTTP(env, rec, env.Guard)
	if err := startNatives(env, cfg, rec, hasher, sealer, d); err != nil {
		return err
	}
	hatch, err := openHatch(env, rec)
	if err != nil {
		return err
	}
	env.Go("NATS requests", hatch.serve)
	return nil
}

// mender brings an embedded server back, with the streams that it held in memory; nil where there is none.
func mender(env *host.Env) func(context.Context) error {
	if env.MendBus == nil {
		return nil
	}
	return func(ctx context.Context) error {
		mended, err := env.MendBus(ctx)
		if err != nil || !mended {
			return err
		}
		env.Log.Warn("the embedded NATS server was started again: it could not write any more")
		return env.Bus.EnsureStreams(ctx)
	}
}

// stats are the metrics of the lanes.
type stats struct {
	facts, batches, bytes metric.Int64Counter
	ack                   metric.Float64Histogram
}

func newStats(m metric.Meter) (*stats, error) {
	var s stats
	var errs [4]error
	s.facts, errs[0] = m.Int64Counter("touchstone_ingest_facts_total", metric.WithDescription("facts recorded on disk"))
	s.batches, errs[1] = m.Int64Counter("touchstone_ingest_messages_total", metric.WithDescription("messages of facts recorded on disk"))
	s.bytes, errs[2] = m.Int64Counter("touchstone_ingest_bytes_total", metric.WithUnit("By"), metric.WithDescription("bytes of facts recorded on disk"))
	s.ack, errs[3] = m.Float64Histogram("touchstone_ingest_ack_seconds", metric.WithUnit("s"), metric.WithDescription("from sending a message to its being on disk"),
		metric.WithExplicitBucketBoundaries(.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 5))
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return &s, nil
}

func (s *stats) recorded(facts, bytes int, took time.Duration) {
	ctx := context.Background()
	s.facts.Add(ctx, int64(facts))
	s.batches.Add(ctx, 1)
	s.bytes.Add(ctx, int64(bytes))
	s.ack.Record(ctx, took.Seconds())
}
