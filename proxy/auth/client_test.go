package auth_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/lib/pq"

	"pgcordon/proxy/auth"
)

// loginServer speaks just enough of the protocol for a driver to log in. It returns its address.
func loginServer(t *testing.T, directory *auth.Directory) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if err := login(conn, directory); err != nil {
				t.Errorf("login server: %v", err)
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func login(conn net.Conn, directory *auth.Directory) error {
	backend := pgproto3.NewBackend(conn, conn)
	startup, err := backend.ReceiveStartupMessage()
	if err != nil {
		return err
	}
	exchange := directory.Begin(startup.(*pgproto3.StartupMessage).Parameters["user"])
	backend.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: auth.Mechanisms()})
	if err := errors.Join(backend.Flush(), backend.SetAuthType(pgproto3.AuthTypeSASL)); err != nil {
		return err
	}
	msg, err := backend.Receive()
	if err != nil {
		return err
	}
	answer, err := exchange.First(msg.(*pgproto3.SASLInitialResponse).Data)
	if err != nil {
		return err
	}
	backend.Send(&pgproto3.AuthenticationSASLContinue{Data: answer})
	if err := errors.Join(backend.Flush(), backend.SetAuthType(pgproto3.AuthTypeSASLContinue)); err != nil {
		return err
	}
	if msg, err = backend.Receive(); err != nil {
		return err
	}
	answer, err = exchange.Final(msg.(*pgproto3.SASLResponse).Data)
	if err != nil {
		if exchange.User().Name != "" {
			return errors.New("a user without a proof")
		}
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: err.Error()})
		return backend.Flush()
	}
	backend.Send(&pgproto3.AuthenticationSASLFinal{Data: answer})
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ParameterStatus{Name: "application_name", Value: exchange.User().Name})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := backend.Flush(); err != nil {
		return err
	}
	for { // lib/pq pings with an empty query
		msg, err := backend.Receive()
		if err != nil {
			return nil // the client has gone
		}
		switch msg.(type) {
		case *pgproto3.Query:
			backend.Send(&pgproto3.EmptyQueryResponse{})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			if err := backend.Flush(); err != nil {
				return err
			}
		case *pgproto3.Terminate:
			return nil
		}
	}
}

// drivers are real clients; each returns the SQLSTATE of a refusal, empty for a login.
var drivers = map[string]func(t *testing.T, address, user, password string) string{
	"pgconn": func(t *testing.T, address, user, password string) string {
		config, err := pgconn.ParseConfig("postgres://" + address + "/shop?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		config.User, config.Password = user, password
		conn, err := pgconn.ConnectConfig(context.Background(), config)
		if err != nil {
			var refused *pgconn.PgError
			if !errors.As(err, &refused) {
				t.Fatalf("not an answer of the server: %v", err)
			}
			return refused.Code
		}
		defer conn.Close(context.Background())
		if got := conn.ParameterStatus("application_name"); got != user {
			t.Errorf("logged in as %q, want %q", got, user)
		}
		return ""
	},
	"lib/pq": func(t *testing.T, address, user, password string) string {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		connector, err := pq.NewConnector("host=" + host + " port=" + port + " dbname=shop sslmode=disable user='" + user + "' password='" + password + "'")
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		defer db.Close()
		err = db.Ping()
		var refused *pq.Error
		if errors.As(err, &refused) {
			return string(refused.Code)
		}
		if err != nil {
			t.Fatalf("not an answer of the server: %v", err)
		}
		return ""
	},
}

func mustMake(t testing.TB, password string, iterations int) auth.Verifier {
	t.Helper()
	v, err := auth.MakeVerifier(password, iterations)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRealDriversLogIn(t *testing.T) {
	address := loginServer(t, auth.NewDirectory([]auth.User{
		{Name: "acme_app", Verifier: mustMake(t, "s3cret", 4096)},
		{Name: "globex_app", Verifier: mustMake(t, "pässwörd", 5000)},
		{Name: "twice", Verifier: mustMake(t, "one", 4096)},
		{Name: "twice", Verifier: mustMake(t, "two", 4096)},
		{Name: "unset"},
	}))
	for driver, login := range drivers {
		for _, c := range []struct{ user, password, want string }{
			{"acme_app", "s3cret", ""},
			{"globex_app", "pässwörd", ""},
			{"acme_app", "wrong", "28P01"},
			{"globex_app", "s3cret", "28P01"},
			{"nobody", "s3cret", "28P01"},
			{"ACME_APP", "s3cret", "28P01"},
			{"twice", "one", "28P01"},
			{"twice", "two", "28P01"},
			{"unset", "s3cret", "28P01"},
		} {
			if got := login(t, address, c.user, c.password); got != c.want {
				t.Errorf("%s: %s with %q: SQLSTATE %q, want %q", driver, c.user, c.password, got, c.want)
			}
		}
	}
}
