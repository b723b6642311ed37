package scoreservice

import (
	"encoding/base64"
	"encoding/binary"

	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Tokens are opaque to callers: URL-safe base64 of a version, a digest of the question asked, and a place. They carry
// nothing that a caller may not see, so they are not signed.
const (
	resumeVersion = 2
	pageVersion   = 3
)

// digest tells one question from another, so that a token is not used with the wrong one.
func digest(m *scorev1.Filter) uint64 {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return 0 // only for invalid UTF-8, which no decoded request holds
	}
	return xxh3.Hash(b)
}

// page is the place after which the next page of a list begins.
type page struct {
	filter uint64
	begun  bool
	scope  scope
	order  string
}

// after reports whether a score comes after the place.
func (p page) after(sc scope, d *score.Definition) bool {
	if !p.begun {
		return true
	}
	c := compareScopes(sc, p.scope)
	return c > 0 || c == 0 && d.Order > p.order
}

func (p page) encode() string {
	b := append(binary.BigEndian.AppendUint64([]byte{pageVersion}, p.filter), byte(p.scope.level))
	for _, s := range []string{p.scope.id, p.scope.breakdown, p.scope.value, p.order} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodePage(token string, filter uint64) (page, error) {
	p := page{filter: filter}
	if token == "" {
		return p, nil
	}
	wrong := fault.Field("page_token", "This token does not belong to a list with this filter.", "Ask for the first page, without a token.")
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 10 || b[0] != pageVersion || binary.BigEndian.Uint64(b[1:]) != filter || b[9] >= byte(levels) {
		return page{}, wrong
	}
	p.scope.level, b = level(b[9]), b[10:]
	for _, s := range []*string{&p.scope.id, &p.scope.breakdown, &p.scope.value, &p.order} {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return page{}, wrong
		}
		*s, b = string(b[k:k+int(n)]), b[k+int(n):]
	}
	if len(b) > 0 {
		return page{}, wrong
	}
	p.begun = true
	return p, nil
}

// resume is how far a watcher was told, by one instance of the service.
type resume struct {
	question, instance, seq uint64
}

func (r resume) encode() string {
	b := []byte{resumeVersion}
	for _, v := range []uint64{r.question, r.instance, r.seq} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeResume reads a token. One that cannot be read is one of another version of the service: it is expired, not wrong.
func decodeResume(token string) (r resume, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 25 || b[0] != resumeVersion {
		return resume{}, false
	}
	return resume{binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint64(b[17:])}, true
}
