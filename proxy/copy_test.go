package proxy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/limit"
)

func rows(data string) *pgproto3.CopyData { return &pgproto3.CopyData{Data: []byte(data)} }

var (
	copied  = &pgproto3.CopyDone{}
	givenUp = &pgproto3.CopyFail{Message: "changed my mind"}
)

func init() {
	for name, script := range copyScripts {
		scripts["copy: "+name] = script
	}
}

var copyScripts = map[string][]step{
	"out": {
		one(query("COPY orders TO STDOUT")), one(query("COPY orders (item, id) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE (item))")),
		one(query("COPY orders (id) TO STDOUT WITH (FORMAT binary)")), one(query("COPY (SELECT id FROM orders ORDER BY id DESC) TO STDOUT")),
		one(query("COPY (INSERT INTO orders (id) VALUES (9) RETURNING id, item) TO STDOUT")), one(query("COPY (SELECT 1/0) TO STDOUT")),
		one(query("SELECT 1; COPY orders (id) TO STDOUT; SELECT 2")), one(query("COPY (SELECT 1 WHERE false) TO STDOUT")),
		one(query("COPY nowhere TO STDOUT")), one(query("COPY orders (nothing) TO STDOUT")), one(query("COPY orders (id, id) TO STDOUT")),
		one(parse("", "COPY orders TO STDOUT"), describe('S', ""), bind("", ""), describe('P', ""), exec("", 0), sync_),
		one(parse("", "COPY orders (id) TO STDOUT"), bind("", ""), exec("", 1), parse("", "SELECT 1"), bind("", ""), exec("", 0), sync_),
		one(parse("c", "COPY (SELECT 1/0) TO STDOUT"), bind("", "c"), exec("", 0), parse("", "SELECT 1"), sync_), one(bind("", "c"), sync_),
		one(parse("", "COPY orders TO STDOUT"), bind("", "", "1"), exec("", 0), sync_),
	},
	"in": {
		one(query("COPY orders (id, item) FROM STDIN"), rows("5\tfive\n"), rows("6\tsi"), rows("x\n7\t\\N"), copied),
		one(query("COPY orders FROM STDIN"), rows("acme\t8\teight\n\\x61cme\t9\tnine\n"), copied),
		one(query("COPY orders (id, tenant_id) FROM STDIN CSV HEADER"), rows("a,b\n10,acme\n11,\"acme\"\n"), copied),
		one(query("COPY orders (id, item) FROM STDIN WITH (FORMAT csv)"), copied),
		one(query("COPY orders (id, item) FROM STDIN"), rows("12\t12\n13\n"), copied), one(query("COPY orders (id, item) FROM STDIN"), rows("14\tx\ty\n"), copied),
		one(query("COPY orders (id, item) FROM STDIN"), rows("x\tx\n"), copied), one(query("COPY orders (id, item) FROM STDIN"), rows("5\tagain\n"), copied),
		one(query("COPY orders (id) FROM STDIN"), givenUp), one(query("COPY orders (id) FROM STDIN"), rows("15\n"), givenUp),
		one(query("COPY orders (id) FROM STDIN"), rows("16\n"), flush, sync_, rows("17\n"), copied),
		one(query("COPY orders (id) FROM STDIN WHERE id > 18"), rows("18\n19\n"), copied),
		one(query("COPY orders (id, item) FROM STDIN WITH (FORMAT csv, HEADER match)"), rows("id,item\n20,x\n"), copied),
		one(query("COPY orders (id, item) FROM STDIN WITH (FORMAT csv, HEADER match)"), rows("id,thing\n20,x\n"), copied),
		one(query("COPY orders (id, item) FROM STDIN WITH (FORMAT csv, HEADER match)"), rows("id\n20,x\n"), copied),
		one(query("COPY orders (id, item) FROM STDIN WITH (HEADER match)"), rows("\\N\titem\n20,x\n"), copied),
		one(query("COPY orders FROM STDIN WITH (FORMAT csv, NULL 'acme', FORCE_NOT_NULL (tenant_id))"), rows("acme,21,x\n\"acme\",22,acme\n"), copied),
		one(query("COPY orders FROM STDIN WITH (FORMAT csv, NULL 'y', FORCE_NULL (tenant_id, item))"), rows("\"acme\",23,\"y\"\n"), copied),
		one(query("SELECT id, item FROM orders ORDER BY id")),
	},
	"several": {
		one(query("SELECT 1; COPY orders (id) FROM STDIN; SELECT count(*) FROM orders; COPY orders (id) FROM STDIN; SELECT 2"),
			rows("30\n"), copied, rows("31\n"), rows("32\n"), copied),
		one(query("COPY orders (id) FROM STDIN; COPY orders (id) FROM STDIN"), rows("x\n"), copied, rows("33\n"), copied), one(query("SELECT 1")),
		one(query("COPY orders (id) FROM STDIN; SELECT 1/0"), rows("34\n"), copied), one(query("SELECT count(*) FROM orders")),
		one(query("BEGIN")), one(query("COPY orders (id) FROM STDIN"), rows("35\n"), copied), one(query("COPY orders (id) FROM STDIN"), givenUp),
		one(query("SELECT 1")), one(query("COPY orders (id) FROM STDIN"), rows("35\n"), copied), one(query("ROLLBACK")),
		many(2, query("COPY orders (id) FROM STDIN"), rows("36\n"), copied, query("SELECT count(*) FROM orders")),
		many(2, query("COPY orders (id) FROM STDIN"), rows("x\n"), rows("37\n"), copied, query("SELECT count(*) FROM orders")),
	},
	"in, extended": {
		one(parse("", "COPY orders (id) FROM STDIN"), describe('S', ""), bind("", ""), describe('P', ""), exec("", 0), rows("40\n"), copied, sync_),
		one(parse("", "COPY orders (id) FROM STDIN"), bind("", ""), exec("", 0), sync_, rows("41\n"), copied, sync_),
		one(parse("c", "COPY orders (id, item) FROM STDIN"), bind("", "c"), exec("", 0), rows("42\t"), rows("x\n"), copied, sync_),
		one(bind("", "c"), exec("", 0), rows("43\tx\n"), copied, bind("", "c"), exec("", 0), rows("44\tx\n"), copied, sync_),
		one(bind("", "c"), exec("", 0), rows("x\n"), rows("45\tx\n"), copied, bind("", "c"), exec("", 0), sync_), one(query("SELECT 1")),
		one(bind("", "c"), exec("", 0), givenUp, parse("", "SELECT 1"), sync_), one(query("SELECT count(*) FROM orders")),
		one(bind("", "c"), exec("", 0), rows("46\tx\n"), copied, parse("", "SELECT 1/0"), bind("", ""), exec("", 0), sync_),
		many(2, bind("", "c"), exec("", 0), rows("47\tx\n"), copied, sync_, parse("", "SELECT count(*) FROM orders"), bind("", ""), exec("", 0), sync_),
		one(query("BEGIN")), one(bind("", "c"), exec("", 0), rows("48\n"), copied, sync_), one(bind("", "c"), exec("", 0), rows("49\n"), copied, sync_), one(query("ROLLBACK")),
	},
	"refused": {
		one(query("COPY orders TO '/tmp/x'")), one(query("COPY orders FROM PROGRAM 'cat'")), one(query("COPY secrets TO STDOUT")), one(query("COPY secrets FROM STDIN"), rows("1\n"), copied),
		one(query("BEGIN")), one(query("COPY secrets FROM STDIN"), rows("1\n"), copied), one(query("SELECT 1")), one(query("ROLLBACK")),
	},
}

