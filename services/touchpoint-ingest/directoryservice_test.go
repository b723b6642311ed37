package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// people are a directory of acme, whose map names the owners head and floor.
func people() *directoryv1.Directory {
	return &directoryv1.Directory{
		Organisation: "acme",
		Holders: []*directoryv1.Holder{
			{Id: "ana", Name: "Ana Berger", Ways: []*directoryv1.Way{{Kind: directoryv1.WayKind_WAY_KIND_PHONE, Address: "+49301234567"}}, Hours: []*directoryv1.Hours{{Days: []string{"mon"}, From: "08:00", To: "18:00"}}},
			{Id: "desk", Name: "The desk", Ways: []*directoryv1.Way{{Kind: directoryv1.WayKind_WAY_KIND_CHAT, Address: "#desk"}}},
		},
		Holdings: []*directoryv1.Holding{{Role: "floor", Holder: "ana", Deputy: "desk"}},
	}
}

func violations(err error) (fields []string) {
	for _, d := range status.Convert(err).Details() {
		if b, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range b.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return fields
}

func TestDirectory(t *testing.T) {
	g := open(t)
	c := directoryv1.NewDirectoryServiceClient(g.conn)
	admin, reader := g.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "", ""), g.as(adminv1.KeyRole_KEY_ROLE_DIRECTORY, "acme", "")
	acme := &directoryv1.GetDirectoryRequest{Organisation: "acme"}

	empty, err := c.GetDirectory(reader, acme)
	if err != nil || empty.GetVersion() != 0 || empty.GetDirectory() != nil || !slices.Equal(empty.GetUnheld(), []string{"floor", "head"}) {
		t.Fatal("none was put:", empty, err)
	}
	first, err := c.PutDirectory(admin, &directoryv1.PutDirectoryRequest{Directory: people(), Expect: proto.Uint64(0)})
	if err != nil || first.GetVersion() != 1 || !first.GetChanged() {
		t.Fatal(first, err)
	}
	again, err := c.PutDirectory(admin, &directoryv1.PutDirectoryRequest{Directory: people(), Expect: proto.Uint64(0)})
	if err != nil || again.GetVersion() != 1 || again.GetChanged() {
		t.Error("the same again:", again, err)
	}
	got, err := c.GetDirectory(reader, acme)
	if err != nil || got.GetVersion() != 1 || !proto.Equal(got.GetDirectory(), people()) || time.Since(got.GetPutAt().AsTime()) > patience || !slices.Equal(got.GetUnheld(), []string{"head"}) {
		t.Error(got, err)
	}

	second := people()
	second.Holders = second.Holders[1:]
	second.Holdings = []*directoryv1.Holding{{Role: "flor", Holder: "ana"}, {Role: "head", Holder: "desk", From: "soon"}}
	_, err = c.PutDirectory(admin, &directoryv1.PutDirectoryRequest{Directory: second})
	if want := []string{"directory.holdings[0].role", "directory.holdings[0].holder", "directory.holdings[1].from"}; grpcCode(err) != "InvalidArgument" || !slices.Equal(violations(err), want) {
		t.Errorf("a bad one: %v at %v", err, violations(err))
	}
	second.Holdings = []*directoryv1.Holding{{Role: "head", Holder: "desk"}}
	if _, err := c.PutDirectory(admin, &directoryv1.PutDirectoryRequest{Directory: second, Expect: proto.Uint64(0)}); grpcCode(err) != "Aborted" {
		t.Error("a wrong expectation:", err)
	}
	if v, err := c.PutDirectory(admin, &directoryv1.PutDirectoryRequest{Directory: second, Expect: proto.Uint64(1)}); err != nil || v.GetVersion() != 2 {
		t.Error(v, err)
	}
	// Who was taken out is on the bus no more.
	for _, m := range newest(t, g.bus) {
		if bytes.Contains(m, []byte("Ana Berger")) {
			t.Error("an earlier version is kept")
		}
	}
}

// newest reads what TS_DIRECTORY holds.
func newest(t *testing.T, b *bus.Bus) (out [][]byte) {
	t.Helper()
	ctx := soon(t)
	s, err := b.JS().Stream(ctx, bus.StreamDirectory)
	if err != nil {
		t.Fatal(err)
	}
	info := s.CachedInfo()
	if info.State.Msgs != 1 {
		t.Errorf("%d messages", info.State.Msgs)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m.Data)
	}
	return out
}

