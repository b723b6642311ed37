package scoreservice

import (
	"cmp"
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Target is one score that exists: a reference resolved against a version of the map.
type Target struct {
	// Ref names the score, with its defaults filled in.
	Ref *scorev1.ScoreRef
	// Definition says how it is computed.
	Definition *score.Definition
	// Map by which it is read.
	Map *expmap.Map
	// Scope in cells.
	Scope state.Scope

	level level // of what Scope is about
	id    string
	field string // of the request, for errors about time

	s      *structure
	places []place // of composites
	part   bool    // Scope is only part of what is named
}

// Organisation returns the organisation's id.
func (t *Target) Organisation() string { return t.Map.Organisation }

// name returns the scope's name.
func (t *Target) name() scope { return scope{t.level, t.id, t.Scope.Breakdown, t.Scope.Value} }

// live reports whether the window slides with the clock.
func (t *Target) live() bool { return t.Ref.GetFrom() == nil }

// Target resolves a reference; field is its place in the request, for errors.
func (r *Reader) Target(ctx context.Context, ref *scorev1.ScoreRef, field string) (*Target, error) {
	d, err := r.organisation(ctx, ref.GetOrganisation())
	if err != nil {
		return nil, err
	}
	return d.target(ref, field)
}

func (d declared) target(ref *scorev1.ScoreRef, field string) (*Target, error) {
	def, err := d.c.Find("score", ref.GetScore())
	if err != nil {
		return nil, under(err, field)
	}
	name, err := d.scopeOf(ref.GetScope(), "scope")
	if err != nil {
		return nil, under(err, field)
	}
	w, err := windowOf(ref.GetWindow(), ref.GetFrom(), ref.GetTo(), field)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(fits(def, w, field), d.divided(def, name, field)); err != nil {
		return nil, err
	}
	return d.newTarget(def, name, w, ref.GetFrom(), ref.GetTo(), field), nil
}

func (d declared) newTarget(def *score.Definition, name scope, w scorev1.Window, from, to *timestamppb.Timestamp, field string) *Target {
	t := &Target{
		Ref: &scorev1.ScoreRef{
			Organisation: d.m.Organisation, Score: def.ID, Scope: protoScope(name), Window: w, From: from, To: to,
		},
		Definition: def, Map: d.m, Scope: d.s.cells(name), level: name.level, id: name.id, field: field, s: d.s,
	}
	if def.Together && name.level != ofTouchpoint {
		d.together(t)
	}
	if def.Composite != nil {
		t.places = d.places(def, name)
		if def.Composite.Pooled {
			t.Scope.Touchpoint, t.Scope.Touchpoints = "", []string{}
			if len(t.places) > 0 {
				t.Scope = t.places[0].cells
			}
		}
	}
	return t
}

// windowOf fills in the default window, and refuses what is neither a window nor a stretch of time.
func windowOf(w scorev1.Window, from, to *timestamppb.Timestamp, field string) (scorev1.Window, error) {
	if from == nil && to == nil {
		if w == scorev1.Window_WINDOW_UNSPECIFIED {
			return scorev1.Window_WINDOW_28D, nil
		}
		if _, known := scorev1.Window_name[int32(w)]; !known {
			return 0, fault.Field(field+".window", "There is no such window.", "Use 5m, 1h, 24h, 7d, 28d, 13w or all, or give from and to.")
		}
		return w, nil
	}
	if w != scorev1.Window_WINDOW_UNSPECIFIED {
		return 0, fault.Field(field+".window", "Both a live window and from or to are given.", "Give one of the two.")
	}
	if from == nil {
		return 0, fault.Field(field+".from", "The end is given without a start.", "Give from as well, or a live window.")
	}
	if err := from.CheckValid(); err != nil {
		return 0, fault.Field(field+".from", "This is not a valid time.", "Give a time as RFC 3339.")
	}
	if err := to.CheckValid(); to != nil && err != nil {
		return 0, fault.Field(field+".to", "This is not a valid time.", "Give a time as RFC 3339.")
	}
	return w, nil
}

// Span returns the target's stretch of time as of now. A start without an end ends now.
func (t *Target) Span(now time.Time) (state.Span, error) {
	if t.live() {
		return state.Live(t.Ref.GetWindow(), now, t.Map.Zone), nil
	}
	to := now
	if t.Ref.GetTo() != nil {
		to = t.Ref.GetTo().AsTime()
	}
	from := t.Ref.GetFrom().AsTime()
	if t.Definition.Employees && from.Before(to) {
		from, to = wholeDays(from, to, t.Map.Zone)
	}
	span, err := state.Between(from, to, now, t.Map.Zone)
	return span, under(err, t.field)
}

// under puts the fields of an error below a field of the request.
func under(err error, field string) error {
	var e *fault.Error
	if !errors.As(err, &e) || len(e.Violations) == 0 {
		return err
	}
	moved := *e
	moved.Violations = append([]fault.Violation(nil), e.Violations...)
	for i := range moved.Violations {
		moved.Violations[i].Field = field + "." + moved.Violations[i].Field
	}
	moved.Message = moved.Violations[0].Field + ": " + moved.Violations[0].Message
	return &moved
}
