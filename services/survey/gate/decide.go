package gate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
)

// Decide passes a case through the gates. It is a function of its arguments alone.
func Decide(a *Asking, r *Rules, c *Case, p *Person, m Month) Decision {
	switch {
	case a.Held != "":
		return held(Survey, "%s", a.Held)
	case c.Seen != "":
		return held(Once, "%s", c.Seen)
	case p.OptedOut:
		return held(Consent, "They asked not to be asked.")
	case r.ConsentNeeded && !p.Consented:
		return held(Consent, "Consent is needed, and theirs is not recorded.")
	case r.DoNotAsk[c.Outcome]:
		return held(DoNotAsk, "Nobody is asked after the outcome %s.", c.Outcome)
	case p.OpenCase:
		return held(DoNotAsk, "A case of theirs is open: it comes first.")
	}
	due := c.Now.Add(c.Delay)
	free, why := clocks(a, r, p, due)
	waits := ""
	if free.After(due) {
		if !a.Delay {
			return held(Quarantine, "%s", why)
		}
		if free.After(c.Now.Add(a.Open)) {
			return held(Quarantine, "%s The wait would outlast the %d days for which the survey is open.", why, int(a.Open.Hours()/24))
		}
		due, waits = free, why+" It waits until then."
	}
	if !c.Forced {
		if d := a.Sampling.holds(c, m); d.Gate != None {
			return d
		}
	}
	for _, q := range a.Quotas {
		if c.Attributes[q.Attribute] != q.Value {
			continue
		}
		if n := m.Answers(q.Attribute, q.Value); n >= q.Answers {
			return held(Quota, "%d of those with %s %s have answered this month: enough.", n, q.Attribute, q.Value)
		}
	}
	medium := a.medium(c)
	if medium == 0 {
		return held(Channel, "They cannot be reached by %s.", listed(a.Media))
	}
	if medium == Email || medium == SMS { // a page or an app is opened when people want to
		if at := r.hour(due, c.Zone); at.After(due) {
			due, waits = at, fmt.Sprintf("It waits for %s, the hour from which messages are sent.", clock(r.From))
		}
	}
	return Decision{Due: due, Medium: medium, Reason: waits}
}

func held(g Gate, format string, args ...any) Decision {
	return Decision{Gate: g, Reason: fmt.Sprintf(format, args...)}
}

const day = 24 * time.Hour

// clocks returns from when on every clock lets a person be asked at a time, and the sentence of the clock that holds longest.
func clocks(a *Asking, r *Rules, p *Person, at time.Time) (free time.Time, why string) {
	least := func(until time.Time, format string, args ...any) {
		if until.After(at) && until.After(free) {
			free, why = until, fmt.Sprintf(format, args...)
		}
	}
	for _, x := range p.Asked {
		if began, ok := x.since(r.Basis); ok {
			least(began.Add(time.Duration(r.Days)*day), "%s: at least %d days lie between two invitations of one person.", x.told(r.Basis, at), r.Days)
		}
		if began, ok := x.since(a.Basis); ok && x.Survey == a.ID {
			least(began.Add(time.Duration(a.Days)*day), "%s: at least %d days lie between two invitations to this survey.", x.told(a.Basis, at), a.Days)
		} else if ok && a.Group != "" && x.Group == a.Group {
			least(began.Add(time.Duration(a.GroupDays)*day), "%s: at least %d days lie between two invitations of the group %s.", x.told(a.Basis, at), a.GroupDays, a.Group)
		}
	}
	// Most a year: the one that has to be a year old before another may come is the AYear-th newest.
	if n := len(p.Asked); n >= r.AYear {
		x := p.Asked[n-r.AYear]
		least(x.At.Add(365*day), "%d invitations came in the last 365 days, which is the most for one person.", r.AYear)
	}
	return free, why
}

// since is when a clock began for an invitation; ok is false where it has not.
func (x *Asked) since(b Basis) (time.Time, bool) {
	if b == Answered {
		return x.Answered, !x.Answered.IsZero()
	}
	return x.At, true
}

func (x *Asked) told(b Basis, at time.Time) string {
	what, when := "They were asked", x.At
	if b == Answered {
		what, when = "They answered", x.Answered
	}
	days := int(math.Floor(at.Sub(when).Hours() / 24))
	switch by := x.Survey; {
	case days == 0:
		return fmt.Sprintf("%s today by %s", what, by)
	case days == 1:
		return fmt.Sprintf("%s a day ago by %s", what, by)
	default:
		return fmt.Sprintf("%s %d days ago by %s", what, days, by)
	}
}

func (s *Sampling) holds(c *Case, m Month) Decision {
	share, of := s.Share, "of all"
	if s.Stratum != "" {
		value := c.Attributes[s.Stratum]
		if x, ok := s.Shares[value]; ok {
			share, of = x, "of those with "+s.Stratum+" "+value
		}
	}
	if chance(s.Seed, c.Invitation) >= share {
		return held(Sample, "Not in the sample: %s%% %s are asked.", percent(share), of)
	}
	if s.Budget > 0 && m.Invitations >= s.Budget {
		return held(Sample, "The month's budget of %d invitations is used up.", s.Budget)
	}
	return Decision{}
}

func percent(share float64) string {
	return fmt.Sprintf("%g", math.Round(share*1e4)/100)
}

// chance is a number from 0 to 1, 1 excluded, that is the same for the same invitation and seed, and even over all invitations.
func chance(seed uint64, invitation [16]byte) float64 {
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], seed)
	copy(b[8:], invitation[:])
	sum := sha256.Sum256(b[:])
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// medium is the first by which the person can be reached; 0 for none.
func (a *Asking) medium(c *Case) Medium {
	for _, m := range a.Media {
		if m == Link || slices.Contains(c.Reachable, m) {
			return m
		}
	}
	return 0
}

func listed(all []Medium) string {
	s := ""
	for i, m := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			s += " or "
		default:
			s += ", "
		}
		s += m.String()
	}
	return s
}

// hour returns the first moment from at on that lies in the hours of messages where the person is.
func (r *Rules) hour(at time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = r.Zone
	}
	local := at.In(zone)
	for range 3 { // a clock that is set forward can leave out the hour of one day
		y, m, d := local.Date()
		open, shut := onDay(y, m, d, r.From, zone), onDay(y, m, d, r.To, zone)
		switch {
		case local.Before(open):
			return open
		case local.Before(shut):
			return local
		}
		local = onDay(y, m, d+1, 0, zone)
	}
	return local
}

// onDay returns a time of day on a day, as the clock on the wall shows it.
func onDay(y int, m time.Month, d int, after time.Duration, zone *time.Location) time.Time {
	return time.Date(y, m, d, int(after/time.Hour), int(after/time.Minute)%60, 0, 0, zone)
}

func clock(after time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(after/time.Hour), int(after/time.Minute)%60)
}
