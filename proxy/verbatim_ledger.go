package proxy

import (
	"sync"
	"time"
)

// awaited is what a message of a client's is answered with, on a database of its own.
type awaited uint8

const (
	awaitQuery    awaited = iota // anything up to ReadyForQuery
	awaitCall                    // FunctionCallResponse, then ReadyForQuery
	awaitSync                    // ReadyForQuery
	awaitParse                   // ParseComplete
	awaitBind                    // BindComplete
	awaitDescribe                // RowDescription or NoData, a statement's after ParameterDescription
	awaitExecute                 // rows, then CommandComplete, EmptyQueryResponse or PortalSuspended
	awaitClose                   // CloseComplete
	awaitCopyEnd                 // nothing: marks where the client has ended the rows of a COPY
)

// ends reports whether the answer ends with ReadyForQuery.
func (k awaited) ends() bool { return k <= awaitSync }

// due is an answer that is outstanding.
type due struct {
	kind awaited
	// run is the statement that runs, of awaitQuery, awaitCall and awaitExecute.
	run *delivery
	// failure takes the place of the error that was provoked.
	failure *failure
	// quiet is an answer of which the client hears nothing.
	quiet bool
}

// ledger is the queue of the answers that are outstanding on a database of the tenant's own. It follows what the upstream does from the messages
// alone: which it skips after an error, and which it takes no notice of because it waits for the rows of a COPY. The session's goroutine
// pushes before it sends a message; the relay takes out.
//
// A client that breaks the protocol can make it expect too much or too little until the next time it is idle. Nothing
// passes by that would not otherwise: only rows are held against a limit, and those need a statement that runs.
type ledger struct {
	mu   sync.Mutex
	cond sync.Cond // signalled at each change

	queue []due
	// failed is set while the upstream skips messages and no Sync is outstanding, copying while it waits for the rows of the first.
	failed, copying bool
	// status is the transaction status of the last ReadyForQuery.
	status byte
	// blocked counts cancel requests that are on their way: nothing new is sent meanwhile, so they hit nothing that came later.
	blocked int
	closed  bool

	// clock rings when the statement that runs has had its time; nil as long as there is no limit. late is told.
	clock *time.Timer
	timed *delivery
	late  func()
}

func newLedger() *ledger {
	q := &ledger{status: 'I'}
	q.cond.L = &q.mu
	return q
}

// push appends an answer. With wait it waits for room; without, it returns full. ignored is one that the upstream will not give.
func (q *ledger) push(d due, wait bool) pushed {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed && (q.blocked > 0 || len(q.queue) >= maxOutstanding) {
		if !wait {
			return full
		}
		q.cond.Wait()
	}
	switch {
	case q.closed:
		return over
	case d.kind == awaitCopyEnd && (q.copying || len(q.queue) == 0):
		q.copying = false
		return accepted
	case d.kind == awaitSync && q.copying:
		return ignored // Postgres reads it as part of the rows
	case q.failed && d.kind != awaitSync:
		return ignored
	}
	q.failed = false
	q.queue = append(q.queue, d)
	if d.run != nil && q.timed == nil {
		q.time(d.run)
	}
	return accepted
}

// time starts the clock for a statement. The lock is held.
func (q *ledger) time(run *delivery) {
	q.timed = run
	switch {
	case run.timeout <= 0:
	case q.clock == nil:
		q.clock = time.AfterFunc(run.timeout, q.late)
	default:
		q.clock.Reset(run.timeout)
	}
}

// first returns the answer that the upstream gives now; ok is false for none.
func (q *ledger) first() (d due, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return due{}, false
	}
	return q.queue[0], true
}

// drop removes the first n answers, and marks that have become the first: the COPY that they end is over. The lock is held.
func (q *ledger) drop(n int) {
	for n < len(q.queue) && q.queue[n].kind == awaitCopyEnd {
		n++
	}
	q.queue = q.queue[:copy(q.queue, q.queue[n:])]
	clear(q.queue[len(q.queue):cap(q.queue)]) // they hold permits
	if len(q.queue) == 0 && cap(q.queue) > 64 {
		q.queue = nil
	}
	q.copying = false
	if q.timed == nil || len(q.queue) > 0 && q.queue[0].run == q.timed {
		return
	}
	if q.clock != nil {
		q.clock.Stop()
	}
	q.timed = nil
	for _, d := range q.queue {
		if d.run != nil {
			q.time(d.run)
			break
		}
	}
	q.cond.Broadcast()
}

