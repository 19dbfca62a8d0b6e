package proxy

import (
	"bytes"
	"time"

	"pgcordon/proxy/pgwire"
)

// How long a transaction may be open, or wait for its client, on a database of the tenant's own: overtime.go sees to it as on a shared one. What is
// different is that no plan tells what a statement is.

// outstanding reports whether something has been sent upstream that is not answered. Any goroutine may call it.
func (s *session) outstanding() bool {
	if s.own != nil {
		empty, _ := s.own.owed.state()
		return !empty
	}
	empty, _ := s.pipe.state()
	return !empty
}

// cutTransaction cancels what runs, unless that is another transaction by now; false when a cancel request could hit something else.
func (v *verbatim) cutTransaction(began time.Time) bool {
	if !v.owed.blockLast() {
		return false
	}
	if v.s.overtime.is(began) {
		v.cancel()
	} else {
		v.owed.unblock()
	}
	return true
}

// blockLast is block if all that is outstanding ends with one ReadyForQuery at most: a cancel request hits nothing but that then.
func (q *ledger) blockLast() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.queue) == 0 {
		return false
	}
	for _, d := range q.queue[:len(q.queue)-1] {
		if d.kind.ends() {
			return false
		}
	}
	q.blocked++
	return true
}

// more reports whether something is outstanding behind the next ReadyForQuery.
func (q *ledger) more() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, d := range q.queue {
		if d.kind.ends() {
			return i < len(q.queue)-1
		}
	}
	return false
}

// transaction returns the transaction status, and whether the upstream skips messages until a Sync.
func (q *ledger) transaction() (status byte, failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.status, q.failed
}

// onTime makes the transaction fail if it is over its time.
func (v *verbatim) onTime() error {
	o := &v.s.overtime
	if !o.due.Load() || v.owed.copies() { // a COPY that was cancelled fails with the client's next row
		return nil
	}
	if err := v.drain(); err != nil {
		return err
	}
	status, failed := v.owed.transaction()
	none := status == 'I' && !v.open
	f := o.expire(none || status == 'E' || failed || v.skipping, v.open)
	if f == nil {
		return nil
	}
	v.s.notRun(f, time.Now())
	if v.open { // the client has to send a Sync before it goes on
		if err := v.refuse(f, awaitParse); err != nil {
			return err
		}
		return v.hurry()
	}
	for _, d := range []due{{kind: awaitParse, quiet: true}, {kind: awaitSync, quiet: true}} {
		if _, err := v.expect(d); err != nil {
			return err
		}
	}
	if _, err := v.up.Write(pgwire.AppendSync(pgwire.AppendParse(nil, refusedName, refusedText, nil))); err != nil {
		return v.upstreamGone()
	}
	return v.drain()
}

// commits reports whether the text of the current message, which is a Query or a Parse, begins with COMMIT. It is asked while the client does not know
// that its transaction has failed: ROLLBACK needs not tell it, and COMMIT must.
func (v *verbatim) commits(kind awaited) (bool, error) {
	if !v.s.overtime.tells() {
		return false, nil
	}
	b, err := v.s.in.Peek(min(v.s.in.Left(), maxPeek))
	if err != nil {
		return false, err
	}
	if kind == awaitParse {
		_, b, _ = bytes.Cut(b, []byte{0})
	}
	b = bytes.TrimLeft(b, " \t\r\n\f")
	word := b[:len(b)-len(bytes.TrimLeft(b, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
	return bytes.EqualFold(word, []byte("COMMIT")) || bytes.EqualFold(word, []byte("END")), nil
}

// uncommitted handles the end of a statement: whether it was a COMMIT that has rolled back what the client does not know to have failed.
func (r *verbatimRelay) uncommitted(run *delivery, tag []byte, e *due) bool {
	if !run.commits || string(tag) != "ROLLBACK\x00" {
		return false
	}
	f := r.v.s.overtime.takeTold()
	if f == nil {
		return false
	}
	run.state, run.limit = f.state, f.limit
	if e.kind == awaitExecute {
		run.excess = f
		r.failGroup() // which was sent nothing behind it
		return true
	}
	r.write(f.response(nil, severityError)...)
	r.silent = true
	return true
}
