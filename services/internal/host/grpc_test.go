package host_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// fake serves methods of the contract; refused says how, and calls counts those that came through.
type fake struct {
	adminv1.UnimplementedAdminServiceServer
	mapv1.UnimplementedMapServiceServer
	refused func(ctx context.Context) error
	calls   atomic.Int32
}

func (f *fake) unit() host.Unit {
	return unit("fake", func(_ context.Context, env *host.Env) error {
		adminv1.RegisterAdminServiceServer(env.GRPC, f)
		mapv1.RegisterMapServiceServer(env.GRPC, f)
		return nil
	})
}

func (f *fake) ListRefused(ctx context.Context, _ *adminv1.ListRefusedRequest) (*adminv1.ListRefusedResponse, error) {
	f.calls.Add(1)
	if f.refused != nil {
		if err := f.refused(ctx); err != nil {
			return nil, err
		}
	}
	return &adminv1.ListRefusedResponse{}, nil
}

func (f *fake) ListParked(context.Context, *adminv1.ListParkedRequest) (*adminv1.ListParkedResponse, error) {
	f.calls.Add(1)
	return &adminv1.ListParkedResponse{}, nil
}

func (f *fake) CreateKey(context.Context, *adminv1.CreateKeyRequest) (*adminv1.CreateKeyResponse, error) {
	f.calls.Add(1)
	return &adminv1.CreateKeyResponse{}, nil
}

func (f *fake) GetMap(context.Context, *mapv1.GetMapRequest) (*mapv1.GetMapResponse, error) {
	f.calls.Add(1)
	return &mapv1.GetMapResponse{}, nil
}

func (f *fake) Restore(ss grpc.ClientStreamingServer[adminv1.RestoreRequest, adminv1.RestoreResponse]) error {
	f.calls.Add(1)
	if f.refused != nil {
		if err := f.refused(ss.Context()); err != nil {
			return err
		}
	}
	return ss.SendAndClose(&adminv1.RestoreResponse{})
}

func background(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	return ctx
}

func TestWhoMayCall(t *testing.T) {
	f := &fake{}
	r := run(t, nil, f.unit())
	admin, maps := adminv1.NewAdminServiceClient(r.conn), mapv1.NewMapServiceClient(r.conn)
	listParked := func(ctx context.Context) error {
		_, err := admin.ListParked(ctx, &adminv1.ListParkedRequest{})
		return err
	}
	listRefused := func(org string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := admin.ListRefused(ctx, &adminv1.ListRefusedRequest{Organisation: org})
			return err
		}
	}
	getMap := func(org string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := maps.GetMap(ctx, &mapv1.GetMapRequest{Organisation: org})
			return err
		}
	}
	anybody := background(t)
	whole := r.key(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	acme := r.key(adminv1.KeyRole_KEY_ROLE_ADMIN, "acme", "")
	reader := r.key(adminv1.KeyRole_KEY_ROLE_READER, "acme", "")
	defaults := r.key(adminv1.KeyRole_KEY_ROLE_READER, "", "")
	source := r.key(adminv1.KeyRole_KEY_ROLE_SOURCE, "acme", "acd")
	for _, c := range []struct {
		what string
		ctx  context.Context
		call func(context.Context) error
		code string
	}{
		{"without a key, reading on loopback", anybody, getMap("acme"), "OK"},
		{"without a key, an admin's method", anybody, listParked, "UNAUTHENTICATED"},
		{"a reader, an admin's method", reader, listParked, "PERMISSION_DENIED"},
		{"a source, an admin's method", source, listParked, "PERMISSION_DENIED"},
		{"a source, a reader's method", source, getMap("acme"), "PERMISSION_DENIED"},
		{"an admin", whole, listParked, "OK"},
		{"an admin of one organisation, a method about all", acme, listParked, "PERMISSION_DENIED"},
		{"an admin of one organisation, its own", acme, listRefused("acme"), "OK"},
		{"an admin of one organisation, another", acme, listRefused("other"), "PERMISSION_DENIED"},
		{"an admin of one organisation, none named", acme, listRefused(""), "PERMISSION_DENIED"},
		{"an admin of all, any", whole, listRefused("other"), "OK"},
		{"a reader, its own organisation", reader, getMap("acme"), "OK"},
		{"a reader, another organisation", reader, getMap("other"), "PERMISSION_DENIED"},
		{"a reader of the default organisation, none named", defaults, getMap(""), "OK"},
		{"a wrong key", authorized(t, "Bearer tsk_nobody_nothing"), getMap("acme"), "UNAUTHENTICATED"},
		{"no bearer", authorized(t, "Basic dTpw"), getMap("acme"), "UNAUTHENTICATED"},
	} {
		before := f.calls.Load()
		err := c.call(c.ctx)
		if code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.what, err, c.code)
		}
		if called := f.calls.Load() > before; called != (c.code == "OK") {
			t.Errorf("%s: the method was called: %v", c.what, called)
		}
		if info, ok := detail[*errdetails.ErrorInfo](err); err != nil && (!ok || info.GetDomain() != "touchstone") {
			t.Errorf("%s: details %v", c.what, status.Convert(err).Details())
		}
	}
}

