package host_test

import (
	"context"
	"strings"
	"testing"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// Work that does not end when it is told to is said so, and does not keep the process.
func TestStuckWorkIsLeft(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	stuck := unit("stuck", func(_ context.Context, env *host.Env) error {
		env.Go("work", func(context.Context) error { <-release; return nil })
		return nil
	})
	r := run(t, func(o *host.Options) { o.Grace = 100 * time.Millisecond }, stuck)
	if err := r.stop(); err == nil || !strings.Contains(err.Error(), "did not end in time") {
		t.Errorf("%v", err)
	}
}

// A peer without an address, where the process does not listen itself, is an error of the call.
func TestPeerWithoutAddress(t *testing.T) {
	opt := options(t, &records{})
	opt.GRPC = ""
	var err error
	_ = host.Run(background(t), opt, unit("caller", func(ctx context.Context, env *host.Env) error {
		_, err = mapv1.NewMapServiceClient(env.Peer("maps")).GetMap(ctx, &mapv1.GetMapRequest{})
		return context.Canceled
	}))
	if err == nil || !strings.Contains(err.Error(), "where is maps?") {
		t.Errorf("%v", err)
	}
}

// Settings that would be passed over in silence are said.
func TestSectionsThatAreNone(t *testing.T) {
	for yaml, says := range map[string]string{
		"unit: 5\n":                      ":1: settings are expected under \"unit\"",
		"unit: [1]\n":                    ":1: settings are expected under \"unit\"",
		"unit:\n  n: 1\nunit:\n  n: 2\n": ":3: unit occurs twice",
	} {
		if _, err := host.ReadConfig(file(t, yaml), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", yaml, err)
		}
	}
	c, err := host.ReadConfig(file(t, "unit:\n  n: 1\n  n: 2\nother:\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Section("unit", new(settings)); err == nil || !strings.Contains(err.Error(), ":3: unit.n occurs twice") {
		t.Errorf("%v", err)
	}
	if err := c.Section("other", new(settings)); err != nil {
		t.Errorf("an empty section: %v", err)
	}
}
