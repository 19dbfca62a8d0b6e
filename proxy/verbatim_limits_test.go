package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy"
	"pgcordon/proxy/limit"
)

// ownSchema is what stands in a database of acme's own.
const ownSchema = `
GRANT ALL ON SCHEMA public TO app_proxy;
CREATE TABLE numbers (n int);
INSERT INTO numbers SELECT generate_series(1, 1000);
CREATE TABLE written (n int);
ALTER TABLE numbers OWNER TO app_proxy;
ALTER TABLE written OWNER TO app_proxy;
`

func TestRowLimitOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{RowsPerStatement: 5}})
	dsn, _ := w.own(ownSchema, "app_proxy")
	c := dialRaw(t, dsn)
	type m = []pgproto3.FrontendMessage
	check := func(what string, ready, rows int, messages m, rest ...string) {
		t.Helper()
		expectHeard(t, what, cutError(t, c.say(ready, messages...)), rows, rest...)
	}
	const names, few, lots = "RowDescription n:23/0", "SELECT n FROM numbers WHERE n <= 5", "SELECT n FROM numbers"
	one := func(sql string, more ...pgproto3.FrontendMessage) m {
		return append(m{parse("", sql), bind("", ""), exec("", 0)}, more...)
	}

	check("as many as may be", 1, 5, m{query(few)}, names, "CommandComplete SELECT 5", "Ready I")
	check("simple", 1, 5, m{query(lots)}, names, tooManyRows, "Ready I")
	check("large, so that the cancel hits", 1, 5, m{query("SELECT a.n FROM numbers a, numbers b")}, names, tooManyRows, "Ready I")
	check("each statement counts for itself", 1, 10, m{query(few + ";" + few)},
		names, "CommandComplete SELECT 5", names, "CommandComplete SELECT 5", "Ready I")
	check("the second of three", 1, 10, m{query(few + ";" + lots + ";" + few)}, names, "CommandComplete SELECT 5", names, tooManyRows, "Ready I")
	check("pipelined behind it", 3, 11, m{query(lots), query(few), query("SELECT")},
		names, tooManyRows, "Ready I", names, "CommandComplete SELECT 5", "Ready I", "RowDescription ", "CommandComplete SELECT 1", "Ready I")
	check("extended", 1, 5, one(lots, sync_), "ParseComplete", "BindComplete", tooManyRows, "Ready I")
	check("what follows is skipped", 1, 5, one(lots, parse("x", few), bind("", "x"), exec("", 0), sync_),
		"ParseComplete", "BindComplete", tooManyRows, "Ready I")
	check("the next group is not", 2, 10, append(one(lots, sync_), one(few, sync_)...),
		"ParseComplete", "BindComplete", tooManyRows, "Ready I", "ParseComplete", "BindComplete", "CommandComplete SELECT 5", "Ready I")
	check("a portal counts over its executions", 1, 5, m{parse("", lots), bind("", ""), exec("", 3), exec("", 2), exec("", 1), sync_},
		"ParseComplete", "BindComplete", "PortalSuspended", "PortalSuspended", tooManyRows, "Ready I")
	check("in the implicit transaction all is undone", 1, 5, append(one("INSERT INTO written VALUES (1)"), one(lots, sync_)...),
		"ParseComplete", "BindComplete", "CommandComplete INSERT 0 1", "ParseComplete", "BindComplete", tooManyRows, "Ready I")
	check("begin", 1, 0, m{query("BEGIN; INSERT INTO written VALUES (2)")}, "CommandComplete BEGIN", "CommandComplete INSERT 0 1", "Ready T")
	check("in a transaction", 1, 5, m{query("INSERT INTO written SELECT n FROM numbers WHERE n < 10 RETURNING n")}, names, tooManyRows, "Ready E")
	check("commit", 1, 0, m{query("COMMIT")}, "CommandComplete ROLLBACK", "Ready I")
	check("all was undone", 1, 0, m{query("SELECT FROM written")}, "RowDescription ", "CommandComplete SELECT 0", "Ready I")

	copied := func(what, sql string, rows int, rest ...string) {
		t.Helper()
		n := 0
		var got []string
		for _, h := range cutError(t, c.say(1, query(sql))) {
			if strings.HasPrefix(h, "CopyData") {
				n++
			} else {
				got = append(got, h)
			}
		}
		if n != rows || strings.Join(got, ",") != strings.Join(rest, ",") {
			t.Errorf("%s: %d rows and %q, want %d and %q", what, n, got, rows, rest)
		}
	}
	const text, binary = "CopyOutResponse 0 [0]", "CopyOutResponse 1 [1]"
	copied("COPY with a header", "COPY ("+few+") TO STDOUT (FORMAT csv, HEADER)", 6, text, "CopyDone", "CommandComplete COPY 5", "Ready I")
	copied("COPY", "COPY numbers TO STDOUT", 6, text, tooManyRows, "Ready I")
	copied("binary COPY", "COPY numbers TO STDOUT (FORMAT binary)", 5, binary, tooManyRows, "Ready I")
	copied("binary COPY of few", "COPY ("+few+") TO STDOUT (FORMAT binary)", 6, binary, "CopyDone", "CommandComplete COPY 5", "Ready I")
	check("COPY FROM is not held against it", 1, 0, m{query("COPY written FROM STDIN"), copyData("1\n2\n3\n4\n5\n6\n7\n"), copyDone},
		"CopyInResponse 0 [0]", "CommandComplete COPY 7", "Ready I")
	check("nor as libpq sends it", 1, 0, one("COPY written FROM STDIN", sync_, copyData("1\n2\n3\n4\n5\n6\n7\n"), copyDone, sync_),
		"ParseComplete", "BindComplete", "CopyInResponse 0 [0]", "CommandComplete COPY 7", "Ready I")

	for _, o := range w.seen.outcomes() {
		if (o.SQLState == "53400") != (o.Limit == limit.RowsPerStatement) || o.Rows > 10 || o.Plan != nil || o.Command == "" {
			t.Errorf("outcome %+v", o)
		}
	}
}

