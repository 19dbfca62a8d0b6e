package proxy

import (
	"fmt"
	"sync/atomic"
	"time"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// settings is what a session has to know of its settings upstream: the search_path, on which every plan depends, and that statement_timeout
// keeps to the tenant's limit. Savepoints, SET LOCAL and rollbacks all move them, so they are not computed here:
// when a statement may have changed them, the upstream is asked before the next one is planned.
type settings struct {
	// path is the effective search_path: schemas that exist, without pg_catalog and pg_temp.
	path []string
	// stale is set when path and statement_timeout may be different now.
	stale bool
	// touched is set while the end of a transaction, inGroup while the next Sync, can undo a change.
	touched, inGroup bool
	// timeout is the limit that statement_timeout keeps to; 0 for none.
	timeout time.Duration
	// shorter is set while the client has made statement_timeout shorter than that. The relay reads it.
	shorter atomic.Bool
}

const (
	searchPathSetting = "search_path"
	timeoutSetting    = "statement_timeout"
)

func (c *rewriterChange) touches() bool {
	return c != nil && (c.All || c.Name == searchPathSetting || c.Name == timeoutSetting)
}

// rewriterChange is a rewriter.SettingChange, for methods.
type rewriterChange rewriter.SettingChange

// ran notes that a plan was sent for execution.
func (s *settings) ran(plan *rewriter.Plan) {
	for i := range plan.Statements {
		if (*rewriterChange)(plan.Statements[i].Setting).touches() {
			s.stale, s.touched, s.inGroup = true, true, true
		}
		switch plan.Statements[i].Kind {
		case rewriter.KindSet, rewriter.KindDiscardAll, rewriter.KindListen, rewriter.KindUnlisten, rewriter.KindNotify:
		case rewriter.KindCommit, rewriter.KindRollback, rewriter.KindRollbackTo:
			s.stale = s.stale || s.touched
		case rewriter.KindInvalid, rewriter.KindEmpty, rewriter.KindSelect, rewriter.KindInsert, rewriter.KindUpdate, rewriter.KindDelete,
			rewriter.KindBegin, rewriter.KindSavepoint, rewriter.KindRelease, rewriter.KindShow, rewriter.KindPrepare, rewriter.KindExecute,
			rewriter.KindDeallocate, rewriter.KindDeclare, rewriter.KindFetch, rewriter.KindClose, rewriter.KindExplain,
			rewriter.KindTemporary, rewriter.KindMerge, rewriter.KindDiscard, rewriter.KindTruncate, rewriter.KindLock, rewriter.KindCopy:
		default:
			s.stale = true // a kind that is not known here may change anything
		}
	}
}

// groupEnded notes a Sync or Query: an implicit transaction has ended.
func (s *settings) groupEnded() { s.stale = s.stale || s.inGroup }

// check refuses a text in which the statement timeout changes before other statements: they would run before it is seen to.
func (s *settings) check(plan *rewriter.Plan, permit limit.Permit) *failure {
	if permit.StatementTimeout <= 0 || len(plan.Statements) < 2 {
		return nil
	}
	for i := range plan.Statements {
		if c := plan.Statements[i].Setting; c != nil && (c.All || c.Name == timeoutSetting) {
			return &failure{state: stateInsufficientRights,
				message: "statement_timeout cannot be changed together with other statements while it is limited",
				hint:    "Send the statement on its own.", limit: limit.StatementTimeout}
		}
	}
	return nil
}

// settle makes the session's settings certain before a statement is planned or executed under permit.
func (s *session) settle(permit limit.Permit) error {
	set := &s.settings
	if !set.stale && set.timeout == permit.StatementTimeout {
		return nil
	}
	if s.up == nil { // nothing is stale then
		s.limitCarried(permit.StatementTimeout)
		return nil
	}
	if err := s.drain(); err != nil {
		return err
	}
	_, status := s.pipe.state()
	if status == 'E' || s.pipe.skips() {
		return nil // nothing but the end of the transaction runs now
	}
	if !set.stale && !s.alone() {
		return nil // a limit that has just changed waits for the transaction's end, which could undo its setting
	}
	return s.resettle(permit.StatementTimeout)
}

// resettle asks for the search_path, when it may be another, and keeps statement_timeout to a limit.
func (s *session) resettle(most time.Duration) error {
	set := &s.settings
	if set.stale {
		rows, err := s.askAtLeisure("SELECT pg_catalog.unnest(pg_catalog.current_schemas(false))")
		if err != nil {
			return err
		}
		set.path = ownSchemas(rows) // plans in the cache may hold the old one
	}
	if err := s.limitTime(most); err != nil {
		return err
	}
	set.stale = false
	set.touched = set.touched && !s.alone()
	set.inGroup = s.open && set.touched
	return nil
}

// limitTime keeps statement_timeout to the tenant's limit: a shorter one that the client has set stays.
func (s *session) limitTime(limit time.Duration) error {
	before, now := s.settings.timeout.Milliseconds(), limit.Milliseconds()
	if limit > 0 && now == 0 {
		now = 1
	}
	if before == 0 && now == 0 {
		return nil
	}
	excess := fmt.Sprintf("t = '%dms'", before)
	if now > 0 {
		excess += fmt.Sprintf(" OR t = '0' OR t > '%dms'", now)
	}
	if !s.user.SessionPool {
		s.pipe.suspects() // what it is now goes with the session
	}
	rows, err := s.ask(fmt.Sprintf("SELECT pg_catalog.set_config('statement_timeout', '%d', false) "+
		"FROM (SELECT pg_catalog.current_setting('statement_timeout')::pg_catalog.interval) AS s(t) WHERE %s", now, excess))
	if err == nil {
		s.settings.timeout = limit
		s.settings.shorter.Store(len(rows) == 0)
	}
	return err
}

const ownName = ownPrefix + "own"

// ask runs a statement of the proxy's own, of one text column, when nothing is outstanding. It must not fail.
func (s *session) ask(sql string) ([]string, error) { return s.askAll(sql) }

// askAtLeisure is ask, and outside of a transaction not held to the statement_timeout that the client has set for its own statements.
func (s *session) askAtLeisure(sql string) ([]string, error) {
	if !s.alone() {
		return s.ask(sql)
	}
	rows, err := s.askAll(leisureText, sql)
	return rows[min(1, len(rows)):], err
}

// askAll runs several, and returns the rows of all. The client's statement_timeout may end them, and then they are asked again where no transaction was lost.
func (s *session) askAll(statements ...string) ([]string, error) {
	alone := s.alone()
	for range maxAsked {
		r := &reply{}
		if err := s.askOnce(r, statements); err != nil {
			return nil, err
		}
		if !r.failed {
			return r.rows, nil
		}
		if !alone || r.state != stateQueryCanceled {
			break
		}
	}
	s.server.log.Error("a statement of the proxy's own failed", "session", s.id)
	return nil, internal()
}

// maxAsked is how often they are asked.
const maxAsked = 1000

func (s *session) askOnce(r *reply, statements []string) error {
	var b []byte
	var kinds []answer
	for _, sql := range statements {
		b = pgwire.AppendClose(b, pgwire.Statement, ownName) // what an error may have left
		b = pgwire.AppendParse(b, ownName, sql, nil)
		b = pgwire.AppendBind(b, ownName, ownName)
		b = pgwire.AppendExecute(b, ownName, 0)
		b = pgwire.AppendClose(b, pgwire.Portal, ownName)
		b = pgwire.AppendClose(b, pgwire.Statement, ownName)
		kinds = append(kinds, answerClose, answerParse, answerBind, answerExecute, answerClose, answerClose)
	}
	if s.open {
		b = pgwire.AppendFlush(b) // a Sync would end the client's transaction
	} else {
		b = pgwire.AppendSync(b)
		kinds = append(kinds, answerSync)
	}
	for _, k := range kinds {
		if _, err := s.expect(expectation{kind: k, mode: skip, name: ownName, reply: r}); err != nil {
			return err
		}
	}
	if _, err := s.up.Write(b); err != nil {
		return s.upstreamGone()
	}
	return s.drain()
}
