package admit

import (
	"bytes"
	"encoding/hex"
	"regexp"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
)

// Fields of RecordedFact that hold a content.
const (
	fieldInteraction = 9
	fieldAnswer      = 10
	fieldObservation = 11
)

// encode writes a checked fact's content and returns the field of RecordedFact it belongs in.
func (a *Admitter) encode(s *scratch) (field int, why refusal) {
	if s.f.Retract {
		return 0, nil
	}
	switch s.f.Kind {
	case factv1.Kind_KIND_INTERACTION:
		field, why = fieldInteraction, a.encodeInteraction(s)
	case factv1.Kind_KIND_ANSWER:
		field, why = fieldAnswer, a.encodeAnswer(s)
	default:
		field = fieldObservation
		s.encodeObservation()
	}
	if why != nil || s.n == 0 {
		return field, why
	}
	// What is stored is content with the sealed texts in place of their stand-ins.
	from := 0
	for _, t := range s.texts[:s.n] {
		s.sealed = append(s.sealed, s.content[from:t.at]...)
		s.sealed = appendBytes(s.sealed, t.field, t.sealed)
		from = t.end
	}
	s.sealed = append(s.sealed, s.content[from:]...)
	return field, nil
}

func (a *Admitter) encodeInteraction(s *scratch) refusal {
	f, b := s.f, s.content
	b = appendSint(b, 1, millis(f.At))
	b = appendBytes(b, 2, f.Touchpoint)
	b = appendBytes(b, 3, f.Channel)
	b = appendBytes(b, 4, f.Team)
	b = appendBytes(b, 5, f.Outcome)
	for i := range s.metrics {
		m := &s.metrics[i]
		n := sizeBytes(1, len(m.id))
		if m.value != 0 {
			n += sizeVarint(2, zigzag(m.value))
		}
		b = appendUvarint(appendTag(b, 6, 2), uint64(n))
		b = appendBytes(b, 1, m.id)
		b = appendSint(b, 2, m.value)
	}
	for i := range f.Attributes {
		x := &f.Attributes[i]
		b = appendUvarint(appendTag(b, 7, 2), uint64(sizeBytes(1, len(x.Key))+sizeBytes(2, len(x.Value))))
		b = appendBytes(b, 1, x.Key)
		b = appendBytes(b, 2, x.Value)
	}
	b, _ = a.person(s, b, 8, seal.Contact, f.ContactID)
	b, customer := a.person(s, b, 9, seal.Customer, f.CustomerID)
	if len(f.ContactID)+len(f.CustomerID) > 0 {
		b = appendVarint(b, 10, uint64(a.hasher.KeyVersion()))
	}
	var why refusal
	if f.Contact != nil {
		if b, why = a.contact(s, b); why != nil {
			return why
		}
	}
	if len(f.Note) > 0 {
		if b, why = a.text(s, b, 12, customer, f.Note); why != nil {
			return why
		}
	}
	// Where the map keeps no scores of agents, who handled it ends here: neither bytes nor digest know of it.
	if len(f.Agent) > 0 && s.m.KeepsAgents() {
		b = a.agent(s, b, f.Agent)
	}
	s.content = b
	return nil
}

func (a *Admitter) encodeAnswer(s *scratch) (why refusal) {
	f, b := s.f, s.content
	b = appendBytes(b, 1, f.Question)
	b = appendSint(b, 2, f.Value)
	if f.At.Set {
		b = appendSint(b, 3, millis(f.At))
	}
	b = appendBytes(b, 4, f.Touchpoint)
	b = appendBytes(b, 5, f.Channel)
	b = appendBytes(b, 6, f.Team)
	b, customer := a.person(s, b, 7, seal.Customer, f.CustomerID)
	b, _ = a.person(s, b, 8, seal.Response, f.ResponseID)
	if len(f.CustomerID)+len(f.ResponseID) > 0 {
		b = appendVarint(b, 9, uint64(a.hasher.KeyVersion()))
	}
	if len(f.Note) > 0 {
		b, why = a.text(s, b, 10, customer, f.Note)
	}
	s.content = b
	return why
}

