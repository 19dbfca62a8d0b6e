package copyin

import (
	"errors"
	"fmt"
	"strings"

	"pgcordon/policy"
)

// Format is the format of the rows (Postgres manual, "COPY", "File Formats").
type Format uint8

// The formats.
const (
	Text Format = iota
	CSV
	Binary
)

// Header is what the first line is.
type Header uint8

// The values of COPY's option HEADER.
const (
	NoHeader Header = iota
	SkipHeader
	MatchHeader
)

// Spec says how the rows are written, and what their tenant is.
type Spec struct {
	Format                   Format
	Delimiter, Quote, Escape byte
	Null                     string
	// Default is the text that stands for a column's default; nil for none.
	Default *string
	Header  Header
	// CSVEndMark is set for servers before 18, where a line of CSV that holds only \. ends the data.
	CSVEndMark bool
	// Columns is how many columns the client's rows have.
	Columns int
	// Column is the tenant column's name, and Index where the client's rows hold it; -1 when it is added in front.
	Column string
	Index  int
	Tenant policy.TenantID
	Type   policy.ColumnType
	// ForceNull and ForceNotNull are set when the options FORCE_NULL and FORCE_NOT_NULL name the tenant column.
	ForceNull, ForceNotNull bool
	// Same reports whether a value of the client's is the tenant's id.
	Same func(value []byte, binary bool) bool
}

// ErrMismatch is the error for a row that gives another tenant.
var ErrMismatch = errors.New("a row holds another tenant")

// FieldCountError is what Postgres says of a row in binary format with another number of columns: SQLSTATE 22P04.
type FieldCountError struct {
	Got, Want int
	Row       int64
}

func (e *FieldCountError) Error() string {
	return fmt.Sprintf("row field count is %d, expected %d", e.Got, e.Want)
}

const (
	// softLimit is how long the output may be when another row begins, in bytes.
	softLimit = 32 << 10
	// maxValueBytes is the longest spelling of a tenant's id in a row.
	maxValueBytes = 4 << 10
)

// Transformer is the machine for one COPY.
type Transformer struct {
	machine machine
	leads   []string
}

// machine is one format's part. run appends the output for the next piece to dst and returns how much of the piece it has consumed: all of it, but
// for an output over softLimit. finish appends what was held back when the data ends.
type machine interface {
	run(dst, piece []byte) ([]byte, int, error)
	finish(dst []byte) ([]byte, error)
	rows() int64
}

// New returns a transformer, or an error for a spec that Postgres could read differently.
func New(s Spec) (*Transformer, error) {
	if s.Index >= s.Columns || s.Index < -1 || s.Same == nil || !s.Tenant.IsValid() {
		return nil, errors.New("copyin: incomplete spec")
	}
	if s.Format == Binary {
		value, err := binaryValue(s.Type, s.Tenant.String())
		if err != nil {
			return nil, err
		}
		return &Transformer{machine: &binaryRows{spec: s, value: value}}, nil
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	l := &lines{spec: s, csv: s.Format == CSV, quote: s.Quote, escape: s.Escape}
	if !l.csv {
		l.value = s.textValue(s.Tenant.String())
		l.header = append(s.textValue(s.Column), s.Delimiter)
	} else {
		l.value = s.csvValue(s.Tenant.String())
		l.header = append(s.csvValue(s.Column), s.Delimiter)
	}
	l.prefix = append(append([]byte{}, l.value...), s.Delimiter)
	t := &Transformer{machine: l, leads: []string{""}}
	if s.Index < 0 {
		t.leads = []string{string(l.prefix), string(l.header)}
	}
	l.begin()
	return t, nil
}

// check refuses what Postgres refuses in the options, as far as the machine relies on it, and the few characters that Postgres accepts
// and the machine does not know.
func (s *Spec) check() error {
	bad := func(c byte) bool { return c == '\r' || c == '\n' || c == 0 || c >= 0x80 }
	newline := func(t string) bool { return strings.ContainsAny(t, "\r\n") }
	switch {
	case bad(s.Delimiter), newline(s.Null), s.Default != nil && newline(*s.Default):
	case s.Format == Text && strings.IndexByte("\\.abcdefghijklmnopqrstuvwxyz0123456789", s.Delimiter) >= 0:
	case s.Format == CSV && (bad(s.Quote) || bad(s.Escape) || s.Quote == s.Delimiter || s.Quote == '\\' || s.Quote == '.'):
	case s.Format == CSV && s.Default != nil && strings.IndexByte(*s.Default, s.Quote) >= 0:
	default:
		return nil
	}
	return errors.New("copyin: these options are not supported")
}

// Append appends to dst the server's bytes for the next bytes of the client's, and returns how many of them it has consumed: call it again
// with the rest, and dst emptied. The error is ErrMismatch or a *FieldCountError; then COPY must be failed.
func (t *Transformer) Append(dst, piece []byte) ([]byte, int, error) {
	return t.machine.run(dst, piece)
}

// Finish appends what is left when the client's data ends.
func (t *Transformer) Finish(dst []byte) ([]byte, error) { return t.machine.finish(dst) }

// Rows is how many rows have come so far; the last one, behind which no line has ended, counts after Finish.
func (t *Transformer) Rows() int64 { return t.machine.rows() }

// Leads are what can stand in front of a line that was not in the client's; empty texts for nothing.
func (t *Transformer) Leads() []string { return t.leads }