func authorized(t testing.TB, header string) context.Context {
	return metadata.AppendToOutgoingContext(background(t), "authorization", header)
}

// Away from loopback nobody reads without a key.
func TestNobodyReadsUnknownFromOutside(t *testing.T) {
	f := &fake{}
	r := run(t, func(o *host.Options) { o.GRPC = "0.0.0.0:0" }, f.unit())
	_, err := mapv1.NewMapServiceClient(r.conn).GetMap(background(t), &mapv1.GetMapRequest{})
	if code(err) != "UNAUTHENTICATED" || f.calls.Load() != 0 {
		t.Errorf("%v after %d calls", err, f.calls.Load())
	}
	// Health is everybody's.
	if _, err := healthpb.NewHealthClient(r.conn).Check(background(t), &healthpb.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

// A call is refused by its headers alone: before its messages are read, however large or endless they are.
func TestRefusedBeforeTheRequestIsRead(t *testing.T) {
	f := &fake{}
	r := run(t, nil, f.unit())
	c := adminv1.NewAdminServiceClient(r.conn)
	stream, err := c.Restore(background(t)) // sends nothing, and never ends
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(new(adminv1.RestoreResponse)); code(err) != "UNAUTHENTICATED" {
		t.Errorf("a stream: %v", err)
	}
	huge := &adminv1.ListRefusedRequest{Source: strings.Repeat("x", 1<<20)}
	if _, err := c.ListRefused(background(t), huge); code(err) != "UNAUTHENTICATED" {
		t.Errorf("a large request without a key: %v", err)
	}
	if _, err := c.ListRefused(r.key(adminv1.KeyRole_KEY_ROLE_ADMIN, "", ""), huge); code(err) != "RESOURCE_EXHAUSTED" {
		t.Errorf("a large request with one: %v", err)
	}
	if f.calls.Load() != 0 {
		t.Errorf("%d calls came through", f.calls.Load())
	}
}

// Faults of methods reach the caller with their code and details, in calls and streams.
func TestFaultsReachTheCaller(t *testing.T) {
	f := &fake{}
	r := run(t, nil, f.unit())
	ctx := r.key(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	admin := adminv1.NewAdminServiceClient(r.conn)
	for _, c := range faults {
		f.refused = func(context.Context) error {
			x := fault.Wrap(c.kind, errors.New("canary"), "what happened")
			x.Violations = []fault.Violation{{Field: "limit", Message: "too many", Remedy: "ask for fewer"}}
			return x
		}
		_, unary := admin.ListRefused(ctx, &adminv1.ListRefusedRequest{})
		stream, err := admin.Restore(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, streamed := stream.CloseAndRecv()
		for how, err := range map[string]error{"call": unary, "stream": streamed} {
			bad, ok := detail[*errdetails.BadRequest](err)
			if code(err) != c.code || !ok || bad.GetFieldViolations()[0].GetField() != "limit" {
				t.Errorf("%s, want %s: %v %v", how, c.code, err, status.Convert(err).Details())
			}
			if _, ok := detail[*errdetails.RetryInfo](err); ok != c.retry {
				t.Errorf("%s %s: retry info %v", how, c.code, ok)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the cause is told: %v", err)
			}
		}
	}
}

// A panic is one caller's INTERNAL, without a word of it; the log has it whole, and the host serves on.
func TestPanicsStayInside(t *testing.T) {
	f := &fake{refused: func(context.Context) error { panic("canary") }}
	r := run(t, nil, f.unit())
	ctx := r.key(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	admin := adminv1.NewAdminServiceClient(r.conn)
	_, unary := admin.ListRefused(ctx, &adminv1.ListRefusedRequest{})
	stream, err := admin.Restore(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, streamed := stream.CloseAndRecv()
	for _, err := range []error{unary, streamed} {
		if code(err) != "INTERNAL" || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "panic") {
			t.Errorf("%v", err)
		}
	}
	logged := r.log.all()
	for _, want := range []string{"canary", "ListRefused", "grpc_test.go"} {
		if !slices.ContainsFunc(logged, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("the log does not tell %q", want)
		}
	}
	if _, err := admin.ListParked(ctx, &adminv1.ListParkedRequest{}); err != nil {
		t.Errorf("after the panics: %v", err)
	}
}

func TestRequestsAreValidated(t *testing.T) {
	f := &fake{}
	r := run(t, nil, f.unit())
	_, err := adminv1.NewAdminServiceClient(r.conn).CreateKey(r.key(adminv1.KeyRole_KEY_ROLE_ADMIN, "", ""), &adminv1.CreateKeyRequest{Source: "NOT ONE"})
	bad, ok := detail[*errdetails.BadRequest](err)
	if code(err) != "INVALID_ARGUMENT" || !ok || len(bad.GetFieldViolations()) != 2 || f.calls.Load() != 0 {
		t.Errorf("%v %v after %d calls", err, bad, f.calls.Load())
	}
}

// A call without a deadline gets one; the principal reaches the method.
func TestWhatAMethodIsGiven(t *testing.T) {
	var p access.Principal
	var left time.Duration
	f := &fake{refused: func(ctx context.Context) error {
		p, _ = access.PrincipalFrom(ctx)
		if at, ok := ctx.Deadline(); ok {
			left = time.Until(at)
		}
		return nil
	}}
	r := run(t, nil, f.unit())
	ctx := context.WithoutCancel(r.key(adminv1.KeyRole_KEY_ROLE_ADMIN, "acme", ""))
	if _, err := adminv1.NewAdminServiceClient(r.conn).ListRefused(ctx, &adminv1.ListRefusedRequest{Organisation: "acme"}); err != nil {
		t.Fatal(err)
	}
	if p.Role != accessv1.Role_ROLE_ADMIN || p.Organisation != "acme" || p.KeyID == "" || left <= 0 || left > time.Minute {
		t.Errorf("principal %+v, %v left", p, left)
	}
}

// One process of many: units find each other by name, in one process through the host's own listener.
func TestPeer(t *testing.T) {
	var peer grpc.ClientConnInterface
	f := &fake{}
	run(t, nil, f.unit(), unit("caller", func(_ context.Context, env *host.Env) error { peer = env.Peer("fake"); return nil }))
	if _, err := mapv1.NewMapServiceClient(peer).GetMap(background(t), &mapv1.GetMapRequest{}); err != nil || f.calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, f.calls.Load())
	}
}
