package asteriskqueuelog

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// rows yields what a delivery holds, with the number of the line; what is no row is a problem.
func rows(body []byte, p *format.Parsed) iter.Seq2[int, row] {
	unread := func(line int) {
		p.Problems = append(p.Problems, format.Problem{
			Line: line, Message: "The line is no line of a queue_log and no row of its table.",
			Remedy: "Send epoch|callid|queue|agent|event|…, or rows with the columns time, callid, queuename, agent, event and data1 to data5.",
		})
	}
	return func(yield func(int, row) bool) {
		text := strings.ToValidUTF8(string(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))), "\uFFFD")
		if t := strings.TrimSpace(text); strings.HasPrefix(t, "[") {
			var all []map[string]any
			if err := decode(t, &all); err != nil {
				unread(1)
				return
			}
			for i, fields := range all {
				if r := table(columns(fields)); r.event == "" {
					unread(i + 1)
				} else if !yield(i+1, r) {
					return
				}
			}
			return
		}
		header, comma, n := []string{"time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5"}, ',', 0
		for line := range strings.Lines(text) {
			n++
			line = strings.TrimRight(line, "\r\n")
			if strings.TrimSpace(line) == "" {
				continue
			}
			var r row
			if before, _, ok := strings.Cut(line, "|"); ok && !strings.ContainsAny(before, ",;\t\"{") {
				if f := strings.Split(line, "|"); len(f) >= 5 {
					r = row{f[0], f[1], f[2], f[3], f[4], f[5:]}
				}
			} else if strings.HasPrefix(line, "{") {
				var fields map[string]any
				if decode(line, &fields) == nil {
					r = table(columns(fields))
				}
			} else if h, c, ok := head(line); ok {
				header, comma = h, c
				continue
			} else if f := split(line, comma); len(f) >= 5 {
				fields := map[string]string{}
				for i, name := range header[:min(len(f), len(header))] {
					fields[name] = f[i]
				}
				r = table(fields)
			}
			if r.event == "" {
				unread(n)
			} else if !yield(n, r) {
				return
			}
		}
	}
}

// table is a row of the realtime table.
func table(f map[string]string) row {
	queue := f["queuename"]
	if queue == "" {
		queue = f["queue"]
	}
	r := row{time: f["time"], callid: f["callid"], queue: queue, agent: f["agent"], event: f["event"]}
	// What does not fit into five columns stands in the last, still joined.
	data := f["data"]
	if f["data1"]+f["data2"]+f["data3"]+f["data4"]+f["data5"] != "" {
		data = strings.Join([]string{f["data1"], f["data2"], f["data3"], f["data4"], f["data5"]}, "|")
	}
	r.args = strings.Split(data, "|")
	return r
}

// head reads a line that names columns.
func head(line string) ([]string, rune, bool) {
	lower := strings.ToLower(line)
	if !strings.Contains(lower, "callid") || !strings.Contains(lower, "event") {
		return nil, 0, false
	}
	for _, comma := range ",;\t" {
		if f := split(lower, comma); len(f) >= 5 {
			for i := range f {
				f[i] = strings.TrimSpace(f[i])
			}
			return f, comma, true
		}
	}
	return nil, 0, false
}

func split(line string, comma rune) []string {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
	f, err := r.Read()
	if err != nil {
		return nil
	}
	return f
}

func decode(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// columns are an object's members as text, their names in lower case.
func columns(object map[string]any) map[string]string {
	out := make(map[string]string, len(object))
	for name, v := range object {
		switch v := v.(type) {
		case string:
			out[strings.ToLower(name)] = v
		case json.Number:
			out[strings.ToLower(name)] = v.String()
		}
	}
	return out
}

// when reads seconds since 1970, with or without a fraction, or a written time.
func when(text string, zone *time.Location) (time.Time, bool) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		for f > 1e11 && f < 1e18 { // milliseconds, microseconds
			f /= 1000
		}
		if !(f >= 5e8 && f < 5e9) {
			return time.Time{}, false
		}
		return time.UnixMicro(int64(math.Round(f * 1e6))).UTC(), true
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05-07"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil && t.Unix() >= 5e8 && t.Unix() < 5e9 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// seconds reads a number of units; one that no clock measured stays too long to be plausible.
func seconds(text string, unit time.Duration) (time.Duration, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	return time.Duration(max(-1e15, min(1e15, f*float64(unit)))), true
}
