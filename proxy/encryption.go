package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"syscall"

	"pgcordon/proxy/pgwire"
)

// negotiate answers requests for encryption until the startup message comes, whose body it returns.
func (s *session) negotiate(ctx context.Context) (body []byte, version uint32, err error) {
	var triedTLS, triedGSS bool
	for {
		code, body, err := pgwire.ReadStartup(s.conn)
		if err != nil {
			return nil, 0, err
		}
		switch {
		case code == pgwire.CodeCancel:
			if key, err := pgwire.ParseCancel(body); err == nil {
				s.server.cancel(ctx, key)
			}
			return nil, 0, errEnd
		case code == pgwire.CodeSSL && !triedTLS:
			triedTLS = true
			if err := s.startTLS(ctx); err != nil {
				return nil, 0, err
			}
		case code == pgwire.CodeGSSENC && !triedGSS:
			triedGSS = true
			if err := s.out.send([]byte{'N'}); err != nil {
				return nil, 0, err
			}
		case code>>16 != pgwire.Version3>>16:
			return nil, 0, &failure{state: stateFeatureNotSupported,
				message: fmt.Sprintf("unsupported frontend protocol %d.%d: server supports 3.0 to 3.0", code>>16, code&0xffff)}
		default:
			if s.encryption.Required && s.encryption.Config != nil {
				if _, ok := s.conn.(*tls.Conn); !ok {
					return nil, 0, &failure{state: stateInvalidAuthorization, message: "this server requires TLS",
						hint: "Connect with sslmode=require."}
				}
			}
			return body, code, nil
		}
	}
}

// startTLS answers SSLRequest. What a client has sent before the answer is not kept: it meets the handshake, which fails.
func (s *session) startTLS(ctx context.Context) error {
	if s.encryption.Config == nil {
		return s.out.send([]byte{'N'})
	}
	if early(s.conn) {
		return &failure{state: stateProtocolViolation, message: "received unencrypted data after SSL request"}
	}
	if err := s.out.send([]byte{'S'}); err != nil {
		return err
	}
	conn := tls.Server(s.conn, s.encryption.Config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	state := conn.ConnectionState()
	s.encrypted = &state
	s.out = newClient(conn)
	return nil
}

// early reports whether bytes wait to be read.
func early(conn net.Conn) bool {
	raw, err := rawSocket(conn)
	if raw == nil || err != nil {
		return false
	}
	waiting := 0
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		waiting, _, _ = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT) // an error is nothing waiting
		return true
	})
	return err == nil && waiting > 0
}
