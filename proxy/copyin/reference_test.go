package copyin

import (
	"bytes"
	"encoding/binary"
)

// read is what Postgres reads of text or CSV: the rows up to its first error or the end, each as its fields' spelling. It is written after
// CopyReadLineText and the functions that split a line, for whole data, and shares nothing with the machine.
func read(data []byte, s Spec, columns int) [][][]byte {
	var rows [][][]byte
	ends := byte(0) // how lines end: 'n', 'r', or 'b' for both
	for first := true; len(data) > 0; first = false {
		line, rest, more, ok := readLine(data, s, &ends)
		if !ok || !more && len(line) == 0 {
			return rows
		}
		data = rest
		if !first || s.Header == NoHeader {
			fields := split(line, s)
			if len(fields) != columns {
				return rows
			}
			rows = append(rows, fields)
		}
		if !more {
			return rows
		}
	}
	return rows
}

// readLine cuts a line off; more is false when it is the last, ok when there is an error.
func readLine(data []byte, s Spec, ends *byte) (line, rest []byte, more, ok bool) {
	quoted, escaped := false, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		at := func(n int) byte {
			if i+n < len(data) {
				return data[i+n]
			}
			return 0
		}
		if s.Format == CSV {
			if quoted && c == s.Escape && s.Escape != s.Quote {
				escaped = !escaped
			}
			if c == s.Quote && !escaped {
				quoted = !quoted
			}
			if c != s.Escape || s.Escape == s.Quote {
				escaped = false
			}
		}
		switch {
		case c == '\r' && !quoted:
			switch {
			case (*ends == 0 || *ends == 'b') && at(1) == '\n':
				*ends = 'b'
				return data[:i], data[i+2:], true, true
			case *ends == 0 || *ends == 'r':
				*ends = 'r'
				return data[:i], data[i+1:], true, true
			}
			return nil, nil, false, false
		case c == '\n' && !quoted:
			if *ends != 0 && *ends != 'n' {
				return nil, nil, false, false
			}
			*ends = 'n'
			return data[:i], data[i+1:], true, true
		case c == '\\' && (s.Format == Text || i == 0 && s.CSVEndMark):
			if at(1) == '.' {
				end := at(2)
				if *ends == 'b' && end == '\r' {
					end = at(3)
				} else if *ends == 'b' {
					end = 0
				}
				if end == '\n' && *ends != 'r' || end == '\r' && (*ends == 0 || *ends == 'r') {
					return data[:i], nil, false, true
				}
				if s.Format == Text || end == '\n' || end == '\r' {
					return nil, nil, false, false
				}
			}
			if s.Format == Text && i+1 < len(data) {
				i++
			}
		}
	}
	return data, nil, false, !quoted
}

// split cuts a line into the spellings of its fields.
func split(line []byte, s Spec) [][]byte {
	var fields [][]byte
	start, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case s.Format == Text && c == '\\':
			i++
		case s.Format == CSV && quoted && c == s.Escape && i+1 < len(line) && (line[i+1] == s.Escape || line[i+1] == s.Quote):
			i++
		case s.Format == CSV && c == s.Quote:
			quoted = !quoted
		case c == s.Delimiter && !quoted:
			fields = append(fields, line[start:i])
			start = i + 1
		}
	}
	return append(fields, line[start:])
}

// readBinary is what Postgres reads of the binary format.
func readBinary(data []byte, columns int) [][][]byte {
	var rows [][][]byte
	if len(data) < 19 || !bytes.HasPrefix(data, []byte(signature)) {
		return nil
	}
	size := int64(int32(binary.BigEndian.Uint32(data[15:])))
	if data = data[19:]; size < 0 || size > int64(len(data)) {
		return nil
	}
	data = data[size:]
	for len(data) >= 2 {
		n := int(int16(binary.BigEndian.Uint16(data)))
		data = data[2:]
		if n != columns {
			return rows
		}
		var fields [][]byte
		for range n {
			if len(data) < 4 {
				return rows
			}
			size := int64(int32(binary.BigEndian.Uint32(data)))
			data = data[4:]
			if size == -1 {
				fields = append(fields, nil)
				continue
			}
			if size < 0 || size > int64(len(data)) {
				return rows
			}
			fields = append(fields, data[:size])
			data = data[size:]
		}
		rows = append(rows, fields)
	}
	return rows
}
