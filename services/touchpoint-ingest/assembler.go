package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/feed"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// assembler is the fold of native events: it keeps the events of each call and publishes as facts what they amount to. It
// publishes before it commits, so that a crash between the two publishes again, under the same identities and versions: a
// fact depends on the set of its call's events alone.
//
// Its clock is the log: a call to which nothing came for unendedAfter is closed, and after forgetAfter or leaveAfter it is
// forgotten. While calls are open ticks keep the log's clock going.
type assembler struct {
	n   *natives
	bus *bus.Bus
	log *slog.Logger
	ctx context.Context

	mu      sync.Mutex // of open: ticks read it
	store   fold.Store
	calls   map[string]*openCall
	open    map[string]int // calls not closed, by organisation and source
	now     time.Time      // of the log
	looked  time.Time      // when calls were last looked through
	changed map[string]*openCall
	gone    [][]byte
	facts   map[access.Principal][]*factv1.Fact
}

// openCall is what is known of one call.
type openCall struct {
	org, source, format, id string
	events                  map[string]*ingestv1.NativeEvent
	touched                 time.Time // when the last of them came, by the log
	ended                   bool      // it has made a record, or was closed
	closed                  bool      // asked what it amounts to if nothing more is heard of it
	waits                   bool      // it was begun and never ended: its end may come yet
}

const (
	unendedAfter = 6 * time.Hour
	forgetAfter  = 48 * time.Hour      // what has ended, or was no call
	leaveAfter   = 30 * 24 * time.Hour // what may end yet: a mail, a task
	lookAfter    = time.Minute
	tickAfter    = time.Minute
	sendAgain    = time.Second // at least, between two tries to publish
)

func newAssembler(ctx context.Context, n *natives, b *bus.Bus, log *slog.Logger) *assembler {
	a := &assembler{n: n, bus: b, log: log, ctx: ctx}
	a.reset()
	return a
}

func (a *assembler) reset() {
	a.calls, a.open, a.changed = map[string]*openCall{}, map[string]int{}, map[string]*openCall{}
	a.facts, a.gone = map[access.Principal][]*factv1.Fact{}, nil
	a.now, a.looked = time.Time{}, time.Time{}
}

func callKey(org, source, format, id string) string {
	return strings.Join([]string{org, source, format, id}, "\x00")
}

// Load implements fold.Machine.
func (a *assembler) Load(st fold.Store) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reset()
	a.store = st
	return st.Scan(nil, func(k, v []byte) error {
		parts := strings.SplitN(string(k), "\x00", 4)
		var b ingestv1.NativeEvents
		if err := proto.Unmarshal(v, &b); err != nil || len(parts) != 4 {
			return fmt.Errorf("an open call is damaged in the store: %w", err)
		}
		c := &openCall{org: parts[0], source: parts[1], format: parts[2], id: parts[3], touched: b.GetReceivedAt().AsTime(), events: map[string]*ingestv1.NativeEvent{}}
		for _, e := range b.GetEvents() {
			c.events[e.GetId()] = e
		}
		a.calls[string(k)] = c
		if f := a.n.format(c.format); f != nil {
			c.ended = len(a.records(c, f, f.Records)) > 0
		}
		a.open[c.org+"\x00"+c.source]++ // closed again if need be: that changes nothing
		return nil
	})
}

