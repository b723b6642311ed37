package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress shows how far a long job is: one line that redraws itself on a terminal, a line now and then elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	size     int64 // bytes of the whole, or 0 when unknown
	began    time.Time
	firstRow uint64
	firstEnd int64
	started  bool
	shown    time.Time
	drawn    bool
}

func newProgress(out io.Writer, size int64) *progress {
	now := time.Now()
	return &progress{out: out, terminal: isTerminal(out), size: size, began: now, shown: now}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Name() != "null"
}

// at tells that rows are done, which end at byte end. Rates count from the first call, so that rows skipped after an
// interruption do not flatter them.
func (p *progress) at(row uint64, end int64) {
	if !p.started {
		p.started, p.firstRow, p.firstEnd = true, row, end
	}
	every := 10 * time.Second
	if p.terminal {
		every = 100 * time.Millisecond
	}
	if time.Since(p.shown) < every {
		return
	}
	p.shown = time.Now()
	p.print(row, end)
}

func (p *progress) print(row uint64, end int64) {
	took := time.Since(p.began).Seconds()
	text := thousands(fmt.Sprint(row)) + " rows"
	if took > 0 && row > p.firstRow {
		text += fmt.Sprintf("  %s rows/s", thousands(fmt.Sprintf("%.0f", float64(row-p.firstRow)/took)))
	}
	if p.size > 0 {
		share := min(float64(end)/float64(p.size), 1)
		text = fmt.Sprintf("%3.0f%%  %s", share*100, text)
		if p.terminal {
			text = bar(share) + " " + text
		}
		if rate := float64(end-p.firstEnd) / took; rate > 0 {
			text += "  " + (time.Duration(float64(p.size-end)/rate) * time.Second).Truncate(time.Second).String() + " left"
		}
	}
	if !p.terminal {
		fmt.Fprintln(p.out, text)
		return
	}
	fmt.Fprint(p.out, "\r\x1b[K"+text)
	p.drawn = true
}

func bar(share float64) string {
	const width = 24
	full := int(share * width)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}

// clear makes room for another line.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

func (p *progress) end() { p.clear() }
