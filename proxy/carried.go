package proxy

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
	"pgcordon/rewriter"
)

// What a session has set goes with it from one connection to the next: before its first message there, in the same write, only what differs
// is changed. What it has is not computed from its statements, for savepoints, SET LOCAL, rollbacks and functions all move it: the upstream is asked when a
// transaction has ended in which something may have changed, and then says as well what else of the session is on the connection and keeps it there (pins).

// carried are settings that a session has set, or a connection has beyond those that it was started with. It is never changed.
type carried struct {
	values map[string]string // as pg_settings has them
	text   string            // equal for equal values
}

var nothingCarried = &carried{}

func newCarried(values map[string]string) *carried {
	if len(values) == 0 {
		return nothingCarried
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(values[name])
		b.WriteByte(0)
	}
	return &carried{values, b.String()}
}

// with returns the settings with another value for one of them; an empty one takes it away.
func (c *carried) with(name, value string) *carried {
	values := maps.Clone(c.values)
	if values == nil {
		values = make(map[string]string)
	}
	if delete(values, name); value != "" {
		values[name] = value
	}
	return newCarried(values)
}

// change returns the statements that turn the settings of a connection into others.
func (c *carried) change(from *carried) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(from.values)) {
		if _, ok := c.values[name]; !ok {
			b.WriteString("RESET " + rewriter.QuoteSetting(name) + "; ")
		}
	}
	sep := "SELECT "
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		if old, ok := from.values[name]; !ok || old != c.values[name] {
			b.WriteString(sep + "pg_catalog.set_config(" + rewriter.QuoteLiteral(name) + ", " + rewriter.QuoteLiteral(c.values[name]) + ", false)")
			sep = ", "
		}
	}
	return b.String()
}

// carry gives the connection, which the session has just got, the session's settings, and makes it forget what sequences have given to others: later, in a
// transaction that has drawn values, what they have given to this session would be forgotten with it.
func (s *session) carry(up *upstream) error {
	change := ""
	if up.sequences != 0 && (up.sequences != s.id || s.drew != up) { // or this session has drawn elsewhere since
		change = "DISCARD SEQUENCES; "
		up.sequences = 0
	}
	switch {
	case up.strange != 0 && up.strange != s.id: // settings of an unknown name cannot be found, but reset
		change += "RESET ALL; " + s.carried.change(nothingCarried)
		up.strange = 0
	case up.carried.text != s.carried.text:
		change += s.carried.change(up.carried)
	}
	if change != "" {
		if _, ok := up.carried.values[timeoutSetting]; ok {
			change = "SET LOCAL statement_timeout = 0; " + change // another session's
		}
		if _, err := s.send(expectation{kind: answerQuery, mode: skip, vital: true, reply: &reply{}}, pgwire.AppendQuery(nil, change)); err != nil {
			return err
		}
	}
	up.carried = s.carried
	return nil
}

// learns notes what the client is about to be told of a setting; false when it knows that already.
func (s *session) learns(name, value string) bool {
	lock(&s.word)
	defer s.word.Unlock()
	return s.told.from != nil && s.told.learns(name, value) // nil before it has begun
}

// told are the settings that a client was told: those of all that start as it has, and its own.
type told struct {
	from *parameters
	own  []ownSetting
}

type ownSetting struct{ name, value string }

// learns notes a setting; false when it is known already.
func (t *told) learns(name, value string) bool {
	for i := range t.own {
		if own := &t.own[i]; own.name == name {
			changed := own.value != value
			own.value = value
			return changed
		}
	}
	if now, ok := t.from.values[name]; ok && now == value {
		return false
	}
	t.own = append(t.own, ownSetting{name, value})
	return true
}

// announce tells the client of settings in which the connection that it gets differs from the one before, though it has not changed them: the server's
// configuration has. Nothing is outstanding.
func (s *session) announce(up *upstream) {
	now := up.reported()
	if now == s.seen {
		return
	}
	s.seen = now
	for _, name := range slices.Sorted(maps.Keys(now.values)) {
		value := now.values[name]
		if isCarried(name, s.carried) || isCarried(name, up.carried) || name == "application_name" || name == "session_authorization" {
			continue // which the upstream will report, or the client knows
		}
		if s.learns(name, value) {
			s.out.write(pgwire.AppendParameterStatus(nil, name, value))
		}
	}
}

// isCarried compares names as Postgres does: those it reports have capitals.
func isCarried(name string, c *carried) bool {
	_, ok := c.values[name]
	return ok
}

