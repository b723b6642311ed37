// Package state is the fold of TS_SURVEY: who was asked what, when and why not, what they answered, and what waits for its time.
// It depends on the messages of the log alone: everything that a map or a clock says is in them.
//
// Records lie in the store, and only what changed since the last flush is in memory: a million invitations that wait take no
// more room there than one.
package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// Keys in the store.
const (
	keyMeta       = 'm' // → how far facts are decided about, by organisation; orders
	keyInvitation = 'i' // invitation → Invitation
	keyPerson     = 'p' // person → Person
	keyToken      = 't' // keyed hash of a token → invitation
	keyDue        = 'd' // due time, invitation → message number
	keyHeld       = 'v' // organisation, wave, invitation → due time
	keyMember     = 'a' // organisation, audience, person → Member
	keyTodo       = 'o' // organisation, due time, invitation, rule → Todo
	keyCount      = 'n' // organisation, name → a number
	keyPhone      = 'f' // keyed hash of a telephone number, person → organisation
	keyRecent     = 'r' // organisation, time of the first answer, invitation → nothing: responses in order
)

// State is a fold.Machine. Its reading methods may be called from any goroutine; what they return must not be changed.
type State struct {
	mu      sync.RWMutex
	store   fold.Store
	dirty   map[string][]byte // of the next flush; nil values are deletions
	flushed map[string][]byte // of the last flush: read from here, since it may not be committed yet
	meta    meta
	changed chan struct{}
}

type meta struct {
	Facts   map[string]uint64 `json:"facts"`   // organisation → sequence of TS_FACT up to which it is decided
	Stopped map[string]string `json:"stopped"` // organisation → id of the key that stopped all sending
}

// New returns an empty state.
func New() *State {
	return &State{dirty: map[string][]byte{}, meta: newMeta(), changed: make(chan struct{})}
}

func newMeta() meta { return meta{Facts: map[string]uint64{}, Stopped: map[string]string{}} }

// Load implements fold.Machine.
func (s *State) Load(st fold.Store) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store, s.dirty, s.flushed, s.meta = st, map[string][]byte{}, nil, newMeta()
	b, err := st.Get([]byte{keyMeta})
	if err != nil {
		return err
	}
	if b != nil {
		if err := json.Unmarshal(b, &s.meta); err != nil {
			return fmt.Errorf("the head of the survey state is damaged, rebuild it: %w", err)
		}
	}
	s.announce()
	return nil
}

// Flush implements fold.Machine.
func (s *State) Flush(w *fold.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.dirty {
		if v == nil {
			w.Delete([]byte(k))
		} else {
			w.Set([]byte(k), v)
		}
	}
	head, err := json.Marshal(s.meta)
	if err != nil {
		return err
	}
	w.Set([]byte{keyMeta}, head)
	s.dirty, s.flushed = map[string][]byte{}, s.dirty
	return nil
}

