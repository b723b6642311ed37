package e2e

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// canaries makes up personal data and remembers it. Each is one word, found whatever surrounds it.
type canaries struct {
	way   string // by which it is sent
	words []string
}

func (c *canaries) word(field string) string {
	w := fmt.Sprintf("Kanari%s%s%03dZwitscher", c.way, strings.ReplaceAll(field, "_", ""), len(c.words))
	c.words = append(c.words, w)
	return w
}

// number is a telephone number.
func (c *canaries) number() string {
	n := fmt.Sprintf("+4917%02d%09d", len(c.way), 802_739_000+len(c.words))
	c.words = append(c.words, n)
	return n
}

// facts carry a canary in every field that may hold something of a person: recorded ones, and ones that must be refused.
func (c *canaries) facts(id string) (good, bad []*factv1.Fact) {
	at := timestamppb.New(time.Now().Add(-time.Hour))
	interaction := func(id string) *factv1.Fact {
		return &factv1.Fact{Id: id, Version: 1, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
			OccurredAt: at, Touchpoint: "call", Channel: "voice", Outcome: "answered",
			ContactId: c.word("contact_id"), CustomerId: c.word("customer_id"), Note: "she said " + c.word("note"), Agent: c.word("agent"),
			Contact: &factv1.Contact{Name: c.word("name"), Email: c.word("email") + "@example.org", Phone: c.number(), Language: "de"},
		}}}
	}
	answer := func(id string) *factv1.Fact {
		return &factv1.Fact{Id: id, Version: 1, Content: &factv1.Fact_Answer{Answer: &factv1.Answer{
			Question: "recommend", Value: 9, AboutTime: at, Touchpoint: "call",
			CustomerId: c.word("answer_customer"), ResponseId: c.word("response_id"), Text: c.word("text"),
		}}}
	}
	good = []*factv1.Fact{interaction(id + "-i"), answer(id + "-a")}
	unknown := interaction(id + "-unknown")
	unknown.GetInteraction().Touchpoint = "nowhere"
	long := interaction(id + "-long")
	long.GetInteraction().CustomerId = strings.Repeat(c.word("long_customer"), 12)
	agent := interaction(id + "-agent")
	agent.GetInteraction().Agent = strings.Repeat(c.word("long_agent"), 12)
	phone := interaction(id + "-phone")
	phone.GetInteraction().Contact.Phone = c.word("long_phone") + c.word("long_phone")
	name := interaction("no id " + c.word("id"))
	words := answer(id + "-words")
	words.GetAnswer().Text = strings.Repeat(c.word("long_text"), 600)
	scale := answer(id + "-scale")
	scale.GetAnswer().Value = 11
	return good, []*factv1.Fact{unknown, long, agent, phone, name, words, scale}
}

// traces is a collector that keeps what it is sent, as bytes.
type traces struct {
	mu  sync.Mutex
	got bytes.Buffer
}

func collect(t *testing.T) (c *traces, endpoint string) {
	t.Helper()
	c = &traces{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(rawgrpc.Codec()), grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
		f := &rawgrpc.Frame{}
		if err := ss.RecvMsg(f); err != nil {
			return err
		}
		defer f.Free()
		c.mu.Lock()
		c.got.Write(f.Bytes())
		c.mu.Unlock()
		return ss.SendMsg(rawgrpc.NewFrame(nil))
	}))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return c, "http://" + l.Addr().String()
}

func (c *traces) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.got.Bytes())
}

