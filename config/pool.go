package config

import (
	"time"

	"pgcordon/config/yamlpos"
)

// modeSession is the pool_mode in which a client has a connection from login to its end.
const modeSession = "session"

// Pool says how the connections to the upstream are used, as pool.Config takes it.
type Pool struct {
	Size, MinSize, ReserveSize, MaxConnections                                     int
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

func (l *loader) pool() {
	u := l.file.Upstream
	at := func(key string) yamlpos.Path { return yamlpos.Path{"upstream", key} }
	if u.MinPoolSize > u.DefaultPoolSize {
		l.doc.Errorf(at("min_pool_size"), "min_pool_size (%d) is more than default_pool_size (%d)", u.MinPoolSize, u.DefaultPoolSize)
	}
	if l.doc.Has(at("reserve_pool_timeout")) && u.ReservePoolSize == 0 {
		l.doc.Errorf(at("reserve_pool_timeout"), "reserve_pool_timeout means nothing without reserve_pool_size")
	}
	l.out.Pool = Pool{
		Size: u.DefaultPoolSize, MinSize: u.MinPoolSize, ReserveSize: u.ReservePoolSize, MaxConnections: u.MaxDBConnections,
		ReserveTimeout: u.ReservePoolTimeout, WaitTimeout: u.QueryWaitTimeout, ConnectTimeout: u.ServerConnectTimeout,
		IdleTimeout: u.ServerIdleTimeout, Lifetime: u.ServerLifetime, CheckDelay: u.ServerCheckDelay,
	}
}

// holdsConnection reports whether a user has its connection to the upstream for the whole session.
func (l *loader) holdsConnection(e UserEntry) bool {
	mode := l.file.Upstream.PoolMode
	if e.PoolMode != "" {
		mode = e.PoolMode
	}
	return mode == modeSession
}
