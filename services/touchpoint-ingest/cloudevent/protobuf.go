package cloudevent

import (
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// Numbers of io.cloudevents.v1, the protobuf format of CloudEvents.
const (
	batchEvents = 1

	eventID          = 1
	eventSource      = 2
	eventSpecVersion = 3
	eventType        = 4
	eventAttributes  = 5
	eventBinaryData  = 6
	eventTextData    = 7
	eventProtoData   = 8

	valueInteger = 2
	valueString  = 3
	valueURI     = 5
	valueURIRef  = 6
)

// fields calls each for every field of a message: v holds the bytes of a length-delimited one, n the number of a varint.
// It returns false when the bytes are no message.
func fields(b []byte, each func(num protowire.Number, typ protowire.Type, v []byte, n uint64) bool) bool {
	for len(b) > 0 {
		num, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return false
		}
		b = b[k:]
		var v []byte
		var n uint64
		switch typ {
		case protowire.VarintType:
			n, k = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			v, k = protowire.ConsumeBytes(b)
		case protowire.StartGroupType, protowire.EndGroupType:
			return false // the format has none, and skipping them recurses as deep as the input says
		default:
			k = protowire.ConsumeFieldValue(num, typ, b)
		}
		if k < 0 || !each(num, typ, v, n) {
			return false
		}
		b = b[k:]
	}
	return true
}

// readProtobufBatch reads a CloudEventBatch.
func readProtobufBatch(b []byte) ([]Event, error) {
	n := 0
	ok := fields(b, func(num protowire.Number, typ protowire.Type, _ []byte, _ uint64) bool {
		if num == batchEvents && typ == protowire.BytesType {
			n++
		}
		return true
	})
	if !ok {
		return nil, notProtobuf("CloudEventBatch")
	}
	if n > MaxEvents {
		return nil, tooManyEvents()
	}
	out := make([]Event, 0, n)
	fields(b, func(num protowire.Number, typ protowire.Type, v []byte, _ uint64) bool {
		if num != batchEvents || typ != protowire.BytesType {
			return true
		}
		ev, ok := readProtobuf(v)
		if !ok {
			ev = Event{Refusal: &ingestv1.Refusal{
				Reason: ingestv1.Reason_REASON_MALFORMED, Message: "The bytes are no io.cloudevents.v1.CloudEvent.", Remedy: "Encode it as the protobuf format of CloudEvents 1.0 describes.",
			}}
		}
		out = append(out, ev)
		return true
	})
	return out, nil
}

// readProtobuf reads a CloudEvent. The last of a field that occurs several times counts, as protobuf has it.
func readProtobuf(b []byte) (Event, bool) {
	var e envelope
	ok := fields(b, func(num protowire.Number, typ protowire.Type, v []byte, _ uint64) bool {
		if typ != protowire.BytesType {
			return true
		}
		switch num {
		case eventID:
			return e.put("id", v)
		case eventSource:
			return e.put("source", v)
		case eventSpecVersion:
			return e.put("specversion", v)
		case eventType:
			return e.put("type", v)
		case eventAttributes:
			return e.entry(v)
		case eventBinaryData:
			e.form, e.data = opaque, v
		case eventTextData:
			e.form, e.data = written, v
		case eventProtoData:
			return e.packed(v)
		}
		return true
	})
	if !ok {
		return Event{}, false
	}
	return e.event(), true
}

func (e *envelope) put(name string, v []byte) bool {
	if !utf8.Valid(v) {
		return false
	}
	if a := e.attribute(name); a != nil {
		*a = attribute{string(v), true}
	}
	return true
}

// entry reads one entry of the map of attributes.
func (e *envelope) entry(b []byte) bool {
	var name, value []byte
	ok := fields(b, func(num protowire.Number, typ protowire.Type, v []byte, _ uint64) bool {
		if typ == protowire.BytesType && num == 1 {
			name = v
		} else if typ == protowire.BytesType && num == 2 {
			value = v
		}
		return true
	})
	if !ok || !utf8.Valid(name) {
		return false
	}
	switch string(name) {
	case "id", "source", "specversion", "type":
		e.refuse(wrong("It has a field of its own.", "Leave it out of attributes.").in(string(name)))
		return true
	case "datacontenttype", "organisation", "revision":
		return e.value(string(name), value)
	}
	return true
}

// value reads a CloudEventAttributeValue.
func (e *envelope) value(name string, b []byte) bool {
	set := false
	ok := fields(b, func(num protowire.Number, typ protowire.Type, v []byte, n uint64) bool {
		switch {
		case typ == protowire.BytesType && (num == valueString || num == valueURI || num == valueURIRef):
			set = true
			return e.put(name, v)
		case typ == protowire.VarintType && num == valueInteger:
			set = true
			return e.put(name, strconv.AppendInt(nil, int64(int32(n)), 10))
		}
		return true
	})
	if ok && !set {
		e.refuse(wrong("It is neither text nor a number.", "Send it as ce_string.").in(name))
	}
	return ok
}

// packed reads a google.protobuf.Any.
func (e *envelope) packed(b []byte) bool {
	e.form, e.data, e.typeURL = packed, nil, ""
	return fields(b, func(num protowire.Number, typ protowire.Type, v []byte, _ uint64) bool {
		if typ == protowire.BytesType && num == 1 {
			e.typeURL = string(v)
		} else if typ == protowire.BytesType && num == 2 {
			e.data = v
		}
		return true
	})
}