// Apply implements fold.Machine: it folds one SurveyBatch of the subject ts.survey.<organisation>.<partition>.
func (s *State) Apply(m fold.Message) error {
	parts := strings.Split(m.Subject, ".")
	if len(parts) != 4 {
		return fmt.Errorf("subject %q is none of ts.survey.<organisation>.<partition>", m.Subject)
	}
	b := &surveyv1.SurveyBatch{}
	if err := proto.Unmarshal(m.Data, b); err != nil {
		return fmt.Errorf("this is no SurveyBatch: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range b.GetEvents() {
		if err := s.apply(parts[2], e); err != nil {
			return err
		}
	}
	if b.GetFactPosition() > 0 {
		s.meta.Facts[parts[2]] = b.GetFactPosition()
	}
	s.announce()
	return nil
}

func (s *State) apply(org string, e *surveyv1.SurveyEvent) error {
	id, _ := idOf(e.GetInvitation())
	switch e.GetWhat().(type) {
	case *surveyv1.SurveyEvent_Decided:
		return s.decided(org, id, e.GetAtMs(), e.GetDecided())
	case *surveyv1.SurveyEvent_Sent:
		return s.invitation(id, func(i *Invitation) error { return s.sent(id, i, e.GetAtMs(), e.GetSent()) })
	case *surveyv1.SurveyEvent_Delivery:
		return s.invitation(id, func(i *Invitation) error { return s.delivery(id, i, e.GetAtMs(), e.GetDelivery()) })
	case *surveyv1.SurveyEvent_Saved:
		return s.invitation(id, func(i *Invitation) error { return s.saved(id, i, e.GetAtMs(), e.GetSaved()) })
	case *surveyv1.SurveyEvent_Wish:
		return s.wish(org, e.GetWish())
	case *surveyv1.SurveyEvent_Listed:
		return s.listed(org, e.GetListed())
	case *surveyv1.SurveyEvent_Order:
		return s.order(org, e.GetAtMs(), e.GetOrder())
	case *surveyv1.SurveyEvent_Done:
		return s.done(org, id, e.GetAtMs(), e.GetDone())
	case *surveyv1.SurveyEvent_Elsewhere:
		return s.elsewhere(e.GetAtMs(), e.GetElsewhere())
	default:
		return nil // of a newer contract
	}
}

func idOf(b []byte) (ID, bool) {
	if len(b) != len(ID{}) {
		return ID{}, false
	}
	return ID(b), true
}

// get returns the value of a key as the log has it so far.
func (s *State) get(key []byte) ([]byte, error) {
	if v, ok := s.recent(string(key)); ok {
		return v, nil
	}
	if s.store == nil {
		return nil, loading()
	}
	v, err := s.store.Get(key)
	if err != nil {
		return nil, errors.Join(fold.ErrStore, err)
	}
	return v, nil
}

// loading is what readers are told before Load.
func loading() error {
	return &fault.Error{Kind: fault.Unavailable, Message: "what was asked and answered is being loaded: call again in a moment", RetryAfter: 500 * time.Millisecond}
}

// recent returns the value of a key that changed lately; nil where it was removed.
func (s *State) recent(key string) ([]byte, bool) {
	if v, ok := s.dirty[key]; ok {
		return v, true
	}
	v, ok := s.flushed[key]
	return v, ok
}

func (s *State) put(key []byte, x any) error {
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	s.dirty[string(key)] = b
	return nil
}

func (s *State) set(key, value []byte) { s.dirty[string(key)] = value }

func (s *State) remove(key []byte) { s.dirty[string(key)] = nil }

// scan calls f for the keys that begin with prefix, ascending, as the log has them so far, until it returns false.
func (s *State) scan(prefix []byte, f func(key, value []byte) bool) error {
	if s.store == nil {
		return loading()
	}
	var fresh []string
	for _, changes := range [...]map[string][]byte{s.dirty, s.flushed} {
		for k := range changes {
			if strings.HasPrefix(k, string(prefix)) {
				fresh = append(fresh, k)
			}
		}
	}
	slices.Sort(fresh)
	fresh = slices.Compact(fresh)
	enough := errors.New("enough")
	emit := func(k string) bool {
		v, _ := s.recent(k)
		return v == nil || f([]byte(k), v)
	}
	err := s.store.Scan(prefix, func(k, v []byte) error {
		for len(fresh) > 0 && fresh[0] < string(k) {
			if !emit(fresh[0]) {
				return enough
			}
			fresh = fresh[1:]
		}
		if len(fresh) > 0 && fresh[0] == string(k) {
			next := fresh[0]
			fresh = fresh[1:]
			if !emit(next) {
				return enough
			}
			return nil
		}
		if !f(k, v) {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		return nil
	}
	if err != nil {
		return errors.Join(fold.ErrStore, err)
	}
	for _, k := range fresh {
		if !emit(k) {
			return nil
		}
	}
	return nil
}

func (s *State) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed returns a channel that is closed at the next change.
func (s *State) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// key joins the parts of a key: bytes as they are, strings with an end of their own, numbers in their order.
func key(kind byte, parts ...any) []byte {
	b := []byte{kind}
	for _, p := range parts {
		switch p := p.(type) {
		case ID:
			b = append(b, p[:]...)
		case string:
			b = append(append(b, p...), 0)
		case int64:
			b = binary.BigEndian.AppendUint64(b, uint64(p)^1<<63)
		case mapv1.Audience:
			b = append(b, byte(p))
		}
	}
	return b
}
