package proxy

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// Prepared statements have names of the client's in its session only (prepared.go). Upstream a statement is named after its text, and all sessions whose
// statements have the same text, parameter types and settings share it: whoever gets to a connection first prepares it there, in front of the Bind that needs it.
// What the upstream has parsed once need not be parsed again to tell a client that it can be: that Parse is answered here.

// sharedStatement is a statement that connections know by the same name.
type sharedStatement struct {
	name  string
	text  string
	types []uint32
	// known is set when an upstream has parsed it.
	known atomic.Bool
	// version counts how often its meaning was found to have changed: connections that have prepared an older one prepare it again.
	version atomic.Uint32
	key     string
	// fingerprint is the plan's, for people.
	fingerprint atomic.Pointer[string]
	// alone is set for one that only its session has.
	alone bool
}

// sharedTable finds the statements by what they are. It is bounded; what it forgets goes on under its name for those who have it.
type sharedTable struct {
	mu     sync.Mutex
	byKey  map[string]*list.Element // of *sharedStatement
	recent *list.List               // the most recently used one in front
	bytes  int
	// seen are texts that were prepared without a name once: a second time they get one upstream.
	seen map[[8]byte]struct{}
	made uint64
}

// maxSharedBytes bounds the texts of a sharedTable; maxSeen the texts that were seen once.
const (
	maxSharedBytes = 64 << 20
	maxSeen        = 1 << 16
)

func newSharedTable() *sharedTable {
	return &sharedTable{byKey: make(map[string]*list.Element), recent: list.New(), seen: make(map[[8]byte]struct{})}
}

// get returns the statement of this text, types and settings. Without always, one that was not asked for before is nil.
func (t *sharedTable) get(text string, types []uint32, settings string, always bool) *sharedStatement {
	key := make([]byte, 0, len(text)+4*len(types)+len(settings)+8)
	key = binary.BigEndian.AppendUint32(key, uint32(len(types)))
	for _, oid := range types {
		key = binary.BigEndian.AppendUint32(key, oid)
	}
	key = append(append(append(key, settings...), 0), text...)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byKey[string(key)]; e != nil {
		t.recent.MoveToFront(e)
		return e.Value.(*sharedStatement)
	}
	sum := sha256.Sum256(key)
	mark := [8]byte(sum[:8])
	if !always {
		if _, again := t.seen[mark]; !again {
			if len(t.seen) >= maxSeen {
				clear(t.seen)
			}
			t.seen[mark] = struct{}{}
			return nil
		}
		delete(t.seen, mark)
	}
	// The number makes the name one of its own when two texts have the same hash, or one was forgotten and is back.
	t.made++
	s := &sharedStatement{name: ownPrefix + hex.EncodeToString(sum[:8]) + "." + strconv.FormatUint(t.made, 36), text: text, types: types, key: string(key)}
	t.byKey[s.key] = t.recent.PushFront(s)
	t.bytes += s.size()
	for t.bytes > maxSharedBytes && t.recent.Len() > 1 {
		last := t.recent.Remove(t.recent.Back()).(*sharedStatement)
		delete(t.byKey, last.key)
		t.bytes -= last.size()
	}
	return s
}

func (s *sharedStatement) size() int { return len(s.key) + len(s.text) + 256 }

// statements are those that a connection has prepared, or that are under way to it.
type statements struct {
	mu     sync.Mutex
	known  map[*sharedStatement]*list.Element // of *preparedOn
	recent *list.List
	// unnamed is what the connection knows without a name; nil when that is not certain.
	unnamed *statement
	most    int
}

type preparedOn struct {
	statement *sharedStatement
	version   uint32
	at        time.Time
	// row is its RowDescription on the connection, noRow when it has none; nil while that is not known.
	row []byte
}

// trusted is how long what one client has prepared is described to another that prepares it, before it is prepared anew: the schema may have changed.
const trusted = time.Second

// outdate makes a statement one of an older version if it was prepared long ago.
func (s *statements) outdate(st *sharedStatement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known[st]; e != nil && time.Since(e.Value.(*preparedOn).at) > trusted {
		e.Value.(*preparedOn).version = st.version.Load() - 1
	}
}

// find reports whether the connection has the statement, and whether it has an older version of it.
func (s *statements) find(st *sharedStatement) (has, old bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[st]
	if e == nil {
		return false, false
	}
	s.recent.MoveToFront(e)
	old = e.Value.(*preparedOn).version != st.version.Load()
	return !old, old
}

// row returns the RowDescription of a statement, if it is known; missing is set when the connection has to prepare the statement first.
func (s *statements) row(st *sharedStatement) (row []byte, missing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[st]
	if e == nil || e.Value.(*preparedOn).version != st.version.Load() {
		return nil, true
	}
	s.recent.MoveToFront(e)
	return e.Value.(*preparedOn).row, false
}

// maxRow bounds the descriptions that are kept: longer ones are asked for each time.
const maxRow = 8 << 10

// describe keeps the RowDescription of a statement.
func (s *statements) describe(st *sharedStatement, row []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known[st]; e != nil && len(row) <= maxRow {
		e.Value.(*preparedOn).row = row
	}
}

