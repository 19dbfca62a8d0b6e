package copyin

import (
	"bytes"
)

// The way of most lines: they lie in one piece and hold nothing special, so that they are found by their newlines, and copied whole.

// marks remembers where the next special bytes of a piece are, so that each is looked for once.
type marks struct {
	bytes [3]byte
	at    [3]int
}

// reset prepares for a new piece: what is special outside of quotes, besides delimiters.
func (m *marks) reset(csv bool, quote byte) {
	m.bytes = [3]byte{'\r', '\\', '\n'}
	if csv {
		m.bytes[1] = quote
	}
	m.at = [3]int{-1, -1, -1}
}

// find returns where the special byte of this number is next in p, from i on.
func (m *marks) find(p []byte, i, which int) int {
	if m.at[which] < i {
		m.at[which] = len(p)
		if n := bytes.IndexByte(p[i:], m.bytes[which]); n >= 0 {
			m.at[which] = i + n
		}
	}
	return m.at[which]
}

// next returns where the next special byte is.
func (m *marks) next(p []byte, i int) int {
	return min(m.find(p, i, 0), m.find(p, i, 1), m.find(p, i, 2))
}

// wholeLine returns the length of the line at i with its newline, if it is whole and plain; else 0. Quotes are plain when each only begins or
// ends, and all are closed before the newline.
func (l *lines) wholeLine(p []byte, i int) int {
	end := l.marks.find(p, i, 2)
	if end == len(p) || l.marks.find(p, i, 0) < end || p[i] == '\\' {
		return 0
	}
	if l.marks.find(p, i, 1) < end && (!l.csv || l.quote != l.escape || bytes.Count(p[i:end], l.marks.bytes[1:2])%2 > 0) {
		return 0
	}
	return end + 1 - i
}

// passLine passes a whole plain line on; not when its tenant has to be looked at more closely.
func (l *lines) passLine(dst, line []byte) ([]byte, bool) {
	if l.check < 0 {
		dst = append(dst, l.head...)
		return append(dst, line...), true
	}
	start := 0
	for range l.check {
		n := bytes.IndexByte(line[start:], l.spec.Delimiter)
		if n < 0 && l.csv && bytes.IndexByte(line, l.quote) >= 0 {
			return dst, false
		}
		if n < 0 {
			return append(dst, line...), true // Postgres refuses the line
		}
		start += n + 1
	}
	end := len(line) - 1
	if l.csv {
		if quote := bytes.IndexByte(line, l.quote); quote >= 0 && (quote < start || bytes.IndexByte(line[start:quote], l.spec.Delimiter) < 0) {
			return dst, false
		}
	}
	if n := bytes.IndexByte(line[start:], l.spec.Delimiter); n >= 0 {
		end = start + n
	}
	if bytes.Equal(line[start:end], l.value) {
		return append(dst, line...), true
	}
	if !l.accepts(line[start:end]) {
		return dst, false
	}
	dst = append(dst, line[:start]...)
	dst = append(dst, l.value...)
	return append(dst, line[end:]...), true
}
