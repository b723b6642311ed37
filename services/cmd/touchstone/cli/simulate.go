package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/simulate"
)

type simulateFlags struct {
	weeks int
	seed  uint64
	live  bool
	rate  float64
}

func simulateCommand(o *options) *cobra.Command {
	f := &simulateFlags{}
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Publish a believable call centre, history or live",
		Long: `Publish the facts of an invented call centre, made from the organisation's map: arrival peaks, queues, agents, transfers,
abandons, answers that depend on what happened, late facts, corrections, duplicates. The same seed makes the same facts.
Everything has the source simulate, and scores that contain it are marked simulated.

Without --live it publishes weeks of history as fast as it can, once: run again it goes on, or has nothing to do. With --live
it publishes each fact when its time has come, until interrupted.`,
		Example: "  touchstone simulate -o telecom --weeks 8 --seed 1\n  touchstone simulate -o telecom --live --rate 2",
		Args:    cobra.NoArgs,
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		if f.live {
			return f.publishLive(ctx, s)
		}
		return f.publishHistory(ctx, s)
	})
	c.Flags().IntVar(&f.weeks, "weeks", 8, "weeks of history, 1 to 520")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "what the facts are made from")
	c.Flags().BoolVar(&f.live, "live", false, "publish live instead of history")
	c.Flags().Float64Var(&f.rate, "rate", 0, "with --live: average facts per `second`, up to 100 (without, as many as the history has)")
	return c
}

func (f *simulateFlags) generator(ctx context.Context, s *session, perDay float64, prefix string) (*simulate.Generator, error) {
	p, err := s.theMap(ctx)
	if err != nil {
		return nil, err
	}
	m, problems := expmap.Compile(p, 0)
	if len(problems) > 0 {
		return nil, failed("the map of %s: %s: %s", s.organisation, problems[0].GetField(), problems[0].GetMessage())
	}
	g, err := simulate.New(m, simulate.Options{Seed: f.seed, PerDay: perDay, Prefix: prefix})
	if err != nil {
		return nil, failed("%v", err)
	}
	return g, nil
}

// publishHistory publishes the weeks before the moment it first began. That moment is kept with the import's progress, so
// that a second run makes the very same facts and can go on among them.
func (f *simulateFlags) publishHistory(ctx context.Context, s *session) error {
	if f.weeks < 1 || f.weeks > 520 {
		return failed("--weeks is 1 to 520, not %d", f.weeks)
	}
	org, err := s.org(ctx)
	if err != nil {
		return err
	}
	g, err := f.generator(ctx, s, 0, fmt.Sprintf("h%d-", f.seed))
	if err != nil {
		return err
	}
	id := fmt.Sprintf("simulated-history-%d", f.seed)
	known, err := s.ingest.GetImport(ctx, &ingestv1.GetImportRequest{Organisation: org, ImportId: id})
	if err != nil {
		return err
	}
	state := known.GetImport()
	if state.GetStartedAt() == nil {
		state = newImport(id, 0)
	}
	if state.GetComplete() {
		return s.say(s.out, "the simulated history of %s is there already: %s facts", org, thousands(fmt.Sprint(state.GetFactsRecorded())))
	}
	to := state.GetStartedAt().AsTime().Truncate(time.Minute)
	run := &historyRun{session: s, organisation: org, state: state, saved: time.Now(), bar: newProgress(s.err, 0)}
	// A first save fixes the moment before anything is published.
	if err := run.save(ctx); err != nil {
		return err
	}
	return run.all(ctx, g, to.AddDate(0, 0, -7*f.weeks), to)
}
