package pgwire

import (
	"github.com/jackc/pgproto3/v2"
)

// The messages of a client that are looked into, besides Bind.
type (
	Query    = pgproto3.Query
	Parse    = pgproto3.Parse
	Describe = pgproto3.Describe
	Execute  = pgproto3.Execute
	Close    = pgproto3.Close
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
