package limit

import (
	"fmt"
	"strconv"
	"time"
)

// Names of the limits, as in the configuration: the values of Exceeded.Limit.
const (
	Connections         = "connections"
	StatementsPerSecond = "statements_per_second"
	RowsPerStatement    = "rows_per_statement"
	StatementTimeout    = "statement_timeout"
)

// SQLSTATEs of exceeded limits (Postgres manual, "PostgreSQL Error Codes").
const (
	tooManyConnections         = "53300"
	configurationLimitExceeded = "53400"
	queryCanceled              = "57014"
)

// Limits are one tenant's. Zero means unlimited, negative values too.
type Limits struct {
	Connections         int
	StatementsPerSecond float64
	// Burst is how many statements a tenant that was quiet may run at once; 0: as many as in one second, at least 1.
	Burst int
	// Wait is how long a statement may wait for its turn before it is refused; 0: not at all.
	Wait             time.Duration
	RowsPerStatement int64
	StatementTimeout time.Duration
}

// Exceeded says which limit a tenant has reached. It is an error whose text may be shown to that tenant.
type Exceeded struct {
	Limit string // the limit's name in the configuration
	Value string // the limit itself, with its unit
	// RetryAfter is when a retry can succeed; 0 when time alone does not tell.
	RetryAfter time.Duration
	SQLState   string
}

// Error says limit, value and when to retry.
func (e *Exceeded) Error() string {
	text := fmt.Sprintf("limit %s of %s reached", e.Limit, e.Value)
	switch {
	case e.RetryAfter > 0:
		text += ", retry in " + roundUp(e.RetryAfter).String()
	case e.Limit == Connections:
		text += ", retry when another connection of this tenant has closed"
	}
	return text
}

// roundUp makes a duration short to read and never too short to wait.
func roundUp(d time.Duration) time.Duration {
	unit := time.Millisecond
	if d > 10*time.Second {
		unit = time.Second
	}
	return (d + unit - 1).Truncate(unit)
}

func connectionsExceeded(l *Limits) *Exceeded {
	return &Exceeded{Limit: Connections, Value: strconv.Itoa(l.Connections), SQLState: tooManyConnections}
}

func rateExceeded(l *Limits, retry time.Duration) *Exceeded {
	return &Exceeded{
		Limit:      StatementsPerSecond,
		Value:      strconv.FormatFloat(l.StatementsPerSecond, 'g', -1, 64) + " per second",
		RetryAfter: retry,
		SQLState:   configurationLimitExceeded,
	}
}
