package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
)

// noted is a call of a customer with a note.
func noted(id string, version uint64, customer, note string) *factv1.Fact {
	f := helpCall(id)
	f.Version, f.GetInteraction().CustomerId, f.GetInteraction().Note = version, customer, note
	return f
}

// commented is an answer of a customer about a call; about none where it is empty.
func commented(id string, version uint64, customer, about, text string) *factv1.Fact {
	a := &factv1.Answer{Question: "recommend", Value: 7, CustomerId: customer, Text: text, AboutTime: timestamppb.New(time.Now().Add(-time.Minute)), Touchpoint: "help"}
	if about != "" {
		a.Interaction = &factv1.InteractionRef{Id: about}
	}
	return &factv1.Fact{Id: id, Version: version, Content: &factv1.Fact_Answer{Answer: a}}
}

// office is a gateway whose persons are asked about.
type office struct {
	*gateway
	source, admin context.Context
	persons       ingestv1.PersonServiceClient
}

func openOffice(t *testing.T) *office {
	t.Helper()
	g := open(t, "TOUCHSTONE_INGEST_PARTITIONS=8")
	return &office{g, g.acd(), g.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "acme", ""), ingestv1.NewPersonServiceClient(g.conn)}
}

func (o *office) publish(facts ...*factv1.Fact) {
	o.t.Helper()
	for _, f := range facts { // each in a message of its own, in this order
		r, err := o.client.Publish(o.source, &ingestv1.PublishRequest{Facts: []*factv1.Fact{f}})
		if err != nil {
			o.t.Fatal(err)
		}
		if why := r.GetResults()[0].GetRefusal(); why != nil {
			o.t.Fatalf("%s is refused: %v", f.GetId(), why)
		}
	}
}

func (o *office) forget(customer string) *ingestv1.ForgetCustomerResponse {
	o.t.Helper()
	r, err := o.persons.ForgetCustomer(o.admin, &ingestv1.ForgetCustomerRequest{Organisation: "acme", CustomerId: customer, Reason: "request 4711"})
	if err != nil {
		o.t.Fatal(err)
	}
	return r
}

// about is what is told about a customer, a line each: id, version, text, and whether it is superseded.
func (o *office) about(customer string) (lines []string) {
	o.t.Helper()
	st, err := o.persons.AboutCustomer(o.admin, &ingestv1.AboutCustomerRequest{Organisation: "acme", CustomerId: customer})
	if err != nil {
		o.t.Fatal(err)
	}
	for {
		r, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			o.t.Fatal(err)
		}
		line := fmt.Sprintf("%s %d %s", r.GetFact().GetId(), r.GetFact().GetVersion(), r.GetText())
		if r.GetSuperseded() {
			line += " superseded"
		}
		lines = append(lines, strings.TrimSpace(line))
	}
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// retractions are the facts that are taken back for ever, as kind, id and what an answer was about.
func (o *office) retractions() (out []string) {
	facts, _ := o.recorded()
	for _, f := range facts {
		if f.GetVersion() != math.MaxUint64 || f.GetContent() != nil {
			continue
		}
		if !f.GetHistory() {
			o.t.Errorf("the retraction of %s is no history: it could raise an alert", f.GetId())
		}
		out = append(out, fmt.Sprintf("%s %s of %s about %s", strings.ToLower(strings.TrimPrefix(f.GetKind().String(), "KIND_")), f.GetId(), f.GetSource(), f.GetAboutId()))
	}
	slices.Sort(out)
	return out
}