// What can be undone is, and what Postgres has committed by itself is told as it is.
func TestChangesLimitOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{ChangesPerStatement: 5}})
	dsn, _ := w.own(ownSchema, "app_proxy")
	c := dialRaw(t, dsn)
	check := func(what string, ready int, messages []pgproto3.FrontendMessage, want ...string) {
		t.Helper()
		heard := c.say(ready, messages...)
		for i := range heard {
			if strings.HasPrefix(heard[i], "Error ERROR 53400 ") {
				heard[i] = "too many"
			}
		}
		if strings.Join(heard, ",") != strings.Join(want, ",") {
			t.Errorf("%s: %q, want %q", what, heard, want)
		}
	}
	type m = []pgproto3.FrontendMessage
	const few, lots = "INSERT INTO written SELECT generate_series(1, 5)", "INSERT INTO written SELECT generate_series(1, 6)"
	check("few", 1, m{query(few)}, "CommandComplete INSERT 0 5", "Ready I")
	check("extended", 2, m{parse("", lots), bind("", ""), exec("", 0), sync_, query("SELECT FROM written")},
		"ParseComplete", "BindComplete", "too many", "Ready I", "RowDescription ", "DataRow []", "DataRow []", "DataRow []", "DataRow []", "DataRow []", "CommandComplete SELECT 5", "Ready I")
	check("begin", 1, m{query("BEGIN")}, "CommandComplete BEGIN", "Ready T")
	check("in a transaction", 2, m{query(lots), query("COMMIT")}, "CommandComplete INSERT 0 6", "too many", "Ready E", "CommandComplete ROLLBACK", "Ready I")
	check("COPY", 1, m{query("BEGIN; COPY written FROM STDIN"), copyData("1\n2\n3\n4\n5\n6\n"), copyDone},
		"CommandComplete BEGIN", "CopyInResponse 0 [0]", "CommandComplete COPY 6", "too many", "Ready E")
	check("rollback", 1, m{query("ROLLBACK")}, "CommandComplete ROLLBACK", "Ready I")
	check("by itself", 1, m{query("DELETE FROM written; " + lots)}, "CommandComplete DELETE 5", "CommandComplete INSERT 0 6", "Ready I")
	rows, rest := rowsAndRest(c.say(1, query("SELECT n FROM numbers")))
	if rows != 1000 || len(rest) != 3 {
		t.Errorf("reading: %d rows, %q", rows, rest)
	}
	eventually(t, "all are counted", func() bool {
		over := 0
		for _, o := range w.seen.outcomes() {
			if o.Limit == limit.ChangesPerStatement {
				over++
			}
		}
		return over == 4
	})
}

