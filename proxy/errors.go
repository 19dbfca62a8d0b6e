package proxy

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/policy"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/proxy/pool"
	"pgcordon/rewriter"
)

// SQLSTATEs that are chosen here (Postgres manual, "PostgreSQL Error Codes").
const (
	stateConnectionFailure    = "08006"
	stateProtocolViolation    = "08P01"
	stateIdleTransaction      = "25P03"
	stateFeatureNotSupported  = "0A000"
	stateInvalidParameter     = "22023"
	stateFailedTransaction    = "25P02"
	stateUndefinedStatement   = "26000"
	stateInvalidAuthorization = "28000"
	stateInvalidPassword      = "28P01"
	stateUndefinedDatabase    = "3D000"
	stateInsufficientRights   = "42501"
	stateBadCopyFormat        = "22P04"
	stateInvalidName          = "42602"
	stateSyntaxError          = "42601"
	stateTooManyConnections   = "53300"
	stateLimitExceeded        = "53400"
	stateProgramLimit         = "54000"
	stateTooManyArguments     = "54023"
	stateAdminShutdown        = "57P01"
	stateQueryCanceled        = "57014"
	stateIdleSession          = "57P05"
	stateReadOnly             = "25006"
	stateCannotConnectNow     = "57P03"
	stateSystemError          = "58000"
	stateInternalError        = "XX000"
)

// failure is an error on its way to the client: this file makes them, and makes ErrorResponse of them.
type failure struct {
	state    string
	message  string
	detail   string
	hint     string
	context  string
	position int
	// limit is the tenant's limit that was reached, by its name in package limit; empty for none.
	limit string
	// early is set when Postgres finds this error before it looks whether the transaction has failed,
	// so that it comes before 25P02.
	early bool
}

func (f *failure) Error() string { return f.message + " (SQLSTATE " + f.state + ")" }

// response makes an ErrorResponse; severity is ERROR or FATAL.
func (f *failure) response(dst []byte, severity string) []byte {
	position := ""
	if f.position > 0 {
		position = strconv.Itoa(f.position)
	}
	return pgwire.AppendError(dst,
		pgwire.Field{Code: pgwire.FieldSeverity, Value: severity},
		pgwire.Field{Code: pgwire.FieldSeverityPlain, Value: severity},
		pgwire.Field{Code: pgwire.FieldCode, Value: f.state},
		pgwire.Field{Code: pgwire.FieldMessage, Value: f.message},
		pgwire.Field{Code: pgwire.FieldDetail, Value: f.detail},
		pgwire.Field{Code: pgwire.FieldHint, Value: f.hint},
		pgwire.Field{Code: pgwire.FieldPosition, Value: position},
		pgwire.Field{Code: pgwire.FieldContext, Value: f.context})
}

const (
	severityError = "ERROR"
	severityFatal = "FATAL"
)

// denied is the failure of a statement that the rewriter refused.
func denied(d *rewriter.Denial) *failure {
	f := &failure{state: d.SQLState, message: d.Message, hint: d.Hint, position: d.Position, early: d.SQLState == stateSyntaxError}
	switch d.SQLState {
	case stateSyntaxError, "42P01", "42P02", "42704", "42712", "42883": // Postgres would say the same
	default:
		f.detail = `Refused by rule "` + d.Rule + `".`
	}
	return f
}

// exceeded is the failure for an error of the Gate's.
func exceeded(err error) *failure {
	var e *limit.Exceeded
	switch {
	case errors.As(err, &e):
		return &failure{state: e.SQLState, message: e.Error(), limit: e.Limit}
	case errors.Is(err, errCancelled):
		return cancelled()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return shutdown()
	}
	return internal()
}

// malformed is the failure for a message that does not follow the protocol.
func malformed(err *pgwire.FormatError) *failure {
	return &failure{state: stateProtocolViolation, message: err.Message, early: true}
}

// unreachable is the failure for an error of the pool's. Of what the upstream itself has said only those parts pass that concern
// the client: its own settings, or that the upstream is not ready now.
func unreachable(err error) *failure {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pool.ErrExhausted):
		return &failure{state: stateTooManyConnections, message: "no upstream connection became free in time",
			hint: "Retry later, or raise default_pool_size."}
	case errors.Is(err, errCancelled):
		return cancelled()
	case errors.Is(err, pool.ErrClosed), errors.Is(err, context.Canceled):
		return shutdown()
	case errors.As(err, &pg):
		switch pg.Code {
		case stateInvalidParameter, "22P02", "42704":
			return &failure{state: pg.Code, message: pg.Message, hint: pg.Hint}
		case stateCannotConnectNow, stateTooManyConnections, "57P02", stateAdminShutdown:
			return &failure{state: pg.Code, message: pg.Message}
		}
	}
	return &failure{state: stateConnectionFailure, message: "could not connect to the upstream server"}
}

// cancelled is the failure for a statement whose client has cancelled it before it ran.
func cancelled() *failure {
	return &failure{state: stateQueryCanceled, message: "canceling statement due to user request"}
}

func shutdown() *failure {
	return &failure{state: stateAdminShutdown, message: "terminating connection due to administrator command"}
}

func revoked() *failure {
	return &failure{state: stateAdminShutdown, message: "terminating connection because the user's configuration has changed",
		hint: "Connect again."}
}

func lost() *failure {
	return &failure{state: stateConnectionFailure, message: "the connection to the upstream server was lost"}
}

// internal is the failure for what must not happen; the log has the rest.
func internal() *failure {
	return &failure{state: stateInternalError, message: "internal error in the proxy"}
}

func noSuchStatement(name string) *failure {
	message := "unnamed prepared statement does not exist"
	if name != "" {
		message = `prepared statement "` + name + `" does not exist`
	}
	return &failure{state: stateUndefinedStatement, message: message, early: true}
}

// clientPosition turns the position of an error, which refers to the text that was sent, into the client's; 0 when it cannot.
func (e *expectation) clientPosition(position string, tenant policy.TenantID) int {
	n, err := strconv.Atoi(position)
	switch {
	case err != nil || e == nil || e.mode != forward:
		return 0
	case e.kind == answerParse && e.statement != nil:
		return e.statement.plan.ClientPositionPrepared(n, tenant)
	case e.asPrepared():
		if plan := e.run.text(); plan != nil {
			return plan.ClientPositionIn(e.run.plan, n)
		}
	case e.kind == answerQuery && e.run != nil && e.run.plan != nil:
		return e.run.plan.ClientPositionSpliced(n, tenant)
	case e.kind == answerExecute && e.run != nil && e.run.plan != nil:
		return e.run.plan.ClientPositionPrepared(n, tenant)
	}
	return 0
}

// passed are the fields of an upstream's error or notice that reach the client. The position is translated (clientPosition),
// and the context of COPY FROM STDIN, which quotes the client's own rows, passes (copyError).
// The others quote rows (DETAIL), the rewritten text (internal query, context) or the upstream's inside (schema, table, column, type, file).
const passed = "SVCMHn"
