package admit

import "encoding/binary"

// The few forms of protobuf's wire format that a recorded fact needs. Empty strings are left out, as proto3 has it.

func appendUvarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return binary.AppendUvarint(b, v)
}

func appendTag(b []byte, field, typ int) []byte { return appendUvarint(b, uint64(field<<3|typ)) }

func appendBytes[T ~[]byte | ~string](b []byte, field int, v T) []byte {
	if len(v) == 0 {
		return b
	}
	b = appendTag(b, field, 2)
	b = appendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func appendVarint(b []byte, field int, v uint64) []byte {
	return appendUvarint(appendTag(b, field, 0), v)
}

func appendSint(b []byte, field int, v int64) []byte {
	if v == 0 {
		return b
	}
	return appendVarint(b, field, zigzag(v))
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

func lenVarint(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

func sizeVarint(field int, v uint64) int { return lenVarint(uint64(field<<3)) + lenVarint(v) }

func sizeBytes(field, n int) int {
	if n == 0 {
		return 0
	}
	return lenVarint(uint64(field<<3)) + lenVarint(uint64(n)) + n
}