// A cancel request for a statement over its limit must not hit the next.
func TestLateCancelHitsNothingOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{RowsPerStatement: 5}})
	dsn, _ := w.own(ownSchema, "app_proxy")
	c := dialRaw(t, dsn)
	for i := range 60 {
		cut := []string{"SELECT n FROM numbers WHERE n <= 6", "SELECT n FROM numbers", "SELECT a.n FROM numbers a, numbers b WHERE b.n < 40"}[i%3]
		heard := c.say(2, query(cut), query("SELECT count(*) FROM numbers"))
		if !strings.HasPrefix(heard[len(heard)-2], "CommandComplete SELECT 1") {
			t.Fatalf("round %d: %s", i, strings.Join(heard, "\n"))
		}
	}
}

func TestStatementTimeoutOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementTimeout: 250 * time.Millisecond}})
	dsn, _ := w.own(ownSchema, "app_proxy")
	c := dialRaw(t, dsn)
	const slow, cut = "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d", "Error ERROR 57014 canceling statement due to statement timeout: " +
		"limit statement_timeout of 250ms reached, retry for less at a time"
	for _, sql := range []string{slow, "SET statement_timeout = 0; " + slow, "DO $$ BEGIN PERFORM pg_sleep(3600); END $$",
		// It cannot be caught for ever.
		"DO $$ BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(3600); END $$"} {
		heard := c.say(1, query(sql))
		if n := len(heard); n < 2 || heard[n-2] != cut || heard[n-1] != "Ready I" {
			t.Errorf("%s: %q", sql, heard)
		}
	}
	// In a pipeline each has its own time.
	heard := c.say(3, parse("", "SELECT 1"), bind("", ""), exec("", 0), sync_, parse("", slow), bind("", ""), exec("", 0), sync_, query("SELECT 2"))
	want := []string{"ParseComplete", "BindComplete", `DataRow ["1"]`, "CommandComplete SELECT 1", "Ready I", "ParseComplete", "BindComplete", cut, "Ready I",
		"RowDescription ?column?:23/0", `DataRow ["2"]`, "CommandComplete SELECT 1", "Ready I"}
	if strings.Join(heard, "\n") != strings.Join(want, "\n") {
		t.Errorf("a pipeline:\n%s", strings.Join(heard, "\n"))
	}
	eventually(t, "five outcomes that name the limit", func() bool {
		limited := 0
		for _, o := range w.seen.outcomes() {
			if o.Limit == limit.StatementTimeout && o.SQLState == "57014" {
				limited++
			}
		}
		return limited == 5
	})
}

