package genesysconversation

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// part is a session with what it says, in order of time.
type part struct {
	*session
	purpose, media string
	start          time.Time // of its first segment or metric
	interacted     time.Time // when its first interaction began; for sessions with one
	metrics        map[string]total
	holds          []time.Duration
	user           lenient.Text
	queue, wrapUp  lenient.Text
	agent          bool
}

// total adds values up. A negative one cannot be right and is not hidden by others.
type total struct {
	value float64
	n     int
}

func (t *total) add(v float64) {
	t.n++
	if v < 0 || t.value < 0 {
		t.value = min(v, t.value)
		return
	}
	t.value += v
}

// sessions takes a conversation's sessions apart, and notes who the customer is.
func sessions(k *kept, c *conversation) []part {
	var all []part
	for _, p := range c.Participants {
		purpose := strings.ToLower(string(p.Purpose))
		customer := purpose == "customer" || purpose == "external"
		if customer && p.ExternalContactID != "" {
			k.text("externalContactId", lenient.Text(k.o.Person(string(p.ExternalContactID))))
		}
		for i := range p.Sessions {
			s := &p.Sessions[i]
			x := part{session: s, user: p.UserID, purpose: purpose, media: strings.ToLower(string(s.MediaType)), agent: purpose == "agent" || purpose == "user"}
			if x.media == "cobrowse" || x.media == "screenshare" {
				continue
			}
			k.metrics(&x)
			k.segments(&x)
			if customer {
				k.customer(s)
			}
			all = append(all, x)
		}
	}
	slices.SortStableFunc(all, func(a, b part) int { return a.start.Compare(b.start) })
	return all
}

func (k *kept) metrics(x *part) {
	if len(x.Metrics) > 0 {
		x.metrics = map[string]total{}
	}
	for _, m := range x.Metrics {
		at := k.detail("metrics.emitDate", m.EmitDate)
		v, ok := lenient.Number(m.Value)
		if m.Value != "" && !ok {
			k.once("metrics.value", "This is no number; what it stands for is not counted.")
		}
		if !ok {
			continue
		}
		name := strings.ToLower(string(m.Name))
		t := x.metrics[name]
		t.add(v)
		x.metrics[name] = t
		if !at.IsZero() && (x.start.IsZero() || at.Before(x.start)) {
			x.start = at
		}
		if x.agent && (name == "tanswered" || name == "ttalk" || name == "ttalkcomplete") && x.interacted.IsZero() {
			x.interacted = at
			if at.IsZero() {
				x.interacted = k.latest
			}
		}
	}
}

func (k *kept) segments(x *part) {
	for _, s := range x.Segments {
		from, to := k.detail("segments.segmentStart", s.SegmentStart), k.detail("segments.segmentEnd", s.SegmentEnd)
		if !from.IsZero() && (x.start.IsZero() || from.Before(x.start)) {
			x.start = from
		}
		x.queue = cmp.Or(x.queue, s.QueueID)
		switch kind := strings.ToLower(string(s.SegmentType)); {
		case kind == "interact" && !from.IsZero() && (x.interacted.IsZero() || from.Before(x.interacted)):
			x.interacted = from
		case kind == "hold" && x.agent:
			if from.IsZero() || to.IsZero() {
				x.holds = append(x.holds, -1)
			} else {
				x.holds = append(x.holds, to.Sub(from))
			}
		}
		if x.agent {
			x.wrapUp = cmp.Or(x.wrapUp, s.WrapUpCode)
		} else if x.purpose == "customer" || x.purpose == "external" {
			k.text("disconnectType", lenient.Text(strings.ToLower(string(s.DisconnectType))))
		}
	}
}

// customer keeps the number or address of the customer's session.
func (k *kept) customer(s *session) {
	who := cmp.Or(s.ANI, s.AddressFrom)
	if k.fields["originatingDirection"] == "outbound" {
		who = cmp.Or(s.DNIS, s.AddressTo)
	}
	if a := lenient.Address(string(who)); a != "" {
		k.text("address", lenient.Text(k.o.Person(a)))
	}
}

