package asteriskqueuelog

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// rows yields what a delivery holds, with the number of the line; what is no row is a problem.
func rows(body []byte, p *format.Parsed) iter.Seq2[int, row] {
	unread := func(line int) {
		p.Problem(line, "", "The line is no line of a queue_log and no row of its table.", "Send epoch|callid|queue|agent|event|…, or rows with the columns time, callid, queuename, agent, event and data1 to data5.")
	}
	return func(yield func(int, row) bool) {
		text := strings.ToValidUTF8(string(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))), "\uFFFD")
		if t := strings.TrimSpace(text); strings.HasPrefix(t, "[") {
			var all []map[string]json.RawMessage
			if err := json.NewDecoder(strings.NewReader(t)).Decode(&all); err != nil {
				unread(1)
				return
			}
			for i, fields := range all {
				if r := table(lenient.Row(fields)); r.event == "" {
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
				var fields map[string]json.RawMessage
				if json.NewDecoder(strings.NewReader(line)).Decode(&fields) == nil {
					r = table(lenient.Row(fields))
				}
			} else if h, c, ok := lenient.Header(line, "callid", "event"); ok {
				header, comma = h, c
				continue
			} else if f := lenient.Split(line, comma, 5); len(f) >= 5 {
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