// TestCopyOfAnotherTenant gives rows of another tenant, in all ways that the statement can be sent.
func TestCopyOfAnotherTenant(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	refused := `Error ERROR 42501 the tenant column of public.orders may only be given the session's own tenant`
	for _, s := range []struct {
		messages []pgproto3.FrontendMessage
		want     string
	}{
		{[]pgproto3.FrontendMessage{query("COPY orders FROM STDIN"), rows("acme\t50\tx\n"), rows("globex\t51\tx\n"), rows("acme\t52\tx\n"), copied}, "Ready I"},
		{[]pgproto3.FrontendMessage{query("COPY orders FROM STDIN; COPY orders FROM STDIN"), rows("\\N\t51\tx\n"), copied, rows("acme\t52\tx\n"), copied}, "Ready I"},
		{[]pgproto3.FrontendMessage{parse("", "COPY orders FROM STDIN CSV"), bind("", ""), exec("", 0), rows("globex,50,x\n"), rows("acme,51,x\n"), copied,
			parse("", "SELECT 1"), bind("", ""), exec("", 0), sync_}, "Ready I"},
		{[]pgproto3.FrontendMessage{query("BEGIN")}, ""},
		{[]pgproto3.FrontendMessage{query("COPY orders FROM STDIN"), rows("acme\t60\tx\n"), rows("globex\t61\tx\n"), copied}, "Ready E"},
		{[]pgproto3.FrontendMessage{query("ROLLBACK")}, ""},
	} {
		heard := c.say(1, s.messages...)
		if s.want != "" && (heard[len(heard)-2] != refused || heard[len(heard)-1] != s.want) {
			t.Errorf("%s", strings.Join(heard, "\n"))
		}
	}
	if heard := c.say(1, query("SELECT count(*) FROM orders WHERE id >= 50")); heard[1] != `DataRow ["0"]` {
		t.Errorf("rows of refused COPYs were kept: %s", heard)
	}
}

