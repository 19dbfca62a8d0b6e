package proxy

import (
	"context"
	"time"

	"pgcordon/proxy/limit"
)

// earlyPermit is the permit of an execution that was taken for a message before it, when that is what needs a connection: sessions whose tenant has as many statements
// running as it may do not take connections and then wait. It is given back when nothing more comes at once, and asked for again by the Execute.
type earlyPermit struct {
	permit limit.Permit
	of     *statement // nil for no permit
}

// leaseFor gets the session a connection for a message that goes before an execution of the statement, and the permit for that first.
func (s *session) leaseFor(ctx context.Context, st *statement) *failure {
	if s.up != nil {
		return nil
	}
	began := time.Now()
	permit, f := s.permitFor(ctx, st)
	if f != nil {
		s.notRun(f, began)
		return f
	}
	s.early = earlyPermit{permit, st}
	if f := s.lease(ctx); f != nil {
		s.dropEarly()
		return f
	}
	return nil
}

// takeEarly is the permit that was taken for the statement; ok is false for none.
func (s *session) takeEarly(st *statement) (permit limit.Permit, ok bool) {
	if st == nil || s.early.of != st {
		return limit.Permit{}, false
	}
	permit, s.early = s.early.permit, earlyPermit{}
	return permit, true
}

// dropEarly gives the permit back. The execution counts as admitted still.
func (s *session) dropEarly() {
	if s.early.of == nil {
		return
	}
	s.early.permit.Done()
	s.early.of.prepaid = true
	s.early = earlyPermit{}
}
