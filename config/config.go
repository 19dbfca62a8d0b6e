package config

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/config/yamlpos"
	"pgcordon/policy"
	"pgcordon/proxy/auth"
)

// Config is a pgcordon.yaml that was found sound, with everything that it names. It is immutable.
type Config struct {
	// File is the path that Load was given.
	File   string
	Listen []Listener
	// Upstream is the database that tenants share, Database what clients call it, and Pool how its connections are used; nil when there is none.
	Upstream *pgx.ConnConfig
	Database string
	Pool     Pool
	// Databases are those that belong to one tenant whole.
	Databases []Database
	Policy    *policy.Policy
	Users     []auth.User
	Limits    Limits
	// AdminAddress is empty for no admin listener.
	AdminAddress string
	Wire         WireEntry
	Rewriter     RewriterEntry
	DrainTimeout time.Duration
	// SlowStatement is how long a statement may take before it is logged; 0 for ever.
	SlowStatement time.Duration

	// ownOf are the Databases of each tenant, and those of all tenants under the zero value.
	ownOf map[policy.TenantID][]*Database
	// doc is the file; Fits adds errors to it.
	doc *yamlpos.Document
}

// Listener is one address to listen on, as proxy.Listen takes it.
type Listener struct {
	Network, Address string
	Port             int // of a Unix socket
	// Certificate is nil without TLS.
	Certificate *tls.Certificate
	TLSRequired bool
}

// String names the listener for people.
func (l Listener) String() string {
	if l.Network == "unix" {
		return fmt.Sprintf("%s/.s.PGSQL.%d", l.Address, l.Port)
	}
	return l.Address
}

// Fits checks what only the live catalog tells: that each user's tenant can be a value of the tenant columns.
// It is called once for a Config. The error is a yamlpos.Errors.
func (c *Config) Fits(b *policy.Bound) error {
	for i, u := range c.Users {
		if u.Tenant.IsValid() {
			if err := b.CheckTenant(u.Tenant); err != nil {
				c.doc.Errorf(yamlpos.Path{"users", i, "tenant"}, "%v", err)
			}
		}
		for _, t := range u.ActFor {
			if err := b.CheckTenant(t); err != nil {
				c.doc.Errorf(yamlpos.Path{"users", i, "role"}, "the role acts for a tenant that cannot be: %v", err)
			}
		}
	}
	return c.doc.Err()
}

// NeedsRestart names the keys that differ between two configurations and that a running proxy does not change.
func (c *Config) NeedsRestart(next *Config) []string {
	var keys []string
	same := len(c.Listen) == len(next.Listen)
	for i := 0; same && i < len(c.Listen); i++ {
		a, b := c.Listen[i], next.Listen[i]
		same = a.Network == b.Network && a.Address == b.Address && a.Port == b.Port && a.TLSRequired == b.TLSRequired &&
			(a.Certificate == nil) == (b.Certificate == nil)
	}
	if !same {
		keys = append(keys, "listen")
	}
	if c.AdminAddress != next.AdminAddress {
		keys = append(keys, "admin")
	}
	if c.Wire != next.Wire {
		keys = append(keys, "wire")
	}
	if c.Rewriter.MaxStatementBytes != next.Rewriter.MaxStatementBytes {
		keys = append(keys, "rewriter.max_statement_bytes")
	}
	if !c.Limits.Shared.same(next.Limits.Shared) {
		keys = append(keys, "limits.shared")
	}
	return keys
}
