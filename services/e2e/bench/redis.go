package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

const (
	rateBatched  = "rate in batches"
	ratePerEvent = "rate event by event"
	rateParallel = "rate event by event, 4 at once"
)

// redisReferences measures the job done by hand: a consumer in Go adds the same events up in Redis, by the same four
// breakdowns. It does less than Touchstone: one tier of three, n and Σ of each metric without Σ² and histogram, no outcome;
// a duplicate counts twice, a correction is one more event, and nothing is synced to disk.
func (b *bench) redisReferences(ctx context.Context) error {
	b.report.title("redis", "the same events, one a message, published and then added up in Redis by hand: less is counted, doubles count, nothing is synced")
	for _, c := range []struct {
		name    string
		events  int
		consume func(context.Context, jetstream.Consumer, *redis.Client, int) error
		config  jetstream.ConsumerConfig
	}{
		{rateBatched, short(b, 300_000, 60_000), consumeBatches, jetstream.ConsumerConfig{AckPolicy: jetstream.AckAllPolicy, MaxAckPending: -1}},
		{ratePerEvent, short(b, 40_000, 10_000), consumeEach(1), jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1}},
		{rateParallel, short(b, 80_000, 20_000), consumeEach(4), jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1}},
	} {
		if err := b.redisReference(ctx, c.name, c.events, c.config, c.consume); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func (b *bench) redisReference(ctx context.Context, name string, events int, config jetstream.ConsumerConfig,
	consume func(context.Context, jetstream.Consumer, *redis.Client, int) error,
) (err error) {
	dir := filepath.Join(b.scratch, "redis")
	k, err := startBroker(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.stop(), os.RemoveAll(dir)) }()
	rd, err := startRedis(ctx, b.redis)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rd.stop()) }()
	consumer, err := k.js.CreateConsumer(ctx, eventStream, config)
	if err != nil {
		return err
	}
	busBefore, err := k.usage()
	if err != nil {
		return err
	}
	redisBefore, err := processUsage(rd.cmd.Process.Pid)
	if err != nil {
		return err
	}
	ownBefore, began := ownCPU(), time.Now()
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return k.publishEach(running, events) })
	g.Go(func() error { return consume(running, consumer, rd.client, events) })
	if err := g.Wait(); err != nil {
		return err
	}
	took, own := time.Since(began), ownCPU()-ownBefore
	busAfter, err := k.usage()
	if err != nil {
		return err
	}
	redisAfter, err := processUsage(rd.cmd.Process.Pid)
	if err != nil {
		return err
	}
	if err := rd.counted(ctx, events); err != nil {
		return err
	}
	all := own + busAfter.minus(busBefore).cpu + redisAfter.minus(redisBefore).cpu
	b.report.add("redis", name, "events/s", float64(events)/took.Seconds())
	b.report.add("redis", "CPU of all, "+name[len("rate "):], "µs/event", micros(all)/float64(events))
	return nil
}

// cells calls f with the key of each hash in which a fact counts.
func cells(i *factv1.Interaction, f func(key string)) {
	minute := strconv.FormatInt(i.GetOccurredAt().GetSeconds()/60, 36)
	t := i.GetTouchpoint()
	f(t + ":" + minute)
	f(t + ":c:" + i.GetChannel() + ":" + minute)
	f(t + ":t:" + i.GetTeam() + ":" + minute)
	f(t + ":s:" + i.GetAttributes()[attribute] + ":" + minute)
}

// sums are what a batch adds to one hash.
type sums struct {
	n      int64
	metric [len(metrics)]int64
}

// batchSize is the best of 500, 1,000, 2,000 and 5,000: 31 µs of CPU an event against 39, 37 and 36, publishing, NATS and Redis
// included. A larger one would show a score later than Touchstone does.
const batchSize = 5000

