package channeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// Answer is what the other side of a channel does with messages.
type Answer int

const (
	// Accept takes them.
	Accept Answer = iota
	// Refuse refuses each for good, for the person's sake, and quotes in its answer what it was sent.
	Refuse
	// PutOff refuses each for now.
	PutOff
	// Hang never answers.
	Hang
	// Down is not there.
	Down
)

// Fixture is a channel under test and its other side.
type Fixture struct {
	Channel channel.Channel
	// Set says what the other side does from now on; Accept to begin with.
	Set func(Answer)
	// Can are the answers besides Accept that the other side knows; a channel without one has none.
	Can []Answer
	// Received returns what the other side took so far, decoded as a person or a system reads it. Its ID is the message's as it came.
	Received func() []Received
	// Secrets are what no error may hold, besides personal data.
	Secrets []string
	// Stop ends the channel's connections and the other side.
	Stop func()
}

// Received is a message as it came to the other side.
type Received struct {
	ID string
	// To is the address it came to; empty where there are none.
	To string
	// Text is all of it that can be read.
	Text string
}

// Exercise holds a channel to what the survey service needs of it. start returns a new one each time.
func Exercise(t *testing.T, start func(*testing.T) Fixture) {
	for _, c := range []struct {
		name  string
		needs Answer
		run   func(*testing.T, *run)
	}{
		{"a message arrives", Accept, arrives},
		{"every attempt has the same id", Accept, sameID},
		{"messages at once", Accept, atOnce},
		{"of another medium", Accept, otherMedium},
		{"hostile contents", Accept, hostileContents},
		{"ended before it began", Accept, ended},
		{"refused for good", Refuse, refused},
		{"put off, then taken", PutOff, putOff},
		{"no answer by the end of time", Hang, timeout},
		{"broken off", Hang, cancelled},
		{"not there", Down, down},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			f := start(t)
			defer goleak.VerifyNone(t, before)
			defer f.Stop()
			if c.needs != Accept && !slices.Contains(f.Can, c.needs) {
				return // the channel has no other side that could
			}
			c.run(t, &run{f, f.Channel.Medium()})
		})
	}
}

type run struct {
	Fixture
	medium gate.Medium
}

// send sends, and sees to it that an error holds nothing that it must not.
func (r *run) send(ctx context.Context, t *testing.T, m *channel.Message) (channel.Receipt, error) {
	t.Helper()
	receipt, err := r.Channel.Send(ctx, m)
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := fmt.Sprintf("%v %+v %#v", e, e, e)
		for _, secret := range append(personal(m), r.Secrets...) {
			if strings.Contains(text, secret) {
				t.Errorf("the error holds %q: %s", secret, text)
			}
		}
	}
	var e *channel.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("the error is no *channel.Error: %v", err)
	}
	if id := receipt.ProviderID; id != channel.ProviderID(id) {
		t.Errorf("the provider's id is %q", id)
	}
	return receipt, err
}

func arrives(t *testing.T, r *run) {
	m := Message(r.medium, 1)
	if _, err := r.send(t.Context(), t, m); err != nil {
		t.Fatal(err)
	}
	all := r.Received()
	if len(all) != 1 {
		t.Fatalf("%d messages arrived", len(all))
	}
	got := all[0]
	want := []string{m.Link, "How was the call on 24 November?"}
	if m.Question != nil {
		want = append(want, m.Question.Text, m.Question.Points[7].Link, m.Stop)
	}
	for _, x := range want {
		if !strings.Contains(got.Text, x) {
			t.Errorf("%q is missing in\n%s", x, got.Text)
		}
	}
	if got.ID != m.ID {
		t.Errorf("id %q arrived, want %q", got.ID, m.ID)
	}
}

func sameID(t *testing.T, r *run) {
	for _, n := range []int{1, 1, 2} {
		if _, err := r.send(t.Context(), t, Message(r.medium, n)); err != nil {
			t.Fatal(err)
		}
	}
	all := r.Received()
	if len(all) != 3 || all[0].ID != all[1].ID || all[2].ID == all[0].ID {
		t.Errorf("%d messages arrived with the ids %v", len(all), ids(all))
	}
}

