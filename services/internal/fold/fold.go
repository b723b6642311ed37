// Package fold is the loop of every stateful service: read a log in order, apply each message to a state in memory, write
// what changed and the position in one atomic write. What happens in a crash is in services/ARCHITECTURE.md.
package fold

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Machine is the state of a fold. A fold calls it from one goroutine at a time; what others read of it, it must lock.
type Machine interface {
	// Load restores the state from what the last commit left; a store without a position means an empty state.
	Load(s Store) error
	// Apply folds one message. It depends on the state and the message alone: no clock, no randomness. An error means that
	// the message can never be applied: it is parked. ErrStore-wrapped errors stop the fold instead.
	Apply(m Message) error
	// Flush adds what changed since the last Flush to w. It is called when no Apply runs.
	Flush(w *Write) error
}

// Message is one message of the log.
type Message struct {
	Sequence uint64
	Subject  string
	Header   map[string][]string
	Data     []byte
}

// ErrStore marks errors of the store met during Apply: the message is not to blame.
var ErrStore = errors.New("fold: store failed")

// Config says what to fold.
type Config struct {
	JS      jetstream.JetStream
	Stream  string
	Store   Store
	Machine Machine
	Log     *slog.Logger
	// Park keeps a message that cannot be applied, with its reason. It must be idempotent by sequence. Nil for recounts,
	// where the live fold has parked it.
	Park func(ctx context.Context, m Message, reason string) error
	// FlushBusy is the time between two flushes while messages keep coming; 0 means 20 ms. A flush that takes long
	// stretches it, so that flushing takes at most about a fifth of the time. When idle a flush follows at once.
	FlushBusy time.Duration
	// Base, if set, returns from where a fold begins that has nothing yet, or nothing of this stream; nil for its first message.
	// A base must be of the stream as it is: else the fold waits, and says so as its trouble.
	Base func() (*Base, error)
	// Flushed, if set, is told each flush: facts of metrics.
	Flushed func(took time.Duration, sets int, bytes int)
}

// Base is a state at a position of the stream, up to which the stream may have been trimmed.
type Base struct {
	Position Position
	// Fill puts it into the fold's store, in place of what is there.
	Fill func() error
}

// Fold is one running loop.
type Fold struct {
	cfg     Config
	applied atomic.Uint64 // last sequence applied, flushed or not
	last    atomic.Uint64 // last sequence known to be in the stream
	loaded  atomic.Bool
	trouble atomic.Pointer[restart]
	exec    chan func()
	// Below: of the goroutine in Run.
	stream    jetstream.Stream
	warm      bool // RunTo ended cleanly: the next life goes on from there without loading
	committed Position
	newest    []byte   // data of the last message applied; its digest is taken at the flush
	digest    [16]byte // digest of the last message flushed
	dirty     bool
	skip      map[uint64]bool // messages that made Apply panic
	write     Write
}

// New returns a fold that has not begun.
func New(cfg Config) *Fold {
	if cfg.FlushBusy == 0 {
		cfg.FlushBusy = 20 * time.Millisecond
	}
	return &Fold{cfg: cfg, exec: make(chan func()), skip: map[uint64]bool{}}
}

// Applied returns the last sequence applied.
func (f *Fold) Applied() uint64 { return f.applied.Load() }

// Loaded reports whether the state was loaded.
func (f *Fold) Loaded() bool { return f.loaded.Load() }

// Lag returns how many messages are known to wait.
func (f *Fold) Lag() uint64 {
	last, at := f.last.Load(), f.applied.Load()
	if last <= at {
		return 0
	}
	return last - at
}

// Exec runs g between two messages, after a flush, while Run runs. It returns when g has ended.
func (f *Fold) Exec(ctx context.Context, g func()) error {
	done := make(chan struct{})
	select {
	case f.exec <- func() { defer close(done); g() }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run loads the state and folds until ctx ends, then flushes. It returns nil when ctx ended.
func (f *Fold) Run(ctx context.Context) error { return f.run(ctx, 0) }

// RunTo is Run that ends when the message with this sequence has been applied and flushed.
func (f *Fold) RunTo(ctx context.Context, sequence uint64) error {
	if sequence == 0 {
		return nil
	}
	return f.run(ctx, sequence)
}

func (f *Fold) run(ctx context.Context, upTo uint64) error {
	var at uint64
	var wait time.Duration
	for {
		err := f.life(ctx, upTo)
		if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
			return nil
		}
		var again *restart
		if !errors.As(err, &again) {
			return err
		}
		// The stream is away, was replaced or told nonsense: none of it is the end of a fold. It tries again, ever more slowly
		// while it gets nowhere, and says so.
		if f.Applied() != at {
			at, wait = f.Applied(), 0
		}
		f.trouble.Store(again)
		f.cfg.Log.Warn("fold begins again from its last flush", "stream", f.cfg.Stream, "reason", again.reason)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(max(2*wait, firstWait), longestWait)
	}
}

// Waits between lives that got nowhere.
const (
	firstWait   = 50 * time.Millisecond
	longestWait = 5 * time.Second
)

// Trouble returns why the fold does not get on at the moment, nil when it does.
func (f *Fold) Trouble() error {
	if r := f.trouble.Load(); r != nil {
		return r
	}
	return nil
}

// restart asks for another life: load the last commit, go on from there.
type restart struct{ reason string }

func (r *restart) Error() string { return r.reason }

// away makes an error of the stream a reason to begin again, unless it is the caller who has had enough.
func away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &restart{err.Error()}
}

