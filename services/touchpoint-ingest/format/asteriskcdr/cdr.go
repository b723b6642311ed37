// Package asteriskcdr reads Asterisk's call detail records: the lines of Master.csv, with or without the columns that the
// configuration adds after amaflags (uniqueid, userfield, peeraccount, linkedid, sequence), and exports with a line of column
// names.
//
// A record is a leg, as Asterisk writes one line for it when it is over. Its ID is the uniqueid and the sequence; where there
// is no sequence, the uniqueid and a hash of the line's times and channels; where there is no uniqueid either, that hash. Its
// contact is the linkedid. Its queue is that of Queue(), else the dialplan context of the call.
//
// Version rule: a leg is written once.
//
// Outcomes come from calls that Dial() made. What becomes of a customer in Queue() a CDR does not tell (an abandoned call is
// ANSWERED, because Queue() answers, or NO ANSWER), nor who hung up when nobody answered: such records have no outcome, and an
// abandonment is never taken from here; read queue_log for it. Talk is the billed time of an answered Dial(), wait the time
// before: a dialplan that answers itself, for a menu or music, starts billing there, so map talk and wait only from contexts
// that do not.
//
// Not read: clid (names), accountcode and userfield (free), and dst unless it is an extension. A telephone number as src or dst
// is the customer's; both being one, src is.
package asteriskcdr

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "asterisk-cdr", Title: "Asterisk call detail records", Parse: parse, Records: records}
}

// fixed are the columns of Master.csv that are always there.
var fixed = []string{
	"accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata",
	"start", "answer", "end", "duration", "billsec", "disposition", "amaflags",
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	text := strings.ToValidUTF8(strings.TrimPrefix(string(d.Body), "\xef\xbb\xbf"), "\uFFFD")
	var header []string
	comma, least, n := ',', len(fixed), 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) == "" {
			continue
		}
		if h, c, ok := lenient.Header(line, "disposition", "duration"); ok {
			header, comma, least = h, c, len(h)
			continue
		}
		row := columns(header, lenient.Split(line, comma, least))
		if row == nil {
			p.Problem(n, "", "The line is no call detail record.", "Send lines of Master.csv, or an export that begins with the names of its columns.")
			continue
		}
		event(row, n, o, &p)
	}
	return p
}

// columns names the fields of a line; nil if it cannot be a record.
func columns(header, f []string) map[string]string {
	row := map[string]string{}
	if header != nil {
		for i := range min(len(f), len(header)) {
			row[header[i]] = strings.TrimSpace(f[i])
		}
		for alias, name := range map[string]string{"calldate": "start", "starttime": "start", "answertime": "answer", "endtime": "end"} {
			if row[name] == "" {
				row[name] = row[alias]
			}
		}
		if row["disposition"] == "" {
			return nil
		}
		return row
	}
	if len(f) < len(fixed) {
		return nil
	}
	for i, name := range fixed {
		row[name] = strings.TrimSpace(f[i])
	}
	more := f[len(fixed):]
	// Which of them are written is configured, so they are known by their looks.
	if n := len(more); n >= 3 && unique.MatchString(more[n-2]) && count.MatchString(more[n-1]) {
		row["linkedid"], row["sequence"] = more[n-2], more[n-1]
		more = more[:n-3]
	}
	if len(more) > 0 && unique.MatchString(more[0]) {
		row["uniqueid"] = more[0]
	}
	return row
}

