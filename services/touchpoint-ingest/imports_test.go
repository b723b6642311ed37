package ingest

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// An import is found again as it was saved last, by its organisation and id; one that has not begun is all zero.
func TestImports(t *testing.T) {
	b := bustest.New(t)
	i := newImports(&host.Env{Bus: b})
	get := func(org, id string) *ingestv1.Import {
		t.Helper()
		resp, err := i.GetImport(soon(t), &ingestv1.GetImportRequest{Organisation: org, ImportId: id})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetImport()
	}
	if got := get("acme", "calls-2017"); got == nil || !proto.Equal(got, &ingestv1.Import{}) {
		t.Errorf("not begun: %v", got)
	}
	want := &ingestv1.Import{ImportId: "calls-2017", StartedAt: timestamppb.New(time.Unix(1e9, 0)), Version: 3}
	for _, done := range []uint64{100, 200} {
		want.RowsDone, want.FactsRecorded, want.RowsRefused, want.Complete = done, 4*done, 1, done == 200
		if _, err := i.SaveImport(soon(t), &ingestv1.SaveImportRequest{Organisation: "acme", Import: want}); err != nil {
			t.Fatal(err)
		}
		if got := get("acme", "calls-2017"); !proto.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	for _, other := range [][2]string{{"acme", "calls-2018"}, {"other", "calls-2017"}, {"", "calls-2017"}} {
		if got := get(other[0], other[1]); got.GetRowsDone() != 0 {
			t.Errorf("%v is %v", other, got)
		}
	}
	if _, err := i.SaveImport(soon(t), &ingestv1.SaveImportRequest{Import: want}); err != nil || get("default", "calls-2017").GetRowsDone() != 200 {
		t.Errorf("no organisation means \"default\": %v", err)
	}
	// Another life of the service reads the same.
	if got, err := newImports(&host.Env{Bus: b}).GetImport(soon(t), &ingestv1.GetImportRequest{Organisation: "acme", ImportId: "calls-2017"}); err != nil || !proto.Equal(got.GetImport(), want) {
		t.Errorf("%v %v", got, err)
	}
}

func TestImportsRefuse(t *testing.T) {
	b := bustest.New(t)
	i := newImports(&host.Env{Bus: b})
	for _, org := range []string{"a.b", "*", "ACME", ">", "a b"} {
		if _, err := i.GetImport(soon(t), &ingestv1.GetImportRequest{Organisation: org, ImportId: "x"}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", org, err)
		}
		if _, err := i.SaveImport(soon(t), &ingestv1.SaveImportRequest{Organisation: org, Import: &ingestv1.Import{ImportId: "x"}}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", org, err)
		}
	}
	if err := b.JS().DeleteKeyValue(soon(t), bus.BucketCursor); err != nil {
		t.Fatal(err)
	}
	if _, err := i.GetImport(soon(t), &ingestv1.GetImportRequest{ImportId: "x"}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without a bucket: %v", err)
	}
	if _, err := i.SaveImport(soon(t), &ingestv1.SaveImportRequest{Import: &ingestv1.Import{ImportId: "x"}}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without a bucket: %v", err)
	}
}

// A progress that cannot be read is a defect, not a new beginning: the import would double its work unseen.
func TestDamagedImport(t *testing.T) {
	b := bustest.New(t)
	kv, err := b.JS().KeyValue(soon(t), bus.BucketCursor)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(soon(t), "acme.x", []byte{0xff}); err != nil {
		t.Fatal(err)
	}
	if _, err := newImports(&host.Env{Bus: b}).GetImport(soon(t), &ingestv1.GetImportRequest{Organisation: "acme", ImportId: "x"}); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("%v", err)
	}
}

// Over gRPC ids are validated, and a key of one organisation reaches the imports of that alone.
func TestImportsOverGRPC(t *testing.T) {
	d := open(t)
	ctx := d.acd()
	imp := &ingestv1.Import{ImportId: "calls", RowsDone: 5}
	if _, err := d.client.SaveImport(ctx, &ingestv1.SaveImportRequest{Organisation: "acme", Import: imp}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.client.GetImport(ctx, &ingestv1.GetImportRequest{Organisation: "acme", ImportId: "calls"}); err != nil || !proto.Equal(got.GetImport(), imp) {
		t.Errorf("%v %v", got, err)
	}
	for org, id := range map[string]string{"acme": "A.B", "other": "calls"} {
		want := map[string]string{"acme": "InvalidArgument", "other": "PermissionDenied"}[org]
		if _, err := d.client.GetImport(ctx, &ingestv1.GetImportRequest{Organisation: org, ImportId: id}); grpcCode(err) != want {
			t.Errorf("get %s %s: %v", org, id, err)
		}
		if _, err := d.client.SaveImport(ctx, &ingestv1.SaveImportRequest{Organisation: org, Import: &ingestv1.Import{ImportId: id}}); grpcCode(err) != want {
			t.Errorf("save %s %s: %v", org, id, err)
		}
	}
	reader := d.as(adminv1.KeyRole_KEY_ROLE_READER, "acme", "")
	if _, err := d.client.GetImport(reader, &ingestv1.GetImportRequest{Organisation: "acme", ImportId: "calls"}); grpcCode(err) != "PermissionDenied" {
		t.Errorf("a reader: %v", err)
	}
}
