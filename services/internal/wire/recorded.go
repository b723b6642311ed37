// Package wire reads and writes facts in protobuf's wire format without allocating: the hot path of ingest and correlation.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// Recorded is one RecordedFact as scanned. Its slices point into the scanned bytes.
type Recorded struct {
	Source, ID           []byte
	Version              uint64
	Kind                 factv1.Kind
	Digest               [16]byte
	RecordedAt           int64 // ms since 1970 UTC
	History              bool
	ImportID             []byte
	AboutSource, AboutID []byte

	Content    bool  // false for a retraction
	OccurredAt int64 // ms: occurred_at, about_time (0 = none) or period_start
	Touchpoint []byte
	Channel    []byte
	Team       []byte
	Outcome    []byte
	Metrics    []RecordedMetric
	Attributes []RecordedAttribute
	Question   []byte
	Value      int64 // of an answer
	Metric     []byte
	Sum        int64 // of an observation
	N          uint64
	Customer   []byte
	Contact    []byte
	Agent      []byte           // keyed hash; empty where unknown or not kept
	Response   []byte           // of an answer
	Dispute    *RecordedDispute // nil but for the content of a dispute
	Raw        []byte           // the RecordedFact's bytes
}

// RecordedMetric is one metric value in its resolution.
type RecordedMetric struct {
	Metric []byte
	Value  int64
}

// RecordedAttribute is one segment attribute.
type RecordedAttribute struct{ Key, Value []byte }

// ErrMalformed says that bytes are not a valid message.
var ErrMalformed = errors.New("malformed protobuf")

// ScanBatch calls each for every fact of a RecordedBatch, in order. r is reused between calls. Unknown fields are passed
// over. An error of each ends the scan and is returned; malformed bytes, among them strings that are no UTF-8, give
// ErrMalformed.
func ScanBatch(data []byte, each func(i int, r *Recorded) error) error {
	var r Recorded
	i := 0
	for len(data) > 0 {
		num, typ, v, _, rest, err := field(data)
		if err != nil {
			return err
		}
		data = rest
		if num != 1 || typ != 2 {
			continue
		}
		if err := r.scan(v); err != nil {
			return fmt.Errorf("fact %d: %w", i, err)
		}
		if err := each(i, &r); err != nil {
			return err
		}
		i++
	}
	return nil
}

// field reads one field: its number and type, its bytes (length-delimited) or number (varint, fixed), and the rest.
func field(b []byte) (num int, typ int, v []byte, n uint64, rest []byte, err error) {
	tag, k := uvarint(b)
	if k <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return 0, 0, nil, 0, nil, ErrMalformed
	}
	b = b[k:]
	num, typ = int(tag>>3), int(tag&7)
	switch typ {
	case 0:
		n, k = uvarint(b)
		if k <= 0 {
			return 0, 0, nil, 0, nil, ErrMalformed
		}
		return num, typ, nil, n, b[k:], nil
	case 1:
		if len(b) < 8 {
			return 0, 0, nil, 0, nil, ErrMalformed
		}
		return num, typ, nil, binary.LittleEndian.Uint64(b), b[8:], nil
	case 2:
		n, k = uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return 0, 0, nil, 0, nil, ErrMalformed
		}
		return num, typ, b[k : k+int(n) : k+int(n)], 0, b[k+int(n):], nil
	case 5:
		if len(b) < 4 {
			return 0, 0, nil, 0, nil, ErrMalformed
		}
		return num, typ, nil, uint64(binary.LittleEndian.Uint32(b)), b[4:], nil
	}
	return 0, 0, nil, 0, nil, ErrMalformed
}

func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}

func zigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

