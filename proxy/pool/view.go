package pool

import (
	"cmp"
	"crypto/tls"
	"net"
	"slices"
	"time"
)

// Info is what can be told of a connection.
type Info struct {
	ID     uint64 // unique among all pools of the process
	PID    uint32
	Leased bool
	// Tenant and Holder are those of the Request it is leased to, or was last.
	Tenant string
	Holder uint64
	// Since is when it was leased, or became idle.
	Made, Since   time.Time
	Remote, Local net.Addr
	TLS           *tls.ConnectionState // nil without
	// Replaced is set when it is closed as soon as it is released.
	Replaced bool
	// Prepared is how many prepared statements it knows, if its Backend tells.
	Prepared int
}

// preparing is a Backend that tells how many prepared statements its connection knows. It must not use the pool.
type preparing interface{ Prepared() int }

// Connections lists the connections, the oldest first.
func (p *Pool) Connections() []Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Info, 0, len(p.conns))
	for c := range p.conns {
		i := Info{ID: c.id, PID: c.PID, Leased: c.state == leased, Tenant: c.tenant(), Holder: c.holder, Made: c.made, Since: c.idleAt,
			Remote: c.Conn.RemoteAddr(), Local: c.Conn.LocalAddr(), Replaced: c.generation != p.generation || p.retired || p.paused}
		if i.Leased {
			i.Since = c.leasedAt
		}
		if conn, ok := c.Conn.(*tls.Conn); ok {
			state := conn.ConnectionState()
			i.TLS = &state
		}
		if b, ok := c.Backend.(preparing); ok {
			i.Prepared = b.Prepared()
		}
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Waiter is a call of Acquire that waits.
type Waiter struct {
	Tenant string
	Holder uint64
	Since  time.Time
}

// Waiting lists who waits, in the order of arrival.
func (p *Pool) Waiting() []Waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Waiter, 0, p.queue.length)
	for w := p.queue.first; w != nil; w = w.at[byArrival].next {
		list = append(list, Waiter{w.party.tenant, w.holder, w.since})
	}
	return list
}

// Backends lists the readers of the connections.
func (p *Pool) Backends() []Backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Backend, 0, len(p.conns))
	for c := range p.conns {
		list = append(list, c.Backend)
	}
	return list
}