// traceparent begins a sampled trace, so that each request leaves spans.
const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// Personal data sent by every entrance, in every field that takes it and in facts that are refused, are found nowhere:
// streams, stores, log, metrics, traces, lists of refused and parked messages, answers of the API.
func TestNoPersonalDataAnywhere(t *testing.T) {
	spans, endpoint := collect(t)
	i, log := stopped(t, filepath.Join(t.TempDir(), "data"), "TOUCHSTONE_HOST_LEVEL=debug", "TOUCHSTONE_HOST_OTLP="+endpoint)
	begin(t, i)
	c := i.Clients()
	apply(t, c.Maps, traffic.Map("acme"))
	var words []string
	var answers bytes.Buffer // what publishers were told
	for _, way := range []string{"Grpc", "Stream", "Json", "Proto", "Nats", "Import"} {
		k := &canaries{way: way}
		good, bad := k.facts(strings.ToLower(way))
		answers.WriteString(send(t, i, way, good, bad))
		words = append(words, k.words...)
	}
	st := settled(t, c.Admin)
	if st.GetFacts() != 12 {
		t.Errorf("%d facts are recorded, want 12; publishers were told %s", st.GetFacts(), answers.String())
	}
	time.Sleep(600 * time.Millisecond) // refusals are written every quarter of a second

	places := map[string][]byte{"what publishers were told": answers.Bytes()}
	places["answers of the API"] = []byte(ask(t, i))
	_, metrics, err := instance.Get(t.Context(), "http://"+i.At().Admin+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	places["metrics"] = []byte(metrics)
	// As it is while it runs: write-ahead logs hold everything uncompressed.
	files(t, i.Dir(), places)
	if code, err := i.Terminate(20 * time.Second); code != 0 || err != nil {
		t.Errorf("it ended with %d, %v", code, err)
	}
	files(t, i.Dir(), places)
	places["log"], places["traces"] = []byte(log.String()), spans.bytes()

	for place, b := range places {
		for _, w := range words {
			for how, p := range disguises(w) {
				if bytes.Contains(b, p) {
					t.Errorf("%s, %s, is found in %s", w, how, place)
				}
			}
		}
	}
	// What is looked through does hold what was sent.
	for place, sign := range map[string]string{
		"answers of the API": "grpc-unknown", "metrics": "touchstone_ingest_refused_total", "traces": "IngestService/Publish", "what publishers were told": "RECORDED",
	} {
		if !bytes.Contains(places[place], []byte(sign)) {
			t.Errorf("%s does not hold %q: %d bytes were looked through for nothing", place, sign, len(places[place]))
		}
	}
	for _, sign := range []string{"grpc-i", "import-a", "nats-i", "json-unknown"} {
		found := false
		for place, b := range places {
			found = found || strings.Contains(place, "nats/") && bytes.Contains(b, []byte(sign))
		}
		if !found {
			t.Errorf("no stream holds %q", sign)
		}
	}
}

// disguises are the forms in which a word could hide: also as a hash that anybody could try it against.
func disguises(w string) map[string][]byte {
	short := []byte(w)
	if len(short) > 24 {
		short = short[:24] // fields may be cut; the first letters tell entrance and field
	}
	sum256, sum1, sum5 := sha256.Sum256([]byte(w)), sha1.Sum([]byte(w)), md5.Sum([]byte(w))
	d := map[string][]byte{
		"in the clear": short, "in upper case": bytes.ToUpper(short), "in lower case": bytes.ToLower(short),
		"in hex":     []byte(hex.EncodeToString(short)),
		"as SHA-256": sum256[:16], "as SHA-1": sum1[:16], "as MD5": sum5[:],
		"as SHA-256 in hex": []byte(hex.EncodeToString(sum256[:16])), "as MD5 in hex": []byte(hex.EncodeToString(sum5[:])),
	}
	for shift := range 3 {
		// Only whole groups: its ends depend on what stands beside it.
		e := base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{0}, shift), short...))
		d[fmt.Sprintf("in base64, shifted by %d", shift)] = []byte(e[4 : len(e)-4])
	}
	return d
}

// files adds the content of every file below a folder to places.
func files(t *testing.T, dir string, places map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		places["the name of a file"] = append(append(places["the name of a file"], rel...), '\n')
		b, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			return nil // it was in the way of a compaction
		}
		places["file "+rel] = append(places["file "+rel], b...)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// send publishes facts by one entrance and returns what it was told.
