package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func watchCommand(o *options) *cobra.Command {
	f := &selection{}
	var every time.Duration
	var changes int
	c := &cobra.Command{
		Use:   "watch",
		Short: "Print scores as they change, old → new",
		Long: `Print each watched score as it changes, old → new, until interrupted. After a break in the connection it goes on
where it was: no newest value is lost.`,
		Example: "  touchstone watch -o telecom --touchpoint help_line --window 24h",
		Args:    cobra.NoArgs,
		RunE: o.rpc(func(ctx context.Context, s *session, _ []string) error {
			filter, err := f.filter(ctx, s)
			if err != nil {
				return err
			}
			w := &watcher{session: s, selection: f, left: changes, limited: changes > 0, zone: s.zone(ctx)}
			err = w.run(ctx, &scorev1.WatchScoresRequest{Filter: filter, MinIntervalMs: uint32(every / time.Millisecond)})
			// Being interrupted is how a watch ends.
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return nil
			}
			return err
		}),
	}
	f.register(c, false)
	c.Flags().DurationVar(&every, "every", 0, "least time between two updates, 100ms to 1m (without, 250ms)")
	c.Flags().IntVar(&changes, "changes", 0, "end after so many changes (0: never)")
	return c
}

type watcher struct {
	*session
	*selection
	zone    *time.Location
	limited bool
	left    int
	begun   bool // a first answer came
	headed  bool // the CSV header is written
}

// run watches until ctx ends, reconnecting with the last token.
func (w *watcher) run(ctx context.Context, req *scorev1.WatchScoresRequest) error {
	wait := 200 * time.Millisecond
	for {
		err := w.once(ctx, req, func() { wait = 200 * time.Millisecond })
		if code := status.Code(err); ctx.Err() != nil || !w.begun || code != codes.Unavailable && code != codes.ResourceExhausted {
			return err
		}
		fmt.Fprintf(w.session.err, "%s  connection lost, trying again\n", time.Now().In(w.zone).Format("15:04:05"))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait = min(wait*2, 5*time.Second)
	}
}

func (w *watcher) once(ctx context.Context, req *scorev1.WatchScoresRequest, alive func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.session.scores.WatchScores(ctx, req)
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) && w.begun {
			return status.Error(codes.Unavailable, "the service closed the stream")
		}
		if err != nil {
			return err
		}
		alive()
		req.ResumeToken = m.GetResumeToken()
		if err := w.show(m); err != nil {
			return err
		}
		w.begun = true
		if w.limited && w.left <= 0 {
			return io.EOF
		}
	}
}

func (w *watcher) show(m *scorev1.WatchScoresResponse) error {
	if m.GetSnapshot() && !w.begun {
		if err := w.stand(m); err != nil {
			return err
		}
	}
	for _, c := range m.GetChanges() {
		if !w.wants(c.GetScore()) {
			continue
		}
		// The first snapshot is where things stand; only a later one, after a break, can hold changes.
		if m.GetSnapshot() && (!w.begun || c.Previous == nil) && w.format == "table" {
			continue
		}
		if w.format == "table" && alike(c) {
			continue
		}
		if err := w.line(c); err != nil {
			return err
		}
		w.left--
	}
	return nil
}

// alike reports whether a change is of neither value nor n, but of coverage or interval: people would see the same twice.
func alike(c *scorev1.ScoreChange) bool {
	s := c.GetScore()
	if c.GetPreviousN() != s.GetN() || (c.Previous == nil) != (s.Value == nil) {
		return false
	}
	return s.Value != nil && c.GetPrevious() == s.GetValue()
}

// standing is how many scores are shown as they stand when a watch begins.
const standing = 20

// stand tells where things stand when a watch begins, beside what changes.
func (w *watcher) stand(m *scorev1.WatchScoresResponse) error {
	var here []*scorev1.Score
	for _, c := range m.GetChanges() {
		if w.wants(c.GetScore()) {
			here = append(here, c.GetScore())
		}
	}
	n := len(here)
	text := fmt.Sprintf("watching %s scores, window %s; Ctrl-C ends", thousands(fmt.Sprint(n)), windowName(windows[w.window]))
	if n == 0 {
		text = fmt.Sprintf("nothing happened there in the last %s yet: waiting for it; Ctrl-C ends", windowName(windows[w.window]))
	}
	for i, s := range here {
		if i == standing {
			text += fmt.Sprintf("\n  … and %s more", thousands(fmt.Sprint(n-standing)))
			break
		}
		text += fmt.Sprintf("\n  %s of %s  %s  n %s", s.GetRef().GetScore(), scope(s.GetRef().GetScope()), or(suppressed(s), optional(s.Value, s.GetUnit())), thousands(fmt.Sprint(s.GetN()))) + besides(s)
	}
	return w.say(w.session.err, "%s", text)
}

func (w *watcher) line(c *scorev1.ScoreChange) error {
	s := c.GetScore()
	switch w.format {
	case "json":
		b, err := oneJSON(c)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.out, "%s\n", b)
		return err
	case "csv":
		t := scoreSheet([]*scorev1.Score{s}, w.zone)
		t.head = append(t.head, "previous", "previous n")
		t.rows[0] = append(t.rows[0], float(c.Previous), count(c.GetPreviousN()))
		header := !w.headed
		w.headed = true
		return t.writeCSVRows(w.out, header)
	}
	new := or(suppressed(s), optional(s.Value, s.GetUnit()))
	line := fmt.Sprintf("%s  %s of %s  %s → %s  n %s → %s", s.GetAsOf().AsTime().In(w.zone).Format("15:04:05"), s.GetRef().GetScore(), scope(s.GetRef().GetScope()),
		optional(c.Previous, s.GetUnit()), new, thousands(fmt.Sprint(c.GetPreviousN())), thousands(fmt.Sprint(s.GetN()))) + besides(s)
	if s.GetSimulated() {
		line += "  simulated"
	}
	_, err := fmt.Fprintln(w.out, line)
	return err
}

// besides tells what belongs to a score beside its value.
func besides(s *scorev1.Score) string {
	text := ""
	for _, more := range []string{halves(s), gap(s), pending(s), goal(s)} {
		if more != "" {
			text += "  " + clean(more)
		}
	}
	return text
}
