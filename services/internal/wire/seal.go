package wire

// SealedBefore returns the time of a RecordedBatch that seals, in milliseconds since 1970 UTC; ok is false for any other. It
// has no facts, and so begins with that field: the first byte tells the two apart.
func SealedBefore(batch []byte) (ms int64, ok bool) {
	if len(batch) < 2 || batch[0] != 2<<3 {
		return 0, false
	}
	for len(batch) > 0 {
		num, typ, _, n, rest, err := field(batch)
		if err != nil {
			return 0, false
		}
		batch = rest
		if num == 1 && typ == 2 {
			return 0, false // a fact
		}
		if num == 2 && typ == 0 {
			ms = zigzag(n)
		}
	}
	return ms, true
}
