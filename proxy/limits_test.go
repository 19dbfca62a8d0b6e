package proxy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/limit"
)

// rowsAndRest splits what was heard into the number of rows and the other answers.
func rowsAndRest(heard []string) (rows int, rest []string) {
	for _, h := range heard {
		if strings.HasPrefix(h, "DataRow") {
			rows++
		} else {
			rest = append(rest, h)
		}
	}
	return rows, rest
}

func expectHeard(t *testing.T, what string, heard []string, rows int, rest ...string) {
	t.Helper()
	gotRows, got := rowsAndRest(heard)
	if gotRows != rows || !slices.Equal(got, rest) {
		t.Errorf("%s: %d rows and\n\t%s\nwant %d and\n\t%s", what, gotRows, strings.Join(got, "\n\t"), rows, strings.Join(rest, "\n\t"))
	}
}

const tooManyRows = "Error ERROR 53400 "

// cutError replaces the row limit's text by its beginning, and checks that it names the limit.
func cutError(t *testing.T, heard []string) []string {
	t.Helper()
	for i, h := range heard {
		if strings.HasPrefix(h, tooManyRows) {
			if !strings.Contains(h, "5 rows") {
				t.Errorf("the error does not say the limit: %s", h)
			}
			heard[i] = tooManyRows
		}
	}
	return heard
}

func TestRowLimit(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{RowsPerStatement: 5}})
	c := dialRaw(t, w.dsn())
	check := func(what string, ready int, rows int, messages []pgproto3.FrontendMessage, rest ...string) {
		t.Helper()
		expectHeard(t, what, cutError(t, c.say(ready, messages...)), rows, rest...)
	}
	type m = []pgproto3.FrontendMessage
	const names = "RowDescription n:23/0"
	few, lots := "SELECT n FROM numbers WHERE n <= 5", "SELECT n FROM numbers"

	check("as many as may be", 1, 5, m{query(few)}, names, "CommandComplete SELECT 5", "Ready I")
	check("simple", 1, 5, m{query(lots)}, names, tooManyRows, "Ready I")
	check("large, so that the cancel hits", 1, 5, m{query("SELECT a.n FROM numbers a, numbers b")}, names, tooManyRows, "Ready I")
	check("the session goes on", 1, 5, m{query(few)}, names, "CommandComplete SELECT 5", "Ready I")
	check("each statement counts for itself", 1, 10, m{query(few + ";" + few)},
		names, "CommandComplete SELECT 5", names, "CommandComplete SELECT 5", "Ready I")
	check("the second of two", 1, 10, m{query(few + ";" + lots + ";" + few)}, names, "CommandComplete SELECT 5", names, tooManyRows, "Ready I")
	check("pipelined behind it", 3, 11, m{query(lots), query(few), query("SELECT")},
		names, tooManyRows, "Ready I", names, "CommandComplete SELECT 5", "Ready I", "RowDescription ", "CommandComplete SELECT 1", "Ready I")

	one := func(sql string, more ...pgproto3.FrontendMessage) m {
		return append(m{parse("", sql), bind("", ""), exec("", 0)}, more...)
	}
	check("extended", 1, 5, one(lots, sync_), "ParseComplete", "BindComplete", tooManyRows, "Ready I")
	check("what follows is skipped", 1, 5, one(lots, parse("x", few), bind("", "x"), exec("", 0), sync_),
		"ParseComplete", "BindComplete", tooManyRows, "Ready I")
	check("the next group is not", 2, 10, append(one(lots, sync_), one(few, sync_)...),
		"ParseComplete", "BindComplete", tooManyRows, "Ready I", "ParseComplete", "BindComplete", "CommandComplete SELECT 5", "Ready I")
	check("a portal counts over its executions", 1, 5,
		m{parse("", lots), bind("", ""), exec("", 3), exec("", 2), exec("", 1), sync_},
		"ParseComplete", "BindComplete", "PortalSuspended", "PortalSuspended", tooManyRows, "Ready I")

	check("begin", 1, 0, m{query("BEGIN")}, "CommandComplete BEGIN", "Ready T")
	check("simple in a transaction", 1, 5, m{query(lots)}, names, tooManyRows, "Ready E")
	check("the transaction has failed", 1, 0, m{query("SELECT 1")},
		"Error ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block", "Ready E")
	check("rollback", 1, 0, m{query("ROLLBACK")}, "CommandComplete ROLLBACK", "Ready I")
	check("begin", 1, 0, m{query("BEGIN")}, "CommandComplete BEGIN", "Ready T")
	check("extended in a transaction", 1, 5, one(lots, sync_), "ParseComplete", "BindComplete", tooManyRows, "Ready E")
	check("rollback", 1, 0, m{query("ROLLBACK")}, "CommandComplete ROLLBACK", "Ready I")

	// An error means that nothing was done: what was written in the same implicit transaction, or by the statement itself, is undone.
	check("written before", 1, 5, append(one("INSERT INTO orders (id) VALUES (70)"), one(lots, sync_)...),
		"ParseComplete", "BindComplete", "CommandComplete INSERT 0 1", "ParseComplete", "BindComplete", tooManyRows, "Ready I")
	check("written itself", 1, 5, one("INSERT INTO orders (id) SELECT n + 1000 FROM numbers WHERE n < 20 RETURNING id", sync_),
		"ParseComplete", "BindComplete", tooManyRows, "Ready I")
	insert := "INSERT INTO orders (id) SELECT n + 2000 FROM numbers WHERE n < 20 RETURNING id"
	check("written itself, simple", 1, 5, m{query(insert)}, "RowDescription id:23/0", tooManyRows, "Ready I")
	check("written before, simple", 1, 5, m{query("INSERT INTO orders (id) VALUES (71); " + lots)},
		"CommandComplete INSERT 0 1", names, tooManyRows, "Ready I")
	check("written and within the limit, simple", 1, 1, m{query("INSERT INTO orders (id) VALUES (60) RETURNING id")},
		"RowDescription id:23/0", "CommandComplete INSERT 0 1", "Ready I")
	check("an error, simple", 1, 0, m{query("INSERT INTO orders (id) VALUES (60) RETURNING id")},
		`Error ERROR 23505 duplicate key value violates unique constraint "orders_pkey"`, "Ready I")
	check("nothing was written", 1, 1, m{query("SELECT count(*) FROM orders WHERE id >= 70")},
		"RowDescription count:20/0", "CommandComplete SELECT 1", "Ready I")
	if heard := c.say(1, query("SELECT count(*) FROM orders WHERE id >= 60")); heard[1] != `DataRow ["1"]` {
		t.Errorf("rows after undone inserts: %s", heard[1])
	}

	for _, o := range w.seen.outcomes() {
		if (o.SQLState == "53400") != (o.Limit == limit.RowsPerStatement) || o.Rows > 10 {
			t.Errorf("outcome %+v", o)
		}
	}
}