// Apply implements fold.Machine: it takes one NativeEvents in.
func (a *assembler) Apply(m fold.Message) error {
	org, source, ok := bus.NativeSource(m.Subject)
	if !ok {
		return fmt.Errorf("subject %q is not ts.native.<organisation>.<source>", m.Subject)
	}
	var b ingestv1.NativeEvents
	if err := proto.Unmarshal(m.Data, &b); err != nil {
		return fmt.Errorf("the message holds no NativeEvents: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := b.GetReceivedAt().AsTime(); at.After(a.now) {
		a.now = at
	}
	defer a.look()
	if len(b.GetEvents()) == 0 {
		return nil // a tick
	}
	f := a.n.format(b.GetFormat())
	if f == nil {
		return fmt.Errorf("the format %q is not read here", b.GetFormat())
	}
	calls := a.calls
	if !f.Stateful {
		calls = map[string]*openCall{} // each delivery is complete by itself
	}
	touched := map[string]bool{}
	var order []*openCall
	for _, e := range b.GetEvents() {
		key := callKey(org, source, f.Name, e.GetCall())
		c := calls[key]
		if c == nil {
			c = &openCall{org: org, source: source, format: f.Name, id: e.GetCall(), events: map[string]*ingestv1.NativeEvent{}}
			calls[key] = c
			if f.Stateful {
				a.open[org+"\x00"+source]++
			}
		}
		if old := c.events[e.GetId()]; old == nil {
			c.events[e.GetId()] = e
		} else { // a repetition may be dated by its receipt
			renew(old, e)
		}
		c.touched = a.now
		if f.Stateful {
			a.changed[key] = c
			if c.closed {
				c.closed = false
				a.open[org+"\x00"+source]++
			}
		}
		if !touched[key] {
			touched[key] = true
			order = append(order, c)
		}
	}
	var doubts []string
	for _, c := range order {
		records := a.records(c, f, f.Records)
		c.ended = len(records) > 0
		doubts = append(doubts, a.publish(c, records)...)
	}
	if len(doubts) > 0 {
		return a.bus.Park(a.ctx, bus.StreamNative, m.Subject, m.Sequence, m.Data, strings.Join(doubts, "; "))
	}
	return nil
}

// renew takes over what a repetition says of agents: it was read by the map of now, so that what is sent again after a change
// of the map falls to its team.
func renew(old, repeated *ingestv1.NativeEvent) {
	for name, v := range repeated.GetFields() {
		if _, ok := format.ParseAgent(v); ok && old.GetFields() != nil {
			old.Fields[name] = v
		}
	}
}

// records returns what a call amounts to, by Records or Unended.
func (a *assembler) records(c *openCall, f *format.Format, of func(string, []format.Event, format.Options) []format.Record) []format.Record {
	fd := a.feed(c)
	if fd == nil {
		return nil
	}
	events := make([]format.Event, 0, len(c.events))
	for _, e := range c.events {
		x := format.Event{Call: e.GetCall(), ID: e.GetId(), Name: e.GetName(), At: e.GetAt().AsTime(), Fields: e.GetFields(), Customer: e.GetCustomer()}
		if len(e.GetSealedText()) > 0 {
			if text, err := a.n.sealer.OpenText(c.org, customerOf(x.Customer), e.GetSealedText()); err == nil { // else the customer is forgotten
				x.Text = string(text)
			}
		}
		events = append(events, x)
	}
	g := *f
	g.Records = of
	return g.Call(c.id, events, a.n.options(c.org, fd))
}

func (a *assembler) feed(c *openCall) *feed.Feed {
	m := a.n.rec.maps.Current(c.org)
	if m == nil {
		return nil
	}
	fd, ok := feed.Of(m, c.source)
	if !ok {
		fd = feed.Plain(m, c.source, c.format)
	}
	return fd
}

// publish notes the facts of records for the next flush, and returns why some cannot be right.
func (a *assembler) publish(c *openCall, records []format.Record) (doubts []string) {
	fd := a.feed(c)
	p := access.Principal{Organisation: c.org, Source: c.source, Role: accessv1.Role_ROLE_SOURCE}
	for i := range records {
		r := &records[i]
		fact, why := fd.Fact(r)
		if why != nil {
			a.n.rec.refusals.add(c.org, c.source, r.ID, why)
			if r.Implausible != "" {
				doubts = append(doubts, r.ID+": "+r.Implausible)
			}
			continue
		}
		a.facts[p] = append(a.facts[p], fact)
	}
	return doubts
}

// look closes and forgets calls by the log's clock.
func (a *assembler) look() {
	if a.now.Sub(a.looked) < lookAfter {
		return
	}
	a.looked = a.now
	for key, c := range a.calls {
		quiet := a.now.Sub(c.touched)
		if f := a.n.format(c.format); !c.closed && quiet >= unendedAfter {
			// Also of a call that has made a record: another stay of it may never have ended.
			if f != nil && f.Unended != nil {
				left := a.records(c, f, f.Unended)
				c.waits = len(left) > 0
				a.publish(c, left)
			}
			c.closed = true
			a.open[c.org+"\x00"+c.source]--
		}
		if quiet >= forgetAfter && (c.ended || !c.waits) || quiet >= leaveAfter {
			delete(a.calls, key)
			delete(a.changed, key)
			a.gone = append(a.gone, []byte(key))
		}
	}
}

// Flush implements fold.Machine: facts first, then the calls.
func (a *assembler) Flush(w *fold.Write) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p, facts := range a.facts {
		if err := a.send(p, facts); err != nil {
			return err
		}
	}
	clear(a.facts)
	for key, c := range a.changed {
		b := &ingestv1.NativeEvents{Format: c.format, ReceivedAt: timestamppb.New(c.touched)}
		for _, e := range c.events {
			b.Events = append(b.Events, e)
		}
		data, err := proto.Marshal(b)
		if err != nil {
			return err
		}
		w.Set([]byte(key), data)
	}
	clear(a.changed)
	for _, key := range a.gone {
		w.Delete(bytes.Clone(key))
	}
	a.gone = nil
	return nil
}

// send publishes facts and waits until they are on disk, for as long as that takes.
func (a *assembler) send(p access.Principal, facts []*factv1.Fact) error {
	for len(facts) > 0 {
		req := &ingestv1.PublishRequest{Organisation: p.Organisation, Source: p.Source}
		size := 0
		for len(facts) > 0 && len(req.Facts) < 500 && size < 128<<10 {
			req.Facts = append(req.Facts, facts[0])
			size += proto.Size(facts[0])
			facts = facts[1:]
		}
		data, err := proto.Marshal(req)
		if err != nil {
			return err
		}
		err = patiently(a.ctx, sendAgain, []fault.Kind{fault.Unavailable, fault.Exhausted}, func() error {
			return a.n.rec.recordHashed(a.ctx, p, data)
		})
		switch {
		case err == nil:
		case a.ctx.Err() != nil:
			return errors.Join(fold.ErrStore, a.ctx.Err())
		default:
			// It would be refused again: it is listed, and the rest goes on.
			a.log.Error("facts of native records were refused", "source", p.Source, "reason", err)
		}
	}
	return nil
}

// tick keeps the log's clock going while calls are open.
func (a *assembler) tick(ctx context.Context) error {
	t := time.NewTicker(tickAfter)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		a.mu.Lock()
		var due []string
		for at, n := range a.open {
			if n > 0 {
				due = append(due, at)
			}
		}
		a.mu.Unlock()
		for _, at := range due {
			org, source, _ := strings.Cut(at, "\x00")
			data, err := proto.Marshal(&ingestv1.NativeEvents{ReceivedAt: timestamppb.New(a.n.rec.clock())})
			if err == nil {
				_, err = a.bus.JS().PublishMsg(ctx, &nats.Msg{Subject: bus.NativeSubject(org, source), Data: data})
			}
			if err != nil && ctx.Err() == nil {
				a.log.Warn("a tick could not be written", "source", source, "reason", err)
			}
		}
	}
}
