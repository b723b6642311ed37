package ledger

import "encoding/binary"

// Remove lets entries go, which gone names by number, in ascending order. Their numbers are never given again, so that those
// of the others stay what they are; a chunk of which nothing is left takes a byte of the store. The index is made anew, in
// the room that it needs now: that reads every chunk once, and is meant for rare and large removals.
func (l *Ledger) Remove(gone func(number uint64) bool) error {
	l.index = index{}
	for no := uint64(0); no*ChunkEntries < l.n; no++ {
		c, err := l.peek(no)
		if err != nil {
			return err
		}
		var data []byte
		var ends []uint32
		for i := range c.ends {
			number, e := no*ChunkEntries+uint64(i), c.entry(i)
			if len(e) > 0 && gone(number) {
				if ends == nil {
					data = append(make([]byte, 0, len(c.data)), c.data[:len(c.data)-len(c.tail(i))]...)
					ends = append(make([]uint32, 0, ChunkEntries), c.ends[:i]...)
				}
				e = nil
			}
			if ends != nil {
				data = append(data, e...)
				ends = append(ends, uint32(len(data)))
			}
			if len(e) > 0 {
				l.index.insert(binary.BigEndian.Uint64(e), binary.BigEndian.Uint64(e[8:]), number)
			}
		}
		if ends == nil {
			continue
		}
		c.data, c.ends = data, ends
		if l.chunks[no] == nil {
			l.chunks[no] = c // dirty, so it stays until the next Flush, which lets go what is above the limit
		}
		l.touch(c)
	}
	return nil
}

// tail returns the bytes from an entry on.
func (c *chunk) tail(i int) []byte {
	if i == 0 {
		return c.data
	}
	return c.data[c.ends[i-1]:]
}

// Each calls f with every entry that was not removed, in order, until it returns an error, without keeping chunks in memory.
// The entry is valid only during the call, in which f may Replace entries.
func (l *Ledger) Each(f func(number uint64, entry []byte) error) error {
	for no := uint64(0); no*ChunkEntries < l.n; no++ {
		c, err := l.peek(no)
		if err != nil {
			return err
		}
		for i := range len(c.ends) {
			e := c.entry(i)
			if len(e) == 0 {
				continue
			}
			if err := f(no*ChunkEntries+uint64(i), e); err != nil {
				return err
			}
			if kept := l.chunks[no]; kept != nil {
				c = kept // f changed it
			}
		}
	}
	return nil
}

// peek returns a chunk without keeping it.
func (l *Ledger) peek(no uint64) (*chunk, error) {
	if c := l.chunks[no]; c != nil {
		return c, nil
	}
	return l.fetch(no)
}
