package admit

import (
	"fmt"
	"math/big"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// decimal reads an amount in the metric's unit and returns it in the metric's resolution. It is exact, or rounded as the
// publisher says.
func decimal(field string, text []byte, m *expmap.Metric, rounding factv1.Rounding) (int64, refusal) {
	negative, digits, places, ok := parseDecimal(text)
	if !ok {
		return 0, invalid(field, "It is no decimal number of at most 32 characters.", `Send digits with a point and a sign if need be, such as "12.5" or "-3".`)
	}
	if rounding < 0 || rounding > factv1.Rounding_ROUNDING_CEILING {
		return 0, invalid(field, "There is no such rounding.", "Leave rounding out, or send HALF_EVEN, FLOOR or CEILING.")
	}
	n, rest := new(big.Int), new(big.Int)
	if _, ok := n.SetString(string(digits), 10); !ok {
		return 0, invalid(field, "It is no decimal number.", `Send digits with a point and a sign if need be, such as "12.5" or "-3".`)
	}
	n.Mul(n, big.NewInt(m.Resolution))
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	n.QuoRem(n, ten, rest)
	if rest.Sign() != 0 {
		up := false
		switch rounding {
		case factv1.Rounding_ROUNDING_HALF_EVEN:
			half := rest.Lsh(rest, 1).Cmp(ten)
			up = half > 0 || half == 0 && n.Bit(0) == 1
		case factv1.Rounding_ROUNDING_FLOOR:
			up = negative
		case factv1.Rounding_ROUNDING_CEILING:
			up = !negative
		default:
			return 0, refuse(ingestv1.Reason_REASON_RESOLUTION, field, fmt.Sprintf("It has more digits than 1/%d %s, the resolution of %q.", m.Resolution, m.Proto.GetUnit(), m.ID),
				"Send fewer digits, or name a rounding.")
		}
		if up {
			n.Add(n, big.NewInt(1))
		}
	}
	if !n.IsInt64() || n.Int64() >= maxValue {
		return 0, invalid(field, "In the metric's resolution its magnitude is 2^47 or more.", fmt.Sprintf("Send it in %s.", m.Proto.GetUnit()))
	}
	if negative {
		return -n.Int64(), nil
	}
	return n.Int64(), nil
}

// parseDecimal takes a number apart: its sign, its digits without the point, and how many of them stand behind it.
func parseDecimal(text []byte) (negative bool, digits []byte, places int, ok bool) {
	if len(text) == 0 || len(text) > 32 {
		return false, nil, 0, false
	}
	if text[0] == '-' || text[0] == '+' {
		negative = text[0] == '-'
		text = text[1:]
	}
	digits = make([]byte, 0, len(text))
	point := -1
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
		case c == '.' && point < 0:
			point = i
		default:
			return false, nil, 0, false
		}
	}
	if len(digits) == 0 {
		return false, nil, 0, false
	}
	if point >= 0 {
		places = len(text) - point - 1
	}
	return negative, digits, places, true
}
