package console

import (
	"context"
	"encoding/binary"

	"pgcordon/proxy/pgwire"
)

// parse prepares a statement. A text of several commands is refused as Postgres does.
func (s *session) parse(h pgwire.Header) error {
	var m pgwire.Parse
	if err := s.text(h, &m); err != nil {
		return err
	}
	list, err := parsed(m.Query)
	switch {
	case err != nil:
		return err
	case len(list) > 1:
		return failf(stateSyntax, "cannot insert multiple commands into a prepared statement")
	case m.Name != "" && s.statements[m.Name] != nil:
		return failf(stateDuplicate, "prepared statement %q already exists", m.Name)
	case len(s.statements) >= maxStatements:
		return failf(stateTooMany, "too many prepared statements")
	}
	st := &statement{}
	if len(list) == 1 {
		st.command = list[0]
	}
	s.statements[m.Name] = st
	s.out = pgwire.Append(s.out, pgwire.MsgParseComplete)
	return nil
}

// bind makes a portal. There are no parameters.
func (s *session) bind() error {
	b, err := pgwire.ReadBind(s.link.In)
	if err != nil {
		return err
	}
	defer b.Free()
	if b.Params != 0 {
		return failf(stateProtocol, "bind message supplies %d parameters, but prepared statement %q requires 0", b.Params, b.Statement)
	}
	n, err := s.link.In.Uint16()
	if err != nil {
		return err
	}
	if 2*n != s.link.In.Left() {
		return pgwire.ErrFormat
	}
	p := &portal{statement: s.statements[b.Statement]}
	if p.statement == nil {
		return noStatement(b.Statement)
	}
	for range n {
		code, err := s.link.In.Uint16()
		if err != nil {
			return err
		}
		if code > 1 {
			return failf(stateInvalid, "unsupported format code: %d", code)
		}
		p.formats = append(p.formats, int16(code))
	}
	v, _ := s.console.shows(p.statement.command)
	if n > 1 && (v == nil || n != len(v.columns)) {
		return failf(stateProtocol, "bind message has %d result formats but query has another number of columns", n)
	}
	if b.Portal != "" && s.portals[b.Portal] != nil {
		return failf(stateDuplicateCursor, "cursor %q already exists", b.Portal)
	}
	if len(s.portals) >= maxPortals {
		return failf(stateTooMany, "too many portals")
	}
	s.portals[b.Portal] = p
	s.out = pgwire.Append(s.out, pgwire.MsgBindComplete)
	return nil
}

func noStatement(name string) *Error {
	if name == "" {
		return failf(stateNoStatement, "unnamed prepared statement does not exist")
	}
	return failf(stateNoStatement, "prepared statement %q does not exist", name)
}

// describe tells what a statement or portal returns.
func (s *session) describe() error {
	m, err := pgwire.ReadTarget(s.link.In)
	if err != nil {
		return err
	}
	var st *statement
	var f formats
	switch m.ObjectType {
	case pgwire.Statement:
		if st = s.statements[m.Name]; st == nil {
			return noStatement(m.Name)
		}
		s.out = pgwire.Append(s.out, pgwire.MsgParameterDescription, binary.BigEndian.AppendUint16(nil, 0)...)
	case pgwire.Portal:
		p := s.portals[m.Name]
		if p == nil {
			return failf(stateNoCursor, "portal %q does not exist", m.Name)
		}
		st, f = p.statement, p.formats
	default:
		return &pgwire.FormatError{Message: "invalid DESCRIBE message subtype"}
	}
	v, err := s.console.shows(st.command)
	switch {
	case err != nil:
		return err
	case v == nil:
		s.out = pgwire.Append(s.out, pgwire.MsgNoData)
	default:
		s.out = appendRowDescription(s.out, v.columns, f)
	}
	return nil
}

// execute runs a portal, or goes on with one that was suspended.
func (s *session) execute(ctx context.Context) error {
	m, err := pgwire.ReadExecute(s.link.In)
	if err != nil {
		return err
	}
	p := s.portals[m.Portal]
	if p == nil {
		return failf(stateNoCursor, "portal %q does not exist", m.Portal)
	}
	if len(p.statement.command.words) == 0 {
		s.out = pgwire.Append(s.out, pgwire.MsgEmptyQuery)
		return nil
	}
	if !p.ran {
		r, err := s.run(ctx, p.statement.command)
		if err != nil {
			return err
		}
		p.ran, p.result = true, r
	}
	_, err = s.send(&p.result, p.formats, int(min(m.MaxRows, 1<<30)))
	return err
}

// close forgets a statement or portal; one that there is not is no error.
func (s *session) close() error {
	m, err := pgwire.ReadTarget(s.link.In)
	if err != nil {
		return err
	}
	switch m.ObjectType {
	case pgwire.Statement:
		delete(s.statements, m.Name)
	case pgwire.Portal:
		delete(s.portals, m.Name)
	default:
		return &pgwire.FormatError{Message: "invalid CLOSE message subtype"}
	}
	s.out = pgwire.Append(s.out, pgwire.MsgCloseComplete)
	return nil
}
