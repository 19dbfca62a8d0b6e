package proxy

import (
	"context"
	"sync/atomic"
	"time"

	"pgcordon/proxy/limit"
)

// Running a statement that is known allocates nothing: what it needs is used again by the session's next one, and by no other session's.

// reused is what a session uses again.
type reused struct {
	// execution is one that was reported. The relay puts it there, the session's goroutine takes it.
	execution atomic.Pointer[execution]
	// portal is the unnamed one that was open last.
	portal *portal
	// message is for small messages, while they are written.
	message [96]byte
	// admission and acquisition are what the session waits with.
	admission, acquisition waiting
}

// newExecution returns an execution of a portal that can be used again.
func (s *session) newExecution(permit limit.Permit, p *portal, began time.Time) *execution {
	run := s.reused.execution.Swap(nil)
	if run == nil {
		run = new(execution)
	}
	*run = execution{permit: permit, portal: p, started: began, who: s.who, reusable: true}
	return run
}

// reuse takes an execution back that was reported: nobody else knows it any more.
func (r *reused) reuse(run *execution) {
	if run.reusable {
		*run = execution{}
		r.execution.Store(run)
	}
}

// onlyLast reports whether the answer that was pushed last is all that is outstanding.
func (p *pipeline) onlyLast() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count <= 1
}

// admits is what the session waits with for its turn.
func (s *session) admits(ctx context.Context) context.Context {
	s.reused.admission = waiting{ctx, &s.waits, s}
	return &s.reused.admission
}

// acquires is what it waits with for a connection.
func (s *session) acquires(ctx context.Context) context.Context {
	s.reused.acquisition = waiting{ctx, &s.waits, (*acquiring)(s)}
	return &s.reused.acquisition
}
