package pool

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrExhausted is returned when no connection became free within the WaitTimeout.
var ErrExhausted = errors.New("no upstream connection became free in time")

// ErrClosed is returned after Close.
var ErrClosed = errors.New("the pool is closed")

// A ConnectError says that the upstream could not be reached, or turned the connection away.
// Its text names hosts and roles of the upstream, so clients do not get it.
type ConnectError struct{ Err error }

func (e *ConnectError) Error() string { return "connecting upstream: " + e.Err.Error() }
func (e *ConnectError) Unwrap() error { return e.Err }

// Backend is the reader of one connection.
type Backend interface {
	// Run reads the connection, idle or leased, and returns when it has ended. A connection that nobody has leased must bring
	// nothing that a client waits for.
	Run()
}

// checker is a Backend that can be asked whether its connection still works.
type checker interface {
	// Check returns nil when the upstream has answered. It is called while the connection is leased to nobody else.
	Check(context.Context) error
}

// Config says where the upstream is and how much of it may be used. A duration that is 0 means no limit, unless it is said otherwise.
type Config struct {
	// Upstream is where to connect, made by pgconn.ParseConfig. Its RuntimeParams give way to the pool's own. With several hosts they are tried
	// in turn, and target_session_attrs decides which will do.
	Upstream *pgconn.Config
	// Backend makes the reader of a new connection, before it is lent. Nil: nobody reads but who leases it, and it is closed when it is released.
	Backend func(*Conn) Backend
	// Log is told when the upstream cannot be reached, and when it can again; nil for nobody.
	Log *slog.Logger

	// Plain leaves out the settings in baseline: nobody rewrites what is sent.
	Plain bool

	// Size is how many connections there may be; 0 means 20.
	Size int
	// MinSize is how many are kept once there was one; at most Size.
	MinSize int
	// ReserveSize is how many more there may be when somebody has waited for longer than ReserveTimeout (0: at once).
	ReserveSize    int
	ReserveTimeout time.Duration
	// MaxConnections is how many there may be with the reserve; 0 for no further limit.
	MaxConnections int

	// Adaptive keeps tenants that use much from slowing down the others (see governor), by a limit that is never less than AdaptiveLeast; 0 means 1.
	Adaptive      bool
	AdaptiveLeast int

	// WaitTimeout is how long Acquire waits.
	WaitTimeout time.Duration
	// ConnectTimeout is how long one host may take to answer until it is ready for a query; 0 means 15 s.
	ConnectTimeout time.Duration
	// IdleTimeout is how long a connection may be idle.
	IdleTimeout time.Duration
	// Lifetime is how old one may get, give or take a tenth; an older one is closed as soon as it is idle.
	Lifetime time.Duration
	// CheckDelay is how long one may have been idle to be lent without asking its Backend, if that can Check.
	CheckDelay time.Duration
}

func (c Config) withDefaults() *Config {
	if c.Size <= 0 {
		c.Size = 20
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = 15 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.ReserveSize = max(c.ReserveSize, 0)
	if c.MaxConnections > 0 {
		c.Size = min(c.Size, c.MaxConnections)
		c.ReserveSize = min(c.ReserveSize, c.MaxConnections-c.Size)
	}
	c.AdaptiveLeast = max(1, min(c.AdaptiveLeast, c.Size))
	c.MinSize = min(c.MinSize, c.Size)
	return &c
}

// Key says what a connection must have been started with; connections of equal keys are interchangeable. The zero value asks for nothing.
type Key struct{ settings unique.Handle[string] }

// NewKey returns the key of connections that start with these settings.
// Names are as in a startup packet; a setting of the pool's own wins, see Owns.
func NewKey(settings map[string]string) Key {
	if len(settings) == 0 {
		return Key{}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(settings[name])
		b.WriteByte(0)
	}
	return Key{settings: unique.Make(b.String())}
}

func (k Key) each(f func(name, value string)) {
	if k == (Key{}) {
		return
	}
	parts := strings.Split(k.settings.Value(), "\x00")
	for i := 0; i+1 < len(parts); i += 2 {
		f(parts[i], parts[i+1])
	}
}