func send(t *testing.T, i *instance.Instance, way string, good, bad []*factv1.Fact) string {
	t.Helper()
	key, err := i.Key()
	if err != nil {
		t.Fatal(err)
	}
	all := append(append([]*factv1.Fact(nil), good...), bad...)
	req := &ingestv1.PublishRequest{Organisation: "acme", Source: strings.ToLower(way), Facts: all}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", traceparent)
	url := "http://" + i.At().HTTP + "/v1/events"
	switch way {
	case "Grpc":
		r, err := i.Clients().Ingest.Publish(ctx, req)
		return fmt.Sprint(r, err)
	case "Stream":
		return stream(t, ctx, i, req)
	case "Json":
		var told strings.Builder
		for _, f := range all {
			_, _, answer := traced(t, url, key, eventType, jsonEvent(t, f))
			told.WriteString(answer)
		}
		// Bytes that are no event, and an event cut off in the middle of a name.
		_, _, answer := traced(t, url, key, eventType, jsonEvent(t, good[0])[:400])
		told.WriteString(answer)
		who := good[0].GetInteraction().GetCustomerId()
		wrong := strings.Replace(jsonEvent(t, good[0]), `"`+who+`"`, `{"number":"`+who+`"}`, 1)
		_, _, answer = traced(t, url, key, eventType, wrong)
		told.WriteString(answer)
		return told.String()
	case "Proto":
		b, err := proto.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _, answer := traced(t, url, key, "application/x-protobuf", string(b))
		return answer
	case "Nats":
		nc, err := nats.Connect("nats://" + i.At().NATS)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		var told strings.Builder
		for _, f := range all {
			m := nats.NewMsg("ts.in.acme.nats")
			m.Header = nats.Header{"Authorization": {"Bearer " + key}, "Content-Type": {eventType}, "traceparent": {traceparent}}
			m.Data = []byte(strings.Replace(jsonEvent(t, f), `"source":"json"`, `"source":"nats"`, 1))
			r, err := nc.RequestMsg(m, 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			told.Write(r.Data)
		}
		return told.String()
	default:
		return imported(t, i, good, bad)
	}
}

func stream(t *testing.T, ctx context.Context, i *instance.Instance, req *ingestv1.PublishRequest) string {
	t.Helper()
	s, err := i.Clients().Ingest.PublishStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&ingestv1.PublishStreamRequest{Sequence: 1, Batch: req}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(r)
}

func traced(t *testing.T, url, key, contentType, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("traceparent", traceparent)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, b.String()
}

// jsonEvent is a fact as a CloudEvent of source json.
func jsonEvent(t *testing.T, f *factv1.Fact) string {
	t.Helper()
	kind, content := "interaction", proto.Message(f.GetInteraction())
	if f.GetAnswer() != nil {
		kind, content = "answer", f.GetAnswer()
	}
	data, err := protojson.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": f.GetId(), "source": "json", "organisation": "acme", "revision": "1",
		"type": "touchstone." + kind + ".v1", "datacontenttype": "application/json", "data": json.RawMessage(data),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// imported sends facts as rows of a file. What the command tells its user about a row is the user's own; it is not kept.
func imported(t *testing.T, i *instance.Instance, good, bad []*factv1.Fact) string {
	t.Helper()
	dir := t.TempDir()
	var rows strings.Builder
	for _, f := range append(append([]*factv1.Fact(nil), good...), bad...) {
		content := proto.Message(f.GetInteraction())
		if f.GetAnswer() != nil {
			content = f.GetAnswer()
		}
		b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(map[string]any{"id": f.GetId(), "answer": f.GetAnswer() != nil, "x": json.RawMessage(b)})
		if err != nil {
			t.Fatal(err)
		}
		rows.Write(append(line, '\n'))
	}
	write(t, filepath.Join(dir, "rows.ndjson"), rows.String())
	for kind, mapping := range map[string]string{"interaction": interactionRows, "answer": answerRows} {
		write(t, filepath.Join(dir, kind+".yaml"), mapping)
		r := command(t, i, "import", filepath.Join(dir, "rows.ndjson"), "--mapping", filepath.Join(dir, kind+".yaml"))
		if r.Code != 0 && r.Code != 2 {
			t.Fatalf("import of %ss ended with %d: %s", kind, r.Code, r.Err)
		}
	}
	return ""
}

const importHead = `organisation: acme
source: import
format: ndjson
zone: UTC
version: 1
facts:
`

const interactionRows = importHead + `  - interaction:
      id: "{id}"
      occurred_at: {format: "2006-01-02T15:04:05.999999999Z07:00", value: "{x.occurred_at}"}
      touchpoint: "{x.touchpoint}"
      channel: {column: x.channel}
      outcome: {column: x.outcome}
      contact_id: {column: x.contact_id}
      customer_id: {column: x.customer_id}
      note: {column: x.note}
      agent: {column: x.agent}
      contact: {name: {column: x.contact.name}, email: {column: x.contact.email}, phone: {column: x.contact.phone}}
`

const answerRows = importHead + `  - answer:
      id: "{id}"
      question: "{x.question}"
      value: {column: x.value, missing: [""]}
      about_time: {format: "2006-01-02T15:04:05.999999999Z07:00", value: "{x.about_time}"}
      touchpoint: "{x.touchpoint}"
      customer_id: {column: x.customer_id}
      response_id: {column: x.response_id}
      text: {column: x.text}
`

// ask is all that the API and the commands tell about what was sent.
func ask(t *testing.T, i *instance.Instance) string {
	t.Helper()
	var b strings.Builder
	c := i.Clients()
	refused, err := c.Admin.ListRefused(t.Context(), &adminv1.ListRefusedRequest{Organisation: "acme", Limit: 1000})
	fmt.Fprintln(&b, refused, err)
	parked, err := c.Admin.ListParked(t.Context(), &adminv1.ListParkedRequest{})
	fmt.Fprintln(&b, parked, err)
	list, err := c.Scores.ListFacts(t.Context(), &scorev1.ListFactsRequest{Organisation: "acme", PageSize: 1000})
	fmt.Fprintln(&b, list, err)
	for _, f := range list.GetFacts() {
		story, err := c.Scores.GetFact(t.Context(), &scorev1.GetFactRequest{Organisation: "acme", Source: f.GetSource(), Id: f.GetId()})
		fmt.Fprintln(&b, story, err)
		if x := f.GetInteraction(); x != nil && (len(x.GetCustomer()) != 16 || len(x.GetContact()) != 16 || len(x.GetSealedContact()) == 0 || len(x.GetSealedNote()) == 0) {
			t.Errorf("of %s something was lost: %v", f.GetId(), x)
		}
		if x := f.GetAnswer(); x != nil && (len(x.GetCustomer()) != 16 || len(x.GetResponse()) != 16 || len(x.GetSealedText()) == 0) {
			t.Errorf("of %s something was lost: %v", f.GetId(), x)
		}
	}
	for _, args := range [][]string{
		{"event", "-o", "acme", "grpc", "grpc-i"}, {"refused", "-o", "acme"}, {"parked", "list"}, {"status"}, {"keys", "list"}, {"scores", "-o", "acme", "--window", "all"},
	} {
		r := command(t, i, args...)
		if r.Code != 0 {
			t.Errorf("touchstone %s ended with %d: %s", strings.Join(args, " "), r.Code, r.Err)
		}
		b.WriteString(r.Out + r.Err)
	}
	return b.String()
}
