package copyin

import (
	"bytes"
)

// lines is the machine for text and CSV. Each byte is looked at as Postgres does to find the ends of lines; the fields matter only as far as
// the tenant's, or, once that one is wrong, to find out whether Postgres would refuse the row for their number.
type lines struct {
	spec          Spec
	csv           bool
	quote, escape byte
	// value is the tenant's id as a field, prefix with the delimiter behind, header the tenant column's name likewise.
	value, prefix, header []byte
	// unnamed is set until a header that must name the columns has begun.
	unnamed bool

	state lineState
	// head is what is put in front of the next line.
	head []byte
	// check is the field to be checked in this line, and field the one that is read now; -1 when they are not counted.
	check, field int
	// taken is what has been read of the field to be checked.
	taken []byte
	// wrong is set when this line's tenant is another.
	wrong bool
	// accepted is the last spelling of the tenant's id.
	accepted []byte
	// count is how many lines have ended, the header among them.
	count int64
	// marks finds the next special bytes of a piece.
	marks marks
}

// lineState is where in a line the machine is.
type lineState uint8

const (
	atStart      lineState = iota // nothing of the line has been read
	heldSlash                     // a backslash at the start of a line is held back
	heldDot                       // so is a backslash and a dot (CSV)
	inLine                        //
	afterSlash                    // behind a backslash (text)
	inQuotes                      // (CSV)
	quotesEscape                  // in quotes, behind an escape character that is not the quote (CSV)
	afterReturn                   // a newline now belongs to the same end of line
	ended                         // the data has ended, or has an error: Postgres reads no more rows
)

// begin prepares for the first line.
func (l *lines) begin() {
	l.check, l.field = l.spec.Index, -1
	if l.check < 0 {
		l.head = l.prefix
	}
	switch {
	case l.spec.Header == NoHeader:
		return
	case l.check < 0 && l.spec.Header == MatchHeader:
		l.head, l.unnamed = l.header, true
	default:
		l.head = nil
	}
	l.check = -1
}

// next prepares for the line behind one that has ended.
func (l *lines) next() {
	l.count++
	l.state, l.check, l.head, l.unnamed = atStart, l.spec.Index, nil, false
	if l.check < 0 {
		l.head = l.prefix
	}
}

func (l *lines) run(dst, p []byte) ([]byte, int, error) {
	l.marks.reset(l.csv, l.quote)
	for i := 0; i < len(p); {
		switch l.state {
		case atStart:
			if len(dst) >= softLimit {
				return dst, i, nil
			}
			if n := l.wholeLine(p, i); n > 0 {
				var ok bool
				if dst, ok = l.passLine(dst, p[i:i+n]); ok {
					i += n
					l.next()
					continue
				}
			}
			if p[i] == '\\' && (!l.csv || l.spec.CSVEndMark) {
				l.state = heldSlash
				i++
				continue
			}
			dst = l.open(dst)
		case heldSlash:
			switch {
			case p[i] == '.' && l.csv:
				l.state = heldDot
				i++
			case p[i] == '.':
				dst = append(dst, '\\')
				l.state = ended
			default:
				dst = l.unhold(dst, "\\")
			}
		case heldDot:
			if p[i] == '\r' || p[i] == '\n' {
				dst = append(dst, '\\', '.')
				l.state = ended
				continue
			}
			dst = l.unhold(dst, "\\.")
		case afterReturn:
			l.next()
			if p[i] == '\n' {
				dst = append(dst, '\n')
				i++
			}
		case ended:
			return append(dst, p[i:]...), len(p), nil
		default:
			var err error
			if dst, i, err = l.inside(dst, p, i); err != nil {
				return dst, i, err
			}
		}
	}
	return dst, len(p), nil
}

// open begins a line.
func (l *lines) open(dst []byte) []byte {
	l.state, l.wrong, l.field, l.unnamed = inLine, false, -1, false
	if l.check >= 0 {
		l.field, l.taken = 0, l.taken[:0]
	}
	return append(dst, l.head...)
}

// unhold begins a line with what was held back, which was no end mark.
func (l *lines) unhold(dst []byte, held string) []byte {
	dst = l.open(dst)
	for i := range len(held) {
		if !l.csv { // only a backslash, which makes what follows data
			dst = l.put(dst, held[i])
			l.state = afterSlash
			continue
		}
		if held[i] == l.spec.Delimiter && l.field >= 0 {
			dst = l.delimiter(dst)
			continue
		}
		dst = l.put(dst, held[i])
	}
	return dst
}

// put passes a byte on, or keeps it with the value that is to be checked.
func (l *lines) put(dst []byte, b ...byte) []byte {
	if l.field >= 0 && l.field == l.check {
		l.taken = append(l.taken, b[:min(len(b), maxValueBytes+2-len(l.taken))]...)
		return dst
	}
	return append(dst, b...)
}

// inside handles what stands inside of a line, up to its end or that of the piece.
func (l *lines) inside(dst, p []byte, i int) ([]byte, int, error) {
	for i < len(p) {
		switch l.state {
		case afterSlash:
			if p[i] == '.' { // an end mark behind data: the line ends before it
				return l.endMark(dst, i)
			}
			dst = l.put(dst, p[i])
			l.state = inLine
			i++
			continue
		case quotesEscape:
			dst = l.put(dst, p[i])
			l.state = inQuotes
			i++
			continue
		}
		end := l.special(p, i)
		if end > i {
			dst = l.put(dst, p[i:end]...)
			if i = end; i == len(p) {
				return dst, i, nil
			}
		}
		var err error
		if dst, err = l.mark(dst, p[i]); err != nil {
			return dst, i, err
		}
		i++
		if l.state != inLine && l.state != afterSlash && l.state != inQuotes && l.state != quotesEscape {
			return dst, i, nil
		}
	}
	return dst, i, nil
}

