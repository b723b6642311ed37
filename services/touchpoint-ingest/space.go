package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// space refuses facts before the disk is full: JetStream does not come back by itself from a disk that was, and the space
// that is kept lets the folds finish. When there is space again facts are taken again, and a server that met a full disk
// all the same is brought back.
type space struct {
	path    string
	reserve uint64
	share   float64
	mend    func(context.Context) error
	log     *slog.Logger
	disk    func(path string) (free, total uint64, err error)

	short  atomic.Bool
	broken chan struct{} // a publication failed: the server may need mending
}

const spaceEvery = 250 * time.Millisecond

// errNoSpace is the cause of refusals for want of space.
var errNoSpace = errors.New("the disk is nearly full")

func newSpace(path string, reserve uint64, share float64, mend func(context.Context) error, log *slog.Logger) *space {
	s := &space{path: path, reserve: reserve, share: share, mend: mend, log: log, disk: disk, broken: make(chan struct{}, 1)}
	s.look()
	return s
}

// admit says whether facts may be taken.
func (s *space) admit() error {
	if !s.short.Load() {
		return nil
	}
	return &fault.Error{Kind: fault.Exhausted, Message: "the disk of the service is nearly full: free some space there, and send the facts again", RetryAfter: 5 * time.Second, Err: errNoSpace}
}

// failed is told of a publication that was not acknowledged.
func (s *space) failed(error) {
	select {
	case s.broken <- struct{}{}:
	default: // one look serves all failures before it
	}
}

// run watches the disk until ctx ends.
func (s *space) run(ctx context.Context) error {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	mending := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.broken:
			mending = true
		}
		s.look()
		if !mending || s.short.Load() || s.mend == nil {
			continue
		}
		if err := s.mend(ctx); err != nil {
			s.log.Error("the bus cannot be written and could not be brought back yet", "error", err)
			continue
		}
		mending = false
	}
}

// look finds out how much space there is. It takes a tenth more than what it refuses at, so that it does not flap.
func (s *space) look() {
	free, total, err := s.disk(s.path)
	if err != nil {
		s.log.Error("the free space of the disk cannot be read", "error", err)
		return // what was known last holds
	}
	need := max(s.reserve, uint64(s.share*float64(total)))
	if s.short.Load() {
		need += need / 10
	}
	short := free < need
	if s.short.Swap(short) == short {
		return
	}
	if short {
		s.log.Error("the disk is nearly full: facts are refused until there is space", "free_bytes", free, "needed_bytes", need)
	} else {
		s.log.Info("there is space again: facts are taken", "free_bytes", free)
	}
}

func disk(path string) (free, total uint64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), nil
}
