package pgwire

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// Field codes of ErrorResponse and NoticeResponse (Postgres manual, "Error and Notice Message Fields").
const (
	FieldSeverity      = 'S'
	FieldSeverityPlain = 'V' // not translated
	FieldCode          = 'C'
	FieldMessage       = 'M'
	FieldDetail        = 'D'
	FieldHint          = 'H'
	FieldPosition      = 'P'
	FieldContext       = 'W'
	FieldConstraint    = 'n'
)

// Fields are the fields of an ErrorResponse or NoticeResponse: the body without its header.
type Fields []byte

// each calls f for every whole field, and for the last one when the body was cut short within it, until f returns false.
func (b Fields) each(f func(code byte, value []byte) bool) {
	for len(b) > 1 && b[0] != 0 {
		code := b[0]
		value, rest, _ := bytes.Cut(b[1:], []byte{0})
		if !f(code, value) {
			return
		}
		b = Fields(rest)
	}
}

// Get returns a field's value, empty when it is absent.
func (b Fields) Get(code byte) string {
	var found string
	b.each(func(c byte, value []byte) bool {
		if c == code {
			found = string(value)
			return false
		}
		return true
	})
	return found
}

// AppendFiltered appends a message of type typ with those fields whose codes are in keep.
func (b Fields) AppendFiltered(dst []byte, typ byte, keep string) []byte {
	return b.appendFields(dst, typ, func(code byte, value []byte) []byte {
		if bytes.IndexByte([]byte(keep), code) < 0 {
			return nil
		}
		return validPrefix(value)
	})
}

// AppendReplaced appends a message of type typ with the fields that replace returns, which gets each field's code and value; it leaves out
// those that are empty.
func (b Fields) AppendReplaced(dst []byte, typ byte, replace func(code byte, value string) string) []byte {
	return b.appendFields(dst, typ, func(code byte, value []byte) []byte {
		if replaced := replace(code, string(value)); replaced != "" {
			return []byte(replaced)
		}
		return nil
	})
}

// appendFields appends a message of the values that are not nil.
func (b Fields) appendFields(dst []byte, typ byte, value func(code byte, value []byte) []byte) []byte {
	start := len(dst)
	dst = append(dst, typ, 0, 0, 0, 0)
	b.each(func(code byte, v []byte) bool {
		if v = value(code, v); v != nil {
			dst = append(dst, code)
			dst = append(dst, v...)
			dst = append(dst, 0)
		}
		return true
	})
	dst = append(dst, 0)
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1))
	return dst
}

// AppendField adds a field to a whole message made by AppendFiltered, which begins at start of dst.
func AppendField(dst []byte, start int, code byte, value string) []byte {
	dst = append(dst[:len(dst)-1], code)
	dst = append(dst, value...)
	dst = append(dst, 0, 0)
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1))
	return dst
}

// validPrefix drops a character that was cut at the end of value.
func validPrefix(value []byte) []byte {
	for i := 0; i < utf8.UTFMax && len(value) > 0; i++ {
		if r, n := utf8.DecodeLastRune(value); r != utf8.RuneError || n != 1 {
			break
		}
		value = value[:len(value)-1]
	}
	return value
}
