package console

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"pgcordon/proxy/pgwire"
)

// kind is the type of a column.
type kind struct {
	oid  uint32
	size int16
}

// The types that PgBouncer's views have (Postgres: pg_type.dat).
var (
	typeText    = kind{25, -1}
	typeInt4    = kind{23, 4}
	typeInt8    = kind{20, 8}
	typeNumeric = kind{1700, -1}
)

// column is one column of a view.
type column struct {
	name string
	kind kind
}

// columns makes columns out of words: a name, or name:type with the types int, big and numeric.
func columns(words ...string) []column {
	list := make([]column, 0, len(words))
	for _, w := range words {
		c := column{name: w, kind: typeText}
		for i := len(w) - 1; i > 0; i-- {
			if w[i] != ':' {
				continue
			}
			c.name = w[:i]
			switch w[i+1:] {
			case "int":
				c.kind = typeInt4
			case "big":
				c.kind = typeInt8
			case "numeric":
				c.kind = typeNumeric
			default:
				panic("console: no such type: " + w)
			}
			break
		}
		list = append(list, c)
	}
	return list
}

// row holds one value for each column: a string, an int64 or nil.
type row []any

// cells makes a row of what Go has.
func cells(values ...any) row {
	r := make(row, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil, string, int64:
			r[i] = v
		case int:
			r[i] = int64(v)
		case uint64:
			r[i] = int64(v)
		case uint32:
			r[i] = int64(v)
		case bool:
			r[i] = int64(0)
			if v {
				r[i] = int64(1)
			}
		case time.Duration:
			r[i] = v.Microseconds()
		case time.Time:
			r[i] = stamp(v)
		default:
			panic(fmt.Sprintf("console: a value of type %T", v))
		}
	}
	return r
}

// stamp is a time as PgBouncer writes it; NULL for none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
}

// formats are the result formats of a Bind: none, one for all, or one for each column. 1 is binary.
type formats []int16

func (f formats) of(i int) int16 {
	switch {
	case len(f) == 0:
		return 0
	case len(f) == 1:
		return f[0]
	}
	return f[i]
}

// appendRowDescription appends RowDescription.
func appendRowDescription(dst []byte, cols []column, f formats) []byte {
	body := binary.BigEndian.AppendUint16(nil, uint16(len(cols)))
	for i, c := range cols {
		body = pgwire.AppendString(body, c.name)
		body = binary.BigEndian.AppendUint32(body, 0) // of no table
		body = binary.BigEndian.AppendUint16(body, 0)
		body = binary.BigEndian.AppendUint32(body, c.kind.oid)
		body = binary.BigEndian.AppendUint16(body, uint16(c.kind.size))
		body = binary.BigEndian.AppendUint32(body, 0xffffffff) // no type modifier
		body = binary.BigEndian.AppendUint16(body, uint16(f.of(i)))
	}
	return pgwire.Append(dst, pgwire.MsgRowDescription, body...)
}

// appendRow appends DataRow.
func appendRow(dst []byte, cols []column, r row, f formats) []byte {
	body := binary.BigEndian.AppendUint16(nil, uint16(len(cols)))
	for i, c := range cols {
		if r[i] == nil {
			body = binary.BigEndian.AppendUint32(body, 0xffffffff)
			continue
		}
		value := appendValue(nil, c.kind, r[i], f.of(i) == 1)
		body = binary.BigEndian.AppendUint32(body, uint32(len(value)))
		body = append(body, value...)
	}
	return pgwire.Append(dst, pgwire.MsgDataRow, body...)
}

func appendValue(dst []byte, k kind, value any, inBinary bool) []byte {
	n, number := value.(int64)
	switch {
	case !number:
		return append(dst, value.(string)...)
	case k == typeInt4:
		n = max(-1<<31, min(n, 1<<31-1)) // as wide as PgBouncer's
	}
	switch {
	case !inBinary, k == typeText:
		return strconv.AppendInt(dst, n, 10)
	case k == typeInt4:
		return binary.BigEndian.AppendUint32(dst, uint32(n))
	case k == typeInt8:
		return binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return appendNumeric(dst, n)
}

// appendNumeric appends a whole number in numeric's binary form: digits to the base of 10000 behind their number, the weight of the
// first, the sign and the number of decimals (Postgres: numeric_send).
func appendNumeric(dst []byte, n int64) []byte {
	sign := uint16(0)
	rest := uint64(n)
	if n < 0 {
		sign, rest = 0x4000, -rest
	}
	var digits []uint16
	for ; rest > 0; rest /= 10000 {
		digits = append(digits, uint16(rest%10000))
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(digits)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(max(0, len(digits)-1)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, 0)
	for i := len(digits) - 1; i >= 0; i-- {
		dst = binary.BigEndian.AppendUint16(dst, digits[i])
	}
	return dst
}
