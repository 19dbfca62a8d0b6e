package auth

import (
	"errors"
	"strings"

	"github.com/xdg-go/scram"
)

// MaxMessageBytes bounds a SASL message of the client's, as Postgres does (PG_MAX_SASL_MESSAGE_LENGTH).
const MaxMessageBytes = 1024

// Mechanisms are the SASL mechanisms to offer in AuthenticationSASL.
func Mechanisms() []string { return []string{mechanism} }

var (
	// ErrPassword is returned when the client did not prove the password, or there is no such user: SQLSTATE 28P01.
	ErrPassword = errors.New("password authentication failed")
	// ErrMalformed is returned for a message that does not follow the mechanism, or comes out of turn: SQLSTATE 08P01.
	ErrMalformed = errors.New("malformed SCRAM message")
)

// Exchange is one login. Its methods are called in order, each once: First, Final, User.
type Exchange struct {
	user         User
	known        bool
	conversation *scram.ServerConversation
	step         step
}

type step uint8

const (
	awaitFirst step = iota
	awaitFinal
	proven
	failed
)

func newExchange(user User, known bool) *Exchange {
	v := user.Verifier
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: v.salt, Iters: v.iterations},
			StoredKey:  v.storedKey[:],
			ServerKey:  v.serverKey[:],
		}, nil
	})
	e := &Exchange{user: user, known: known, step: failed}
	if err == nil {
		e.conversation, e.step = server.NewConversation(), awaitFirst
	}
	return e
}

// First takes the client-first-message (the data of SASLInitialResponse) and returns the server-first-message.
// The error is ErrMalformed.
func (e *Exchange) First(msg []byte) ([]byte, error) {
	if e.step != awaitFirst {
		return e.fail(ErrMalformed)
	}
	if len(msg) > MaxMessageBytes || !nonceIsPrintable(string(msg)) {
		return e.fail(ErrMalformed)
	}
	answer, err := e.conversation.Step(string(msg))
	if err != nil || e.conversation.AuthzID() != "" {
		return e.fail(ErrMalformed)
	}
	e.step = awaitFinal
	return []byte(answer), nil
}

// Final takes the client-final-message (the data of SASLResponse) and returns the server-final-message, which proves
// to the client that the proxy holds its verifier. The error is nil only when the client proved the password of a known user,
// else ErrPassword or ErrMalformed.
func (e *Exchange) Final(msg []byte) ([]byte, error) {
	if e.step != awaitFinal || len(msg) > MaxMessageBytes {
		return e.fail(ErrMalformed)
	}
	answer, err := e.conversation.Step(string(msg)) // compares the proof in constant time
	switch {
	case err == nil && e.conversation.Valid() && e.known:
		e.step = proven
		return []byte(answer), nil
	case err == nil, answer == scram.ErrInvalidProof:
		return e.fail(ErrPassword)
	default:
		return e.fail(ErrMalformed)
	}
}

// User returns who logged in; the zero value until Final has returned a nil error.
func (e *Exchange) User() User {
	if e.step != proven {
		return User{}
	}
	return e.user
}

func (e *Exchange) fail(err error) ([]byte, error) {
	e.step = failed
	return nil, err
}

// nonceIsPrintable checks what the library leaves open: the nonce that comes back in the answer is printable ASCII and not empty
// (RFC 5802, section 7).
func nonceIsPrintable(msg string) bool {
	fields := strings.SplitN(msg, ",", 5)
	if len(fields) < 4 {
		return false
	}
	nonce, ok := strings.CutPrefix(fields[3], "r=")
	if !ok || nonce == "" {
		return false
	}
	for i := 0; i < len(nonce); i++ {
		if nonce[i] < '!' || nonce[i] > '~' {
			return false
		}
	}
	return true
}