func TestAboutAndForget(t *testing.T) {
	o := openOffice(t)
	o.publish(
		noted("call-1", 1, "anna", "is angry"),
		commented("answer-1", 1, "anna", "call-1", "too long"),
		noted("call-1", 1, "anna", "is angry"),  // a duplicate
		noted("call-2", 1, "bert", "is calm"),   // another's
		noted("call-3", 2, "bert", "corrected"), // comes before what it corrects
		noted("call-3", 1, "anna", "was taken for anna"),
		noted("call-4", 1, "bert", "was taken for bert"),
		noted("call-4", 2, "anna", "is anna's"),
		commented("answer-2", 1, "", "call-1", "no name"), // of nobody, about a call of anna's
		commented("answer-3", 1, "bert", "call-1", "bert's words"),
		noted("call-5", 1, "anna", "taken back"),
		&factv1.Fact{Id: "call-5", Version: 2, Content: &factv1.Fact_Retraction{Retraction: &factv1.Retraction{Kind: factv1.Kind_KIND_INTERACTION}}},
	)
	same(t, "about anna", o.about("anna"),
		"call-1 1 is angry", "answer-1 1 too long", "call-3 1 was taken for anna superseded", "call-4 2 is anna's", "call-5 1 taken back superseded")
	same(t, "about nobody", o.about("nobody"))

	r := o.forget("anna")
	if r.GetFacts() != 5 || !r.GetKeyDeleted() || r.GetPosition() < 12 || r.GetDoneAt() == nil {
		t.Errorf("forgotten: %v", r)
	}
	gone := []string{
		"answer answer-1 of acd about call-1", "interaction call-1 of acd about ", "interaction call-3 of acd about ", "interaction call-4 of acd about ",
		"interaction call-5 of acd about ",
	}
	same(t, "retractions", o.retractions(), gone...)
	same(t, "about anna", o.about("anna"),
		"call-1 1  superseded", "answer-1 1  superseded", "call-3 1  superseded", "call-4 2  superseded", "call-5 1  superseded")
	same(t, "about bert", o.about("bert"), "call-2 1 is calm", "call-3 2 corrected superseded", "call-4 1 was taken for bert superseded", "answer-3 1 bert's words")

	// An answer goes to the partition of its interaction, taken back or not.
	facts, subjects := o.recorded()
	at := map[string]string{}
	for i, f := range facts {
		k := fmt.Sprint(f.GetKind(), f.GetId(), f.GetAboutId())
		if at[k] == "" {
			at[k] = subjects[i]
		} else if at[k] != subjects[i] {
			t.Errorf("%s is on %s and on %s", f.GetId(), at[k], subjects[i])
		}
	}

	// Again: nothing is left to do. Sent again, it stays taken back; what is new is new, and what was said before stays sealed.
	if r := o.forget("anna"); r.GetFacts() != 0 || r.GetKeyDeleted() {
		t.Errorf("forgotten again: %v", r)
	}
	o.publish(noted("call-1", 9, "anna", "sent again"), noted("call-6", 1, "anna", "is back"))
	same(t, "about anna", o.about("anna"), "call-1 1  superseded", "answer-1 1  superseded", "call-3 1  superseded", "call-4 2  superseded", "call-5 1  superseded",
		"call-1 9 sent again superseded", "call-6 1 is back")
	if r := o.forget("anna"); r.GetFacts() != 1 || !r.GetKeyDeleted() {
		t.Errorf("forgotten a third time: %v", r)
	}
	same(t, "retractions", o.retractions(), append(gone, "interaction call-6 of acd about ")...)
	if r := o.forget("nobody"); r.GetFacts() != 0 || r.GetKeyDeleted() {
		t.Errorf("nobody forgotten: %v", r)
	}
}

