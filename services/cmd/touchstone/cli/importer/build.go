package importer

import (
	"math/big"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// rowReader reads values of one row and collects what is wrong with them. After any problem failed is set: the fact in
// hand must not be used.
type rowReader struct {
	row    *Row
	result Result
	failed bool
}

func (r *rowReader) problem(field, message, remedy string) {
	r.failed = true
	r.result.Problems = append(r.result.Problems, Problem{Line: r.row.Line, Field: field, Message: message, Remedy: remedy})
}

const (
	correctCell = "correct the cell, or list the value under missing in the mapping"
	fillCell    = "fill the cell, or choose another column in the mapping"
)

// optional returns "" where the mapping has no such value or the row lacks it.
func (r *rowReader) optional(field string, t *text) string {
	if t == nil {
		return ""
	}
	v, _, problem := t.read(r.row)
	if problem != "" {
		r.problem(field, problem, "add it under map, or give an else")
	}
	return v
}

// required refuses the row where the value is missing.
func (r *rowReader) required(field string, t *text) string {
	v, ok, problem := t.read(r.row)
	switch {
	case problem != "":
		r.problem(field, problem, "add it under map, or give an else")
	case !ok || v == "":
		r.problem(field, t.label+" gives no value", fillCell)
	}
	return v
}

func (r *rowReader) time(field string, m *moment, must bool) *timestamppb.Timestamp {
	if m == nil {
		return nil
	}
	t, ok, problem := m.read(r.row)
	switch {
	case problem != "":
		r.problem(field, problem, correctCell)
	case !ok && must:
		r.problem(field, m.text.label+" gives no time", fillCell)
	case ok:
		return timestamppb.New(t)
	}
	return nil
}

// whole reads a whole number; ok is false where the row has none.
func (r *rowReader) whole(field string, t *text) (n int64, ok bool) {
	v, ok, problem := t.read(r.row)
	if problem != "" {
		r.problem(field, problem, "add it under map, or give an else")
		return 0, false
	}
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		r.problem(field, t.label+" holds "+quote(v)+", which is not a whole number", correctCell)
		return 0, false
	}
	return n, true
}

// decimal reads a decimal number as the text that goes into a fact; ok is false where the row has none.
func (r *rowReader) decimal(field string, t *text) (d string, ok bool) {
	v, ok, problem := t.read(r.row)
	if problem != "" {
		r.problem(field, problem, "add it under map, or give an else")
		return "", false
	}
	if !ok {
		return "", false
	}
	if !isDecimal(v) {
		r.problem(field, t.label+" holds "+quote(v)+", which is not a number such as 12 or 12.5", correctCell)
		return "", false
	}
	return v, true
}

// isDecimal tells whether v is a plain decimal number: no exponent, no thousands separator, a point if anything.
func isDecimal(v string) bool {
	if len(v) > 32 || strings.Trim(v, "+-0123456789.") != "" {
		return false
	}
	_, ok := new(big.Rat).SetString(v)
	return ok
}

func (r *rowReader) version(v versionOf, given uint64) (uint64, bool) {
	switch {
	case v.text != nil:
		s := r.required("version", v.text)
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil && !r.failed {
			r.problem("version", v.text.label+" holds "+quote(s)+", which is not a whole number of 0 or more", correctCell)
		}
		return n, !r.failed
	case v.time != nil:
		t := r.time("version", v.time, true)
		if !r.failed && t.AsTime().Before(time.Unix(0, 0)) {
			r.problem("version", "is a time before 1970", correctCell)
		}
		if r.failed {
			return 0, false
		}
		return uint64(t.AsTime().UnixMilli()), true
	default:
		return given, true
	}
}
