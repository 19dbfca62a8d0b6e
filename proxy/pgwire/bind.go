package pgwire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// maxParams is how many parameters a Bind can count.
const maxParams = 1<<16 - 1

// Bind is the part of a Bind message before its values.
type Bind struct {
	Portal, Statement string
	// Formats are the parameter format codes as sent: none, one for all, or one for each.
	Formats []int16
	// Params is how many values follow.
	Params int
}

// Format returns the format code of parameter i, from 0.
func (b *Bind) Format(i int) int16 {
	switch {
	case len(b.Formats) == 0:
		return 0
	case len(b.Formats) == 1:
		return b.Formats[0]
	case i < len(b.Formats):
		return b.Formats[i]
	}
	return 0
}

// ReadBind reads a Bind message up to its values. When the whole message fits into r's buffer it is checked to its end first,
// so that a malformed one is refused before any of it was passed on.
func ReadBind(r *Reader) (Bind, error) {
	if r.Left() <= BufferBytes {
		body, err := r.Peek(r.Left())
		if err != nil {
			return Bind{}, err
		}
		if err := checkBind(body); err != nil {
			return Bind{}, err
		}
	}
	var b Bind
	var err error
	if b.Portal, err = r.String(); err != nil {
		return Bind{}, err
	}
	if b.Statement, err = r.String(); err != nil {
		return Bind{}, err
	}
	n, err := r.Uint16()
	if err != nil {
		return Bind{}, err
	}
	if 2*n > r.Left() {
		return Bind{}, ErrInsufficient
	}
	for range n {
		code, err := r.Uint16()
		if err != nil {
			return Bind{}, err
		}
		b.Formats = append(b.Formats, int16(code))
	}
	if b.Params, err = r.Uint16(); err != nil {
		return Bind{}, err
	}
	if 4*b.Params > r.Left() {
		return Bind{}, ErrInsufficient
	}
	return b, nil
}

// CheckCounts compares the counts of a Bind with what its statement takes. The error is Postgres's own.
func (b *Bind) CheckCounts(statement string, params int) *FormatError {
	if len(b.Formats) > 1 && len(b.Formats) != b.Params {
		return &FormatError{fmt.Sprintf("bind message has %d parameter formats but %d parameters", len(b.Formats), b.Params)}
	}
	if b.Params != params {
		return &FormatError{fmt.Sprintf("bind message supplies %d parameters, but prepared statement \"%s\" requires %d",
			b.Params, statement, params)}
	}
	return nil
}

// checkBind walks a whole Bind message.
func checkBind(b []byte) error {
	for range 2 {
		end := indexNUL(b)
		if end < 0 {
			return ErrString
		}
		b = b[end+1:]
	}
	b, err := skipCodes(b)
	if err != nil {
		return err
	}
	if len(b) < 2 {
		return ErrInsufficient
	}
	params := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	for range params {
		if len(b) < 4 {
			return ErrInsufficient
		}
		n := int(int32(binary.BigEndian.Uint32(b)))
		b = b[4:]
		if n == -1 {
			continue
		}
		if n < 0 || n > len(b) {
			return ErrInsufficient
		}
		b = b[n:]
	}
	if b, err = skipCodes(b); err != nil {
		return err
	}
	if len(b) != 0 {
		return ErrFormat
	}
	return nil
}

func indexNUL(b []byte) int {
	for i, c := range b {
		if c == 0 {
			return i
		}
	}
	return -1
}

