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
	r.s.keepPace(n, r.isMuted)
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

func (r *relay) isMuted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.muted
}
