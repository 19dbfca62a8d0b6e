package console

import (
	"fmt"

	"pgcordon/proxy/pgwire"
)

// SQLSTATEs that are chosen here (Postgres manual, "PostgreSQL Error Codes").
const (
	stateProtocol        = "08P01"
	stateNotSupported    = "0A000"
	stateActive          = "25001"
	stateFailed          = "25P02"
	stateNoStatement     = "26000"
	stateNoCursor        = "34000"
	stateNoDatabase      = "3D000"
	stateRights          = "42501"
	stateSyntax          = "42601"
	stateUndefined       = "42704"
	stateDuplicate       = "42P05"
	stateDuplicateCursor = "42P03"
	stateInvalid         = "22023"
	stateTooMany         = "53400"
	stateNotInState      = "55000"
	stateCanceled        = "57014"
	stateShutdown        = "57P01"
	stateReload          = "F0000"
)

// Error is what a command answers instead of a result. It is an error whose text may be shown to users of the admin database.
type Error struct {
	State, Message, Detail, Hint string
}

func (e *Error) Error() string { return e.Message + " (SQLSTATE " + e.State + ")" }

func failf(state, format string, args ...any) *Error {
	return &Error{State: state, Message: fmt.Sprintf(format, args...)}
}

// append makes an ErrorResponse; severity is ERROR or FATAL.
func (e *Error) append(dst []byte, severity string) []byte {
	return pgwire.AppendError(dst,
		pgwire.Field{Code: pgwire.FieldSeverity, Value: severity},
		pgwire.Field{Code: pgwire.FieldSeverityPlain, Value: severity},
		pgwire.Field{Code: pgwire.FieldCode, Value: e.State},
		pgwire.Field{Code: pgwire.FieldMessage, Value: e.Message},
		pgwire.Field{Code: pgwire.FieldDetail, Value: e.Detail},
		pgwire.Field{Code: pgwire.FieldHint, Value: e.Hint})
}