func TestWhoHoldsOverGRPC(t *testing.T) {
	g := open(t)
	c := directoryv1.NewDirectoryServiceClient(g.conn)
	if _, err := c.PutDirectory(g.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "acme", ""), &directoryv1.PutDirectoryRequest{Directory: people()}); err != nil {
		t.Fatal(err)
	}
	ctx := g.as(adminv1.KeyRole_KEY_ROLE_DIRECTORY, "acme", "")
	ask := func(role string, at *timestamppb.Timestamp) (*directoryv1.WhoHoldsResponse, error) {
		return c.WhoHolds(ctx, &directoryv1.WhoHoldsRequest{Organisation: "acme", Role: role, At: at})
	}
	monday := timestamppb.New(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	if got, err := ask("floor", monday); err != nil || len(got.GetReachable()) != 1 || got.GetReachable()[0].GetHolder().GetWays()[0].GetAddress() != "+49301234567" {
		t.Error(got, err)
	}
	tuesday := timestamppb.New(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	if got, err := ask("floor", tuesday); err != nil || len(got.GetReachable()) != 2 || got.GetReachable()[0].GetDeputyOf() != "ana" || got.GetReachable()[1].GetWithinHours() {
		t.Error(got, err)
	}
	if got, err := ask("floor", nil); err != nil || len(got.GetReachable()) == 0 || got.GetNobody() != "" {
		t.Error("now:", got, err)
	}
	if got, err := ask("head", monday); err != nil || got.GetNobody() != `Nobody holds the role "head" on 2026-11-23.` {
		t.Error("nobody:", got, err)
	}
	if _, err := ask("flor", monday); grpcCode(err) != "NotFound" || !strings.Contains(err.Error(), `Did you mean "floor"?`) {
		t.Error("no role:", err)
	}
	if _, err := ask("floor", &timestamppb.Timestamp{Nanos: -1}); grpcCode(err) != "InvalidArgument" {
		t.Error("no moment:", err)
	}
}

// Only admins and directory keys may know people, each of their own organisation; a directory key reads besides.
func TestWhoMayReadTheDirectory(t *testing.T) {
	g := open(t)
	c := directoryv1.NewDirectoryServiceClient(g.conn)
	other := people()
	other.Organisation = "other"
	admin := g.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	for _, k := range []struct {
		who            string
		ctx            context.Context
		get, put, read string
	}{
		{"nobody", soon(t), "Unauthenticated", "Unauthenticated", "OK"}, // on loopback
		{"a reader", g.as(adminv1.KeyRole_KEY_ROLE_READER, "acme", ""), "PermissionDenied", "PermissionDenied", "OK"},
		{"a source", g.acd(), "PermissionDenied", "PermissionDenied", "PermissionDenied"},
		{"a test", g.as(adminv1.KeyRole_KEY_ROLE_TEST, "acme", "acd"), "PermissionDenied", "PermissionDenied", "PermissionDenied"},
		{"a directory", g.as(adminv1.KeyRole_KEY_ROLE_DIRECTORY, "acme", ""), "OK", "PermissionDenied", "OK"},
		{"another's directory", g.as(adminv1.KeyRole_KEY_ROLE_DIRECTORY, "other", ""), "PermissionDenied", "PermissionDenied", "PermissionDenied"},
		{"another's admin", g.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "other", ""), "PermissionDenied", "PermissionDenied", "PermissionDenied"},
		{"an admin", admin, "OK", "OK", "OK"},
	} {
		_, get := c.GetDirectory(k.ctx, &directoryv1.GetDirectoryRequest{Organisation: "acme"})
		_, who := c.WhoHolds(k.ctx, &directoryv1.WhoHoldsRequest{Organisation: "acme", Role: "head"})
		_, put := c.PutDirectory(k.ctx, &directoryv1.PutDirectoryRequest{Directory: people()})
		_, read := mapv1.NewMapServiceClient(g.conn).GetMap(k.ctx, &mapv1.GetMapRequest{Organisation: "acme"})
		if grpcCode(get) != k.get || grpcCode(who) != k.get || grpcCode(put) != k.put || grpcCode(read) != k.read {
			t.Errorf("%s: get %v, who %v, put %v, read a map %v", k.who, get, who, put, read)
		}
	}
	if _, err := c.PutDirectory(admin, &directoryv1.PutDirectoryRequest{Directory: other}); grpcCode(err) != "NotFound" {
		t.Error("no map:", err)
	}
}

// Two admins who write at the same time never overwrite one another unawares, and no version is given twice.
func TestPuttingAtTheSameTime(t *testing.T) {
	g := open(t)
	c := directoryv1.NewDirectoryServiceClient(g.conn)
	admin := g.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	var mu sync.Mutex
	versions := map[uint64]int{}
	expected := 0
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			d := people()
			d.Holders[0].Name = strings.Repeat("x", i+1)
			req := &directoryv1.PutDirectoryRequest{Directory: d}
			if i%2 == 0 {
				req.Expect = proto.Uint64(0)
			}
			v, err := c.PutDirectory(admin, req)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				versions[v.GetVersion()]++
				if req.Expect != nil {
					expected++
				}
			case req.Expect == nil || grpcCode(err) != "Aborted":
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if len(versions) < 4 || expected > 1 {
		t.Errorf("%v, %d expected to be the first", versions, expected)
	}
	for v, n := range versions {
		if n != 1 || v > uint64(len(versions)) {
			t.Errorf("version %d %d times of %d", v, n, len(versions))
		}
	}
}

