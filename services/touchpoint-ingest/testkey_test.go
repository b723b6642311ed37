package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
)

// trial is two sound facts and one that must be refused, under ids of their own.
func trial(prefix string) *ingestv1.PublishRequest {
	req := batchOf(prefix+"-a", prefix+"-b", prefix+"-c")
	req.Facts[1].GetInteraction().Touchpoint = "nowhere"
	req.Facts[2].GetInteraction().Note, req.Facts[2].GetInteraction().CustomerId = "she said so", "c-1"
	return req
}

// post sends a body to an entrance by HTTP and returns its status and answer.
func (s *gateway) post(ctx context.Context, path, contentType string, body []byte) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.http+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization(ctx))
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, answer)
}

// request sends data to the entrance by NATS and returns its answer.
func (s *gateway) request(ctx context.Context, contentType string, data []byte) string {
	s.t.Helper()
	m := nats.NewMsg("ts.in.acme.acd")
	m.Data = data
	m.Header.Set("Authorization", authorization(ctx))
	m.Header.Set("Content-Type", contentType)
	nc, err := nats.Connect("", nats.InProcessServer(s.nats)) // as a publisher, who has an inbox of another kind than services
	if err != nil {
		s.t.Fatal(err)
	}
	defer nc.Close()
	answer, err := nc.RequestMsg(m, patience)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(answer.Data)
}

const cloudEvents = `[
 {"specversion":"1.0","id":"%[1]s","source":"acd","type":"touchstone.interaction.v1","data":{"occurred_at":"%[2]s","touchpoint":"help","metrics":[{"metric":"wait","value":"9000"}]}},
 {"specversion":"1.0","id":"%[1]s-2","source":"acd","type":"touchstone.interaction.v1","data":{"occurred_at":"%[2]s","touchpoint":"nowhere"}}]`

// everywhere sends facts by every entrance and returns what each answered.
func (s *gateway) everywhere(ctx context.Context) map[string]string {
	s.t.Helper()
	answers := map[string]string{}
	resp, err := s.client.Publish(ctx, trial("grpc"))
	answers["gRPC"] = fmt.Sprint(resp, err)
	stream, err := s.client.PublishStream(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := stream.Send(&ingestv1.PublishStreamRequest{Sequence: 7, Batch: trial("stream")}); err != nil {
		s.t.Fatal(err)
	}
	streamed, err := stream.Recv()
	answers["gRPC stream"] = fmt.Sprint(streamed, err)
	if err := stream.CloseSend(); err != nil {
		s.t.Fatal(err)
	}
	raw, err := proto.Marshal(trial("http"))
	if err != nil {
		s.t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	answers["HTTP facts"] = s.post(ctx, "/v1/events", "application/x-protobuf", raw)
	answers["HTTP events"] = s.post(ctx, "/v1/events", "application/cloudevents-batch+json", fmt.Appendf(nil, cloudEvents, "http", at))
	for what, data := range map[string][]byte{"application/x-protobuf": raw, "application/cloudevents-batch+json": fmt.Appendf(nil, cloudEvents, "nats", at)} {
		answers["NATS "+what] = s.request(ctx, what, data)
	}
	bad, err := s.client.Publish(ctx, &ingestv1.PublishRequest{})
	answers["no facts"] = fmt.Sprint(bad, err)
	native := ingestv1.NewNativeServiceClient(s.conn)
	body := strings.Join(queueLog(), "") + "not a line\n"
	taken, err := native.PublishNative(ctx, &ingestv1.PublishNativeRequest{Organisation: "acme", Body: []byte(body)})
	answers["native"] = fmt.Sprint(taken, err)
	answers["webhook"] = s.post(ctx, "/v1/native/acme/acd", "text/plain", []byte(body))
	return answers
}

// What a test key publishes is answered as from any other key and stored nowhere.
func TestWhatATestKeyPublishesIsStoredNowhere(t *testing.T) {
	log := &lines{}
	g := openLogged(t, log, "")
	g.feeding(soon(t), &mapv1.FeedRule{Queue: "support", Touchpoint: "help"})
	ctx := g.as(adminv1.KeyRole_KEY_ROLE_TEST, "acme", "acd")
	tried := g.everywhere(ctx)
	if facts, _ := g.recorded(); len(facts) != 0 {
		t.Errorf("recorded: %v", facts)
	}
	if events := messages(t, g.bus, bus.StreamNative); len(events) != 0 {
		t.Errorf("%d messages of native events", len(events))
	}
	// Its refusals are listed, so that whoever tries sees them where they will be seen.
	listed := ""
	for limit := soon(t); limit.Err() == nil && !strings.Contains(listed, "nats-2"); time.Sleep(20 * time.Millisecond) {
		listed = ""
		for _, m := range messages(t, g.bus, bus.StreamRefused) {
			listed += string(m.Data)
		}
	}
	for _, id := range []string{"grpc-b", "stream-b", "http-b", "http-2", "nats-2"} {
		if !strings.Contains(listed, id) {
			t.Errorf("the refusal of %s is not listed", id)
		}
	}
	if all := strings.Join(log.all(), "\n"); !strings.Contains(all, "facts of a test key were checked and dropped") || !strings.Contains(all, "native records of a test key were read and dropped") {
		t.Errorf("the log does not tell: %s", all)
	}
	// An import that was tried begins anew when it is meant.
	if _, err := g.client.SaveImport(ctx, &ingestv1.SaveImportRequest{Organisation: "acme", Import: &ingestv1.Import{ImportId: "calls", RowsDone: 7}}); err != nil {
		t.Error(err)
	}
	if i, err := g.client.GetImport(ctx, &ingestv1.GetImportRequest{Organisation: "acme", ImportId: "calls"}); err != nil || i.GetImport().GetRowsDone() != 0 {
		t.Error(i, err)
	}
	// The source's own key is answered in the same words, and recorded.
	real := g.everywhere(g.acd())
	for way, answer := range real {
		if tried[way] != answer {
			t.Errorf("%s: a test key was answered\n%s\na source\n%s", way, tried[way], answer)
		}
	}
	if !strings.Contains(real["gRPC"], "STATUS_RECORDED") || !strings.Contains(real["HTTP events"], "207 ") || !strings.Contains(real["native"], "events:") {
		t.Errorf("nothing was taken: %v", real)
	}
	facts, _ := g.recorded()
	if len(facts) < 8 {
		t.Errorf("%d facts of the source are recorded", len(facts))
	}
	for _, f := range facts {
		if f.GetKind() != factv1.Kind_KIND_INTERACTION {
			t.Error(f)
		}
	}
}
