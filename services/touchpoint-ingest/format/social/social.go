// Package social reads mentions in social networks, in a form of our own, which any listening tool's export or a few lines
// of script can give: one JSON object for each mention, an array of them, or one a line. Names of fields are taken in any
// case; fields that are not named here are not read.
//
//	id           The mention's id, the same for ever, within the source. Needed. Prefix it with the network where two
//	             networks may number alike. An address (with // or @) may name its author: it is hashed by the keyed hash.
//	network      Where it was written ("mastodon"), lower-cased: the attribute network.
//	posted_at    When it was written: ISO 8601 (without a zone it is the feed's), or seconds or milliseconds since 1970.
//	             Needed, but for a deletion.
//	author       The author's name or handle. A person: kept only as a keyed hash, of network and author.
//	author_id    The author's id in the network; taken in place of author where given, because names change.
//	text         What was written: the record's note, sealed, kept nowhere else; after 16 KiB it is cut.
//	url          Where it stands. Taken and not kept: it names its author.
//	sentiment    positive, neutral or negative, where a tool has said so: the attribute sentiment. Anything else is counted
//	             as ignored, numbers too: tools mean different things by them.
//	in_reply_to  The id of the mention that this one answers: the two then belong to one contact. The attribute reply is
//	             "true" or "false".
//	queue        What the feed's rules look at to name the touchpoint; where it is empty brand, else network.
//	brand        The brand that was named: the attribute brand.
//	updated_at   When the mention was changed last; as posted_at. Needed with each change.
//	deleted      true, or the time: the mention is gone, and its record is retracted.
//
// A mention is one record (an interaction on the channel social, inbound) with neither outcome nor measures. Its version is
// updated_at, else the time of its deletion, else posted_at, in microseconds; the highest holds, and a deletion without a
// time is refused, because nothing says whether it came after what is known.
package social

import (
	"cmp"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "social", Title: "Mentions in social networks", Parse: parse, Records: records}
}

type mention struct {
	ID        lenient.Text `json:"id"`
	Network   lenient.Text `json:"network"`
	PostedAt  lenient.Text `json:"posted_at"`
	Author    lenient.Text `json:"author"`
	AuthorID  lenient.Text `json:"author_id"`
	Text      lenient.Text `json:"text"`
	Sentiment lenient.Text `json:"sentiment"`
	InReplyTo lenient.Text `json:"in_reply_to"`
	Queue     lenient.Text `json:"queue"`
	Brand     lenient.Text `json:"brand"`
	UpdatedAt lenient.Text `json:"updated_at"`
	Deleted   lenient.Text `json:"deleted"`
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	for line, raw := range lenient.Documents(d.Body) {
		problem := func(field, message, remedy string) {
			p.Problem(line, field, message, remedy)
		}
		var m mention
		if len(raw) == 0 || raw[0] != '{' || lenient.Decode(raw, &m) != nil {
			problem("", "It is no JSON object.", "Send one JSON object for each mention, an array of them, or one a line.")
			continue
		}
		e, field, message, remedy := m.event(&p, o)
		if message != "" {
			problem(field, message, remedy)
			continue
		}
		p.Events = append(p.Events, e)
	}
	return p
}

// event returns what a mention says, or what is wrong with it.
func (m *mention) event(p *format.Parsed, o format.Options) (e format.Event, field, message, remedy string) {
	if m.ID == "" {
		return e, "id", "The mention has no id.", "Give each mention an id, the same whenever it is sent."
	}
	const iso = "Send times as ISO 8601, as in 2026-03-02T08:00:00Z."
	var posted, updated time.Time
	ok := true
	if m.PostedAt != "" {
		if posted, ok = lenient.Time(m.PostedAt, o.Zone); !ok {
			return e, "posted_at", "It is no time.", iso
		}
	}
	if m.UpdatedAt != "" {
		if updated, ok = lenient.Time(m.UpdatedAt, o.Zone); !ok {
			return e, "updated_at", "It is no time.", iso
		}
	}
	network := strings.ToLower(string(m.Network))
	e = format.Event{Call: id(m.ID, o), Name: "mention", Fields: map[string]string{"network": network}}
	switch gone := strings.ToLower(string(m.Deleted)); gone {
	case "", "false", "0", "no":
	default:
		if at, ok := lenient.Time(m.Deleted, o.Zone); ok && at.After(updated) {
			updated = at
		}
		if updated.IsZero() {
			return e, "updated_at", "The deletion does not say when it was made.", "Send updated_at with deleted, or the time itself as deleted."
		}
		e.Name, e.At, e.Fields = "deletion", updated, nil
		return lenient.Identified(e, o), "", "", ""
	}
	if posted.IsZero() {
		return e, "posted_at", "The mention does not say when it was written.", iso
	}
	e.At = posted
	if !updated.IsZero() {
		e.At = updated
	}
	e.Fields["posted_at"] = posted.Format(time.RFC3339Nano)
	e.Fields["queue"], e.Fields["brand"] = string(cmp.Or(m.Queue, m.Brand, lenient.Text(network))), string(m.Brand)
	if m.InReplyTo != "" {
		e.Fields["in_reply_to"] = id(m.InReplyTo, o)
	}
	switch mood := strings.ToLower(string(m.Sentiment)); mood {
	case "positive", "neutral", "negative":
		e.Fields["sentiment"] = mood
	case "":
	default:
		p.Ignore("sentiment in other words")
	}
	author := ""
	if who := strings.ToLower(strings.TrimPrefix(string(cmp.Or(m.AuthorID, m.Author)), "@")); who != "" {
		author = o.Person(network + ":" + who)
	}
	e.Fields["author"] = author
	if e.Text = lenient.Comment(m.Text); e.Text != "" {
		e.Customer = author
	}
	return lenient.Identified(e, o), "", "", ""
}

// id returns a mention's id, without the person that an address may name.
func id(own lenient.Text, o format.Options) string {
	if s := string(own); strings.Contains(s, "//") || strings.Contains(s, "@") {
		return lenient.ID("u-" + o.Person(s))
	}
	return lenient.ID(own)
}

// records returns the newest record of a mention.
func records(call string, events []format.Event, _ format.Options) []format.Record {
	if len(events) == 0 {
		return nil
	}
	e := events[len(events)-1] // sorted by time, which is the version
	r := format.Record{ID: lenient.ID(call), Version: uint64(max(0, e.At.UnixMicro()))}
	if e.Name == "deletion" {
		r.Retracted = true
		return []format.Record{r}
	}
	f := e.Fields
	posted, _ := time.Parse(time.RFC3339Nano, f["posted_at"])
	r.OccurredAt, r.Queue, r.Channel, r.Direction, r.Customer, r.Note = posted, f["queue"], "social", "inbound", f["author"], e.Text
	r.Attributes = map[string]string{"reply": "false"}
	r.Contact = r.ID
	if to := f["in_reply_to"]; to != "" {
		r.Contact, r.Attributes["reply"] = to, "true"
	}
	for _, name := range []string{"network", "brand", "sentiment"} {
		if v := f[name]; v != "" {
			r.Attributes[name] = v
		}
	}
	if e.At.Before(posted.Add(-time.Minute)) {
		r.Implausible = "a mention changed before it was written cannot be right"
	}
	return []format.Record{r}
}
