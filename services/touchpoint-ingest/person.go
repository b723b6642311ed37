package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/audit"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// persons answers for what is recorded about one customer, by the keyed hash that stands for them.
//
// Forgetting goes in this order, and a call that is repeated completes one that was cut off:
//
//	step                                  a crash right after it leaves
//	1  their facts are found in TS_FACT   nothing
//	2  each is retracted, on disk         what is retracted counts nowhere; the rest still counts, and texts can be read.
//	                                      Repeated, the rest is found and retracted
//	3  what came meanwhile, likewise      facts that count nowhere, and texts that can be read. Repeated, nothing is
//	                                      retracted, and the key goes
//	4  the key is deleted and synced      other services keep theirs. Repeated, they are told
//	5  TS_FORGOTTEN tells other services  all is done but for the line of audit. Repeated, it is written
//	6  the audit tells it                 all is done
//
// A fact any version of which was about the customer is retracted whole. The retraction has the highest version there is:
// whoever sends a version again, or a correction, finds the fact taken back. Retractions are history, so they raise no alert.
//
// What remains is in TS_FACT, and for 90 days in TS_NATIVE: a keyed hash of the customer, with what was measured, and texts
// sealed by a key that is nowhere any more. Contact blocks are sealed for the survey service. A call that is open when its
// customer is forgotten becomes a new fact once it ends; a text that came before can be read no more. A text that was sent
// without a customer is nobody's, also where it is about a call of theirs, and stays.
//
// Facts that are sealed and were let go are only in sums any more, from which nobody can be told nor subtracted. A retraction is
// remembered as long as facts are kept.
//
// Whoever sends a forgotten fact again records its text anew, by a new key, though it counts nowhere; and a backup from
// before holds the facts without the retractions. After either, forget again.
type persons struct {
	ingestv1.UnimplementedPersonServiceServer
	rec    *Recorder
	hasher *seal.Hasher
	sealer *seal.Sealer
	audit  *audit.Log
	log    *slog.Logger
}

// registerPersons registers PersonService.
func registerPersons(reg grpc.ServiceRegistrar, rec *Recorder, hasher *seal.Hasher, sealer *seal.Sealer, log *slog.Logger) {
	ingestv1.RegisterPersonServiceServer(reg, &persons{rec: rec, hasher: hasher, sealer: sealer, audit: audit.New(rec.bus.JS()), log: log})
}

// who says of which organisation a request speaks, who calls, and by which hash the customer is known.
func (p *persons) who(ctx context.Context, organisation, id string) (org string, by access.Principal, customer [seal.Size]byte, err error) {
	by, ok := access.PrincipalFrom(ctx)
	if !ok {
		return "", by, customer, fault.New(fault.Unauthenticated, "what is recorded about a customer needs a key with the role admin")
	}
	if org = organisation; org == "" {
		org = defaultOrganisation
	}
	if err := validOrganisation(org); err != nil {
		return "", by, customer, err
	}
	if p.rec.maps.Current(org) == nil || !by.Sees(org) {
		return "", by, customer, fault.New(fault.NotFound, "organisation %q has no map: apply one with `touchstone apply`", org)
	}
	p.hasher.Hash(&customer, org, seal.Customer, []byte(id))
	return org, by, customer, nil
}

// AboutCustomer implements the RPC.
func (p *persons) AboutCustomer(req *ingestv1.AboutCustomerRequest, stream grpc.ServerStreamingServer[ingestv1.AboutCustomerResponse]) error {
	ctx := stream.Context()
	org, by, customer, err := p.who(ctx, req.GetOrganisation(), req.GetCustomerId())
	if err != nil {
		return err
	}
	said, newest, err := p.about(ctx, org, customer)
	if err != nil {
		return err
	}
	if err := p.write(ctx, org, by, adminv1.AuditKind_AUDIT_KIND_CUSTOMER_READ, fmt.Sprintf("what is recorded about a customer was read: %d facts", len(newest))); err != nil {
		return err
	}
	p.log.Info("audit: what is recorded about a customer is read", "organisation", org, "key", by.KeyID, "facts", len(newest))
	get, unreadable := p.rec.factReader(), 0
	for _, m := range said {
		f, err := get.fact(ctx, m.place)
		if err != nil {
			return err
		}
		if f == nil {
			continue // gone from the stream since it was found
		}
		text, ok := p.text(org, customer, f)
		if !ok && m.again != m.place {
			// Sent once more after its customer was forgotten, it was sealed by the key that is there.
			again, err := get.fact(ctx, m.again)
			if err != nil {
				return err
			}
			text, ok = p.text(org, customer, again)
		}
		if !ok {
			unreadable++
		}
		if err := stream.Send(&ingestv1.AboutCustomerResponse{Fact: f, Text: text, Superseded: m.edition != newest[m.name]}); err != nil {
			return err
		}
	}
	if unreadable > 0 {
		p.log.Info("texts about a customer cannot be read: their key was deleted", "organisation", org, "texts", unreadable)
	}
	return nil
}

