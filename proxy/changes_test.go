package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/limit"
)

type messages = []pgproto3.FrontendMessage

// changing are statements that change as many rows as their argument says.
var changing = []string{
	"UPDATE numbers SET n = -n WHERE n <= %d",
	"UPDATE numbers SET n = -n WHERE n <= %d RETURNING n",
	"DELETE FROM numbers WHERE n <= %d",
	"INSERT INTO numbers (n) SELECT -n FROM numbers WHERE n <= %d",
	"INSERT INTO numbers (n) VALUES (generate_series(-%d, -1))",
	"MERGE INTO numbers t USING (SELECT n FROM numbers WHERE n <= %d) s ON t.n = s.n WHEN MATCHED THEN UPDATE SET n = -s.n",
}

// waysToRun are ways to run a statement and commit it; the number is how many ReadyForQuery they are answered with.
var waysToRun = []struct {
	name     string
	messages func(sql string) messages
	ready    int
}{
	{"simple", func(sql string) messages { return messages{query(sql)} }, 1},
	{"simple among others", func(sql string) messages { return messages{query("SELECT 1; " + sql + "; SELECT 2")} }, 1},
	{"simple behind another change", func(sql string) messages {
		return messages{query("INSERT INTO orders (id) VALUES (90); " + sql)}
	}, 1},
	{"simple in a transaction", func(sql string) messages { return messages{query("BEGIN"), query(sql), query("COMMIT")} }, 3},
	{"begun in the same text", func(sql string) messages { return messages{query("BEGIN; " + sql), query("COMMIT")} }, 2},
	{"behind a savepoint", func(sql string) messages {
		return messages{query("BEGIN"), query("SAVEPOINT a; " + sql + "; RELEASE a"), query("COMMIT")}
	}, 3},
	{"extended", func(sql string) messages { return messages{parse("", sql), bind("", ""), exec("", 0), sync_} }, 1},
	{"extended, the portal is closed", func(sql string) messages {
		return messages{parse("", sql), bind("p", ""), exec("p", 0), closing('P', "p"), flush, sync_}
	}, 1},
	{"extended behind another change", func(sql string) messages {
		return messages{parse("", "INSERT INTO orders (id) VALUES (90)"), bind("", ""), exec("", 0), parse("", sql), bind("", ""), exec("", 0), sync_}
	}, 1},
	{"extended before another change", func(sql string) messages {
		return messages{parse("", sql), bind("", ""), exec("", 0), parse("", "INSERT INTO orders (id) VALUES (90)"), bind("", ""), exec("", 0), sync_}
	}, 1},
	{"extended, in a transaction", func(sql string) messages {
		return messages{query("BEGIN"), parse("", sql), bind("", ""), exec("", 0), parse("", "COMMIT"), bind("", ""), exec("", 0), sync_, query("COMMIT")}
	}, 3},
	{"extended, and a Query instead of a Sync", func(sql string) messages {
		return messages{parse("", sql), bind("", ""), exec("", 0), query("SELECT 1"), sync_}
	}, 2},
	{"simple behind an extended one without Sync", func(sql string) messages {
		return messages{parse("", "INSERT INTO orders (id) VALUES (90)"), bind("", ""), exec("", 0), query(sql)}
	}, 1},
	{"EXECUTE", func(sql string) messages {
		return messages{query("PREPARE p AS " + sql), query("EXECUTE p"), query("DEALLOCATE p")}
	}, 3},
	{"PREPARE and EXECUTE in one text", func(sql string) messages {
		return messages{query("PREPARE p AS " + sql + "; EXECUTE p"), query("DEALLOCATE ALL")}
	}, 2},
	{"EXECUTE, extended", func(sql string) messages {
		return messages{query("PREPARE p AS " + sql), parse("", "EXECUTE p"), bind("", ""), exec("", 0), sync_, query("DEALLOCATE p")}
	}, 3},
}

