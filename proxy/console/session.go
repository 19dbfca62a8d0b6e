package console

import (
	"context"
	"errors"
	"io"

	"pgcordon/proxy/auth"
	"pgcordon/proxy/pgwire"
)

// Bounds on what a session holds.
const (
	maxTextBytes  = 16 << 10
	maxStatements = 256
	maxPortals    = 256
)

// Link is an authenticated client that has been told that it is ready.
type Link struct {
	In *pgwire.Reader
	// Send hands messages to the client.
	Send func([]byte) error
	User string
	// May is what the user may do now: a reload can change it. ConsoleNone ends the session.
	May func() auth.Console
	// Canceled gets something when the client has sent a cancel request.
	Canceled <-chan struct{}
	// Gone reports that nobody waits for an answer any more: the client has closed its connection, or the proxy ends.
	Gone func() bool
}

// session is one client of the console. It belongs to one goroutine.
type session struct {
	console *Console
	link    Link

	status     byte // 'I', or 'T' and 'E' inside of a transaction, which means nothing here
	statements map[string]*statement
	portals    map[string]*portal
	// skipping is set after an error in the extended protocol, until Sync.
	skipping bool
	out      []byte // answers that wait to be sent
}

// statement is a prepared one. command has no words when the text is empty.
type statement struct{ command command }

// portal is a statement that was bound. rows are what Execute has not sent yet, once it was run.
type portal struct {
	statement *statement
	formats   formats
	ran       bool
	result    result
}

