package proxy

// Tidy looks for sessions that have become quiet, and returns how many have since there were none such last.
func (s *Server) Tidy() int {
	s.tidy()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.renewed
}
