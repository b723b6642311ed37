package correlation

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// disputeID returns the id of the dispute about a fact.
func disputeID(org string, of *factv1.RecordedDispute) string {
	return state.DisputeID(wire.Identity(org, of.GetKind(), []byte(of.GetSource()), []byte(of.GetId()), []byte(of.GetAboutSource()), []byte(of.GetAboutId())))
}

// said reads the words of a dispute's step that holds; nil for no dispute, and where the stream no longer holds it.
func (f *facts) said(ctx context.Context, read *streamReader, d *state.Dispute) (*factv1.RecordedDispute, error) {
	if d == nil {
		return nil, nil
	}
	x, err := read.fact(ctx, d.Position, d.Index)
	return x.GetDispute(), err
}

// Names implements scoreservice.Facts.
func (f *facts) Names(ctx context.Context, all []*state.Fact) ([]string, error) {
	read, out := newStreamReader(f.js), make([]string, len(all))
	for i, x := range all {
		r, err := read.fact(ctx, x.Position, x.Index)
		if err != nil {
			return nil, err
		}
		kind := strings.ToLower(strings.TrimPrefix(x.Kind.String(), "KIND_"))
		if r == nil {
			out[i] = fmt.Sprintf("%s at position %d, which the stream no longer holds", kind, x.Position)
		} else {
			out[i] = fmt.Sprintf("%s %s of %s", kind, r.GetId(), r.GetSource())
		}
	}
	return out, nil
}

func day(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.DateOnly) }

// toldDisputed says in words where a fact counts, and what is said against it.
func toldDisputed(x *state.Fact, d *factv1.RecordedDispute, zone *time.Location) string {
	if x.Kind == factv1.Kind_KIND_DISPUTE {
		return "a dispute: it counts nowhere itself"
	}
	counts := told(x, zone)
	if d == nil || !x.Content {
		return counts
	}
	raised := fmt.Sprintf("contested by %s on %s: %s", d.GetOwner(), day(time.UnixMilli(d.GetRaisedAtMs()), zone), d.GetReason())
	ruled := day(time.UnixMilli(d.GetRuledAtMs()), zone)
	switch {
	case x.Excluded:
		return fmt.Sprintf("ruled out on %s: %s; it counts nowhere", ruled, d.GetRulingReason())
	case d.GetRuling() == factv1.Ruling_RULING_COUNTED:
		return fmt.Sprintf("%s; ruled to count on %s: %s", counts, ruled, d.GetRulingReason())
	}
	return fmt.Sprintf("%s; until it is ruled on it %s", raised, counts)
}

// mayOwn refuses a role that answers for nothing at a touchpoint: it may be its functional or its operational owner, that of a
// step, or the programme's.
func mayOwn(m *expmap.Map, touchpoint, role string) error {
	var may []string
	if t := m.Touchpoints[touchpoint]; t != nil {
		may = append(may, t.Proto.GetFunctionalOwner(), t.Proto.GetOperationalOwner())
		for _, s := range t.Proto.GetSteps() {
			may = append(may, s.GetOwner())
		}
	}
	may = append(may, m.Proto.GetProgrammeOwner())
	may = slices.DeleteFunc(may, func(r string) bool { return r == "" })
	if slices.Contains(may, role) {
		return nil
	}
	slices.Sort(may)
	may = slices.Compact(may)
	where := "the touchpoint " + touchpoint
	if touchpoint == "" {
		where = "what has no touchpoint"
	}
	if len(may) == 0 {
		return fault.Field("owner", fmt.Sprintf("no role answers for %s", where), "name a programme_owner in the map")
	}
	return fault.Field("owner", fmt.Sprintf("the role %q does not answer for %s", role, where), "contest it as "+strings.Join(may, ", "))
}

var address = regexp.MustCompile(`[^\s@]+@[^\s@]+\.[^\s@]+`)

// longestNumber is how many digits in a row a reason may have: those of phones and accounts are longer.
const longestNumber = 6

// plain refuses a reason that may name a customer: it is kept when they are forgotten.
func plain(field, reason string) error {
	digits, names := 0, address.MatchString(reason)
	for _, r := range reason {
		switch {
		case unicode.IsDigit(r):
			digits++
		case r != ' ' && r != '\u00a0': // phone numbers come in groups
			digits = 0
		}
		names = names || digits > longestNumber
	}
	if names {
		return fault.Field(field, "it holds an address, or a number as long as a phone's or an account's", "say it without naming the customer")
	}
	if strings.TrimSpace(reason) == "" {
		return fault.Field(field, "it is empty", "say in a sentence why")
	}
	return nil
}
