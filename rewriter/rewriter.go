package rewriter

import (
	"pgcordon/policy"
)

// Protocol says how a text reaches the server.
type Protocol uint8

// The two query protocols (Postgres manual, "Message Flow").
const (
	Simple   Protocol = iota // Query: no parameters, several statements
	Extended                 // Parse: parameters, one statement
)

// Request is everything that a plan depends on besides the bound policy.
type Request struct {
	SQL      string
	Protocol Protocol
	// Role is the policy role's name, empty for none.
	Role string
	// SearchPath is the session's, schemas in order, without pg_catalog.
	SearchPath []string
	// ParamTypes are the type oids declared in Parse; 0 leaves one open.
	ParamTypes []uint32
}

// Options bound what the rewriter spends.
type Options struct {
	// CacheBytes bounds the plan cache; 0 means 64 MiB.
	CacheBytes int
	// MaxStatementBytes bounds a text before it is parsed; 0 means 1 MiB.
	MaxStatementBytes int
}

// Rewriter turns the client's SQL into SQL that is confined to the tenant. It is safe for concurrent use.
type Rewriter struct {
	bound *policy.Bound
	opts  Options
}

// New returns a rewriter for one bound policy. A new policy or snapshot needs a new rewriter.
func New(bound *policy.Bound, opts Options) *Rewriter {
	return &Rewriter{bound: bound, opts: opts}
}
