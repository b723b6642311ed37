package cloudevent

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// form is how an envelope holds its data.
type form int

const (
	none    form = iota
	checked      // JSON that has passed checkJSON
	written      // text of JSON
	opaque       // bytes, whose content type tells what they are
	packed       // a protobuf message with its type
)

// envelope is an event as any of the formats holds it.
type envelope struct {
	specversion, id, source, eventType, contentType, organisation, revision attribute

	form    form
	data    []byte
	typeURL string
	why     *invalid // the first thing of it that could not be read
}

type attribute struct {
	value string
	set   bool
}

// attribute returns the place of an attribute that is read, nil for all others: they are allowed, and mean nothing here.
func (e *envelope) attribute(name string) *attribute {
	switch name {
	case "specversion":
		return &e.specversion
	case "id":
		return &e.id
	case "source":
		return &e.source
	case "type":
		return &e.eventType
	case "datacontenttype":
		return &e.contentType
	case "organisation":
		return &e.organisation
	case "revision":
		return &e.revision
	}
	return nil
}

// set sets an attribute that has not been set before.
func (e *envelope) set(name, value string) {
	a := e.attribute(name)
	switch {
	case a == nil:
	case a.set:
		e.refuse(wrong("It occurs twice.", "Send it once.").in(name))
	default:
		*a = attribute{value, true}
	}
}

// hold takes the data.
func (e *envelope) hold(f form, data []byte) {
	if e.form != none {
		e.refuse(wrong("The event has data twice.", "Send them once.").in("data"))
		return
	}
	e.form, e.data = f, data
}

func (e *envelope) refuse(why *invalid) {
	if e.why == nil {
		e.why = why
	}
}

// event ends the reading of an envelope.
func (e *envelope) event() Event {
	ev := Event{Organisation: e.organisation.value, Source: e.source.value, ID: e.id.value}
	why := e.why
	if why == nil {
		ev.Fact, why = e.fact()
	}
	if why != nil {
		ev.Fact, ev.Refusal = nil, why.refusal()
	}
	return ev
}

func missing(name, remedy string) *invalid {
	return &invalid{reason: ingestv1.Reason_REASON_MISSING, path: name, message: "It is missing.", remedy: remedy}
}

const idRemedy = "Use 1 to 64 of a-z, 0-9, - and _, beginning with a letter; no address."

// fact encodes the Fact that the event is.
func (e *envelope) fact() ([]byte, *invalid) {
	k, known := kindOf(e.eventType.value)
	switch {
	case e.specversion.value == "":
		return nil, missing("specversion", `Set specversion to "1.0".`)
	case e.specversion.value != "1.0":
		return nil, wrong("Only CloudEvents 1.0 are read.", `Set specversion to "1.0".`).in("specversion")
	case e.id.value == "":
		return nil, missing("id", "Give the event the id of the fact: the same for each revision of it.")
	case e.source.value == "":
		return nil, missing("source", "Set source to the source id, such as \"acd\". "+idRemedy)
	case !isID(e.source.value):
		return nil, wrong("It is no source id.", "Set source to the source id, such as \"acd\". "+idRemedy).in("source")
	case e.organisation.value != "" && !isID(e.organisation.value):
		return nil, wrong("It is no organisation id.", "Leave it out for the organisation of the key. "+idRemedy).in("organisation")
	case e.eventType.value == "":
		return nil, missing("type", "Set type to one of "+typeList+".")
	case !known:
		return nil, wrong("There is no such type of event.", "Set type to one of "+typeList+".").in("type")
	}
	version := uint64(0)
	if e.revision.set {
		var err error
		if version, err = strconv.ParseUint(e.revision.value, 10, 64); err != nil {
			return nil, wrong("It is no whole number from 0 to 2^64.", "Set revision to the source's update time or counter, or leave it out.").in("revision")
		}
	}
	out := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), e.id.value)
	if version > 0 {
		out = protowire.AppendVarint(protowire.AppendTag(out, 2, protowire.VarintType), version)
	}
	return e.appendData(out, k)
}

func (e *envelope) appendData(out []byte, k kind) ([]byte, *invalid) {
	media, utf8 := mediaType(e.contentType.value)
	if !utf8 || e.contentType.set && !isJSON(media) && !isProtobuf(media) {
		return nil, wrong("Data of this type are not read.", "Set datacontenttype to application/json or application/protobuf.").in("datacontenttype")
	}
	switch e.form {
	case none:
		return nil, missing("data", "Send data: the "+string(k.name)+" of touchstone/fact/v1/fact.proto.")
	case checked, written:
		if isProtobuf(media) {
			return nil, wrong("Protobuf does not come as text.", "Send it in data_base64 or binary_data, or set datacontenttype to application/json.").in("data")
		}
	case opaque:
		if media == "" {
			return nil, missing("datacontenttype", "Say what the bytes are: application/json or application/protobuf.")
		}
	case packed:
		if isJSON(media) {
			return nil, wrong("The data are protobuf.", "Set datacontenttype to application/protobuf, or leave it out.").in("datacontenttype")
		}
		if name := e.typeURL[strings.LastIndexByte(e.typeURL, '/')+1:]; name != string(k.field().Message().FullName()) {
			return nil, wrong("The message in it is another than the event's type says.", "Pack a "+string(k.field().Message().FullName())+", or correct type.").in("data")
		}
	}
	if e.form == packed || e.form == opaque && isProtobuf(media) {
		return protowire.AppendBytes(protowire.AppendTag(out, k.field().Number(), protowire.BytesType), e.data), nil
	}
	data := e.data
	if e.form != checked {
		if why := checkJSON(data); why != nil {
			return nil, why.in("data")
		}
		data = trim(data)
	}
	return k.appendJSON(out, data)
}

// isID reports whether s may name a source or an organisation: 1 to 64 of a-z 0-9 - and _, beginning with a letter.
func isID(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
