package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
	"github.com/touchstone-cx/touchstone/services/e2e/oracle"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// trial is one instance under load with all that was acknowledged.
type trial struct {
	settings
	what     string // of a fault: "kill"
	chance   *rand.Rand
	instance *instance.Instance
	clients  instance.Clients
	theMap   *mapv1.Map
	journal  *oracle.Journal
	writers  []*traffic.Writer
	gate     traffic.Gate
	found    found
	began    time.Time
	log      *os.File
	file     *os.File // of the journal

	scores  int // compared so far
	slowest time.Duration
}

// organisation in which facts are published.
const organisation = "fault"

func newTrial(ctx context.Context, s settings, what, data string) (*trial, error) {
	t := &trial{settings: s, what: what, chance: rand.New(rand.NewPCG(s.seed, 1)), theMap: traffic.Map(organisation), began: time.Now()}
	var err error
	if t.log, err = os.Create(filepath.Join(s.dir, "touchstone.log")); err != nil {
		return nil, err
	}
	if t.file, err = os.Create(filepath.Join(s.dir, "journal")); err != nil {
		return nil, err
	}
	t.journal = oracle.NewJournal(t.file, traffic.Resolutions())
	// A small disk is no reason to refuse here.
	env := []string{"TOUCHSTONE_INGEST_RESERVE_BYTES=67108864", "TOUCHSTONE_HOST_DURABILITY=" + s.durability}
	t.instance, err = instance.New(instance.Options{Binary: s.bin, Dir: data, Stderr: t.log, Env: env})
	if err != nil {
		return nil, err
	}
	t.clients = t.instance.Clients()
	if err := t.instance.Start(ctx); err != nil {
		return t, err
	}
	if err := t.instance.Ready(ctx); err != nil {
		return t, err
	}
	if _, err := t.clients.Maps.ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: t.theMap}); err != nil {
		return t, fmt.Errorf("applying the map: %w", err)
	}
	for i := range s.writers {
		t.writers = append(t.writers, &traffic.Writer{
			Client: t.clients.Ingest, Organisation: organisation, Source: fmt.Sprintf("source-%d", i), Stream: i%2 == 0, Rate: s.rate / s.writers,
			Life: traffic.NewLife(s.seed, uint64(i), t.began), Journal: t.journal, Chance: rand.New(rand.NewPCG(s.seed, uint64(1000+i))),
			Gate: &t.gate,
		})
	}
	return t, nil
}

func (t *trial) close() error {
	return errors.Join(t.instance.Close(), t.journal.Err(), t.file.Close(), t.log.Close())
}

// between returns a random time.
func (t *trial) between(from, to time.Duration) time.Duration {
	return from + time.Duration(t.chance.Int64N(int64(to-from)))
}

// round lets sources publish, breaks something, mends it, and returns when all that was published is acknowledged.
func (t *trial) round(ctx context.Context, fault func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	stop := make(chan struct{})
	g, gctx := errgroup.WithContext(ctx)
	for _, w := range t.writers {
		g.Go(func() (err error) {
			defer guard(&err)
			return w.Run(gctx, stop)
		})
	}
	g.Go(func() (err error) {
		defer close(stop)
		defer guard(&err)
		if err := sleep(gctx, t.between(50*time.Millisecond, 2*time.Second)); err != nil {
			return nil // a writer failed
		}
		if err := fault(gctx); err != nil {
			return err
		}
		return sleep(gctx, t.between(0, 200*time.Millisecond))
	})
	return g.Wait()
}

// guard turns a panic into an error, so that whoever mounted something unmounts it.
func guard(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// restart starts the process and waits until it is ready; sometimes it is killed once more on the way there.
func (t *trial) restart(ctx context.Context) (took time.Duration, err error) {
	began := time.Now()
	if t.chance.IntN(10) == 0 {
		early, cancel := context.WithTimeout(ctx, t.between(time.Millisecond, 300*time.Millisecond))
		err := t.instance.Start(early)
		if err == nil {
			_ = t.instance.Ready(early) // as far as it gets
		}
		cancel()
		if err := errors.Join(ctx.Err(), t.instance.Kill()); err != nil {
			return 0, err
		}
	}
	if err := t.instance.Start(ctx); err != nil {
		return 0, err
	}
	if err := t.instance.Ready(ctx); err != nil {
		return 0, err
	}
	took = time.Since(began)
	t.slowest = max(t.slowest, took)
	return took, nil
}

// quiet waits until every fact in the stream is counted.
func (t *trial) quiet(ctx context.Context) (*adminv1.GetStatusResponse, error) {
	until := time.Now().Add(2 * time.Minute)
	for {
		st, err := t.clients.Admin.GetStatus(ctx, &adminv1.GetStatusRequest{})
		switch {
		case err == nil && st.GetPosition() >= st.GetStreamLast():
			return st, nil
		case err != nil && status.Code(err) != codes.Unavailable:
			return nil, fmt.Errorf("asking how far facts are counted: %w", err)
		case time.Now().After(until):
			return nil, fmt.Errorf("not all facts were counted in time: %v (%v)", err, st)
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// check compares what is counted with what was acknowledged: the number of facts always, every score when it is the turn.
func (t *trial) check(ctx context.Context, round int) error {
	st, err := t.quiet(ctx)
	if err != nil {
		return err
	}
	facts, _ := t.journal.Facts()
	if st.GetFacts() != uint64(facts) {
		return fmt.Errorf("%d facts are counted, %d were acknowledged", st.GetFacts(), facts)
	}
	if st.GetParked() > 0 || st.GetUncounted() > 0 || st.GetConflicts() > 0 {
		return fmt.Errorf("parked, uncounted or in conflict: %v", st)
	}
	last := round == t.rounds
	every := t.settings.compare
	if every == 0 {
		every = 1
		if round > 10 {
			every = 10
		}
	}
	if round%every == 0 || last {
		n, err := t.journal.Compare(ctx, t.clients.Scores, t.theMap, t.stretches()...)
		if err != nil {
			return fmt.Errorf("scores differ from the recount:\n%w", err)
		}
		t.scores += n
	}
	if round%t.verify == 0 || last {
		v, err := t.clients.Admin.Verify(ctx, &adminv1.VerifyRequest{})
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if !v.GetEqual() {
			return fmt.Errorf("verify finds a difference: %v", v)
		}
	}
	return nil
}

// stretches are all time, whole days, and minutes of the last hours: one for each tier of cells.
func (t *trial) stretches() []oracle.Stretch {
	zone, err := time.LoadLocation(traffic.Zone)
	if err != nil {
		panic(err)
	}
	y, m, d := t.began.In(zone).Date()
	minute := t.began.Truncate(time.Minute)
	return []oracle.Stretch{
		{},
		{From: time.Date(y, m, d-40, 0, 0, 0, 0, zone), To: time.Date(y, m, d-1, 0, 0, 0, 0, zone)},
		{From: minute.Add(-19*time.Hour - 7*time.Minute), To: minute.Add(-34 * time.Minute)},
		{From: minute.Add(-97 * time.Minute), To: minute.Add(-3 * time.Minute)},
	}
}

// summary tells what was proved.
func (t *trial) summary(lost string) {
	facts, deliveries := t.journal.Facts()
	fmt.Printf("\n%d × %s in %s: %d facts acknowledged in %d deliveries, %s; %d scores equal an independent recount, verify equal; ready after %s at the latest; seed %d\n",
		t.rounds, t.what, time.Since(t.began).Round(time.Second), facts, deliveries, lost, t.scores, t.slowest.Round(time.Millisecond), t.seed)
}
