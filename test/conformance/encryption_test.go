package conformance

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"pgcordon/test/drivers/stack"
)

func dialProxy(t *testing.T) net.Conn {
	t.Helper()
	if worlds == nil {
		t.Skip("needs Postgres: no server on this machine")
	}
	conn, err := net.DialTimeout("tcp", worlds.Proxied.Address(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func exchange(t *testing.T, conn io.ReadWriter, message []byte) byte {
	t.Helper()
	if _, err := conn.Write(message); err != nil {
		t.Fatal(err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		t.Fatal(err)
	}
	return answer[0]
}

func request(code uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, code)
}

const (
	sslRequest    = 80877103
	gssEncRequest = 80877104
)

func startup(t *testing.T) []byte {
	t.Helper()
	message, err := encodeStartup([]string{"3.0", "user=$user", "database=$database"}, stack.User, worlds.Proxied.Database)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// Postgres built with GSSAPI accepts where pgcordon declines, so it is no oracle here.
func TestGSSEncRequestIsDeclinedAndTheLoginGoesOn(t *testing.T) {
	conn := dialProxy(t)
	if answer := exchange(t, conn, request(gssEncRequest)); answer != 'N' {
		t.Fatalf("answer %q, want N", answer)
	}
	if answer := exchange(t, conn, startup(t)); answer != 'R' {
		t.Fatalf("after the startup message: message %q, want R (authentication)", answer)
	}
}

// A client may ask for one kind of encryption after the other.
func TestSSLAfterGSS(t *testing.T) {
	conn := dialProxy(t)
	if answer := exchange(t, conn, request(gssEncRequest)); answer != 'N' {
		t.Fatalf("answer to GSSEncRequest %q, want N", answer)
	}
	if answer := exchange(t, conn, request(sslRequest)); answer != 'S' {
		t.Fatalf("answer to SSLRequest %q, want S", answer)
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if answer := exchange(t, secure, startup(t)); answer != 'R' {
		t.Fatalf("after the startup message: message %q, want R (authentication)", answer)
	}
}

// Bytes that somebody put in before the handshake must not be taken for the client's.
func TestNothingReadBeforeTheHandshakeSurvivesIt(t *testing.T) {
	conn := dialProxy(t)
	if _, err := conn.Write(append(request(sslRequest), startup(t)...)); err != nil {
		t.Fatal(err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil || answer[0] != 'S' {
		// Refused before the handshake: as good.
		return
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if secure.Handshake() != nil {
		return
	}
	var header [5]byte
	if _, err := io.ReadFull(secure, header[:]); err == nil && header[0] == 'R' {
		t.Fatal("the startup message that was sent in the clear was answered inside of the encrypted connection")
	}
}
