package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// service is IngestService on raw frames: a request of a thousand facts is never made into a thousand objects.
type service struct {
	rec     *Recorder
	imports *imports
	log     *slog.Logger
}

// window is how many batches of one stream may wait for the disk.
const window = 64

// register registers IngestService with handlers of our own under the names of the contract.
func (s *service) register(reg grpc.ServiceRegistrar) {
	desc := ingestv1.IngestService_ServiceDesc
	desc.HandlerType = (*any)(nil)
	desc.Methods = []grpc.MethodDesc{
		{MethodName: "Publish", Handler: s.publish},
		{MethodName: "GetImport", Handler: unary(s, "GetImport", s.imports.GetImport)},
		{MethodName: "SaveImport", Handler: unary(s, "SaveImport", s.imports.SaveImport)},
	}
	desc.Streams = []grpc.StreamDesc{{StreamName: "PublishStream", ServerStreams: true, ClientStreams: true, Handler: s.publishStream}}
	reg.RegisterService(&desc, s)
}

func fullMethod(name string) string {
	return "/" + ingestv1.IngestService_ServiceDesc.ServiceName + "/" + name
}

func unary[Req, Resp any, P interface {
	*Req
	proto.Message
}](s *service, name string, f func(context.Context, P) (*Resp, error)) func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
	return func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		req := P(new(Req))
		if err := decode(req); err != nil {
			return nil, err
		}
		next := func(ctx context.Context, req any) (any, error) { return f(ctx, req.(P)) }
		if intercept == nil {
			return next(ctx, req)
		}
		return intercept(ctx, req, &grpc.UnaryServerInfo{Server: s, FullMethod: fullMethod(name)}, next)
	}
}

func (s *service) publish(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	frame := &rawgrpc.Frame{}
	if err := decode(frame); err != nil {
		return nil, err
	}
	defer frame.Free()
	next := func(ctx context.Context, _ any) (any, error) {
		p, ok := access.PrincipalFrom(ctx)
		if !ok {
			return nil, fault.New(fault.Unauthenticated, "publishing needs a key")
		}
		t, err := s.rec.submit(ctx, p, frame.Bytes())
		if err != nil {
			return nil, err
		}
		if err := t.wait(ctx); err != nil {
			return nil, err
		}
		return rawgrpc.NewFrame(appendResults(nil, 1, t)), nil
	}
	if intercept == nil {
		return next(ctx, frame)
	}
	return intercept(ctx, frame, &grpc.UnaryServerInfo{Server: s, FullMethod: fullMethod("Publish")}, next)
}

// answer is a batch of a stream that waits for the disk.
type answer struct {
	sequence uint64
	t        *ticket
	err      error
}

func (s *service) publishStream(_ any, ss grpc.ServerStream) error {
	ctx := ss.Context()
	p, ok := access.PrincipalFrom(ctx)
	if !ok {
		return fault.New(fault.Unauthenticated, "publishing needs a key")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, window)
	sent := make(chan error, 1)
	go func() { sent <- s.answer(ctx, ss, answers, cancel) }()
	err := s.receive(ctx, ss, p, answers)
	close(answers)
	return errors.Join(err, <-sent)
}

// receive reads batches until the client has sent its last.
func (s *service) receive(ctx context.Context, ss grpc.ServerStream, p access.Principal, answers chan<- answer) error {
	frame := &rawgrpc.Frame{}
	for {
		if err := ss.RecvMsg(frame); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		a := answer{}
		var batch []byte
		a.sequence, batch, a.err = splitStreamRequest(frame.Bytes())
		if a.err == nil {
			a.t, a.err = s.rec.submit(ctx, p, batch)
		}
		frame.Free() // the lane has copied what it needs
		select {
		case answers <- a:
		case <-ctx.Done():
			return nil
		}
	}
}

// answer sends each batch's response once it is on disk.
func (s *service) answer(ctx context.Context, ss grpc.ServerStream, answers <-chan answer, cancel func()) error {
	for a := range answers {
		err := a.err
		if err == nil {
			err = a.t.wait(ctx)
		}
		buf := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), a.sequence)
		if err == nil {
			buf = appendResults(buf, 2, a.t)
		} else {
			if fault.KindOf(err) == fault.Internal {
				s.log.ErrorContext(ctx, "a batch could not be recorded", "error", err)
			}
			buf = appendError(buf, err)
		}
		if err := ss.SendMsg(rawgrpc.NewFrame(buf)); err != nil {
			cancel()
			for range answers { // receive must not block
			}
			return err
		}
	}
	return nil
}

// appendError encodes a refused batch: what the caller may know, and when to try again.
func appendError(buf []byte, err error) []byte {
	why, retry := refusalOf(err)
	return appendRefusal(buf, why, retry)
}

func appendRefusal(buf []byte, why refusal, retry time.Duration) []byte {
	buf = appendMessage(buf, 3, why)
	if retry > 0 {
		buf = protowire.AppendVarint(protowire.AppendTag(buf, 4, protowire.VarintType), uint64(retry.Milliseconds()))
	}
	return buf
}

// splitStreamRequest takes a PublishStreamRequest apart: its sequence and its batch's bytes.
func splitStreamRequest(b []byte) (sequence uint64, batch []byte, err error) {
	found := false
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return sequence, nil, fault.New(fault.Invalid, "the bytes are no PublishStreamRequest")
		}
		b = b[n:]
		switch {
		case num == 1 && typ == protowire.VarintType:
			sequence, n = protowire.ConsumeVarint(b)
		case num == 2 && typ == protowire.BytesType:
			if found {
				return sequence, nil, fault.Field("batch", "it occurs twice", "send one batch a request")
			}
			batch, n = protowire.ConsumeBytes(b)
			found = true
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return sequence, nil, fault.New(fault.Invalid, "the bytes are no PublishStreamRequest")
		}
		b = b[n:]
	}
	if !found {
		return sequence, nil, fault.Field("batch", "it is missing", "send a batch of facts")
	}
	return sequence, batch, nil
}

// appendResults encodes a result for each fact of a ticket as repeated field num.
func appendResults(buf []byte, num protowire.Number, t *ticket) []byte {
	recorded := protowire.AppendTag(nil, num, protowire.BytesType)
	recorded = append(recorded, 2, 1<<3, byte(ingestv1.Status_STATUS_RECORDED))
	next := 0
	for i := range t.facts {
		if next < len(t.refusals) && t.refusals[next].index == i {
			buf = appendMessage(buf, num, &ingestv1.FactResult{Status: ingestv1.Status_STATUS_REFUSED, Refusal: t.refusals[next].refusal})
			next++
			continue
		}
		buf = append(buf, recorded...)
	}
	return buf
}

// appendMessage appends a message as field num. Marshalling these messages cannot fail: their strings are ours or checked.
func appendMessage(buf []byte, num protowire.Number, m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		b = nil
	}
	return protowire.AppendBytes(protowire.AppendTag(buf, num, protowire.BytesType), b)
}
