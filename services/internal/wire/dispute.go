package wire

import (
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// RecordedDispute is what an owner contests, as scanned. Its slices point into the scanned bytes.
type RecordedDispute struct {
	Kind                 factv1.Kind // of the contested fact, as the next four
	Source, ID           []byte
	AboutSource, AboutID []byte
	Reason, Owner        []byte
	RaisedBy             []byte
	RaisedAt             int64 // ms since 1970 UTC
	Ruling               factv1.Ruling
	RulingReason         []byte
	RuledBy              []byte
	RuledAt              int64 // ms since 1970 UTC; 0 while there is no ruling
}

func (d *RecordedDispute) field(key int, v []byte, n uint64) error {
	switch key {
	case 1<<3 | 0:
		d.Kind = factv1.Kind(n)
	case 2<<3 | 2:
		return text(&d.Source, v, "source")
	case 3<<3 | 2:
		return text(&d.ID, v, "id")
	case 4<<3 | 2:
		return text(&d.AboutSource, v, "about_source")
	case 5<<3 | 2:
		return text(&d.AboutID, v, "about_id")
	case 6<<3 | 2:
		return text(&d.Reason, v, "reason")
	case 7<<3 | 2:
		return text(&d.Owner, v, "owner")
	case 8<<3 | 2:
		return text(&d.RaisedBy, v, "raised_by")
	case 9<<3 | 0:
		d.RaisedAt = zigzag(n)
	case 10<<3 | 0:
		d.Ruling = factv1.Ruling(n)
	case 11<<3 | 2:
		return text(&d.RulingReason, v, "ruling_reason")
	case 12<<3 | 2:
		return text(&d.RuledBy, v, "ruled_by")
	case 13<<3 | 0:
		d.RuledAt = zigzag(n)
	}
	return nil
}

// Identity returns the identity of the contested fact.
func (d *RecordedDispute) Identity(org string) (hi, lo uint64) {
	return Identity(org, d.Kind, d.Source, d.ID, d.AboutSource, d.AboutID)
}

// InForce is the ruling that holds: none where whoever raised the dispute ruled on it, or where it is none that is known.
func (d *RecordedDispute) InForce() factv1.Ruling {
	switch {
	case string(d.RuledBy) == string(d.RaisedBy):
	case d.Ruling == factv1.Ruling_RULING_COUNTED, d.Ruling == factv1.Ruling_RULING_EXCLUDED:
		return d.Ruling
	}
	return factv1.Ruling_RULING_UNSPECIFIED
}
