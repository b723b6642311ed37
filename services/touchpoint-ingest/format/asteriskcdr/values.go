package asteriskcdr

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// head reads a line that names columns.
func head(line string) ([]string, rune, bool) {
	lower := strings.ToLower(line)
	if !strings.Contains(lower, "disposition") || !strings.Contains(lower, "duration") {
		return nil, 0, false
	}
	for _, comma := range ",;\t" {
		f := split(lower, comma, 2)
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		if slices.Contains(f, "disposition") && slices.Contains(f, "duration") {
			return f, comma, true
		}
	}
	return nil, 0, false
}

// split parts a line into at least so many fields. Where a quote that stands for itself has swallowed some of them, commas
// alone part it.
func split(line string, comma rune, least int) []string {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
	f, err := r.Read()
	if err == nil && len(f) >= least {
		return f
	}
	f = strings.Split(line, string(comma))
	for i := range f {
		f[i] = strings.Trim(f[i], `"`)
	}
	return f
}

// device parts a channel ("PJSIP/2001-0000000a") into its device and what tells calls apart.
func device(channel string) (name, call string) {
	i := strings.LastIndex(channel, "-")
	if i < 0 {
		return channel, ""
	}
	tech, _, _ := strings.Cut(channel, "/")
	return channel[:i], tech + channel[i:]
}

// when reads a time as Asterisk or a database writes it, or seconds since 1970.
func when(text string, zone *time.Location) (time.Time, bool) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if !(f >= 5e8 && f < 5e9) {
			return time.Time{}, false
		}
		return time.UnixMicro(int64(math.Round(f * 1e6))).UTC(), true
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05-07"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil && t.Unix() >= 5e8 && t.Unix() < 5e9 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// seconds reads a duration; one that no clock measured stays too long to be plausible.
func seconds(text string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	return time.Duration(max(-1e15, min(1e15, f*1e9))), true
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}
