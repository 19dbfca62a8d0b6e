package proxy_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy"
)

// packet is a startup packet with this code.
func packet(code uint32, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(binary.BigEndian.AppendUint32(b, code), body...)
}

const (
	version30  = 3 << 16
	codeSSL    = 80877103
	codeGSSENC = 80877104
	codeCancel = 80877102
)

// knock opens a connection and sends bytes.
func (w *world) knock(b []byte) net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.listener.Addr().String())
	must(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	must(w.t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = conn.Write(b)
	must(w.t, err)
	return conn
}

// answer reads what comes until the connection ends.
func answer(t *testing.T, conn net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return string(b)
}

func TestStartupPackets(t *testing.T) {
	w := newWorld(t, worldOptions{})
	long := strings.Repeat("x", 9990)
	for _, c := range []struct {
		name   string
		packet []byte
		want   []string // in the answer
	}{
		{"shorter than its head", []byte{0, 0, 0, 7, 0, 3, 0, 0}, []string{"08P01", "invalid length of startup packet"}},
		{"too long", packet(version30, "user\x00"+long+"\x00\x00"), []string{"08P01", "invalid length of startup packet"}},
		{"negative length", []byte{255, 255, 255, 255, 0, 3, 0, 0}, []string{"08P01"}},
		{"no terminator", packet(version30, "user\x00a\x00"), []string{"08P01", "expected terminator as last byte"}},
		{"a name without a value", packet(version30, "user\x00"), []string{"08P01"}},
		{"no user", packet(version30, "database\x00a\x00\x00"), []string{"28000", "no PostgreSQL user name specified in startup packet"}},
		{"protocol 2", packet(2<<16, ""), []string{"0A000", "unsupported frontend protocol 2.0: server supports 3.0 to 3.0"}},
		{"replication", packet(version30, "user\x00a\x00replication\x00database\x00\x00"), []string{"0A000", "replication"}},
		{"no replication", packet(version30, "user\x00a\x00replication\x00off\x00\x00x"), []string{"08P01"}},
		{"an option of the server's", packet(version30, "user\x00a\x00options\x00-D /tmp\x00\x00"), []string{"42601", "invalid command-line argument"}},
		{"TLS twice", append(packet(codeSSL, ""), packet(codeSSL, "")...), []string{"N", "0A000", "unsupported frontend protocol 1234.5679"}},
		{"GSS twice", append(packet(codeGSSENC, ""), packet(codeGSSENC, "")...), []string{"N", "0A000", "unsupported frontend protocol 1234.5680"}},
		{"both, then nothing of use", append(append(packet(codeGSSENC, ""), packet(codeSSL, "")...), packet(7, "")...), []string{"NN", "0A000"}},
		{"a password message of another mechanism", append(packet(version30, "user\x00a\x00\x00"), "p\x00\x00\x00\x0aplain\x00"...), []string{"08P01"}},
		{"a query in place of a password", append(packet(version30, "user\x00a\x00\x00"), "Q\x00\x00\x00\x05\x00"...), []string{"08P01"}},
		{"an endless password", append(packet(version30, "user\x00a\x00\x00"), "p\x7f\x00\x00\x00"...), []string{"08P01", "invalid message length"}},
		{"cancel with an unknown key", packet(codeCancel, "12345678"), nil},
		{"cancel without a key", packet(codeCancel, "1234"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := answer(t, w.knock(c.packet))
			for _, part := range c.want {
				if !strings.Contains(got, part) {
					t.Errorf("the answer %q lacks %q", got, part)
				}
			}
			if c.want == nil && got != "" {
				t.Errorf("the answer is %q, want none", got)
			}
		})
	}
}

func TestNegotiatesVersion(t *testing.T) {
	w := newWorld(t, worldOptions{})
	conn := w.knock(packet(3<<16|2, "user\x00acme_app\x00_pq_.frob\x00on\x00\x00"))
	got := make([]byte, 1+4+4+4+len("_pq_.frob")+1)
	_, err := io.ReadFull(conn, got)
	must(t, err)
	want := append([]byte{'v', 0, 0, 0, 22, 0, 3, 0, 0, 0, 0, 0, 1}, "_pq_.frob\x00"...)
	if !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLogin(t *testing.T) {
	w := newWorld(t, worldOptions{})
	login := func(dsn string) error {
		conn, err := pgconn.Connect(context.Background(), dsn)
		if err == nil {
			err = conn.Close(context.Background())
		}
		return err
	}
	check := func(dsn, want string) {
		t.Helper()
		if err := login(dsn); state(err) != want {
			t.Errorf("%s: %v, want %q", strings.TrimPrefix(dsn, "postgres://"), err, want)
		}
	}
	wrong := strings.Replace(w.dsn(), "wile%20e.", "wrong", 1)
	unknown := strings.Replace(wrong, "acme_app", "nobody", 1)
	check(wrong, "28P01")
	check(unknown, "28P01")
	var a, b *pgconn.PgError
	if errors.As(login(wrong), &a) && errors.As(login(unknown), &b) {
		if strings.ReplaceAll(a.Message, "acme_app", "nobody") != b.Message || a.Detail != b.Detail || a.Hint != b.Hint {
			t.Errorf("a wrong password and an unknown user differ: %v and %v", a, b)
		}
	}
	check(strings.Replace(w.dsn(), w.database, "postgres", 1), "3D000")
	check(w.dsn("application_name", "a b", "DateStyle", "German", "TimeZone", "UTC", "client_encoding", "utf-8"), "")
	check(w.dsn("client_encoding", "SJIS"), "42501")
	check(w.dsn("standard_conforming_strings", "off"), "42501")
	check(w.dsn("row_security", "off"), "42501")
	check(w.dsn("role", "postgres"), "42501")
	check(w.dsn("DEBUG_print_plan", "on"), "42501")
	check(w.dsn("DateStyle", "nonsense"), "22023")
	check(w.dsn("options", "-c statement_timeout=1s --DateStyle=German -capplication-name=x\\ y"), "")
	check(w.dsn("options", "-c role=postgres"), "42501")
	check(w.dsn("options", "-c geqo=off"), "42501")
	check(w.dsn("options", "-c pgcordon.tenant=globex"), "42501")
	check(w.dsn("pgcordon.tenant", "acme"), "42501")
	check(w.dsnOf("support"), "28000")
	check(w.dsnOf("support", "options", "-c pgcordon.tenant=initech"), "42501")
	for _, name := range []string{"acme", "globex"} {
		conn, err := pgx.Connect(context.Background(), w.dsnOf("support", "options", "-c pgcordon.tenant="+name))
		must(t, err)
		var n int
		must(t, conn.QueryRow(context.Background(), "SELECT count(*) FROM orders").Scan(&n))
		if want := map[string]int{"acme": 2, "globex": 1}[name]; n != want {
			t.Errorf("support as %s sees %d rows, want %d", name, n, want)
		}
		if _, err := conn.Exec(context.Background(), "DELETE FROM orders"); state(err) != "42501" {
			t.Errorf("a read-only role deletes: %v", err)
		}
		must(t, conn.Close(context.Background()))
	}
}

func TestStartupSettingsHold(t *testing.T) {
	w := newWorld(t, worldOptions{})
	conn := w.connect("search_path", "other", "application_name", "shop", "DateStyle", "German, DMY")
	var id int
	must(t, conn.QueryRow(context.Background(), "SELECT id FROM orders").Scan(&id))
	if id != 7 {
		t.Errorf("search_path: order %d, want that of the other schema", id)
	}
	if got := conn.PgConn().ParameterStatus("application_name"); got != "shop" {
		t.Errorf("application_name is reported as %q", got)
	}
	if _, err := conn.Exec(context.Background(), "SET application_name = 'till'"); err != nil || conn.PgConn().ParameterStatus("application_name") != "till" {
		t.Errorf("a change is not reported: %v", err)
	}
	var style string
	must(t, conn.QueryRow(context.Background(), "SHOW DateStyle").Scan(&style))
	if style != "German, DMY" {
		t.Errorf("DateStyle is %s", style)
	}
	_, err := conn.Exec(context.Background(), "RESET search_path")
	must(t, err)
	must(t, conn.QueryRow(context.Background(), "SELECT id FROM orders").Scan(&id))
	if id != 7 {
		t.Errorf("after RESET: order %d, want that of the startup's search_path", id)
	}
}

func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestTLS(t *testing.T) {
	w := newWorld(t, worldOptions{tls: proxy.TLS{Config: certificate(t), Required: true}})
	conn, err := pgx.Connect(context.Background(), strings.Replace(w.dsn(), "sslmode=disable", "sslmode=require", 1))
	must(t, err)
	var n int
	must(t, conn.QueryRow(context.Background(), "SELECT count(*) FROM orders").Scan(&n))
	must(t, conn.Close(context.Background()))
	if _, err := dial(w.dsn()); state(err) != "28000" {
		t.Errorf("without TLS: %v, want 28000", err)
	}
	// What comes in the clear before the handshake never counts as sent under TLS.
	got := answer(t, w.knock(append(packet(codeSSL, ""), packet(version30, "user\x00acme_app\x00\x00")...)))
	if strings.Contains(got, "SCRAM") {
		t.Errorf("bytes sent before the handshake were answered: %q", got)
	}
}

func TestStartupDeadline(t *testing.T) {
	w := newWorld(t, worldOptions{wire: proxy.Wire{StartupTimeout: 100 * time.Millisecond}})
	answer(t, w.knock(nil))                                                       // ends, or the deadline of knock fails the test
	answer(t, w.knock(packet(version30, "user\x00acme_app\x00\x00")))             // waits for a password
	answer(t, w.knock(append([]byte{0, 0}, bytes.Repeat([]byte{0}, 0)...)))       // in the middle of a length
	answer(t, w.knock(append(packet(version30, "user\x00a\x00\x00"), 'p', 0, 0))) // in the middle of a header
}

func TestUnauthenticatedConnectionsAreCapped(t *testing.T) {
	w := newWorld(t, worldOptions{wire: proxy.Wire{MaxUnauthenticated: 2}})
	first, second := w.knock(packet(version30, "user\x00a\x00\x00")), w.knock(packet(version30, "user\x00a\x00\x00"))
	for _, c := range []net.Conn{first, second} {
		_, err := io.ReadFull(c, make([]byte, 1))
		must(t, err)
	}
	if got := answer(t, w.knock(nil)); got != "" {
		t.Errorf("a third connection gets %q", got)
	}
	must(t, first.Close())
	eventually(t, "room for a connection", func() bool {
		conn, err := dial(w.dsn())
		if err == nil {
			_ = conn.Close(context.Background())
		}
		return err == nil
	})
}

func TestMalformedMessages(t *testing.T) {
	w := newWorld(t, worldOptions{wire: proxy.Wire{MaxMessageBytes: 1 << 20, MaxStatementBytes: 1000}})
	for _, c := range []struct{ name, message, want string }{
		{"unknown type", "\x01\x00\x00\x00\x04", "invalid frontend message type 1"},
		{"length below 4", "Q\x00\x00\x00\x03", "invalid message length"},
		{"negative length", "Q\xff\xff\xff\xff", "invalid message length"},
		{"too large", "B\x00\x10\x00\x05", "invalid message length"},
		{"a Sync with a large body", "S\x00\x00\xff\xff", "invalid message length"},
	} {
		conn := dialRaw(t, w.dsn())
		_, err := io.WriteString(conn.conn, c.message)
		must(t, err)
		heard := conn.hear(1)
		if want := "Error FATAL 08P01 " + c.want; len(heard) != 2 || heard[0] != want {
			t.Errorf("%s: %q, want %q and the end", c.name, heard, want)
		}
	}
	first := dialRaw(t, w.dsn())
	first.Send(query("SELECT count(*) FROM numbers a, numbers b"))
	must(t, first.Flush())
	_, err := io.WriteString(first.conn, "\x01\x00\x00\x00\x04")
	must(t, err)
	if heard := first.hear(2); heard[1] != `DataRow ["1000000"]` || !endsWith(heard, "Error FATAL 08P01") {
		t.Errorf("what was sent before is not answered first: %q", heard)
	}
	conn := dialRaw(t, w.dsn())
	long := "SELECT '" + strings.Repeat("x", 100000) + "'"
	for _, c := range []struct {
		name string
		say  []pgproto3.FrontendMessage
		raw  string
		want string
	}{
		{"a long Query", []pgproto3.FrontendMessage{query(long)}, "", "54000"},
		{"a long Parse", []pgproto3.FrontendMessage{parse("", long), sync_}, "", "54000"},
		{"a reserved name", []pgproto3.FrontendMessage{parse("pgcordon:own", "SELECT 1"), sync_}, "", "42602"},
		{"a reserved portal", []pgproto3.FrontendMessage{parse("", "SELECT 1"), bind("pgcordon:own", ""), sync_}, "", "42602"},
		{"a function call", nil, "F\x00\x00\x00\x0e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", "0A000"},
		{"a Query without its end", nil, "Q\x00\x00\x00\x0aSELECT", "08P01"},
		{"an empty Query body", nil, "Q\x00\x00\x00\x04", "08P01"},
		{"a Bind with a negative length", []pgproto3.FrontendMessage{parse("", "SELECT $1::text"), sync_}, "B\x00\x00\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff\xff\xfe\x00\x00\x00\x00S\x00\x00\x00\x04", "08P01"},
		{"a Bind that ends early", nil, "B\x00\x00\x00\x08\x00\x00\x00\x00S\x00\x00\x00\x04", "08P01"},
		{"an Execute without a count", nil, "E\x00\x00\x00\x05\x00S\x00\x00\x00\x04", "08P01"},
	} {
		var heard []string
		if c.say != nil {
			heard = conn.say(1, c.say...)
		}
		if c.raw != "" {
			_, err := io.WriteString(conn.conn, c.raw)
			must(t, err)
			heard = conn.hear(1)
		}
		if len(heard) < 2 || !strings.HasPrefix(heard[len(heard)-2], "Error ERROR "+c.want) || heard[len(heard)-1] != "Ready I" {
			t.Errorf("%s: %q, want %s", c.name, heard, c.want)
		}
	}
	if heard := conn.say(1, query("SELECT 1")); heard[1] != `DataRow ["1"]` {
		t.Errorf("the session does not go on: %q", heard)
	}
}