// A statement over the rate is refused as Postgres would fail it, wherever it stands.
func TestStatementRateOnOwnDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		burst int
		say   []step
		last  []string
	}{
		"simple":          {1, []step{one(query("SELECT 1")), one(query("SELECT 2"))}, []string{"Error", "Ready I"}},
		"extended":        {1, []step{one(query("SELECT 1")), one(parse("", "SELECT 2"), bind("", ""), exec("", 0), query("SELECT 1"), sync_)}, []string{"Error", "Ready I"}},
		"counts once":     {1, []step{one(parse("", "SELECT 1"), bind("", ""), exec("", 0), sync_), one(bind("", ""), exec("", 0), sync_)}, []string{"BindComplete", "Error", "Ready I"}},
		"in one":          {2, []step{one(query("BEGIN")), one(query("SELECT 2")), one(query("SELECT 3"))}, []string{"Error", "Ready E"}},
		"behind messages": {1, []step{many(2, query("SELECT 1"), parse("", "SELECT 2"), bind("", ""), exec("", 0), sync_)}, []string{"RowDescription", "DataRow", "CommandComplete", "Ready I", "Error", "Ready I"}},
		"in a group": {1, []step{one(parse("a", "SELECT 1"), bind("", "a"), exec("", 0), parse("b", "SELECT 2"), bind("", "b"), exec("", 0), sync_)},
			[]string{"ParseComplete", "BindComplete", "DataRow", "CommandComplete", "Error", "Ready I"}},
		"call": {1, []step{many(2, query("SELECT 1"), &pgproto3.FunctionCall{Function: 1398})}, []string{"RowDescription", "DataRow", "CommandComplete", "Ready I", "Error", "Ready I"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{limits: limit.Limits{StatementsPerSecond: 0.0001, Burst: c.burst}})
			dsn, _ := w.own(ownSchema, "app_proxy")
			client := dialRaw(t, dsn)
			var heard []string
			for _, s := range c.say {
				heard = client.say(s.ready, s.messages...)
			}
			if len(heard) != len(c.last) {
				t.Fatalf("heard %q", heard)
			}
			for i, want := range c.last {
				if !strings.HasPrefix(heard[i], want) || want == "Error" && !strings.HasPrefix(heard[i], "Error ERROR 53400") {
					t.Errorf("heard %q, want %q", heard, c.last)
				}
			}
		})
	}
}

// Who may enter, and who learns that there is anything.
func TestOwnDatabaseIsItsTenantsAlone(t *testing.T) {
	w := newWorld(t, worldOptions{})
	dsn, _ := w.own(ownSchema, "app_proxy")
	conn, err := pgconn.Connect(context.Background(), dsn)
	must(t, err)
	must(t, conn.Close(context.Background()))
	cfg, err := pgconn.ParseConfig(dsn)
	must(t, err)
	eventually(t, "both ends of the session are told of, with the database", func() bool {
		w.seen.mu.Lock()
		defer w.seen.mu.Unlock()
		n := 0
		for _, e := range w.seen.sessions {
			if e.Database == cfg.Database && e.Identity.Tenant == tenant("acme") {
				n++
			}
		}
		return n == 2
	})
	for _, user := range []string{"globex_app", "migrator", "support"} {
		cfg, err := pgconn.ParseConfig(dsn)
		must(t, err)
		cfg.User = user
		if user == "support" {
			cfg.RuntimeParams["options"] = "-c pgcordon.tenant=acme"
		}
		_, own := pgconn.ConnectConfig(context.Background(), cfg)
		name := cfg.Database
		cfg.Database = "nowhere"
		_, none := pgconn.ConnectConfig(context.Background(), cfg)
		if state(own) != "3D000" || strings.ReplaceAll(own.Error(), name, "nowhere") != none.Error() {
			t.Errorf("%s: %v, and of a database that is none: %v", user, own, none)
		}
	}
	superuser, _ := w.own(ownSchema, w.pg.Superuser)
	if _, err := dial(superuser); state(err) != "28000" {
		t.Errorf("a superuser that nobody trusts: %v", err)
	}
}