// effects notes what a plan that was sent can do to the state of the session upstream.
func (s *session) effects(plan *rewriter.Plan) {
	e := plan.Effects
	s.readsSequences = s.readsSequences || e&rewriter.EffectReadsSequence != 0
	if e&(drawing|rewriter.EffectSeed) != 0 {
		s.draws(e)
	}
	s.drifted = s.drifted || drifts(plan)
	if e&rewriter.EffectUnknown != 0 || changesSchema(plan) {
		s.up.strange, s.strange = s.id, true
	}
	uncertain := s.settings.stale || s.settings.touched || s.schema.stale || s.schema.touched
	if s.user.SessionPool || !uncertain && !s.leaves(plan) {
		return
	}
	s.pipe.suspects()
	if len(s.custom) > maxCustom {
		s.pipe.pin(pinUnmovable)
	}
}

// leaves reports whether something of a plan can stay behind when its transaction has ended.
func (s *session) leaves(plan *rewriter.Plan) bool {
	if plan.Effects&(rewriter.EffectSettings|rewriter.EffectLocks|rewriter.EffectUnknown) != 0 {
		return true
	}
	for i := range plan.Statements {
		st := &plan.Statements[i]
		if st.Setting != nil && !st.Setting.Local {
			return true
		}
		switch st.Kind {
		case rewriter.KindSelect, rewriter.KindInsert, rewriter.KindUpdate, rewriter.KindDelete, rewriter.KindMerge, rewriter.KindTruncate,
			rewriter.KindBegin, rewriter.KindCommit, rewriter.KindRollback, rewriter.KindSavepoint, rewriter.KindRelease, rewriter.KindRollbackTo,
			rewriter.KindShow, rewriter.KindExplain, rewriter.KindLock, rewriter.KindCopy, rewriter.KindNotify, rewriter.KindFetch, rewriter.KindEmpty,
			rewriter.KindSet:
		default:
			return true
		}
	}
	return false
}

// draws notes that sequences may give values to this session, which currval and lastval return on the connection, and that the seed of random() is set.
func (s *session) draws(e rewriter.Effects) {
	if e&rewriter.EffectSeed != 0 {
		s.pipe.pin(pinUnmovable)
	}
	if e&drawing == 0 {
		return
	}
	s.up.sequences, s.drew = s.id, s.up
	if s.readsSequences {
		s.pipe.pin(pinSequence)
	}
}

// drawing are the effects of what may draw from sequences.
const drawing = rewriter.EffectDraws | rewriter.EffectUnknown

// examine asks what the session has left on its connection. Nothing is outstanding, and no transaction open.
func (s *session) examine() error {
	rows, err := s.askAll(leisureText, examineText)
	if err != nil {
		return err
	}
	found := pins(0)
	values := make(map[string]string)
	for _, row := range rows {
		name, value, setting := strings.Cut(row, "=")
		if setting {
			if name != timeoutSetting || value != strconv.FormatInt(s.welcome.timeout, 10) {
				values[name] = value
			}
			if ms, _ := strconv.ParseInt(value, 10, 64); name == timeoutSetting && ms > 0 && ms < shortTimeout { // the upstream's own number
				found |= pinTimeout
			}
			continue
		}
		i := slices.Index(pinNames[:], name)
		if i < 0 {
			s.server.log.Error("an examination of the session's state was answered wrongly", "session", s.id)
			return internal()
		}
		found |= 1 << i
	}
	for _, name := range s.custom {
		rows, err := s.ask("SELECT pg_catalog.current_setting(" + rewriter.QuoteLiteral(name) + ", true)")
		if err != nil {
			return err
		}
		if len(rows) == 1 {
			values[name] = rows[0]
		}
	}
	now := newCarried(values)
	s.up.carried = now
	if _, set := values[applicationName]; !set && s.resets {
		now = now.with(applicationName, s.startName) // RESET means for the client what it has asked for at its start
	}
	s.resets = false
	if s.strange { // code that is not known may have changed what plans and limits depend on
		s.strange = false
		s.settings.stale = s.settings.stale || s.carried.values[searchPathSetting] != values[searchPathSetting] ||
			s.carried.values[timeoutSetting] != values[timeoutSetting]
		s.schema.stale = s.schema.stale || found&pinTemporary != 0
	}
	s.carried = now
	s.pipe.examined(found | s.pipe.pins()&(pinSession|pinSequence|pinsForGood))
	return nil
}

const applicationName = "application_name"

// shortTimeout is a statement_timeout, in ms, in which a statement that does next to nothing may not end.
const shortTimeout = 100

// leisureText asks for the client's statement_timeout, in ms, and keeps it from what follows in the same transaction.
const leisureText = "SELECT 'statement_timeout=' || (EXTRACT(epoch FROM pg_catalog.current_setting('statement_timeout')::pg_catalog.interval) * 1000)::pg_catalog.int8, " +
	"pg_catalog.set_config('statement_timeout', '0', true)"

