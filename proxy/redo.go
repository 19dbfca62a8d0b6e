package proxy

import "pgcordon/proxy/pgwire"

// A statement that all share was prepared on its connection by somebody else, maybe before a change of the schema that gives its rows other columns. Then
// Postgres refuses a Bind of it, which it would not have refused to the client's own statement. Where nothing of the group of messages has run before, and the client
// learns the columns with it or has never been told them, the upstream is told to prepare the statement anew, and gets the group once more: the client does not
// notice. What it was told before it could read the new rows by, as they are not; then it gets the error, as without a proxy, and prepares again.
//
// For that, the connection keeps what was written to it since the first Bind of a group, up to maxKept bytes. The relay sends it again when the refused
// group has ended, while the session's goroutine is kept from sending: nothing else is outstanding then.

// maxKept bounds what is kept of a group.
const maxKept = 64 << 10

// keep begins to keep what is written.
func (u *upstream) keep() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept, u.keeping = u.kept[:0], true
}

// kept is what was written since keep; ok is false when it was too much.
func (u *upstream) keptGroup() (group []byte, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.kept, u.keeping
}

// keeps notes what is written. u.mu is held.
func (u *upstream) keeps(b []byte) {
	if len(u.kept)+len(b) > maxKept {
		u.kept, u.keeping = nil, false
		return
	}
	u.kept = append(u.kept, b...)
}

// fresh reports whether the upstream is certain to be outside of a transaction, in a group of messages of which nothing can have run.
func (p *pipeline) fresh() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.count {
		switch p.at(i).kind {
		case answerParse, answerClose, answerDescribe, answerOwn:
		default:
			return false
		}
	}
	return p.status == 'I' && !p.failed
}

// beginsGroup notes a Bind that is about to be sent, and reports whether its group could be sent again.
func (s *session) beginsGroup(st *statement) bool {
	first := !s.bound
	s.bound = true
	if !first || st.shared == nil || st.shared.alone || !s.pipe.fresh() {
		return false
	}
	s.up.keep()
	return true
}

// blockGroup blocks the pipeline if its first answer is that to a Bind whose group can be sent again, and is all that is outstanding.
func (p *pipeline) blockGroup() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.at(0)
	if !e.again || p.count < 2 || p.at(p.count-1).kind != answerSync || p.blocked > 0 {
		return false
	}
	if next := p.at(1); e.told && (next.kind != answerDescribe || next.params >= 0) {
		return false
	}
	for i := 1; i < p.count-1; i++ {
		if k := p.at(i).kind; k == answerQuery || k == answerSync {
			return false
		}
	}
	e.again = false
	p.blocked++
	return true
}

// prepend makes answers outstanding that come before all others.
func (p *pipeline) prepend(first ...expectation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(first) - 1; i >= 0; i-- {
		if p.count == len(p.ring) {
			p.grow()
		}
		p.head = (p.head + len(p.ring) - 1) % len(p.ring)
		*p.at(0) = first[i]
		p.count++
	}
}

// outdated notes that the connection's statement is an old one, and reports whether the refused Bind is going to be sent again; then its error is not the client's.
func (r *relay) outdated(e *expectation) bool {
	e.shared.known.Store(false)
	e.shared.version.Add(1)
	if !e.again || e.mode != forward {
		return false
	}
	if _, ok := r.up.keptGroup(); !ok || !r.pipe.blockGroup() {
		return false
	}
	r.redo = e.shared
	return true
}

// redoGroup prepares the statement anew and sends the group again. The refused one has ended.
func (r *relay) redoGroup() {
	st := r.redo
	r.redo = nil
	group, _ := r.up.keptGroup() // what is written next is appended behind it
	r.up.statements.drop(st)
	r.up.statements.add(st) // there is room for what was there
	r.pipe.prepend(expectation{kind: answerClose, mode: quiet}, expectation{kind: answerParse, mode: quiet, shared: st})
	b := pgwire.AppendClose(nil, pgwire.Statement, st.name)
	b = pgwire.AppendParse(b, st.name, st.text, st.types)
	if _, err := r.up.Write(append(b, group...)); err == nil {
		_ = r.up.flush() // an upstream that is gone is found out by the next read
	}
	r.pipe.unblock()
}