// sum keeps what the sessions amount to.
func (k *kept) sum(all []part) {
	var answered time.Time
	for i := range all {
		x := &all[i]
		if x.agent && x.media != "callback" && !x.interacted.IsZero() && (answered.IsZero() || x.interacted.Before(answered)) {
			answered = x.interacted
		}
	}
	sums := map[string]total{}
	add := func(name string, t total) {
		if t.n > 0 {
			s := sums[name]
			s.add(t.value)
			sums[name] = s
		}
	}
	var first lenient.Text
	for i := range all {
		x := &all[i]
		first = cmp.Or(first, x.queue)
		k.text("mediaType", lenient.Text(x.channel()))
		k.text("direction", lenient.Text(strings.ToLower(string(x.Direction))))
		either := func(names ...string) total {
			for _, name := range names {
				if t := x.metrics[name]; t.n > 0 {
					return t
				}
			}
			return total{}
		}
		if x.media == "callback" {
			k.fields["callback"] = "asked for"
		}
		add("nError", x.metrics["nerror"])
		switch {
		case x.purpose == "acd":
			k.text("queueId", x.queue)
			if x.media == "callback" {
				break
			}
			k.fields["acd"] = "entered"
			add("tAbandon", either("tabandon", "tshortabandon"))
			add("tFlowOut", x.metrics["tflowout"])
			if answered.IsZero() || !x.start.After(answered) {
				add("tAcd", either("tacd", "tabandon", "tshortabandon", "tflowout"))
			}
		case x.purpose == "voicemail":
			k.fields["voicemail"] = "reached"
		case x.agent:
			if len(x.metrics) > 0 {
				k.fields["metrics"] = "told"
			}
			k.text("wrapUpCode", x.wrapUp)
			add("tAcw", x.metrics["tacw"])
			if x.media == "callback" {
				break
			}
			if !x.interacted.IsZero() {
				k.text("userId", lenient.Text(k.o.Agent(k.call, string(x.user))))
			}
			add("tAlert", either("talert", "tnotresponding"))
			add("tTalkComplete", either("ttalkcomplete", "ttalk"))
			add("tHeldComplete", either("theldcomplete", "theld"))
			add("nTransferred", x.transfers())
			if t := x.metrics["tnotresponding"]; t.n > 0 {
				add("notResponding", total{float64(t.n), 1})
			}
			k.holds(x, sums)
		default:
			add("tIvr", x.metrics["tivr"])
		}
	}
	k.text("queueId", first)
	if !answered.IsZero() {
		k.fields["answered"] = answered.UTC().Format(time.RFC3339Nano)
	}
	for name, t := range sums {
		k.fields[name] = strconv.FormatFloat(t.value, 'f', -1, 64)
	}
}

// transfers are all of them, where the parts are told alone their sum.
func (x *part) transfers() total {
	if t := x.metrics["ntransferred"]; t.n > 0 {
		return t
	}
	t := x.metrics["nblindtransferred"]
	if c := x.metrics["nconsulttransferred"]; c.n > 0 {
		t.add(c.value)
	}
	return t
}

// holds counts holds and keeps the longest; one whose times are not known makes it unknown.
func (k *kept) holds(x *part, sums map[string]total) {
	n := sums["holds"]
	for _, d := range x.holds {
		n.add(1)
		longest := sums["longestHold"]
		longest.n++
		switch {
		case d < 0 || longest.value < 0:
			longest.value = -1
		default:
			longest.value = math.Max(longest.value, float64(d.Milliseconds()))
		}
		sums["longestHold"] = longest
	}
	if n.n > 0 {
		sums["holds"] = n
	}
}

// channel in neutral terms.
func (x *part) channel() string {
	switch kind := strings.ToLower(string(x.MessageType)); {
	case x.media == "callback":
		return "voice"
	case x.media != "message":
		return x.media
	case kind == "sms":
		return kind
	case kind == "webmessaging":
		return "chat"
	case kind == "facebook" || kind == "twitter" || kind == "instagram" || kind == "whatsapp" || kind == "line" || kind == "apple":
		return "social"
	}
	return x.media
}
