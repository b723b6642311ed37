package ingest

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/pebblestore"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/feed"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/all"
)

// natives takes deliveries of native records: it reads them into events, puts those on disk, and answers. What the events
// amount to is said by the assembler, which reads them back in one order.
type natives struct {
	ingestv1.UnimplementedNativeServiceServer
	rec     *Recorder
	formats []*format.Format
	hasher  *seal.Hasher
	sealer  *seal.Sealer
	secrets map[string]string // by source: with what its system signs
	base    *url.URL          // as senders call this service; nil: as the request says
}

const (
	nativeListed  = 100       // problems answered
	nativeMessage = 256 << 10 // bytes of events in one message
)

// format returns a format by name; nil when there is none.
func (n *natives) format(name string) *format.Format {
	for _, f := range n.formats {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// options are those of a feed in an organisation: persons become keyed hashes, by the same key as the customers of facts.
// Agents become their team, and the keyed hash of facts only where the map keeps scores of agents: else what is stored ties
// together no two calls of an agent.
func (n *natives) options(organisation string, fd *feed.Feed) format.Options {
	hash := func(kind byte, text string) string {
		var h [seal.Size]byte
		n.hasher.Hash(&h, organisation, kind, []byte(text))
		return hex.EncodeToString(h[:])
	}
	return format.Options{
		Zone: fd.Zone(), About: fd.About(),
		Person: func(text string) string {
			if text == "" {
				return ""
			}
			return hash(seal.Customer, text)
		},
		Agent: func(call, name string) string {
			if name == "" {
				return ""
			}
			a := format.Agent{Mark: hash(seal.InCall, call+"\x00"+name)[:16], Team: fd.TeamOf(name)}
			if fd.KeepsAgents() {
				a.Hash = hash(seal.Agent, name)
			}
			return a.String()
		},
	}
}

// feedOf says in whose name a delivery comes and by which feed it is read.
func (n *natives) feedOf(p access.Principal, organisation, source string) (org, src string, m *expmap.Map, fd *feed.Feed, err error) {
	org, src, err = n.rec.identify(p, wire.Request{Organisation: []byte(organisation), Source: []byte(source)})
	if err != nil {
		return org, src, nil, nil, err
	}
	if m = n.rec.maps.Current(org); m == nil {
		return org, src, nil, nil, fault.New(fault.NotFound, "organisation %q has no map: apply one with `touchstone apply`", org)
	}
	fd, ok := feed.Of(m, src)
	if !ok {
		return org, src, m, nil, fault.Field("source", fmt.Sprintf("the map has no feed for the source %q", src), "add it to feeds in the map, with its format and rules")
	}
	return org, src, m, fd, nil
}

// PublishNative implements the RPC.
func (n *natives) PublishNative(ctx context.Context, req *ingestv1.PublishNativeRequest) (*ingestv1.PublishNativeResponse, error) {
	p, ok := access.PrincipalFrom(ctx)
	if !ok {
		return nil, fault.New(fault.Unauthenticated, "publishing needs a key")
	}
	return n.take(ctx, p, req.GetOrganisation(), req.GetSource(), n.delivery(req))
}

func (n *natives) delivery(req *ingestv1.PublishNativeRequest) format.Delivery {
	d := format.Delivery{Body: req.GetBody(), ReceivedAt: n.rec.clock(), Origin: req.GetOrigin()}
	if c := req.GetContentType(); c != "" {
		d.Header = http.Header{"Content-Type": {c}}
	}
	return d
}

// take puts a delivery's events on disk; those of a test key are read, answered and dropped.
func (n *natives) take(ctx context.Context, p access.Principal, organisation, source string, d format.Delivery) (*ingestv1.PublishNativeResponse, error) {
	org, src, _, fd, err := n.feedOf(p, organisation, source)
	if err != nil {
		return nil, err
	}
	f := n.format(fd.Format())
	if f == nil {
		return nil, fault.Field("source", fmt.Sprintf("the feed of %q names the format %q, which is not read here", src, fd.Format()), "correct the feed: touchstone formats lists what is read")
	}
	if secret := n.secrets[src]; secret != "" && f.Verify != nil && d.URL != nil {
		if err := f.Verify(d, secret, d.ReceivedAt); err != nil {
			return nil, fault.New(fault.Unauthenticated, "the signature is not that of source %q: %v", src, err)
		}
	}
	if err := n.rec.space.admit(); err != nil {
		return nil, err
	}
	if err := n.rec.limiter.take(limited(p, org), src, 1); err != nil {
		return nil, err
	}
	parsed, err := parse(f, d, n.options(org, fd))
	if err != nil {
		return nil, err
	}
	if p.Test {
		n.rec.log.DebugContext(ctx, "native records of a test key were read and dropped", "organisation", org, "source", src, "events", len(parsed.Events), "problems", len(parsed.Problems))
	} else if err := n.keep(ctx, org, src, f, d, parsed.Events); err != nil {
		return nil, err
	}
	out := &ingestv1.PublishNativeResponse{Events: uint32(len(parsed.Events)), Ignored: counted(parsed.Ignored)}
	for i, x := range parsed.Problems {
		n.rec.refusals.add(org, src, "", &ingestv1.Refusal{Reason: ingestv1.Reason_REASON_MALFORMED, Field: x.Field, Message: x.Message, Remedy: x.Remedy})
		if i < nativeListed {
			out.Problems = append(out.Problems, problem(x))
		}
	}
	out.MoreProblems = uint32(max(0, len(parsed.Problems)-nativeListed))
	if len(parsed.Events) == 0 && len(parsed.Problems) > 0 && len(parsed.Ignored) == 0 {
		x := parsed.Problems[0]
		return nil, fault.Field("body", x.Message, x.Remedy)
	}
	return out, nil
}

// parse reads a delivery; a format that panics refuses it.
func parse(f *format.Format, d format.Delivery, o format.Options) (p format.Parsed, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.New(fault.Internal, "reading the format %s panicked: %v", f.Name, v)
		}
	}()
	return f.Parse(d, o), nil
}