// A call that was cut off after some retractions is completed by the next, and many facts take many requests.
func TestForgetGoesOn(t *testing.T) {
	o := openOffice(t)
	const n = 2*forgetBatch + 17
	var batch []*factv1.Fact
	for i := range n {
		batch = append(batch, noted(fmt.Sprint("c-", i), 1, "anna", ""))
	}
	for c := range slices.Chunk(batch, forgetBatch) {
		if _, err := o.client.Publish(o.source, &ingestv1.PublishRequest{Facts: c}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		o.publish(&factv1.Fact{Id: fmt.Sprint("c-", i*400), Version: math.MaxUint64, Content: &factv1.Fact_Retraction{Retraction: &factv1.Retraction{Kind: factv1.Kind_KIND_INTERACTION}}})
	}
	if r := o.forget("anna"); r.GetFacts() != n-3 || r.GetKeyDeleted() {
		t.Errorf("forgotten: %v", r)
	}
	for _, line := range o.about("anna") {
		if !strings.HasSuffix(line, "superseded") {
			t.Errorf("still holds: %s", line)
		}
	}
}

// Above the highest version there is none. It is said that such a fact still counts, once all else is done.
func TestForgetHighestVersion(t *testing.T) {
	o := openOffice(t)
	o.publish(noted("call-1", 1, "anna", "is angry"), noted("call-2", 1, "anna", "is still angry"))
	facts, subjects := o.recorded()
	facts[1].Version = math.MaxUint64
	data, err := proto.Marshal(&factv1.RecordedBatch{Facts: facts[1:]})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.bus.JS().Publish(o.admin, subjects[1], data); err != nil {
		t.Fatal(err)
	}
	// What is no batch is passed over.
	if _, err := o.bus.JS().Publish(o.admin, bus.FactSubject("acme", 3), append(data, 0xff)); err != nil {
		t.Fatal(err)
	}
	_, err = o.persons.ForgetCustomer(o.admin, &ingestv1.ForgetCustomerRequest{Organisation: "acme", CustomerId: "anna"})
	if grpcCode(err) != "FailedPrecondition" || !strings.Contains(err.Error(), "1 facts are retracted, but 1 have") {
		t.Errorf("forgetting: %v", err)
	}
	same(t, "about anna", o.about("anna"), "call-1 1  superseded", "call-2 1  superseded", fmt.Sprint("call-2 ", uint64(math.MaxUint64)))
}

func TestPersonRefusals(t *testing.T) {
	o := openOffice(t)
	elsewhere, everywhere := o.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "other", ""), o.as(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	reader := o.as(adminv1.KeyRole_KEY_ROLE_READER, "acme", "")
	for _, c := range []struct {
		name     string
		ctx      context.Context
		org, who string
		reason   string
		code     string
	}{
		{"no key", soon(t), "acme", "anna", "", "Unauthenticated"},
		{"a reader", reader, "acme", "anna", "", "PermissionDenied"},
		{"a source", o.source, "acme", "anna", "", "PermissionDenied"},
		{"an admin of another organisation", elsewhere, "acme", "anna", "", "PermissionDenied"},
		{"no customer", o.admin, "acme", "", "", "InvalidArgument"},
		{"many organisations", everywhere, "*", "anna", "", "InvalidArgument"},
		{"all subjects", everywhere, "acme.>", "anna", "", "InvalidArgument"},
		{"no map", everywhere, "nowhere", "anna", "", "NotFound"},
		{"the default organisation has no map", everywhere, "", "anna", "", "NotFound"},
		{"the reason names them", o.admin, "acme", "anna", "Anna asked for it", "InvalidArgument"},
		{"the reason is too long", o.admin, "acme", "anna", strings.Repeat("x", 201), "InvalidArgument"},
	} {
		_, err := o.persons.ForgetCustomer(c.ctx, &ingestv1.ForgetCustomerRequest{Organisation: c.org, CustomerId: c.who, Reason: c.reason})
		if grpcCode(err) != c.code {
			t.Errorf("%s: forgetting answers %v, want %s", c.name, err, c.code)
		}
		if c.reason != "" {
			continue
		}
		st, err := o.persons.AboutCustomer(c.ctx, &ingestv1.AboutCustomerRequest{Organisation: c.org, CustomerId: c.who})
		if err == nil {
			_, err = st.Recv()
		}
		if grpcCode(err) != c.code {
			t.Errorf("%s: asking answers %v, want %s", c.name, err, c.code)
		}
	}
}

func TestReasonNamesCustomer(t *testing.T) {
	for _, c := range []struct {
		text, id string
		want     bool
	}{
		{"request 4711", "4711", true},
		{"request 4711", "47", false},
		{"request 4711 of 47", "47", true},
		{"", "47", false},
		{"asked by ANNA@example.org", "anna@example.org", true},
		{"über Äpfel", "äpfel", true},
		{"Äpfelchen", "äpfel", false},
		{"+49 30 1", "+49 30 1", true},
		{"11 111", "1", false},
		{"11 1", "1", true},
	} {
		if got := names(c.text, c.id); got != c.want {
			t.Errorf("%q names %q: %v", c.text, c.id, got)
		}
	}
}
