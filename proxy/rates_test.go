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

// expectLimit checks that err is that of a limit, and that the session goes on.
func expectLimit(t *testing.T, conn *pgx.Conn, err error, sqlState string, says ...string) {
	t.Helper()
	if state(err) != sqlState {
		t.Errorf("%v, want SQLSTATE %s", err, sqlState)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%v does not say %q", err, s)
		}
	}
	if conn.IsClosed() {
		t.Errorf("the session has ended: %v", err)
	}
}

func count(conn *pgx.Conn, sql string) (n int, err error) {
	err = conn.QueryRow(context.Background(), sql).Scan(&n)
	return n, err
}

func TestStatementsAtOnceWithADriver(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsAtOnce: 1}})
	slow, quick := w.connect(), w.connect()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := count(slow, "SELECT 1"); err != nil { // prepares: what runs next is an execution alone
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := slow.Exec(ctx, "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d, numbers e")
		ended <- err
	}()
	w.running() // upstream: a cancel request that came before that would find nothing
	_, err := count(quick, "SELECT 1")
	expectLimit(t, quick, err, "53400", "statements_at_once of 1", "retry when")
	cancel()
	if err := within(t, "the end of the long statement", ended); err == nil {
		t.Error("the long statement has ended by itself")
	}
	eventually(t, "the place to be free", func() bool {
		n, err := count(quick, "SELECT 1")
		return err == nil && n == 1
	})
}

// A pipeline of one connection takes one place, however many statements are in it.
func TestPipelineIsOneStatementAtOnce(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsAtOnce: 1}})
	conn := w.connect()
	batch := &pgx.Batch{}
	for range 50 {
		batch.Queue("SELECT n FROM numbers WHERE n < $1", 10)
	}
	must(t, conn.SendBatch(context.Background(), batch).Close())
	eventually(t, "no statement to run", func() bool { return w.gate.Stats()[0].Running == 0 })
}

func TestRowsPerSecondWithADriver(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{RowsPerSecond: 10}})
	conn := w.connect()
	ctx := context.Background()
	rows, err := conn.Query(ctx, "SELECT n FROM numbers WHERE n <= 60")
	must(t, err)
	read := 0
	for rows.Next() {
		read++
	}
	must(t, rows.Err())
	if read < 60 {
		t.Errorf("read %d rows", read)
	}
	_, err = count(conn, "SELECT 1")
	expectLimit(t, conn, err, "53400", "rows_per_second of 10 rows per second", "retry in ")
	w.gate.SetLimits(func(policy.TenantID, string) limit.Limits { return limit.Limits{RowsPerSecond: 1e9} })
	if n, err := count(conn, "SELECT 1"); err != nil || n != 1 {
		t.Errorf("after a reload: %d, %v", n, err)
	}
}

// With wait, a large result is slowed down, and takes at least as long as its bytes need.
func TestBytesPerSecondSlowsDown(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{BytesPerSecond: 400_000, Wait: time.Minute}})
	conn := w.connect()
	began := time.Now()
	var sum int
	rows, err := conn.Query(context.Background(), "SELECT repeat('x', 1000) FROM numbers a, numbers b LIMIT 600")
	must(t, err)
	for rows.Next() {
		sum += len(rows.RawValues()[0])
	}
	must(t, rows.Err())
	// 600 kB, of which 400 are free at first; what is in the last buffer need not be waited for.
	if took := time.Since(began); sum != 600_000 || took < 300*time.Millisecond {
		t.Errorf("%d bytes in %v", sum, took)
	}
}

func TestUserLimitWithADriver(t *testing.T) {
	w := newWorld(t, worldOptions{userLimits: limit.Limits{StatementsPerSecond: 0.001, Burst: 2}})
	conn := w.connect()
	for range 2 {
		if _, err := conn.Exec(context.Background(), "SELECT 1", pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	_, err := conn.Exec(context.Background(), "SELECT 1", pgx.QueryExecModeSimpleProtocol)
	expectLimit(t, conn, err, "53400", "statements_per_second of 0.001 per second for user ", "retry in ")
	w.gate.SetLimits(func(policy.TenantID, string) limit.Limits { return limit.Limits{} })
	if _, err := count(conn, "SELECT 1"); err != nil {
		t.Errorf("after a reload: %v", err)
	}
}
