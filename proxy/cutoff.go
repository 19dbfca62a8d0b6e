package proxy

import "context"

// What a session has running is cancelled when nobody wants it any more.

// interrupt cancels what the session has running.
func (s *session) interrupt() { s.endRunning(false) }

// abandon ends what the session's goroutine waits for in vain when it is to end and its client does not matter any more: what the upstream runs is
// cancelled, and the connection closed. It runs when the session's context has ended, in a goroutine of its own, for which pipeline.end waits.
func (s *session) abandon() { s.endRunning(true) }

func (s *session) endRunning(closing bool) {
	up := s.pipe.block()
	if up == nil {
		return
	}
	defer s.pipe.unblock()
	ctx, stop := context.WithTimeout(context.Background(), cancelTimeout)
	defer stop()
	err := up.conn.Cancel(ctx)
	if err != nil {
		s.server.log.Warn("cancelling an abandoned statement failed", "session", s.id, "error", err)
	}
	if closing || err != nil {
		s.pipe.pin(pinCancel)
	}
	if closing {
		_ = up.conn.Close() // ends its relay
	}
}
