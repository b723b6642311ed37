package ingest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// A bad fact costs its neighbours nothing; each has its own result, in order; what is recorded is on disk when it is told.
func TestPublish(t *testing.T) {
	g := open(t)
	req := batchOf("a", "", "b", "c", "not an id", "d")
	req.Facts[3].GetInteraction().Touchpoint = "hlep"
	req.Facts[3].GetInteraction().CustomerId = "canary"
	resp, err := g.client.Publish(g.acd(), req)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range resp.GetResults() {
		got = append(got, fmt.Sprint(r.GetStatus(), " ", r.GetRefusal().GetField()))
	}
	want := "STATUS_RECORDED |STATUS_REFUSED id|STATUS_RECORDED |STATUS_REFUSED interaction.touchpoint|STATUS_REFUSED id|STATUS_RECORDED "
	if strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
	facts, subjects := g.recorded()
	if len(facts) != 3 || facts[0].GetId() != "a" || facts[1].GetId() != "b" || facts[2].GetId() != "d" {
		t.Fatalf("%v", facts)
	}
	f := facts[0]
	if subjects[0] != bus.FactSubject("acme", 0) || f.GetSource() != "acd" || f.GetHistory() || f.GetImportId() != "" || f.GetInteraction().GetMetrics()[0].GetValue() != 12_000 {
		t.Errorf("on %s: %v", subjects[0], f)
	}
	if m := messages(t, g.bus, bus.StreamFact); m[0].Header[bus.HeaderMap][0] != "1" {
		t.Errorf("headers %v", m[0].Header)
	}
	// The refusals are listed, with their ids where they are ones.
	for limit := soon(t); ; time.Sleep(20 * time.Millisecond) {
		listed := messages(t, g.bus, bus.StreamRefused)
		if len(listed) == 0 && limit.Err() == nil {
			continue
		}
		if len(listed) == 0 {
			t.Fatal("no refusal is listed")
		}
		b := new(ingestv1.RefusedBatch)
		if err := proto.Unmarshal(listed[0].Data, b); err != nil || len(b.GetRefused()) != 3 || bytes.Contains(listed[0].Data, []byte("canary")) {
			t.Fatalf("%v %v", b, err)
		}
		if r := b.GetRefused(); r[0].GetId() != "" || r[1].GetId() != "c" || r[2].GetId() != "" {
			t.Errorf("%v", r)
		}
		break
	}
}

