package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/proxy/limit"
)

// limitTrial is how a limit is reached.
type limitTrial struct {
	// values are those of the limit in the defaults, a plan, for the tenant and for the user. They differ, so that the error tells which one holds.
	values [4]string
	// says is how the value stands in the error, retry what stands behind it.
	says, retry string
	// more are further keys beside it.
	more string
	// limit is the name in the error, if that is not the key's.
	limit string
	// sharedOnly says that it does not hold on a database of the tenant's own.
	sharedOnly bool
	// counted says that it holds when tenants have been counted.
	counted bool
	// reach goes beyond it, and returns the error.
	reach func(*testing.T, *limitClient) error
	// after is what must hold then.
	after func(*testing.T, *limitClient)
	// psql is how psql goes beyond it.
	psql []string
	// waits is what has to wait for a limit and is let in; nil for a limit that nothing waits for.
	waits *limitWait
}

type limitWait struct {
	values [4]string
	run    func(*testing.T, *limitClient)
}

func (l *limitTrial) name(key string) string {
	if l.limit != "" {
		return l.limit
	}
	return key
}

func (cl *limitClient) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	_, err := cl.conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

func (cl *limitClient) number() int {
	n, err := strconv.Atoi(cl.value)
	if err != nil {
		panic(err)
	}
	return n
}

// reaches runs statements one after another, of which the last one goes beyond the limit.
func reaches(sql ...string) func(*testing.T, *limitClient) error {
	return func(t *testing.T, cl *limitClient) error {
		t.Helper()
		for _, s := range sql[:len(sql)-1] {
			ok(t, cl.exec(s))
		}
		return cl.exec(sql[len(sql)-1])
	}
}

// goesOn runs a statement behind the error, in a transaction that has failed behind ROLLBACK.
func goesOn(t *testing.T, cl *limitClient) {
	t.Helper()
	ok(t, cl.exec("ROLLBACK"))
	ok(t, cl.exec("SELECT count(*) FROM items"))
}

// takesAtLeast fails when something is done sooner: the tokens cannot have been there.
func takesAtLeast(t *testing.T, least time.Duration, run ...string) func(*limitClient) {
	return func(cl *limitClient) {
		t.Helper()
		began := time.Now()
		for _, sql := range run {
			ok(t, cl.exec(sql))
		}
		if took := time.Since(began); took < least {
			t.Errorf("%s took %v", run, took)
		}
	}
}

