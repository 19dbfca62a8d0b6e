package config

import (
	"time"

	"pgcordon/config/yamlpos"
)

// modeSession is the pool_mode in which a client has a connection from login to its end.
const modeSession = "session"

// Pool says how the connections to the upstream are used, as pool.Config takes it.
type Pool struct {
	// Mode is pool_mode, for users that say nothing else.
	Mode                                       string
	Size, MinSize, ReserveSize, MaxConnections int
	// Adaptive is adaptive_limit, and AdaptiveLeast its least.
	Adaptive      bool
	AdaptiveLeast int
	// MaxPrepared is for proxy.NewBackend.
	MaxPrepared                                                                    int
	ReserveTimeout, WaitTimeout, ConnectTimeout, IdleTimeout, Lifetime, CheckDelay time.Duration
}

// Most is how many connections there may be at once.
func (p Pool) Most() int {
	most := p.Size + p.ReserveSize
	if p.MaxConnections > 0 {
		most = min(most, p.MaxConnections)
	}
	return most
}

// initialUpstream is what stands in an UpstreamEntry before it is read.
var initialUpstream = UpstreamEntry{
	PoolMode: "transaction", DefaultPoolSize: 20, MaxPreparedStatements: 200, ReservePoolTimeout: 5 * time.Second,
	AdaptiveLimit: true, AdaptiveLimitMin: 1,
	QueryWaitTimeout: 2 * time.Minute, ServerConnectTimeout: 15 * time.Second, ServerIdleTimeout: 10 * time.Minute,
	ServerLifetime: time.Hour, ServerCheckDelay: 30 * time.Second,
}

// pool reads how the connections of the entry that stands at a path are used.
func (l *loader) pool(path yamlpos.Path, u UpstreamEntry) Pool {
	at := func(key string) yamlpos.Path { return append(path[:len(path):len(path)], key) }
	if u.MinPoolSize > u.DefaultPoolSize {
		l.doc.Errorf(at("min_pool_size"), "min_pool_size (%d) is more than default_pool_size (%d)", u.MinPoolSize, u.DefaultPoolSize)
	}
	if l.doc.Has(at("reserve_pool_timeout")) && u.ReservePoolSize == 0 {
		l.doc.Errorf(at("reserve_pool_timeout"), "reserve_pool_timeout means nothing without reserve_pool_size")
	}
	if u.AdaptiveLimitMin > u.DefaultPoolSize {
		l.doc.Errorf(at("adaptive_limit_min"), "adaptive_limit_min (%d) is more than default_pool_size (%d)", u.AdaptiveLimitMin, u.DefaultPoolSize)
	}
	return Pool{
		Adaptive: u.AdaptiveLimit, AdaptiveLeast: u.AdaptiveLimitMin,
		Mode: u.PoolMode, Size: u.DefaultPoolSize, MinSize: u.MinPoolSize, ReserveSize: u.ReservePoolSize, MaxConnections: u.MaxDBConnections,
		ReserveTimeout: u.ReservePoolTimeout, WaitTimeout: u.QueryWaitTimeout, ConnectTimeout: u.ServerConnectTimeout,
		MaxPrepared: u.MaxPreparedStatements, IdleTimeout: u.ServerIdleTimeout, Lifetime: u.ServerLifetime, CheckDelay: u.ServerCheckDelay,
	}
}

// holdsConnection reports whether a user has its connection to the upstream for the whole session.
func (l *loader) holdsConnection(e UserEntry) bool {
	_, u, _ := l.rows()
	mode := u.PoolMode
	if e.PoolMode != "" {
		mode = e.PoolMode
	}
	return mode == modeSession
}