// endMark ends a line of text before the backslash that was put last, and with it the data.
func (l *lines) endMark(dst []byte, i int) ([]byte, int, error) {
	kept := l.field >= 0 && l.field == l.check
	if kept {
		l.taken = l.taken[:len(l.taken)-1]
	}
	dst, err := l.close(dst)
	if kept {
		dst = append(dst, '\\')
	}
	l.count++
	l.state = ended
	return dst, i, err
}

// special finds the next byte that means something in this state.
func (l *lines) special(p []byte, i int) int {
	switch {
	case l.state == inQuotes && l.quote == l.escape:
		if n := bytes.IndexByte(p[i:], l.quote); n >= 0 {
			return i + n
		}
		return len(p)
	case l.state == inQuotes:
		for ; i < len(p); i++ {
			if p[i] == l.quote || p[i] == l.escape {
				return i
			}
		}
		return i
	case l.field >= 0:
		for ; i < len(p); i++ {
			switch c := p[i]; {
			case c == l.spec.Delimiter, c == '\n', c == '\r':
				return i
			case l.csv && c == l.quote, !l.csv && c == '\\':
				return i
			}
		}
		return i
	}
	return l.marks.next(p, i)
}

// mark handles a byte that special has found.
func (l *lines) mark(dst []byte, c byte) ([]byte, error) {
	if l.state == inQuotes {
		if c == l.quote {
			l.state = inLine
		} else {
			l.state = quotesEscape
		}
		return l.put(dst, c), nil
	}
	switch {
	case c == '\n' || c == '\r':
		dst, err := l.close(dst)
		if err != nil {
			return dst, err
		}
		if c == '\n' {
			l.next()
		} else {
			l.state = afterReturn
		}
		return append(dst, c), nil
	case l.csv && c == l.quote:
		l.state = inQuotes
	case !l.csv && c == '\\':
		l.state = afterSlash
	case l.field >= 0 && c == l.spec.Delimiter:
		return l.delimiter(dst), nil
	}
	return l.put(dst, c), nil
}

// delimiter ends a field within a line.
func (l *lines) delimiter(dst []byte) []byte {
	dst = l.settle(dst)
	if l.field++; l.field > l.check && !l.wrong {
		l.field = -1 // what follows is not looked at
	}
	return append(dst, l.spec.Delimiter)
}

// settle replaces the value for the tenant column, which is complete, by the tenant's id.
func (l *lines) settle(dst []byte) []byte {
	if l.field < 0 || l.field != l.check {
		return dst
	}
	if !l.accepts(l.taken) {
		l.wrong = true
	}
	return append(dst, l.value...)
}

// close ends a line. Postgres finds a wrong number of fields before it looks at any value, so a wrong tenant matters only in a row
// that has the right number.
func (l *lines) close(dst []byte) ([]byte, error) {
	dst = l.settle(dst)
	if l.wrong && l.field == l.spec.Columns-1 {
		return dst, ErrMismatch
	}
	return dst, nil
}

// rows is how many rows have ended.
func (l *lines) rows() int64 {
	if l.spec.Header == NoHeader {
		return l.count
	}
	return max(0, l.count-1)
}

func (l *lines) finish(dst []byte) ([]byte, error) {
	if l.state != atStart && l.state != ended {
		l.count++
	}
	switch l.state {
	case heldSlash:
		dst = l.unhold(dst, "\\")
	case heldDot:
		dst = l.unhold(dst, "\\.")
	case atStart:
		if l.unnamed { // without data Postgres reads an empty header
			dst = append(dst, l.header...)
		}
		return dst, nil
	case afterReturn, ended:
		return dst, nil
	case inQuotes, quotesEscape: // Postgres refuses quotes that are not closed; so they stay, also in the field that is replaced
		if l.field >= 0 && l.field == l.check {
			dst = append(dst, l.quote)
		}
		l.state = ended
		return dst, nil
	case inLine, afterSlash:
	}
	dst, err := l.close(dst)
	l.state = ended
	return dst, err
}

// accepts reports whether the spelling of a field is one of the tenant's id, or of the column's default, which is the same.
func (l *lines) accepts(raw []byte) bool {
	plain := raw // what Postgres compares with the texts for NULL and the default: without a backslash that the data ends behind
	if rest := bytes.TrimRight(raw, "\\"); !l.csv && (len(raw)-len(rest))%2 == 1 {
		plain = raw[:len(raw)-1]
	}
	switch {
	case l.accepted != nil && bytes.Equal(raw, l.accepted):
		return true
	case len(raw) > maxValueBytes, string(plain) == l.spec.Null && !l.spec.ForceNotNull:
		return false
	}
	var value []byte
	if l.csv {
		value = unquote(raw, l.quote, l.escape)
		if l.spec.ForceNull && string(plain) != l.spec.Null && string(value) == l.spec.Null {
			return false
		}
	} else {
		value = unescape(raw)
	}
	if l.spec.Default != nil && string(plain) == *l.spec.Default || l.spec.Same(value, false) {
		l.accepted = append(l.accepted[:0], raw...)
		return true
	}
	return false
}
