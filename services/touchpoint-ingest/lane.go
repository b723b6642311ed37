package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// lane is the natural group commit of one subject: while messages are on their way to disk, facts of all requests collect;
// as soon as a place in flight is free, what has collected leaves as one message. At rest a fact leaves at once; under load
// one fsync carries thousands.
type lane struct {
	subject string
	js      jetstream.JetStream
	version func() uint64 // of the organisation's map
	limits  laneLimits
	pace    *pace
	failed  func(error)
	stats   *stats
	spare   sync.Pool // *message: at rest each fact is a message, and a new buffer for each would keep the collector busy

	mu       sync.Mutex
	wake     *sync.Cond
	full     []*message // cut, waiting for a place in flight
	open     *message   // collecting
	queued   int        // bytes of full and open
	inFlight int
	closed   bool
	done     chan struct{}
}

type laneLimits struct {
	message  int           // bytes of one message
	inFlight int           // messages on their way
	queue    int           // bytes collected before back-pressure
	ack      time.Duration // longest wait for an acknowledgement
}

// message is one message of many facts and everybody who waits for it.
type message struct {
	data    []byte
	facts   int
	tickets []*ticket
	trace   string // of the first sampled request in it
}

// ticket is one request's claim: it is redeemed when every message that carries a fact of it is on disk.
type ticket struct {
	facts    int
	refusals []refusedAt
	pending  atomic.Int32
	err      atomic.Pointer[fault.Error]
	done     chan struct{}
}

type refusedAt struct {
	index   int
	refusal refusal
}

func newTicket(facts int) *ticket {
	t := &ticket{facts: facts, done: make(chan struct{})}
	t.pending.Store(1) // the request itself, until all of it is handed over
	return t
}

func (t *ticket) release() {
	if t.pending.Add(-1) == 0 {
		close(t.done)
	}
}

func (t *ticket) fail(err *fault.Error) { t.err.CompareAndSwap(nil, err) }

// wait returns once all is on disk, or why it is not known to be.
func (t *ticket) wait(ctx context.Context) error {
	select {
	case <-t.done:
		if err := t.err.Load(); err != nil {
			return err
		}
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "the facts were not acknowledged in time; they may or may not be recorded: send them again, doubles are found")
	}
}

func newLane(subject string, js jetstream.JetStream, version func() uint64, limits laneLimits, p *pace, failed func(error), st *stats) *lane {
	l := &lane{subject: subject, js: js, version: version, limits: limits, pace: p, failed: failed, stats: st, done: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	go l.run()
	return l
}

// add hands over facts, each ending at one of ends. Nothing is taken when there is no room for all.
func (l *lane) add(t *ticket, data []byte, ends []int, trace string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fault.New(fault.Unavailable, "this instance is stopping: send to another, or again later")
	}
	if l.queued > 0 && l.queued+len(data) > l.limits.queue {
		return &fault.Error{Kind: fault.Exhausted, Message: "more facts wait for the disk than may: send again later", RetryAfter: 100 * time.Millisecond}
	}
	from := 0
	for i := 0; i < len(ends); {
		if l.open == nil {
			l.open = l.empty()
		}
		m := l.open
		// As many whole facts as fit; one that alone is larger than a message goes alone.
		j := i
		for j < len(ends) && (len(m.data)+ends[j]-from <= l.limits.message || len(m.data) == 0 && j == i) {
			j++
		}
		if j > i {
			m.data = append(m.data, data[from:ends[j-1]]...)
			m.facts += j - i
			if n := len(m.tickets); n == 0 || m.tickets[n-1] != t {
				m.tickets = append(m.tickets, t)
				t.pending.Add(1)
			}
			if m.trace == "" {
				m.trace = trace
			}
			from = ends[j-1]
			i = j
		}
		if i < len(ends) {
			l.full = append(l.full, m)
			l.open = nil
		}
	}
	l.queued += len(data)
	l.wake.Signal()
	return nil
}

func (l *lane) empty() *message {
	if m, ok := l.spare.Get().(*message); ok {
		return m
	}
	return &message{data: make([]byte, 0, l.limits.message)}
}

// reuse keeps a message's room for another. The client has let go of one that was acknowledged, and of no other.
func (l *lane) reuse(m *message) {
	if cap(m.data) > l.limits.message {
		return // of a fact larger than a message
	}
	clear(m.tickets)
	*m = message{data: m.data[:0], tickets: m.tickets[:0]}
	l.spare.Put(m)
}

// run sends messages while there are places in flight.
func (l *lane) run() {
	defer close(l.done)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for !(l.closed || l.inFlight < l.limits.inFlight && (len(l.full) > 0 || l.open != nil)) {
			l.wake.Wait()
		}
		if l.closed && len(l.full) == 0 && l.open == nil {
			for l.inFlight > 0 {
				l.wake.Wait()
			}
			return
		}
		if l.inFlight >= l.limits.inFlight {
			l.wake.Wait()
			continue
		}
		var m *message
		if len(l.full) > 0 {
			m = l.full[0]
			l.full[0] = nil
			l.full = l.full[1:]
		} else {
			m, l.open = l.open, nil
		}
		l.queued -= len(m.data)
		l.inFlight++
		closed := l.closed
		l.mu.Unlock()
		if !closed {
			l.pace.wait()
		}
		l.send(m)
		l.mu.Lock()
	}
}

// send publishes a message and returns; its tickets are redeemed when JetStream has it on disk.
func (l *lane) send(m *message) {
	begin := time.Now()
	msg := &nats.Msg{Subject: l.subject, Data: m.data, Header: nats.Header{bus.HeaderMap: []string{strconv.FormatUint(l.version(), 10)}}}
	if m.trace != "" {
		msg.Header.Set("traceparent", m.trace)
	}
	ack, err := l.js.PublishMsgAsync(msg, jetstream.WithStallWait(l.limits.ack))
	go func() {
		if err == nil {
			timer := time.NewTimer(l.limits.ack)
			defer timer.Stop()
			select {
			case ok := <-ack.Ok():
				l.pace.recorded(ok.Sequence)
			case err = <-ack.Err():
			case <-timer.C:
				err = errors.New("no acknowledgement")
			}
		}
		if err != nil {
			l.failed(err)
			f := fault.Wrap(fault.Unavailable, fmt.Errorf("publishing to %s: %w", l.subject, err), "the facts could not be written to disk now; they may or may not be recorded: send them again, doubles are found")
			f.RetryAfter = 500 * time.Millisecond
			for _, t := range m.tickets {
				t.fail(f)
			}
		} else {
			l.stats.recorded(m.facts, len(m.data), time.Since(begin))
		}
		for _, t := range m.tickets {
			t.release()
		}
		if err == nil {
			l.reuse(m)
		}
		l.mu.Lock()
		l.inFlight--
		l.wake.Signal()
		l.mu.Unlock()
	}()
}

// close sends what has collected and waits until all is acknowledged or has failed.
func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	l.wake.Signal()
	l.mu.Unlock()
	<-l.done
}
