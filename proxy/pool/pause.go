package pool

import (
	"context"
	"errors"
	"time"
)

// ErrResumed is returned to who waits for a pool to be empty when Resume has come before.
var ErrResumed = errors.New("the pool was resumed")

// Hold makes Acquire wait until Resume. Idle connections are closed, the others when they are released; who waits gives up after WaitTimeout
// as ever. It reports whether the pool was not held before.
func (p *Pool) Hold() bool {
	p.mu.Lock()
	defer p.unlock()
	if p.paused {
		return false
	}
	p.paused = true
	p.closeIdle(ClosedPaused)
	return true
}

// Resume ends what Hold has begun, and reports whether there was something to end.
func (p *Pool) Resume() bool {
	p.mu.Lock()
	defer p.unlock()
	if !p.paused {
		return false
	}
	p.paused = false
	p.announce()
	p.fill(time.Now())
	return true
}

// Paused reports whether the pool is held.
func (p *Pool) Paused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused
}

// WaitEmpty returns when a pool that is held has no connection any more. The error is ErrResumed, or the context's.
func (p *Pool) WaitEmpty(ctx context.Context) error {
	resumed := false
	err := p.await(ctx, func() bool {
		resumed = !p.paused
		return resumed || p.open == 0
	})
	if err == nil && resumed {
		return ErrResumed
	}
	return err
}

// WaitReplaced returns when no connection is left that was made before the last Reconnect, and none at all of a pool that is retired.
func (p *Pool) WaitReplaced(ctx context.Context) error {
	return p.await(ctx, func() bool {
		if p.retired {
			return p.open == 0
		}
		for c := range p.conns {
			if c.generation != p.generation {
				return false
			}
		}
		return true
	})
}

// await returns when done says so, which is asked with the lock held, now and each time a connection has gone.
func (p *Pool) await(ctx context.Context, done func() bool) error {
	for {
		p.mu.Lock()
		if done() {
			p.mu.Unlock()
			return nil
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// announce wakes who is in await. The lock is held.
func (p *Pool) announce() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}
