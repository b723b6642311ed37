package cloudevent

import "encoding/base64"

// readJSON reads the object of an event. The bytes have passed checkJSON.
func readJSON(b []byte) Event {
	var e envelope
	b = trim(b)
	if b[0] != '{' {
		e.refuse(wrong("The event is no object.", "Send the JSON format of CloudEvents 1.0."))
		return e.event()
	}
	for quoted, value := range members(b) {
		name, ok := text(quoted)
		if !ok {
			e.refuse(wrong("The name of an attribute is no Unicode.", "Send UTF-8."))
			continue
		}
		if isNull(value) && string(name) != "data" {
			continue // as if it were not there
		}
		e.member(string(name), value)
	}
	return e.event()
}

func (e *envelope) member(name string, value []byte) {
	switch {
	case name == "data":
		e.hold(checked, value)
	case name == "data_base64":
		s, why := stringOf(value)
		if why != nil {
			e.refuse(why.in(name))
			return
		}
		data, err := base64.StdEncoding.AppendDecode(nil, s)
		if err != nil {
			e.refuse(wrong("It is no Base64.", "Encode the data by RFC 4648, section 4, with padding.").in(name))
			return
		}
		e.hold(opaque, data)
	case e.attribute(name) == nil:
	case name == "revision" && value[0] != '"':
		s, ok := whole(value)
		if !ok {
			s = "?" // refused with the others that are no number
		}
		e.set(name, s)
	default:
		s, why := stringOf(value)
		if why != nil {
			e.refuse(why.in(name))
			return
		}
		e.set(name, string(s))
	}
}

// readJSONBatch reads an array of events. The bytes have passed checkJSON.
func readJSONBatch(b []byte) ([]Event, error) {
	b = trim(b)
	if b[0] != '[' {
		return nil, &Error{Malformed, "The body is no array.", "Send a batch as an array, or one event as application/cloudevents+json."}
	}
	n := 0
	for range elements(b) {
		if n++; n > MaxEvents {
			return nil, tooManyEvents()
		}
	}
	out := make([]Event, 0, n)
	for _, v := range elements(b) {
		out = append(out, readJSON(v))
	}
	return out, nil
}
