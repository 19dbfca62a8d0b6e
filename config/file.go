package config

import "time"

// File is pgcordon.yaml as it is written.
type File struct {
	Listen       []ListenEntry   `yaml:"listen" require:"true" doc:"Where clients connect."`
	Upstream     UpstreamEntry   `yaml:"upstream" doc:"The Postgres database that tenants share: short for an entry of databases with tenancy rows."`
	Databases    []DatabaseEntry `yaml:"databases" doc:"The databases that clients can ask for, where it is not the shared one alone."`
	PolicyFile   string          `yaml:"policy_file" doc:"The policy: what belongs to a tenant in the shared database. Required where there is one. Like every file named here, relative to this file."`
	Users        []UserEntry     `yaml:"users" require:"true" doc:"Who may log in. A user has either a tenant of its own, or a role that acts for tenants, or stands in admin_users or stats_users."`
	AdminUsers   []string        `yaml:"admin_users" doc:"Names of users who may look and command in the admin database pgcordon. One that has neither tenant nor role may connect to that alone."`
	StatsUsers   []string        `yaml:"stats_users" doc:"Names of users who may look in the admin database pgcordon: SHOW, and nothing else."`
	Limits       LimitsEntry     `yaml:"limits" doc:"What one tenant may use."`
	Admin        *AdminEntry     `yaml:"admin" doc:"HTTP listener for /metrics, /healthz and /readyz; without it there is none."`
	Log          LogEntry        `yaml:"log" doc:"What is logged."`
	Wire         WireEntry       `yaml:"wire" doc:"Bounds on what clients may do."`
	Rewriter     RewriterEntry   `yaml:"rewriter" doc:"Bounds on what planning may use."`
	DrainTimeout time.Duration   `yaml:"drain_timeout" default:"30s" min:"0s" doc:"How long transactions that run may take to end after SIGTERM."`
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

// DatabaseEntry is one element of the key databases.
type DatabaseEntry struct {
	Name      string        `yaml:"name" doc:"What clients ask for; left out: the database in upstream.dsn. {tenant} stands for the tenant's id."`
	Tenancy   string        `yaml:"tenancy" require:"true" enum:"rows,database" doc:"rows: tenants share it, and every statement is confined to the rows of one; there is one such entry at most. database: it belongs to one tenant whole, and statements pass as they are."`
	Tenant    string        `yaml:"tenant" doc:"With tenancy database: whose it is. Left out where dsn holds {tenant}: then there is a database for each tenant."`
	Tenants   []string      `yaml:"tenants" doc:"Where dsn holds {tenant}: for which tenants there is one; left out: for all that users have."`
	Roles     []string      `yaml:"roles" doc:"With tenancy database: users of these roles of the policy may enter as well. What a role is denied does not hold there."`
	TrustRole bool          `yaml:"trust_role" default:"false" doc:"With tenancy database: the role in dsn may be a superuser, or one that other entries use as well. Such a role sees and ends what its tenants run elsewhere: only for tenants that are trusted with the whole server."`
	Upstream  UpstreamEntry `yaml:"upstream" require:"true" doc:"Where it is, with the keys of the top-level upstream; with tenancy database pool_mode is always session, and default_pool_size 100 if nothing else is said. {tenant} can stand in the names of the database and the user in dsn."`
}

// UpstreamEntry is the key upstream.
type UpstreamEntry struct {
	DSN          Secret `yaml:"dsn" require:"true" doc:"Connection string as libpq takes it, as a URL or key=value pairs."`
	PasswordFile string `yaml:"password_file" doc:"File with the password, instead of one in dsn."`

	PoolMode              string        `yaml:"pool_mode" enum:"transaction,session" default:"transaction" doc:"transaction: a client has a connection to the database for each of its transactions. session: from login to its end."`
	DefaultPoolSize       int           `yaml:"default_pool_size" default:"20" min:"1" max:"100000" doc:"Most connections to the database at once, the reserve aside. Those that read its catalog come on top."`
	MinPoolSize           int           `yaml:"min_pool_size" default:"0" min:"0" max:"100000" doc:"Connections that are kept when nobody needs them, from the first client on."`
	ReservePoolSize       int           `yaml:"reserve_pool_size" default:"0" min:"0" max:"100000" doc:"Further connections while somebody has waited for longer than reserve_pool_timeout."`
	ReservePoolTimeout    time.Duration `yaml:"reserve_pool_timeout" default:"5s" min:"0s" doc:"See reserve_pool_size."`
	MaxDBConnections      int           `yaml:"max_db_connections" default:"0" min:"0" max:"100000" doc:"Most connections to the database at once, the reserve included; 0: no more bound than the sizes."`
	AdaptiveLimit         bool          `yaml:"adaptive_limit" default:"true" doc:"While several tenants are there, bound what runs at once, such that tenants that run much do not slow down those that run little: by a limit that is measured, between adaptive_limit_min and default_pool_size. A tenant's first statement is never held back, and no session with pool_mode session."`
	AdaptiveLimitMin      int           `yaml:"adaptive_limit_min" default:"1" min:"1" max:"100000" doc:"See adaptive_limit."`
	QueryWaitTimeout      time.Duration `yaml:"query_wait_timeout" default:"2m" min:"0s" doc:"How long a client waits for a connection before it gets an error (SQLSTATE 53300); 0: for ever."`
	MaxPreparedStatements int           `yaml:"max_prepared_statements" default:"200" min:"1" max:"100000" doc:"Prepared statements that each connection to the database keeps. Clients may have more."`
	ServerConnectTimeout  time.Duration `yaml:"server_connect_timeout" default:"15s" min:"1ms" doc:"How long one host may take to answer and to let the proxy log in. connect_timeout in dsn can make it less."`
	ServerIdleTimeout     time.Duration `yaml:"server_idle_timeout" default:"10m" min:"0s" doc:"A connection that nobody has used for so long is closed; 0: never."`
	ServerLifetime        time.Duration `yaml:"server_lifetime" default:"1h" min:"0s" doc:"A connection that is older, give or take a tenth, is closed once nobody uses it; 0: never."`
	ServerCheckDelay      time.Duration `yaml:"server_check_delay" default:"30s" min:"0s" doc:"A connection that nobody has used for so long is tried before a client gets it; 0: none is. One that the server has closed is noticed at once in any case."`
}

// UserEntry is one element of the key users.
type UserEntry struct {
	Name      string `yaml:"name" require:"true" doc:"Name to log in with."`
	Tenant    string `yaml:"tenant" doc:"The tenant whose rows the user sees. Left out for a role that acts for tenants."`
	Role      string `yaml:"role" doc:"A role of the policy. With act_for there, the user chooses the tenant at login, by options=-c pgcordon.tenant=acme."`
	Scram     Secret `yaml:"scram" doc:"SCRAM-SHA-256 verifier, as pgcordon verifier prints it or as it stands in pg_authid.rolpassword. Either this or scram_file."`
	ScramFile string `yaml:"scram_file" doc:"File with the verifier."`
	PoolMode  string `yaml:"pool_mode" enum:"transaction,session" doc:"Instead of upstream.pool_mode, for this user."`
	Simple    string `yaml:"simple_statements" enum:"prepared,text" doc:"Instead of the policy's simple_statements, for this user."`
}

// AdminEntry is the key admin.
type AdminEntry struct {
	Address string `yaml:"address" require:"true" doc:"host:port. Nobody is asked for a password there."`
}

// LogEntry is the key log.
type LogEntry struct {
	SlowStatement time.Duration `yaml:"slow_statement" default:"0s" min:"0s" doc:"Statements that take as long or longer are logged, by the text that went to the server, with a question mark for each value; 0: none."`
}

// WireEntry is the key wire.
type WireEntry struct {
	MaxMessageBytes    int           `yaml:"max_message_bytes" default:"67108864" min:"16384" max:"1073741823" doc:"Largest message of a client, in bytes."`
	StartupTimeout     time.Duration `yaml:"startup_timeout" default:"10s" min:"1ms" doc:"How long a client may take to authenticate."`
	MaxUnauthenticated int           `yaml:"max_unauthenticated" default:"200" min:"1" doc:"Connections that have not authenticated yet, at once; further ones are closed."`

	MaxClientConn          int           `yaml:"max_client_conn" default:"10000" min:"1" doc:"Client connections at once; who comes after them gets an error (SQLSTATE 53300)."`
	ClientIdleTimeout      time.Duration `yaml:"client_idle_timeout" default:"0s" min:"0s" doc:"A client that sends nothing for so long, and has no transaction open, is disconnected; 0: never."`
	IdleTransactionTimeout time.Duration `yaml:"idle_transaction_timeout" default:"0s" min:"0s" doc:"A client that sends nothing for so long inside of a transaction is disconnected; 0: never."`
}

// RewriterEntry is the key rewriter.
type RewriterEntry struct {
	CacheBytes        int `yaml:"cache_bytes" default:"67108864" min:"65536" doc:"Memory for the plans of statements seen before, in bytes."`
	MaxStatementBytes int `yaml:"max_statement_bytes" default:"1048576" min:"1024" max:"16777216" doc:"Longest SQL text, in bytes. Not more than wire.max_message_bytes."`
}
