package config

import "time"

// File is pgcordon.yaml as it is written.
type File struct {
	Listen       []ListenEntry `yaml:"listen" require:"true" doc:"Where clients connect."`
	Upstream     UpstreamEntry `yaml:"upstream" require:"true" doc:"The Postgres database behind the proxy."`
	PolicyFile   string        `yaml:"policy_file" require:"true" doc:"The policy: what belongs to a tenant. Like every file named here, relative to this file."`
	Users        []UserEntry   `yaml:"users" require:"true" doc:"Who may log in. A user has either a tenant of its own, or a role that acts for tenants."`
	Pool         PoolEntry     `yaml:"pool" doc:"Connections to the upstream."`
	Limits       LimitsEntry   `yaml:"limits" doc:"What one tenant may use."`
	Admin        *AdminEntry   `yaml:"admin" doc:"HTTP listener for /metrics, /healthz and /readyz; without it there is none."`
	Wire         WireEntry     `yaml:"wire" doc:"Bounds on what a client may send."`
	Rewriter     RewriterEntry `yaml:"rewriter" doc:"Bounds on what planning may use."`
	DrainTimeout time.Duration `yaml:"drain_timeout" default:"30s" min:"0s" doc:"How long transactions that run may take to end after SIGTERM."`
}

// ListenEntry is one element of the key listen.
type ListenEntry struct {
	Address string    `yaml:"address" require:"true" doc:"host:port (port 0: any free one, which is logged), or unix:/directory for a Unix socket in it."`
	Port    int       `yaml:"port" min:"1" max:"65535" default:"5432" doc:"Only for a Unix socket: the port in its name, .s.PGSQL.<port>."`
	TLS     *TLSEntry `yaml:"tls" doc:"Encryption; without it SSLRequest is answered with no. Not for a Unix socket."`
}

// TLSEntry is the key tls of a listener.
type TLSEntry struct {
	CertFile string `yaml:"cert_file" require:"true" doc:"Certificate chain in PEM; read again at each reload."`
	KeyFile  string `yaml:"key_file" require:"true" doc:"Private key in PEM; read again at each reload."`
	Required bool   `yaml:"required" default:"false" doc:"Refuse clients that do not ask for TLS."`
}

// UpstreamEntry is the key upstream.
type UpstreamEntry struct {
	DSN          Secret `yaml:"dsn" require:"true" doc:"Connection string as libpq takes it, as a URL or key=value pairs."`
	PasswordFile string `yaml:"password_file" doc:"File with the password, instead of one in dsn."`
}

// UserEntry is one element of the key users.
type UserEntry struct {
	Name      string `yaml:"name" require:"true" doc:"Name to log in with."`
	Tenant    string `yaml:"tenant" doc:"The tenant whose rows the user sees. Left out for a role that acts for tenants."`
	Role      string `yaml:"role" doc:"A role of the policy. With act_for there, the user chooses the tenant at login, by options=-c pgcordon.tenant=acme."`
	Scram     Secret `yaml:"scram" doc:"SCRAM-SHA-256 verifier, as pgcordon verifier prints it or as it stands in pg_authid.rolpassword. Either this or scram_file."`
	ScramFile string `yaml:"scram_file" doc:"File with the verifier."`
}

// PoolEntry is the key pool.
type PoolEntry struct {
	MaxConnections int           `yaml:"max_connections" default:"100" min:"1" max:"100000" doc:"Most connections to the upstream at once."`
	AcquireTimeout time.Duration `yaml:"acquire_timeout" default:"5s" min:"1ms" doc:"How long a session waits for one, and then for the upstream to answer."`
}

// LimitsEntry is the key limits.
type LimitsEntry struct {
	Defaults LimitEntry            `yaml:"defaults" doc:"Limits of every tenant. A key that is left out, or 0, means unlimited."`
	Tenants  map[string]LimitEntry `yaml:"tenants" doc:"By tenant: keys that replace the defaults' for it; 0 lifts a limit."`
}

// LimitEntry holds one tenant's limits. A nil field was not given.
type LimitEntry struct {
	Connections         *int           `yaml:"connections" min:"0" doc:"Client connections at once."`
	StatementsPerSecond *float64       `yaml:"statements_per_second" min:"0" doc:"Statements per second, on average."`
	Burst               *int           `yaml:"burst" min:"0" doc:"Statements at once after a quiet time; 0 or left out: as many as in one second. Needs statements_per_second."`
	Wait                *time.Duration `yaml:"wait" min:"0s" doc:"How long a statement beyond the rate waits for its turn before it is refused; 0 or left out: not at all. Needs statements_per_second."`
	RowsPerStatement    *int64         `yaml:"rows_per_statement" min:"0" doc:"Rows that one statement may return; it is cut off after them."`
	StatementTimeout    *time.Duration `yaml:"statement_timeout" min:"0s" doc:"How long one statement may run."`
}

// AdminEntry is the key admin.
type AdminEntry struct {
	Address string `yaml:"address" require:"true" doc:"host:port. Nobody is asked for a password there."`
}

// WireEntry is the key wire.
type WireEntry struct {
	MaxMessageBytes    int           `yaml:"max_message_bytes" default:"67108864" min:"16384" max:"1073741823" doc:"Largest message of a client, in bytes."`
	StartupTimeout     time.Duration `yaml:"startup_timeout" default:"10s" min:"1ms" doc:"How long a client may take to authenticate."`
	MaxUnauthenticated int           `yaml:"max_unauthenticated" default:"200" min:"1" doc:"Connections that have not authenticated yet, at once; further ones are closed."`
}

// RewriterEntry is the key rewriter.
type RewriterEntry struct {
	CacheBytes        int `yaml:"cache_bytes" default:"67108864" min:"65536" doc:"Memory for the plans of statements seen before, in bytes."`
	MaxStatementBytes int `yaml:"max_statement_bytes" default:"1048576" min:"1024" max:"16777216" doc:"Longest SQL text, in bytes. Not more than wire.max_message_bytes."`
}
