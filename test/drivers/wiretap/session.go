package wiretap

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Exchange is one statement with its answer.
type Exchange struct {
	SQL string
	// Simple tells whether it came as a Query.
	Simple bool
	// Types are the oids that Parse gave for parameters.
	Types []uint32
	// Params are what Bind sent: a text, or the bytes of a binary value in hexadecimal behind \x. A NULL is nil.
	Params []*string
	// Answer holds one line for each description, row, command tag, notice and error, in their order.
	Answer []string
}

// session is one connection's record. Requests and answers come from two goroutines.
type session struct {
	mu      sync.Mutex
	done    []*Exchange
	waiting []expected
	parsed  map[string]*Exchange // by statement name: text and types
	portals map[string]*Exchange
}

// expected is a message whose answer has not ended.
type expected struct {
	kind byte
	of   *Exchange // nil for those that run nothing
}

func newSession() *session {
	return &session{parsed: map[string]*Exchange{}, portals: map[string]*Exchange{}}
}

func (s *session) exchanges() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Exchange
	for _, e := range s.done {
		out = append(out, Exchange{e.SQL, e.Simple, e.Types, e.Params, slices.Clone(e.Answer)})
	}
	return out
}

// request reads a message of the client's.
func (s *session) request(kind byte, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case 'Q':
		e := &Exchange{SQL: strings.TrimRight(string(body), "\x00"), Simple: true}
		s.done = append(s.done, e)
		s.waiting = append(s.waiting, expected{'Q', e})
	case 'P':
		var m pgproto3.Parse
		if m.Decode(body) == nil {
			e := &Exchange{SQL: m.Query, Types: slices.Clone(m.ParameterOIDs)}
			s.parsed[m.Name] = e
			s.waiting = append(s.waiting, expected{'P', e})
		}
	case 'B':
		var m pgproto3.Bind
		if m.Decode(body) == nil {
			e := &Exchange{SQL: "(a statement that was not parsed)"}
			if p := s.parsed[m.PreparedStatement]; p != nil {
				e.SQL, e.Types = p.SQL, p.Types
			}
			e.Params = parameters(&m)
			s.portals[m.DestinationPortal] = e
			s.done = append(s.done, e)
			s.waiting = append(s.waiting, expected{'B', e})
		}
	case 'D':
		e := s.portals[strings.TrimRight(string(body[1:]), "\x00")]
		if body[0] == 'S' {
			e = s.parsed[strings.TrimRight(string(body[1:]), "\x00")]
		}
		s.waiting = append(s.waiting, expected{'D', e})
	case 'E':
		name, _, _ := strings.Cut(string(body), "\x00")
		s.waiting = append(s.waiting, expected{'E', s.portals[name]})
	case 'C', 'S':
		s.waiting = append(s.waiting, expected{kind, nil})
	}
}

func parameters(m *pgproto3.Bind) []*string {
	var out []*string
	for i, p := range m.Parameters {
		format := int16(0)
		switch len(m.ParameterFormatCodes) {
		case 0:
		case 1:
			format = m.ParameterFormatCodes[0]
		default:
			format = m.ParameterFormatCodes[i]
		}
		out = append(out, value(p, format))
	}
	return out
}

func value(p []byte, format int16) *string {
	if p == nil {
		return nil
	}
	out := string(p)
	if format != 0 && !printable(p) {
		out = fmt.Sprintf("\\x%x", p)
	}
	return &out
}

func printable(p []byte) bool {
	return utf8.Valid(p) && strings.IndexFunc(string(p), func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }) < 0
}

// answer reads a message of the server's.
func (s *session) answer(kind byte, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return
	}
	first := s.waiting[0]
	say := func(format string, args ...any) {
		if first.of != nil {
			first.of.Answer = append(first.of.Answer, fmt.Sprintf(format, args...))
		}
	}
	switch kind {
	case 't':
		var m pgproto3.ParameterDescription
		if m.Decode(body) == nil {
			say("parameters %v", m.ParameterOIDs)
		}
	case 'T':
		say("%s", described(body))
		s.ended('D')
	case 'n', '1', '2', '3', 's':
		s.ended(first.kind)
	case 'D':
		say("%s", row(body))
	case 'C':
		say("%s", strings.TrimRight(string(body), "\x00"))
		s.ended('E')
	case 'I':
		say("empty")
		s.ended('E')
	case 'N', 'E':
		var m pgproto3.ErrorResponse
		if m.Decode(body) == nil {
			say("%s %s %s", m.Severity, m.Code, m.Message)
		}
		if kind == 'E' {
			s.failed()
		}
	case 'Z':
		s.waiting = s.waiting[1:]
	}
}

// ended takes the first expected answer off when it is one of this kind: those of a Query go on until ReadyForQuery.
func (s *session) ended(kind byte) {
	if s.waiting[0].kind == kind {
		s.waiting = s.waiting[1:]
	}
}

// failed skips to the Sync, as the server does. An error in a Parse is that of the next thing that would have run.
func (s *session) failed() {
	if first := s.waiting[0]; first.kind == 'P' {
		s.blame(first.of)
	}
	for len(s.waiting) > 0 && s.waiting[0].kind != 'S' && s.waiting[0].kind != 'Q' {
		s.waiting = s.waiting[1:]
	}
}

// blame notes a statement that failed when it was parsed, unless it is noted as run already.
func (s *session) blame(parsed *Exchange) {
	for _, w := range s.waiting[1:] {
		if w.kind == 'B' && w.of.SQL == parsed.SQL {
			w.of.Answer = append(w.of.Answer, parsed.Answer...)
			return
		}
	}
	s.done = append(s.done, parsed)
}

func described(body []byte) string {
	var m pgproto3.RowDescription
	if err := m.Decode(body); err != nil {
		return err.Error()
	}
	var out []string
	for _, f := range m.Fields {
		out = append(out, fmt.Sprintf("%s %d", f.Name, f.DataTypeOID))
	}
	return "columns " + strings.Join(out, ", ")
}

func row(body []byte) string {
	var m pgproto3.DataRow
	if err := m.Decode(body); err != nil {
		return err.Error()
	}
	var out []string
	for _, v := range m.Values {
		switch {
		case v == nil:
			out = append(out, "NULL")
		case printable(v):
			out = append(out, string(v))
		default:
			out = append(out, fmt.Sprintf("\\x%x", v))
		}
	}
	return "row " + strings.Join(out, " | ")
}
