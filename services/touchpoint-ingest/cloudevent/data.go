package cloudevent

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// kind is one type of event: the content of a Fact that its data are.
type kind struct {
	name  protoreflect.Name // of the field of Fact
	times []needed
}

// needed is a time that the data must hold themselves: the envelope's time tells when the event was made.
type needed struct {
	field, unless protoreflect.Name
}

const typeList = "touchstone.interaction.v1, touchstone.answer.v1, touchstone.observation.v1, touchstone.retraction.v1"

// kindOf returns the kind of an event's type.
func kindOf(eventType string) (kind, bool) {
	switch eventType {
	case "touchstone.interaction.v1":
		return kind{"interaction", []needed{{"occurred_at", ""}}}, true
	case "touchstone.answer.v1":
		return kind{"answer", []needed{{"about_time", "interaction"}}}, true
	case "touchstone.observation.v1":
		return kind{"observation", []needed{{"period_start", ""}, {"period_end", ""}}}, true
	case "touchstone.retraction.v1":
		return kind{"retraction", nil}, true
	}
	return kind{}, false
}

func (k kind) field() protoreflect.FieldDescriptor {
	return (*factv1.Fact)(nil).ProtoReflect().Descriptor().Fields().ByName(k.name)
}

// invalid is a refusal whose path grows on the way out.
type invalid struct {
	reason                ingestv1.Reason
	path, message, remedy string
}

func (x *invalid) in(segment string) *invalid {
	switch {
	case x.path == "":
		x.path = segment
	case x.path[0] == '[':
		x.path = segment + x.path
	default:
		x.path = segment + "." + x.path
	}
	return x
}

func (x *invalid) refusal() *ingestv1.Refusal {
	return &ingestv1.Refusal{Reason: x.reason, Field: x.path, Message: x.message, Remedy: x.remedy}
}

func wrong(message, remedy string) *invalid {
	return &invalid{reason: ingestv1.Reason_REASON_INVALID, message: message, remedy: remedy}
}

// appendJSON appends data in JSON, as protobuf's mapping has it, to a Fact. data has passed checkJSON. A name that the
// contract does not have is refused: a misspelt metric must not vanish.
func (k kind) appendJSON(out, data []byte) ([]byte, *invalid) {
	fd := k.field()
	e := encoder{out: out}
	var seen uint64
	why := e.nested(fd.Number(), func() (why *invalid) { seen, why = e.message(fd.Message(), data); return why })
	if why != nil {
		return nil, why.in(string(k.name))
	}
	fields := fd.Message().Fields()
	for _, n := range k.times {
		if seen&bit(fields.ByName(n.field)) != 0 || n.unless != "" && seen&bit(fields.ByName(n.unless)) != 0 {
			continue
		}
		x := &invalid{reason: ingestv1.Reason_REASON_MISSING, path: string(n.field), message: "It is missing."}
		x.remedy = fmt.Sprintf("Put %s into data, as an RFC 3339 time; the event's attribute time tells when the event was made and is not used.", n.field)
		if n.unless != "" {
			x.remedy += fmt.Sprintf(" Or name the %s.", n.unless)
		}
		return nil, x.in(string(k.name))
	}
	return e.out, nil
}
