package cloudevent

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// bit is a field's place in a set of fields; the contract's messages have fewer than 64.
func bit(fd protoreflect.FieldDescriptor) uint64 { return 1 << fd.Number() }

// encoder writes JSON as protobuf, led by descriptors. It recurses as deep as the contract does, not as the input.
type encoder struct{ out []byte }

// nested writes a length-delimited field.
func (e *encoder) nested(num protowire.Number, write func() *invalid) *invalid {
	e.out = protowire.AppendTag(e.out, num, protowire.BytesType)
	at := len(e.out)
	if why := write(); why != nil {
		return why
	}
	var size [10]byte
	e.out = slices.Insert(e.out, at, protowire.AppendVarint(size[:0], uint64(len(e.out)-at))...)
	return nil
}

func (e *encoder) message(md protoreflect.MessageDescriptor, v []byte) (seen uint64, why *invalid) {
	fields := md.Fields()
	if v[0] != '{' {
		return 0, wrong("It is no object.", "Send an object with the fields "+names(fields)+".")
	}
	for quoted, value := range members(v) {
		name, ok := text(quoted)
		if !ok {
			return 0, wrong("The name of a field is no Unicode.", "Send UTF-8.")
		}
		fd := fields.ByTextName(string(name))
		if fd == nil {
			fd = fields.ByJSONName(string(name))
		}
		if fd == nil {
			return 0, unknown(string(name), fields)
		}
		if isNull(value) {
			continue // as if it were not there
		}
		if seen&bit(fd) != 0 {
			return 0, wrong("It occurs twice.", "Send it once.").in(string(fd.Name()))
		}
		if o := fd.ContainingOneof(); o != nil {
			for i := range o.Fields().Len() {
				if other := o.Fields().Get(i); seen&bit(other) != 0 {
					return 0, wrong(fmt.Sprintf("It stands beside %s.", other.Name()), "Send one of the two.").in(string(fd.Name()))
				}
			}
		}
		seen |= bit(fd)
		if why := e.field(fd, value); why != nil {
			return 0, why.in(string(fd.Name()))
		}
	}
	return seen, nil
}

func unknown(name string, fields protoreflect.FieldDescriptors) *invalid {
	declared := map[string]struct{}{}
	for i := range fields.Len() {
		declared[string(fields.Get(i).Name())] = struct{}{}
	}
	shown := strings.ToValidUTF8(name[:min(len(name), 64)], "")
	x := wrong("There is no such field."+expmap.DidYouMean(shown, declared), "Correct the name, or leave it out; the fields are "+names(fields)+".")
	return x.in(shown)
}

func names(fields protoreflect.FieldDescriptors) string {
	var all []string
	for i := range fields.Len() {
		all = append(all, string(fields.Get(i).Name()))
	}
	return strings.Join(all, ", ")
}

func (e *encoder) field(fd protoreflect.FieldDescriptor, v []byte) *invalid {
	switch {
	case fd.IsMap():
		return e.textMap(fd, v)
	case fd.IsList():
		if v[0] != '[' {
			return wrong("It is no array.", "Send an array.")
		}
		for i, x := range elements(v) {
			if i == wire.MaxMetrics {
				return &invalid{reason: ingestv1.Reason_REASON_TOO_LARGE, message: fmt.Sprintf("It has more than %d elements.", wire.MaxMetrics), remedy: "Send fewer."}
			}
			if why := e.single(fd, x); why != nil {
				return why.in("[" + strconv.Itoa(i) + "]")
			}
		}
		return nil
	default:
		return e.single(fd, v)
	}
}

// textMap writes a map of strings.
func (e *encoder) textMap(fd protoreflect.FieldDescriptor, v []byte) *invalid {
	if v[0] != '{' {
		return wrong("It is no object.", "Send an object with strings.")
	}
	keys := map[string]struct{}{}
	for quoted, value := range members(v) {
		if len(keys) == wire.MaxAttributes {
			return &invalid{reason: ingestv1.Reason_REASON_TOO_LARGE, message: fmt.Sprintf("It has more than %d entries.", wire.MaxAttributes), remedy: "Send fewer."}
		}
		key, ok := text(quoted)
		if !ok {
			return wrong("A name in it is no Unicode.", "Send UTF-8.")
		}
		if _, twice := keys[string(key)]; twice {
			return wrong("It has a name twice.", "Send each name once.")
		}
		keys[string(key)] = struct{}{}
		why := e.nested(fd.Number(), func() *invalid {
			e.out = protowire.AppendBytes(protowire.AppendTag(e.out, 1, protowire.BytesType), key)
			return e.single(fd.MapValue(), value)
		})
		if why != nil {
			why.message = "One of its values: " + why.message
			return why
		}
	}
	return nil
}

