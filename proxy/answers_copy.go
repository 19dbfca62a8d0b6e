package proxy

import (
	"encoding/binary"
	"regexp"
	"strconv"
	"strings"

	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// What the messages of COPY mean for the expectation that they answer.

// copy is the COPY that runs now, of the statements of an execution; nil when that is another statement.
func (e *expectation) copy() *rewriter.Copy {
	if e == nil || e.mode != forward || e.run == nil || e.run.plan == nil || e.run.statement >= len(e.run.plan.Statements) {
		return nil
	}
	return e.run.plan.Statements[e.run.statement].Copy
}

// copyIn handles the upstream's request for rows. The client does not see the column that is added to them.
func (r *relay) copyIn(body []byte, e *expectation) error {
	c := e.copy()
	if c == nil || !c.From || r.silent || len(body) < 3 || len(body) != 3+2*int(binary.BigEndian.Uint16(body[1:])) {
		return errDesync
	}
	if c.Tenant != nil && c.Tenant.Index < 0 {
		n := binary.BigEndian.Uint16(body[1:])
		if n == 0 {
			return errDesync
		}
		shown := binary.BigEndian.AppendUint16([]byte{body[0]}, n-1)
		r.take(false, pgwire.Append(nil, pgwire.MsgCopyIn, append(shown, body[5:]...)...))
	} else {
		r.take(true, nil)
	}
	in := newCopyIn(e.run.plan, c, e.run.who.Tenant, serverMajor(r.up.reported().values["server_version"]))
	in.permit = e.run.permit.Terms
	e.run.leads = in.leads
	r.pipe.copyBegan(in)
	return nil
}

// serverMajor is the first number of a version; 0 when there is none.
func serverMajor(version string) int {
	digits := 0
	for digits < len(version) && version[digits] >= '0' && version[digits] <= '9' {
		digits++
	}
	major, _ := strconv.Atoi(version[:digits]) // nothing else than digits
	return major
}

// copyRow counts a row of COPY TO, and says whether it passes. Each is a message, and so are a header and the binary format's trailer.
func (r *relay) copyRow(h pgwire.Header, e *expectation, c *rewriter.Copy) bool {
	e.run.copied++
	header := c.Header != rewriter.CopyNoHeader && c.Format != rewriter.CopyBinary && e.run.copied == 1
	trailer := c.Format == rewriter.CopyBinary && h.Len == 2
	if header || trailer {
		return !e.run.over
	}
	return r.row(e)
}

// copyError completes the error of a COPY FROM STDIN: with its context, which names the client's line and what stands in it, and
// without the column that was added in front.
func (e *expectation) copyError(text []byte, fields pgwire.Fields) []byte {
	c := e.copy()
	if c == nil || !c.From {
		return text
	}
	if c.Tenant != nil && c.Tenant.Index < 0 && c.Header == rewriter.CopyMatchHeader && fields.Get(pgwire.FieldCode) == stateBadCopyFormat {
		if m, changed := withoutAdded(fields.Get(pgwire.FieldMessage)); changed {
			text = pgwire.Fields(text[pgwire.HeaderBytes:]).AppendFiltered(nil, pgwire.MsgError, strings.Replace(passed, "M", "", 1))
			text = pgwire.AppendField(text, 0, pgwire.FieldMessage, m)
		}
	}
	context, constraint := copyContext(fields.Get(pgwire.FieldContext), c, e.run.leads), fields.Get(pgwire.FieldConstraint)
	switch {
	case context == "":
	case constraint == "":
		text = pgwire.AppendField(text, 0, pgwire.FieldContext, context)
	default: // which Postgres sends behind the context
		text = pgwire.Fields(text[pgwire.HeaderBytes:]).AppendFiltered(nil, pgwire.MsgError, strings.Replace(passed, "n", "", 1))
		text = pgwire.AppendField(text, 0, pgwire.FieldContext, context)
		text = pgwire.AppendField(text, 0, pgwire.FieldConstraint, constraint)
	}
	return text
}

// What Postgres says of a header line: numbers that count the column in front (src/backend/commands/copyfromparse.c).
var (
	headerFields   = regexp.MustCompile(`^wrong number of fields in header line: got (\d+), expected (\d+)$`)
	headerMismatch = regexp.MustCompile(`(?s)^column name mismatch in header line field (\d+)(: .*)$`)
)

// withoutAdded makes the numbers in an error about the header the client's.
func withoutAdded(message string) (string, bool) {
	less := func(n string) string {
		v, _ := strconv.Atoi(n) // digits, by the pattern
		return strconv.Itoa(v - 1)
	}
	if m := headerFields.FindStringSubmatch(message); m != nil {
		return "wrong number of fields in header line: got " + less(m[1]) + ", expected " + less(m[2]), true
	}
	if m := headerMismatch.FindStringSubmatch(message); m != nil {
		return "column name mismatch in header line field " + less(m[1]) + m[2], true
	}
	return "", false
}

var copyLine = regexp.MustCompile(`^, line \d+`)

// copyContext is what the client sees of an error's context: the line of its data, and the line or value itself, which is the client's own.
// The context of anything that ran for the row, as a trigger, is not COPY's alone, and is dropped.
func copyContext(context string, c *rewriter.Copy, leads []string) string {
	head := "COPY " + c.Table
	rest, ok := strings.CutPrefix(context, head)
	if !ok {
		return ""
	}
	at := copyLine.FindString(rest)
	if at == "" {
		return ""
	}
	head, rest = head+at, rest[len(at):]
	switch {
	case strings.HasPrefix(rest, ", column "):
		return head + rest
	case !strings.HasPrefix(rest, `: "`):
		return head
	}
	rest = rest[len(`: "`):]
	for _, lead := range leads {
		if line, ok := strings.CutPrefix(rest, lead); ok {
			return head + `: "` + line
		}
	}
	return head
}
