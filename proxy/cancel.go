package proxy

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"pgcordon/proxy/pgwire"
)

// cancelTimeout is how long a cancel request may take to reach the upstream.
const cancelTimeout = 5 * time.Second

// cancelKeys finds the session that a cancel request names. The keys are the proxy's own and random: those of the upstream stay inside.
type cancelKeys struct {
	mu       sync.Mutex
	sessions map[pgwire.CancelKey]*session
	keys     map[*session]pgwire.CancelKey
}

// issue makes a key for a session.
func (c *cancelKeys) issue(s *session) pgwire.CancelKey { return c.issueFor(s, 0) }

// issueFor makes a key with this process number, 0 for any.
func (c *cancelKeys) issueFor(s *session, process uint32) pgwire.CancelKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil {
		c.sessions, c.keys = make(map[pgwire.CancelKey]*session), make(map[*session]pgwire.CancelKey)
	}
	for {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
		// Clients take the process number for a positive int32.
		key := pgwire.CancelKey{Process: binary.BigEndian.Uint32(b[:]) & 0x7fffffff, Secret: binary.BigEndian.Uint32(b[4:])}
		if process != 0 {
			key.Process = process
		}
		if _, taken := c.sessions[key]; taken || key.Process == 0 {
			continue
		}
		c.sessions[key], c.keys[s] = s, key
		return key
	}
}

func (c *cancelKeys) forget(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, c.keys[s])
	delete(c.keys, s)
}

func (c *cancelKeys) find(key pgwire.CancelKey) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[key]
}

// cancel passes a client's cancel request on. It reaches what the session has running now: while it is on its way
// the session sends nothing new, so that a request that comes late finds nothing to cancel. If nothing runs, it ends what the session's statement waits for.
func (s *Server) cancel(ctx context.Context, key pgwire.CancelKey) {
	session := s.cancels.find(key)
	if session != nil && session.own != nil {
		session.own.clientCancels()
		return
	}
	if session == nil || session.cancelConsole() {
		return
	}
	up := session.pipe.block()
	if up == nil {
		session.waits.cancel()
		return
	}
	defer session.pipe.unblock()
	ctx, stop := context.WithTimeout(ctx, cancelTimeout)
	defer stop()
	if err := up.conn.Cancel(ctx); err != nil {
		session.pipe.pin(pinCancel)
		s.log.Warn("passing on a cancel request failed", "session", session.id, "error", err)
	}
}
