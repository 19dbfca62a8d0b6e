package limit

import (
	"fmt"
	"maps"
	"strconv"
	"time"
)

// Names of the limits, as in the configuration: the values of Exceeded.Limit.
const (
	Connections              = "connections"
	StatementsAtOnce         = "statements_at_once"
	StatementsPerSecond      = "statements_per_second"
	RowsPerSecond            = "rows_per_second"
	BytesPerSecond           = "bytes_per_second"
	RowsPerStatement         = "rows_per_statement"
	ChangesPerStatement      = "changes_per_statement"
	StatementTimeout         = "statement_timeout"
	TransactionTimeout       = "transaction_timeout"
	IdleInTransactionTimeout = "idle_in_transaction_timeout"
	StorageRows              = "storage_rows"
	StorageBytes             = "storage_bytes"
)

// Names lists every limit by its name.
func Names() []string {
	return []string{Connections, StatementsAtOnce, StatementsPerSecond, RowsPerSecond, BytesPerSecond, RowsPerStatement, ChangesPerStatement,
		StatementTimeout, TransactionTimeout, IdleInTransactionTimeout, StorageRows, StorageBytes}
}

// SQLSTATEs of exceeded limits (Postgres manual, "PostgreSQL Error Codes").
const (
	tooManyConnections         = "53300"
	configurationLimitExceeded = "53400"
	queryCanceled              = "57014"
	idleTransaction            = "25P03"
	transactionTimeout         = "25P04"
)

// Limits are those of one tenant, or of one user of a tenant. Zero means unlimited, negative values too.
type Limits struct {
	Connections int
	// StatementsAtOnce is how many connections may have statements running at one time.
	StatementsAtOnce    int
	StatementsPerSecond float64
	// Burst is how many statements a tenant that was quiet may run at once; 0: as many as in one second, at least 1.
	Burst int
	// RowsPerSecond and BytesPerSecond are sent to clients.
	RowsPerSecond, BytesPerSecond float64
	// Wait is how long a statement may wait for its turn before it is refused; 0: not at all.
	Wait             time.Duration
	RowsPerStatement int64
	// ChangesPerStatement is how many rows a statement may insert, update or delete.
	ChangesPerStatement int64
	StatementTimeout    time.Duration
	// TransactionTimeout is how long a transaction may be open, IdleInTransactionTimeout how long it may wait for its client.
	TransactionTimeout, IdleInTransactionTimeout time.Duration
	// StorageRows and StorageBytes are what a tenant may have in its tables. Not for a user.
	StorageRows, StorageBytes int64
	// Weight is its part of the upstream's time, compared with that of others, when there is not enough for all; 0 means 1. Not for a user.
	Weight float64
}

// Values are the limits that there are, by name: numbers, times in seconds.
func (l *Limits) Values() map[string]float64 {
	values := map[string]float64{
		Connections: float64(l.Connections), StatementsAtOnce: float64(l.StatementsAtOnce), StatementsPerSecond: l.StatementsPerSecond,
		RowsPerSecond: l.RowsPerSecond, BytesPerSecond: l.BytesPerSecond,
		RowsPerStatement: float64(l.RowsPerStatement), ChangesPerStatement: float64(l.ChangesPerStatement),
		StatementTimeout: l.StatementTimeout.Seconds(), TransactionTimeout: l.TransactionTimeout.Seconds(),
		IdleInTransactionTimeout: l.IdleInTransactionTimeout.Seconds(),
		StorageRows:              float64(l.StorageRows), StorageBytes: float64(l.StorageBytes),
	}
	maps.DeleteFunc(values, func(_ string, v float64) bool { return v <= 0 })
	return values
}

// Exceeded says which limit a tenant has reached. It is an error whose text may be shown to that tenant.
type Exceeded struct {
	Limit string // the limit's name in the configuration
	Value string // the limit itself, with its unit
	// User is set when the limit is that of one user of the tenant.
	User string
	// Away is set when it is not known whether the limit is reached, because the budget that several proxies share cannot be reached.
	Away bool
	// RetryAfter is when a retry can succeed; 0 when time alone does not tell.
	RetryAfter time.Duration
	SQLState   string
}

const timedOut = "canceling statement due to statement timeout: "

// Error says limit, value and when to retry.
func (e *Exceeded) Error() string {
	text := fmt.Sprintf("limit %s of %s ", e.Limit, e.Value)
	if e.User != "" {
		text += fmt.Sprintf("for user %q ", e.User)
	}
	if e.Limit == StatementTimeout {
		text = timedOut + text // some clients look for Postgres's own words
	}
	if e.Away {
		return text + "cannot be checked: what the proxies share is out of reach" + e.retry()
	}
	return text + "reached" + e.retry()
}

func (e *Exceeded) retry() string {
	if e.Limit == StorageRows || e.Limit == StorageBytes {
		return ": delete rows, and retry when they have been counted again, in " + roundUp(e.RetryAfter).String()
	}
	if e.RetryAfter > 0 {
		return ", retry in " + roundUp(e.RetryAfter).String()
	}
	whose := "tenant"
	if e.User != "" {
		whose = "user"
	}
	switch e.Limit {
	case Connections:
		return ", retry when another connection of this " + whose + " has closed"
	case StatementsAtOnce:
		return ", retry when another statement of this " + whose + " has ended"
	case RowsPerStatement:
		return ", retry for fewer rows at a time"
	case ChangesPerStatement:
		return ": nothing was changed, retry for fewer rows at a time"
	case StatementTimeout:
		return ", retry for less at a time"
	case TransactionTimeout, IdleInTransactionTimeout:
		return ": the transaction was rolled back, retry it at once"
	}
	return ""
}

// roundUp makes a duration short to read and never too short to wait.
func roundUp(d time.Duration) time.Duration {
	unit := time.Millisecond
	if d > 10*time.Second {
		unit = time.Second
	}
	return (d + unit - 1).Truncate(unit)
}

func connectionsExceeded(l *Limits, user string) *Exceeded {
	return &Exceeded{Limit: Connections, Value: strconv.Itoa(l.Connections), User: user, SQLState: tooManyConnections}
}

func atOnceExceeded(l *Limits, user string) *Exceeded {
	return &Exceeded{Limit: StatementsAtOnce, Value: strconv.Itoa(l.StatementsAtOnce), User: user, SQLState: configurationLimitExceeded}
}

// rateExceeded is the error for one of the limits per second.
func rateExceeded(name string, l *Limits, user string, retry time.Duration) *Exceeded {
	value, unit := l.StatementsPerSecond, ""
	switch name {
	case RowsPerSecond:
		value, unit = l.RowsPerSecond, " rows"
	case BytesPerSecond:
		value, unit = l.BytesPerSecond, " bytes"
	}
	return &Exceeded{
		Limit:      name,
		Value:      strconv.FormatFloat(value, 'f', -1, 64) + unit + " per second",
		User:       user,
		RetryAfter: retry,
		SQLState:   configurationLimitExceeded,
	}
}
