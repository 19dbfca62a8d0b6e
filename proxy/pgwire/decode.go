package pgwire

import (
	"encoding/binary"

	"github.com/jackc/pgproto3/v2"
)

// The messages of a client that are looked into, besides Bind, Describe, Close and Execute.
type (
	Query = pgproto3.Query
	Parse = pgproto3.Parse
	// SASLInitialResponse and SASLResponse both have the type byte MsgPassword.
	SASLInitialResponse = pgproto3.SASLInitialResponse
	SASLResponse        = pgproto3.SASLResponse
)

// Message is one of them.
type Message interface{ Decode([]byte) error }

// Decode reads a message's body into m. Every fault of the body, and of the decoder, is a *FormatError.
func Decode(m Message, body []byte) (err error) {
	defer func() {
		if recover() != nil {
			err = ErrFormat
		}
	}()
	if m.Decode(body) != nil {
		return ErrFormat
	}
	return nil
}

// Target is what a Describe or Close names.
type Target struct {
	ObjectType byte // Statement, Portal, or what no message may have
	Name       string
}

// ReadTarget reads a Describe or Close. The errors are those of Postgres.
func ReadTarget(r *Reader) (Target, error) {
	kind, err := r.Take(1)
	if err != nil {
		return Target{}, err
	}
	t := Target{ObjectType: kind[0]}
	if t.Name, err = r.String(); err != nil {
		return Target{}, err
	}
	if r.left > 0 {
		return Target{}, ErrFormat
	}
	return t, nil
}

// Execute is an Execute.
type Execute struct {
	Portal  string
	MaxRows uint32 // 0 means all
}

// ReadExecute reads an Execute. The errors are those of Postgres.
func ReadExecute(r *Reader) (Execute, error) {
	var e Execute
	var err error
	if e.Portal, err = r.String(); err != nil {
		return Execute{}, err
	}
	rows, err := r.Take(4)
	if err != nil {
		return Execute{}, err
	}
	e.MaxRows = binary.BigEndian.Uint32(rows)
	if r.left > 0 {
		return Execute{}, ErrFormat
	}
	return e, nil
}