// pop removes the first answer, which is complete.
func (q *ledger) pop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop(min(1, len(q.queue)))
	q.cond.Broadcast()
}

// fail drops what the upstream skips after an error of the extended protocol: the first answer, and everything before the next Sync.
// skipped is called for the statements among them but the first.
func (q *ledger) fail(skipped func(*delivery)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(1, len(q.queue))
	for n < len(q.queue) && q.queue[n].kind != awaitSync {
		if run := q.queue[n].run; run != nil {
			skipped(run)
		}
		n++
	}
	q.drop(n)
	q.failed = len(q.queue) == 0
	q.cond.Broadcast()
}

// ready notes a ReadyForQuery: what it ends is over. idle tells that nothing is outstanding and no transaction open.
func (q *ledger) ready(status byte, skipped func(*delivery)) (ended *delivery, idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.status = status
	n := 0
	for n < len(q.queue) && !q.queue[n].kind.ends() {
		if run := q.queue[n].run; run != nil {
			skipped(run)
		}
		n++
	}
	if n < len(q.queue) {
		ended = q.queue[n].run
		n++
	}
	if len(q.queue) == 0 {
		q.failed = false
	}
	q.drop(n)
	q.cond.Broadcast()
	return ended, len(q.queue) == 0 && status == 'I'
}

// copyIn notes that the upstream wants rows. What has been sent meanwhile, as part of which it reads any Sync, may have ended them already.
func (q *ledger) copyIn() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.copying = true
	kept := q.queue[:min(1, len(q.queue))]
	for i := len(kept); i < len(q.queue); i++ {
		switch d := q.queue[i]; {
		case q.copying && d.kind == awaitSync:
			continue
		default:
			q.copying = false // the client has ended them, or sent what is an error
			if d.kind == awaitCopyEnd {
				kept = append(kept, q.queue[i+1:]...)
			} else {
				kept = append(kept, q.queue[i:]...)
			}
			i = len(q.queue)
		}
	}
	clear(q.queue[len(kept):])
	q.queue = kept
	q.cond.Broadcast()
}

// state returns whether nothing is outstanding, and whether the upstream is idle without a transaction.
func (q *ledger) state() (empty, idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	empty = len(q.queue) == 0
	return empty, empty && q.status == 'I' && !q.failed
}

// waitRest waits until nothing is outstanding, or the upstream wants rows; false when the relay has ended.
func (q *ledger) waitRest() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) > 0 && !q.copying && !q.closed {
		q.cond.Wait()
	}
	return !q.closed
}

// copies reports whether the upstream waits for rows.
func (q *ledger) copies() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.copying
}

// block makes pushes wait if something is outstanding, and reports whether it is. Of a statement that has had its time it is told which.
func (q *ledger) block(late bool) (ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.queue) == 0 || late && (q.timed == nil || q.timed.timeout <= 0) {
		return false
	}
	if late {
		q.timed.late.Store(true)
		q.clock.Reset(q.timed.timeout) // PL/pgSQL can catch a cancellation, and go on
	}
	q.blocked++
	return true
}

func (q *ledger) unblock() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocked--
	q.cond.Broadcast()
}

// close ends all waiting: the relay has ended. dropped is called for each statement that gets no answer.
func (q *ledger) close(dropped func(*delivery)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, d := range q.queue {
		if d.run != nil {
			dropped(d.run)
		}
	}
	q.queue, q.timed, q.copying = nil, nil, false
	if q.clock != nil {
		q.clock.Stop()
	}
	q.cond.Broadcast()
}

func (q *ledger) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// waitClosed waits until the relay has ended.
func (q *ledger) waitClosed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed {
		q.cond.Wait()
	}
}

// waitUnblocked waits until no cancel request is on its way.
func (q *ledger) waitUnblocked() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.blocked > 0 {
		q.cond.Wait()
	}
}

// copyEnds notes that an error has ended a COPY.
func (q *ledger) copyEnds() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.copying = false
	q.cond.Broadcast()
}
