package proxy

import "time"

// How long a client may be silent: Wire.ClientIdleTimeout outside of a transaction, Wire.IdleTransactionTimeout inside of one. It is
// silent from the moment when it was heard last, or has been answered. While something runs the session looks again from time to time.

// watched reports whether a silent client is not waited for for ever.
func (w *Wire) watched() bool { return w.ClientIdleTimeout > 0 || w.IdleTransactionTimeout > 0 }

// watch gives the next read its deadline.
func (s *session) watch() error {
	if !s.server.wire.watched() {
		return nil
	}
	end := s.silenceEnds()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.woke {
		return nil // somebody wants the session to look up, and that deadline stays
	}
	return s.conn.SetReadDeadline(end)
}

// silenceEnds is until when the client may be silent in the state that the session is in, or when to look again; the zero time for never.
func (s *session) silenceEnds() time.Time {
	w := &s.server.wire
	limit := w.IdleTransactionTimeout
	if empty, alone := s.resting(); alone {
		limit = w.ClientIdleTimeout
	} else if !empty {
		return time.Now().Add(max(w.ClientIdleTimeout, w.IdleTransactionTimeout) / 4)
	}
	if limit <= 0 {
		return time.Time{}
	}
	since := s.heard
	if answered := s.out.answered(); answered.After(since) {
		since = answered
	}
	return since.Add(limit)
}

// silentTooLong is the failure that ends a session whose client has been silent for too long; nil when it has not.
func (s *session) silentTooLong() *failure {
	if !s.server.wire.watched() {
		return nil
	}
	empty, alone := s.resting()
	if !empty {
		return nil
	}
	if end := s.silenceEnds(); end.IsZero() || time.Now().Before(end) {
		return nil
	}
	if alone {
		return &failure{state: stateIdleSession, message: "terminating connection due to idle-session timeout"}
	}
	return &failure{state: stateIdleTransaction, message: "terminating connection due to idle-in-transaction timeout"}
}