// TestLateCancelHitsNothing cuts statements that end at about the time of the cancel request, again and again:
// the statement after them must never be cancelled.
func TestLateCancelHitsNothing(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{RowsPerStatement: 5}})
	c := dialRaw(t, w.dsn())
	for i := range 60 {
		cut := []string{"SELECT n FROM numbers WHERE n <= 6", "SELECT n FROM numbers", "SELECT a.n FROM numbers a, numbers b WHERE b.n < 40"}[i%3]
		heard := c.say(2, query(cut), query("SELECT count(*) FROM numbers"))
		if !strings.HasPrefix(heard[len(heard)-2], "CommandComplete SELECT 1") {
			t.Fatalf("round %d: %s", i, strings.Join(heard, "\n"))
		}
	}
}

func TestStatementTimeout(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementTimeout: 150 * time.Millisecond}})
	conn := w.connect()
	ctx := context.Background()
	const slow = "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d"
	run := func(sql, want string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); state(err) != want {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
	run(slow, "57014")
	run("SELECT 1", "")
	// It can be made shorter, and not longer, by any way.
	for _, sql := range []string{"SET statement_timeout = 0", "SET statement_timeout = '1h'", "RESET statement_timeout", "RESET ALL"} {
		run(sql, "")
		run(slow, "57014")
	}
	run("BEGIN", "")
	run("SET LOCAL statement_timeout = 0", "")
	run(slow, "57014")
	run("ROLLBACK", "")
	run(slow, "57014")
	run("SET statement_timeout = 0; "+slow, "42501")
	run("SET statement_timeout = '100ms'", "")
	var now string
	must(t, conn.QueryRow(ctx, "SHOW statement_timeout").Scan(&now))
	if now != "100ms" {
		t.Errorf("statement_timeout is %s", now)
	}
	if _, err := conn.Exec(ctx, slow); state(err) != "57014" || strings.Contains(err.Error(), "limit") {
		t.Errorf("over a time of the client's own: %v", err)
	}
	run("RESET statement_timeout", "")
	if _, err := conn.Exec(ctx, slow); state(err) != "57014" || !strings.Contains(err.Error(), "statement timeout: limit statement_timeout of 150ms reached, retry") {
		t.Errorf("over the limit: %v", err)
	}
	eventually(t, "eight outcomes that name the limit", func() bool { // the last one may be noted after its answer has arrived
		limited := 0
		for _, o := range w.seen.outcomes() {
			if o.Limit == limit.StatementTimeout && o.SQLState == "57014" {
				limited++
			}
		}
		return limited == 8
	})
}

func TestStatementRate(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsPerSecond: 0.001, Burst: 4}})
	c := dialRaw(t, w.dsn())
	c.say(1, query("BEGIN"))
	c.say(1, parse("", "SELECT 1"), bind("", ""), exec("", 0), sync_) // counts once
	c.say(1, bind("", ""), exec("", 0), sync_)
	c.say(1, query("SELECT 1"))
	heard := c.say(1, query("SELECT 1"))
	if !strings.HasPrefix(heard[0], "Error ERROR 53400 ") || heard[1] != "Ready E" {
		t.Errorf("over the rate: %q", heard)
	}
	last := w.seen.outcomes()
	if o := last[len(last)-1]; o.Limit != limit.StatementsPerSecond || o.Plan != nil {
		t.Errorf("outcome %+v", o)
	}
}

// TestWaitingHoldsNothingBack pipelines a statement behind which the next one has to wait for its turn: the first is answered meanwhile.
func TestWaitingHoldsNothingBack(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsPerSecond: 0.01, Burst: 1, Wait: time.Hour}})
	c := dialRaw(t, w.dsn())
	if heard := c.say(1, query("SELECT 1"), query("SELECT 2")); heard[1] != `DataRow ["1"]` {
		t.Errorf("heard %q", heard)
	}
}

func TestConnectionLimit(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{Connections: 1}})
	first := w.connect()
	_, err := dial(w.dsn())
	if state(err) != "53300" {
		t.Errorf("second connection: %v", err)
	}
	must(t, first.Close(context.Background()))
	eventually(t, "room for a connection", func() bool {
		conn, err := dial(w.dsn())
		if err != nil {
			return false
		}
		return errors.Is(conn.Close(context.Background()), nil)
	})
}
