package pool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/semaphore"
)

// ErrExhausted is returned when no connection became free in time.
var ErrExhausted = errors.New("no upstream connection became free in time")

// ErrClosed is returned after Close.
var ErrClosed = errors.New("the pool is closed")

// A ConnectError says that the upstream could not be reached, or turned the connection away.
// Its text names hosts and roles of the upstream, so clients do not get it.
type ConnectError struct{ Err error }

func (e *ConnectError) Error() string { return "connecting upstream: " + e.Err.Error() }
func (e *ConnectError) Unwrap() error { return e.Err }

// Config says where the upstream is and how much of it may be used.
type Config struct {
	// Upstream is where to connect, made by pgconn.ParseConfig. Its RuntimeParams give way to the pool's own.
	Upstream *pgconn.Config
	// MaxConnections is how many leases may be out at once; 0 means 100.
	MaxConnections int
	// AcquireTimeout is how long Acquire waits for a turn and, after that, for the upstream to answer; 0 means 5 s.
	AcquireTimeout time.Duration
}

// Pool hands out leases. It is safe for concurrent use.
type Pool struct {
	cfg     Config
	turns   *semaphore.Weighted
	closing context.Context
	close   context.CancelFunc

	inUse, waiting atomic.Int64
	leases         sync.WaitGroup
}

// Stats is what a pool does now.
type Stats struct {
	InUse   int // leases that are out
	Waiting int // callers of Acquire that wait for a turn
	Max     int
}

// New returns a pool; it does not connect.
func New(cfg Config) *Pool {
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = 100
	}
	if cfg.AcquireTimeout <= 0 {
		cfg.AcquireTimeout = 5 * time.Second
	}
	p := &Pool{cfg: cfg, turns: semaphore.NewWeighted(int64(cfg.MaxConnections))}
	p.closing, p.close = context.WithCancel(context.Background())
	return p
}

// Database is the name of the upstream database.
func (p *Pool) Database() string { return p.cfg.Upstream.Database }

// Stats returns what the pool does now.
func (p *Pool) Stats() Stats {
	return Stats{InUse: int(p.inUse.Load()), Waiting: int(p.waiting.Load()), Max: p.cfg.MaxConnections}
}

// Close makes Acquire fail and waits until every lease is released.
func (p *Pool) Close() {
	p.close()
	p.leases.Wait()
}

// Key says what a lease must be like; leases of equal keys are interchangeable.
type Key struct{ settings string }

// NewKey returns the key of connections that start with these settings.
// Names are as in a startup packet; a setting of the pool's own wins, see Owns.
func NewKey(settings map[string]string) Key {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(settings[name])
		b.WriteByte(0)
	}
	return Key{settings: b.String()}
}

func (k Key) each(f func(name, value string)) {
	parts := strings.Split(k.settings, "\x00")
	for i := 0; i+1 < len(parts); i += 2 {
		f(parts[i], parts[i+1])
	}
}

// Acquire waits for a turn and returns a connection as key wants it. The error is ErrExhausted, ErrClosed, a *ConnectError,
// or the context's.
func (p *Pool) Acquire(ctx context.Context, key Key) (*Lease, error) {
	if err := p.wait(ctx); err != nil {
		return nil, err
	}
	lease, err := p.dial(ctx, key)
	if err != nil {
		p.turns.Release(1)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if p.closing.Err() != nil {
			return nil, ErrClosed
		}
		return nil, &ConnectError{Err: err}
	}
	return lease, nil
}

func (p *Pool) wait(ctx context.Context) error {
	if p.closing.Err() != nil {
		return ErrClosed
	}
	if p.turns.TryAcquire(1) {
		return nil
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	turn, stop := p.bounded(ctx)
	defer stop()
	if p.turns.Acquire(turn, 1) == nil {
		return nil
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.closing.Err() != nil:
		return ErrClosed
	}
	return ErrExhausted
}

// bounded ends with ctx, with the pool, and after the acquire timeout.
func (p *Pool) bounded(ctx context.Context) (context.Context, func()) {
	bounded, cancel := context.WithTimeout(ctx, p.cfg.AcquireTimeout)
	detach := context.AfterFunc(p.closing, cancel)
	return bounded, func() { detach(); cancel() }
}

func (p *Pool) dial(ctx context.Context, key Key) (*Lease, error) {
	cfg := p.cfg.Upstream.Copy()
	cfg.RuntimeParams = maps.Clone(cfg.RuntimeParams)
	if cfg.RuntimeParams == nil {
		cfg.RuntimeParams = make(map[string]string)
	}
	key.each(func(name, value string) { cfg.RuntimeParams[name] = value })
	maps.Copy(cfg.RuntimeParams, baseline)
	bounded, stop := p.bounded(ctx)
	defer stop()
	conn, err := pgconn.ConnectConfig(bounded, cfg)
	if err != nil {
		return nil, err
	}
	// Without this a background read of pgconn's could still be waiting, and take the first bytes that are sent to the lease.
	if err := conn.SyncConn(bounded); err != nil {
		return nil, errors.Join(err, conn.Close(bounded))
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
	p.inUse.Add(1)
	p.leases.Add(1)
	return &Lease{Conn: hijacked.Conn, Parameters: hijacked.ParameterStatuses, PID: hijacked.PID, pool: p, origin: conn}, nil
}

// Lease is the right to use one upstream connection. It belongs to one session.
type Lease struct {
	// Conn is idle and outside a transaction when the lease is handed out.
	Conn net.Conn
	// Parameters is what the upstream has reported of its settings at connect.
	Parameters map[string]string
	// PID is the upstream backend's.
	PID uint32

	pool     *Pool
	origin   *pgconn.PgConn
	released sync.Once
}

// Cancel asks the upstream to cancel what runs on the connection now, and returns when the upstream has passed that on:
// nothing sent on Conn after that can be hit. It may be called while Conn is in use.
func (l *Lease) Cancel(ctx context.Context) error { return l.origin.CancelRequest(ctx) }

// Release gives the connection back. Nobody may be using it. Calls after the first do nothing.
func (l *Lease) Release() {
	l.released.Do(func() {
		_ = l.Conn.Close() // the session is over either way
		l.pool.turns.Release(1)
		l.pool.inUse.Add(-1)
		l.pool.leases.Done()
	})
}
