package cli

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// period is the stretch of time a command was asked for.
type period struct {
	window   string
	from, to string
}

var windows = map[string]scorev1.Window{
	"":    scorev1.Window_WINDOW_UNSPECIFIED,
	"5m":  scorev1.Window_WINDOW_5M,
	"1h":  scorev1.Window_WINDOW_1H,
	"24h": scorev1.Window_WINDOW_24H,
	"7d":  scorev1.Window_WINDOW_7D,
	"28d": scorev1.Window_WINDOW_28D,
	"13w": scorev1.Window_WINDOW_13W,
	"all": scorev1.Window_WINDOW_ALL,
}

const windowNames = "5m, 1h, 24h, 7d, 28d, 13w or all"

// resolve returns the window, or both ends.
func (p period) resolve(ctx context.Context, s *session) (w scorev1.Window, from, to *timestamppb.Timestamp, err error) {
	w, ok := windows[p.window]
	if !ok {
		return 0, nil, nil, failed("--window is %s, not %q", windowNames, p.window)
	}
	if p.from == "" && p.to == "" {
		return w, nil, nil, nil
	}
	if w != 0 {
		return 0, nil, nil, failed("give --window or --from and --to, not both")
	}
	if from, err = s.moment(ctx, "--from", p.from); err != nil {
		return 0, nil, nil, err
	}
	to, err = s.moment(ctx, "--to", p.to)
	return 0, from, to, err
}

// moment reads a point in time: a day or minute of the organisation's zone, or RFC 3339.
func (s *session) moment(ctx context.Context, flag, v string) (*timestamppb.Timestamp, error) {
	if v == "" {
		return nil, nil
	}
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return timestamppb.New(t), nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if _, err := time.Parse(layout, v); err == nil {
			t, err := time.ParseInLocation(layout, v, s.zone(ctx))
			return timestamppb.New(t), err
		}
	}
	return nil, failed("%s %q is not a time: write 2017-05-31, \"2017-05-31 14:00\" or 2017-05-31T14:00:00-07:00", flag, v)
}

// shortTime writes a point in time as short as it can be told: a midnight is a day.
func shortTime(t *timestamppb.Timestamp, zone *time.Location) string {
	if t == nil {
		return ""
	}
	at := t.AsTime().In(zone)
	switch {
	case at.Hour() == 0 && at.Minute() == 0 && at.Second() == 0:
		return at.Format("2006-01-02")
	case at.Second() == 0:
		return at.Format("2006-01-02 15:04")
	default:
		return at.Format("2006-01-02 15:04:05")
	}
}

func rawTime(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.RFC3339Nano)
}

func timeCell(t *timestamppb.Timestamp, zone *time.Location) cell {
	return cell{shown: shortTime(t, zone), raw: rawTime(t)}
}

// windowName is the flag's word for a window.
func windowName(w scorev1.Window) string {
	if w == scorev1.Window_WINDOW_UNSPECIFIED {
		w = scorev1.Window_WINDOW_28D
	}
	for name, v := range windows {
		if v == w {
			return name
		}
	}
	return strings.ToLower(w.String())
}
