// Package pagetest is the kit that a page.Store must pass, and a store in memory.
package pagetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-cx/touchstone/services/survey/page"
)

// Memory is a page.Store in memory.
type Memory struct {
	now func() time.Time

	mu          sync.Mutex
	invitations map[[32]byte]*invitation
}

type invitation struct {
	page.Invitation
	until  time.Time
	record Record
}

// Record is what a store recorded of one invitation.
type Record struct {
	Answers  page.Answers
	Saves    int // calls of Save that were taken
	Finishes int // calls of Finish that were taken
	Last     page.Step
	Consent  *page.Consent
	OptedOut bool
}

// NewMemory returns a Memory that reads the time from now.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, invitations: map[[32]byte]*invitation{}}
}

// Invite asks somebody until a time, and returns the token.
func (m *Memory) Invite(s *page.Survey, until time.Time) string {
	raw := make([]byte, 16)
	rand.Read(raw)
	token := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.invitations[sha256.Sum256([]byte(token))] = &invitation{Invitation: page.Invitation{Survey: s, Saved: page.Answers{}}, until: until}
	return token
}

// Expire ends an invitation's time.
func (m *Memory) Expire(token string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.find(token).until = time.Time{}
}

// Recorded returns what was recorded of an invitation.
func (m *Memory) Recorded(token string) Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.find(token)
	r := i.record
	r.Answers, r.Consent = maps.Clone(i.Saved), i.Invitation.Consent
	return r
}

func (m *Memory) find(token string) *invitation {
	return m.invitations[sha256.Sum256([]byte(token))]
}

// live returns an invitation whose time is not over.
func (m *Memory) live(token string) (*invitation, error) {
	i := m.find(token)
	if i == nil || !m.now().Before(i.until) {
		return nil, page.ErrGone
	}
	return i, nil
}

// Open implements page.Store.
func (m *Memory) Open(_ context.Context, token string) (*page.Invitation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, err := m.live(token)
	if err != nil {
		return nil, err
	}
	out := i.Invitation
	out.Saved = maps.Clone(out.Saved)
	return &out, nil
}

// Save implements page.Store.
func (m *Memory) Save(_ context.Context, token string, step page.Step) error {
	return m.take(token, step, false)
}

// Finish implements page.Store.
func (m *Memory) Finish(_ context.Context, token string, step page.Step) error {
	return m.take(token, step, true)
}

func (m *Memory) take(token string, step page.Step, final bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, err := m.live(token)
	if err != nil {
		return err
	}
	if i.Finished {
		return page.ErrSpent
	}
	maps.Copy(i.Saved, step.Answers)
	i.record.Last = step
	if final {
		i.Finished = true
		i.record.Finishes++
	} else {
		i.record.Saves++
	}
	return nil
}

// Allow implements page.Store.
func (m *Memory) Allow(_ context.Context, token string, consent page.Consent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, err := m.live(token)
	if err != nil {
		return err
	}
	i.Invitation.Consent = &consent
	return nil
}

// OptOut implements page.Store.
func (m *Memory) OptOut(_ context.Context, token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.find(token)
	if i == nil {
		return page.ErrGone
	}
	i.record.OptedOut = true
	return nil
}
