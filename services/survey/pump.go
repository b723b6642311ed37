package survey

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// pump makes facts of answers: it reads TS_SURVEY by a place of its own and publishes, by the bus as any other source, what the
// state holds of each response that changed. A fact's identity is its invitation and question and its version the response's step,
// so that publishing again changes nothing.
type pump struct {
	js     jetstream.JetStream
	nc     *nats.Conn
	state  *state.State
	atlas  *atlas
	log    *journal
	access *access.Keys
	keyDir string
	place  string // file
	slog   *slog.Logger

	tokens map[string]string // by organisation; of the goroutine in run
}

// Source is the source of every answer that the survey service heard.
const Source = "survey"

const (
	publishTimeout = 30 * time.Second
	factsAtOnce    = 500
)

// place is how far answers are published.
type place struct {
	Created  time.Time `json:"created"` // of the stream
	Sequence uint64    `json:"sequence"`
}

func (p *pump) run(ctx context.Context) error {
	p.tokens = map[string]string{}
	for ctx.Err() == nil {
		err := p.life(ctx)
		if ctx.Err() != nil {
			return nil
		}
		p.slog.Warn("answers are published again from the last place", "reason", err)
		select {
		case <-time.After(readAgain):
		case <-ctx.Done():
		}
	}
	return nil
}

func (p *pump) life(ctx context.Context) error {
	stream, err := p.js.Stream(ctx, bus.StreamSurvey)
	if err != nil {
		return err
	}
	created := stream.CachedInfo().Created.UTC()
	at := p.read()
	if !at.Created.Equal(created) || at.Sequence > stream.CachedInfo().State.LastSeq {
		at = place{Created: created}
	}
	r, err := fold.Read(ctx, stream, at.Sequence+1, p.slog)
	if err != nil {
		return err
	}
	defer r.Stop()
	for {
		changed := map[string]map[state.ID][]string{} // organisation → invitation → questions
		for n := 0; n == 0 || r.Ready() && n < factsAtOnce; n++ {
			m, err := r.Next(ctx)
			if err != nil {
				return err
			}
			if err := gather(m, changed); err != nil {
				p.slog.Error("a message of the log of surveys cannot be read", "sequence", m.Sequence, "reason", err)
			}
			at.Sequence = m.Sequence
		}
		if len(changed) > 0 {
			if err := p.log.reached(ctx, at.Sequence); err != nil {
				return err
			}
		}
		for org, all := range changed {
			if err := p.tell(ctx, org, all); err != nil {
				return err
			}
		}
		if err := p.write(at); err != nil {
			return err
		}
	}
}

func gather(m fold.Message, into map[string]map[state.ID][]string) error {
	parts := strings.Split(m.Subject, ".")
	b := &surveyv1.SurveyBatch{}
	if err := proto.Unmarshal(m.Data, b); err != nil || len(parts) != 4 {
		return fmt.Errorf("this is no SurveyBatch on %s: %w", m.Subject, err)
	}
	for _, e := range b.GetEvents() {
		id, ok := asID(e.GetInvitation())
		if !ok || len(e.GetSaved().GetAnswers()) == 0 {
			continue
		}
		all := into[parts[2]]
		if all == nil {
			all = map[state.ID][]string{}
			into[parts[2]] = all
		}
		for _, x := range e.GetSaved().GetAnswers() {
			if !slices.Contains(all[id], x.GetQuestion()) {
				all[id] = append(all[id], x.GetQuestion())
			}
		}
	}
	return nil
}

// tell publishes the facts of an organisation's responses.
func (p *pump) tell(ctx context.Context, org string, changed map[state.ID][]string) error {
	by := p.atlas.current(org)
	if by == nil {
		return nil
	}
	var facts []*factv1.Fact
	for id, questions := range changed {
		i, err := p.state.Invitation(id)
		if err != nil {
			return err
		}
		if i == nil {
			continue
		}
		then, err := p.atlas.at(ctx, org, orNumber(i.AskedBy, i.MapVersion))
		if fault.KindOf(err) == fault.NotFound { // maps were restored from before it
			then, err = by, nil
		}
		if err != nil {
			return err
		}
		for _, x := range i.Answers {
			if slices.Contains(questions, x.GetQuestion()) {
				facts = append(facts, factsOf(by, then, id, i, x)...)
			}
		}
	}
	for some := range slices.Chunk(facts, factsAtOnce) {
		if err := p.publish(ctx, org, some); err != nil {
			return err
		}
	}
	return nil
}

