package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/policy"
	"pgcordon/proxy"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
)

// cancelled is why a statement has ended that was cancelled before it reached the upstream.
const cancelled = "ERROR: canceling statement due to user request (SQLSTATE 57014)"

// waiting is how many statements of acme wait for its limits.
func (w *world) waiting() (n int64) {
	for _, u := range w.gate.Stats() {
		if u.Tenant == tenant("acme") {
			n += u.Waiting
		}
	}
	return n
}

// cancels sends a cancel request once a statement waits, and expects that it ends. The session goes on with next.
func cancels(t *testing.T, conn *pgconn.PgConn, waits func() bool, sql string, next func()) {
	t.Helper()
	ctx := context.Background()
	for name, run := range map[string]func() error{
		"simple":   func() error { _, err := conn.Exec(ctx, sql).ReadAll(); return err },
		"extended": func() error { return conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read().Err },
	} {
		ended := make(chan error, 1)
		go func() { ended <- run() }()
		eventually(t, "the statement to wait", waits)
		must(t, conn.CancelRequest(ctx))
		if err := <-ended; err == nil || err.Error() != cancelled {
			t.Errorf("%s: %v", name, err)
		}
	}
	next()
	if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
		t.Errorf("the session after its statements were cancelled: %v", err)
	}
}

func TestCancelOfAStatementThatWaitsForItsRate(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsPerSecond: 0.001, Burst: 1, Wait: 10 * time.Hour}})
	conn, err := dial(w.dsn())
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), "SELECT 1").ReadAll()
	must(t, err)
	cancels(t, conn, func() bool { return w.waiting() == 1 }, "SELECT count(*) FROM orders", func() {
		w.gate.SetLimits(func(policy.TenantID, string) limit.Limits { return limit.Limits{} })
	})
}

func TestCancelOfAStatementThatWaitsForItsPlace(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsAtOnce: 1, Wait: 10 * time.Hour}})
	conn, err := dial(w.dsn())
	must(t, err)
	defer conn.Close(context.Background())
	other, err := dial(w.dsn())
	must(t, err)
	defer other.Close(context.Background())
	running := other.Exec(context.Background(), forever)
	w.running()
	cancels(t, conn, func() bool { return w.waiting() == 1 }, "SELECT count(*) FROM orders", func() {
		must(t, other.CancelRequest(context.Background()))
		if _, err := running.ReadAll(); state(err) != "57014" {
			t.Error(err)
		}
	})
}

func TestCancelOfAStatementThatWaitsForAConnection(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 1}})
	conn, err := dial(w.dsn())
	must(t, err)
	defer conn.Close(context.Background())
	other, err := dial(w.dsnOf("globex_app"))
	must(t, err)
	defer other.Close(context.Background())
	_, err = other.Exec(context.Background(), "BEGIN; SELECT 1").ReadAll()
	must(t, err)
	cancels(t, conn, func() bool { return w.active.Pool.Stats().Waiting == 1 }, "SELECT count(*) FROM orders", func() {
		_, err := other.Exec(context.Background(), "COMMIT").ReadAll()
		must(t, err)
	})
}

// A transaction whose statement was cancelled has failed, whether it ran or waited.
func TestCancelOfAStatementThatWaitsInATransaction(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsPerSecond: 0.001, Burst: 2, Wait: 10 * time.Hour}})
	conn, err := dial(w.dsn())
	must(t, err)
	defer conn.Close(ctx)
	for _, sql := range []string{"BEGIN", "SELECT 1"} {
		_, err := conn.Exec(ctx, sql).ReadAll()
		must(t, err)
	}
	ended := make(chan error, 1)
	go func() { _, err := conn.Exec(ctx, "SELECT 2").ReadAll(); ended <- err }()
	eventually(t, "the statement to wait", func() bool { return w.waiting() == 1 })
	must(t, conn.CancelRequest(ctx))
	if err := <-ended; err == nil || err.Error() != cancelled {
		t.Error(err)
	}
	w.gate.SetLimits(func(policy.TenantID, string) limit.Limits { return limit.Limits{} })
	if _, err := conn.Exec(ctx, "SELECT 3").ReadAll(); state(err) != "25P02" {
		t.Errorf("in a transaction whose statement was cancelled: %v", err)
	}
	_, err = conn.Exec(ctx, "ROLLBACK; SELECT 4").ReadAll()
	must(t, err)
}

func TestCancelOfAStatementThatWaitsOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsPerSecond: 0.001, Burst: 1, Wait: 10 * time.Hour}})
	dsn, _ := w.own(ownSchema, "app_proxy")
	conn, err := dial(dsn)
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), "SELECT 1").ReadAll()
	must(t, err)
	cancels(t, conn, func() bool { return w.waiting() == 1 }, "SELECT 2", func() { w.gate.SetLimits(func(policy.TenantID, string) limit.Limits { return limit.Limits{} }) })
}

// The session of a client that goes away while its statement waits ends, also when it has sent more.
func TestClientThatVanishesStopsWaiting(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsPerSecond: 0.001, Burst: 1, Wait: 10 * time.Hour}})
	dsn, _ := w.own(ownSchema, "app_proxy")
	dialRaw(t, w.dsn()).clean("SELECT 1") // which takes the only token
	for name, c := range map[string]struct {
		dsn  string
		more []pgproto3.FrontendMessage
	}{
		"silent":          {w.dsn(), nil},
		"with Terminate":  {w.dsn(), []pgproto3.FrontendMessage{&pgproto3.Terminate{}}},
		"with statements": {w.dsn(), []pgproto3.FrontendMessage{query("SELECT 3"), query("SELECT 4")}},
		"own database":    {dsn, []pgproto3.FrontendMessage{query("SELECT 3")}},
	} {
		t.Run(name, func(t *testing.T) {
			others := len(w.server.Clients())
			client := dialRaw(t, c.dsn)
			client.Send(query("SELECT 2"))
			must(t, client.Flush())
			eventually(t, "the statement to wait", func() bool { return w.waiting() == 1 })
			for _, m := range c.more {
				client.Send(m)
			}
			must(t, client.Flush())
			must(t, client.conn.Close())
			eventually(t, "the session to end", func() bool { return len(w.server.Clients()) == others && w.waiting() == 0 })
		})
	}
}

// A client that is still there is waited for, and what it has sent meanwhile is answered.
func TestClientThatStaysIsNotTakenForGone(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsPerSecond: 0.4, Burst: 1, Wait: time.Hour}, tls: proxy.TLS{Config: certificate(t)}})
	for name, dsn := range map[string]string{"plain": w.dsn("sslmode", "disable"), "encrypted": w.dsn("sslmode", "require")} {
		conn, err := dial(dsn)
		must(t, err)
		for range 3 {
			if _, err := conn.Exec(context.Background(), "SELECT count(*) FROM orders; SELECT 2").ReadAll(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, conn.Close(context.Background()))
	}
}
