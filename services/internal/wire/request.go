package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// Limits of one PublishRequest, checked before anything is decoded: a small message of protobuf can ask for a hundred times
// its size in objects.
const (
	MaxRequest    = 256 << 10
	MaxFacts      = 1000
	MaxMetrics    = 64
	MaxAttributes = 16
)

// LimitError says which limit a request passes.
type LimitError struct {
	What string
	Max  int
}

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d %s", e.Max, e.What) }

// Request is the head of a PublishRequest. Its slices point into the scanned bytes.
type Request struct {
	Organisation, Source, ImportID []byte
	Facts                          int
}

// ScanRequest reads a request's head and counts its facts, without looking into them.
func ScanRequest(b []byte) (Request, error) {
	var r Request
	if len(b) > MaxRequest {
		return r, &LimitError{"bytes", MaxRequest}
	}
	for len(b) > 0 {
		num, typ, v, _, rest, err := field(b)
		if err != nil {
			return r, err
		}
		b = rest
		switch num<<3 | typ {
		case 1<<3 | 2:
			err = text(&r.Organisation, v, "organisation")
		case 2<<3 | 2:
			err = text(&r.Source, v, "source")
		case 3<<3 | 2:
			err = text(&r.ImportID, v, "import_id")
		case 4<<3 | 2:
			if r.Facts++; r.Facts > MaxFacts {
				err = &LimitError{"facts", MaxFacts}
			}
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// Fact is one published Fact as scanned. Its slices point into the scanned bytes and are UTF-8 where protobuf says string.
type Fact struct {
	ID      []byte
	Version uint64
	Kind    factv1.Kind // of a retraction: the kind taken back; KIND_UNSPECIFIED when there is no content
	Retract bool

	At                                 Time // occurred_at, about_time or period_start
	End                                Time // period_end
	Touchpoint, Channel, Team, Outcome []byte
	ContactID, CustomerID, ResponseID  []byte
	Metrics                            []FactMetric
	Attributes                         []RecordedAttribute
	Contact                            []byte // the Contact message's bytes
	Note                               []byte // note of an interaction, text of an answer
	Agent                              []byte // who handled an interaction
	Question                           []byte
	Value                              int64
	About                              bool // refers to an interaction
	AboutSource, AboutID               []byte
	Metric                             []byte
	Sum                                int64
	N                                  uint64
}

// Time is a timestamp as published; Set is false when it is missing.
type Time struct {
	Set     bool
	Seconds int64
	Nanos   int32
}

// FactMetric is one metric value as published: Value in the metric's resolution, or Decimal in its unit.
type FactMetric struct {
	Metric   []byte
	Set      bool
	Value    int64
	Decimal  []byte // nil when Value was given
	Rounding factv1.Rounding
}

// EachFact calls each for every fact of a request, in order. f is reused between calls. A fact whose own bytes are damaged
// is told by err and passed over; an error of each ends the scan.
func EachFact(b []byte, each func(i int, f *Fact, err error) error) error {
	var f Fact
	i := 0
	for len(b) > 0 {
		num, typ, v, _, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		if num != 4 || typ != 2 {
			continue
		}
		err = f.scan(v)
		if err := each(i, &f, err); err != nil {
			return err
		}
		i++
	}
	return nil
}

func (f *Fact) scan(b []byte) error {
	*f = Fact{Metrics: f.Metrics[:0], Attributes: f.Attributes[:0]}
	contents := 0
	for len(b) > 0 {
		num, typ, v, n, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		switch num<<3 | typ {
		case 1<<3 | 2:
			err = text(&f.ID, v, "id")
		case 2<<3 | 0:
			f.Version = n
		case 3<<3 | 2, 4<<3 | 2, 5<<3 | 2, 6<<3 | 2:
			// The last of several would win and merge by the rules of protobuf; no client sends two.
			if contents++; contents > 1 {
				return fmt.Errorf("more than one content: %w", ErrMalformed)
			}
			err = f.content(num, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Fact) content(kind int, b []byte) error {
	switch kind {
	case 3:
		f.Kind = factv1.Kind_KIND_INTERACTION
	case 4:
		f.Kind = factv1.Kind_KIND_ANSWER
	case 5:
		f.Kind = factv1.Kind_KIND_OBSERVATION
	case 6:
		f.Retract = true
	}
	for len(b) > 0 {
		num, typ, v, n, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		key := num<<3 | typ
		switch kind {
		case 3:
			err = f.interaction(key, v)
		case 4:
			err = f.answer(key, v, n)
		case 5:
			err = f.observation(key, v, n)
		case 6:
			err = f.retraction(key, v, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// text assigns a string field.
func text(into *[]byte, v []byte, name string) error {
	if !ascii(v) && !utf8.Valid(v) {
		return notUTF8(name)
	}
	*into = v
	return nil
}

func notUTF8(name string) error { return fmt.Errorf("%s: invalid UTF-8: %w", name, ErrMalformed) }

// ascii reports whether all of b is ASCII, as nearly every string of a fact is: eight bytes at a time, the last eight
// over again where they overlap.
func ascii(b []byte) bool {
	const high = 0x8080808080808080
	if n := len(b); n >= 8 {
		var bits uint64
		for i := 0; i < n-8; i += 8 {
			bits |= binary.LittleEndian.Uint64(b[i:])
		}
		return (bits|binary.LittleEndian.Uint64(b[n-8:]))&high == 0
	}
	var bits byte
	for _, c := range b {
		bits |= c
	}
	return bits < 0x80
}

func (f *Fact) interaction(key int, v []byte) error {
	switch key {
	case 1<<3 | 2:
		return f.At.scan(v)
	case 2<<3 | 2:
		return text(&f.Touchpoint, v, "touchpoint")
	case 3<<3 | 2:
		return text(&f.Channel, v, "channel")
	case 4<<3 | 2:
		return text(&f.Team, v, "team")
	case 5<<3 | 2:
		return text(&f.Outcome, v, "outcome")
	case 6<<3 | 2:
		return text(&f.ContactID, v, "contact_id")
	case 7<<3 | 2:
		return text(&f.CustomerID, v, "customer_id")
	case 8<<3 | 2:
		if len(f.Metrics) == MaxMetrics {
			return &LimitError{"metrics", MaxMetrics}
		}
		f.Metrics = append(f.Metrics, FactMetric{})
		return f.Metrics[len(f.Metrics)-1].scan(v)
	case 9<<3 | 2:
		if len(f.Attributes) == MaxAttributes {
			return &LimitError{"attributes", MaxAttributes}
		}
		return f.attribute(v)
	case 10<<3 | 2:
		if f.Contact != nil {
			return fmt.Errorf("contact occurs twice: %w", ErrMalformed)
		}
		f.Contact = v
	case 11<<3 | 2:
		return text(&f.Note, v, "note")
	case 12<<3 | 2:
		return text(&f.Agent, v, "agent")
	}
	return nil
}

func (f *Fact) attribute(b []byte) error {
	var a RecordedAttribute
	for len(b) > 0 {
		num, typ, v, _, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		switch num<<3 | typ {
		case 1<<3 | 2:
			err = text(&a.Key, v, "attributes")
		case 2<<3 | 2:
			err = text(&a.Value, v, "attributes")
		}
		if err != nil {
			return err
		}
	}
	for i := range f.Attributes {
		if string(f.Attributes[i].Key) == string(a.Key) { // a map: the last wins
			f.Attributes[i] = a
			return nil
		}
	}
	f.Attributes = append(f.Attributes, a)
	return nil
}

func (m *FactMetric) scan(b []byte) error {
	for len(b) > 0 {
		num, typ, v, n, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		switch num<<3 | typ {
		case 1<<3 | 2:
			err = text(&m.Metric, v, "metric")
		case 2<<3 | 0:
			m.Set, m.Value, m.Decimal = true, zigzag(n), nil
		case 3<<3 | 2:
			m.Set, m.Value = true, 0
			if err = text(&m.Decimal, v, "decimal"); m.Decimal == nil {
				m.Decimal = []byte{}
			}
		case 4<<3 | 0:
			m.Rounding = factv1.Rounding(int32(n))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Fact) answer(key int, v []byte, n uint64) error {
	switch key {
	case 1<<3 | 2:
		return text(&f.Question, v, "question")
	case 2<<3 | 0:
		f.Value = zigzag(n)
	case 3<<3 | 2:
		return f.about(v)
	case 4<<3 | 2:
		return f.At.scan(v)
	case 5<<3 | 2:
		return text(&f.Touchpoint, v, "touchpoint")
	case 6<<3 | 2:
		return text(&f.Channel, v, "channel")
	case 7<<3 | 2:
		return text(&f.Team, v, "team")
	case 8<<3 | 2:
		return text(&f.CustomerID, v, "customer_id")
	case 9<<3 | 2:
		return text(&f.ResponseID, v, "response_id")
	case 10<<3 | 2:
		return text(&f.Note, v, "text")
	}
	return nil
}

func (f *Fact) about(b []byte) error {
	f.About = true
	for len(b) > 0 {
		num, typ, v, _, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		switch num<<3 | typ {
		case 1<<3 | 2:
			err = text(&f.AboutSource, v, "interaction.source")
		case 2<<3 | 2:
			err = text(&f.AboutID, v, "interaction.id")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Fact) observation(key int, v []byte, n uint64) error {
	switch key {
	case 1<<3 | 2:
		return text(&f.Metric, v, "metric")
	case 2<<3 | 2:
		return f.At.scan(v)
	case 3<<3 | 2:
		return f.End.scan(v)
	case 4<<3 | 0:
		f.Sum = zigzag(n)
	case 5<<3 | 0:
		f.N = n
	case 6<<3 | 2:
		return text(&f.Touchpoint, v, "touchpoint")
	case 7<<3 | 2:
		return text(&f.Channel, v, "channel")
	case 8<<3 | 2:
		return text(&f.Team, v, "team")
	}
	return nil
}

func (f *Fact) retraction(key int, v []byte, n uint64) error {
	switch key {
	case 1<<3 | 0:
		f.Kind = factv1.Kind(int32(n))
	case 2<<3 | 2:
		return f.about(v)
	}
	return nil
}

// scan reads a Timestamp; several occurrences merge, as protobuf has it.
func (t *Time) scan(b []byte) error {
	t.Set = true
	for len(b) > 0 {
		num, typ, _, n, rest, err := field(b)
		if err != nil {
			return err
		}
		b = rest
		switch num<<3 | typ {
		case 1<<3 | 0:
			t.Seconds = int64(n)
		case 2<<3 | 0:
			t.Nanos = int32(n)
		}
	}
	return nil
}
