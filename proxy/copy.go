package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"pgcordon/policy"
	"pgcordon/proxy/copyin"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// copyIn is a COPY FROM STDIN whose rows the client sends. The relay makes it when the upstream asks for rows; from then on it
// is the session's goroutine's, but for what never changes.
type copyIn struct {
	plan *rewriter.Plan
	copy *rewriter.Copy
	// rows puts the tenant into the rows; nil when they pass as they are.
	rows *copyin.Transformer
	// permit is the statement's.
	permit limit.Terms
	// leads are what rows puts in front of a line.
	leads []string
	// broken is why there are no rows.
	broken *failure
	// out is a CopyData message that is not complete: room for its header, and data.
	out []byte
}

// copyFrameBytes is when a CopyData message leaves.
const copyFrameBytes = 16 << 10

// copyRefused is what the upstream is told when the rows are refused.
const copyRefused = ownPrefix + "refused"

// newCopyIn prepares for the rows of a COPY. major is the server's version.
func newCopyIn(plan *rewriter.Plan, c *rewriter.Copy, tenant policy.TenantID, major int) *copyIn {
	in := &copyIn{plan: plan, copy: c, leads: []string{""}, out: make([]byte, pgwire.HeaderBytes, 2*copyFrameBytes)}
	if c.Tenant == nil {
		return in
	}
	spec := copyin.Spec{
		Delimiter: c.Delimiter, Quote: c.Quote, Escape: c.Escape, Null: c.Null, Default: c.Default, CSVEndMark: major < 18,
		Columns: c.Columns, Column: c.Tenant.Column, Index: c.Tenant.Index, Tenant: tenant, Type: c.Tenant.Type,
		ForceNull: c.Tenant.ForceNull, ForceNotNull: c.Tenant.ForceNotNull,
		Same: func(value []byte, binary bool) bool { return c.Tenant.Same(value, binary, tenant) },
	}
	formats := map[rewriter.CopyFormat]copyin.Format{rewriter.CopyText: copyin.Text, rewriter.CopyCSV: copyin.CSV, rewriter.CopyBinary: copyin.Binary}
	headers := map[rewriter.CopyHeader]copyin.Header{rewriter.CopyNoHeader: copyin.NoHeader, rewriter.CopySkipHeader: copyin.SkipHeader,
		rewriter.CopyMatchHeader: copyin.MatchHeader}
	var known, knownHeader bool
	spec.Format, known = formats[c.Format]
	spec.Header, knownHeader = headers[c.Header]
	var err error
	if in.rows, err = copyin.New(spec); err != nil || !known || !knownHeader {
		in.broken = &failure{state: stateFeatureNotSupported, message: "these options of COPY are not supported"}
		return in
	}
	in.leads = in.rows.Leads()
	return in
}

// copiesIn reports whether a plan holds a COPY FROM STDIN.
func copiesIn(plan *rewriter.Plan) bool {
	for i := range plan.Statements {
		if c := plan.Statements[i].Copy; c != nil && c.From {
			return true
		}
	}
	return false
}

// duringCopy handles a message behind a statement with COPY FROM STDIN; done is false when no rows are asked for any more, and the
// message is one like others.
func (s *session) duringCopy(h pgwire.Header) (done bool, err error) {
	if s.up == nil { // it has ended
		s.copy, s.copies = nil, false
		return false, nil
	}
	if s.copy == nil {
		if err := s.awaitCopy(); err != nil {
			return true, err
		}
		if s.copy == nil {
			s.copies = false
			return false, nil
		}
		if f := s.copy.broken; f != nil {
			if err := s.failCopy(f); err != nil {
				return true, err
			}
			return s.duringCopy(h)
		}
	}
	switch h.Type {
	case pgwire.MsgCopyData:
		return true, s.copyData()
	case pgwire.MsgCopyDone:
		return true, s.copyDone()
	case pgwire.MsgCopyFail:
		return true, s.copyFail(h)
	}
	if s.pipe.copyOver() { // an error has ended it, and a client that has read it need not end it once more
		s.copy, s.copies = nil, false
		return false, nil
	}
	switch h.Type {
	case pgwire.MsgFlush, pgwire.MsgSync:
		return true, nil // drivers send them before they know that the statement is COPY; Postgres ignores them as well
	case pgwire.MsgTerminate:
		return true, errTerminate
	}
	return true, &pgwire.FormatError{Message: fmt.Sprintf("unexpected message type 0x%02X during COPY from stdin", h.Type)}
}

// awaitCopy waits until the upstream asks for rows, or the statement has ended.
func (s *session) awaitCopy() error {
	if s.open {
		if _, err := s.up.Write(pgwire.AppendFlush(nil)); err != nil {
			return s.upstreamGone()
		}
	}
	if err := s.up.flush(); err != nil {
		return s.upstreamGone()
	}
	in, ok := s.pipe.waitCopy()
	if !ok {
		return errRelay
	}
	s.copy = in
	return nil
}

