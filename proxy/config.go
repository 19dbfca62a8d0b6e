package proxy

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/proxy/auth"
	"pgcordon/proxy/console"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
	"pgcordon/rewriter"
)

// Config is everything that a Server needs for its whole life. What a reload replaces is in Active.
type Config struct {
	// Active is what the server starts with; see Server.Swap.
	Active Active
	// Gate holds tenants to their limits. A *limit.Gate is one.
	Gate Gate
	// Observer is told what sessions do; nil for nobody.
	Observer Observer
	// Log gets the server's own events. It must not write to file descriptor 2: the parser redirects that one while it runs.
	// Nil discards.
	Log *slog.Logger
	// Refresh reads the catalog again and swaps in what comes of it: a session has changed the schema. Nil when no role may.
	Refresh func(context.Context) error
	// Wire bounds what a client may send.
	Wire Wire
	// Console says what the admin database shows and does; its Sessions are the server itself. Nil: there is none.
	Console *console.Options
}

// Active is the part of the configuration that a reload replaces in one step. A running session uses the new Planner from its next
// statement on, and ends at its next idle point when Users does not know its user in the same standing any more;
// Pool and SearchPath are those of sessions that begin later.
type Active struct {
	// Planner rewrites statements. A *rewriter.Rewriter is one.
	Planner Planner
	// Rebind makes a planner for the catalog as one session's open transaction has changed it. Nil when no role may change it.
	Rebind func(*catalog.Snapshot) (Planner, error)
	// Users proves who a client is. An *auth.Directory is one.
	Users Authenticator
	// Pool hands out connections to the database that tenants share. Who made it closes it, after Server.Shutdown. Nil when there is none.
	Pool *pool.Pool
	// Database is what clients call it; empty: its name upstream.
	Database string
	// Databases are those that belong to one tenant whole; nil for none.
	Databases Databases
	// SearchPath is what sessions start with: Snapshot.SearchPath of the catalog that Planner is bound to.
	SearchPath []string
	// SearchPathText is the setting behind it, as Snapshot.SearchPathText has it.
	SearchPathText string
	// ASCIINames is set when the server's encoding is not UTF8 (Snapshot.Encoding): clients may give statements and portals names in ASCII only.
	ASCIINames bool
}

// Planner makes a plan, or a *rewriter.Denial as the error.
type Planner interface {
	Plan(rewriter.Request) (*rewriter.Plan, error)
}

// Authenticator proves who a client is.
type Authenticator interface {
	// Begin starts the login of a user, known or not.
	Begin(user string) *auth.Exchange
	// Lookup returns a user that may log in.
	Lookup(user string) (auth.User, bool)
}

// Gate decides whether a user may connect, and gives it a seat, which decides whether a statement may run now. Its errors are *limit.Exceeded.
type Gate interface {
	Connect(policy.Identity) (*limit.Seat, error)
}

// Wire bounds what a client may send. Zero values stand for the defaults.
type Wire struct {
	// MaxMessageBytes is the largest message of a client's, in bytes; default 64 MiB.
	MaxMessageBytes int
	// MaxStatementBytes is the longest SQL text, in bytes: longer ones are refused without being read into memory; default 1 MiB.
	MaxStatementBytes int
	// StartupTimeout is how long a client may take until it has authenticated; default 10 s.
	StartupTimeout time.Duration
	// MaxUnauthenticated is how many connections may be in that phase at once; further ones are closed; default 200.
	MaxUnauthenticated int
	// MaxClients is how many clients may be connected at once, besides those that have not authenticated; default 10000.
	MaxClients int
	// ClientIdleTimeout disconnects a client that sends nothing for so long outside of a transaction, IdleTransactionTimeout inside of
	// one; 0 for never.
	ClientIdleTimeout, IdleTransactionTimeout time.Duration
}

func (w Wire) withDefaults() Wire {
	if w.MaxMessageBytes <= 0 {
		w.MaxMessageBytes = 64 << 20
	}
	if w.MaxStatementBytes <= 0 {
		w.MaxStatementBytes = 1 << 20
	}
	if w.StartupTimeout <= 0 {
		w.StartupTimeout = 10 * time.Second
	}
	if w.MaxUnauthenticated <= 0 {
		w.MaxUnauthenticated = 200
	}
	if w.MaxClients <= 0 {
		w.MaxClients = 10000
	}
	return w
}

// TLS says how a listener encrypts. The zero value does not.
type TLS struct {
	// Config answers SSLRequest; nil: the client is told that there is no TLS.
	Config *tls.Config
	// Required refuses clients that do not ask for TLS.
	Required bool
}

// ignore is the Observer of nobody.
type ignore struct{}

func (ignore) Session(SessionEvent) {}
func (ignore) Decided(Decision)     {}
func (ignore) Finished(Outcome)     {}
