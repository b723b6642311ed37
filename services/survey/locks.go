package survey

import (
	"sync"

	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// locks are locks of single invitations. Whoever holds one waits for the log and for channels, and asks for no other.
type locks struct {
	mu   sync.Mutex
	held map[state.ID]*lockOf
}

type lockOf struct {
	sync.Mutex
	wanted int
}

func newLocks() *locks { return &locks{held: map[state.ID]*lockOf{}} }

func (l *locks) lock(id state.ID) (unlock func()) {
	l.mu.Lock()
	x := l.held[id]
	if x == nil {
		x = &lockOf{}
		l.held[id] = x
	}
	x.wanted++
	l.mu.Unlock()
	x.Lock()
	return func() {
		x.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if x.wanted--; x.wanted == 0 {
			delete(l.held, id)
		}
	}
}
