package pgwire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderBytes is the length of a frame's header: its type and its length word.
const HeaderBytes = 5

// A FormatError is a message that does not follow the protocol: SQLSTATE 08P01. Its text is Postgres's own.
type FormatError struct{ Message string }

func (e *FormatError) Error() string { return e.Message }

// What Postgres says of malformed messages (src/backend/libpq/pqformat.c, pqcomm.c).
var (
	ErrInsufficient = &FormatError{"insufficient data left in message"}
	ErrFormat       = &FormatError{"invalid message format"}
	ErrLength       = &FormatError{"invalid message length"}
	ErrString       = &FormatError{"invalid string in message"}
)

// ErrClosed is returned for a connection that ended between two frames; io.ErrUnexpectedEOF is one that ended inside of a frame.
var ErrClosed = errors.New("connection closed")

// Header is a frame's type and the length of its body in bytes, without the header.
type Header struct {
	Type byte
	Len  int
}

// ParseHeader reads the header at the start of b, which holds at least HeaderBytes. limit is the largest body.
func ParseHeader(b []byte, limit int) (Header, error) {
	n := binary.BigEndian.Uint32(b[1:5])
	if n < 4 || uint64(n)-4 > uint64(limit) {
		return Header{}, ErrLength
	}
	return Header{Type: b[0], Len: int(n) - 4}, nil
}

// The messages of a client (Postgres manual, "Message Formats").
const (
	MsgBind         = 'B'
	MsgClose        = 'C'
	MsgCopyData     = 'd'
	MsgCopyDone     = 'c'
	MsgCopyFail     = 'f'
	MsgDescribe     = 'D'
	MsgExecute      = 'E'
	MsgFlush        = 'H'
	MsgFunctionCall = 'F'
	MsgParse        = 'P'
	MsgPassword     = 'p'
	MsgQuery        = 'Q'
	MsgSync         = 'S'
	MsgTerminate    = 'X'
)

// The messages of a server.
const (
	MsgAuthentication       = 'R'
	MsgBackendKeyData       = 'K'
	MsgBindComplete         = '2'
	MsgCloseComplete        = '3'
	MsgCommandComplete      = 'C'
	MsgCopyBoth             = 'W'
	MsgCopyIn               = 'G'
	MsgCopyOut              = 'H'
	MsgDataRow              = 'D'
	MsgEmptyQuery           = 'I'
	MsgError                = 'E'
	MsgFunctionResult       = 'V'
	MsgNegotiateVersion     = 'v'
	MsgNoData               = 'n'
	MsgNotice               = 'N'
	MsgNotification         = 'A'
	MsgParameterDescription = 't'
	MsgParameterStatus      = 'S'
	MsgParseComplete        = '1'
	MsgPortalSuspended      = 's'
	MsgReady                = 'Z'
	MsgRowDescription       = 'T'
)

// smallMessageBytes is PQ_SMALL_MESSAGE_LIMIT: the largest body of a message that holds no data.
const smallMessageBytes = 10000

// CheckClient checks a client's header as Postgres does: the type is known, and a message that holds no data is small.
func CheckClient(h Header) error {
	switch h.Type {
	case MsgQuery, MsgParse, MsgBind, MsgFunctionCall, MsgCopyData, MsgCopyFail:
		return nil
	case MsgClose, MsgDescribe, MsgExecute, MsgFlush, MsgSync, MsgTerminate, MsgCopyDone:
		if h.Len > smallMessageBytes {
			return ErrLength
		}
		return nil
	}
	return &FormatError{fmt.Sprintf("invalid frontend message type %d", h.Type)}
}
