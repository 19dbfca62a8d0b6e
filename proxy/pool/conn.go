package pool

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/proxy/pgwire"
)

// Conn is one connection to the upstream. Whoever has leased it writes to it, and its Backend reads it. When it is lent it is outside of
// a transaction and nothing is outstanding on it.
type Conn struct {
	net.Conn
	// Parameters is what the upstream reported of its settings at connect; afterwards it is the Backend's.
	Parameters map[string]string
	// PID is the number of the upstream's process.
	PID uint32
	// Backend is the connection's reader.
	Backend Backend

	id         uint64
	pool       *Pool
	origin     *pgconn.PgConn
	dead       atomic.Bool
	made       time.Time
	jitter     float64 // its part of how far its lifetime is from Lifetime, 0 to 1
	generation int

	// guarded by Pool.mu
	shelf  *shelf
	state  state
	idleAt time.Time // since when it is idle
	// who has leased it, or had, and since when
	party    *party
	holder   uint64
	leasedAt time.Time
	whole    bool // see Request
}

type state uint8

const (
	leased state = iota
	idle
	gone // does not count any more
)

// shelf holds what the pool has of one key. It exists as long as there is something of it.
type shelf struct {
	key  Key
	idle []*Conn // the most recently used one is the last
	// leased and dialling count connections that are not idle.
	leased, dialling int

	// The queue's: how many wait for the key, where the shelf stands in queue.shelves while somebody does, and their lanes.
	waiting, at int
	calm        calm
	busy        busy
}

func (s *shelf) empty() bool {
	return len(s.idle) == 0 && s.leased == 0 && s.dialling == 0 && s.waiting == 0
}

// take removes an idle connection, and reports whether it was there.
func (s *shelf) take(c *Conn) bool {
	for i := len(s.idle) - 1; i >= 0; i-- {
		if s.idle[i] == c {
			s.idle = slices.Delete(s.idle, i, i+1)
			return true
		}
	}
	return false
}

// Cancel asks the upstream to cancel what runs on the connection now, and returns when the upstream has passed that on:
// nothing that is sent on it after that can be hit. It may be called while others use the connection, but not after Release.
func (c *Conn) Cancel(ctx context.Context) error { return c.origin.CancelRequest(ctx) }

// Dead reports whether the connection has ended: its Backend's Run has returned.
func (c *Conn) Dead() bool { return c.dead.Load() }

// Release gives the connection back; it is called once for each lease, by any goroutine, and nobody may use the connection afterwards. With keep it
// serves the next: its state must be what it was when it was made, and nothing may be outstanding. Otherwise it is closed.
func (c *Conn) Release(keep bool) {
	p := c.pool
	p.mu.Lock()
	if c.state != leased {
		p.mu.Unlock()
		panic("pool: a connection was released twice")
	}
	p.inUse--
	c.shelf.leased--
	now := time.Now()
	p.count.leased += now.Sub(c.leasedAt)
	p.end(c, now)
	switch {
	case c.dead.Load():
		p.drop(c, ClosedLost)
	case !keep || c.Backend == nil:
		p.drop(c, ClosedReleased)
	default:
		p.put(c, now)
	}
	p.serve(now)
	p.fill(now)
	p.unlock()
}

// tenant is who has leased it, or had last. Pool.mu is held.
func (c *Conn) tenant() string {
	if c.party == nil {
		return ""
	}
	return c.party.tenant
}

// farewell closes a connection that the pool has dropped. One that is idle is told, so that the server's log does not speak of a lost connection.
func (c *Conn) farewell(polite bool) {
	if polite {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(time.Second)) // the few bytes find room in the socket's buffer
		_, _ = c.Conn.Write(pgwire.Append(nil, pgwire.MsgTerminate))
	}
	_ = c.Conn.Close() // it is gone either way
}

// expired reports whether the connection is too old to be lent again, and why. Pool.mu is held.
func (c *Conn) expired(now time.Time) (Reason, bool) {
	if c.generation != c.pool.generation {
		return ClosedReconnect, true
	}
	expires := c.expires()
	return ClosedLifetime, !expires.IsZero() && !now.Before(expires)
}

// expires is when the connection's lifetime ends; zero for never. Those that were made together do not all end together. Pool.mu is held.
func (c *Conn) expires() time.Time {
	life := c.pool.cfg.Lifetime
	if life <= 0 {
		return time.Time{}
	}
	return c.made.Add(time.Duration(float64(life) * (0.9 + 0.2*c.jitter)))
}
