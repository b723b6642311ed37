package cloudevent

import (
	"net/url"
	"strings"
)

// readBinary reads an event whose attributes are headers and whose data are the body.
func readBinary(header map[string][]string, content string, body []byte) Event {
	var e envelope
	e.set("datacontenttype", content)
	for k, v := range header {
		name, ok := strings.CutPrefix(strings.ToLower(k), "ce-")
		if !ok || e.attribute(name) == nil {
			continue
		}
		if name == "datacontenttype" {
			e.refuse(wrong("It is the header Content-Type.", "Leave the header ce-datacontenttype out.").in(name))
			continue
		}
		for _, s := range v {
			value, ok := unescape(s)
			if !ok {
				e.refuse(wrong("Its header is not encoded as the HTTP binding of CloudEvents has it.", "Percent-encode UTF-8, and % itself as %25.").in(name))
				continue
			}
			e.set(name, value)
		}
	}
	e.hold(opaque, body)
	return e.event()
}

// unescape reads the value of a header: quoted or not, then percent-encoded UTF-8.
func unescape(s string) (string, bool) {
	if n := len(s); n >= 2 && s[0] == '"' && s[n-1] == '"' {
		var b strings.Builder
		for i := 1; i < n-1; i++ {
			if s[i] == '\\' && i+1 < n-1 {
				i++
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	out, err := url.PathUnescape(s)
	return out, err == nil && strings.ToValidUTF8(out, "") == out
}
