package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/policy"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
)

// Databases knows the databases that belong to one tenant whole.
type Databases interface {
	// Find reports whether an identity may enter one by this name. One that it may not enter does not exist for it.
	Find(name string, who policy.Identity) bool
	// Enter lends one that Find has found.
	Enter(name string, who policy.Identity) (Database, error)
}

// Database is one that a session has entered.
type Database struct {
	// Pool makes connections that start with nothing but what the client asks for (pool.Config.Plain).
	Pool *pool.Pool
	// Leave is called once, when the session has ended and released its connection.
	Leave func()
	// TrustRole lets the upstream role be a superuser.
	TrustRole bool
}

// owns finds the database that a session asks for, if it is one of its tenant's own.
func (s *session) owns(active *Active, name string) bool {
	return active.Databases != nil && active.Databases.Find(name, s.who)
}

// notEntered is the failure for a database that could not be connected to. What Postgres says of the client's own settings passes whole.
func notEntered(err error, database string) *failure {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case pg.Code == stateUndefinedDatabase:
			return noSuchDatabase(database)
		case len(pg.Code) == 5 && (pg.Code[:2] == "22" || pg.Code[:2] == "42" || pg.Code[:2] == "55"):
			return &failure{state: pg.Code, message: pg.Message, detail: pg.Detail, hint: pg.Hint}
		}
	}
	return unreachable(err)
}

func noSuchDatabase(name string) *failure {
	return &failure{state: stateUndefinedDatabase, message: fmt.Sprintf("database %q does not exist", name)}
}

func appendParameters(b []byte, parameters map[string]string) []byte {
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		b = pgwire.AppendParameterStatus(b, name, parameters[name])
	}
	return b
}

// admit asks the gate for the right to send a statement.
func (v *verbatim) admit(ctx context.Context) (limit.Permit, *failure) {
	permit, err := v.s.seat.Admit(&waiting{ctx, &v.s.waits, v})
	v.s.waits.end()
	return v.terms(permit, err)
}

// rest hands everything to the upstream.
func (v *verbatim) rest() {
	_ = v.up.flush() // the next write meets the error again
}

// terms keeps what a permit says.
func (v *verbatim) terms(permit limit.Permit, err error) (limit.Permit, *failure) {
	if err != nil {
		return limit.Permit{}, exceeded(err)
	}
	v.maxRows = permit.RowsPerStatement
	return permit, nil
}

// permitted admits an execution, unless a Parse has been admitted for it.
func (v *verbatim) permitted(ctx context.Context, kind awaited) (limit.Permit, *failure) {
	if kind == awaitExecute && v.prepaid > 0 {
		v.prepaid--
		permit, err := v.s.seat.Resume(&waiting{ctx, &v.s.waits, v})
		v.s.waits.end()
		return v.terms(permit, err)
	}
	return v.admit(ctx)
}

// await holds a message back while the statement before it must run alone.
func (v *verbatim) await(next byte) error {
	if !v.alone {
		return nil
	}
	switch next {
	case pgwire.MsgFlush, pgwire.MsgTerminate, pgwire.MsgCopyData, pgwire.MsgCopyDone, pgwire.MsgCopyFail:
		return nil
	}
	if err := v.drain(); err != nil {
		return err
	}
	v.alone = v.owed.copies()
	return nil
}

// bound notes a Bind: the portal has sent nothing yet.
func (v *verbatim) bound() error {
	if v.maxRows <= 0 {
		return nil
	}
	name, err := v.peekName()
	if err != nil {
		return err
	}
	if len(v.portals) >= maxPortals || v.portals == nil {
		v.portals = make(map[string]*int64)
	}
	v.portals[name] = new(int64)
	return nil
}

// refuse answers a message with a failure, with all that an error of Postgres would do in its place.
func (v *verbatim) refuse(f *failure, kind awaited) error {
	_, idle := v.owed.state()
	local := idle && !v.open
	if kind.ends() {
		if local {
			return v.s.out.send(pgwire.AppendReady(f.response(nil, severityError), 'I'))
		}
		v.open = false
		return v.provoke(due{kind: awaitQuery, failure: f}, pgwire.AppendQuery(nil, refusedText))
	}
	if local {
		v.skipping = true
		return v.s.out.send(f.response(nil, severityError))
	}
	v.open = true
	return v.provoke(due{kind: awaitParse, failure: f}, pgwire.AppendParse(nil, refusedName, refusedText, nil))
}

// provoke sends a statement that fails.
func (v *verbatim) provoke(d due, message []byte) error {
	outcome, err := v.expect(d)
	if err != nil || outcome == ignored {
		return err
	}
	if _, err := v.up.Write(message); err != nil {
		return v.upstreamGone()
	}
	return nil
}

// overdue cancels the statement that has had its time. It runs in the goroutine of the ledger's clock.
func (v *verbatim) overdue() {
	if v.owed.block(true) {
		v.cancel()
	}
}

// clientCancels passes a client's cancel request on.
func (v *verbatim) clientCancels() {
	if v.owed.block(false) {
		v.cancel()
	} else {
		v.s.waits.cancel()
	}
}