func TestChangesPerStatement(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{ChangesPerStatement: 5}})
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, w.pg.DSN("", w.database))
	must(t, err)
	defer admin.Close(ctx)
	changed := func() (n int) {
		must(t, admin.QueryRow(ctx, "SELECT count(*) FILTER (WHERE n < 0) + greatest(0, 1000 - count(*)) + "+
			"1000 * (SELECT count(*) FROM orders WHERE id = 90) FROM numbers WHERE tenant_id = 'acme'").Scan(&n))
		return n
	}
	c := dialRaw(t, w.dsn())
	for _, way := range waysToRun {
		for _, sql := range changing {
			if w.pg.Major < 15 && strings.HasPrefix(sql, "MERGE") {
				continue // which these servers do not have
			}
			for n, over := range map[int]bool{5: false, 6: true} {
				ready := way.ready
				if over && way.name == "extended, and a Query instead of a Sync" {
					ready = 1 // the Query is skipped, as Postgres does
				}
				heard := strings.Join(c.say(ready, way.messages(fmt.Sprintf(sql, n))...), "\n")
				got := changed()
				_, err := admin.Exec(ctx, "DELETE FROM orders WHERE id = 90; DELETE FROM numbers WHERE tenant_id = 'acme'; "+
					"INSERT INTO numbers SELECT 'acme', generate_series(1, 1000)")
				must(t, err)
				if failed := strings.Contains(heard, "Error ERROR 53400 limit changes_per_statement of 5 rows reached: nothing was changed"); failed != over ||
					strings.Count(heard, "Error") > 1 || over != (got == 0) || !over && got%1000 != n {
					t.Errorf("%s, %s with %d rows: %d changed\n%s", way.name, sql, n, got, heard)
				}
				if heard := c.say(1, query("SELECT 1")); heard[len(heard)-1] != "Ready I" {
					t.Fatalf("%s, %s: then %s", way.name, sql, heard)
				}
			}
		}
	}
}

// What a client hears of a statement that stays within the limit is what Postgres says.
func TestCountedAnswers(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{ChangesPerStatement: 5}})
	ctx := context.Background()
	must(t, w.pg.Exec(ctx, w.database, "ALTER TABLE orders ADD CONSTRAINT late UNIQUE (tenant_id, item) DEFERRABLE INITIALLY DEFERRED"))
	c := dialRaw(t, w.dsn())
	for _, s := range []struct {
		sql  string
		want []string
	}{
		{"UPDATE orders SET item = item || '!'", []string{"CommandComplete UPDATE 2", "Ready I"}},
		{"UPDATE orders SET item = 'x'; SELECT 1", []string{"CommandComplete UPDATE 2", "RowDescription ?column?:23/0", `DataRow ["1"]`,
			`Error ERROR 23505 duplicate key value violates unique constraint "late"`, "Ready I"}},
		{"UPDATE orders SET item = 'x'", []string{`Error ERROR 23505 duplicate key value violates unique constraint "late"`, "Ready I"}},
		{"UPDATE orders SET item = 'x'; BEGIN", []string{"CommandComplete UPDATE 2", "CommandComplete BEGIN", "Ready T"}},
		{"ROLLBACK", []string{"CommandComplete ROLLBACK", "Ready I"}},
		{"INSERT INTO orders (id) VALUES (80), (81), (82), (83), (84)", []string{"CommandComplete INSERT 0 5", "Ready I"}},
		{"UPDATE orders SET id = 1 / 0", []string{"Error ERROR 22012 division by zero", "Ready I"}},
		{"DELETE FROM orders WHERE id = 80;;", []string{"CommandComplete DELETE 1", "Ready I"}},
	} {
		heard := c.say(1, query(s.sql))
		if strings.Join(heard, "\n") != strings.Join(s.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", s.sql, strings.Join(heard, "\n"), strings.Join(s.want, "\n"))
		}
	}
}

