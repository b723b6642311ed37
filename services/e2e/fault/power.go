package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/touchstone-cx/touchstone/services/e2e/disk"
)

// power takes the power of the disk away at random instants under load. Publishers hold back after it until every fact
// that was acknowledged before is found, so that no repetition can hide a loss.
func power(ctx context.Context, s settings) (err error) {
	if s.rounds == 0 {
		s.rounds = 20
	}
	d, err := disk.New(ctx, s.dir, s.diskSize)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	t, err := newTrial(ctx, s, "power cut", filepath.Join(d.Dir(), "data"))
	if t != nil {
		defer func() { err = errors.Join(err, t.close()) }()
	}
	if err != nil {
		return err
	}
	defer guard(&err)
	for round := 1; round <= s.rounds; round++ {
		if err := t.blackout(ctx, d, round); err != nil {
			return fmt.Errorf("round %d, seed %d: %w", round, s.seed, err)
		}
	}
	t.summary("0 lost, 0 counted twice")
	return nil
}

func (t *trial) blackout(ctx context.Context, d *disk.Disk, round int) error {
	var took time.Duration
	before := 0
	err := t.round(ctx, func(ctx context.Context) (err error) {
		// From here on no answer reaches a publisher, as when the machine has gone: an fsync that is under way at the
		// ioctl may end with success and yet leave nothing, which no real cut lets anybody see. And whoever breaks off
		// waits until what was acknowledged before has been looked for.
		t.gate.Close()
		defer t.gate.Open()
		if err := d.Cut(); err != nil {
			return err
		}
		t.gate.Dark()
		// The process lives on for a moment and must not acknowledge what it is sent now: the disk takes nothing.
		if err := sleep(ctx, t.between(0, 300*time.Millisecond)); err != nil {
			return err
		}
		if err := t.instance.Kill(); err != nil {
			return err
		}
		acknowledged := t.acknowledged()
		before = len(acknowledged)
		if err := errors.Join(d.Unmount(), d.Mount(ctx)); err != nil {
			return err
		}
		if took, err = t.restart(ctx); err != nil {
			return err
		}
		return t.lost(ctx, acknowledged)
	})
	if err == nil {
		err = t.check(ctx, round)
	}
	if err != nil {
		return err
	}
	facts, _ := t.journal.Facts()
	fmt.Printf("round %d: ready again after %s, all %d facts acknowledged since the last are there, %d acknowledged by now, all counted once\n",
		round, took.Round(time.Millisecond), before, facts)
	return nil
}
