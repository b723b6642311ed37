package expmap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

const (
	streamName    = "TS_MAP"
	subjectPrefix = "ts.map."
	allSubjects   = subjectPrefix + "*"
)

// Registry holds the current map of every organisation, as the stream TS_MAP has them, and keeps them current. All its
// methods may be called from any number of goroutines.
//
// It follows the stream by reading it, not by a consumer: a message on the subject, or a reconnect, only says that it is
// worth looking, and a look every few seconds finds what no message told. Nothing is lost by a cut connection and nothing
// is left behind in the server.
type Registry struct {
	js      jetstream.JetStream
	stream  jetstream.Stream
	current atomic.Pointer[map[string]*Map] // replaced whole, so that Current takes no lock

	mu       sync.Mutex
	created  time.Time         // identity of the stream that was read
	last     uint64            // sequence up to which the stream has been read
	seqs     map[string]uint64 // sequence of each organisation's current map
	trouble  map[string]error  // by organisation; "" for the stream itself
	subs     []func(old, new *Map)
	advanced chan struct{} // closed and replaced whenever last moves

	nudge chan struct{}
	stop  context.CancelFunc
	done  chan struct{}
}

// NewRegistry reads the current map of every organisation and then follows the stream, which must exist. ctx bounds the
// reading; the following ends with Close or when the connection is closed for good.
func NewRegistry(ctx context.Context, js jetstream.JetStream) (*Registry, error) {
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return nil, fmt.Errorf("open the stream %s: %w", streamName, err)
	}
	r := &Registry{
		js: js, stream: stream, seqs: map[string]uint64{}, trouble: map[string]error{},
		advanced: make(chan struct{}), nudge: make(chan struct{}, 1), done: make(chan struct{}),
	}
	r.current.Store(&map[string]*Map{})
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	sub, err := js.Conn().Subscribe(allSubjects, func(*nats.Msg) { r.look() })
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", allSubjects, err)
	}
	following, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.follow(following, sub)
	return r, nil
}

// Close ends the following and waits for it; the maps stay readable. It may be called more than once, but not from a
// function given to Subscribe.
func (r *Registry) Close() {
	r.stop()
	<-r.done
}

// Current returns the organisation's current map, nil when it has none.
func (r *Registry) Current(org string) *Map { return (*r.current.Load())[org] }

// Organisations returns the ids of the organisations that have a map, in order.
func (r *Registry) Organisations() []string { return keys(*r.current.Load()) }

// Subscribe has f called for each new version, in the order of the stream, from one goroutine, after Current returns it.
// old is nil for an organisation's first map. While f runs no further version is taken in, so it should be short. To miss
// nothing, subscribe first and read Current then: f may be called with a version already seen there. After the stream was
// restored from a backup new.Version may be lower than old.Version, and versions between the two are left out.
func (r *Registry) Subscribe(f func(old, new *Map)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subs = append(r.subs, f)
}

// Health returns what keeps the maps from being current or readable, nil when nothing does.
func (r *Registry) Health(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, org := range keys(r.trouble) {
		errs = append(errs, r.trouble[org])
	}
	return errors.Join(errs...)
}

// look asks the follower to read on; one pending request is enough.
func (r *Registry) look() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// load reads the newest map of each organisation.
func (r *Registry) load(ctx context.Context) error {
	info, err := r.stream.Info(ctx, jetstream.WithSubjectFilter(allSubjects))
	if err != nil {
		return fmt.Errorf("read the state of %s: %w", streamName, err)
	}
	var changes []change
	for subject := range info.State.Subjects {
		msg, err := r.stream.GetLastMsgForSubject(ctx, subject)
		if err != nil {
			return fmt.Errorf("read the last message of %s: %w", subject, err)
		}
		changes = append(changes, r.take(msg)...)
	}
	r.mu.Lock()
	for org := range *r.current.Load() {
		if _, held := info.State.Subjects[subjectPrefix+org]; !held {
			r.trouble[org] = fmt.Errorf("the stream %s no longer holds a map of %s: apply it again (the last one known is still served)", streamName, org)
			delete(r.seqs, org)
		}
	}
	r.created = info.Created
	r.advance(info.State.LastSeq)
	r.mu.Unlock()
	r.announce(changes)
	return nil
}

// change is one version taken in, to be announced.
type change struct{ old, new *Map }

// take makes the map of a message current. A message that cannot be understood leaves the map as it was and is reported by
// Health: one organisation's trouble must not stop the others.
func (r *Registry) take(msg *jetstream.RawStreamMsg) []change {
	org := strings.TrimPrefix(msg.Subject, subjectPrefix)
	m, err := decode(org, msg.Data)
	r.mu.Lock()
	defer r.mu.Unlock()
	if msg.Sequence <= r.seqs[org] {
		return nil
	}
	r.seqs[org] = msg.Sequence
	if err != nil {
		r.trouble[org] = fmt.Errorf("%s message %d: %w", streamName, msg.Sequence, err)
		return nil
	}
	delete(r.trouble, org)
	next := maps.Clone(*r.current.Load())
	old := next[org]
	next[org] = m
	r.current.Store(&next)
	return []change{{old, m}}
}

// advance notes how far the stream was read and wakes those who wait for it. r.mu is held.
func (r *Registry) advance(seq uint64) {
	r.last = seq
	close(r.advanced)
	r.advanced = make(chan struct{})
}

// announce calls the subscribers. Only the follower calls it, and NewRegistry before there are any, so the order holds.
func (r *Registry) announce(changes []change) {
	if len(changes) == 0 {
		return
	}
	r.mu.Lock()
	subs := r.subs[:len(r.subs):len(r.subs)]
	r.mu.Unlock()
	for _, c := range changes {
		for _, f := range subs {
			f(c.old, c.new)
		}
	}
}

// decode reads a stored version.
func decode(org string, data []byte) (*Map, error) {
	mv, err := decodeVersion(data)
	if err != nil {
		return nil, err
	}
	if got := mv.GetMap().GetOrganisation(); got != org {
		return nil, fmt.Errorf("the map is of %q, the subject of %q", got, org)
	}
	return build(mv.GetMap(), mv.GetVersion())
}

func decodeVersion(data []byte) (*mapv1.MapVersion, error) {
	mv := new(mapv1.MapVersion)
	if err := proto.Unmarshal(data, mv); err != nil {
		return nil, fmt.Errorf("decode the map: %w", err)
	}
	return mv, nil
}
