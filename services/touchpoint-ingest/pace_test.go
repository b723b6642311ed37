package ingest

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
)

// TestPublishingWaitsForCounting: a message waits while too many are on disk and not counted, and goes when the fold says
// that it got on.
func TestPublishingWaitsForCounting(t *testing.T) {
	b := bustest.New(t)
	p := newPace(2)
	p.longest, p.stuck = time.Hour, time.Hour
	if err := p.listen(b.NC()); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	tell := func(position uint64) {
		data, err := proto.Marshal(&factv1.Folded{Position: position})
		if err == nil {
			err = b.NC().Publish(bus.FoldedSubject("correlation", 0), data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	heard := func(position uint64) {
		for {
			p.mu.Lock()
			at, news := p.folded, p.news
			p.mu.Unlock()
			if at == position {
				return
			}
			<-news
		}
	}
	p.recorded(100)
	p.wait() // nothing is heard of a fold: nobody waits
	tell(98)
	heard(98)
	p.wait()
	p.recorded(101)
	passed := make(chan struct{})
	go func() { p.wait(); close(passed) }()
	tell(90) // it began again
	heard(90)
	select {
	case <-passed:
		t.Fatal("three messages are ahead and another went")
	default:
	}
	tell(99)
	<-passed
}

// TestPublishingNeverWaitsForLong: a fold that is slow or says nothing slows publishing and does not stop it.
func TestPublishingNeverWaitsForLong(t *testing.T) {
	p := newPace(1)
	p.longest = time.Millisecond
	p.counted(1)
	p.recorded(1000)
	p.wait()
	p.longest, p.stuck = time.Hour, 0
	p.wait()
	off := newPace(0)
	off.longest = time.Hour
	off.counted(1)
	off.recorded(1000)
	off.wait()
}