func (f *Fold) life(ctx context.Context, upTo uint64) error {
	if !f.warm {
		if err := f.recover(ctx); err != nil {
			return err
		}
	}
	f.warm = false
	if upTo > 0 && f.Applied() >= upTo {
		f.warm = true
		return nil
	}
	rd, err := newReader(ctx, f.stream, f.Applied()+1, f.cfg.Log)
	if err != nil {
		return away(ctx, err)
	}
	defer rd.stop()

	lastFlush, busy := time.Now(), f.cfg.FlushBusy
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	looks := time.NewTicker(lookEvery)
	defer looks.Stop()
	for {
		// Take what is there without waiting; flush at once when nothing is.
		var r read
		select {
		case r = <-rd.out:
		case g := <-f.exec:
			if err := f.flush(); err != nil {
				return err
			}
			g()
			continue
		case <-ctx.Done():
			return f.end(ctx)
		default:
			if f.dirty && time.Since(lastFlush) >= min(busy, 2*time.Millisecond) {
				took, err := f.timedFlush()
				if err != nil {
					return err
				}
				lastFlush, busy = time.Now(), max(f.cfg.FlushBusy, 4*took)
				continue
			}
			if f.dirty {
				due.Reset(2 * time.Millisecond)
			}
			select {
			case r = <-rd.out:
			case <-due.C:
				continue
			case <-looks.C:
				if other := f.look(ctx); other != nil {
					if err := f.flush(); err != nil {
						return err
					}
					return other
				}
				continue
			case g := <-f.exec:
				if err := f.flush(); err != nil {
					return err
				}
				g()
				continue
			case <-ctx.Done():
				return f.end(ctx)
			}
		}
		if r.err != nil {
			if err := f.flush(); err != nil {
				return err
			}
			return r.err
		}
		if err := f.apply(ctx, r); err != nil {
			return err
		}
		if upTo > 0 && f.Applied() >= upTo {
			err := f.flush()
			f.warm = err == nil
			return err
		}
		if time.Since(lastFlush) >= busy {
			took, err := f.timedFlush()
			if err != nil {
				return err
			}
			lastFlush, busy = time.Now(), max(f.cfg.FlushBusy, 4*took)
		}
	}
}

const lookEvery = 2 * time.Second

// look makes sure, when nothing comes, that the stream is there and still the one that is folded: a consumer waits for ever
// for one that is not.
func (f *Fold) look(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	s, err := f.cfg.JS.Stream(short, f.cfg.Stream)
	if err != nil {
		if ctx.Err() == nil {
			f.trouble.Store(&restart{fmt.Sprintf("stream %s does not answer: %v", f.cfg.Stream, err)})
		}
		return nil
	}
	f.trouble.Store(nil)
	info := s.CachedInfo()
	if !info.Created.Equal(f.stream.CachedInfo().Created) || info.State.LastSeq < f.Applied() {
		return &restart{"the stream was made anew, restored or lost its tail"}
	}
	return nil
}

// end flushes for the last time.
func (f *Fold) end(ctx context.Context) error {
	if err := f.flush(); err != nil {
		return err
	}
	return ctx.Err()
}

// recover loads the last commit after making sure that it belongs to this stream; else it begins from the base.
func (f *Fold) recover(ctx context.Context) error {
	stream, err := f.cfg.JS.Stream(ctx, f.cfg.Stream)
	if err != nil {
		return away(ctx, fmt.Errorf("opening stream %s: %w", f.cfg.Stream, err))
	}
	info := stream.CachedInfo()
	pos, err := f.cfg.Store.Position()
	if err != nil {
		return err
	}
	base, err := f.base(ctx, stream, info)
	if err != nil {
		return err
	}
	if !pos.IsZero() {
		why, err := f.differs(ctx, stream, info, pos)
		if err != nil {
			return away(ctx, fmt.Errorf("reading message %d: %w", pos.Sequence, err))
		}
		if why == "" && base != nil && pos.Sequence < base.Position.Sequence && pos.Sequence+1 < info.State.FirstSeq {
			why = fmt.Sprintf("the stream was trimmed up to %d, beyond the position %d", info.State.FirstSeq-1, pos.Sequence)
		}
		if why != "" {
			f.cfg.Log.Warn("fold starts from the base of its stream", "stream", f.cfg.Stream, "reason", why)
			if err := f.cfg.Store.Drop(); err != nil {
				return err
			}
			pos = Position{}
		}
	}
	if pos.IsZero() && base != nil {
		if err := base.Fill(); err != nil {
			return fmt.Errorf("fold: filling the store from its base: %w", err)
		}
		pos = base.Position
	}
	if pos.IsZero() {
		pos.Created = info.Created.UTC()
		if first := info.State.FirstSeq; first > 0 && info.State.Msgs > 0 {
			pos.Sequence = first - 1
		}
		f.committed = Position{}
	} else {
		f.committed = pos
	}
	f.digest, f.newest = pos.Digest, nil
	f.dirty = false
	f.write.Reset()
	if err := f.cfg.Machine.Load(f.cfg.Store); err != nil {
		return fmt.Errorf("fold: loading state: %w", err)
	}
	f.applied.Store(pos.Sequence)
	f.last.Store(info.State.LastSeq)
	f.stream = stream
	f.loaded.Store(true)
	f.trouble.Store(nil)
	return nil
}

