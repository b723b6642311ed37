package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

var testLimits = laneLimits{message: 4096, inFlight: 2, queue: 64 << 10, ack: 10 * time.Second}

// laneRig is a lane on a stream whose messages may have 8 KiB.
type laneRig struct {
	*lane
	bus    *bus.Bus
	failed atomic.Int32
}

func newLaneRig(t testing.TB, limits laneLimits) *laneRig {
	t.Helper()
	r := &laneRig{bus: bustest.New(t)}
	_, err := r.bus.JS().CreateStream(soon(t), jetstream.StreamConfig{Name: "LANE", Subjects: []string{"lane"}, MaxMsgSize: 8 << 10, Discard: jetstream.DiscardNew})
	if err != nil {
		t.Fatal(err)
	}
	r.lane = newLane("lane", r.bus.JS(), func() uint64 { return 7 }, limits, newPace(0), func(error) { r.failed.Add(1) }, testStats(t))
	t.Cleanup(r.lane.close)
	return r
}

// piece is a fact of a size, as far as a lane knows facts.
func piece(id uint64, size int) []byte {
	return binary.BigEndian.AppendUint64(bytes.Repeat([]byte{'.'}, size-8), id)
}

// put hands over facts of a size and returns their ticket.
func (r *laneRig) put(t testing.TB, from uint64, n, size int) (*ticket, error) {
	t.Helper()
	var data []byte
	var ends []int
	for i := range n {
		data = append(data, piece(from+uint64(i), size)...)
		ends = append(ends, len(data))
	}
	tk := newTicket(n)
	err := r.add(tk, data, ends, "")
	tk.release()
	return tk, err
}

// on counts the facts of a size in the stream by id.
func (r *laneRig) on(t testing.TB, size int) (counts map[uint64]int, msgs int) {
	t.Helper()
	counts = map[uint64]int{}
	for _, m := range messages(t, r.bus, "LANE") {
		msgs++
		if len(m.Data)%size != 0 {
			t.Fatalf("a message of %d bytes does not hold whole facts of %d", len(m.Data), size)
		}
		for b := m.Data; len(b) > 0; b = b[size:] {
			counts[binary.BigEndian.Uint64(b[size-8:])]++
		}
	}
	return counts, msgs
}

