package admit

import (
	"fmt"
	"time"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

type refusal = *ingestv1.Refusal

func refuse(reason ingestv1.Reason, field, message, remedy string) refusal {
	return &ingestv1.Refusal{Reason: reason, Field: field, Message: message, Remedy: remedy}
}

func missing(field, remedy string) refusal {
	return refuse(ingestv1.Reason_REASON_MISSING, field, "It is missing.", remedy)
}

func invalid(field, message, remedy string) refusal {
	return refuse(ingestv1.Reason_REASON_INVALID, field, message, remedy)
}

func tooLarge(field string, most int) refusal {
	return refuse(ingestv1.Reason_REASON_TOO_LARGE, field, fmt.Sprintf("It has more than %d bytes.", most), fmt.Sprintf("Send at most %d bytes.", most))
}

// sealed says that something happened before the day up to which history is sealed.
func sealed(field string, before time.Time) refusal {
	day := before.Format("2006-01-02 15:04 MST")
	if before.Hour() == 0 && before.Minute() == 0 {
		day = before.Format(time.DateOnly)
	}
	return refuse(ingestv1.Reason_REASON_SEALED, field, fmt.Sprintf("What happened before %s is sealed: its scores stay as they are.", day),
		"Correct the time if it is wrong; else leave the fact out, and send history before it is sealed.")
}

// notInMap says that an id is not declared, and names the declared one it most likely meant.
func notInMap[V any](field, noun string, id []byte, declared map[string]V) refusal {
	shown := id
	if len(shown) > 64 {
		shown = shown[:64]
	}
	return refuse(ingestv1.Reason_REASON_NOT_IN_MAP, field, fmt.Sprintf("The %s %q is not in the map.%s", noun, shown, expmap.DidYouMean(string(shown), declared)),
		fmt.Sprintf("Correct the id, or declare the %s in the map.", noun))
}

// ValidID reports whether b may be the id of a fact: 1 to 128 of A-Z a-z 0-9 . _ : - / + =.
func ValidID(b []byte) bool {
	if len(b) == 0 || len(b) > 128 {
		return false
	}
	for _, c := range b {
		if !idByte[c] {
			return false
		}
	}
	return true
}

var idByte = func() (t [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-/+=" {
		t[c] = true
	}
	return t
}()

const idRemedy = "Use 1 to 128 of A-Z a-z 0-9 . _ : - / + =, and never a customer's name, number or address."
