package rawgrpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server with an echo of raw frames and one of generated messages, side by side.
func serve(t *testing.T) *grpc.ClientConn {
	t.Helper()
	s := grpc.NewServer(grpc.ForceServerCodecV2(rawgrpc.Codec()))
	raw := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		f := &rawgrpc.Frame{}
		if err := decode(f); err != nil {
			return nil, err
		}
		defer f.Free()
		return rawgrpc.NewFrame(bytes.Clone(f.Bytes())), nil
	}
	generated := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		m := new(wrapperspb.StringValue)
		if err := decode(m); err != nil {
			return nil, err
		}
		return wrapperspb.String("echo of " + m.GetValue()), nil
	}
	stream := func(_ any, ss grpc.ServerStream) error {
		f := &rawgrpc.Frame{}
		for {
			if err := ss.RecvMsg(f); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			out := rawgrpc.NewFrame(bytes.Clone(f.Bytes()))
			f.Free()
			if err := ss.SendMsg(out); err != nil {
				return err
			}
		}
	}
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Echo", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Raw", Handler: raw}, {MethodName: "Generated", Handler: generated}},
		Streams: []grpc.StreamDesc{{StreamName: "Stream", Handler: stream, ServerStreams: true, ClientStreams: true}},
	}, struct{}{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Raw and generated methods live on one server, and with clients that know nothing of frames.
func TestRawBesideGenerated(t *testing.T) {
	conn := serve(t)
	ctx := within(t)
	for _, text := range []string{"", "short", strings.Repeat("long ", 100_000)} {
		in, out := wrapperspb.String(text), new(wrapperspb.StringValue)
		if err := conn.Invoke(ctx, "/test.Echo/Raw", in, out); err != nil || !proto.Equal(in, out) {
			t.Errorf("a generated client of a raw method: %d bytes, %v", len(out.GetValue()), err)
		}
		if err := conn.Invoke(ctx, "/test.Echo/Generated", in, out); err != nil || out.GetValue() != "echo of "+text {
			t.Errorf("a generated method: %d bytes, %v", len(out.GetValue()), err)
		}
		b, err := proto.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var f rawgrpc.Frame
		if err := conn.Invoke(ctx, "/test.Echo/Raw", rawgrpc.NewFrame(b), &f, grpc.ForceCodecV2(rawgrpc.Codec())); err != nil || !bytes.Equal(f.Bytes(), b) {
			t.Errorf("a raw client: %d bytes, %v", len(f.Bytes()), err)
		}
		f.Free()
		f.Free() // twice is no error
		if f.Bytes() != nil {
			t.Error("a freed frame still shows bytes that may be another's")
		}
	}
	if err := conn.Invoke(ctx, "/test.Echo/Generated", rawgrpc.NewFrame([]byte{0xff}), new(wrapperspb.StringValue), grpc.ForceCodecV2(rawgrpc.Codec())); err == nil {
		t.Error("a generated method took bytes that are no message")
	}
}

// A stream reuses one frame for all messages; each is whole whatever came before.
func TestStreamOfFrames(t *testing.T) {
	conn := serve(t)
	st, err := conn.NewStream(within(t), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Echo/Stream", grpc.ForceCodecV2(rawgrpc.Codec()))
	if err != nil {
		t.Fatal(err)
	}
	var f rawgrpc.Frame
	for i := range 200 {
		want := bytes.Repeat([]byte{byte(i)}, i*i)
		if err := st.SendMsg(rawgrpc.NewFrame(want)); err != nil {
			t.Fatal(err)
		}
		if err := st.RecvMsg(&f); err != nil || !bytes.Equal(f.Bytes(), want) {
			t.Fatalf("message %d: %d bytes, %v", i, len(f.Bytes()), err)
		}
		f.Free()
	}
	if err := st.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := st.RecvMsg(&f); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

// Receiving into a frame that was not freed is a mistake that is told, not a buffer that is lost.
func TestFrameMustBeFreed(t *testing.T) {
	c := rawgrpc.Codec()
	var f rawgrpc.Frame
	if err := c.Unmarshal(mem.BufferSlice{mem.SliceBuffer("one")}, &f); err != nil || string(f.Bytes()) != "one" {
		t.Fatalf("%q %v", f.Bytes(), err)
	}
	if err := c.Unmarshal(mem.BufferSlice{mem.SliceBuffer("two")}, &f); err == nil || string(f.Bytes()) != "one" {
		t.Errorf("%q %v", f.Bytes(), err)
	}
	f.Free()
	if err := c.Unmarshal(mem.BufferSlice{mem.SliceBuffer("th"), mem.SliceBuffer("ree")}, &f); err != nil || string(f.Bytes()) != "three" {
		t.Errorf("%q %v", f.Bytes(), err)
	}
	f.Free()
}

// Whatever the buffers a message came in, the frame holds all of it; what travels is protobuf by name.
func TestCodec(t *testing.T) {
	c := rawgrpc.Codec()
	if c.Name() != "proto" {
		t.Errorf("its name is %q", c.Name())
	}
	rapid.Check(t, func(rt *rapid.T) {
		var in mem.BufferSlice
		var want []byte
		for _, p := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 2000), 0, 5).Draw(rt, "parts") {
			in, want = append(in, mem.SliceBuffer(p)), append(want, p...)
		}
		var f rawgrpc.Frame
		if err := c.Unmarshal(in, &f); err != nil || !bytes.Equal(f.Bytes(), want) {
			rt.Fatalf("%x %v", f.Bytes(), err)
		}
		out, err := c.Marshal(rawgrpc.NewFrame(f.Bytes()))
		if err != nil || !bytes.Equal(out.Materialize(), want) {
			rt.Fatalf("%v", err)
		}
		f.Free()
	})
}