// cancel ends a statement by what marks it. A single cancel request would be lost if the statement had not yet reached the server.
func (cl *limitClient) cancel(t *testing.T, mark string, done <-chan struct{}) {
	t.Helper()
	until(t, "a statement to end", func() bool {
		ok(t, cl.c.stage.pg.Exec(context.Background(), "postgres",
			"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%"+mark+"%'"))
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}

// occupy runs as many statements at once as may be. They end with the trial, or by the function that is returned, the first of them.
func (cl *limitClient) occupy(t *testing.T) (endFirst func()) {
	t.Helper()
	for i := range cl.number() {
		conn, done := cl.connect(t), make(chan struct{})
		mark := fmt.Sprintf("%s_%d", cl.place.user, i)
		go func() { // end waits for it
			defer close(done)
			if _, err := conn.Exec(context.Background(), strings.Replace(endless, "count(*)", "count(*) AS "+mark, 1), pgx.QueryExecModeSimpleProtocol); err == nil {
				t.Error("the endless statement has ended")
			}
		}()
		end := func() { cl.cancel(t, mark, done) }
		cl.ends = append(cl.ends, end)
		if i == 0 {
			endFirst = end
		}
	}
	until(t, "statements to run", func() bool { return cl.usage().Running == int64(cl.number()) })
	return endFirst
}

// limitTrials are by key.
var limitTrials = map[string]limitTrial{
	limit.Connections: {
		values: [4]string{"1", "2", "3", "4"}, says: "%s", retry: ", retry when another connection of this ",
		psql: []string{"SELECT 1"},
		reach: func(t *testing.T, cl *limitClient) error {
			for range cl.number() - 1 {
				cl.connect(t)
			}
			_, err := pgx.Connect(context.Background(), cl.dsn())
			return err
		},
		after: func(t *testing.T, cl *limitClient) {
			goesOn(t, cl) // and one that closes makes room
			ok(t, cl.conn.Close(context.Background()))
			until(t, "room for a connection", func() (connected bool) {
				conn, err := pgx.Connect(context.Background(), cl.dsn())
				if connected = err == nil; connected {
					cl.conn = conn
				}
				return connected
			})
		},
	},
	limit.StatementsAtOnce: {
		values: [4]string{"1", "2", "3", "4"}, says: "%s", retry: ", retry when another statement of this ",
		psql: []string{"SELECT 1"},
		reach: func(t *testing.T, cl *limitClient) error {
			cl.occupy(t)
			return cl.exec("SELECT 1")
		},
		waits: &limitWait{values: [4]string{"1", "2", "3", "4"}, run: func(t *testing.T, cl *limitClient) {
			endFirst := cl.occupy(t)
			let := make(chan error, 1)
			go func() { let <- cl.exec("SELECT 1") }()
			until(t, "a statement to wait", func() bool { return cl.usage().Waiting == 1 })
			endFirst()
			ok(t, <-let)
		}},
	},
	limit.StatementsPerSecond: {
		values: [4]string{"0.001", "0.002", "0.003", "0.004"}, says: "%s per second", retry: ", retry in ",
		psql:  []string{"SELECT 1"},
		reach: reaches("SELECT 1", "SELECT 2"),
		waits: &limitWait{values: [4]string{"1.5", "1.6", "1.7", "1.8"}, run: func(t *testing.T, cl *limitClient) {
			takesAtLeast(t, 500*time.Millisecond, "SELECT 1", "SELECT 2")(cl)
		}},
	},
	"burst": {
		values: [4]string{"2", "3", "4", "5"}, says: "0.001 per second", retry: ", retry in ", more: "statements_per_second: 0.001",
		limit: limit.StatementsPerSecond,
		psql:  []string{"SELECT 1"},
		reach: func(t *testing.T, cl *limitClient) error {
			for range cl.number() {
				ok(t, cl.exec("SELECT 1"))
			}
			return cl.exec("SELECT 1")
		},
		waits: &limitWait{values: [4]string{"2", "3", "4", "5"}, run: func(t *testing.T, cl *limitClient) {
			for range cl.number() {
				ok(t, cl.exec("SELECT 1"))
			}
			let := make(chan error, 1)
			ctx, cancel := context.WithCancel(context.Background())
			conn := cl.connect(t)
			go func() {
				_, err := conn.Exec(ctx, "SELECT 1", pgx.QueryExecModeSimpleProtocol)
				let <- err
			}()
			until(t, "a statement to wait", func() bool { return cl.usage().Waiting == 1 })
			cancel()
			<-let // its client has gone
		}},
	},
	limit.RowsPerSecond: {
		values: [4]string{"10", "11", "12", "13"}, says: "%s rows per second", retry: ", retry in ",
		psql:  []string{"SELECT 1"},
		reach: reaches(plenty, "SELECT 1"),
		waits: &limitWait{values: [4]string{"4000", "3900", "3800", "3700"}, run: func(t *testing.T, cl *limitClient) {
			takesAtLeast(t, 900*time.Millisecond, plenty, "SELECT 1")(cl)
		}},
	},
	limit.BytesPerSecond: {
		values: [4]string{"1000", "1001", "1002", "1003"}, says: "%s bytes per second", retry: ", retry in ",
		psql:  []string{"SELECT 1"},
		reach: reaches("SELECT repeat('x', 1000) FROM items a, items b", "SELECT 1"),
		waits: &limitWait{values: [4]string{"200000", "190000", "180000", "170000"}, run: func(t *testing.T, cl *limitClient) {
			takesAtLeast(t, 900*time.Millisecond, "SELECT repeat('x', 1000) FROM items a, items b", "SELECT 1")(cl)
		}},
	},
	limit.RowsPerStatement: {
		values: [4]string{"3", "4", "5", "6"}, says: "%s rows", retry: ", retry for fewer rows at a time",
		psql:  []string{"SELECT id FROM items"},
		reach: reaches("BEGIN", "SELECT id FROM items"),
		after: goesOn,
	},
	limit.ChangesPerStatement: {
		values: [4]string{"3", "4", "5", "6"}, says: "%s rows", retry: ": nothing was changed, retry for fewer rows at a time",
		psql:  []string{"BEGIN", "UPDATE items SET note = 'changed'"},
		reach: reaches("BEGIN", "UPDATE items SET note = 'changed'"),
		after: func(t *testing.T, cl *limitClient) {
			goesOn(t, cl)
			var n int
			ok(t, cl.conn.QueryRow(context.Background(), "SELECT count(*) FROM items WHERE note = 'changed'").Scan(&n))
			if n != 0 {
				t.Errorf("%d rows were changed", n)
			}
		},
	},
	limit.StatementTimeout: {
		values: [4]string{"150ms", "160ms", "170ms", "180ms"}, says: "%s", retry: ", retry for less at a time",
		psql:  []string{endless},
		reach: reaches(endless),
		after: goesOn,
	},
	limit.TransactionTimeout: {
		values: [4]string{"150ms", "160ms", "170ms", "180ms"}, says: "%s", retry: ": the transaction was rolled back, retry it at once",
		psql:  []string{"BEGIN", endless},
		reach: reaches("BEGIN", endless),
		after: goesOn,
	},
	limit.IdleInTransactionTimeout: {
		values: [4]string{"150ms", "160ms", "170ms", "180ms"}, says: "%s", retry: ": the transaction was rolled back, retry it at once",
		reach: func(t *testing.T, cl *limitClient) error {
			ok(t, cl.exec("BEGIN"))
			ok(t, cl.exec("UPDATE items SET note = 'forgotten' WHERE id = 1"))
			cl.released(t)
			return cl.exec("SELECT 1")
		},
		after: func(t *testing.T, cl *limitClient) {
			goesOn(t, cl)
			var note string
			ok(t, cl.conn.QueryRow(context.Background(), "SELECT note FROM items WHERE id = 1").Scan(&note))
			if note != "" {
				t.Error("the transaction was not rolled back")
			}
		},
	},
	limit.StorageRows: {
		sharedOnly: true,
		values:     [4]string{"3", "4", "5", "0"}, says: "%s rows", retry: ": delete rows, and retry when they have been counted again, in ", counted: true,
		psql:  []string{"INSERT INTO items (id) VALUES (100)"},
		reach: reaches("BEGIN", "DELETE FROM items WHERE id = 1", "INSERT INTO items (id) VALUES (100)"),
		after: goesOn,
	},
	limit.StorageBytes: {
		sharedOnly: true,
		values:     [4]string{"100", "101", "102", "0"}, says: "%s bytes", retry: ": delete rows, and retry when they have been counted again, in ", counted: true,
		psql:  []string{"INSERT INTO items (id) VALUES (100)"},
		reach: reaches("BEGIN", "DELETE FROM items WHERE id = 1", "INSERT INTO items (id) VALUES (100)"),
		after: goesOn,
	},
}

// released waits until the transaction's lock on the first row is gone, while its client does nothing.
func (cl *limitClient) released(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	database := cl.c.stage.shared
	if cl.c.own {
		database = cl.c.stage.prefix + cl.place.tenant
	}
	admin, err := pgx.Connect(ctx, cl.c.stage.pg.DSN("", database))
	ok(t, err)
	defer admin.Close(ctx)
	where := "id = 1"
	if !cl.c.own {
		where += " AND tenant_id = '" + cl.place.tenant + "'"
	}
	_, err = admin.Exec(ctx, "SET lock_timeout = '30s'; SELECT FROM items WHERE "+where+" FOR UPDATE")
	ok(t, err)
}