// write writes a line of audit; what it tells of is not answered without it.
func (p *persons) write(ctx context.Context, org string, by access.Principal, kind adminv1.AuditKind, about string) error {
	return p.audit.Write(ctx, &adminv1.AuditLine{At: timestamppb.New(p.rec.clock()), Organisation: org, Kind: kind, Key: by.KeyID, About: about})
}

// text opens what a customer wrote; ok is false where it was sealed by a key that is gone, also when they have a new one.
func (p *persons) text(org string, customer [seal.Size]byte, f *factv1.RecordedFact) (text string, ok bool) {
	sealed := f.GetInteraction().GetSealedNote()
	if a := f.GetAnswer(); a != nil {
		sealed = a.GetSealedText()
	}
	if len(sealed) == 0 {
		return "", true
	}
	plain, err := p.sealer.OpenText(org, customer, sealed)
	return strings.ToValidUTF8(string(plain), string(utf8.RuneError)), err == nil
}

// catchUps bounds how often facts that came meanwhile are looked for before the key goes: what comes later still is new.
const catchUps = 8

// ForgetCustomer implements the RPC.
func (p *persons) ForgetCustomer(ctx context.Context, req *ingestv1.ForgetCustomerRequest) (*ingestv1.ForgetCustomerResponse, error) {
	org, by, customer, err := p.who(ctx, req.GetOrganisation(), req.GetCustomerId())
	if err != nil {
		return nil, err
	}
	if names(req.GetReason(), req.GetCustomerId()) {
		return nil, fault.Field("reason", "it names the customer", "give a reason that can be kept when they are forgotten, such as the number of their request")
	}
	out, stays := new(ingestv1.ForgetCustomerResponse), 0
	highest := map[factName]bool{}
	for range 1 + catchUps {
		found, last, err := p.mentioned(ctx, org, customer, out.GetPosition()+1, highest)
		if err != nil {
			return nil, err
		}
		out.Position = last
		var due []factName
		for _, n := range found {
			content, has := highest[n]
			if content {
				stays++
			} else if !has {
				due = append(due, n)
			}
		}
		if err := p.retract(ctx, org, due); err != nil {
			return nil, err
		}
		if out.Facts += uint64(len(due)); len(due) == 0 {
			break
		}
	}
	_, err = p.sealer.OpenText(org, customer, nil) // opens nothing, but tells whether there is a key
	out.KeyDeleted = !errors.Is(err, seal.ErrForgotten)
	if err := p.sealer.Forget(org, customer); err != nil {
		p.rec.space.failed(err)
		return nil, fault.Wrap(fault.Unavailable, err, "the facts are retracted, but the customer's key could not be deleted now: call again")
	}
	if _, err := p.rec.bus.JS().Publish(ctx, bus.ForgottenSubject(org), customer[:], jetstream.WithExpectStream(bus.StreamForgotten)); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the facts are retracted and the customer's key is gone, but other services could not be told: call again")
	}
	done := p.rec.clock()
	out.DoneAt = timestamppb.New(done)
	about := fmt.Sprintf("a customer was forgotten: %d facts retracted", out.GetFacts())
	if req.GetReason() != "" {
		about += "; reason: " + req.GetReason()
	}
	if err := p.write(ctx, org, by, adminv1.AuditKind_AUDIT_KIND_CUSTOMER_FORGOTTEN, about); err != nil {
		return nil, err
	}
	p.log.Info("audit: a customer is forgotten", "organisation", org, "key", by.KeyID, "reason", req.GetReason(),
		"facts", out.GetFacts(), "key_deleted", out.GetKeyDeleted(), "position", out.GetPosition(), "done_at", done)
	if stays > 0 {
		return nil, fault.New(fault.Precondition, "their texts can be read no more and %d facts are retracted, but %d have the version 2^64-1, above which there is none, and still count", out.GetFacts(), stays)
	}
	return out, nil
}

// names reports whether a text has an id in it as a word of its own.
func names(text, id string) bool {
	text, id = strings.ToLower(text), strings.ToLower(id)
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for from := 0; id != ""; {
		at := strings.Index(text[from:], id)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(id):])
		if !word(before) && !word(after) {
			return true
		}
		from = at + 1
	}
	return false
}

// forgetBatch keeps a request of retractions, each of two ids at most, below the largest request.
const forgetBatch = 500

