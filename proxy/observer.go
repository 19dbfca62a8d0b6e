package proxy

import (
	"time"

	"pgcordon/policy"
	"pgcordon/rewriter"
)

// Observer is told what sessions do. Its methods are called from session goroutines, must not block, and must not keep the events.
type Observer interface {
	// Session is called when a session opens, is refused, or closes.
	Session(SessionEvent)
	// Decided is called once per client text, after planning and before any byte of it goes upstream.
	Decided(Decision)
	// Finished is called once per statement execution when its last answer was handed to the client's socket, and for
	// a statement that a limit refused before it was planned. Not for a denial: Decided has told that.
	Finished(Outcome)
}

// SessionPhase is a step in a session's life.
type SessionPhase uint8

// The phases.
const (
	SessionOpened  SessionPhase = iota // authenticated and ready
	SessionRefused                     // ended before it was ready: authentication, limits, protocol
	SessionClosed                      // ended after it had been ready
)

// SessionEvent tells of a session. Identity.Tenant is the zero value when authentication failed.
type SessionEvent struct {
	Phase    SessionPhase
	Session  uint64
	Identity policy.Identity
	Remote   string
	Database string        // that of the tenant's own that it is on; empty for the shared one
	SQLState string        // why it was refused or closed; empty for an orderly end
	Limit    string        // the tenant's limit that refused it: limit.Connections; empty for none
	Elapsed  time.Duration // since accept
}

// Decision tells what the rewriter decided. Exactly one of Plan and Denial is set.
type Decision struct {
	Session  uint64
	Identity policy.Identity
	Plan     *rewriter.Plan
	Denial   *rewriter.Denial
	Elapsed  time.Duration // spent planning
}

// Outcome tells how one execution ended.
type Outcome struct {
	Session  uint64
	Identity policy.Identity
	Plan     *rewriter.Plan // nil when the statement never had one
	Command  string         // on a database of the tenant's own, where there are no plans: the kind of the statement
	Rows     int64          // rows sent to the client
	Bytes    int64          // bytes sent to the client
	SQLState string         // of the error the client got; empty for success
	Limit    string         // which limit refused or cut it, by its name in package limit; empty for none
	Elapsed  time.Duration  // from the client's message to the last byte of its answer
	Waited   time.Duration  // of that, until the tenant's limits let it run
}
