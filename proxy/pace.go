package proxy

import "time"

// sent is what the relay has sent to the client since it was counted against the limits per second.
type sent struct{ rows, bytes int64 }

// pauseStep bounds how long the end of a session waits for a relay that pauses.
const pauseStep = 50 * time.Millisecond

// keepPace counts what has left against the limits per second: once for each buffer. While more was sent than may be, nothing is read, so that
// the upstream has to wait as well.
func (r *relay) keepPace() {
	n := r.sent
	r.sent = sent{}
	if empty, _ := r.pipe.state(); empty {
		r.s.keepPace(n, func() bool { return true }) // the session's next statement waits, and keeps no connection meanwhile
		return
	}
	r.s.keepPace(n, r.s.isMuted)
}

// keepPace is the relay's, which stops pausing when it is muted.
func (s *session) keepPace(n sent, muted func() bool) {
	if n.bytes == 0 || !s.seat.Metered() {
		return
	}
	for pause := s.seat.Spend(n.rows, n.bytes); pause > 0 && !muted(); pause -= pauseStep {
		time.Sleep(min(pause, pauseStep))
	}
}

func (s *session) isMuted() bool {
	s.word.Lock()
	defer s.word.Unlock()
	return s.muted
}
