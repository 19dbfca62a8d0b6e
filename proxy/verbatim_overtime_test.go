package proxy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/limit"
)

// unlocked waits until nobody locks a row of the table written on a database of the tenant's own.
func unlocked(t *testing.T, direct string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, direct)
	must(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "SET lock_timeout = '20s'; LOCK TABLE written IN ACCESS EXCLUSIVE MODE")
	must(t, err)
}

func TestIdleInTransactionOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{IdleInTransactionTimeout: short}})
	dsn, direct := w.own(ownSchema, "app_proxy")
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer conn.Close(ctx)
	const says = "idle_in_transaction_timeout of 120ms"
	exec := func(sql string) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	forget := func() {
		t.Helper()
		must(t, exec("BEGIN"))
		must(t, exec("INSERT INTO written VALUES (1)"))
		unlocked(t, direct) // while this session does nothing
	}
	nothing := func(behind string) {
		t.Helper()
		if n, err := count(conn, "SELECT count(*) FROM written"); err != nil || n != 0 {
			t.Errorf("behind %s: %d rows, %v", behind, n, err)
		}
	}
	for _, next := range []string{"SELECT 1", "COMMIT", " \n end", "SAVEPOINT a", "SELECT nonsense", "COMMIT; SELECT 1"} {
		forget()
		expectLimit(t, conn, exec(next), "25P03", says, "rolled back")
		if conn.PgConn().TxStatus() == 'E' {
			expectLimit(t, conn, exec("SELECT 2"), "25P02")
			must(t, exec("ROLLBACK"))
		}
		nothing(next)
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeCacheDescribe} {
		forget()
		_, err := conn.Exec(ctx, "COMMIT", mode)
		expectLimit(t, conn, err, "25P03", says)
		nothing("COMMIT, extended")
		forget()
		_, err = conn.Exec(ctx, "SELECT $1::int", mode, 1)
		expectLimit(t, conn, err, "25P03", says)
		must(t, exec("ROLLBACK"))
	}
	forget()
	must(t, exec("ROLLBACK")) // needs not be told
	nothing("ROLLBACK")
	must(t, exec("BEGIN"))
	must(t, exec("SAVEPOINT a"))
	must(t, exec("INSERT INTO written VALUES (1)"))
	unlocked(t, direct)
	must(t, exec("ROLLBACK TO a"))
	must(t, exec("COMMIT"))
	nothing("ROLLBACK TO")

	// A group of messages without a Sync is a transaction too.
	c, executes := dialRaw(t, dsn), &pgproto3.Execute{}
	for _, m := range (messages{parse("", "INSERT INTO written VALUES (1)"), bind("", ""), executes, flush}) {
		c.Send(m)
	}
	must(t, c.Flush())
	for _, want := range []string{"ParseComplete", "BindComplete", "CommandComplete INSERT 0 1", "Error ERROR 25P03 limit " + says} {
		if heard := render(must2(c.Receive())); !strings.HasPrefix(heard, want) {
			t.Fatalf("heard %s, want %s", heard, want)
		}
	}
	unlocked(t, direct)
	if heard := c.say(1, query("SELECT 1"), sync_); heard[0] != "Ready I" {
		t.Errorf("heard %s", heard)
	}
	nothing("a group")
}

func TestTransactionTimeoutOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{TransactionTimeout: short}})
	dsn, direct := w.own(ownSchema, "app_proxy")
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer conn.Close(ctx)
	const says = "transaction_timeout of 120ms"
	exec := func(sql string) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	expectLimit(t, conn, exec(longRunning), "25P04", says) // one statement, by itself and in a transaction
	must(t, exec("BEGIN"))
	expectLimit(t, conn, exec(longRunning), "25P04", says)
	must(t, exec("ROLLBACK"))
	must(t, exec("BEGIN")) // many short ones
	must(t, exec("INSERT INTO written VALUES (1)"))
	for err = nil; err == nil; {
		err = exec("SELECT 1")
	}
	expectLimit(t, conn, err, "25P04", says)
	unlocked(t, direct)
	must(t, exec("ROLLBACK"))
	must(t, exec("BEGIN")) // none at all
	must(t, exec("INSERT INTO written VALUES (1)"))
	unlocked(t, direct)
	expectLimit(t, conn, exec("COMMIT"), "25P04", says)
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO written VALUES (1)")
	batch.Queue(longRunning)
	expectLimit(t, conn, conn.SendBatch(ctx, batch).Close(), "25P04", says)
	if n, err := count(conn, "SELECT count(*) FROM written"); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}

	// Statements behind one that is too long are not hit.
	c := dialRaw(t, dsn)
	for range 3 {
		if heard := strings.Join(c.say(1, query(longRunning)), "\n"); !strings.Contains(heard, "Error ERROR 25P04") {
			t.Errorf("heard\n%s", heard)
		}
		if heard := strings.Join(c.say(2, query("SELECT count(*) FROM numbers"), query("SELECT 1")), "\n"); strings.Contains(heard, "Error") {
			t.Errorf("heard\n%s", heard)
		}
	}
}
