package pgwire

import (
	"bytes"
	"encoding/binary"
	"io"
)

// MaxStartupBytes is the largest startup packet, its length word included (Postgres: MAX_STARTUP_PACKET_LENGTH).
const MaxStartupBytes = 10000

// Request codes that stand where a startup message has its version.
const (
	CodeCancel = 1234<<16 | 5678
	CodeSSL    = 1234<<16 | 5679
	CodeGSSENC = 1234<<16 | 5680
	// Version3 is protocol 3.0, the newest that is spoken here.
	Version3 = 3 << 16
)

// ErrStartupLayout is Postgres's answer to a startup message whose list of parameters is not well-formed.
var ErrStartupLayout = &FormatError{"invalid startup packet layout: expected terminator as last byte"}

// ReadStartup reads one packet without a type byte: a startup message, or a request for encryption or cancellation.
// It reads not one byte beyond it, so that what a client sends before a TLS handshake is taken for the handshake.
func ReadStartup(r io.Reader) (code uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:4]); err != nil {
		if err == io.EOF {
			return 0, nil, ErrClosed
		}
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n < 8 || n > MaxStartupBytes {
		return 0, nil, &FormatError{"invalid length of startup packet"}
	}
	if _, err := io.ReadFull(r, head[4:]); err != nil {
		return 0, nil, inside(err)
	}
	body = make([]byte, n-8)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, inside(err)
	}
	return binary.BigEndian.Uint32(head[4:]), body, nil
}

// Parameter is a name and value of a startup message.
type Parameter struct{ Name, Value string }

// ParseStartup reads the parameters of a startup message, in order.
func ParseStartup(body []byte) ([]Parameter, error) {
	var params []Parameter
	for {
		name, rest, ok := bytes.Cut(body, []byte{0})
		if !ok {
			return nil, ErrStartupLayout
		}
		if len(name) == 0 {
			if len(rest) != 0 {
				return nil, ErrStartupLayout
			}
			return params, nil
		}
		value, rest, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, ErrStartupLayout
		}
		params = append(params, Parameter{Name: string(name), Value: string(value)})
		body = rest
	}
}

// SplitOptions splits the startup parameter "options" into words: at white space, a backslash taking the next character as it is
// (Postgres: pg_split_opts).
func SplitOptions(options string) []string {
	var words []string
	for i := 0; ; {
		for i < len(options) && isSpace(options[i]) {
			i++
		}
		if i == len(options) {
			return words
		}
		var word []byte
		for ; i < len(options) && !isSpace(options[i]); i++ {
			if options[i] == '\\' {
				if i++; i == len(options) {
					break
				}
			}
			word = append(word, options[i])
		}
		words = append(words, string(word))
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// CancelKey is what a client sends to cancel its session's statement.
type CancelKey struct{ Process, Secret uint32 }

// ParseCancel reads the body of a cancel request.
func ParseCancel(body []byte) (CancelKey, error) {
	if len(body) != 8 {
		return CancelKey{}, &FormatError{"invalid length of query cancel packet"}
	}
	return CancelKey{Process: binary.BigEndian.Uint32(body), Secret: binary.BigEndian.Uint32(body[4:])}, nil
}
