package proxy

import "context"

// What a session has running is cancelled when nobody wants it any more.

// interrupt cancels what the session has running.
func (s *session) interrupt() {
	up := s.pipe.block()
	if up == nil {
		return
	}
	defer s.pipe.unblock()
	ctx, stop := context.WithTimeout(context.Background(), cancelTimeout)
	defer stop()
	if err := up.conn.Cancel(ctx); err != nil {
		s.pipe.pin(pinCancel)
		s.server.log.Warn("cancelling an abandoned statement failed", "session", s.id, "error", err)
	}
}

// abandon ends what the session's goroutine waits for in vain when it is to end and its client does not matter any more: what the upstream runs is
// cancelled, and the connection closed. It runs when the session's context has ended, in a goroutine of its own, for which pipeline.end waits.
func (s *session) abandon() {
	up := s.pipe.block()
	if up == nil {
		return
	}
	defer s.pipe.unblock()
	ctx, stop := context.WithTimeout(context.Background(), cancelTimeout)
	defer stop()
	if err := up.conn.Cancel(ctx); err != nil {
		s.server.log.Warn("cancelling an abandoned statement failed", "session", s.id, "error", err)
	}
	s.pipe.pin(pinCancel)
	_ = up.conn.Close() // ends its relay
}
