package proxy

import (
	"context"
	"slices"
	"strconv"

	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// PREPARE, EXECUTE and DEALLOCATE as statements. To a client, their names are those of Parse messages too; upstream they are apart
// (package rewriter, prepare.go). So what is decided here is which of the two a client's name means, never whose rows it reaches.

// prepareParse looks at a Parse of such a statement, or of a name that a PREPARE has taken.
func (s *session) prepareParse(name string, st *statement) (*failure, error) {
	if taken, err := s.taken(name); taken || err != nil {
		return duplicateStatement(name), err
	}
	if len(st.plan.Statements) != 1 || st.plan.Statements[0].Kind != rewriter.KindDeallocate {
		return nil, nil
	}
	return s.aimDeallocate(st, &st.plan.Statements[0])
}

// taken reports whether a name stands for a statement already. The unnamed one can always be made anew.
func (s *session) taken(name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	if st, ok := s.known.inGroup(name); ok {
		return st != nil, nil
	}
	_, known := s.known.get(name)
	_, made := s.known.byPrepare(name)
	if !known && !made && !s.known.uncertain(name) || s.pipe.settled() {
		return known || made, nil
	}
	if err := s.drain(); err != nil {
		return false, err
	}
	_, known = s.known.get(name)
	_, made = s.known.byPrepare(name)
	return known || made, nil
}

// prepareQuery looks at such statements in a Query.
func (s *session) prepareQuery(ctx context.Context, st *statement) (*failure, error) {
	for i := range st.plan.Statements {
		switch c := &st.plan.Statements[i]; c.Kind {
		case rewriter.KindPrepare:
			if s.known.full(st.size()) {
				return tooManyStatements(), nil
			}
			other, err := s.named(c.Name)
			if err != nil {
				return nil, err
			}
			if other != nil && other.upstream == "" && len(st.plan.Statements) == 1 {
				return duplicateStatement(c.Name), nil
			}
		case rewriter.KindDeallocate:
			if f, err := s.aimDeallocate(st, c); f != nil || err != nil {
				return f, err
			}
		}
	}
	return s.beforeRun(ctx, st.plan)
}

// aimDeallocate finds out whether a DEALLOCATE is of a statement that a Parse has made.
func (s *session) aimDeallocate(st *statement, c *rewriter.Statement) (*failure, error) {
	if c.Name == "" {
		return nil, nil
	}
	other, err := s.named(c.Name)
	if err != nil || other == nil || other.upstream != "" {
		return nil, err
	}
	if len(st.plan.Statements) > 1 {
		return &failure{state: stateFeatureNotSupported,
			message: `"` + c.Name + `" was prepared by the protocol and cannot be deallocated together with other statements`,
			hint:    "Send the statement on its own."}, nil
	}
	st.deallocates = c.Name
	return nil, nil
}

// changed refuses a portal of FETCH or EXECUTE when what it names may have been made anew since the Bind: servers have been known to read
// the rows of the new by the types of the old.
func (s *session) changed(p *portal) *failure {
	if p.shape == s.shape || !p.statement.follows() {
		return nil
	}
	return &failure{state: "42804", message: "query result type does not match portal result type"}
}

// beforeRun checks the arguments of EXECUTE against the statements that it names, and that FETCH returns the rows that were described.
func (s *session) beforeRun(ctx context.Context, plan *rewriter.Plan) (*failure, error) {
	if !s.channels.listen(plan, s.who.Tenant) {
		return tooManyChannels(), nil
	}
	var inText map[string]*rewriter.Plan
	for i := range plan.Statements {
		switch c := &plan.Statements[i]; c.Kind {
		case rewriter.KindPrepare:
			if inText == nil {
				inText = map[string]*rewriter.Plan{}
			}
			inText[c.Name] = c.Prepared.Plan
			s.shape++
		case rewriter.KindDeallocate, rewriter.KindDeclare, rewriter.KindClose, rewriter.KindDiscardAll:
			s.shape++
		case rewriter.KindFetch:
			if f, err := s.fetches(ctx, c.Name); f != nil || err != nil {
				return f, err
			}
		}
		if c := &plan.Statements[i]; c.Executes {
			prepared := inText[c.Name]
			if prepared == nil {
				st, f, err := s.executed(ctx, c.Name)
				if f != nil || err != nil {
					return f, err
				}
				if st == nil {
					continue // the upstream says that it does not exist
				}
				prepared = st.plan
			}
			if d := plan.CheckExecute(c, prepared, s.who.Tenant); d != nil {
				s.server.observer.Decided(Decision{Session: s.id, Identity: s.who, Denial: d})
				return denied(d), nil
			}
		}
	}
	return nil, nil
}

// executed finds what an EXECUTE names, under the policy that holds now.
func (s *session) executed(ctx context.Context, name string) (*statement, *failure, error) {
	if err := s.drain(); err != nil {
		return nil, nil, err
	}
	planner := s.planner()
	st, ok := s.known.byPrepare(name)
	if !ok {
		if _, parsed := s.known.get(name); parsed {
			return nil, &failure{state: stateFeatureNotSupported, message: `"` + name + `" was prepared by the protocol and cannot be run by EXECUTE`,
				hint: "Use PREPARE, or a Bind message."}, nil
		}
		if planner != s.firstPlanner { // a PREPARE whose end was not seen would not have been planned by this one
			f := noSuchStatement(name)
			f.early = false
			return nil, f, nil
		}
		return nil, nil, nil
	}
	if f := s.replanMade(ctx, st); f != nil {
		return nil, f, nil
	}
	return st, nil, nil
}

// replanMade makes what PREPARE has made follow a policy that was loaded after it.
func (s *session) replanMade(ctx context.Context, st *statement) *failure {
	if st.planner == s.planner() && !s.schema.changed {
		return nil
	}
	fresh, planner, f := s.planRequest(ctx, rewriter.Request{SQL: st.sql, Protocol: st.protocol, ParamTypes: st.types})
	if f != nil {
		return f
	}
	if fresh.SQL != st.whole.SQL || !slices.Equal(fresh.Tenants, st.whole.Tenants) {
		return planChanged()
	}
	st.planner = planner
	return nil
}

// executing is the command tag of what an EXECUTE runs, where it differs from the upstream's; empty for other statements. It belongs to the relay.
func (s *session) executing(run *execution) string {
	if run.plan == nil || run.statement >= len(run.plan.Statements) {
		return ""
	}
	c := &run.plan.Statements[run.statement]
	if c.Kind != rewriter.KindExecute {
		return ""
	}
	st, ok := s.known.byPrepare(c.Name)
	if !ok {
		return ""
	}
	return st.plan.Statements[0].Tag
}

// namesPrepared reports whether a statement of the plan makes, runs or drops prepared statements by name.
func namesPrepared(plan *rewriter.Plan) bool {
	for i := range plan.Statements {
		switch plan.Statements[i].Kind {
		case rewriter.KindPrepare, rewriter.KindDeallocate, rewriter.KindDiscardAll:
			return true
		}
		if plan.Statements[i].Executes {
			return true
		}
	}
	return false
}

// forgot notes by its tag that a statement has dropped all prepared statements. What was bound to the name of a portal does not tell that: a cursor can have taken
// its place, and what other sessions have prepared on the connection is counted on. It belongs to the relay.
func (s *session) forgot(typ byte, tag []byte, up *upstream) {
	if typ != pgwire.MsgCommandComplete {
		return
	}
	switch string(tag) {
	case "DEALLOCATE ALL\x00", "DISCARD ALL\x00":
		s.known.deallocateAll()
		up.statements.clear()
	}
}

// mayHaveForgotten notes the error of a plan that drops all prepared statements: no rollback brings them back, and the error can be that of the COMMIT behind it,
// which comes in the place of the tag. It belongs to the relay.
func (e *expectation) mayHaveForgotten(up *upstream) {
	if e != nil && e.run != nil && e.run.plan != nil && slices.ContainsFunc(e.run.plan.Statements, func(c rewriter.Statement) bool { return forgetsStatements(&c) }) {
		up.statements.doubt()
	}
}

// completed notes that a statement has ended without an error. It belongs to the relay.
func (s *session) completed(run *execution) {
	i := run.statement
	if run.plan == nil || run.made == nil || i >= len(run.plan.Statements) {
		return
	}
	switch c := &run.plan.Statements[i]; c.Kind {
	case rewriter.KindPrepare:
		s.known.prepare(c.Name, &statement{sql: run.made.sql, types: run.made.types, plan: c.Prepared.Plan, planner: run.made.planner,
			upstream: c.Prepared.Upstream, whole: run.plan, protocol: run.made.protocol})
	case rewriter.KindExecute:
		run.executed = s.executing(run)
	case rewriter.KindDeallocate:
		switch {
		case c.Name == "": // forgot has seen it
		case run.made.deallocates != "":
			s.known.forget(run.made.deallocates)
		default:
			s.known.deallocate(c.Name)
		}
	}
}

// clientMessage gives the message of an error the names that the client has given, and takes hints away that name what is hidden.
func (e *expectation) clientMessage(response []byte) []byte {
	if e == nil || e.mode != forward {
		return response
	}
	var plan *rewriter.Plan
	switch {
	case e.statement != nil && e.statement.whole != nil:
		plan = e.statement.whole
	case e.statement != nil:
		plan = e.statement.plan
	case e.run != nil:
		plan = e.run.text()
	}
	if plan == nil {
		return response
	}
	fields := pgwire.Fields(response[pgwire.HeaderBytes:])
	position, _ := strconv.Atoi(fields.Get(pgwire.FieldPosition)) // absent is 0
	message, hint := fields.Get(pgwire.FieldMessage), fields.Get(pgwire.FieldHint)
	ownMessage, ownHint := plan.ClientMessage(message, position), plan.ClientHint(hint)
	if ownMessage == message && ownHint == hint {
		return response
	}
	return fields.AppendReplaced(nil, response[0], func(code byte, value string) string {
		switch code {
		case pgwire.FieldMessage:
			return ownMessage
		case pgwire.FieldHint:
			return ownHint
		}
		return value
	})
}

func duplicateStatement(name string) *failure {
	return &failure{state: "42P05", message: `prepared statement "` + name + `" already exists`}
}

func tooManyStatements() *failure {
	return &failure{state: stateLimitExceeded, message: "too many prepared statements", hint: "Close those that are not used any more."}
}

// forgetsStatements reports whether a statement drops all prepared statements of its session: what is prepared on the connection is certain
// only when it has ended.
func forgetsStatements(c *rewriter.Statement) bool {
	return c.Kind == rewriter.KindDiscardAll || c.Kind == rewriter.KindDeallocate && c.Name == ""
}
