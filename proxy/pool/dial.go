package pool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// The pause after an attempt to connect that has failed doubles with each, between these.
const (
	pauseLeast = 50 * time.Millisecond
	pauseMost  = time.Second
)

// outagePatience is for how long who waits is not told that the upstream cannot be reached, or is not ready: a server that restarts is
// back before.
const outagePatience = time.Second

// mayDial reports whether a connection may be made now: after a failure a single one tries, when the pause is over. The lock is held.
func (p *Pool) mayDial(now time.Time) bool {
	return p.failures == 0 || p.dialling == 0 && !now.Before(p.retry)
}

// start begins to make a connection. The lock is held.
func (p *Pool) start(s *shelf) {
	p.open++
	p.dialling++
	s.dialling++
	cfg, generation := p.cfg, p.generation
	p.work.Go(func() { p.dial(s, cfg, generation) })
}

// dial makes a connection and finds a use for it.
func (p *Pool) dial(s *shelf, cfg *Config, generation int) {
	c, err := p.connect(s.key, cfg)
	if err == nil {
		c.shelf, c.generation = s, generation
		if cfg.Backend != nil {
			c.Backend = cfg.Backend(c)
		}
	}
	p.mu.Lock()
	before := p.failures
	p.dialling--
	s.dialling--
	if err != nil {
		p.count.connectFailures++
		p.failed(s, err)
		p.shrink(s)
	} else {
		p.count.connects++
		p.failures = 0
		p.wanted, p.used = s.key, true
		if c.Backend != nil {
			p.work.Go(func() { p.attend(c) })
		}
		p.conns[c] = struct{}{}
		p.put(c, time.Now())
	}
	after, closed := p.failures, p.closed
	p.fill(time.Now())
	p.unlock()
	switch {
	case closed:
	case after > before && after&(after-1) == 0: // the first, second, fourth … in a row
		cfg.Log.Warn("connecting to the upstream failed", "error", err, "attempts", after)
	case after == 0 && before > 0:
		cfg.Log.Info("the upstream can be reached again", "attempts", before+1)
	}
}

// failed decides who learns of an attempt that has failed, and when the next is made. The lock is held.
func (p *Pool) failed(s *shelf, err error) {
	failure := outcome{err: &ConnectError{Err: err}}
	if settingRefused(err) {
		p.used = p.used && p.wanted != s.key
		for s.waiting > 0 {
			p.finish(s.any(), failure)
		}
		return
	}
	pause := pauseMost
	if p.failures < 10 {
		pause = min(pauseLeast<<p.failures, pauseMost)
	}
	now := time.Now()
	p.failures++
	p.retry, p.outage = now.Add(pause), failure.err
	passes := mayPass(err)
	for w := p.queue.first; w != nil; {
		next := w.at[byArrival].next
		if w.shelf.leased == 0 && w.shelf.dialling == 0 && (!passes || now.Sub(w.since) >= outagePatience) {
			p.finish(w, failure)
		}
		w = next
	}
}

// settingRefused tells the refusal of a connection's settings, which concerns those who have asked for them, from a failure of the
// upstream (Postgres manual, "PostgreSQL Error Codes": classes).
func settingRefused(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "22", "42", "55", "0A": // data exception, invalid name or privilege, cannot change now, not supported
		return true
	}
	return false
}

// mayPass tells failures that a restart of the upstream brings, and a moment later none, from those that stay until somebody changes something.
func mayPass(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return true // the network
	}
	return strings.HasPrefix(pg.Code, "57") || strings.HasPrefix(pg.Code, "53") // operator intervention, insufficient resources
}

// attend runs the reader of a connection.
func (p *Pool) attend(c *Conn) {
	c.Backend.Run()
	c.dead.Store(true)
	_ = c.Conn.Close() // so that whoever writes to it learns of it
	p.mu.Lock()
	defer p.unlock()
	if c.state == idle {
		p.discard(c, ClosedLost)
		p.fill(time.Now())
	}
}

// lastID numbers the connections of all pools.
var lastID atomic.Uint64

// connect makes a connection that is ready for a query.
func (p *Pool) connect(k Key, pool *Config) (*Conn, error) {
	cfg := pool.Upstream.Copy()
	cfg.RuntimeParams = maps.Clone(cfg.RuntimeParams)
	if cfg.RuntimeParams == nil {
		cfg.RuntimeParams = make(map[string]string)
	}
	k.each(func(name, value string) {
		if name == "options" && cfg.RuntimeParams[name] != "" {
			value = cfg.RuntimeParams[name] + " " + value // the last one of a setting wins
		}
		cfg.RuntimeParams[name] = value
	})
	if !pool.Plain {
		maps.Copy(cfg.RuntimeParams, baseline)
	}
	if cfg.ConnectTimeout <= 0 || cfg.ConnectTimeout > pool.ConnectTimeout {
		cfg.ConnectTimeout = pool.ConnectTimeout // for each host
	}
	d := &dialer{dial: cfg.DialFunc}
	cfg.DialFunc = d.Dial
	ctx, stop := context.WithTimeout(p.closing, time.Duration(2+len(cfg.Fallbacks))*pool.ConnectTimeout)
	defer stop()
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// Without this a background read of pgconn's could still be waiting, and take the first bytes that are sent to whom it is lent.
	if err := conn.SyncConn(ctx); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return nil, err
	}
	if n := hijacked.Frontend.ReadBufferLen(); n != 0 {
		return nil, errors.Join(fmt.Errorf("%d bytes follow ReadyForQuery", n), hijacked.Conn.Close())
	}
	if err := hijacked.Conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, hijacked.Conn.Close())
	}
	d.connected = true
	return &Conn{
		Conn: hijacked.Conn, Parameters: hijacked.ParameterStatuses, PID: hijacked.PID,
		pool: p, origin: conn, id: lastID.Add(1), made: time.Now(), jitter: rand.Float64(),
	}, nil
}

// dialer makes cancel requests go to the Unix socket that the connection was made to: pgconn only knows that of the first host.
type dialer struct {
	dial      pgconn.DialFunc
	socket    string
	connected bool
}

func (d *dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network == "unix" {
		if d.connected {
			address = d.socket
		} else {
			d.socket = address
		}
	}
	return d.dial(ctx, network, address)
}
