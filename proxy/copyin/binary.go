package copyin

import (
	"encoding/binary"
)

// signature begins the binary format (Postgres manual, "COPY", "Binary Format").
const signature = "PGCOPY\n\xff\r\n\x00"

// binaryRows is the machine for the binary format.
type binaryRows struct {
	spec  Spec
	value []byte

	state binaryState
	// head is what has been read of the number, or of the file's header, that is read now.
	head []byte
	// left is how many bytes follow of what is passed on, or kept in taken.
	left  int64
	taken []byte
	// field is the one that is read now, of fields.
	field, fields int
	begun         int64 // rows
}

type binaryState uint8

const (
	fileHeader binaryState = iota // signature, flags, length of the extension
	extension                     //
	fieldCount                    //
	fieldSize                     //
	fieldData                     //
	tenantData                    //
	binaryEnd                     // Postgres reads no more rows
)

// headBytes is how many bytes each state reads before it goes on.
func (s binaryState) headBytes() int {
	switch s {
	case fileHeader:
		return len(signature) + 8
	case fieldCount:
		return 2
	case fieldSize:
		return 4
	case extension, fieldData, tenantData, binaryEnd:
	}
	return 0
}

func (b *binaryRows) run(dst, p []byte) ([]byte, int, error) {
	for i := 0; i < len(p); {
		if b.state == fieldCount && len(b.head) == 0 && len(dst) >= softLimit {
			return dst, i, nil
		}
		switch b.state {
		case binaryEnd:
			return append(dst, p[i:]...), len(p), nil
		case extension, fieldData, tenantData:
			n := int(min(b.left, int64(len(p)-i)))
			if b.state == tenantData {
				b.taken = append(b.taken, p[i:i+n]...)
			} else {
				dst = append(dst, p[i:i+n]...)
			}
			i += n
			if b.left -= int64(n); b.left > 0 {
				break
			}
			var err error
			if dst, err = b.passed(dst); err != nil {
				return dst, i, err
			}
		default:
			n := min(b.state.headBytes()-len(b.head), len(p)-i)
			b.head = append(b.head, p[i:i+n]...)
			i += n
			if len(b.head) < b.state.headBytes() {
				break
			}
			var err error
			if dst, err = b.number(dst); err != nil {
				return dst, i, err
			}
			b.head = b.head[:0]
		}
	}
	return dst, len(p), nil
}

// number handles a number, or the file's header, that is complete.
func (b *binaryRows) number(dst []byte) ([]byte, error) {
	switch b.state {
	case fileHeader:
		dst = append(dst, b.head...)
		size := int32(binary.BigEndian.Uint32(b.head[len(signature)+4:]))
		switch {
		case string(b.head[:len(signature)]) != signature || size < 0:
			b.state = binaryEnd
		case size > 0:
			b.state, b.left = extension, int64(size)
		default:
			b.state = fieldCount
		}
	case fieldCount:
		n := int(int16(binary.BigEndian.Uint16(b.head)))
		if n == -1 {
			b.state = binaryEnd
			return append(dst, b.head...), nil
		}
		b.begun++
		if n != b.spec.Columns {
			return dst, &FieldCountError{Got: n, Want: b.spec.Columns, Row: b.begun}
		}
		b.fields, b.field, b.state = n, 0, fieldSize
		if b.spec.Index >= 0 {
			return append(dst, b.head...), nil
		}
		return b.tenant(binary.BigEndian.AppendUint16(dst, uint16(n+1))), nil
	case fieldSize:
		size := int32(binary.BigEndian.Uint32(b.head))
		switch {
		case size < -1:
			b.state = binaryEnd
		case b.field == b.spec.Index && (size < 0 || size > maxValueBytes):
			return dst, ErrMismatch
		case b.field == b.spec.Index:
			b.state, b.left, b.taken = tenantData, int64(size), b.taken[:0]
			if size > 0 {
				return dst, nil
			}
			return b.passed(dst)
		case size > 0:
			b.state, b.left = fieldData, int64(size)
		default:
			b.nextField()
		}
		return append(dst, b.head...), nil
	case extension, fieldData, tenantData, binaryEnd:
	}
	return dst, nil
}

// passed ends the extension or a field's data.
func (b *binaryRows) passed(dst []byte) ([]byte, error) {
	if b.state == extension {
		b.state = fieldCount
		return dst, nil
	}
	if b.state == tenantData {
		if !b.spec.Same(b.taken, true) {
			return dst, ErrMismatch
		}
		dst = b.tenant(dst)
	}
	b.nextField()
	return dst, nil
}

// tenant writes the tenant's field.
func (b *binaryRows) tenant(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(b.value)))
	return append(dst, b.value...)
}

func (b *binaryRows) nextField() {
	b.state = fieldSize
	if b.field++; b.field == b.fields {
		b.state = fieldCount
	}
}

func (b *binaryRows) rows() int64 { return b.begun }

// finish passes on what the data breaks off with; Postgres says what is missing.
func (b *binaryRows) finish(dst []byte) ([]byte, error) {
	if b.state == tenantData {
		dst = binary.BigEndian.AppendUint32(dst, uint32(int64(len(b.taken))+b.left))
		dst = append(dst, b.taken...)
	}
	b.state = binaryEnd
	return append(dst, b.head...), nil
}
