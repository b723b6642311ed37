package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
)

const directoryColumns = `  role                       role of the map; empty in a row that only tells how to reach somebody, such as a deputy
  holder                     id of who holds it (required)
  from, to                   first day, and day from which no longer, as 2026-07-01; empty: since ever, for ever
  order                      place in the on-call order, the lowest first
  deputy                     id of who is tried while the holder cannot be reached
  name, zone                 of the holder; these and what follows may stand in any one row of theirs, or in all alike
  hours                      as "mon-fri 08:00-18:30; sat,sun 09:00-12:00"; empty: always
  email, phone, sms, chat,   ways to reach the holder, tried in the order of the columns; several in one cell with "; "
  webhook                    between them`

// directoryTable lists the columns in the order in which they are written.
func directoryTable() []string {
	return []string{"role", "holder", "name", "from", "to", "order", "deputy", "zone", "hours", "email", "phone", "sms", "chat", "webhook"}
}

// ofHolders are the columns that tell of the holder, whatever they hold.
func ofHolders() []string { return directoryTable()[slices.Index(directoryTable(), "zone"):] }

var wayKinds = map[string]directoryv1.WayKind{
	"email": directoryv1.WayKind_WAY_KIND_EMAIL, "phone": directoryv1.WayKind_WAY_KIND_PHONE, "sms": directoryv1.WayKind_WAY_KIND_SMS,
	"chat": directoryv1.WayKind_WAY_KIND_CHAT, "webhook": directoryv1.WayKind_WAY_KIND_WEBHOOK,
}

// directoryCSV reads a table of holdings.
type directoryCSV struct {
	*directoryFile
	columns  []string
	holders  map[string]int               // place of each in the directory
	told     map[string]map[string]string // by holder and column, what a row said of them
	problems []string
}

func (f *directoryFile) readCSV(data []byte) []string {
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	rows.FieldsPerRecord = -1 // told with the line
	rows.TrimLeadingSpace = true
	r := &directoryCSV{directoryFile: f, holders: map[string]int{}, told: map[string]map[string]string{}}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return append(r.problems, place(f.name, 0, "", err.Error(), "save it as CSV with commas and double quotes"))
		}
		line, _ := rows.FieldPos(0)
		for i, cell := range row {
			row[i] = unguard(strings.TrimSpace(cell))
		}
		switch {
		case r.columns == nil:
			r.header(line, row)
			if len(r.problems) > 0 {
				return r.problems
			}
		case len(row) != len(r.columns):
			r.fail(line, "", fmt.Sprintf("it has %d cells, the header has %d", len(row), len(r.columns)), "check commas and quotes")
		default:
			r.row(line, row)
		}
	}
	if r.columns == nil {
		r.fail(1, "", "the file is empty", "begin with a header: "+strings.Join(directoryTable(), ","))
	}
	return r.problems
}

// unguard takes away what keeps spreadsheet programs from running a cell as a formula.
func unguard(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune("=+-@", rune(s[1])) {
		return s[1:]
	}
	return s
}

func (r *directoryCSV) fail(line int, column, message, remedy string) {
	r.problems = append(r.problems, place(r.name, line, column, message, remedy))
}

func (r *directoryCSV) header(line int, row []string) {
	r.lines[""] = line
	for i, name := range row {
		name = strings.ToLower(name)
		switch {
		case !contains(directoryTable(), name):
			r.fail(line, "", fmt.Sprintf("there is no column %q", name), "use "+strings.Join(directoryTable(), ", "))
		case contains(r.columns, name):
			r.fail(line, "", fmt.Sprintf("the column %s stands twice, the second in place %d", name, i+1), "delete one; several ways of a kind go into one cell")
		}
		r.columns = append(r.columns, name)
	}
	if !contains(r.columns, "holder") {
		r.fail(line, "", "the column holder is missing", "add the id of who holds each role")
	}
}

func (r *directoryCSV) row(line int, row []string) {
	cell := func(name string) string {
		if i := slices.Index(r.columns, name); i >= 0 {
			return row[i]
		}
		return ""
	}
	id := cell("holder")
	if id == "" {
		r.fail(line, "holder", "it is empty", "write the id of who holds the role")
		return
	}
	k, known := r.holders[id]
	if !known {
		k = len(r.d.Holders)
		r.holders[id], r.told[id] = k, map[string]string{}
		r.d.Holders = append(r.d.Holders, &directoryv1.Holder{Id: id})
		r.lines[fmt.Sprintf("holders[%d]", k)] = line
	}
	for i, name := range r.columns {
		if row[i] != "" && (name == "name" || contains(ofHolders(), name)) {
			r.tell(line, k, name, row[i])
		}
	}
	if cell("role") == "" {
		if cell("from")+cell("to")+cell("order")+cell("deputy") != "" {
			r.fail(line, "role", "it is empty in a row that says when or in which order it is held", "name the role, or clear the others")
		}
		return
	}
	h := &directoryv1.Holding{Role: cell("role"), Holder: id, From: cell("from"), To: cell("to"), Deputy: cell("deputy")}
	if s := cell("order"); s != "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			r.fail(line, "order", "it must be a whole number from 0", "write digits only")
		}
		h.Order = uint32(n)
	}
	r.lines[fmt.Sprintf("holdings[%d]", len(r.d.Holdings))] = line
	r.d.Holdings = append(r.d.Holdings, h)
}