// What the whole request is refused for leaves nothing behind.
func TestRefusedRequestsOverGRPC(t *testing.T) {
	g := open(t)
	acd, admin := g.acd(), g.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	with := func(change func(*ingestv1.PublishRequest)) *ingestv1.PublishRequest {
		r := batchOf("a")
		change(r)
		return r
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	large := batchOf("a")
	large.Facts[0].GetInteraction().Note = strings.Repeat("x", 260<<10)
	for _, c := range []struct {
		what  string
		ctx   context.Context
		req   *ingestv1.PublishRequest
		code  string
		field string
	}{
		{"no facts", acd, batchOf(), "InvalidArgument", "facts"},
		{"1,001 facts", acd, batchOf(many...), "InvalidArgument", "facts"},
		{"more than 256 KiB", acd, large, "InvalidArgument", "facts"},
		{"a bad import id", acd, with(func(r *ingestv1.PublishRequest) { r.ImportId = "No 1" }), "InvalidArgument", "import_id"},
		{"another organisation", acd, with(func(r *ingestv1.PublishRequest) { r.Organisation = "other" }), "PermissionDenied", ""},
		{"another source", acd, with(func(r *ingestv1.PublishRequest) { r.Source = "crm" }), "PermissionDenied", ""},
		{"an organisation that is none", admin, with(func(r *ingestv1.PublishRequest) { r.Organisation = "a.b" }), "InvalidArgument", "organisation"},
		{"an organisation without a map", admin, with(func(r *ingestv1.PublishRequest) { r.Organisation, r.Source = "other", "acd" }), "NotFound", ""},
		{"no source", admin, with(func(r *ingestv1.PublishRequest) { r.Organisation = "acme" }), "InvalidArgument", "source"},
		{"a source that is none", admin, with(func(r *ingestv1.PublishRequest) { r.Organisation, r.Source = "acme", "a.b" }), "InvalidArgument", "source"},
		{"a reader", g.as(adminv1.KeyRole_KEY_ROLE_READER, "acme", ""), batchOf("a"), "PermissionDenied", ""},
		{"nobody", soon(t), batchOf("a"), "Unauthenticated", ""},
	} {
		_, err := g.client.Publish(c.ctx, c.req)
		if grpcCode(err) != c.code {
			t.Errorf("%s: %v", c.what, err)
		}
		field := ""
		for _, d := range status.Convert(err).Details() {
			if b, ok := d.(*errdetails.BadRequest); ok {
				field = b.GetFieldViolations()[0].GetField()
			}
		}
		if field != c.field {
			t.Errorf("%s: field %q", c.what, field)
		}
	}
	var out rawgrpc.Frame
	err := g.conn.Invoke(acd, ingestv1.IngestService_Publish_FullMethodName, rawgrpc.NewFrame([]byte{0x0a, 0x7f}), &out, grpc.ForceCodecV2(rawgrpc.Codec()))
	if grpcCode(err) != "InvalidArgument" {
		t.Errorf("no protobuf: %v", err)
	}
	if facts, _ := g.recorded(); len(facts) != 0 {
		t.Errorf("recorded: %v", facts)
	}
	// An admin may publish for any organisation and as any source.
	if resp, err := g.client.Publish(admin, with(func(r *ingestv1.PublishRequest) { r.Organisation, r.Source = "acme", "crm" })); err != nil || resp.GetResults()[0].GetStatus() != ingestv1.Status_STATUS_RECORDED {
		t.Errorf("an admin: %v %v", resp, err)
	}
}

func TestImportedFactsAreHistory(t *testing.T) {
	g := open(t)
	req := batchOf("a")
	req.ImportId = "2017-calls"
	if _, err := g.client.Publish(g.acd(), req); err != nil {
		t.Fatal(err)
	}
	if facts, _ := g.recorded(); len(facts) != 1 || !facts[0].GetHistory() || facts[0].GetImportId() != "2017-calls" {
		t.Errorf("%v", facts)
	}
}

// With several partitions a fact, its corrections and the answers about it lie in one.
func TestPartitions(t *testing.T) {
	g := open(t, "TOUCHSTONE_INGEST_PARTITIONS=8")
	req := new(ingestv1.PublishRequest)
	for i := range 50 {
		call := helpCall(fmt.Sprint("call-", i))
		answer := &factv1.Fact{Id: fmt.Sprint("answer-", i), Content: &factv1.Fact_Answer{Answer: &factv1.Answer{Question: "recommend", Value: 9, Interaction: &factv1.InteractionRef{Id: call.GetId()}}}}
		alone := &factv1.Fact{Id: fmt.Sprint("alone-", i), Content: &factv1.Fact_Answer{Answer: &factv1.Answer{Question: "recommend", Value: 9, Touchpoint: "help", AboutTime: timestamppb.New(time.Now())}}}
		req.Facts = append(req.Facts, call, answer, alone)
	}
	for range 2 {
		if _, err := g.client.Publish(g.acd(), req); err != nil {
			t.Fatal(err)
		}
	}
	facts, subjects := g.recorded()
	at, used := map[string]string{}, map[string]bool{}
	for i, f := range facts {
		if before, ok := at[f.GetId()]; ok && before != subjects[i] {
			t.Errorf("%s lies on %s and %s", f.GetId(), before, subjects[i])
		}
		at[f.GetId()], used[subjects[i]] = subjects[i], true
	}
	for i := range 50 {
		if at[fmt.Sprint("call-", i)] != at[fmt.Sprint("answer-", i)] {
			t.Errorf("call %d and its answer are apart", i)
		}
	}
	if len(facts) != 300 || len(used) != 8 {
		t.Errorf("%d facts on %d subjects", len(facts), len(used))
	}
}

func retryInfo(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return r.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// Too much of one source, a full disk, a bus that is away: each says when to come back, and passes.
func TestWhatPassesByItself(t *testing.T) {
	thousand := make([]string, 1000)
	for i := range thousand {
		thousand[i] = fmt.Sprint(i)
	}
	t.Run("rate", func(t *testing.T) {
		g := open(t, "TOUCHSTONE_INGEST_SOURCE_RATE=100")
		ctx := g.acd()
		if _, err := g.client.Publish(ctx, batchOf(thousand...)); err != nil {
			t.Fatal(err)
		}
		_, err := g.client.Publish(ctx, batchOf(thousand[:10]...))
		if grpcCode(err) != "ResourceExhausted" || retryInfo(err) <= 0 || retryInfo(err) > 100*time.Millisecond {
			t.Fatalf("%v, retry after %v", err, retryInfo(err))
		}
		time.Sleep(retryInfo(err))
		if _, err := g.client.Publish(ctx, batchOf(thousand[:10]...)); err != nil {
			t.Error(err)
		}
	})
	t.Run("disk", func(t *testing.T) {
		g := open(t, "TOUCHSTONE_INGEST_RESERVE_BYTES=4611686018427387904")
		_, err := g.client.Publish(g.acd(), batchOf("a"))
		if grpcCode(err) != "ResourceExhausted" || retryInfo(err) < time.Second || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("%v, retry after %v", err, retryInfo(err))
		}
	})
	t.Run("bus", func(t *testing.T) {
		g := open(t, "TOUCHSTONE_INGEST_ACK_TIMEOUT=300ms")
		ctx := g.acd()
		if err := g.nats.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := g.client.Publish(ctx, batchOf("a")); grpcCode(err) != "Unavailable" || retryInfo(err) <= 0 {
			t.Errorf("%v", err)
		}
		if err := g.nats.Restart(soon(t)); err != nil {
			t.Fatal(err)
		}
		for limit := soon(t); ; {
			_, err := g.client.Publish(ctx, batchOf("b"))
			if err == nil {
				break
			}
			if grpcCode(err) != "Unavailable" || limit.Err() != nil {
				t.Fatal(err)
			}
		}
	})
}

// Settings out of their range are said at the start.
func TestSettingsOutOfRange(t *testing.T) {
	for _, c := range []Config{
		{Partitions: 0, MessageBytes: 1024, InFlight: 1},
		{Partitions: 257, MessageBytes: 1024, InFlight: 1},
		{Partitions: 1, MessageBytes: 1023, InFlight: 1},
		{Partitions: 1, MessageBytes: 1 << 20, InFlight: 1},
		{Partitions: 1, MessageBytes: 1024},
	} {
		if err := start(t.Context(), envWith(c)); err == nil || !strings.Contains(err.Error(), "partitions must be 1 to 256") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