func (r *Recorded) scan(b []byte) error {
	*r = Recorded{Metrics: r.Metrics[:0], Attributes: r.Attributes[:0], Raw: b}
	for len(b) > 0 {
		num, typ, v, n, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		switch num<<3 | typ {
		case 1<<3 | 2:
			err = text(&r.Source, v, "source")
		case 2<<3 | 2:
			err = text(&r.ID, v, "id")
		case 3<<3 | 0:
			r.Version = n
		case 4<<3 | 0:
			r.Kind = factv1.Kind(n)
		case 5<<3 | 2:
			if len(v) != 0 && len(v) != len(r.Digest) {
				return fmt.Errorf("digest of %d bytes: %w", len(v), ErrMalformed)
			}
			r.Digest = [16]byte{}
			copy(r.Digest[:], v)
		case 6<<3 | 0:
			r.RecordedAt = zigzag(n)
		case 7<<3 | 0:
			r.History = n != 0
		case 8<<3 | 2:
			err = text(&r.ImportID, v, "import_id")
		case 9<<3 | 2, 10<<3 | 2, 11<<3 | 2, 14<<3 | 2:
			if r.Content {
				return fmt.Errorf("two contents: %w", ErrMalformed)
			}
			r.Content = true
			err = r.content(num, v)
		case 12<<3 | 2:
			err = text(&r.AboutSource, v, "about_source")
		case 13<<3 | 2:
			err = text(&r.AboutID, v, "about_id")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorded) content(kind int, b []byte) error {
	if kind == 14 {
		r.Dispute = new(RecordedDispute) // disputes are few
	}
	for len(b) > 0 {
		num, typ, v, n, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		key := num<<3 | typ
		switch kind {
		case 9:
			err = r.interaction(key, v, n)
		case 10:
			err = r.answer(key, v, n)
		case 11:
			err = r.observation(key, v, n)
		case 14:
			err = r.Dispute.field(key, v, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorded) interaction(key int, v []byte, n uint64) error {
	switch key {
	case 1<<3 | 0:
		r.OccurredAt = zigzag(n)
	case 2<<3 | 2:
		return text(&r.Touchpoint, v, "touchpoint")
	case 3<<3 | 2:
		return text(&r.Channel, v, "channel")
	case 4<<3 | 2:
		return text(&r.Team, v, "team")
	case 5<<3 | 2:
		return text(&r.Outcome, v, "outcome")
	case 6<<3 | 2:
		var m RecordedMetric
		for len(v) > 0 {
			num, typ, x, n, rest, err := field(v)
			if err != nil {
				return err
			}
			v = rest
			switch num<<3 | typ {
			case 1<<3 | 2:
				err = text(&m.Metric, x, "metric")
			case 2<<3 | 0:
				m.Value = zigzag(n)
			}
			if err != nil {
				return err
			}
		}
		r.Metrics = append(r.Metrics, m)
	case 7<<3 | 2:
		var a RecordedAttribute
		for len(v) > 0 {
			num, typ, x, _, rest, err := field(v)
			if err != nil {
				return err
			}
			v = rest
			switch num<<3 | typ {
			case 1<<3 | 2:
				err = text(&a.Key, x, "attributes")
			case 2<<3 | 2:
				err = text(&a.Value, x, "attributes")
			}
			if err != nil {
				return err
			}
		}
		r.Attributes = append(r.Attributes, a)
	case 8<<3 | 2:
		r.Contact = v
	case 9<<3 | 2:
		r.Customer = v
	case 13<<3 | 2:
		r.Agent = v
	}
	return nil
}

func (r *Recorded) answer(key int, v []byte, n uint64) error {
	switch key {
	case 1<<3 | 2:
		return text(&r.Question, v, "question")
	case 2<<3 | 0:
		r.Value = zigzag(n)
	case 3<<3 | 0:
		r.OccurredAt = zigzag(n)
	case 4<<3 | 2:
		return text(&r.Touchpoint, v, "touchpoint")
	case 5<<3 | 2:
		return text(&r.Channel, v, "channel")
	case 6<<3 | 2:
		return text(&r.Team, v, "team")
	case 7<<3 | 2:
		r.Customer = v
	case 8<<3 | 2:
		r.Response = v
	}
	return nil
}

func (r *Recorded) observation(key int, v []byte, n uint64) error {
	switch key {
	case 1<<3 | 2:
		return text(&r.Metric, v, "metric")
	case 2<<3 | 0:
		r.OccurredAt = zigzag(n)
	case 4<<3 | 0:
		r.Sum = zigzag(n)
	case 5<<3 | 0:
		r.N = n
	case 6<<3 | 2:
		return text(&r.Touchpoint, v, "touchpoint")
	case 7<<3 | 2:
		return text(&r.Channel, v, "channel")
	case 8<<3 | 2:
		return text(&r.Team, v, "team")
	}
	return nil
}

// Identity returns the 128-bit identity of a fact: xxh3 over organisation, kind, source, id and, for an answer about an
// interaction, that interaction's source and id, each behind its length.
func Identity(org string, kind factv1.Kind, source, id, aboutSource, aboutID []byte) (hi, lo uint64) {
	var buf [512]byte
	h := xxh3.Hash128(appendIdentity(buf[:0], org, kind, source, id, aboutSource, aboutID))
	return h.Hi, h.Lo
}

// appendIdentity appends what is hashed: no two identities give the same bytes.
func appendIdentity(b []byte, org string, kind factv1.Kind, source, id, aboutSource, aboutID []byte) []byte {
	b = binary.AppendUvarint(append(b, byte(kind)), uint64(len(org)))
	b = append(b, org...)
	for _, part := range [...][]byte{source, id, aboutSource, aboutID} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}