// factsOf are what an answer says: one fact, or one for each measure of its question that the map counts. A text says its
// sentiment and its themes; the text itself stays here, sealed by the customer's key, which a fact without customer id has not. What
// the map by which they were asked has not (a theme, a choice) is not said to be missing.
func factsOf(by, then *compiled, id state.ID, i *state.Invitation, x *surveyv1.SavedAnswer) (out []*factv1.Fact) {
	q := by.view.Questions[x.GetQuestion()]
	if q == nil {
		return nil
	}
	add := func(question string, value int64) {
		measured := by.view.Questions[question]
		if measured == nil || then.view.Questions[question] == nil {
			return // the map does not count it, or nobody looked for it
		}
		touchpoint := i.Context.GetTouchpoint()
		if of := measured.Proto.GetTouchpoints(); i.Interaction == "" && len(of) == 1 {
			touchpoint = of[0] // a wave's other questions have touchpoints of their own
		}
		a := &factv1.Answer{
			Question: question, Value: value, AboutTime: timestamppb.New(time.UnixMilli(i.Context.GetAtMs())), Touchpoint: touchpoint,
			Channel: i.Context.GetChannel(), Team: i.Context.GetTeam(), ResponseId: hex.EncodeToString(id[:]),
		}
		if i.Interaction != "" {
			a.Interaction = &factv1.InteractionRef{Source: i.Source, Id: i.Interaction}
		}
		out = append(out, &factv1.Fact{Id: factID(id, question), Version: uint64(i.Step), Content: &factv1.Fact_Answer{Answer: a}})
	}
	values := x.GetValues()
	if len(values) == 0 && len(x.GetSealedText()) == 0 { // skipped, or taken back
		if i.Step <= 1 {
			return nil
		}
		for _, m := range by.measures(q) {
			r := &factv1.Retraction{Kind: factv1.Kind_KIND_ANSWER}
			if i.Interaction != "" {
				r.Interaction = &factv1.InteractionRef{Source: i.Source, Id: i.Interaction}
			}
			out = append(out, &factv1.Fact{Id: factID(id, m), Version: uint64(i.Step), Content: &factv1.Fact_Retraction{Retraction: r}})
		}
		return out
	}
	switch q.Kind {
	case mapv1.QuestionKind_QUESTION_KIND_TEXT:
		if base, _, _ := strings.Cut(strings.ToLower(i.AskedIn), "-"); base == "en" { // the only language whose sentiment is known
			add(q.ID, int64(x.GetSentiment()))
		}
		for _, t := range by.view.Themes {
			about := int64(0)
			if slices.Contains(x.GetThemes(), t.ID) {
				about = 1
			}
			add(expmap.PartID(q.ID, t.ID), about)
		}
	case mapv1.QuestionKind_QUESTION_KIND_MULTIPLE:
		for _, c := range q.Proto.GetChoices() {
			chosen := int64(0)
			if slices.Contains(values, c.GetValue()) {
				chosen = 1
			}
			add(expmap.PartID(q.ID, strconv.Itoa(int(c.GetValue()))), chosen)
		}
	case mapv1.QuestionKind_QUESTION_KIND_RANKING:
		for rank, v := range values {
			add(expmap.PartID(q.ID, strconv.Itoa(int(v))), int64(rank+1))
		}
	default:
		add(q.ID, int64(values[0]))
	}
	return out
}

// measures are what answers to a question can say: its own value, unless it has none, and its parts.
func (c *compiled) measures(q *expmap.Question) []string {
	var all []string
	if q.Min <= q.Max {
		all = append(all, q.ID)
	}
	for _, part := range expmap.Parts(c.proto, q.Proto) {
		all = append(all, part.GetId())
	}
	return slices.DeleteFunc(all, func(id string) bool { return c.view.Questions[id] == nil })
}

