package proxy

import "time"

// sent is what the relay has sent to the client since it was counted against the limits per second.
type sent struct{ rows, bytes int64 }

// pauseStep bounds how long the end of a session waits for a relay that pauses.
const pauseStep = 50 * time.Millisecond

// spend counts what is about to leave against the limits per second: once for each buffer, and before it leaves, so that it counts when the client's next
// statement comes. It says for how long the relay is to pause then.
func (s *session) spend(n *sent) (pause time.Duration) {
	if n.bytes > 0 && s.seat.Metered() {
		pause = s.seat.Spend(n.rows, n.bytes)
	}
	*n = sent{}
	return pause
}

// keepPace pauses: while more was sent than may be, nothing is read, so that the upstream has to wait as well. When all is answered the session's next
// statement waits instead, and keeps no connection meanwhile.
func (r *relay) keepPace(pause time.Duration) {
	if empty, _ := r.pipe.state(); !empty {
		linger(pause, r.s.isMuted)
	}
}

// linger sleeps, until muted at the longest.
func linger(pause time.Duration, muted func() bool) {
	for ; pause > 0 && !muted(); pause -= pauseStep {
		time.Sleep(min(pause, pauseStep))
	}
}

func (s *session) isMuted() bool {
	lock(&s.word)
	defer s.word.Unlock()
	return s.muted
}