// TestCopyRowLimit sends more rows than the limit allows, and as many.
func TestCopyRowLimit(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{RowsPerStatement: 10}})
	c := dialRaw(t, w.dsn())
	for sql, over := range map[string]bool{
		"COPY (SELECT n FROM numbers LIMIT 10) TO STDOUT":                     false,
		"COPY (SELECT n FROM numbers LIMIT 11) TO STDOUT":                     true,
		"COPY (SELECT n FROM numbers LIMIT 10) TO STDOUT CSV HEADER":          false,
		"COPY (SELECT n FROM numbers LIMIT 11) TO STDOUT CSV HEADER":          true,
		"COPY (SELECT n FROM numbers LIMIT 10) TO STDOUT (FORMAT binary)":     false,
		"COPY numbers TO STDOUT (FORMAT binary)":                              true,
		"COPY (DELETE FROM numbers RETURNING n) TO STDOUT":                    true,
		"COPY (SELECT 1) TO STDOUT; COPY (SELECT n FROM numbers) TO STDOUT":   true,
		"COPY (SELECT n FROM numbers LIMIT 10) TO STDOUT; SELECT 1; SELECT 2": false,
	} {
		for how, messages := range map[string][]pgproto3.FrontendMessage{
			"simple": {query(sql)}, "extended": {parse("", sql), bind("", ""), exec("", 0), sync_},
		} {
			if how == "extended" && strings.Contains(sql, ";") {
				continue
			}
			heard := c.say(1, messages...)
			text := strings.Join(heard, "\n")
			if strings.Contains(text, "53400") != over || strings.Count(text, "CopyData") > 12 {
				t.Errorf("%s %s:\n%s", how, sql, text)
			}
		}
	}
	heard := c.say(1, query("COPY numbers (n) FROM STDIN"), rows(strings.Repeat("1\n", 50)), copied)
	if heard[1] != "CommandComplete COPY 50" {
		t.Errorf("%s", heard)
	}
}

// TestClientGone leaves in the middle of its rows: none of them is kept.
func TestClientGone(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for name, last := range map[string][]pgproto3.FrontendMessage{
		"closes": nil, "terminates": {&pgproto3.Terminate{}}, "asks": {query("SELECT 1")}, "nonsense": {&pgproto3.Describe{ObjectType: 'S'}},
	} {
		c := dialRaw(t, w.dsn())
		c.Send(query("COPY orders (id) FROM STDIN"))
		c.Send(rows("70\n71\n"))
		for _, m := range last {
			c.Send(m)
		}
		must(t, c.Flush())
		if heard := render(must2(c.Receive())); heard != "CopyInResponse 0 [0]" {
			t.Errorf("%s: %s", name, heard)
		}
		if last == nil {
			must(t, c.conn.Close())
		} else if heard := c.hear(1); heard[len(heard)-1] != "closed" {
			t.Errorf("%s: %s", name, heard)
		}
	}
	eventually(t, "the upstream's sessions have ended", func() bool {
		return w.pg.Exec(context.Background(), w.database, `DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE usename = 'app_proxy') = 0; END $$`) == nil
	})
	must(t, w.pg.Exec(context.Background(), w.database, `DO $$ BEGIN ASSERT (SELECT count(*) FROM orders WHERE id >= 70) = 0; END $$`))
}

func must2(m pgproto3.BackendMessage, err error) pgproto3.BackendMessage {
	if err != nil {
		return &pgproto3.ErrorResponse{Message: err.Error()}
	}
	return m
}