func (e *encoder) single(fd protoreflect.FieldDescriptor, v []byte) *invalid {
	switch fd.Kind() {
	case protoreflect.StringKind:
		s, why := stringOf(v)
		if why != nil {
			return why
		}
		e.out = protowire.AppendBytes(protowire.AppendTag(e.out, fd.Number(), protowire.BytesType), s)
	case protoreflect.Sint64Kind:
		n, err := integer(v, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
		if err != nil {
			return wrong("It is no whole number of 64 bits.", integerRemedy(fd))
		}
		e.varint(fd, protowire.EncodeZigZag(n))
	case protoreflect.Uint64Kind:
		n, err := integer(v, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
		if err != nil {
			return wrong("It is no whole number from 0 to 2^64.", integerRemedy(fd))
		}
		e.varint(fd, n)
	case protoreflect.EnumKind:
		n, ok := enum(fd.Enum().Values(), v)
		if !ok {
			return wrong("There is no such value.", "Send one of "+enumNames(fd.Enum().Values())+".")
		}
		e.varint(fd, uint64(int64(n)))
	case protoreflect.MessageKind:
		return e.nested(fd.Number(), func() *invalid {
			if fd.Message().FullName() == (*timestamppb.Timestamp)(nil).ProtoReflect().Descriptor().FullName() {
				return e.timestamp(v)
			}
			_, why := e.message(fd.Message(), v)
			return why
		})
	default: // a test holds that the contract has no other
		return wrong("This field cannot be sent as JSON.", "Send protobuf.")
	}
	return nil
}

func (e *encoder) varint(fd protoreflect.FieldDescriptor, n uint64) {
	e.out = protowire.AppendVarint(protowire.AppendTag(e.out, fd.Number(), protowire.VarintType), n)
}

func (e *encoder) timestamp(v []byte) *invalid {
	const remedy = `Send an RFC 3339 time with its zone, such as "2026-01-31T08:30:00Z".`
	s, why := stringOf(v)
	if why != nil {
		return wrong("It is no time.", remedy)
	}
	t, err := time.Parse(time.RFC3339Nano, string(s))
	if err != nil {
		return wrong("It is no RFC 3339 time.", remedy)
	}
	if _, fraction, ok := strings.Cut(string(s), "."); ok && strings.IndexAny(fraction, "Zz+-") > 9 {
		return wrong("It is finer than a nanosecond.", remedy)
	}
	if ts := timestamppb.New(t); !ts.IsValid() {
		return wrong("It is no time from year 1 to 9999.", remedy)
	}
	e.out = protowire.AppendVarint(protowire.AppendTag(e.out, 1, protowire.VarintType), uint64(t.Unix()))
	e.out = protowire.AppendVarint(protowire.AppendTag(e.out, 2, protowire.VarintType), uint64(t.Nanosecond()))
	return nil
}

func stringOf(v []byte) ([]byte, *invalid) {
	if v[0] != '"' {
		return nil, wrong("It is no string.", "Put it in double quotes.")
	}
	s, ok := text(v)
	if !ok {
		return nil, wrong("It is no Unicode.", "Send UTF-8.")
	}
	return s, nil
}

func integer[T int64 | uint64](v []byte, parse func(string) (T, error)) (T, error) {
	s, ok := whole(v)
	if !ok {
		return 0, strconv.ErrSyntax
	}
	return parse(s)
}

func integerRemedy(fd protoreflect.FieldDescriptor) string {
	if fd.ContainingOneof() != nil && fd.Name() == "value" {
		return `Send the value in the metric's resolution, or in its unit as "decimal": "12.5".`
	}
	return "Send a whole number."
}

func enum(values protoreflect.EnumValueDescriptors, v []byte) (protoreflect.EnumNumber, bool) {
	if v[0] == '"' {
		s, ok := text(v)
		if !ok {
			return 0, false
		}
		if d := values.ByName(protoreflect.Name(s)); d != nil {
			return d.Number(), true
		}
		return 0, false
	}
	n, err := integer(v, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 32) })
	return protoreflect.EnumNumber(n), err == nil
}

func enumNames(values protoreflect.EnumValueDescriptors) string {
	var all []string
	for i := range values.Len() {
		if d := values.Get(i); d.Number() != 0 {
			all = append(all, string(d.Name()))
		}
	}
	return strings.Join(all, ", ")
}
