package proxy

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errCancelled ends the wait of a statement that its client has cancelled, or does not wait for any more.
var errCancelled = errors.New("the client has cancelled the statement")

// waits is what a session's goroutine waits for before its statement has reached the upstream: its turn, or a connection. With many clients most statements
// wait a little, so a wait allocates nothing.
type waits struct {
	mu     sync.Mutex
	active bool
	done   chan struct{} // closed when the wait is to end early, of which why tells the reason
	why    error
	off    func() bool // ends that the end of the session's context ends a wait
	// watch calls what it is given when the client closes its connection. It begins when timer says so, and ends with unwatch; nil is none.
	watch func(vanished func()) (stop func())
	// yield is called before the session's goroutine waits.
	yield   func()
	timer   *time.Timer
	unwatch func()
}

// watchAfter is how long a wait is before it is looked whether the client is still there.
const watchAfter = time.Second

// begin makes a wait active, if none is, and returns the channel that is closed when it is to end early, with ctx at the latest. Only the session's goroutine
// calls it, and end.
func (w *waits) begin(ctx context.Context) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active {
		return w.done
	}
	w.active = true
	if w.yield != nil {
		w.yield()
	}
	if w.done == nil {
		w.done = make(chan struct{})
	}
	if w.off == nil {
		w.off = context.AfterFunc(ctx, func() { w.endEarly(ctx.Err()) })
	}
	if err := ctx.Err(); err != nil {
		w.fail(err)
	}
	if w.timer == nil {
		w.timer = time.AfterFunc(watchAfter, w.look)
	} else {
		w.timer.Reset(watchAfter)
	}
	return w.done
}

// look begins to watch the client.
func (w *waits) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active && w.unwatch == nil && w.watch != nil {
		w.unwatch = w.watch(w.cancel)
	}
}

// end is called when the session has waited, or need not have.
func (w *waits) end() {
	w.mu.Lock()
	if !w.active {
		w.mu.Unlock()
		return
	}
	unwatch := w.unwatch
	w.active, w.unwatch = false, nil
	if w.why != nil {
		w.done, w.why = nil, nil
	}
	w.timer.Stop()
	w.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
}

// stop is called when the session ends.
func (w *waits) stop() {
	w.end()
	if w.off != nil {
		w.off()
	}
}

// cancel ends the wait of now, if there is one, with errCancelled. Any goroutine may call it.
func (w *waits) cancel() { w.endEarly(errCancelled) }

func (w *waits) endEarly(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail(why)
}

// fail needs w.mu.
func (w *waits) fail(why error) {
	if w.active && w.why == nil {
		w.why = why
		close(w.done)
	}
}

// begun tells whether a wait is active, and err why it is to end.
func (w *waits) begun() (active bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.active, w.why
}

// waiting is a context that does something before anybody waits for its end, and that a cancel request ends. Its Done is for the session's goroutine alone, so
// no other context may be made of it.
type waiting struct {
	context.Context
	waits *waits
	of    interface{ rest() }
}

// Done is what a waiter asks a context for.
func (w *waiting) Done() <-chan struct{} {
	if active, _ := w.waits.begun(); !active {
		w.of.rest()
	}
	return w.waits.begin(w.Context)
}

// Err is why it has ended: errCancelled, or as with every context.
func (w *waiting) Err() error {
	if _, err := w.waits.begun(); err != nil {
		return err
	}
	return w.Context.Err()
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
