package survey

import (
	"context"
	"errors"
	"testing"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/compose"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// failing is a channel that takes nothing.
type failing struct{ err error }

func (failing) Medium() gate.Medium { return gate.Link }

func (f failing) Send(context.Context, *channel.Message) (channel.Receipt, error) {
	return channel.Receipt{}, f.err
}

// What fails is tried again as often as the backoff says, and never sooner than the other side asked; what cannot succeed is not.
func TestRetries(t *testing.T) {
	k := newKit(t, aMap())
	composer, err := compose.New()
	if err != nil {
		t.Fatal(err)
	}
	busy, refused, out := channel.Later("450 <ann@example.com> is busy"), channel.Refused("550 nobody is called so"), channel.Refused("They said STOP.")
	busy.After, out.OptedOut = 3*time.Minute, true
	for name, c := range map[string]struct {
		err      error
		failed   string
		waits    []time.Duration
		optedOut bool
	}{
		"busy":        {busy, "450 <[e-mail]> is busy", []time.Duration{3 * time.Minute, 3 * time.Minute, 4 * time.Minute}, false},
		"unknown":     {errors.New("it broke"), "it broke", []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}, false},
		"refused":     {refused, "550 nobody is called so", nil, false},
		"opted out":   {out, "They said STOP.", nil, true},
		"no such way": {nil, "No channel for the medium link is configured.", []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}, false},
	} {
		s := &scheduler{
			state: state.New(), atlas: newAtlas(k.maps), keys: keys{[]byte("k")}, judge: &judge{}, clock: k.clock, cap: 10, base: "http://x", composer: composer,
			backoff: channel.Backoff{First: time.Minute, Most: time.Hour, Attempts: 4},
			via: func(gate.Medium) (channel.Channel, error) {
				if c.err == nil {
					return nil, errors.New("No channel for the medium link is configured.")
				}
				return failing{c.err}, nil
			},
		}
		i := &state.Invitation{Organisation: "acme", Survey: "help", MapVersion: 1, Due: 1, OpenUntil: noon.AddDate(0, 0, 14).UnixMilli(), Channel: mapv1.SurveyChannel_SURVEY_CHANNEL_LINK, Language: "en"}
		for n := range len(c.waits) + 1 {
			e, err := s.deal(t.Context(), state.ID{1}, i, noon, map[string]uint64{"acme": 0})
			if err != nil || e.sent.GetAttempt() != uint32(n+1) || e.sent.GetFailed() != c.failed || e.optedOut != c.optedOut || e.arrived {
				t.Fatalf("%s, attempt %d: %+v %v", name, n+1, e, err)
			}
			next := int64(0)
			if n < len(c.waits) {
				next = noon.Add(c.waits[n]).UnixMilli()
			}
			if e.sent.GetNextMs() != next || e.sent.GetAgain() != (next > 0) {
				t.Errorf("%s, attempt %d: %v", name, n+1, e.sent)
			}
			i.Attempts = e.sent.GetAttempt()
		}
	}
}