// add notes a statement that is about to be prepared, and returns the one that has to go for it; nil for none.
func (s *statements) add(st *sharedStatement) (evicted *sharedStatement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known, s.recent = make(map[*sharedStatement]*list.Element), list.New()
	}
	if len(s.known) >= s.most {
		evicted = s.recent.Remove(s.recent.Back()).(*preparedOn).statement
		delete(s.known, evicted)
	}
	s.known[st] = s.recent.PushFront(&preparedOn{statement: st, version: st.version.Load(), at: time.Now()})
	return evicted
}

// drop notes that the connection does not have a statement.
func (s *statements) drop(st *sharedStatement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known[st]; e != nil {
		s.recent.Remove(e)
		delete(s.known, st)
	}
}

// keep notes that the connection still has a statement, of which it cannot be said which version.
func (s *statements) keep(st *sharedStatement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known[st]; e != nil {
		s.recent.Remove(e)
	}
	s.known[st] = s.recent.PushBack(&preparedOn{statement: st, version: st.version.Load() - 1})
}

// doubt notes that the connection may have lost them: each is closed and prepared again before it is used, which works in either case.
func (s *statements) doubt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st, e := range s.known {
		e.Value.(*preparedOn).version = st.version.Load() - 1
	}
	s.unnamed = nil
}

// clear notes that the connection has none.
func (s *statements) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known != nil {
		clear(s.known)
		s.recent.Init()
	}
	s.unnamed = nil
}

func (s *statements) setUnnamed(st *statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unnamed = st
}

func (s *statements) isUnnamed(st *statement) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unnamed == st
}

// share decides under which name the upstream knows a statement that the client prepares.
func (s *session) share(name string, st *statement) {
	text := st.text(s.who.Tenant)
	st.declared = declaredTypes(st)
	// What FETCH and EXECUTE return is that of what this session gave the name to when they are parsed.
	if st.deallocates != "" || st.follows() || st.plan.ReadsClock() || s.schema.temporary != nil || s.schema.changed || s.schema.own != nil || s.adrift() ||
		text != st.plan.SQL {
		if name != "" {
			st.shared = s.unshared(text, st.declared)
		}
		return
	}
	st.under = s.parsing()
	st.shared = s.server.shared.get(text, st.declared, st.under, name != "")
	if st.shared != nil && st.shared.fingerprint.Load() == nil {
		st.shared.fingerprint.Store(&st.plan.Fingerprint)
	}
}

// unshared returns a statement that is this session's alone.
func (s *session) unshared(text string, types []uint32) *sharedStatement {
	return newPrivate(s.server.lastPrivate.Add(1), text, types)
}

func newPrivate(number uint64, text string, types []uint32) *sharedStatement {
	return &sharedStatement{name: ownPrefix + "own." + strconv.FormatUint(number, 36), text: text, types: types, alone: true}
}

// adrift reports whether settings on which the meaning of a text depends may be others now than those that the session's statements are shared by: what is
// prepared then, or prepared again by the upstream itself, is this session's alone.
func (s *session) adrift() bool {
	s.drifted = s.drifted && !(s.alone() && !s.pipe.isSuspect())
	return s.drifted
}

func (p *pipeline) isSuspect() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.suspect
}

// drifts reports whether a plan may change such a setting.
func drifts(plan *rewriter.Plan) bool {
	for i := range plan.Statements {
		switch plan.Statements[i].Kind {
		case rewriter.KindExecute, rewriter.KindDiscardAll, rewriter.KindDDL:
			return true
		}
		if c := plan.Statements[i].Setting; c != nil && (c.All || !harmless(c.Name)) {
			return true
		}
	}
	return plan.Effects&rewriter.EffectUnknown != 0 || slices.ContainsFunc(plan.ConfiguredSettings(), func(name string) bool { return !harmless(name) })
}

// harmless reports whether it is certain that the meaning of a text does not depend on a setting.
func harmless(name string) bool {
	switch name {
	case applicationName, timeoutSetting, "lock_timeout", "idle_in_transaction_session_timeout", "client_min_messages", "extra_float_digits",
		"bytea_output", "synchronous_commit", "work_mem", "transaction_isolation", "transaction_read_only", "transaction_deferrable",
		"default_transaction_isolation", "default_transaction_read_only", "default_transaction_deferrable":
		return true
	}
	return strings.Contains(name, ".")
}

// parsing are the settings of the session, and of its connections from their start, on which it may depend what a text means to the upstream: all but those of
// which it is certain that they do not.
func (s *session) parsing() string {
	if s.carried == s.parsedUnder.of {
		return s.parsedUnder.text
	}
	c := s.carried
	for name := range c.values {
		if harmless(name) {
			c = c.with(name, "")
		}
	}
	s.parsedUnder.of, s.parsedUnder.text = s.carried, c.text
	return c.text
}

// declaredTypes are the parameter types that the upstream gets: the client's, and the tenant's behind them.
func declaredTypes(st *statement) []uint32 {
	types := st.plan.ParamTypes
	if appended := st.plan.Appended(); len(appended) > 0 {
		types = append(make([]uint32, 0, st.plan.ClientParams+len(appended)), types...)
		types = append(types, make([]uint32, max(0, st.plan.ClientParams-len(types)))...)
		for _, t := range appended {
			types = append(types, t.OID)
		}
	}
	return types
}

