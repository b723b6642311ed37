package survey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"

	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// keys derive what is secret from one key, so that no link has to be stored: a token is a function of the key and its invitation,
// and the log holds its keyed hash alone.
type keys struct{ secret []byte }

func (k keys) mac(what string, of []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte(what))
	h.Write([]byte{0})
	h.Write(of)
	return h.Sum(nil)
}

// token is the 128 bits of an invitation's link, as 26 of a-z and 2-7.
func (k keys) token(invitation state.ID) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(k.mac("token", invitation[:])[:16]))
}

// hash is the keyed hash of a token, by which its invitation is found.
func (k keys) hash(token string) state.ID { return state.ID(k.mac("hash", []byte(token))[:16]) }

// person is who has an address and no customer id.
func (k keys) person(org, address string) state.ID {
	return state.ID(k.mac("person", []byte(org+"\x00"+strings.ToLower(address)))[:16])
}

// phone is the keyed hash of a telephone number, by which a reply finds whom it is from.
func (k keys) phone(number string) state.ID { return state.ID(k.mac("phone", []byte(number))[:16]) }

// page is the key of the pages' receipts.
func (k keys) page() []byte { return k.mac("page", nil) }

// invitation is the id that an invitation has for ever: one of a survey and the identity of what it is about.
func invitation(org, survey string, about ...string) state.ID {
	h := sha256.New()
	for _, part := range append([]string{org, survey}, about...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return state.ID(h.Sum(nil)[:16])
}

// ofInteraction is the invitation of an interaction's identity.
func ofInteraction(org, survey, source, id string) state.ID {
	return invitation(org, survey, "interaction", source, id)
}
