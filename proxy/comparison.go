package proxy

import (
	"bytes"
	"encoding/binary"

	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// comparison collects how the upstream describes two statements: in turn the ParameterDescription of each, and its RowDescription or NoData.
type comparison struct {
	described [][]byte
}

// asking is a message of the proxy's own.
type asking struct {
	expectation
	message []byte
}

// compareForm asks the upstream once whether a form is to it what the text is: parameters of the types that were declared, or of a text's where
// the literal has none yet, and the same row. It prepares the form on the way. Outside of transactions alone: an error would end one.
func (s *session) compareForm(f *form, planner Planner, req rewriter.Request) error {
	if !s.alone() {
		return nil
	}
	plan, err := planner.Plan(req)
	if err != nil || plan.Spliced {
		f.state.Store(formBad)
		return nil
	}
	s.pipe.comes()
	shared := f.statement.shared
	asked := &comparison{}
	r := &reply{compared: asked}
	messages := []asking{
		{expectation{kind: answerClose}, pgwire.AppendClose(nil, pgwire.Statement, ownName)}, // what an error may have left
		{expectation{kind: answerParse, name: ownName}, pgwire.AppendParse(nil, ownName, plan.SQL, declaredTypes(&statement{plan: plan}))},
		{expectation{kind: answerDescribe}, pgwire.AppendDescribe(nil, pgwire.Statement, ownName)},
		{expectation{kind: answerClose}, pgwire.AppendClose(nil, pgwire.Statement, ownName)},
	}
	has, old := s.up.statements.find(shared)
	if has || old {
		messages = append(messages, asking{expectation{kind: answerClose}, pgwire.AppendClose(nil, pgwire.Statement, shared.name)})
		s.up.statements.drop(shared)
	}
	if evicted := s.up.statements.add(shared); evicted != nil {
		messages = append(messages, asking{expectation{kind: answerClose, shared: evicted}, pgwire.AppendClose(nil, pgwire.Statement, evicted.name)})
	}
	messages = append(messages,
		asking{expectation{kind: answerParse, shared: shared, anew: has || old}, pgwire.AppendParse(nil, shared.name, shared.text, shared.types)},
		asking{expectation{kind: answerDescribe}, pgwire.AppendDescribe(nil, pgwire.Statement, shared.name)},
		asking{expectation{kind: answerSync}, pgwire.AppendSync(nil)})
	for _, m := range messages {
		m.mode, m.reply = skip, r
		if _, err := s.send(m.expectation, m.message); err != nil {
			return err
		}
	}
	if err := s.drain(); err != nil {
		return err
	}
	row, same := asked.same(f.statement.declared, f.plan.ClientParams)
	if r.failed || !same {
		if !r.failed || lasts(r.state) {
			f.state.Store(formBad)
		}
		return nil
	}
	s.up.statements.describe(shared, row)
	f.state.Store(formGood)
	return nil
}

// same reports whether both were described alike, and returns the RowDescription; noRow when there is none.
func (c *comparison) same(declared []uint32, literals int) (row []byte, same bool) {
	if len(c.described) != 4 || !bytes.Equal(c.described[1], c.described[3]) {
		return nil, false
	}
	text, form := parameterTypes(c.described[0]), parameterTypes(c.described[2])
	if len(form) != len(declared) || len(form) != literals+len(text) {
		return nil, false
	}
	for i, oid := range form {
		switch {
		case i >= literals && oid != text[i-literals]:
			return nil, false
		case i < literals && declared[i] != 0 && oid != declared[i], i < literals && declared[i] == 0 && oid != oidText && oid != oidVarchar:
			return nil, false
		}
	}
	if len(c.described[1]) == 0 {
		return noRow, true
	}
	return c.described[1], true
}

// The types that a text can be without being read anew (src/include/catalog/pg_type.dat).
const (
	oidText    = 25
	oidVarchar = 1043
)

// parameterTypes reads the body of a ParameterDescription.
func parameterTypes(body []byte) []uint32 {
	var types []uint32
	for at := 2; at+4 <= len(body); at += 4 {
		types = append(types, binary.BigEndian.Uint32(body[at:]))
	}
	return types
}

// compares handles the descriptions of a comparison.
func (r *relay) compares(typ byte, body []byte, e *expectation) error {
	if e.kind != answerDescribe {
		return errDesync
	}
	c := e.reply.compared
	switch typ {
	case pgwire.MsgRowDescription:
		c.described = append(c.described, pgwire.Append(nil, typ, body...))
	case pgwire.MsgNoData:
		c.described = append(c.described, nil)
	default:
		c.described = append(c.described, bytes.Clone(body))
		r.take(false, nil)
		return nil
	}
	r.take(false, nil)
	r.pop()
	return nil
}
