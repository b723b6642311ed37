package host

import (
	"context"
	"sync"
	"time"

	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// health runs the units' checks. Nothing is ready before all pass, nor once stopping has begun.
type health struct {
	mu       sync.Mutex
	names    []string
	checks   map[string]func(context.Context) error
	stopping bool
}

func newHealth() *health { return &health{checks: map[string]func(context.Context) error{}} }

func (h *health) add(name string, f func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = append(h.names, name)
	h.checks[name] = f
}

func (h *health) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopping = true
}

func (h *health) check(ctx context.Context) (ready bool, told map[string]string) {
	h.mu.Lock()
	names, checks, stopping := h.names, h.checks, h.stopping
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	ready, told = !stopping, map[string]string{}
	if stopping {
		told["host"] = "stopping"
	}
	for _, n := range names {
		told[n] = "ok"
		if err := checks[n](ctx); err != nil {
			ready, told[n] = false, err.Error()
		}
	}
	return ready, told
}

// follow keeps gRPC health true to the checks.
func (h *health) follow(ctx context.Context, s *grpchealth.Server) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		state := healthpb.HealthCheckResponse_NOT_SERVING
		if ready, _ := h.check(ctx); ready {
			state = healthpb.HealthCheckResponse_SERVING
		}
		s.SetServingStatus("", state)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