// retract takes facts back by the highest version and returns once all is on disk.
func (p *persons) retract(ctx context.Context, org string, facts []factName) error {
	bySource := map[string][]*factv1.Fact{}
	for _, n := range facts {
		r := &factv1.Retraction{Kind: n.kind}
		if n.aboutID != "" {
			r.Interaction = &factv1.InteractionRef{Source: n.aboutSource, Id: n.aboutID}
		}
		bySource[n.source] = append(bySource[n.source], &factv1.Fact{Id: n.id, Version: highestVersion, Content: &factv1.Fact_Retraction{Retraction: r}})
	}
	for source, list := range bySource {
		for len(list) > 0 {
			n := min(len(list), forgetBatch)
			if err := p.publish(ctx, org, source, list[:n]); err != nil {
				return err
			}
			list = list[n:]
		}
	}
	return nil
}

// mentioned returns the facts that say the customer's hash in any version, from a sequence on, and how far it looked. In
// highest it notes every fact of the highest version, and whether it has content.
func (p *persons) mentioned(ctx context.Context, org string, customer [seal.Size]byte, from uint64, highest map[factName]bool) (found []factName, last uint64, err error) {
	known := map[factName]bool{}
	last, err = p.rec.readFacts(ctx, org, from, func(_ uint64, data []byte) bool {
		return bytes.Contains(data, customer[:]) || bytes.Contains(data, highestBytes())
	}, func(_ uint64, _ int, r *wire.Recorded) {
		if r.Version == highestVersion {
			n := nameOf(r)
			highest[n] = highest[n] || r.Content
		}
		if bytes.Equal(r.Customer, customer[:]) {
			if n := nameOf(r); !known[n] {
				known[n] = true
				found = append(found, n)
			}
		}
	})
	return found, last, err
}

// mention is an edition of a fact that says the customer's hash: where it was recorded first, and where last.
type mention struct {
	name         factName
	edition      edition
	place, again place
}

// about returns what says the customer's hash, in the order in which it was recorded and each edition once, and the edition
// of each fact that holds. The two need a look each: what replaced a fact may be about another customer and have come first.
func (p *persons) about(ctx context.Context, org string, customer [seal.Size]byte) (said []mention, newest map[factName]edition, err error) {
	type once struct {
		factName
		edition
	}
	seen := map[once]int{}
	newest = map[factName]edition{}
	_, err = p.rec.readFacts(ctx, org, 1, func(_ uint64, data []byte) bool {
		return bytes.Contains(data, customer[:])
	}, func(sequence uint64, index int, r *wire.Recorded) {
		if !bytes.Equal(r.Customer, customer[:]) {
			return
		}
		at := place{sequence, index}
		m := mention{nameOf(r), edition{r.Version, r.Digest}, at, at}
		if k, ok := seen[once{m.name, m.edition}]; ok {
			said[k].again = at
			return
		}
		seen[once{m.name, m.edition}] = len(said)
		said = append(said, m)
		newest[m.name] = edition{}
	})
	if err != nil || len(said) == 0 {
		return nil, nil, err
	}
	_, err = p.rec.readFacts(ctx, org, 1, anyOf(newest), func(_ uint64, _ int, r *wire.Recorded) {
		// A key written in its place is looked up without being made.
		old, ok := newest[factName{r.Kind, string(r.Source), string(r.ID), string(r.AboutSource), string(r.AboutID)}]
		if e := (edition{r.Version, r.Digest}); ok && e.beats(old) {
			newest[nameOf(r)] = e
		}
	})
	return said, newest, err
}

// anyOf tells which messages can hold one of a few facts: ids are searched faster than messages are scanned.
func anyOf(facts map[factName]edition) func(uint64, []byte) bool {
	const few = 16
	var ids [][]byte
	for n := range facts {
		ids = append(ids, []byte(n.id))
	}
	return func(_ uint64, data []byte) bool {
		return len(ids) > few || slices.ContainsFunc(ids, func(id []byte) bool { return bytes.Contains(data, id) })
	}
}

// publish records retractions, waiting while there is no room for them.
func (p *persons) publish(ctx context.Context, org, source string, facts []*factv1.Fact) error {
	// History, under one name for all: a name of its own would tie together what was one customer's.
	data, err := proto.Marshal(&ingestv1.PublishRequest{Organisation: org, Source: source, ImportId: "forget", Facts: facts})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encoding retractions")
	}
	by := access.Principal{Organisation: org, Source: source, Role: accessv1.Role_ROLE_SOURCE} // the service itself, in its name
	var results []*ingestv1.FactResult
	err = patiently(ctx, 100*time.Millisecond, []fault.Kind{fault.Exhausted}, func() (err error) {
		results, err = p.rec.Record(ctx, by, data)
		return err
	})
	if err != nil {
		return err
	}
	for i, r := range results {
		if why := r.GetRefusal(); why != nil {
			return fault.New(fault.Precondition, "fact %s of source %s cannot be retracted: %s: %s %s", facts[i].GetId(), source, why.GetField(), why.GetMessage(), why.GetRemedy())
		}
	}
	return nil
}