// keep writes events to TS_NATIVE and returns when they are on disk.
func (n *natives) keep(ctx context.Context, org, src string, f *format.Format, d format.Delivery, events []format.Event) error {
	if len(events) == 0 {
		return nil
	}
	batch := func() *ingestv1.NativeEvents {
		return &ingestv1.NativeEvents{Format: f.Name, ReceivedAt: timestamppb.New(d.ReceivedAt), Origin: d.Origin}
	}
	open, size := batch(), 0
	var all []*ingestv1.NativeEvents
	for _, e := range events {
		x := &ingestv1.NativeEvent{Call: e.Call, Id: e.ID, Name: e.Name, At: timestamppb.New(e.At), Fields: e.Fields, Customer: e.Customer}
		if e.Text != "" {
			sealed, err := n.sealer.Text(org, customerOf(e.Customer), []byte(e.Text))
			if err != nil {
				n.rec.space.failed(err)
				return fault.Wrap(fault.Unavailable, err, "a text could not be sealed now: send it again later")
			}
			x.SealedText = sealed
		}
		if s := proto.Size(x); size > 0 && size+s > nativeMessage {
			all, open, size = append(all, open), batch(), 0
		}
		open.Events = append(open.Events, x)
		size += proto.Size(x)
	}
	if err := n.sealer.Sync(); err != nil {
		n.rec.space.failed(err)
		return fault.Wrap(fault.Unavailable, err, "the keys of sealed texts could not be written to disk now: send it again later")
	}
	for _, b := range append(all, open) {
		data, err := proto.Marshal(b)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "encoding native events")
		}
		if _, err := n.rec.bus.JS().PublishMsg(ctx, &nats.Msg{Subject: bus.NativeSubject(org, src), Data: data}); err != nil {
			n.rec.space.failed(err)
			return fault.Wrap(fault.Unavailable, err, "the events could not be written to disk now; send them again: doubles are found")
		}
	}
	return nil
}

// customerOf returns the hash that Options.Person wrote; all zero for none.
func customerOf(token string) (h [seal.Size]byte) {
	if b, err := hex.DecodeString(token); err == nil && len(b) == seal.Size {
		copy(h[:], b)
	}
	return h
}

// ListFormats implements the RPC.
func (n *natives) ListFormats(context.Context, *ingestv1.ListFormatsRequest) (*ingestv1.ListFormatsResponse, error) {
	out := new(ingestv1.ListFormatsResponse)
	for _, f := range n.formats {
		out.Formats = append(out.Formats, &ingestv1.NativeFormat{Name: f.Name, Title: f.Title, Signed: f.Verify != nil})
	}
	slices.SortFunc(out.Formats, func(a, b *ingestv1.NativeFormat) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out, nil
}

func problem(x format.Problem) *ingestv1.NativeProblem {
	return &ingestv1.NativeProblem{Line: uint32(max(0, x.Line)), Field: x.Field, Message: x.Message, Remedy: x.Remedy}
}

func counted(all map[string]int) map[string]uint32 {
	if len(all) == 0 {
		return nil
	}
	out := make(map[string]uint32, len(all))
	for name, n := range all {
		out[name] = uint32(n)
	}
	return out
}

// nativeSecrets is how systems sign, by source: from files, so that no secret stands in a configuration.
func nativeSecrets(files map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(files))
	for source, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("ingest: native_secrets.%s: %w", source, err)
		}
		out[source] = strings.TrimSpace(string(b))
	}
	return out, nil
}

// startNatives serves native records and folds what they amount to.
func startNatives(env *host.Env, cfg Config, rec *Recorder, hasher *seal.Hasher, sealer *seal.Sealer, d *door) error {
	secrets, err := nativeSecrets(cfg.NativeSecrets)
	if err != nil {
		return err
	}
	n := &natives{rec: rec, formats: all.Formats(), hasher: hasher, sealer: sealer, secrets: secrets}
	if cfg.PublicURL != "" {
		if n.base, err = url.Parse(cfg.PublicURL); err != nil || n.base.Host == "" {
			return fmt.Errorf("ingest: public_url %q is no URL with a host", cfg.PublicURL)
		}
	}
	stores, err := pebblestore.Open(filepath.Join(env.DataDir, "native"))
	if err != nil {
		return err
	}
	env.OnStop("native events", func(context.Context) error { return stores.Close() })
	store, err := stores.Open("calls")
	if err != nil {
		return err
	}
	ingestv1.RegisterNativeServiceServer(env.GRPC, n)
	env.HTTP.HandleFunc("POST /v1/native/{organisation}/{source}", n.serve(d))
	env.Go("native records", func(ctx context.Context) error {
		a := newAssembler(ctx, n, env.Bus, env.Log)
		env.Go("ticks of native records", a.tick)
		return fold.New(fold.Config{
			JS: env.Bus.JS(), Stream: bus.StreamNative, Store: store, Machine: a, Log: env.Log,
			Park: func(ctx context.Context, m fold.Message, reason string) error {
				return env.Bus.Park(ctx, bus.StreamNative, m.Subject, m.Sequence, m.Data, reason)
			},
		}).Run(ctx)
	})
	return nil
}
