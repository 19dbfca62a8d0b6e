package pgwire

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
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

	out gatherer // what WriteBind writes with
}

// binds are those that nobody uses now.
var binds = sync.Pool{New: func() any { return new(Bind) }}

// Free lets another ReadBind use b's memory.
func (b *Bind) Free() {
	*b = Bind{Formats: b.Formats[:0], out: gatherer{b: b.out.b[:0]}}
	if cap(b.Formats) <= maxKeptFormats {
		binds.Put(b)
	}
}

// maxKeptFormats is how large a list of format codes is kept for the next message.
const maxKeptFormats = 1024

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
// so that a malformed one is refused before any of it was passed on. The caller may Free what it gets, when it has done with it.
func ReadBind(r *Reader) (*Bind, error) {
	if r.Left() <= BufferBytes {
		body, err := r.Peek(r.Left())
		if err != nil {
			return nil, err
		}
		if err := checkBind(body); err != nil {
			return nil, err
		}
	}
	b := binds.Get().(*Bind)
	if err := b.readHead(r); err != nil {
		b.Free()
		return nil, err
	}
	return b, nil
}

func (b *Bind) readHead(r *Reader) (err error) {
	if b.Portal, err = r.String(); err != nil {
		return err
	}
	if b.Statement, err = r.String(); err != nil {
		return err
	}
	n, err := r.Uint16()
	if err != nil {
		return err
	}
	if 2*n > r.Left() {
		return ErrInsufficient
	}
	for range n {
		code, err := r.Uint16()
		if err != nil {
			return err
		}
		b.Formats = append(b.Formats, int16(code))
	}
	if b.Params, err = r.Uint16(); err != nil {
		return err
	}
	if 4*b.Params > r.Left() {
		return ErrInsufficient
	}
	return nil
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
	// Appended is the value of the parameters that follow the client's, in text format; there are so many Times of it.
	Appended string
	Times    int
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
	if b.Params+rw.Times > maxParams {
		return false, &FormatError{fmt.Sprintf("a statement has at most %d parameters here", maxParams-rw.Times)}
	}
	formats, expanded := b.formatsWith(rw.Times)
	// What ReadBind has consumed of the body, apart from the statement's name, stays as long as it is.
	size := len(b.Portal) + 1 + len(rw.Statement) + 1 + 2 + 2*formats + 2 + r.Left() + rw.Times*(4+len(rw.Appended))
	out := &b.out
	out.w, out.b = w, append(out.b[:0], MsgBind)
	out.b = binary.BigEndian.AppendUint32(out.b, uint32(size+4))
	out.b = AppendString(AppendString(out.b, b.Portal), rw.Statement)
	out.b = binary.BigEndian.AppendUint16(out.b, uint16(formats))
	for i := range formats {
		format := int16(0)
		if i < b.Params || !expanded {
			format = b.Format(i)
		}
		out.b = binary.BigEndian.AppendUint16(out.b, uint16(format))
	}
	out.b = binary.BigEndian.AppendUint16(out.b, uint16(b.Params+rw.Times))

	ok, err = b.writeValues(out, r, rw)
	if err != nil {
		return false, err
	}
	for range rw.Times {
		out.b = append(binary.BigEndian.AppendUint32(out.b, uint32(len(rw.Appended))), rw.Appended...)
	}
	if err := writeResultFormats(out, r); err != nil {
		return false, err
	}
	_, err = w.Write(out.b)
	return ok && err == nil, err
}

// gatherBytes is how much of a message is written at once.
const gatherBytes = 2048

// gatherer gathers what is small, so that a usual message is one Write.
type gatherer struct {
	w io.Writer
	b []byte
}

func (g *gatherer) Write(p []byte) (int, error) {
	if len(g.b)+len(p) <= gatherBytes {
		g.b = append(g.b, p...)
		return len(p), nil
	}
	if _, err := g.w.Write(g.b); err != nil {
		return 0, err
	}
	g.b = g.b[:0]
	return g.w.Write(p)
}

// formatsWith is how many format codes there are with n appended text parameters; expanded says that each parameter has one then.
func (b *Bind) formatsWith(n int) (codes int, expanded bool) {
	if n == 0 || len(b.Formats) == 0 || len(b.Formats) == 1 && b.Formats[0] == 0 {
		return len(b.Formats), false // none and a single text code go for all
	}
	return b.Params + n, true
}

func (b *Bind) writeValues(w *gatherer, r *Reader, rw BindRewrite) (ok bool, err error) {
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
		pass := true
		if len(checked) > 0 && checked[0] == i {
			checked = checked[1:]
			if pass, err = b.checkValue(r, i, n, rw.Check); err != nil {
				return false, err
			}
		}
		if !pass {
			ok, err = false, copyBody(zeros{w}, r, n)
		} else {
			err = copyBody(w, r, n)
		}
		if err != nil {
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
type zeros struct{ w *gatherer }

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
func writeResultFormats(w *gatherer, r *Reader) error {
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
