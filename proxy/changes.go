package proxy

import (
	"bytes"
	"strconv"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// How many rows a statement has changed is told by its command tag, when it has run. So a statement that may change more than it is allowed
// must not be committed before its tag was read:
//
//	in a Query outside of a transaction   it runs between BEGIN and COMMIT; COMMIT is sent once the tag is known, and the client is not
//	                                      told of success before it has worked (queryWhole)
//	in the extended protocol              nothing is sent behind its Execute until that has ended, so no Sync and no COMMIT
//	in a transaction                      the same, in both protocols
//
// Beyond the limit the client gets the error in the place of the tag, and the upstream is made to fail as well (relay.overrun). The rows of
// COPY FROM STDIN are counted as they come. What cannot be counted is refused: changes in WITH, whose number no tag tells, and statements whose
// rows are fetched in parts, whose tag comes last.
//
// A statement whose text says that it changes few enough, as INSERT with VALUES, needs none of this.

// countsChanges reports whether statements of a plan have to be counted for the limit, or why they cannot run under it.
func (s *session) countsChanges(plan *rewriter.Plan, permit *limit.Permit) (bool, *failure) {
	if f := s.full(plan); f != nil {
		return false, f
	}
	most := permit.ChangesPerStatement
	if most <= 0 {
		return false, nil
	}
	counts, ends, copies := false, false, false
	for i := range plan.Statements {
		c := &plan.Statements[i]
		switch c.Kind {
		case rewriter.KindCommit, rewriter.KindRollback:
			ends = true
			continue
		}
		changes, known := s.changesOf(plan, i)
		switch {
		case known && !exceeds(changes, most):
		case known && changes.Uncounted:
			return false, uncountable(permit)
		case c.Copy != nil: // counts its rows as they come
			copies = true
		default:
			counts = true
		}
	}
	if counts && (ends || copies) {
		return false, &failure{state: stateFeatureNotSupported, limit: limit.ChangesPerStatement,
			message: "COMMIT, ROLLBACK and COPY FROM STDIN cannot be sent together with statements whose changed rows are limited",
			hint:    "Send each on its own."}
	}
	return counts, nil
}

// full is the failure of a plan that adds rows while the tenant has as many as it may; nil for others.
func (s *session) full(plan *rewriter.Plan) *failure {
	e := s.seat.Full()
	if e == nil {
		return nil
	}
	for i := range plan.Statements {
		if c, known := s.changesOf(plan, i); known && c.Adds {
			return exceeded(e)
		}
	}
	return nil
}

// exceeds reports whether a statement may change more rows than most, as far as its text tells.
func exceeds(c *rewriter.Changes, most int64) bool {
	return c.Any && (c.AtMost == 0 || int64(c.AtMost) > most)
}

// changesOf are the changes of a plan's statement; of an EXECUTE, those of what it runs, if that is known, and of a FETCH those of the portal's. The tag of a FETCH
// does not count them, nor that of an EXPLAIN of an EXECUTE.
func (s *session) changesOf(plan *rewriter.Plan, i int) (_ *rewriter.Changes, known bool) {
	c := &plan.Statements[i]
	if c.Kind == rewriter.KindFetch {
		return s.changesOfPortal(c.Name)
	}
	if !c.Executes {
		return &c.Changes, true
	}
	changes, known := s.changesOfPrepared(plan, i)
	switch {
	case c.Kind == rewriter.KindExecute:
		return changes, known
	case !c.Writes:
		return &c.Changes, true
	case known && !changes.Any:
		return changes, true
	}
	return &rewriter.Changes{Any: true, Adds: !known || changes.Adds, Uncounted: true}, true
}

// changesOfPortal are those of what a FETCH runs, which fetches has looked at; none of a cursor's.
func (s *session) changesOfPortal(name string) (_ *rewriter.Changes, known bool) {
	p := s.portals[name]
	if p == nil || p.statement == nil || len(p.statement.plan.Statements) != 1 || p.statement.plan.Statements[0].Kind == rewriter.KindFetch {
		return &rewriter.Changes{}, true
	}
	changes, known := s.changesOf(p.statement.plan, 0)
	if !known || !changes.Any {
		return changes, known
	}
	uncounted := *changes
	uncounted.Uncounted = true
	return &uncounted, true
}

// changesOfPrepared are those of what the statement at i executes.
func (s *session) changesOfPrepared(plan *rewriter.Plan, i int) (_ *rewriter.Changes, known bool) {
	c := &plan.Statements[i]
	for ; i > 0; i-- { // the last one before it
		if p := &plan.Statements[i-1]; p.Kind == rewriter.KindPrepare && p.Name == c.Name {
			return &p.Prepared.Plan.Statements[0].Changes, true
		}
	}
	if st, ok := s.known.byPrepare(c.Name); ok {
		return &st.plan.Statements[0].Changes, true
	}
	return nil, false
}

func uncountable(permit *limit.Permit) *failure {
	f := exceeded(permit.ChangesExceeded())
	f.state, f.message = stateFeatureNotSupported, "rows that this statement changes cannot be counted, and they are limited to "+
		strconv.FormatInt(permit.ChangesPerStatement, 10)
	f.hint = "Change rows by INSERT, UPDATE, DELETE or MERGE without another one of them in WITH, and do not fetch in parts what they return."
	return f
}

// changed looks at the end of a statement whose changed rows are counted, and notes when they are too many.
func (run *execution) changed(typ byte, tag []byte) {
	if !run.counts || run.over {
		return
	}
	if typ == pgwire.MsgPortalSuspended {
		run.over, run.excess = true, uncountable(&run.permit)
		return
	}
	if typ == pgwire.MsgCommandComplete && changedRows(tag) > run.permit.ChangesPerStatement {
		run.over, run.excess = true, exceeded(run.permit.ChangesExceeded())
	}
}

// changedRows is the number in the command tag of a statement that changes rows; 0 of others.
func changedRows(tag []byte) int64 {
	words := bytes.Fields(bytes.TrimSuffix(tag, []byte{0}))
	if len(words) < 2 {
		return 0
	}
	switch string(words[0]) {
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		n, _ := strconv.ParseInt(string(words[len(words)-1]), 10, 64) // there is always a number
		return n
	}
	return 0
}

// holdBack keeps the end of the last statement until the transaction around the execution has ended.
func (run *execution) holdBack(typ byte, body, tag []byte) bool {
	if typ != pgwire.MsgCommandComplete || run.plan == nil || run.statement != len(run.plan.Statements) {
		return false
	}
	if tag == nil {
		tag = pgwire.Append(nil, typ, body...)
	}
	run.held = tag
	return true
}

// success is what the client is told when the transaction around an execution has ended; nothing for no execution.
func (run *execution) success() []byte {
	if run == nil {
		return nil
	}
	return run.held
}

// tooManyRows is the failure of a COPY FROM STDIN that has sent more rows than a statement may change; nil for another.
func (s *session) tooManyRows() *failure {
	in := s.copy
	if in == nil || in.rows == nil || in.permit.ChangesPerStatement <= 0 || in.rows.Rows() <= in.permit.ChangesPerStatement {
		return nil
	}
	return exceeded(in.permit.ChangesExceeded())
}
