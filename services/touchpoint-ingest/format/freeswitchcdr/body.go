package freeswitchcdr

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// leg is one record as it came.
type leg struct {
	variables, times, profile map[string]string
	direction, originator     string
}

func parse(d format.Delivery, o format.Options) (p format.Parsed) {
	dec := json.NewDecoder(bytes.NewReader(plainJSON(d.Body)))
	for n := 1; ; n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			if !errors.Is(err, io.EOF) {
				p.Problem(n, "", "The record is no JSON: "+lenient.Clip(err.Error(), 40)+".", "Send it as mod_json_cdr posts it: JSON, or the form cdr= with URL-encoded or base64 JSON.")
			} else if n == 1 {
				p.Problem(0, "", "The delivery is empty.", "Send one record, as mod_json_cdr posts it.")
			}
			return p
		}
		var many []json.RawMessage
		if raw[0] != '[' || json.Unmarshal(raw, &many) != nil {
			many = []json.RawMessage{raw}
		}
		for _, one := range many {
			l, ok := legOf(one)
			if !ok {
				p.Problem(n, "variables", "The record has no variables.", "Send the records as mod_json_cdr writes them.")
				continue
			}
			read(&p, n, l, o)
		}
	}
}

// plainJSON undoes the form and its encoding, whichever it was. What cannot be undone is returned as it is.
func plainJSON(body []byte) []byte {
	s := strings.TrimSpace(strings.TrimPrefix(string(body), "\ufeff"))
	if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		return []byte(s)
	}
	if strings.HasPrefix(s, "cdr=") && strings.Contains(s, "\ncdr=") { // a file of forms
		var all []byte
		for one := range strings.SplitSeq(s[len("cdr="):], "\ncdr=") {
			all = append(append(all, plainJSON([]byte("cdr="+one))...), '\n')
		}
		return all
	}
	if at := strings.Index("&"+s, "&cdr="); at >= 0 {
		s = s[at+len("cdr="):]
		if !strings.HasPrefix(s, "{") {
			s, _, _ = strings.Cut(s, "&")
		}
	}
	if strings.HasPrefix(s, "{") {
		return []byte(s)
	}
	unescape := url.QueryUnescape
	if strings.Contains(s, "%20") { // then a + is no space
		unescape = url.PathUnescape
	}
	if u, err := unescape(s); err == nil && strings.HasPrefix(u, "{") {
		return []byte(u)
	}
	u := s
	if strings.Contains(s, "%") {
		u, _ = url.PathUnescape(s)
	}
	if t, err := unbase64(u); err == nil && strings.HasPrefix(strings.TrimSpace(t), "{") {
		return []byte(t)
	}
	return []byte(s)
}

// unbase64 reads base64 with the line breaks that FreeSWITCH puts in, and with spaces where a form reader made them of +.
func unbase64(s string) (string, error) {
	s = strings.NewReplacer("\r", "", "\n", "", " ", "+", "-", "+", "_", "/").Replace(s)
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "=\x00"))
	return strings.TrimRight(string(b), "\x00"), err
}

func legOf(raw json.RawMessage) (l leg, ok bool) {
	top := object(raw)
	l.variables = texts(top["variables"])
	if len(l.variables) == 0 {
		return l, false
	}
	l.direction = texts(top["channel_data"])["direction"]
	// Profiles stand newest first: the last is how the call came in. Old versions repeat the key instead of a list, and the
	// decoder keeps the last.
	flow := top["callflow"]
	var flows []json.RawMessage
	if json.Unmarshal(flow, &flows) == nil && len(flows) > 0 {
		l.times = texts(object(flows[0])["times"])
		flow = flows[len(flows)-1]
	}
	profile := object(object(flow)["caller_profile"])
	l.profile = texts(object(flow)["caller_profile"])
	if len(l.times) == 0 {
		l.times = texts(object(flow)["times"])
	}
	if len(l.times) == 0 {
		l.times = texts(top["times"])
	}
	var made []json.RawMessage
	if json.Unmarshal(object(profile["originator"])["originator_caller_profiles"], &made) == nil && len(made) > 0 {
		l.originator = texts(made[0])["uuid"]
	}
	return l, true
}