func TestUncountableChanges(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{ChangesPerStatement: 5}})
	c := dialRaw(t, w.dsn())
	const update = "UPDATE numbers SET n = -n WHERE n > 0 RETURNING n"
	for name, m := range map[string]messages{
		"WITH":                 {query("WITH u AS (" + update + ") SELECT count(*) FROM u")},
		"WITH, extended":       {parse("", "WITH u AS ("+update+") INSERT INTO numbers (n) VALUES (1)"), bind("", ""), exec("", 0), sync_},
		"COPY":                 {query("COPY (" + update + ") TO STDOUT")},
		"COMMIT along":         {query("BEGIN; " + update + "; COMMIT")},
		"ROLLBACK before":      {query("ROLLBACK; " + update)},
		"in parts":             {parse("", update), bind("p", ""), exec("p", 2), sync_},
		"in parts, by FETCH":   {parse("", update), bind("p", ""), parse("f", "FETCH 2 FROM p"), bind("", "f"), exec("", 0), sync_},
		"EXECUTE of a WITH":    {query("PREPARE w AS WITH u AS (" + update + ") SELECT count(*) FROM u; EXECUTE w")},
		"a COPY along":         {query(update + "; COPY numbers (n) FROM STDIN")},
		"WITH, few but hidden": {query("WITH u AS (INSERT INTO numbers (n) VALUES (-1)) INSERT INTO numbers (n) VALUES (-2)")},
	} {
		heard := strings.Join(c.say(1, m...), "\n")
		if !strings.Contains(heard, "Error ERROR 0A000 ") || strings.Contains(heard, "CommandComplete UPDATE") {
			t.Errorf("%s:\n%s", name, heard)
		}
	}
	if heard := c.say(1, query("SELECT count(*) FROM numbers WHERE n < 0")); heard[1] != `DataRow ["0"]` {
		t.Errorf("rows that were changed all the same: %s", heard)
	}
	for name, m := range map[string]messages{
		"WITH that reads": {query("WITH u AS (SELECT 1 AS n) UPDATE numbers SET n = -numbers.n FROM u WHERE u.n = numbers.n")},
		"few, in parts":   {parse("", "INSERT INTO numbers (n) VALUES (-1), (-2) RETURNING n"), bind("p", ""), exec("p", 1), exec("p", 0), sync_},
		"EXPLAIN EXECUTE": {query("PREPARE e AS " + update), query("EXPLAIN EXECUTE e")},
		"COMMIT alone":    {query("BEGIN; INSERT INTO numbers (n) VALUES (-1); COMMIT")},
	} {
		if heard := strings.Join(c.say(1, m...), "\n"); strings.Contains(heard, "Error") {
			t.Errorf("%s:\n%s", name, heard)
		}
	}
}

func TestChangesByCopy(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{ChangesPerStatement: 5}})
	conn := w.connect()
	ctx := context.Background()
	for _, c := range []struct {
		options, data string
		want          string
	}{
		{"", "-1\n-2\n-3\n-4\n-5\n", ""},
		{"", "-1\n-2\n-3\n-4\n-5", ""},
		{"", "-1\n-2\n-3\n-4\n-5\n\\.\n-7\n", ""},
		{"", "-1\n-2\n-3\n-4\n-5\n-6\n", "53400"},
		{"", "-1\n-2\n-3\n-4\n-5\n-6", "53400"},
		{"CSV HEADER", "n\n-1\n-2\n-3\n-4\n-5\n", ""},
		{"CSV HEADER", "n\r\n-1\r\n-2\r\n-3\r\n-4\r\n-5\r\n-6\r\n", "53400"},
		{"", strings.Repeat("-1\n", 100_000), "53400"},
	} {
		tag, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(c.data), "COPY numbers (n) FROM STDIN "+c.options)
		if state(err) != c.want || err == nil && tag.RowsAffected() != 5 {
			t.Errorf("%.30q: %v, %v, want %q", c.data, tag, err, c.want)
		}
	}
	rows := make([][]any, 6)
	for i := range rows {
		rows[i] = []any{int32(-1)}
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"numbers"}, []string{"n"}, pgx.CopyFromRows(rows[:5])); err != nil {
		t.Errorf("binary: %v", err)
	}
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"numbers"}, []string{"n"}, pgx.CopyFromRows(rows))
	expectLimit(t, conn, err, "53400", "changes_per_statement of 5 rows")
	if n, err := count(conn, "SELECT count(*) FROM numbers WHERE n < 0"); err != nil || n != 25 {
		t.Errorf("%d rows, %v; want those of five COPYs", n, err)
	}
}

func TestChangesWithADriver(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{ChangesPerStatement: 5}})
	conn := w.connect()
	ctx := context.Background()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec} {
		_, err := conn.Exec(ctx, "UPDATE numbers SET n = -n", mode)
		expectLimit(t, conn, err, "53400", "changes_per_statement of 5 rows")
	}
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO numbers (n) VALUES ($1)", -1)
	batch.Queue("UPDATE numbers SET n = -n WHERE n > $1", 0)
	batch.Queue("INSERT INTO numbers (n) VALUES ($1)", -2)
	expectLimit(t, conn, conn.SendBatch(ctx, batch).Close(), "53400", "changes_per_statement")
	if n, err := count(conn, "SELECT count(*) FROM numbers WHERE n < 0"); err != nil || n != 0 {
		t.Errorf("%d rows changed, %v", n, err)
	}
	for _, o := range w.seen.outcomes() {
		if (o.SQLState == "53400") != (o.Limit == limit.ChangesPerStatement) {
			t.Errorf("outcome %+v", o)
		}
	}
}