var (
	// unique is what Asterisk makes uniqueids of: the system's name, seconds since 1970 and a counter.
	unique = regexp.MustCompile(`^(?:[A-Za-z0-9_.:-]{1,60}-)?[0-9]{9,10}\.[0-9]{1,12}$`)
	count  = regexp.MustCompile(`^[0-9]{1,12}$`)
	phone  = regexp.MustCompile(`[0-9]{7}`)
	short  = regexp.MustCompile(`^([0-9*#]{1,6}|[a-z])$`)
	word   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_ -]{0,63}$`)
)

func event(row map[string]string, line int, o format.Options, p *format.Parsed) {
	bad := func(field, message, remedy string) {
		p.Problem(line, field, message, remedy)
	}
	start, ok := lenient.Time(row["start"], o.Zone)
	if !ok {
		bad("start", "The time cannot be read.", "Send a time as 2026-03-02 09:30:00.")
		return
	}
	e := format.Event{Call: identity(row), Name: strings.ToUpper(row["disposition"]), At: start, Fields: map[string]string{}}
	switch e.Name {
	case "ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION":
	default:
		if word.MatchString(e.Name) {
			p.Ignore(e.Name)
		} else {
			p.Ignore("other")
		}
		return
	}
	for _, name := range []string{"duration", "billsec"} {
		if row[name] == "" {
			continue
		}
		if _, ok := lenient.Duration(row[name], time.Second); !ok {
			bad(name, "It is no number.", "Send seconds.")
			continue
		}
		e.Fields[name] = row[name]
	}
	keep := func(name, text string) {
		if text != "" && !phone.MatchString(text) {
			e.Fields[name] = text
		}
	}
	if word.MatchString(row["lastapp"]) {
		keep("lastapp", row["lastapp"])
	}
	keep("dcontext", row["dcontext"])
	if short.MatchString(row["dst"]) {
		keep("dst", row["dst"])
	}
	if strings.EqualFold(row["lastapp"], "Queue") {
		queue, _, _ := strings.Cut(row["lastdata"], ",")
		queue, _, _ = strings.Cut(queue, "|") // before version 1.6
		keep("queue", strings.TrimSpace(queue))
	}
	if device, _ := device(row["dstchannel"]); device != "" {
		e.Fields["dstchannel"] = "" // there was one, though it may tell a number
		if !phone.MatchString(device) {
			e.Fields["dstchannel"] = o.Agent(e.Call, device)
		}
	}
	if src, dst := phone.MatchString(row["src"]), phone.MatchString(row["dst"]); src && !dst {
		e.Fields["customer"] = o.Person(row["src"])
	} else if dst && !src {
		e.Fields["customer"] = o.Person(row["dst"])
	}
	if unique.MatchString(row["linkedid"]) {
		e.Fields["linkedid"] = row["linkedid"]
	} else if unique.MatchString(row["uniqueid"]) {
		e.Fields["linkedid"] = row["uniqueid"]
	}
	said := []string{row["start"], row["answer"], row["end"]}
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		if name != "customer" {
			said = append(said, name, format.Identity(e.Fields[name]))
		}
	}
	e.ID = e.Name + "-" + hash(said...)
	p.Events = append(p.Events, e)
}

// identity of a leg. Of channels their technology and counter are taken, without a name or number between.
func identity(row map[string]string) string {
	_, from := device(row["channel"])
	_, to := device(row["dstchannel"])
	said := hash(row["start"], row["answer"], row["end"], row["duration"], row["billsec"], row["disposition"], row["lastapp"], from, to)
	switch {
	case !unique.MatchString(row["uniqueid"]):
		return "x" + said
	case count.MatchString(row["sequence"]):
		return row["uniqueid"] + "/" + row["sequence"]
	}
	return row["uniqueid"] + "/x" + said
}

func records(call string, events []format.Event, _ format.Options) []format.Record {
	e := events[len(events)-1]
	app := strings.ToLower(e.Fields["lastapp"])
	r := format.Record{
		ID: call, Channel: "voice", Contact: e.Fields["linkedid"], Customer: e.Fields["customer"], OccurredAt: e.At,
		Queue: e.Fields["dcontext"], Attributes: map[string]string{"disposition": e.Name},
	}
	if queue := e.Fields["queue"]; queue != "" {
		r.Queue = queue
	}
	for _, name := range []string{"dcontext", "dst", "lastapp"} {
		if e.Fields[name] != "" {
			r.Attributes[name] = e.Fields[name]
		}
	}
	duration, ok := lenient.Duration(e.Fields["duration"], time.Second)
	billed, ok2 := lenient.Duration(e.Fields["billsec"], time.Second)
	if ok && ok2 && billed > duration {
		r.Implausible = "billsec is more than duration"
	}
	for _, x := range []time.Duration{duration, billed} {
		if x < 0 || x > format.LongestPlausible {
			r.Implausible = "a time of " + x.String() + " cannot be right"
		}
	}
	_, called := e.Fields["dstchannel"]
	switch {
	case e.Name == "FAILED" || e.Name == "CONGESTION":
		r.Outcome = format.Failed
	case app != "dial":
	case e.Name == "ANSWERED" && called:
		r.Outcome, r.Agent = format.Answered, e.Fields["dstchannel"]
		if ok && ok2 {
			r.Times(format.Wait, duration-billed)
			r.Times(format.Talk, billed)
		}
	case e.Name == "BUSY":
		r.Outcome = format.LeftOther
		fallthrough
	case e.Name == "NO ANSWER":
		if ok && billed == 0 {
			r.Times(format.Wait, duration)
		}
	}
	if app == "queue" {
		r.Outcome = ""
	}
	return []format.Record{r}
}