// A cancel request finds the statement by the upstream's own process number, and a wrong secret finds nothing.
func TestCancelOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{})
	dsn, direct := w.own(ownSchema, "app_proxy")
	conn, err := pgconn.Connect(context.Background(), dsn)
	must(t, err)
	defer conn.Close(context.Background())
	result := conn.ExecParams(context.Background(), "SELECT pg_backend_pid()", nil, nil, nil, nil).Read()
	must(t, result.Err)
	if got := string(result.Rows[0][0]); got != fmt.Sprint(conn.PID()) {
		t.Errorf("the client was given process %d, and runs in %s", conn.PID(), got)
	}
	failed := make(chan error, 1)
	go func() { failed <- conn.Exec(context.Background(), "SELECT pg_sleep(3600)").Close() }()
	eventually(t, "the statement runs", func() bool { return ownBackends(t, direct, "query LIKE '%pg_sleep(3600)%'") == 1 })
	must(t, conn.CancelRequest(context.Background()))
	if err := within(t, "the end of the statement", failed); state(err) != "57014" {
		t.Errorf("cancelled: %v", err)
	}
}

// What ends a session on the shared database ends one on the tenant's own.
func TestEndsOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{wire: proxy.Wire{ClientIdleTimeout: 300 * time.Millisecond, IdleTransactionTimeout: 200 * time.Millisecond}})
	dsn, _ := w.own(ownSchema, "app_proxy")
	silent, open := dialRaw(t, dsn), dialRaw(t, dsn)
	open.say(1, query("BEGIN"))
	if why := open.fatal(); !strings.HasPrefix(why, "Error FATAL 25P03") {
		t.Errorf("silent in a transaction: %q", why)
	}
	if why := silent.fatal(); !strings.HasPrefix(why, "Error FATAL 57P05") {
		t.Errorf("silent outside of one: %q", why)
	}
	w = newWorld(t, worldOptions{})
	dsn, direct := w.own(ownSchema, "app_proxy")
	gone, vanished, killed, revoked := dialRaw(t, dsn), dialRaw(t, dsn), dialRaw(t, dsn), dialRaw(t, dsn)
	// Terminate is read behind what was sent before; a client that vanishes takes what runs with it.
	gone.Send(query("INSERT INTO written SELECT n FROM numbers"))
	gone.Send(&pgproto3.Terminate{})
	must(t, gone.Flush())
	gone.hear(2)
	if heard := killed.say(1, query("SELECT count(*) FROM written")); heard[1] != `DataRow ["1000"]` {
		t.Errorf("written before Terminate: %q", heard)
	}
	vanished.Send(query("SELECT pg_sleep(3600)"))
	must(t, vanished.Flush())
	eventually(t, "the statement runs", func() bool { return ownBackends(t, direct, "query LIKE '%pg_sleep(3600)%'") == 1 })
	must(t, vanished.conn.Close())
	eventually(t, "the statement is cancelled", func() bool {
		return ownBackends(t, direct, "query LIKE '%pg_sleep(3600)%' AND state = 'active'") == 0
	})
	killed.Send(query("SELECT pg_terminate_backend(pg_backend_pid())"))
	must(t, killed.Flush())
	if why := killed.fatal(); !strings.HasPrefix(why, "Error FATAL 57P01 terminating connection due to administrator command") {
		t.Errorf("terminated: %q", why)
	}
	active := w.active
	active.Databases = nil
	w.server.Swap(active)
	if why := revoked.fatal(); !strings.HasPrefix(why, "Error FATAL 57P01 terminating connection because the user's configuration has changed") {
		t.Errorf("the database is not the tenant's any more: %q", why)
	}
	eventually(t, "no backend upstream", func() bool { return ownBackends(t, direct, "true") == 0 })
}

// ownBackends counts the other sessions of a database.
func ownBackends(t *testing.T, dsn, condition string) int {
	t.Helper()
	conn, err := dial(dsn)
	must(t, err)
	defer conn.Close(context.Background())
	r := conn.ExecParams(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "+condition,
		nil, nil, nil, nil).Read()
	must(t, r.Err)
	return int(r.Rows[0][0][0] - '0')
}