// onUpstream returns the name by which the session's connection knows a statement, and prepares it there if it has to be. outcome is accepted, or what
// became of the Parse.
func (s *session) onUpstream(st *statement, client string) (name string, outcome pushed, err error) {
	switch {
	case st.upstream != "": // made by PREPARE
		return st.upstream, accepted, nil
	case st.shared == nil:
		if s.up.statements.isUnnamed(st) {
			return "", accepted, nil
		}
		outcome, err = s.prepareOn(expectation{kind: answerParse, mode: quiet, statement: st}, st)
		return "", outcome, err
	}
	switch drifts := s.adrift() || st.under != s.parsing(); {
	case drifts && !st.shared.alone: // what is prepared now means what the session has set since
		st.shared, st.common = s.unshared(st.shared.text, st.shared.types), st.shared
	case !drifts && st.common != nil:
		st.shared, st.common = st.common, nil
	}
	if has, _ := s.up.statements.find(st.shared); has {
		return st.shared.name, accepted, nil
	}
	outcome, err = s.prepareOn(expectation{kind: answerParse, mode: quiet, statement: st}, st)
	return st.shared.name, outcome, err
}

// prepareOn sends the Parse of a statement; e is what becomes of its answer.
func (s *session) prepareOn(e expectation, st *statement) (pushed, error) {
	all := &s.up.statements
	s.work.upstreamParses.Add(1)
	if st.shared == nil {
		e.unnamed = true
		all.setUnnamed(st) // before it is sent: the relay takes that back when the upstream skips it
		outcome, err := s.send(e, pgwire.AppendParse(nil, "", st.text(s.who.Tenant), st.declared))
		if outcome != accepted || err != nil {
			all.setUnnamed(nil)
		}
		return outcome, err
	}
	if has, old := all.find(st.shared); has || old {
		if outcome, err := s.closeShared(st.shared); err != nil || outcome != accepted {
			return outcome, err
		}
		e.anew = true
	}
	e.shared = st.shared
	evicted := all.add(st.shared)
	outcome, err := s.send(e, pgwire.AppendParse(nil, st.shared.name, st.shared.text, st.shared.types))
	if err != nil || outcome != accepted {
		all.drop(st.shared)
		if evicted != nil {
			all.keep(evicted)
		}
		return outcome, err
	}
	if evicted != nil {
		return s.closeShared(evicted)
	}
	return accepted, nil
}

func (s *session) closeShared(st *sharedStatement) (pushed, error) {
	s.up.statements.drop(st)
	outcome, err := s.send(expectation{kind: answerClose, mode: quiet, shared: st}, pgwire.AppendClose(nil, pgwire.Statement, st.name))
	if outcome != accepted {
		s.up.statements.keep(st)
	}
	return outcome, err
}

// droppedName is what DEALLOCATE of a client's statement drops upstream: its own is the proxy's to keep.
const droppedName = ownPrefix + "drop"

// beforeSending prepares the connection for a statement that is about to run on it.
func (s *session) beforeSending(st *statement) error {
	if st.deallocates == "" {
		return nil
	}
	outcome, err := s.send(expectation{kind: answerClose, mode: quiet}, pgwire.AppendClose(nil, pgwire.Statement, droppedName))
	if err == nil && outcome == accepted {
		_, err = s.send(expectation{kind: answerParse, mode: quiet}, pgwire.AppendParse(nil, droppedName, "", nil))
	}
	return err
}

// notPrepared notes what has not come about on a connection because of an error, of this message or, when it was skipped, of one before it.
func (r *relay) notPrepared(e *expectation, skipped bool) {
	switch {
	case e.shared != nil && e.kind == answerParse && e.anew && skipped: // and so was the Close in front
		r.up.statements.keep(e.shared)
	case e.shared != nil && e.kind == answerParse:
		r.up.statements.drop(e.shared)
	case e.shared != nil && e.kind == answerClose:
		r.up.statements.keep(e.shared)
	case e.unnamed:
		r.up.statements.setUnnamed(nil)
	}
}

// answerHere gives an answer of the proxy's own, when all that was asked before has been answered.
func (s *session) answerHere(e expectation) (pushed, error) {
	outcome, err := s.expect(e)
	if err == nil && outcome == empty {
		s.answerOwn(&e)
	}
	return outcome, err
}

// answerOwn gives the client an answer of the proxy's own. It is the relay's, or when nothing is outstanding the session's goroutine's.
func (s *session) answerOwn(e *expectation) {
	if e.closes {
		s.known.forget(e.name)
	} else if e.statement != nil {
		s.known.confirm(e.name, e.statement)
	}
	lock(&s.word)
	defer s.word.Unlock()
	if !s.muted {
		s.out.write(e.own)
	}
}

var (
	parseComplete = pgwire.Append(nil, pgwire.MsgParseComplete)
	closeComplete = pgwire.Append(nil, pgwire.MsgCloseComplete)
)