// base returns the base from which this stream is folded; nil where there is none. One of another stream is trouble that only a
// person can end: what it holds is in no stream any more, so nothing is dropped for it.
func (f *Fold) base(ctx context.Context, s jetstream.Stream, info *jetstream.StreamInfo) (*Base, error) {
	if f.cfg.Base == nil {
		return nil, nil
	}
	b, err := f.cfg.Base()
	if err != nil || b == nil {
		return nil, err
	}
	why, err := f.differs(ctx, s, info, b.Position)
	if err != nil {
		return nil, away(ctx, fmt.Errorf("reading message %d: %w", b.Position.Sequence, err))
	}
	if why != "" {
		return nil, &restart{fmt.Sprintf("the base at %d is of another stream than %s: %s. Bring back the stream, or restore a backup into a new instance", b.Position.Sequence, f.cfg.Stream, why)}
	}
	return b, nil
}

// differs says why pos is no place of this stream, or nothing.
func (f *Fold) differs(ctx context.Context, s jetstream.Stream, info *jetstream.StreamInfo, pos Position) (string, error) {
	if !pos.Created.Equal(info.Created) {
		return "the stream was created at another time: it was restored or made anew", nil
	}
	if pos.Sequence > info.State.LastSeq {
		return fmt.Sprintf("the stream ends at %d, before the position %d: it lost its tail", info.State.LastSeq, pos.Sequence), nil
	}
	if pos.Sequence == 0 || pos.Sequence < info.State.FirstSeq {
		return "", nil // nothing to compare with: trimmed up to the base
	}
	m, err := s.GetMsg(ctx, pos.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Sprintf("message %d is gone", pos.Sequence), nil
	}
	if err != nil {
		return "", err
	}
	if digest(m.Data) != pos.Digest {
		return fmt.Sprintf("message %d has other content: the stream was replaced", pos.Sequence), nil
	}
	return "", nil
}

func digest(b []byte) (d [16]byte) {
	s := sha256.Sum256(b)
	copy(d[:], s[:])
	return d
}

func (f *Fold) apply(ctx context.Context, r read) error {
	f.last.Store(r.last)
	m := r.msg
	if !f.skip[m.Sequence] {
		err := f.tryApply(m)
		switch {
		case err == nil:
		case errors.Is(err, ErrStore):
			return err
		default:
			var p *panicked
			if f.cfg.Park != nil {
				if perr := f.cfg.Park(ctx, m, err.Error()); perr != nil {
					return away(ctx, fmt.Errorf("parking message %d: %w", m.Sequence, perr))
				}
			}
			f.cfg.Log.Error("message parked", "stream", f.cfg.Stream, "sequence", m.Sequence, "reason", err)
			if errors.As(err, &p) {
				// The state may be half changed: begin again from the last flush and pass this message by.
				f.skip[m.Sequence] = true
				return &restart{fmt.Sprintf("message %d: %v", m.Sequence, err)}
			}
		}
	}
	f.newest = m.Data
	f.applied.Store(m.Sequence)
	f.dirty = true
	return nil
}

type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (f *Fold) tryApply(m Message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p := &panicked{v, debug.Stack()}
			f.cfg.Log.Error("applying a message panicked", "sequence", m.Sequence, "panic", v, "stack", string(p.stack))
			err = p
		}
	}()
	return f.cfg.Machine.Apply(m)
}

func (f *Fold) timedFlush() (time.Duration, error) {
	begin := time.Now()
	err := f.flush()
	return time.Since(begin), err
}

// flush writes what changed and the position, atomically.
func (f *Fold) flush() error {
	if !f.dirty {
		return nil
	}
	begin := time.Now()
	f.write.Reset()
	if err := f.cfg.Machine.Flush(&f.write); err != nil {
		return fmt.Errorf("fold: gathering changes: %w", err)
	}
	if f.newest != nil {
		f.digest, f.newest = digest(f.newest), nil
	}
	next := Position{Sequence: f.applied.Load(), Digest: f.digest}
	next.Created = f.stream.CachedInfo().Created.UTC()
	f.write.Expect, f.write.Position = f.committed, next
	if err := f.cfg.Store.Commit(&f.write); err != nil {
		return fmt.Errorf("fold: committing at %d: %w", next.Sequence, err)
	}
	f.committed, f.dirty = next, false
	if f.cfg.Flushed != nil {
		n := 0
		for _, p := range f.write.Sets {
			n += len(p.Key) + len(p.Value)
		}
		f.cfg.Flushed(time.Since(begin), len(f.write.Sets), n)
	}
	return nil
}