// copyData passes on what a CopyData message holds, whose borders mean nothing.
func (s *session) copyData() error {
	for s.in.Left() > 0 {
		chunk, err := s.in.Chunk(s.in.Left())
		if err != nil {
			return err
		}
		for len(chunk) > 0 && s.copy != nil {
			in, n := s.copy, len(chunk)
			var refused error
			if in.rows == nil {
				in.out = append(in.out, chunk...)
			} else {
				in.out, n, refused = in.rows.Append(in.out, chunk)
			}
			chunk = chunk[n:]
			switch {
			case refused != nil:
				err = s.refuseRow(refused)
			case s.tooManyRows() != nil:
				err = s.failCopy(s.tooManyRows())
			case len(in.out) >= copyFrameBytes:
				err = s.copyFlush()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// copyFlush sends the rows that are complete.
func (s *session) copyFlush() error {
	b := s.copy.out
	if len(b) == pgwire.HeaderBytes {
		return nil
	}
	b[0] = pgwire.MsgCopyData
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-1))
	s.copy.out = b[:pgwire.HeaderBytes]
	if _, err := s.up.Write(b); err != nil {
		return s.upstreamGone()
	}
	return nil
}

// copyDone ends the rows.
func (s *session) copyDone() error {
	if in := s.copy; in.rows != nil {
		var refused error
		if in.out, refused = in.rows.Finish(in.out); refused != nil {
			return s.refuseRow(refused)
		}
	}
	if f := s.tooManyRows(); f != nil {
		return s.failCopy(f)
	}
	return s.endCopy(pgwire.Append(nil, pgwire.MsgCopyDone))
}

// maxCopyFailBytes bounds what is passed on of a client's reason to give up.
const maxCopyFailBytes = 4 << 10

// copyFail passes on that the client gives up.
func (s *session) copyFail(h pgwire.Header) error {
	reason, err := s.in.Take(min(h.Len, maxCopyFailBytes))
	if err != nil || s.copy == nil {
		return err
	}
	for i, c := range reason {
		if c == 0 {
			reason = reason[:i]
			break
		}
	}
	for len(reason) > 0 && !utf8.Valid(reason) {
		reason = reason[:len(reason)-1]
	}
	return s.endCopy(pgwire.Append(nil, pgwire.MsgCopyFail, append(append([]byte{}, reason...), 0)...))
}

// endCopy sends the rows that are left, and the message that ends them.
func (s *session) endCopy(message []byte) error {
	if err := s.copyFlush(); err != nil {
		return err
	}
	s.copy = nil
	s.copies = !s.open // a Query can hold another COPY
	s.pipe.copyEnded()
	if _, err := s.up.Write(message); err != nil {
		return s.upstreamGone()
	}
	return nil
}

// failCopy makes the upstream give the COPY up. The rows before are all sent, and an error in one of them comes first.
func (s *session) failCopy(f *failure) error {
	s.pipe.amendCopy(f)
	return s.endCopy(pgwire.Append(nil, pgwire.MsgCopyFail, pgwire.AppendString(nil, copyRefused)...))
}

// refuseRow fails a COPY for one of its rows.
func (s *session) refuseRow(why error) error {
	var count *copyin.FieldCountError
	if errors.As(why, &count) {
		return s.failCopy(&failure{state: stateBadCopyFormat, message: count.Error(),
			context: fmt.Sprintf("COPY %s, line %d", s.copy.copy.Table, count.Row)})
	}
	d := s.copy.plan.CopyMismatch(s.copy.copy.Tenant)
	s.server.observer.Decided(Decision{Session: s.id, Identity: s.who, Denial: d})
	return s.failCopy(denied(d))
}

// copyBegan notes that the upstream asks for rows.
func (p *pipeline) copyBegan(in *copyIn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.copying = in
	p.cond.Broadcast()
}

// copyEnded notes that the rows have ended.
func (p *pipeline) copyEnded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.copying = nil
}

// copyOver reports whether the upstream wants no more rows.
func (p *pipeline) copyOver() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.copying == nil
}

// waitCopy waits until the upstream asks for rows, or nothing is outstanding: then it returns nil. ok is false when the relay has ended.
func (p *pipeline) waitCopy() (in *copyIn, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.copying == nil && p.count > 0 && !p.closed {
		p.await()
	}
	return p.copying, !p.closed
}

// amendCopy makes a COPY that is given up end in a failure.
func (p *pipeline) amendCopy(f *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count > 0 {
		p.at(0).failure = f
	}
}
