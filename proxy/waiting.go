package proxy

import (
	"context"
	"errors"
	"sync/atomic"
)

// errCancelled ends the wait of a statement that its client has cancelled.
var errCancelled = errors.New("the client has cancelled the statement")

// waits is what a session's goroutine waits for, before its statement has reached the upstream: its turn, or a connection.
type waits struct{ now atomic.Pointer[wait] }

type wait struct {
	context.Context
	cancel context.CancelCauseFunc
}

// begin returns the wait of now, which ends with parent at the latest. Only the session's goroutine calls it, and end.
func (w *waits) begin(parent context.Context) *wait {
	if now := w.now.Load(); now != nil {
		return now
	}
	ctx, cancel := context.WithCancelCause(parent)
	now := &wait{ctx, cancel}
	w.now.Store(now)
	return now
}

// end is called when the session has waited, or need not have.
func (w *waits) end() {
	if now := w.now.Load(); now != nil {
		w.now.Store(nil)
		now.cancel(nil)
	}
}

// cancel ends the wait of now, if there is one, with errCancelled. Any goroutine may call it.
func (w *waits) cancel() {
	if now := w.now.Load(); now != nil {
		now.cancel(errCancelled)
	}
}

// waiting is a context that does something before anybody waits for its end, and that a cancel request ends.
type waiting struct {
	context.Context
	waits *waits
	of    interface{ rest() }
}

// Done is what a waiter asks a context for.
func (w *waiting) Done() <-chan struct{} {
	if w.waits.now.Load() == nil {
		w.of.rest()
	}
	return w.waits.begin(w.Context).Done()
}

// Err is why it has ended: errCancelled, or as with every context.
func (w *waiting) Err() error {
	if now := w.waits.now.Load(); now != nil {
		return context.Cause(now)
	}
	return w.Context.Err()
}

// Value belongs to Done: package context needs no goroutine for a context that is made of this one.
func (w *waiting) Value(key any) any {
	if now := w.waits.now.Load(); now != nil {
		return now.Value(key)
	}
	return w.Context.Value(key)
}

// rest hands everything to the upstream before the session's goroutine waits for a limit: statements that were sent before do not wait for the turn of
// this one, and nobody else for the session's connection.
func (s *session) rest() {
	if s.up != nil {
		_ = s.up.flush() // the next write meets the error again
	}
	s.pipe.park()
}

// acquiring is a session that waits for a connection.
type acquiring session

// rest lets what was answered leave before anybody waits, and lends the place among the statements of the tenant that run to those who have the connections.
func (a *acquiring) rest() {
	_ = a.out.flush() // the next write meets the error again
	a.seat.Lend()
}

// still is for a wait before which nothing is to be done.
type still struct{}

func (still) rest() {}
