package proxy

import (
	"context"

	"pgcordon/policy/catalog"
	"pgcordon/rewriter"
)

// schema is what a session has to know of the catalog beyond the snapshot that the active planner is bound to: its own temporary tables, and
// what a role with the right ddl has changed. As with settings, nothing is computed here: the upstream is asked before the next statement.
type schema struct {
	// temporary are the session's temporary tables; nil for none.
	temporary *catalog.Temporary
	// stale is set when they may be different now; touched while the end of a transaction, inGroup while the next Sync, can change them.
	stale, touched, inGroup bool
	// changed is set when the session has changed the schema since the catalog was read last.
	changed bool
	// own is a planner bound to the catalog as the session's open transaction has changed it; nil for none.
	own Planner
}

// ran notes that a plan was sent for execution.
func (s *schema) ran(plan *rewriter.Plan) {
	for i := range plan.Statements {
		switch plan.Statements[i].Kind {
		case rewriter.KindTemporary, rewriter.KindDiscard, rewriter.KindDiscardAll:
			s.stale, s.touched, s.inGroup = true, true, true
		case rewriter.KindDDL: // code may make temporary tables as well
			s.stale, s.touched, s.inGroup = true, true, true
			s.changed, s.own = true, nil
		case rewriter.KindCommit, rewriter.KindRollback, rewriter.KindRollbackTo:
			s.stale = s.stale || s.touched
			s.own = nil
		}
	}
}

// groupEnded notes a Sync or Query: an implicit transaction has ended.
func (s *schema) groupEnded() {
	s.stale = s.stale || s.inGroup
	s.inGroup = false
}

// ran notes that a plan was sent for execution.
func (s *session) ran(plan *rewriter.Plan) {
	s.settings.ran(plan)
	s.schema.ran(plan)
	s.effects(plan)
	for _, name := range plan.CustomSettings() {
		s.custom = appendCustom(s.custom, &rewriter.SettingChange{Name: name})
	}
	for i := range plan.Statements {
		s.custom = appendCustom(s.custom, plan.Statements[i].Setting)
		c := plan.Statements[i].Setting
		s.resets = s.resets || c != nil && (c.All || c.Reset && c.Name == applicationName)
		if forgetsStatements(&plan.Statements[i]) {
			s.hold = holdAll
		}
	}
}

// settleSchema makes the session's temporary tables certain before a statement is planned.
func (s *session) settleSchema() error {
	if !s.schema.stale {
		return nil
	}
	if err := s.drain(); err != nil {
		return err
	}
	if s.failing() {
		return nil // nothing but the end of the transaction runs now
	}
	rows, err := s.askAtLeisure(catalog.TemporaryQuery)
	if err != nil {
		return err
	}
	if s.schema.temporary, err = catalog.ParseTemporary(rows); err != nil {
		s.server.log.Error("reading the temporary tables failed", "session", s.id, "error", err)
		return internal()
	}
	s.schema.stale = false
	s.schema.touched = s.schema.temporary != nil || s.schema.touched && !s.alone()
	s.schema.inGroup = s.open && s.schema.inGroup
	return nil
}

// failing reports whether the upstream runs nothing now but the end of the transaction. Nothing must be outstanding.
func (s *session) failing() bool {
	_, status := s.pipe.state()
	return status == 'E' || s.pipe.skips()
}

// planner is what plans the session's next statement.
func (s *session) planner() Planner {
	if s.schema.own != nil {
		return s.schema.own
	}
	return s.server.active.Load().Planner
}

// planRequest plans a text. After the session has changed the schema the catalog is read again: for every session when the change
// is certain, for this one alone while it is not; a text that only changes it further need not wait for that.
func (s *session) planRequest(ctx context.Context, req rewriter.Request) (*rewriter.Plan, Planner, *failure) {
	req.Role, req.SearchPath, req.Temporary = s.who.Role, s.settings.path, s.schema.temporary
	req.Admit = func() (func(), *rewriter.Denial) { return s.admitParse(ctx) }
	if s.schema.changed {
		if f := s.readAgain(ctx, req); f != nil {
			return nil, nil, f
		}
	}
	planner := s.planner()
	plan, f := s.plan(planner, req)
	return plan, planner, f
}

// readAgain gives the session a planner that knows what it has changed.
func (s *session) readAgain(ctx context.Context, req rewriter.Request) *failure {
	if err := s.drain(); err != nil {
		return s.unread(err)
	}
	if s.alone() {
		if s.server.refresh == nil {
			return s.unread(nil)
		}
		if err := s.server.refresh(ctx); err != nil {
			return s.unread(err)
		}
		s.schema.changed, s.schema.own = false, nil
		return nil
	}
	if s.schema.own != nil || s.failing() {
		return nil
	}
	active := s.server.active.Load()
	if active.Rebind == nil {
		return s.unread(nil)
	}
	if plan, err := active.Planner.Plan(req); err == nil && changesOnly(plan) {
		return nil
	}
	snapshot, err := catalog.LoadText(s.ask)
	if err != nil {
		return s.unread(err)
	}
	if s.schema.own, err = active.Rebind(snapshot); err != nil {
		return s.unread(err)
	}
	return nil
}

// unread is the failure of a statement that cannot be planned because the catalog could not be read.
func (s *session) unread(err error) *failure {
	s.server.log.Error("the catalog could not be read again after a change of the schema", "session", s.id, "error", err)
	return &failure{state: stateSystemError, message: "the catalog could not be read again after a change of the schema",
		hint: "Try again."}
}

// changesOnly reports whether a plan needs nothing of the catalog: it changes the schema, or is about transactions and settings.
func changesOnly(plan *rewriter.Plan) bool {
	for i := range plan.Statements {
		switch plan.Statements[i].Kind {
		case rewriter.KindDDL, rewriter.KindEmpty, rewriter.KindBegin, rewriter.KindCommit, rewriter.KindRollback, rewriter.KindSavepoint,
			rewriter.KindRelease, rewriter.KindRollbackTo, rewriter.KindSet, rewriter.KindShow:
		default:
			return false
		}
	}
	return true
}

// changesSchema reports whether a plan has a statement that only the right ddl allows.
func changesSchema(plan *rewriter.Plan) bool {
	for i := range plan.Statements {
		if plan.Statements[i].Kind == rewriter.KindDDL {
			return true
		}
	}
	return false
}
