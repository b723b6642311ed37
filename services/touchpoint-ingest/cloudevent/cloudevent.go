// Package cloudevent reads CloudEvents 1.0 into facts: structured, binary and batch, as JSON and as protobuf. It is pure:
// headers and bytes in, encoded facts or refusals out. Limits are checked on bytes, before anything is made of them.
package cloudevent

import (
	"mime"
	"strings"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// Limits of one request.
const (
	MaxBytes  = wire.MaxRequest // of the body, decompressed
	MaxEvents = wire.MaxFacts   // of a batch
	MaxDepth  = 32              // of nested JSON
)

// Event is one event, read or refused.
type Event struct {
	Organisation string            // the extension organisation; empty where there is none
	Source       string            // as sent; a source id unless Refusal says otherwise
	ID           string            // as sent
	Fact         []byte            // an encoded touchstone.fact.v1.Fact; nil when refused
	Refusal      *ingestv1.Refusal // why it cannot be read; nil when it can
}

// Fault is what is wrong with a request as a whole.
type Fault int

const (
	// Malformed bytes: where one event ends and the next begins cannot be told.
	Malformed Fault = iota
	// TooLarge passes MaxBytes or MaxEvents.
	TooLarge
	// Unsupported is a content type that holds no event we read.
	Unsupported
)

// Error refuses a request as a whole.
type Error struct {
	Fault           Fault
	Message, Remedy string // sentences
}

func (e *Error) Error() string { return e.Message + " " + e.Remedy }

type mode int

const (
	structured mode = iota
	batch
	binary
)

// Message is how a request holds its events, as its headers tell.
type Message struct {
	mode    mode
	json    bool   // of structured and batch: the format
	content string // of binary: the data's content type
	header  map[string][]string
}

const accepted = "application/cloudevents+json, application/cloudevents+protobuf, the same with cloudevents-batch, or ce- headers with application/json or application/protobuf"

// Detect tells from the headers of HTTP or NATS how a request holds its events; nil when it is none of CloudEvents. An error
// is an *Error.
func Detect(header map[string][]string) (*Message, error) {
	content := first(header, "content-type")
	media, utf8 := mediaType(content)
	format, isEvent := strings.CutPrefix(media, "application/cloudevents")
	if !isEvent && !hasAttributes(header) {
		return nil, nil
	}
	if !utf8 {
		return nil, &Error{Unsupported, "Only UTF-8 is read.", "Send UTF-8, and leave the charset out."}
	}
	m := &Message{header: header}
	switch {
	case !isEvent && (isJSON(media) || isProtobuf(media)):
		m.mode, m.content = binary, content
	case format == "+json":
		m.mode, m.json = structured, true
	case format == "+protobuf":
		m.mode = structured
	case format == "-batch+json":
		m.mode, m.json = batch, true
	case format == "-batch+protobuf":
		m.mode = batch
	default:
		return nil, &Error{Unsupported, "The content type holds no event that is read here.", "Send " + accepted + "."}
	}
	return m, nil
}

// Batch reports whether the request holds a batch.
func (m *Message) Batch() bool { return m.mode == batch }

// Decode reads the events of a body. An event that cannot be read has a Refusal and costs no other. An error is an *Error
// and refuses all.
func (m *Message) Decode(body []byte) ([]Event, error) {
	if len(body) > MaxBytes {
		return nil, TooManyBytes()
	}
	switch {
	case m.mode == binary:
		return []Event{readBinary(m.header, m.content, body)}, nil
	case m.json:
		if why := checkJSON(body); why != nil {
			return nil, &Error{Malformed, "The body: " + why.message, why.remedy}
		}
		if m.mode == structured {
			return []Event{readJSON(body)}, nil
		}
		return readJSONBatch(body)
	case m.mode == structured:
		ev, ok := readProtobuf(body)
		if !ok {
			return nil, notProtobuf("CloudEvent")
		}
		return []Event{ev}, nil
	default:
		return readProtobufBatch(body)
	}
}

// TooManyBytes is the error of a body over MaxBytes.
func TooManyBytes() *Error {
	return &Error{TooLarge, "The body has more than 256 KiB.", "Send smaller batches."}
}

func tooManyEvents() *Error {
	return &Error{TooLarge, "The batch has more than 1,000 events.", "Send smaller batches."}
}

func notProtobuf(message string) *Error {
	return &Error{Malformed, "The bytes are no io.cloudevents.v1." + message + ".", "Encode it as the protobuf format of CloudEvents 1.0 describes."}
}

// values returns a header's values, whatever the case of its name: NATS keeps names as they were written.
func values(header map[string][]string, name string) []string {
	for k, v := range header {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func first(header map[string][]string, name string) string {
	if v := values(header, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func hasAttributes(header map[string][]string) bool {
	for _, name := range []string{"ce-specversion", "ce-type", "ce-source", "ce-id"} {
		if values(header, name) != nil {
			return true
		}
	}
	return false
}

// mediaType returns the media type in lower case, "" when it is none, and whether its text is UTF-8.
func mediaType(content string) (media string, utf8 bool) {
	media, params, err := mime.ParseMediaType(content)
	if err != nil {
		return "", true
	}
	charset := params["charset"]
	return media, charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii")
}

func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

func isProtobuf(media string) bool {
	return media == "application/protobuf" || media == "application/x-protobuf"
}
