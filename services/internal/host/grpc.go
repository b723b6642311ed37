package host

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"buf.build/go/protovalidate"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// Limits of the gRPC server, before anything is decoded.
const (
	maxRequest      = 512 << 10
	maxStreams      = 100
	maxHeaders      = 16 << 10
	defaultDeadline = 30 * time.Second
	longDeadline    = 60 * time.Minute
)

type grpcServer struct {
	*grpc.Server
	health *grpchealth.Server
}

func newGRPC(h *host) (*grpcServer, error) {
	v, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("validator: %w", err)
	}
	e := &edge{h: h, validator: v}
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(rawgrpc.Codec()),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxSendMsgSize(16 << 20),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
		grpc.InTapHandle(e.admit),
		grpc.UnaryInterceptor(e.unary),
		grpc.StreamInterceptor(e.stream),
		grpc.InitialWindowSize(4 << 20), grpc.InitialConnWindowSize(8 << 20),
	}
	if h.opt.Telemetry.Traced() {
		opts = append(opts, grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(h.opt.Telemetry.tracers), otelgrpc.WithMeterProvider(h.opt.Telemetry.meters), otelgrpc.WithPropagators(propagation.TraceContext{}))))
	}
	s := &grpcServer{Server: grpc.NewServer(opts...), health: grpchealth.NewServer()}
	healthpb.RegisterHealthServer(s, s.health)
	reflection.Register(s)
	return s, nil
}

// drain lets calls in flight end, then cuts streams that have no end.
func (s *grpcServer) drain(ctx context.Context) error {
	s.health.Shutdown()
	done := make(chan struct{})
	go func() { defer close(done); s.GracefulStop() }()
	soon, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	select {
	case <-done:
	case <-soon.Done():
		s.Stop() // watchers and publishers hold their streams open; both resume elsewhere
		<-done
	}
	return nil
}

// edge is what every call passes: recovery, access, limits, validation, errors.
type edge struct {
	h         *host
	validator protovalidate.Validator
}

// admit decides by a call's headers, before anything of the request is read.
func (e *edge) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	authorization := ""
	if v := info.Header.Get("authorization"); len(v) > 0 {
		authorization = v[0]
	}
	ctx, err := e.h.guard.Check(ctx, info.FullMethodName, authorization)
	if err != nil {
		s, _ := Status(err)
		return nil, s.Err()
	}
	return ctx, nil
}

func (e *edge) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() { err = e.outcome(info.FullMethod, recover(), err) }()
	if !access.Called(ctx, info.FullMethod) {
		return nil, fault.New(fault.Denied, "nobody may call %s", info.FullMethod)
	}
	if err := e.validate(ctx, req); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		d := defaultDeadline
		switch info.FullMethod {
		case "/touchstone.admin.v1.AdminService/Verify", "/touchstone.admin.v1.AdminService/Rebuild",
			"/touchstone.ingest.v1.PersonService/ForgetCustomer":
			d = longDeadline
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	return next(ctx, req)
}

func (e *edge) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() { err = e.outcome(info.FullMethod, recover(), err) }()
	if !access.Called(ss.Context(), info.FullMethod) {
		return fault.New(fault.Denied, "nobody may call %s", info.FullMethod)
	}
	return next(srv, &stream{ss, e})
}

func (e *edge) outcome(method string, panicked any, err error) error {
	if panicked != nil {
		e.h.log.Error("a call panicked", "method", method, "panic", panicked, "stack", string(debug.Stack()))
		err = fault.New(fault.Internal, "panic")
	}
	if err == nil {
		return nil
	}
	s, internal := Status(err)
	if internal {
		e.h.log.Error("a call failed", "method", method, "error", err)
	}
	return s.Err()
}

func (e *edge) validate(ctx context.Context, req any) error {
	m, ok := req.(proto.Message)
	if !ok {
		return nil // a raw frame: its method validates and confines it
	}
	if err := Validation(e.validator.Validate(m)); err != nil {
		return err
	}
	return e.h.guard.Confine(ctx, m)
}

type stream struct {
	grpc.ServerStream
	edge *edge
}

func (s *stream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.edge.validate(s.Context(), m)
}

// MayRead reports whether the caller may know of an organisation.
func MayRead(ctx context.Context, organisation string) bool {
	p, ok := access.PrincipalFrom(ctx)
	return ok && p.Sees(organisation)
}
