package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

func newMapService(t *testing.T, mayUse func(org string) bool) *mapService {
	t.Helper()
	srv, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "TS_MAP", Subjects: []string{"ts.map.*"}}); err != nil {
		t.Fatal(err)
	}
	maps, err := expmap.NewRegistry(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(maps.Close)
	return &mapService{maps: maps, mayUse: func(_ context.Context, org string) bool { return mayUse(org) }}
}

func smallMap(org string) *mapv1.Map {
	return &mapv1.Map{Organisation: org, Name: "Of " + org, Touchpoints: []*mapv1.Touchpoint{{Id: "help", FunctionalOwner: "head", OperationalOwner: "floor"}}}
}

func TestMapService(t *testing.T) {
	ctx := t.Context()
	s := newMapService(t, func(string) bool { return true })
	if _, err := s.GetMap(ctx, &mapv1.GetMapRequest{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no map: %v", err)
	}
	first, err := s.ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: smallMap("default"), Expect: proto.Uint64(0)})
	if err != nil || first.GetVersion() != 1 || !first.GetChanged() {
		t.Fatal(first, err)
	}
	again, err := s.ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: smallMap("default")})
	if err != nil || again.GetVersion() != 1 || again.GetChanged() {
		t.Error("the same map again:", again, err)
	}
	second := smallMap("default")
	second.Zone = "Europe/Berlin"
	check, err := s.CheckMap(ctx, &mapv1.CheckMapRequest{Map: second})
	if err != nil || len(check.GetProblems()) != 0 || check.GetCurrentVersion() != 1 || len(check.GetRecounts()) != 1 {
		t.Error("check:", check, err)
	}
	if _, err := s.ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: second, Expect: proto.Uint64(0)}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("wrong expectation: %v", err)
	}
	if _, err := s.ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: second, Expect: proto.Uint64(1)}); err != nil {
		t.Error(err)
	}
	// No organisation means "default", no version the current one.
	for version, zone := range map[uint64]string{0: "Europe/Berlin", 1: "", 2: "Europe/Berlin"} {
		got, err := s.GetMap(ctx, &mapv1.GetMapRequest{Version: version})
		if err != nil || got.GetVersion().GetMap().GetZone() != zone {
			t.Errorf("version %d: %v %v", version, got, err)
		}
	}
	list, err := s.ListMaps(ctx, &mapv1.ListMapsRequest{})
	want := &mapv1.ListMapsResponse{Maps: []*mapv1.MapHead{{Organisation: "default", Name: "Of default", Version: 2, Touchpoints: 1}}}
	if err != nil || !proto.Equal(list, want) {
		t.Error(list, err)
	}
	for _, req := range []*mapv1.ApplyMapRequest{{}, {Map: new(mapv1.Map)}} {
		if _, err := s.ApplyMap(ctx, req); fault.KindOf(err) != fault.Invalid {
			t.Errorf("no map: %v", err)
		}
	}
	if check, err := s.CheckMap(ctx, &mapv1.CheckMapRequest{}); err != nil || len(check.GetProblems()) == 0 {
		t.Error("check of no map:", check, err)
	}
}

func TestAKeyOfOneOrganisationSeesNoOther(t *testing.T) {
	ctx := t.Context()
	bound := false
	s := newMapService(t, func(org string) bool { return !bound || org == "mine" })
	for _, org := range []string{"mine", "theirs"} {
		if _, err := s.ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: smallMap(org)}); err != nil {
			t.Fatal(err)
		}
	}
	bound = true
	if _, err := s.GetMap(ctx, &mapv1.GetMapRequest{Organisation: "theirs"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("get: %v", err)
	}
	if list, err := s.ListMaps(ctx, &mapv1.ListMapsRequest{}); err != nil || len(list.GetMaps()) != 1 || list.GetMaps()[0].GetOrganisation() != "mine" {
		t.Error("list:", list, err)
	}
	if check, err := s.CheckMap(ctx, &mapv1.CheckMapRequest{Map: smallMap("theirs")}); err != nil || check.GetCurrentVersion() != 0 {
		t.Error("check:", check, err)
	}
	if _, err := s.ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: smallMap("theirs")}); fault.KindOf(err) != fault.Denied {
		t.Errorf("apply: %v", err)
	}
}