func factID(id state.ID, question string) string {
	return hex.EncodeToString(id[:]) + ":" + question
}

// publish asks ingest to record facts, for as long as that takes. What is refused for good is listed there with its reason.
func (p *pump) publish(ctx context.Context, org string, facts []*factv1.Fact) error {
	data, err := proto.Marshal(&ingestv1.PublishRequest{Organisation: org, Source: Source, Facts: facts})
	if err != nil {
		return err
	}
	for {
		again, err := p.request(ctx, org, data)
		if again == 0 {
			return err
		}
		p.slog.Warn("answers could not be recorded yet", "reason", err)
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// request sends one request; again is how long to wait before it is sent again, 0 when it is not.
func (p *pump) request(ctx context.Context, org string, data []byte) (again time.Duration, err error) {
	token, err := p.token(ctx, org)
	if err != nil {
		return readAgain, err
	}
	m := nats.NewMsg("ts.in." + org + "." + Source)
	m.Data = data
	m.Header.Set("Authorization", "Bearer "+token)
	m.Header.Set("Content-Type", "application/x-protobuf")
	once, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	// Ingest answers on inboxes of publishers alone; those of this connection are none.
	m.Reply = nats.NewInbox()
	inbox, err := p.nc.SubscribeSync(m.Reply)
	if err != nil {
		return readAgain, err
	}
	defer func() { _ = inbox.Unsubscribe() }() // the connection has gone, and with it the subscription
	if err := p.nc.PublishMsg(m); err != nil {
		return readAgain, err
	}
	answer, err := inbox.NextMsgWithContext(once)
	if err != nil {
		return readAgain, err
	}
	if len(answer.Data) == 0 { // how NATS says that nobody listens
		return readAgain, errors.New("nobody takes facts on the bus now")
	}
	r := &ingestv1.PublishStreamResponse{}
	if err := proto.Unmarshal(answer.Data, r); err != nil {
		return readAgain, err
	}
	if e := r.GetError(); e != nil {
		if e.GetReason() == ingestv1.Reason_REASON_FORBIDDEN {
			delete(p.tokens, org) // the key was revoked
		}
		if wait := time.Duration(r.GetRetryAfterMs()) * time.Millisecond; wait > 0 || e.GetReason() == ingestv1.Reason_REASON_FORBIDDEN {
			return max(wait, readAgain), errors.New(e.GetMessage())
		}
		p.slog.Error("answers were refused", "organisation", org, "reason", e.GetMessage())
		return 0, nil
	}
	for i, x := range r.GetResults() {
		if x.GetStatus() == ingestv1.Status_STATUS_REFUSED {
			p.slog.Error("an answer was refused", "organisation", org, "fact", i, "field", x.GetRefusal().GetField(), "reason", x.GetRefusal().GetMessage())
		}
	}
	return 0, nil
}

// token returns the key with which answers of an organisation are published, making it at the first use.
func (p *pump) token(ctx context.Context, org string) (string, error) {
	if t := p.tokens[org]; t != "" {
		return t, nil
	}
	file := filepath.Join(p.keyDir, "survey-source-"+org)
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if who, err := p.access.Authenticate(token); err != nil || who.Organisation != org || who.Source != Source {
		if _, token, err = p.access.Create(ctx, adminv1.KeyRole_KEY_ROLE_SOURCE, org, Source); err != nil {
			return "", err
		}
		if err := replace(file, []byte(token+"\n")); err != nil {
			return "", err
		}
	}
	p.tokens[org] = token
	return token, nil
}

// read returns the place that was written last; none where that cannot be read: all is published again, and changes nothing.
func (p *pump) read() (at place) {
	b, err := os.ReadFile(p.place)
	if err != nil || json.Unmarshal(b, &at) != nil {
		return place{}
	}
	return at
}

func (p *pump) write(at place) error {
	b, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return replace(p.place, b)
}

// replace writes a file of its owner alone, whole.
func replace(file string, b []byte) error {
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