// collector keeps the bytes of the traces it is sent.
func collector(t *testing.T) (read func() []byte, endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got bytes.Buffer
	s := grpc.NewServer(grpc.ForceServerCodecV2(rawgrpc.Codec()), grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
		f := &rawgrpc.Frame{}
		if err := ss.RecvMsg(f); err != nil {
			return err
		}
		defer f.Free()
		mu.Lock()
		got.Write(f.Bytes())
		mu.Unlock()
		return ss.SendMsg(rawgrpc.NewFrame(nil))
	}))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return func() []byte { mu.Lock(); defer mu.Unlock(); return bytes.Clone(got.Bytes()) }, "http://" + l.Addr().String()
}

// journal is a log of everything, attributes included.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *journal) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *journal) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// sampled begins a trace that is kept, so that each request leaves spans.
func sampled(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
}

// Names and addresses, sound and refused, read and asked for, are found in no subject, log, trace, message of an error or
// other stream.
func TestADirectoryLeaksNobody(t *testing.T) {
	spans, endpoint := collector(t)
	log := &journal{}
	canary := []byte("Kanari")
	t.Run("serve", func(t *testing.T) {
		g := openLogged(t, slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}), endpoint)
		c := directoryv1.NewDirectoryServiceClient(g.conn)
		ctx := sampled(g.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "", ""))
		d := people()
		d.Holders[0].Id, d.Holdings[0].Holder = "kanari", "kanari"
		d.Holders[0].Name = "Kanari Vogel"
		d.Holders[0].Ways = []*directoryv1.Way{{Kind: directoryv1.WayKind_WAY_KIND_EMAIL, Address: "Kanari@example.org"}, {Kind: directoryv1.WayKind_WAY_KIND_WEBHOOK, Address: "https://example.org/Kanari"}}
		if _, err := c.PutDirectory(ctx, &directoryv1.PutDirectoryRequest{Directory: d}); err != nil {
			t.Fatal(err)
		}
		bad := proto.CloneOf(d)
		for _, w := range bad.Holders[0].Ways {
			w.Address = "Kanari Vogel"
		}
		bad.Holders[1].Name = strings.Repeat("Kanari", 50) // longer than may be
		tooLong, sound := proto.CloneOf(bad), "The desk"
		bad.Holders[1].Name = sound
		for _, d := range []*directoryv1.Directory{bad, tooLong} {
			if _, err := c.PutDirectory(ctx, &directoryv1.PutDirectoryRequest{Directory: d}); grpcCode(err) != "InvalidArgument" || strings.Contains(err.Error()+strings.Join(violations(err), ""), "Kanari") {
				t.Error(err)
			}
		}
		if _, err := c.PutDirectory(ctx, &directoryv1.PutDirectoryRequest{Directory: people(), Expect: proto.Uint64(7)}); grpcCode(err) != "Aborted" {
			t.Error(err)
		}
		if got, err := c.GetDirectory(ctx, &directoryv1.GetDirectoryRequest{Organisation: "acme"}); err != nil || !bytes.Contains([]byte(got.String()), canary) {
			t.Error(got, err)
		}
		if got, err := c.WhoHolds(ctx, &directoryv1.WhoHoldsRequest{Organisation: "acme", Role: "floor"}); err != nil || !bytes.Contains([]byte(got.String()), canary) {
			t.Error(got, err)
		}
		for _, stream := range []string{bus.StreamFact, bus.StreamMap, bus.StreamParked, bus.StreamRefused, bus.StreamNative} {
			for _, m := range messages(t, g.bus, stream) {
				if bytes.Contains(bytes.ToLower(append(m.Data, m.Subject...)), []byte("kanari")) {
					t.Errorf("found in %s", stream)
				}
			}
		}
		s, err := g.bus.JS().Stream(ctx, bus.StreamDirectory)
		if err != nil {
			t.Fatal(err)
		}
		if last := s.CachedInfo().State.LastSeq; last != 1 {
			t.Errorf("%d messages were written", last)
		}
		if m, err := s.GetMsg(ctx, 1); err != nil || m.Subject != "ts.directory.acme" || len(m.Header) > 0 && strings.Contains(strings.ToLower(m.Header.Get("Nats-Msg-Id")), "kanari") {
			t.Error(m, err)
		}
	})
	// The service has stopped: all of its log and traces are there.
	for place, b := range map[string][]byte{"the log": []byte(log.String()), "the traces": spans()} {
		if bytes.Contains(bytes.ToLower(b), []byte("kanari")) {
			t.Errorf("found in %s", place)
		}
	}
	if !strings.Contains(log.String(), "the directory was replaced") || !bytes.Contains(spans(), []byte("DirectoryService/PutDirectory")) {
		t.Errorf("looked through for nothing: %s, %d bytes of traces", log.String(), len(spans()))
	}
}