// consumeBatches fetches batches, adds each up in memory and sends what comes out in one pipeline, then acknowledges them as
// a whole. While Redis works on one batch the next is decoded.
func consumeBatches(ctx context.Context, c jetstream.Consumer, client *redis.Client, events int) error {
	type summed struct {
		cells map[string]*sums
		last  jetstream.Msg
	}
	ready := make(chan summed, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(ready)
		var f factv1.Fact
		for n := 0; n < events; {
			batch, err := c.Fetch(min(batchSize, events-n), jetstream.FetchMaxWait(time.Second))
			if err != nil {
				return err
			}
			s := summed{cells: make(map[string]*sums, 3*batchSize)}
			for m := range batch.Messages() {
				n++
				s.last = m
				if err := proto.Unmarshal(m.Data(), &f); err != nil {
					return err
				}
				i := f.GetInteraction()
				cells(i, func(key string) {
					x := s.cells[key]
					if x == nil {
						x = new(sums)
						s.cells[key] = x
					}
					x.n++
					for m, v := range i.GetMetrics() {
						x.metric[m] += v.GetValue()
					}
				})
			}
			if batch.Error() != nil {
				return batch.Error()
			}
			if s.last == nil {
				continue
			}
			select {
			case ready <- s:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for s := range ready {
			if _, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
				for key, x := range s.cells {
					p.HIncrBy(ctx, key, "n", x.n)
					for m, v := range x.metric {
						p.HIncrBy(ctx, key, metrics[m], v)
					}
				}
				return nil
			}); err != nil {
				return err
			}
			if err := s.last.Ack(); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	return g.Wait()
}

// consumeEach adds each event up by a pipeline of its own and acknowledges it, some at once.
func consumeEach(atOnce int) func(context.Context, jetstream.Consumer, *redis.Client, int) error {
	return func(ctx context.Context, c jetstream.Consumer, client *redis.Client, events int) error {
		work := make(chan jetstream.Msg, 64)
		consuming, err := c.Consume(func(m jetstream.Msg) {
			select {
			case work <- m:
			case <-ctx.Done():
			}
		})
		if err != nil {
			return err
		}
		defer consuming.Stop()
		var done atomic.Int64
		finished := make(chan struct{})
		g, ctx := errgroup.WithContext(ctx)
		for range atOnce {
			g.Go(func() error {
				var f factv1.Fact
				for {
					select {
					case m := <-work:
						if err := addEvent(ctx, client, m, &f); err != nil {
							return err
						}
						if done.Add(1) == int64(events) {
							close(finished)
						}
					case <-finished:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			})
		}
		return g.Wait()
	}
}

func addEvent(ctx context.Context, client *redis.Client, m jetstream.Msg, f *factv1.Fact) error {
	if err := proto.Unmarshal(m.Data(), f); err != nil {
		return err
	}
	i := f.GetInteraction()
	if _, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		cells(i, func(key string) {
			p.HIncrBy(ctx, key, "n", 1)
			for _, v := range i.GetMetrics() {
				p.HIncrBy(ctx, key, v.GetMetric(), v.GetValue())
			}
		})
		return nil
	}); err != nil {
		return err
	}
	return m.Ack()
}

// redisServer is a Redis that keeps nothing on disk, on a socket of its own.
type redisServer struct {
	cmd    *exec.Cmd
	dir    string
	client *redis.Client
}

func startRedis(ctx context.Context, bin string) (*redisServer, error) {
	path, err := exec.LookPath(bin)
	if err != nil {
		return nil, fmt.Errorf("%w: install Redis (Debian: apt-get install redis-server), name it with -redis, or leave redis out of -only", err)
	}
	// A socket's path is short; nothing but the socket is in this folder.
	dir, err := os.MkdirTemp("", "bench-redis-")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "s")
	s := &redisServer{dir: dir, cmd: child(exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir))}
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.client = redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := s.client.Ping(ctx).Err()
		if err == nil {
			return s, nil
		}
		if time.Now().After(until) {
			return nil, errors.Join(fmt.Errorf("starting Redis: %w", err), s.stop())
		}
	}
}

func (s *redisServer) stop() error {
	err := s.client.Close()
	s.cmd.Process.Kill()
	s.cmd.Wait()
	return errors.Join(err, os.RemoveAll(s.dir))
}

// counted makes sure that every event was added up.
func (s *redisServer) counted(ctx context.Context, events int) error {
	total := 0
	keys := s.client.Scan(ctx, 0, "*:c:*", 10_000).Iterator()
	for keys.Next(ctx) {
		n, err := s.client.HGet(ctx, keys.Val(), "n").Int()
		if err != nil {
			return err
		}
		total += n
	}
	if err := keys.Err(); err != nil {
		return err
	}
	if total != events {
		return fmt.Errorf("%d of %d events were counted", total, events)
	}
	return nil
}
