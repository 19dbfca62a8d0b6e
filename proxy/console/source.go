package console

import (
	"context"
	"net"
	"time"

	"pgcordon/proxy/pool"
)

// Sessions are the clients' side of the proxy.
type Sessions interface {
	// Clients lists those that have authenticated, by number, save for those of the console.
	Clients() []Client
	// Counts tells how many others there are.
	Counts() Counts
	// Done tells what sessions have done since the start, by the database that they were on.
	Done() map[Key]Done
	// Prepared lists prepared statements, the most recently used first, at most so many.
	Prepared(most int) []Prepared
	// Kill ends the sessions that are chosen, and returns how many.
	Kill(chosen func(id uint64, database string, key Key) bool) int
	// Disable refuses new sessions of the databases that are Called so, or lets them in again. It reports whether that is new.
	Disable(name string, disabled bool) bool
	// Disabled reports whether new sessions of a database are refused.
	Disabled(database string, key Key) bool
}

// Client is one session.
type Client struct {
	ID            uint64
	User, Tenant  string
	Database      string // as the client calls it
	Key           Key
	Application   string
	Remote, Local net.Addr
	Connected     time.Time
	// TLS names protocol version and cipher; empty without.
	TLS      string
	Prepared int
	// Pinned says why the client keeps its connection to the server between transactions, in words; empty for nothing.
	Pinned string
}

// Prepared is a prepared statement that clients share.
type Prepared struct {
	Name, Fingerprint string
	Parameters        int
	Bytes             int
	Servers           int // connections that know it
}

// Counts are the clients that have not authenticated, and those of the console.
type Counts struct{ Logins, Consoles int }

// Key tells databases apart over all reloads: a tenant's own by what its clients call it and whose it is. The zero value is the one that tenants share.
type Key struct{ Name, Tenant string }

// Called reports whether a name that stands in a command means a database: what its clients call it, or for a tenant's own also that with the tenant, as in
// `own@acme`. So a name can mean the databases of several tenants.
func Called(database string, key Key, name string) bool {
	return name == database || key != Key{} && name == key.Name+"@"+key.Tenant
}

// Done is what sessions have done on one database.
type Done struct {
	Received, Sent              uint64 // bytes
	ClientParses, Parses, Binds uint64
	Transactions, Statements    uint64
	Took                        time.Duration // from clients' statements to the last bytes of the answers
}

// Upstream is the side of the server.
type Upstream interface {
	// Databases lists the upstream databases: the one that tenants share first, where there is one, then those of tenants that are being used.
	// Their names differ.
	Databases() []Database
	// Hold has pools held that are made from now on: those of the databases that are Called so, or all if name is empty. It ends with held false.
	// It reports whether that is new.
	Hold(name string, held bool) bool
	// Lent tells what pools have done, those that are closed too, by the database. shared is what clients call the one that tenants share, now or
	// before reloads; empty where there was none.
	Lent() (shared string, all map[Key]pool.Stats)
}

// Database is an upstream database, as it is configured, and its pools: the one in use first, then those that a reload has replaced.
type Database struct {
	Name, Upstream, Host       string // what it is called here, and its name on the server
	Key                        Key
	Role, Mode                 string
	Port                       int
	Size, MinSize, ReserveSize int
	MaxConnections             int
	Lifetime, CheckDelay       time.Duration
	Pools                      []*pool.Pool
}

// Activity is what tenants have done.
type Activity interface {
	// Tenants lists those that are known, by name.
	Tenants() []Tenant
	// Denials lists what was refused last, the newest first.
	Denials() []Denial
}

// Tenant is what one tenant does and has done.
type Tenant struct {
	Name                          string
	Connections, Running, Waiting int64
	Statements, Rows, Bytes       uint64
	Time                          time.Duration // that its statements took
	Denials, LimitHits            uint64
}

// Denial is what was refused, once or several times for the same reason.
type Denial struct {
	First, Last  time.Time
	Count        uint64
	Tenant, User string
	// Kind is denial or limit, and Rule the rule of the rewriter or the limit.
	Kind, Rule  string
	SQLState    string
	Fingerprint string // of the statement; empty when it was not planned
	Session     uint64 // that it happened in last
	Position    int    // in the statement, in characters from 1; 0 for unknown
}

// Settings is what is configured.
type Settings interface {
	// Settings lists the settings, without secrets.
	Settings() []Setting
	Users() []User
	// Limits lists what tenants are held to, one row for each limit that is set.
	Limits() []Limit
	Policy() []Relation
	// Cache lists the plan cache's numbers by name.
	Cache() []Number
}

// Setting is one setting. Changeable says that a reload takes a new value over.
type Setting struct {
	Key, Value, Default string
	Changeable          bool
}

// User is one who may log in.
type User struct {
	Name, Tenant, Role, Mode, Console string
}

// Limit is one limit of a tenant's, or of those that none is said for.
type Limit struct {
	Tenant, User string // User is empty for the tenant as a whole
	Limit, Value string
	Used         string // now; empty where nothing is counted
}

// Relation is what the policy says of one relation of the catalog.
type Relation struct {
	Name, Kind, Scope, Column, Rule string
}

// Number is a number with a name.
type Number struct {
	Name  string
	Value int64
}

// Process is the process as a whole.
type Process interface {
	// Reload reads the configuration again. Its error says how many mistakes there are, without quoting the file.
	Reload(context.Context) error
	// Shutdown begins to end the process, and returns.
	Shutdown(Shutdown)
}

// Shutdown is how to end.
type Shutdown uint8

// At once; when no connection to the upstream is used any more; when the clients have gone.
const (
	ShutdownNow Shutdown = iota
	ShutdownWaitForServers
	ShutdownWaitForClients
)
