package e2e

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/correlation"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	ingest "github.com/touchstone-cx/touchstone/services/touchpoint-ingest"
)

// inProcess runs every service in this process and returns a client and what stops it.
func inProcess(t *testing.T, clock func() time.Time) (to target, stop func()) {
	t.Helper()
	b := bustest.New(t)
	keys, err := access.NewKeys(t.Context(), b.JS(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := keys.Create(t.Context(), adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	if err != nil {
		t.Fatal(err)
	}
	keys.Close()
	cfg, err := host.ReadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	telemetry, err := host.NewTelemetry(t.Context(), "", "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan host.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- host.Run(ctx, host.Options{
			GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", DataDir: filepath.Join(t.TempDir(), "data"), Bus: b, Config: cfg,
			Log: slog.New(slog.DiscardHandler), Telemetry: telemetry, Clock: clock, Ready: func(a host.Addresses) { ready <- a },
		}, ingest.Unit(), correlation.Unit())
	}()
	var at host.Addresses
	select {
	case at = <-ready:
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	c, err := instance.Dial(at.GRPC, token)
	if err != nil {
		t.Fatal(err)
	}
	return target{Clients: instance.NewClients(c), events: "http://" + at.HTTP + "/v1/events", key: token}, func() {
		t.Helper()
		err := c.Close()
		cancel()
		select {
		case e := <-ended:
			err = errors.Join(err, e, telemetry.Stop(context.WithoutCancel(ctx)))
		case <-time.After(20 * time.Second):
			err = errors.New("it did not stop within 20 seconds")
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Two instances in one process share nothing: not their facts, their maps, their clocks nor their metrics, and one goes on
// when the other has stopped. Neither leaves a goroutine behind.
func TestTwoConcurrentInstances(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) }) // after everything else of this test has ended
	now := time.Now()
	a, stopA := inProcess(t, func() time.Time { return now })
	b, stopB := inProcess(t, func() time.Time { return now })
	apply(t, a.Maps, traffic.Map("acme"))
	apply(t, b.Maps, traffic.Map("acme"))
	facts := life(1000, 3)
	publish(t, a.Ingest, "acme", "pbx", facts...)
	v := verified(t, a.Admin)
	if st := settled(t, b.Admin); st.GetFacts() != 0 {
		t.Errorf("the other instance has %d facts that it was never sent", st.GetFacts())
	}
	publish(t, b.Ingest, "acme", "pbx", facts[:300]...)
	if u := verified(t, b.Admin); u.GetLiveHash() == v.GetLiveHash() {
		t.Error("both have the same hash with other facts")
	}
	stopA()
	publish(t, b.Ingest, "acme", "pbx", facts[300:]...)
	if u := verified(t, b.Admin); u.GetFacts() != v.GetFacts() || u.GetCells() != v.GetCells() {
		t.Errorf("with the same facts one has %v, the other %v", v, u)
	}
	if x := picture(t, b, "acme"); x == "" {
		t.Error("no scores")
	}
	stopB()
}