// examineText asks for the other settings that the session has changed, and by the names of pins what else is there.
const examineText = `SELECT name || '=' || setting FROM pg_catalog.pg_settings WHERE source = 'session' AND name <> 'statement_timeout' AND name NOT LIKE 'transaction\_%'
UNION ALL SELECT 'temporary' WHERE EXISTS (SELECT FROM pg_catalog.pg_depend
	WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND refobjid = pg_catalog.pg_my_temp_schema())
UNION ALL SELECT 'cursor' WHERE EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)
UNION ALL SELECT 'listen' WHERE EXISTS (SELECT FROM pg_catalog.pg_listening_channels())
UNION ALL SELECT 'lock' WHERE EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid())
UNION ALL SELECT 'prepare' WHERE EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)`

// rested is what the session's goroutine does when a transaction has ended that may have left something: it looks at once, so that a connection is not kept
// for a client that has gone quiet.
func (s *session) rested() error {
	if s.up == nil || !s.pipe.looks() {
		return nil
	}
	open := s.open // what was answered here alone: nothing of it is open upstream
	s.open = false
	defer func() { s.open = open }()
	s.settings.stale = s.settings.stale || s.settings.touched
	if err := s.settleRested(); err != nil {
		return err
	}
	if err := s.examine(); err != nil {
		return err
	}
	return s.settleRested() // where it has found that more has changed
}

func (s *session) settleRested() error {
	if err := s.settleSchema(); err != nil || !s.settings.stale {
		return err
	}
	return s.resettle(s.settings.timeout)
}

// maxCustom bounds the names that a session makes up for settings.
const maxCustom = 100

// appendCustom adds the name of a setting that only a session knows that has set it.
func appendCustom(names []string, c *rewriter.SettingChange) []string {
	if c == nil || !strings.Contains(c.Name, ".") || slices.Contains(names, c.Name) {
		return names
	}
	return append(names, c.Name)
}

// welcome is what a client is told at its start, and what the session starts from: the same for all connections of a key.
type welcome struct {
	parameters *parameters
	name       string // application_name of those that begin without one
	path       []string
	timeout    int64 // statement_timeout, in ms
	active     *Active
}

// welcomes remembers them.
type welcomes map[pool.Key]*welcome

// maxWelcomes bounds them: clients choose the keys.
const maxWelcomes = 1000

// welcomeFor returns what clients of a key are told; the first one has a connection asked.
func (s *session) welcomeFor(ctx context.Context, active *Active) (*welcome, error) {
	if w := s.server.welcomed(s.key, active); w != nil {
		return w, nil
	}
	if f := s.lease(ctx); f != nil {
		return nil, f
	}
	rows, err := s.ask("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'statement_timeout' UNION ALL " +
		"SELECT pg_catalog.unnest(pg_catalog.current_schemas(false))::pg_catalog.text")
	if err != nil {
		return nil, err
	}
	w := &welcome{parameters: s.up.reported(), name: s.up.conn.Parameters[applicationName], active: active}
	if len(rows) > 0 {
		w.timeout, _ = strconv.ParseInt(rows[0], 10, 64) // the upstream's own number
		w.path = ownSchemas(rows[1:])
	}
	s.server.remember(s.key, w)
	return w, nil
}

func ownSchemas(rows []string) []string {
	path := []string{}
	for _, schema := range rows {
		if !strings.HasPrefix(schema, "pg_") {
			path = append(path, schema)
		}
	}
	return path
}

func (s *Server) welcomed(k pool.Key, active *Active) *welcome {
	s.welcomeMu.Lock()
	defer s.welcomeMu.Unlock()
	w := s.welcomes[k]
	if w == nil || w.active != active {
		return nil
	}
	return w
}

func (s *Server) remember(k pool.Key, w *welcome) {
	s.welcomeMu.Lock()
	defer s.welcomeMu.Unlock()
	if s.welcomes == nil || len(s.welcomes) >= maxWelcomes {
		s.welcomes = make(welcomes)
	}
	s.welcomes[k] = w
}

// limitCarried keeps the statement_timeout that the session carries to the tenant's limit, while it has no connection.
func (s *session) limitCarried(limit time.Duration) {
	own := s.welcome.timeout
	if v, ok := s.carried.values[timeoutSetting]; ok {
		own, _ = strconv.ParseInt(v, 10, 64) // the upstream's own number
		if own == milliseconds(s.settings.timeout) {
			own = s.welcome.timeout // it was the limit's
		}
	}
	effective := own
	if most := milliseconds(limit); most > 0 && (own == 0 || own > most) {
		effective = most
	}
	s.settings.timeout = limit
	s.settings.shorter.Store(effective == own)
	value := ""
	if effective != s.welcome.timeout {
		value = strconv.FormatInt(effective, 10)
	}
	s.carried = s.carried.with(timeoutSetting, value)
}

// milliseconds is how Postgres counts a limit; the least is 1.
func milliseconds(limit time.Duration) int64 {
	if limit > 0 {
		return max(1, limit.Milliseconds())
	}
	return 0
}
