package state

import (
	"encoding/binary"
	"strconv"
	"time"

	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

// Counts are kept by the day (UTC) on which it was decided to ask, so that rates are of one cohort: who answered is counted where
// they were invited. Their names are paths: day, survey, what, and for some a group.

// tally adds to a number.
func (s *State) tally(k []byte, n int64) error {
	b, err := s.get(k)
	if err != nil {
		return err
	}
	x, _ := binary.Varint(b)
	s.set(k, binary.AppendVarint(nil, x+n))
	return nil
}

func cohort(at int64, survey string) string {
	return "cohort/" + time.UnixMilli(at).UTC().Format("2006-01-02") + "/" + survey + "/"
}

func (s *State) countGate(org string, at int64, survey string, g surveyv1.Gate) error {
	return s.tally(key(keyCount, org, cohort(at, survey)+"gate/"+strconv.Itoa(int(g))), 1)
}

// count adds what became of an invitation to its cohort, and to the cohort's parts by language and by earlier invitations.
func (s *State) count(i *Invitation, what string) error {
	at := cohort(i.Decided, i.Survey) + what
	earlier := strconv.Itoa(int(min(i.Earlier, 3)))
	for _, name := range [...]string{at, at + "/language/" + i.Language, at + "/earlier/" + earlier} {
		if err := s.tally(key(keyCount, i.Organisation, name), 1); err != nil {
			return err
		}
	}
	return nil
}

// countPlace moves a response to where it stands: the question last seen while it is not complete, and the kind of device.
func (s *State) countPlace(before, after *Invitation) error {
	move := func(i *Invitation, n int64) error {
		if i.Started == 0 {
			return nil
		}
		at, device := cohort(i.Decided, i.Survey), i.Device
		if device == "" {
			device = "other"
		}
		if err := s.tally(key(keyCount, i.Organisation, at+"started/device/"+device), n); err != nil {
			return err
		}
		if i.Completed > 0 {
			return s.tally(key(keyCount, i.Organisation, at+"completed/device/"+device), n)
		}
		return s.tally(key(keyCount, i.Organisation, at+"last/"+i.LastSeen), n)
	}
	if err := move(before, -1); err != nil {
		return err
	}
	return move(after, 1)
}