// tell takes what a row says of the k-th holder. Ways keep the order of the columns whichever rows they stand in.
func (r *directoryCSV) tell(line, k int, column, text string) {
	h := r.d.Holders[k]
	told := r.told[h.GetId()]
	if before, ok := told[column]; ok {
		if before != text {
			r.fail(line, column, fmt.Sprintf("an earlier row says another of the holder %q", h.GetId()), "let all rows of one holder say the same, or leave it out in all but one")
		}
		return
	}
	told[column] = text
	switch column {
	case "name":
		h.Name = text
	case "zone":
		h.Zone = text
	case "hours":
		hours, ok := parseHours(text)
		if !ok {
			r.fail(line, column, "they cannot be read", `write them as "mon-fri 08:00-18:30; sat,sun 09:00-12:00"`)
		}
		h.Hours = hours
	default:
		for address := range strings.SplitSeq(text, ";") {
			if address = strings.TrimSpace(address); address != "" {
				h.Ways = append(h.Ways, &directoryv1.Way{Kind: wayKinds[column], Address: address})
			}
		}
		slices.SortStableFunc(h.Ways, func(a, b *directoryv1.Way) int {
			return slices.Index(r.columns, wayName(a.GetKind())) - slices.Index(r.columns, wayName(b.GetKind()))
		})
	}
}

// parseHours reads "mon-fri 08:00-18:30; sat,sun 09:00-12:00".
func parseHours(text string) (out []*directoryv1.Hours, ok bool) {
	week := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	for part := range strings.SplitSeq(text, ";") {
		days, times, ok := strings.Cut(strings.TrimSpace(part), " ")
		from, to, both := strings.Cut(strings.TrimSpace(times), "-")
		if !ok || !both {
			return nil, false
		}
		h := &directoryv1.Hours{From: strings.TrimSpace(from), To: strings.TrimSpace(to)}
		for item := range strings.SplitSeq(days, ",") {
			first, last, isRange := strings.Cut(item, "-")
			a, b := slices.Index(week, first), slices.Index(week, last)
			switch {
			case !isRange && a >= 0:
				h.Days = append(h.Days, first)
			case isRange && a >= 0 && b > a:
				h.Days = append(h.Days, week[a:b+1]...)
			default:
				return nil, false
			}
		}
		out = append(out, h)
	}
	return out, true
}

// directorySheet is the table that readCSV reads: a row for each holding, and one for each holder without.
func directorySheet(d *directoryv1.Directory) *sheet {
	t := &sheet{head: directoryTable()}
	byID := map[string]*directoryv1.Holder{}
	for _, h := range d.GetHolders() {
		byID[h.GetId()] = h
	}
	add := func(x *directoryv1.Holding, h *directoryv1.Holder) {
		order := ""
		if x.GetRole() != "" {
			order = strconv.FormatUint(uint64(x.GetOrder()), 10)
		}
		var hours []string
		for _, o := range h.GetHours() {
			hours = append(hours, strings.Join(o.GetDays(), ",")+" "+o.GetFrom()+"-"+o.GetTo())
		}
		row := []cell{
			word(x.GetRole()), word(h.GetId()), word(h.GetName()), word(x.GetFrom()), word(x.GetTo()), number(order, order),
			word(x.GetDeputy()), word(h.GetZone()), word(strings.Join(hours, "; ")),
		}
		for _, column := range t.head[len(row):] {
			var addresses []string
			for _, w := range h.GetWays() {
				if wayName(w.GetKind()) == column {
					addresses = append(addresses, w.GetAddress())
				}
			}
			row = append(row, word(strings.Join(addresses, "; ")))
		}
		t.add(row...)
	}
	holds := map[string]bool{}
	for _, x := range d.GetHoldings() {
		holds[x.GetHolder()] = true
		add(x, byID[x.GetHolder()])
	}
	for _, h := range d.GetHolders() {
		if !holds[h.GetId()] {
			add(nil, h)
		}
	}
	return t
}