func atOnce(t *testing.T, r *run) {
	const n = 40
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			if _, err := r.send(t.Context(), t, Message(r.medium, i)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	all := ids(r.Received())
	slices.Sort(all)
	if len(all) != n || len(slices.Compact(all)) != n {
		t.Errorf("%d messages arrived, %d of them different; want %d", len(all), len(slices.Compact(slices.Clone(all))), n)
	}
}

func otherMedium(t *testing.T, r *run) {
	other := gate.Email
	if r.medium == gate.Email {
		other = gate.SMS
	}
	bare := Message(r.medium, 2)
	bare.ID = ""
	unlinked := Message(r.medium, 3)
	unlinked.Link = ""
	for _, m := range []*channel.Message{Message(other, 1), bare, unlinked} {
		if _, err := r.send(t.Context(), t, m); !channel.Permanent(err) {
			t.Errorf("%v", err)
		}
	}
	if all := r.Received(); len(all) != 0 {
		t.Errorf("%d messages arrived", len(all))
	}
}

// hostileContents are refused for good or arrive as one message to one address, in which nothing is more than text.
func hostileContents(t *testing.T, r *run) {
	n := 0
	for name, m := range hostile(r.medium) {
		_, err := r.send(t.Context(), t, m)
		if err != nil && !channel.Permanent(err) {
			t.Errorf("%s: would be tried again: %v", name, err)
		}
		if err == nil {
			n++
		}
		all := r.Received()
		if len(all) != n {
			t.Errorf("%s: %d messages arrived, want %d", name, len(all), n)
			n = len(all)
		}
		if err != nil || len(all) == 0 {
			continue
		}
		if to := all[len(all)-1].To; to != "" && to != m.Contact.Email && to != m.Contact.Phone {
			t.Errorf("%s: it came to %q", name, to)
		}
	}
}

func ended(t *testing.T, r *run) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.send(ctx, t, Message(r.medium, 1))
	if !errors.Is(err, context.Canceled) || channel.Permanent(err) {
		t.Errorf("%v", err)
	}
	if all := r.Received(); len(all) != 0 {
		t.Errorf("%d messages arrived", len(all))
	}
}

func refused(t *testing.T, r *run) {
	r.Set(Refuse)
	if _, err := r.send(t.Context(), t, Message(r.medium, 1)); !channel.Permanent(err) {
		t.Errorf("it would be tried again: %v", err)
	}
}

func putOff(t *testing.T, r *run) {
	r.Set(PutOff)
	if _, err := r.send(t.Context(), t, Message(r.medium, 1)); err == nil || channel.Permanent(err) {
		t.Errorf("it would not be tried again: %v", err)
	}
	r.Set(Accept)
	if _, err := r.send(t.Context(), t, Message(r.medium, 1)); err != nil {
		t.Error(err)
	}
	if all := r.Received(); len(all) != 1 {
		t.Errorf("%d messages arrived", len(all))
	}
}

// soon is how long a channel may take to see that its time is over.
const soon = 3 * time.Second

func timeout(t *testing.T, r *run) {
	r.Set(Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := r.send(ctx, t, Message(r.medium, 1))
	if !errors.Is(err, context.DeadlineExceeded) || channel.Permanent(err) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > soon {
		t.Errorf("it took %s", took)
	}
}

func cancelled(t *testing.T, r *run) {
	r.Set(Hang)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	began := time.Now()
	_, err := r.send(ctx, t, Message(r.medium, 1))
	if !errors.Is(err, context.Canceled) || channel.Permanent(err) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > soon {
		t.Errorf("it took %s", took)
	}
}

func down(t *testing.T, r *run) {
	r.Set(Down)
	if _, err := r.send(t.Context(), t, Message(r.medium, 1)); err == nil || channel.Permanent(err) {
		t.Errorf("it would not be tried again: %v", err)
	}
}

func ids(all []Received) (out []string) {
	for _, x := range all {
		out = append(out, x.ID)
	}
	return out
}