func skipCodes(b []byte) ([]byte, error) {
	if len(b) < 2 {
		return nil, ErrInsufficient
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+2*n {
		return nil, ErrInsufficient
	}
	return b[2+2*n:], nil
}

// BindRewrite says how a Bind message changes on its way.
type BindRewrite struct {
	// Statement is the name that the upstream knows the statement by.
	Statement string
	// Appended are the values of the parameters that follow the client's, in text format.
	Appended []string
	// Checked are the client's parameters, from 0, that Check is asked about, ascending.
	Checked []int
	// Check says whether a value may pass; value is nil for NULL, and for one of more than MaxCheckedBytes, when large is set.
	// Of a value that may not pass every byte is replaced by zero: the length of the message, which stands at its beginning
	// and may have left already, stays true.
	Check func(param int, format int16, value []byte, large bool) bool
}

// MaxCheckedBytes is the longest value that is shown to BindRewrite.Check.
const MaxCheckedBytes = 4096

// WriteBind passes the rest of the message in r, of which b has been read, on to w as rw says. Values are streamed:
// nothing larger than the buffers is held. ok is false when Check refused a value: then the message written is well-formed,
// but its portal must not be executed. An error that is a *FormatError leaves an unfinished message in w.
func (b *Bind) WriteBind(w io.Writer, r *Reader, rw BindRewrite) (ok bool, err error) {
	if b.Params+len(rw.Appended) > maxParams {
		return false, &FormatError{fmt.Sprintf("a statement has at most %d parameters here", maxParams-len(rw.Appended))}
	}
	formats := b.expandFormats(len(rw.Appended))
	// What ReadBind has consumed of the body, apart from the statement's name, stays as long as it is.
	size := len(b.Portal) + 1 + len(rw.Statement) + 1 + 2 + 2*len(formats) + 2 + r.Left()
	for _, v := range rw.Appended {
		size += 4 + len(v)
	}
	head := make([]byte, 0, 64+len(b.Portal)+len(rw.Statement)+2*len(formats))
	head = append(head, MsgBind)
	lengthAt := len(head)
	head = binary.BigEndian.AppendUint32(head, 0)
	head = append(append(head, b.Portal...), 0)
	head = append(append(head, rw.Statement...), 0)
	head = binary.BigEndian.AppendUint16(head, uint16(len(formats)))
	for _, f := range formats {
		head = binary.BigEndian.AppendUint16(head, uint16(f))
	}
	head = binary.BigEndian.AppendUint16(head, uint16(b.Params+len(rw.Appended)))

	binary.BigEndian.PutUint32(head[lengthAt:], uint32(size+4))
	if _, err := w.Write(head); err != nil {
		return false, err
	}
	ok, err = b.writeValues(w, r, rw)
	if err != nil {
		return false, err
	}
	var word [4]byte
	for _, v := range rw.Appended {
		binary.BigEndian.PutUint32(word[:], uint32(len(v)))
		if _, err := w.Write(word[:]); err != nil {
			return false, err
		}
		if _, err := io.WriteString(w, v); err != nil {
			return false, err
		}
	}
	return ok, writeResultFormats(w, r)
}

// expandFormats gives n appended text parameters their format codes.
func (b *Bind) expandFormats(n int) []int16 {
	switch {
	case n == 0, len(b.Formats) == 0, len(b.Formats) == 1 && b.Formats[0] == 0:
		return b.Formats // none and a single text code go for all
	}
	formats := make([]int16, b.Params+n)
	for i := range b.Params {
		formats[i] = b.Format(i)
	}
	return formats
}

func (b *Bind) writeValues(w io.Writer, r *Reader, rw BindRewrite) (ok bool, err error) {
	ok = true
	checked := rw.Checked
	for i := range b.Params {
		word, err := r.Take(4)
		if err != nil {
			return false, err
		}
		n := int(int32(binary.BigEndian.Uint32(word)))
		if n < -1 || n > r.Left() {
			return false, ErrInsufficient
		}
		if _, err := w.Write(word); err != nil {
			return false, err
		}
		write := w
		if len(checked) > 0 && checked[0] == i {
			checked = checked[1:]
			pass, err := b.checkValue(r, i, n, rw.Check)
			if err != nil {
				return false, err
			}
			if !pass {
				ok, write = false, zeros{w}
			}
		}
		if err := copyBody(write, r, n); err != nil {
			return false, err
		}
	}
	return ok, nil
}

func (b *Bind) checkValue(r *Reader, param, n int, check func(int, int16, []byte, bool) bool) (bool, error) {
	switch {
	case n < 0:
		return check(param, b.Format(param), nil, false), nil
	case n > MaxCheckedBytes:
		return check(param, b.Format(param), nil, true), nil
	}
	value, err := r.Peek(n)
	if err != nil {
		return false, err
	}
	return check(param, b.Format(param), value, false), nil
}

// zeros writes as many zero bytes as it is given.
type zeros struct{ w io.Writer }

func (z zeros) Write(b []byte) (int, error) { return z.w.Write(make([]byte, len(b))) }

func copyBody(w io.Writer, r *Reader, n int) error {
	for n > 0 {
		chunk, err := r.Chunk(n)
		if err != nil {
			return err
		}
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		n -= len(chunk)
	}
	return nil
}

// writeResultFormats copies the result format codes, which end the message.
func writeResultFormats(w io.Writer, r *Reader) error {
	word, err := r.Peek(2)
	if err != nil {
		return err
	}
	switch codes := 2 * int(binary.BigEndian.Uint16(word)); {
	case r.Left() < 2+codes:
		return ErrInsufficient
	case r.Left() > 2+codes:
		return ErrFormat
	}
	return copyBody(w, r, r.Left())
}
