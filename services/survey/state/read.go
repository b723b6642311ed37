package state

import (
	"bytes"
	"encoding/binary"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func read[T any](s *State, k []byte) (*T, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.get(k)
	if err != nil {
		return nil, err
	}
	return decode[T](b)
}

// Invitation returns an invitation; nil when there is none.
func (s *State) Invitation(id ID) (*Invitation, error) {
	return read[Invitation](s, key(keyInvitation, id))
}

// Person returns what is remembered of a person; never nil.
func (s *State) Person(id ID) (*Person, error) {
	p, err := read[Person](s, key(keyPerson, id))
	if p == nil {
		p = new(Person)
	}
	return p, err
}

// Token returns the invitation of a token's keyed hash; nil when it is nobody's.
func (s *State) Token(hash ID) (ID, *Invitation, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.get(key(keyToken, hash))
	if err != nil {
		return ID{}, nil, err
	}
	id, ok := idOf(b)
	if !ok {
		return ID{}, nil, nil
	}
	if b, err = s.get(key(keyInvitation, id)); err != nil {
		return ID{}, nil, err
	}
	i, err := decode[Invitation](b)
	return id, i, err
}

// Decided returns the sequence of TS_FACT up to which an organisation's interactions are decided about.
func (s *State) Decided(org string) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Facts[org]
}

// Stopped returns the id of the key that stopped an organisation's sending; empty when it goes on.
func (s *State) Stopped(org string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Stopped[org]
}

// Waiting is a message that waits for its time.
type Waiting struct {
	Invitation ID
	Due        int64
}

// Due returns the messages that are due at a time, oldest first, limit at most, and when the next one after them is; 0 for none.
func (s *State) Due(now int64, limit int) (due []Waiting, next int64, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	err = s.scan([]byte{keyDue}, func(k, _ []byte) bool {
		at := int64(binary.BigEndian.Uint64(k[1:]) ^ 1<<63)
		if at > now || len(due) == limit {
			next = at
			return false
		}
		due = append(due, Waiting{ID(k[9:]), at})
		return true
	})
	return due, next, err
}

// Held returns the waves of an organisation that wait to be released, with how many of each do.
func (s *State) Held(org string) (map[string]int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := map[string]int{}
	prefix := key(keyHeld, org)
	err := s.scan(prefix, func(k, _ []byte) bool {
		if wave, _, ok := bytes.Cut(k[len(prefix):], []byte{0}); ok {
			out[string(wave)]++
		}
		return true
	})
	return out, err
}

// Members calls f for the people of an audience, in the order of their hashes, until it returns false.
func (s *State) Members(org string, a mapv1.Audience, f func(ID, *Member) bool) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	prefix := key(keyMember, org, a)
	var bad error
	err := s.scan(prefix, func(k, v []byte) bool {
		m, err := decode[Member](v)
		if err != nil {
			bad = err
			return false
		}
		return f(ID(k[len(prefix):]), m)
	})
	if bad != nil {
		return bad
	}
	return err
}

// Todo calls f for what is to be done in an organisation, or was, by due time, until it returns false.
func (s *State) Todo(org string, f func(*Todo) bool) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var bad error
	err := s.scan(key(keyTodo, org), func(_, v []byte) bool {
		t, err := decode[Todo](v)
		if err != nil {
			bad = err
			return false
		}
		return f(t)
	})
	if bad != nil {
		return bad
	}
	return err
}

// Responses calls f for the invitations of an organisation that were answered, in the order of first answers, until it returns
// false.
func (s *State) Responses(org string, f func(ID, *Invitation) bool) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	prefix := key(keyRecent, org)
	var bad error
	err := s.scan(prefix, func(k, _ []byte) bool {
		id := ID(k[len(prefix)+8:])
		b, err := s.get(key(keyInvitation, id))
		if err == nil {
			var i *Invitation
			if i, err = decode[Invitation](b); err == nil && i != nil {
				return f(id, i)
			}
		}
		bad = err
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	return err
}

// Count returns one of an organisation's numbers.
func (s *State) Count(org, name string) (int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.get(key(keyCount, org, name))
	x, _ := binary.Varint(b)
	return x, err
}

// Counts calls f for the organisation's numbers whose names begin with a prefix, by name.
func (s *State) Counts(org, prefix string, f func(name string, n int64)) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at := key(keyCount, org)
	return s.scan(append(at, prefix...), func(k, v []byte) bool {
		x, _ := binary.Varint(v)
		f(strings.TrimSuffix(string(k[len(at):]), "\x00"), x)
		return true
	})
}

// Texted is somebody to whom a text message went.
type Texted struct {
	Organisation string
	Customer     ID
}

// Phone returns those to whom text messages went by the keyed hash of a number.
func (s *State) Phone(hash ID) (all []Texted, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	prefix := key(keyPhone, hash)
	err = s.scan(prefix, func(k, v []byte) bool {
		if id, ok := idOf(k[len(prefix):]); ok {
			all = append(all, Texted{string(v), id})
		}
		return true
	})
	return all, err
}