// Many at once become few messages, and each fact is in the stream once when its ticket is redeemed.
func TestNaturalGroupCommit(t *testing.T) {
	r := newLaneRig(t, testLimits)
	const writers, each, size = 16, 200, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				tk, err := r.put(t, uint64(w*each+i), 1, size)
				for fault.KindOf(err) == fault.Exhausted && err != nil {
					time.Sleep(time.Millisecond)
					tk, err = r.put(t, uint64(w*each+i), 1, size)
				}
				if err == nil {
					err = tk.wait(soon(t))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	counts, msgs := r.on(t, size)
	if len(counts) != writers*each {
		t.Errorf("%d facts of %d", len(counts), writers*each)
	}
	for id, n := range counts {
		if n != 1 {
			t.Errorf("fact %d is there %d times", id, n)
		}
	}
	if msgs > writers*each/2 {
		t.Errorf("%d messages for %d facts", msgs, writers*each)
	}
}

// A lone fact leaves at once: it does not wait for company.
func TestALoneFactLeavesAtOnce(t *testing.T) {
	r := newLaneRig(t, testLimits)
	begin := time.Now()
	for i := range 20 {
		tk, err := r.put(t, uint64(i), 1, 40)
		if err != nil {
			t.Fatal(err)
		}
		if err := tk.wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("20 facts took %v", took)
	}
	m := messages(t, r.bus, "LANE")
	if len(m) != 20 || m[0].Header[bus.HeaderMap][0] != "7" {
		t.Errorf("%d messages, headers %v", len(m), m[0].Header)
	}
}

// A request larger than a message is spread over several, whole facts each; its ticket waits for all of them.
func TestALargeRequestIsSpread(t *testing.T) {
	r := newLaneRig(t, testLimits)
	tk, err := r.put(t, 0, 300, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := tk.wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	counts, msgs := r.on(t, 100)
	if len(counts) != 300 || msgs < 300*100/4096 {
		t.Errorf("%d facts in %d messages", len(counts), msgs)
	}
	// A fact that alone is larger than a message goes alone.
	if tk, err = r.put(t, 1000, 1, 5000); err == nil {
		err = tk.wait(soon(t))
	}
	if err != nil {
		t.Error(err)
	}
}

// What waits is bounded: past it nothing is taken, and one is told when to come back.
func TestBackPressure(t *testing.T) {
	limits := testLimits
	limits.inFlight, limits.queue = 1, 8<<10
	r := newLaneRig(t, limits)
	var taken []*ticket
	var refused *fault.Error
	for i := range uint64(2000) {
		tk, err := r.put(t, i*10, 10, 100)
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatal(err)
			}
			break
		}
		taken = append(taken, tk)
	}
	if refused == nil || refused.Kind != fault.Exhausted || refused.RetryAfter <= 0 {
		t.Fatalf("%+v after %d", refused, len(taken))
	}
	for _, tk := range taken {
		if err := tk.wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if counts, _ := r.on(t, 100); len(counts) != 10*len(taken) {
		t.Errorf("%d facts of %d taken", len(counts), 10*len(taken))
	}
	// With room again it takes again, also what alone is more than the queue.
	tk, err := r.put(t, 1e6, 120, 100)
	if err == nil {
		err = tk.wait(soon(t))
	}
	if err != nil {
		t.Error(err)
	}
}

// A message that cannot be written is told to those who have a fact in it, and to nobody else.
func TestFailureConcernsItsTicketsOnly(t *testing.T) {
	r := newLaneRig(t, testLimits)
	var good []*ticket
	var bad *ticket
	for i := range uint64(40) {
		size := 100
		if i == 20 {
			size = 9 << 10 // more than the stream takes
		}
		tk, err := r.put(t, i, 1, size)
		if err != nil {
			t.Fatal(err)
		}
		if i == 20 {
			bad = tk
		} else {
			good = append(good, tk)
		}
	}
	for i, tk := range good {
		if err := tk.wait(soon(t)); err != nil {
			t.Errorf("ticket %d: %v", i, err)
		}
	}
	var f *fault.Error
	if err := bad.wait(soon(t)); !errors.As(err, &f) || f.Kind != fault.Unavailable || f.RetryAfter <= 0 || !strings.Contains(f.Message, "send them again") {
		t.Errorf("%v", err)
	}
	if n := r.failed.Load(); n != 1 {
		t.Errorf("%d failures were told", n)
	}
	if counts, _ := r.on(t, 100); len(counts) != 39 {
		t.Errorf("%d facts", len(counts))
	}
	// A request that lies in two messages, one of which fails, is not acknowledged.
	data := append(piece(100, 100), piece(101, 9<<10)...)
	tk := newTicket(2)
	if err := r.add(tk, data, []int{100, len(data)}, ""); err != nil {
		t.Fatal(err)
	}
	tk.release()
	if err := tk.wait(soon(t)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("half a request: %v", err)
	}
}

// No acknowledgement in time is a failure; the lane goes on when the stream does.
func TestNoAcknowledgement(t *testing.T) {
	limits := testLimits
	limits.ack = 200 * time.Millisecond
	r := newLaneRig(t, limits)
	if err := r.bus.JS().DeleteStream(soon(t), "LANE"); err != nil {
		t.Fatal(err)
	}
	tk, err := r.put(t, 1, 1, 40)
	if err != nil {
		t.Fatal(err)
	}
	if err := tk.wait(soon(t)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	if _, err := r.bus.JS().CreateStream(soon(t), jetstream.StreamConfig{Name: "LANE", Subjects: []string{"lane"}}); err != nil {
		t.Fatal(err)
	}
	if tk, err = r.put(t, 2, 1, 40); err == nil {
		err = tk.wait(soon(t))
	}
	if err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

// Who waits no longer is told that the facts may be recorded.
func TestWaitingEnds(t *testing.T) {
	tk := newTicket(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var f *fault.Error
	if err := tk.wait(ctx); !errors.As(err, &f) || f.Kind != fault.Unavailable || !strings.Contains(f.Message, "may or may not") || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Closing sends what has collected and waits for it; nothing is taken afterwards.
func TestCloseSendsWhatHasCollected(t *testing.T) {
	limits := testLimits
	limits.inFlight = 1
	r := newLaneRig(t, limits)
	var tickets []*ticket
	for i := range uint64(300) {
		tk, err := r.put(t, i, 1, 100)
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, tk)
	}
	r.close()
	for i, tk := range tickets {
		select {
		case <-tk.done:
			if err := tk.wait(soon(t)); err != nil {
				t.Errorf("ticket %d: %v", i, err)
			}
		default:
			t.Fatalf("ticket %d still waits", i)
		}
	}
	if counts, _ := r.on(t, 100); len(counts) != 300 {
		t.Errorf("%d facts", len(counts))
	}
	if _, err := r.put(t, 1000, 1, 100); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("after closing: %v", err)
	}
	r.close() // twice is no error
}

// At rest each fact is a message; its buffer may not cost as much as a full one's.
func TestAtRestBuffersAreReused(t *testing.T) {
	limits := testLimits
	limits.message = 256 << 10
	r := newLaneRig(t, limits)
	one := func(i int) {
		tk, err := r.put(t, uint64(i), 1, 100)
		if err == nil {
			err = tk.wait(soon(t))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	one(0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 200
	for i := range n {
		one(i)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 128<<10 {
		t.Errorf("%d bytes allocated for each fact", each)
	}
}

// The trace of a request travels with the message that carries its facts.
func TestTraceTravels(t *testing.T) {
	r := newLaneRig(t, testLimits)
	tk := newTicket(1)
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	if err := r.add(tk, piece(1, 40), []int{40}, trace); err != nil {
		t.Fatal(err)
	}
	tk.release()
	if err := tk.wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	if h := messages(t, r.bus, "LANE")[0].Header; fmt.Sprint(h["traceparent"], h["Traceparent"]) != "["+trace+"] []" {
		t.Errorf("%v", h)
	}
}