// Serve answers a client until it ends. The error says why; nil for an orderly end.
func (c *Console) Serve(ctx context.Context, link Link) error {
	s := &session{console: c, link: link, status: 'I', statements: map[string]*statement{}, portals: map[string]*portal{}}
	for {
		h, err := link.In.Next()
		if errors.Is(err, pgwire.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err == nil {
			err = pgwire.CheckClient(h)
		}
		if err == nil && link.May() == auth.ConsoleNone {
			return s.fatal(failf(stateShutdown, "terminating connection because the user's configuration has changed"))
		}
		if err == nil {
			err = s.message(ctx, h)
		}
		var format *pgwire.FormatError
		switch {
		case err == nil:
		case errors.Is(err, errTerminate):
			return nil
		case errors.As(err, &format):
			return s.fatal(failf(stateProtocol, "%s", format.Message))
		default:
			return err
		}
	}
}

// errTerminate is the client's Terminate.
var errTerminate = errors.New("terminated by the client")

func (s *session) fatal(e *Error) error {
	return errors.Join(e, s.link.Send(e.append(s.take(), "FATAL")))
}

// take returns the answers that wait, which the caller sends.
func (s *session) take() []byte {
	b := s.out
	s.out = nil
	return b
}

// flushAt is how many bytes of answers are held back.
const flushAt = 64 << 10

func (s *session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	return s.link.Send(s.take())
}

// message handles one message.
func (s *session) message(ctx context.Context, h pgwire.Header) error {
	if s.skipping && h.Type != pgwire.MsgSync && h.Type != pgwire.MsgTerminate {
		return nil
	}
	if h.Type == pgwire.MsgQuery || h.Type == pgwire.MsgExecute {
		s.forgetCancel()
	}
	switch h.Type {
	case pgwire.MsgQuery:
		return s.query(ctx, h)
	case pgwire.MsgParse:
		return s.extended(s.parse(h))
	case pgwire.MsgBind:
		return s.extended(s.bind())
	case pgwire.MsgDescribe:
		return s.extended(s.describe())
	case pgwire.MsgExecute:
		return s.extended(s.execute(ctx))
	case pgwire.MsgClose:
		return s.extended(s.close())
	case pgwire.MsgFlush:
		return s.flush()
	case pgwire.MsgSync:
		s.skipping = false
		if s.status == 'I' {
			clear(s.portals)
		}
		s.out = pgwire.AppendReady(s.out, s.status)
		return s.flush()
	case pgwire.MsgFunctionCall:
		s.failed(failf(stateNotSupported, "the function call protocol is not supported"))
		s.out = pgwire.AppendReady(s.out, s.status)
		return s.flush()
	case pgwire.MsgCopyData, pgwire.MsgCopyDone, pgwire.MsgCopyFail:
		return nil // outside of COPY they are ignored
	case pgwire.MsgTerminate:
		return errTerminate
	}
	return &pgwire.FormatError{Message: "invalid frontend message type"}
}

// forgetCancel forgets a cancel request that came too late for the command before. Once a command has begun, a request is for it,
// even before the command waits for anything.
func (s *session) forgetCancel() {
	select {
	case <-s.link.Canceled:
	default:
	}
}

// failed answers with an error, which fails the transaction.
func (s *session) failed(e *Error) {
	s.out = e.append(s.out, "ERROR")
	if s.status == 'T' {
		s.status = 'E'
	}
}

// extended ends the handling of a message of the extended protocol: after an *Error everything up to Sync is skipped. Answers to very many messages do not wait
// for their Sync.
func (s *session) extended(err error) error {
	var e *Error
	if errors.As(err, &e) {
		s.failed(e)
		s.skipping = true
		return s.flush()
	}
	if err == nil && len(s.out) > flushAt {
		return s.flush()
	}
	return err
}

// text reads a message that holds a command, unless it is longer than one can be.
func (s *session) text(h pgwire.Header, m pgwire.Message) error {
	if h.Len > maxTextBytes {
		return failf(stateSyntax, "no command is as long as this")
	}
	body, err := s.link.In.Body()
	if err != nil {
		return err
	}
	return pgwire.Decode(m, body)
}

// query runs a simple Query: its commands one after the other, until one fails.
func (s *session) query(ctx context.Context, h pgwire.Header) error {
	var m pgwire.Query
	err := s.text(h, &m)
	var list []command
	if err == nil {
		list, err = parsed(m.String)
	}
	if err == nil && len(list) == 0 {
		s.out = pgwire.Append(s.out, pgwire.MsgEmptyQuery)
	}
	delete(s.portals, "")
	for _, cmd := range list {
		var r result
		if r, err = s.run(ctx, cmd); err != nil {
			break
		}
		if r.view != nil {
			s.out = appendRowDescription(s.out, r.view.columns, nil)
		}
		if _, err = s.send(&r, nil, 0); err != nil {
			break
		}
	}
	var e *Error
	if errors.As(err, &e) {
		s.failed(e)
	} else if err != nil {
		return err
	}
	s.out = pgwire.AppendReady(s.out, s.status)
	return s.flush()
}

// parsed is commands with the error as an error.
func parsed(text string) ([]command, error) {
	list, e := commands(text)
	if e != nil {
		return nil, e
	}
	return list, nil
}

// send sends a result, at most so many rows of it unless most is 0, and reports whether that was all.
func (s *session) send(r *result, f formats, most int) (done bool, err error) {
	if r.notice != nil {
		s.out = appendNotice(s.out, r.notice)
		r.notice = nil
	}
	if r.view != nil {
		for n := 0; len(r.rows) > 0; n++ {
			if most > 0 && n == most {
				s.out = pgwire.Append(s.out, pgwire.MsgPortalSuspended)
				return false, nil
			}
			s.out = appendRow(s.out, r.view.columns, r.rows[0], f)
			r.rows = r.rows[1:]
			if len(s.out) > flushAt {
				if err := s.flush(); err != nil {
					return false, err
				}
			}
		}
	}
	s.out = pgwire.Append(s.out, pgwire.MsgCommandComplete, pgwire.AppendString(nil, r.tag)...)
	return true, nil
}

// appendNotice appends a NoticeResponse.
func appendNotice(dst []byte, e *Error) []byte {
	at := len(dst)
	dst = e.append(dst, "NOTICE")
	dst[at] = pgwire.MsgNotice
	return dst
}
