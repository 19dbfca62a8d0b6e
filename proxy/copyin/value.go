package copyin

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"pgcordon/policy"
)

// textValue spells a value in text format, so that it is neither the text for NULL nor the one for the default.
func (s *Spec) textValue(v string) []byte {
	for _, first := range []string{"", "\\%03o", "\\x%02x"} {
		var b []byte
		for i := range len(v) {
			switch c := v[i]; {
			case i == 0 && first != "":
				b = fmt.Appendf(b, first, c)
			case c == s.Delimiter, c == '\\', c < ' ':
				b = fmt.Appendf(b, "\\%03o", c)
			default:
				b = append(b, c)
			}
		}
		if string(b) != s.Null && (s.Default == nil || string(b) != *s.Default) {
			return b
		}
	}
	panic("copyin: two texts equal three")
}

// csvValue spells a value in CSV, quoted: only what is not quoted can mean NULL.
func (s *Spec) csvValue(v string) []byte {
	b := []byte{s.Quote}
	for i := range len(v) {
		if c := v[i]; c == s.Quote || c == s.Escape {
			b = append(b, s.Escape)
		}
		b = append(b, v[i])
	}
	return append(b, s.Quote)
}

// unescape reads a value in text format (CopyReadAttributesText).
func unescape(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var out []byte
	for i := 0; i < len(raw); {
		c := raw[i]
		i++
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if i == len(raw) {
			break
		}
		c = raw[i]
		i++
		switch c {
		case '0', '1', '2', '3', '4', '5', '6', '7':
			v := int(c - '0')
			for n := 1; n < 3 && i < len(raw) && raw[i] >= '0' && raw[i] <= '7'; n++ {
				v = v<<3 + int(raw[i]-'0')
				i++
			}
			c = byte(v)
		case 'x':
			v, n := 0, 0
			for ; n < 2 && i < len(raw) && hexDigit(raw[i]) >= 0; n++ {
				v = v<<4 + hexDigit(raw[i])
				i++
			}
			if n > 0 {
				c = byte(v)
			}
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'v':
			c = '\v'
		}
		out = append(out, c)
	}
	return out
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// unquote reads a value in CSV (CopyReadAttributesCSV).
func unquote(raw []byte, quote, escape byte) []byte {
	if bytes.IndexByte(raw, quote) < 0 {
		return raw
	}
	var out []byte
	quoted := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case quoted && c == escape && i+1 < len(raw) && (raw[i+1] == escape || raw[i+1] == quote):
			i++
			out = append(out, raw[i])
		case c == quote:
			quoted = !quoted
		default:
			out = append(out, c)
		}
	}
	return out
}

// binaryValue is the binary form of a tenant's id (the types' receive functions).
func binaryValue(t policy.ColumnType, id string) ([]byte, error) {
	switch t {
	case policy.TypeText, policy.TypeVarchar:
		return []byte(id), nil
	case policy.TypeUUID:
		v, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(id, "{}"), "-", ""))
		if err != nil || len(v) != 16 {
			return nil, fmt.Errorf("copyin: %q is no uuid", id)
		}
		return v, nil
	case policy.TypeInt4:
		v, err := strconv.ParseInt(id, 10, 32)
		return binary.BigEndian.AppendUint32(nil, uint32(v)), err
	case policy.TypeInt8:
		v, err := strconv.ParseInt(id, 10, 64)
		return binary.BigEndian.AppendUint64(nil, uint64(v)), err
	case policy.TypeNumeric:
		return binaryNumeric(id)
	}
	return nil, fmt.Errorf("copyin: tenant column of type %v", t)
}

// binaryNumeric writes a plain decimal number as numeric_recv reads it: digits in base 10000, the weight of the first, sign, scale.
func binaryNumeric(id string) ([]byte, error) {
	if _, ok := new(big.Rat).SetString(id); !ok || strings.Trim(id, "+-.0123456789") != "" {
		return nil, fmt.Errorf("copyin: %q is no number", id)
	}
	sign := uint16(0)
	if strings.HasPrefix(id, "-") {
		sign = 0x4000
	}
	whole, fraction, _ := strings.Cut(strings.TrimLeft(id, "+-"), ".")
	scale := len(fraction)
	whole = strings.Repeat("0", (4-len(whole)%4)%4) + whole
	fraction += strings.Repeat("0", (4-len(fraction)%4)%4)
	weight := len(whole)/4 - 1
	digits := whole + fraction
	for strings.HasPrefix(digits, "0000") {
		digits, weight = digits[4:], weight-1
	}
	digits = strings.TrimRight(digits, "0")
	digits += strings.Repeat("0", (4-len(digits)%4)%4)
	if digits == "" {
		weight, sign = 0, 0
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(len(digits)/4))
	b = binary.BigEndian.AppendUint16(b, uint16(weight))
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(scale))
	for i := 0; i < len(digits); i += 4 {
		v, _ := strconv.ParseUint(digits[i:i+4], 10, 16) // four digits, as was checked
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b, nil
}