// object reads an object, its keys in lower case; nil when it is none.
func object(raw json.RawMessage) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	out := make(map[string]json.RawMessage, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) { // names that differ in case alone: always the same one holds
		out[strings.ToLower(k)] = m[k]
	}
	return out
}

// texts reads an object's texts, numbers and lists of them, URL-encoded or not.
func texts(raw json.RawMessage) map[string]string {
	out := map[string]string{}
	for k, v := range object(raw) {
		var s string
		var many []string
		switch {
		case len(v) == 0 || string(v) == "null":
		case json.Unmarshal(v, &s) == nil:
		case json.Unmarshal(v, &many) == nil:
			s = strings.Join(many, "|:")
		default:
			s = string(v)
		}
		if u, err := url.PathUnescape(s); err == nil {
			s = u
		}
		if s = strings.TrimSpace(strings.ToValidUTF8(s, "")); s != "" && s != "_undef_" && len(s) <= 4096 {
			out[k] = s
		}
	}
	return out
}

func (l leg) of(name string) string { return l.variables[name] }

// owner returns the uuid of the leg for which this one was made; empty when it stands for itself.
func (l leg) owner(uuid string) string {
	side := strings.ToLower(l.of("cc_side"))
	if side == "member" {
		return ""
	}
	other := cmp.Or(l.of("cc_member_session_uuid"), l.of("originating_leg_uuid"), l.originator)
	if other == "" && (side == "agent" || strings.EqualFold(l.of("last_bridge_role"), "originatee") && strings.EqualFold(l.of("direction"), "outbound")) {
		other = cmp.Or(l.of("signal_bond"), l.of("bridge_uuid"), l.of("cc_member_uuid"))
	}
	if other == uuid {
		return ""
	}
	return other
}

// moment returns a time of the leg by the best that tells it: microseconds, seconds, the call flow's times, the stamp.
func (l leg) moment(p *format.Parsed, line int, name string, zone *time.Location) time.Time {
	for _, n := range []string{name + "_uepoch", name + "_epoch"} {
		if at := l.epoch(p, line, n); !at.IsZero() {
			return at
		}
	}
	flow := map[string]string{"start": "created_time", "answer": "answered_time", "bridge": "bridged_time", "end": "hangup_time"}
	if at := lenient.Epoch(l.times[flow[name]]); !at.IsZero() {
		return at
	}
	if at, err := time.ParseInLocation(time.DateTime, l.of(name+"_stamp"), zone); err == nil && at.Year() >= 2000 {
		return at
	}
	return time.Time{}
}

// epoch returns the time of a variable; zero where nothing happened, and a problem where it cannot be read.
func (l leg) epoch(p *format.Parsed, line int, name string) time.Time {
	s := l.of(name)
	at := lenient.Epoch(s)
	if at.IsZero() && strings.Trim(s, "0") != "" {
		p.Problem(line, "variables."+name, fmt.Sprintf("%q is no time since 2000.", lenient.Clip(s, 40)), "Find out what wrote it; the call is parked until a record that can be read comes.")
	}
	return at
}

// digits returns the numbers in a text.
func digits(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// transfers reduces transfer_history, "epoch:uuid:bl_xfer:number/context/dialplan" joined by |:, to times of transfers.
func transfers(s string) string {
	var out []string
	for one := range strings.SplitSeq(strings.TrimPrefix(s, "ARRAY::"), "|:") {
		parts := strings.SplitN(one, ":", 4)
		if len(parts) >= 3 && (parts[2] == "bl_xfer" || parts[2] == "att_xfer") && !lenient.Epoch(parts[0]).IsZero() {
			out = append(out, parts[0])
		}
	}
	return strings.Join(out, " ")
}
