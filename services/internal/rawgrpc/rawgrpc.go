// Package rawgrpc lets a gRPC method take and give messages as bytes, so that a hot path decodes them itself. All other
// methods of the same server go on with generated messages.
package rawgrpc

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Frame is one message as bytes. A received frame must be freed; a sent one is freed by gRPC.
type Frame struct {
	buf  mem.Buffer
	data []byte
}

// NewFrame returns a frame to send.
func NewFrame(b []byte) *Frame { return &Frame{data: b} }

// Bytes returns the message, valid until Free.
func (f *Frame) Bytes() []byte { return f.data }

// Free gives the bytes back.
func (f *Frame) Free() {
	if f.buf != nil {
		f.buf.Free()
		f.buf, f.data = nil, nil
	}
}

type codec struct{ encoding.CodecV2 }

// Codec returns the codec to force on servers and clients that use frames. Its name is protobuf's: what travels is.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2(proto.Name)} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*Frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(f.data)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*Frame)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if f.buf != nil {
		return fmt.Errorf("rawgrpc: a frame was received into before it was freed")
	}
	f.buf = data.MaterializeToBuffer(mem.DefaultBufferPool())
	f.data = f.buf.ReadOnlyData()
	return nil
}
