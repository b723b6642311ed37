package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// kill ends the process as kill -9 does, at random instants under load.
func kill(ctx context.Context, s settings) (err error) {
	if s.rounds == 0 {
		s.rounds = 200
	}
	t, err := newTrial(ctx, s, "kill", filepath.Join(s.dir, "data"))
	if t != nil {
		defer func() { err = errors.Join(err, t.close()) }()
	}
	if err != nil {
		return err
	}
	for round := 1; round <= s.rounds; round++ {
		var took time.Duration
		err := t.round(ctx, func(ctx context.Context) (err error) {
			if err := t.instance.Kill(); err != nil {
				return err
			}
			took, err = t.restart(ctx)
			return err
		})
		if err == nil {
			err = t.check(ctx, round)
		}
		if err != nil {
			return fmt.Errorf("round %d, seed %d: %w", round, s.seed, err)
		}
		facts, _ := t.journal.Facts()
		fmt.Printf("round %d: ready again after %s, %d facts acknowledged, all counted once\n", round, took.Round(time.Millisecond), facts)
	}
	t.summary("0 lost, 0 counted twice")
	return nil
}