func (s *scratch) encodeObservation() {
	f, b := s.f, s.content
	b = appendBytes(b, 1, f.Metric)
	b = appendSint(b, 2, millis(f.At))
	b = appendSint(b, 3, millis(f.End))
	b = appendSint(b, 4, f.Sum)
	b = appendVarint(b, 5, f.N)
	b = appendBytes(b, 6, f.Touchpoint)
	b = appendBytes(b, 7, f.Channel)
	s.content = appendBytes(b, 8, f.Team)
}

// person appends the keyed hash of an identifier; nothing for none.
func (a *Admitter) person(s *scratch, b []byte, field int, kind byte, id []byte) ([]byte, [seal.Size]byte) {
	var h [seal.Size]byte
	if len(id) == 0 {
		return b, h
	}
	if s.hashed && kind == seal.Customer && len(id) == hex.EncodedLen(seal.Size) {
		if _, err := hex.Decode(h[:], id); err == nil {
			return appendBytes(b, field, h[:]), h
		}
	}
	a.hasher.Hash(&h, s.m.Organisation, kind, id)
	return appendBytes(b, field, h[:]), h
}

// agent appends the keyed hash of an agent's name, or the one that a native record was stored with.
func (a *Admitter) agent(s *scratch, b, name []byte) []byte {
	if digits, ok := bytes.CutPrefix(name, []byte(seal.AgentHashed)); ok && s.hashed && len(digits) == hex.EncodedLen(seal.Size) {
		var h [seal.Size]byte
		if _, err := hex.Decode(h[:], digits); err == nil {
			return appendBytes(b, 13, h[:])
		}
	}
	b, _ = a.person(s, b, 13, seal.Agent, name)
	return b
}

// text appends the stand-in of a text that is sealed by its customer's key: the text's keyed hash, so that the content's
// digest tells texts apart without telling what they say.
func (a *Admitter) text(s *scratch, b []byte, field int, customer [seal.Size]byte, plain []byte) ([]byte, refusal) {
	sealed, err := a.sealer.Text(s.m.Organisation, customer, plain)
	if err != nil {
		return b, cannotSeal()
	}
	return a.standIn(s, b, field, plain, sealed), nil
}

var (
	phoneRule    = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	emailRule    = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	languageRule = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
)

func (a *Admitter) contact(s *scratch, b []byte) ([]byte, refusal) {
	c := new(factv1.Contact)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(s.f.Contact, c); err != nil {
		return b, refuse(ingestv1.Reason_REASON_MALFORMED, "interaction.contact", "The bytes are no Contact.", "Send name, email, phone and language as touchstone/fact/v1/fact.proto describes them.")
	}
	for _, x := range []struct {
		field, value string
		most         int
		rule         *regexp.Regexp
		remedy       string
	}{
		{"name", c.GetName(), maxPersonal, nil, ""},
		{"email", c.GetEmail(), maxPersonal, emailRule, "Send one address with an @, without a name."},
		{"phone", c.GetPhone(), 32, phoneRule, "Send it as E.164: + and 7 to 15 digits."},
		{"language", c.GetLanguage(), 35, languageRule, `Send a language tag (BCP 47) such as "en" or "pt-BR".`},
	} {
		if len(x.value) > x.most {
			return b, tooLarge("interaction.contact."+x.field, x.most)
		}
		if x.rule != nil && x.value != "" && !x.rule.MatchString(x.value) {
			return b, invalid("interaction.contact."+x.field, "It is malformed.", x.remedy)
		}
	}
	plain, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil {
		return b, cannotSeal()
	}
	if len(plain) == 0 {
		return b, nil
	}
	sealed, err := a.sealer.Contact(plain)
	if err != nil {
		return b, cannotSeal()
	}
	return a.standIn(s, b, 11, plain, sealed), nil
}

func (a *Admitter) standIn(s *scratch, b []byte, field int, plain, sealed []byte) []byte {
	var h [seal.Size]byte
	a.hasher.Hash(&h, s.m.Organisation, seal.Text, plain)
	at := len(b)
	b = appendBytes(b, field, h[:])
	s.texts[s.n] = text{at, len(b), field, sealed}
	s.n++
	return b
}

func cannotSeal() refusal {
	return refuse(ingestv1.Reason_REASON_UNAVAILABLE, "", "Personal text cannot be sealed now, so the fact is not recorded.", "Send it again later; the service's log says more.")
}
