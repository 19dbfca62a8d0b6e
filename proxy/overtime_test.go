package proxy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/proxy/limit"
)

// short is a limit on time in tests.
const short = 120 * time.Millisecond

// released waits until the lock of the test's transaction on order 1 is gone.
func (w *world) released() {
	w.t.Helper()
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, w.pg.DSN("", w.database))
	must(w.t, err)
	defer admin.Close(ctx)
	_, err = admin.Exec(ctx, "SET lock_timeout = '20s'; SELECT FROM orders WHERE tenant_id = 'acme' AND id = 1 FOR UPDATE")
	must(w.t, err)
}

// longRunning takes far longer than the limit, and few resources.
const longRunning = "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d"

func TestIdleInTransaction(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{IdleInTransactionTimeout: short}})
	conn := w.connect()
	ctx := context.Background()
	const says = "idle_in_transaction_timeout of 120ms"
	exec := func(sql string) error {
		_, err := conn.Exec(ctx, sql)
		return err
	}
	forget := func() {
		t.Helper()
		must(t, exec("BEGIN"))
		must(t, exec("UPDATE orders SET item = 'forgotten' WHERE id = 1"))
		w.released() // while this session does nothing
	}
	for _, next := range []string{"SELECT 1", "COMMIT", "SAVEPOINT a", "SELECT nonsense"} {
		forget()
		err := exec(next)
		expectLimit(t, conn, err, "25P03", says, "rolled back")
		if next != "COMMIT" {
			expectLimit(t, conn, exec("SELECT 2"), "25P02")
			must(t, exec("ROLLBACK"))
		}
		if n, err := count(conn, "SELECT count(*) FROM orders WHERE item = 'forgotten'"); err != nil || n != 0 {
			t.Errorf("behind %s: %d, %v", next, n, err)
		}
	}
	forget()
	must(t, exec("ROLLBACK")) // needs not be told
	must(t, exec("SELECT 1"))
	forget()
	_, err := conn.Exec(ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol)
	expectLimit(t, conn, err, "25P03", says)
	must(t, exec("SELECT 1"))

	must(t, exec("BEGIN"))
	must(t, exec("SAVEPOINT a"))
	must(t, exec("UPDATE orders SET item = 'forgotten' WHERE id = 1"))
	w.released()
	must(t, exec("ROLLBACK TO a"))
	must(t, exec("COMMIT"))

	w.gate.SetLimits(func(policy.TenantID, string) limit.Limits { return limit.Limits{} })
	must(t, exec("BEGIN"))
	must(t, exec("SELECT 1"))
	must(t, exec("COMMIT"))
	limited := 0
	for _, o := range w.seen.outcomes() {
		if o.Limit == limit.IdleInTransactionTimeout && o.SQLState == "25P03" && o.Plan == nil {
			limited++
		}
	}
	if limited != 7 {
		t.Errorf("the observer has heard of %d, want 7", limited)
	}
}

// A group of messages without a Sync is a transaction too. Its error comes when it happens, as the extended protocol has it.
func TestIdleInGroup(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{IdleInTransactionTimeout: short}})
	for _, before := range []string{"", "BEGIN"} {
		c := dialRaw(t, w.dsn())
		want := "Ready I"
		if before != "" {
			c.say(1, query(before))
			want = "Ready E"
		}
		for _, m := range (messages{parse("", "UPDATE orders SET item = 'forgotten' WHERE id = 1"), bind("", ""), exec("", 0), flush}) {
			c.Send(m)
		}
		must(t, c.Flush())
		for _, want := range []string{"ParseComplete", "BindComplete", "CommandComplete UPDATE 1", "Error ERROR 25P03 limit idle_in_transaction_timeout of 120ms"} {
			if heard := render(must2(c.Receive())); !strings.HasPrefix(heard, want) {
				t.Fatalf("heard %s, want %s", heard, want)
			}
		}
		w.released()
		if heard := c.say(1, query("SELECT 1"), sync_); heard[0] != want {
			t.Errorf("heard %s, want %s", heard, want)
		}
		c.say(1, query("ROLLBACK"))
		if heard := c.say(1, query("SELECT count(*) FROM orders WHERE item = 'forgotten'")); heard[1] != `DataRow ["0"]` {
			t.Errorf("heard %s", heard)
		}
	}
}

func TestTransactionTimeout(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{TransactionTimeout: short}})
	conn := w.connect()
	ctx := context.Background()
	const says = "transaction_timeout of 120ms"
	exec := func(sql string) error {
		_, err := conn.Exec(ctx, sql)
		return err
	}
	// One statement, by itself and in a transaction.
	expectLimit(t, conn, exec(longRunning), "25P04", says)
	must(t, exec("SELECT 1"))
	must(t, exec("BEGIN"))
	expectLimit(t, conn, exec(longRunning), "25P04", says)
	expectLimit(t, conn, exec("SELECT 1"), "25P02")
	must(t, exec("ROLLBACK"))
	// Many short ones.
	must(t, exec("BEGIN"))
	must(t, exec("UPDATE orders SET item = 'forgotten' WHERE id = 1"))
	var err error
	for err == nil {
		err = exec("SELECT 1")
	}
	expectLimit(t, conn, err, "25P04", says)
	w.released()
	must(t, exec("ROLLBACK"))
	// None at all.
	must(t, exec("BEGIN"))
	must(t, exec("UPDATE orders SET item = 'forgotten' WHERE id = 1"))
	w.released()
	expectLimit(t, conn, exec("COMMIT"), "25P04", says)
	// A pipeline.
	batch := &pgx.Batch{}
	batch.Queue("UPDATE orders SET item = 'forgotten' WHERE id = 1")
	batch.Queue(longRunning)
	expectLimit(t, conn, conn.SendBatch(ctx, batch).Close(), "25P04", says)
	if n, err := count(conn, "SELECT count(*) FROM orders WHERE item = 'forgotten'"); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	// Transactions that are short are none of its business, however many.
	end := time.Now().Add(4 * short)
	for time.Now().Before(end) {
		must(t, exec("BEGIN"))
		must(t, exec("SELECT 1"))
		must(t, exec("COMMIT"))
		must(t, exec("SELECT 1"))
	}
}

// Statements behind one that is too long are not hit.
func TestTransactionTimeoutOfPipelinedQueries(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{TransactionTimeout: short}})
	c := dialRaw(t, w.dsn())
	for range 5 {
		heard := c.say(1, query(longRunning))
		if heard := strings.Join(heard, "\n"); !strings.Contains(heard, "Error ERROR 25P04") {
			t.Errorf("heard\n%s", heard)
		}
		heard = c.say(2, query("SELECT count(*) FROM numbers"), query("SELECT count(*) FROM numbers"))
		if heard := strings.Join(heard, "\n"); strings.Contains(heard, "Error") {
			t.Errorf("heard\n%s", heard)
		}
	}
}
