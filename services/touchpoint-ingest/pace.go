package ingest

import (
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
)

// pace slows publishing down while counting is far behind. Under a flood ingest and fold compete for the same machines;
// without it ingest would win, what is shown would grow ever older, and the fold would do alone afterwards what both can do
// at once. It slows and never stops: a message waits so long at most, and not at all unless the fold is getting on, since
// what matters first is that facts reach the disk.
type pace struct {
	most    uint64        // messages recorded and not counted; 0: any number
	longest time.Duration // how long one message waits
	stuck   time.Duration // how long the fold may say nothing before nobody waits for it

	mu     sync.Mutex
	newest uint64 // sequence of the newest message on disk that this instance knows of
	folded uint64
	moved  time.Time     // when folded last rose
	news   chan struct{} // closed and replaced when it does
	sub    *nats.Subscription
}

func newPace(most uint64) *pace {
	return &pace{most: most, longest: 100 * time.Millisecond, stuck: time.Second, news: make(chan struct{})}
}

// listen hears how far facts are counted.
func (p *pace) listen(nc *nats.Conn) (err error) {
	p.sub, err = nc.Subscribe(bus.FoldedSubject("correlation", 0), func(m *nats.Msg) {
		var f factv1.Folded
		if proto.Unmarshal(m.Data, &f) == nil {
			p.counted(f.GetPosition())
		}
	})
	if err != nil {
		return fmt.Errorf("listening for how far facts are counted: %w", err)
	}
	return nil
}

func (p *pace) close() error { return p.sub.Unsubscribe() }

func (p *pace) counted(position uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if position == p.folded {
		return
	}
	// It falls when a fold begins again from its last flush: that is news as well.
	p.folded, p.moved = position, time.Now()
	close(p.news)
	p.news = make(chan struct{})
}

func (p *pace) recorded(sequence uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newest = max(p.newest, sequence)
}

// wait returns when a message may be published.
func (p *pace) wait() {
	var longest <-chan time.Time
	for {
		p.mu.Lock()
		ahead := p.most > 0 && p.newest > p.folded+p.most && time.Since(p.moved) < p.stuck
		news := p.news
		p.mu.Unlock()
		if !ahead {
			return
		}
		if longest == nil {
			t := time.NewTimer(p.longest)
			defer t.Stop()
			longest = t.C
		}
		select {
		case <-news:
		case <-longest:
			return
		}
	}
}
