package proxy

import (
	"errors"
	"strings"

	"pgcordon/proxy/pgwire"
)

// What an upstream says while no session has its connection: settings that a reload of the server has changed, notices, why it ends the connection, and
// the answers to what the proxy asks there itself (upstream.alone). Anything else means that something of a session was left, and ends the connection.

// unasked handles the frames in the buffer, up to one that is not complete.
func (r *relay) unasked() error {
	for r.w-r.r >= pgwire.HeaderBytes {
		h, err := pgwire.ParseHeader(r.buf[r.r:r.w], maxLookedInto)
		if err != nil {
			return err
		}
		total := pgwire.HeaderBytes + h.Len
		if total > len(r.buf) {
			return errDesync
		}
		if r.w-r.r < total {
			return nil
		}
		body := r.buf[r.r+pgwire.HeaderBytes : r.r+total]
		r.r += total
		r.from = r.r
		if err := r.heard(h.Type, body); err != nil {
			return err
		}
	}
	return nil
}

// heard handles one message.
func (r *relay) heard(typ byte, body []byte) error {
	switch typ {
	case pgwire.MsgNotice, pgwire.MsgNotification:
		return nil
	case pgwire.MsgParameterStatus:
		name, value, ok := parameterOf(body)
		if !ok {
			return errDesync
		}
		r.up.report(name, value)
		return nil
	case pgwire.MsgError:
		fields := pgwire.Fields(body)
		if severity := fields.Get(pgwire.FieldSeverityPlain); severity == severityFatal || severity == "PANIC" {
			r.up.log.Info("the upstream has ended a connection", "process", r.up.conn.PID, "sqlstate", fields.Get(pgwire.FieldCode))
			return nil
		}
		r.refusal = errors.New(fields.Get(pgwire.FieldMessage))
		return nil
	case pgwire.MsgCommandComplete:
		return nil
	case pgwire.MsgReady:
		err := r.refusal
		r.refusal = nil
		if !r.up.answered(err) {
			return errDesync
		}
		return nil
	}
	return errDesync
}

// parameterOf reads a ParameterStatus.
func parameterOf(body []byte) (name, value string, ok bool) {
	name, rest, _ := strings.Cut(string(body), "\x00")
	value, _, ok = strings.Cut(rest, "\x00")
	return name, value, ok
}
