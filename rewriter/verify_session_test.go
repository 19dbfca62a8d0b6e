package rewriter

import (
	"errors"
	"strings"
	"testing"
)

// confinedSession are outputs for the statements that keep something in the session.
var confinedSession = []string{
	`PREPARE "pgcordon:sql:p" AS SELECT o.id FROM public.orders o WHERE o.tenant_id = $3 AND o.id = $9`,
	`PREPARE "pgcordon:sql:p"(int, unknown, pg_catalog.unknown) AS INSERT INTO public.orders (id, tenant_id) VALUES ($1, $3::text)`,
	`PREPARE "pgcordon:sql#0123456789012345678901234567890123456789" AS DELETE FROM public.orders WHERE public.orders.tenant_id = $3`,
	`EXECUTE "pgcordon:sql:p"`, `EXECUTE "pgcordon:sql:p"(1, 'x', pg_catalog.lower('X'))`,
	`EXPLAIN (costs off) EXECUTE "pgcordon:sql:p"(1)`, `CREATE TEMPORARY TABLE pg_temp.made (a) AS EXECUTE "pgcordon:sql:p"(1) WITH NO DATA`,
	`EXPLAIN (costs off) CREATE TEMPORARY TABLE pg_temp.made AS EXECUTE "pgcordon:sql:p"`,
	"CREATE TEMPORARY TABLE pg_temp.made (LIKE public.orders, x int, LIKE public.countries)",
	`DEALLOCATE "pgcordon:sql:p"`, "DEALLOCATE ALL",
	"DECLARE c BINARY INSENSITIVE SCROLL CURSOR WITH HOLD FOR SELECT o.id FROM public.orders o WHERE o.tenant_id = $3",
	"DECLARE c CURSOR FOR VALUES (1)",
	"FETCH ALL FROM c", "MOVE 3 IN c", "CLOSE c", "CLOSE ALL",
	"UPDATE public.orders o SET total = 1 WHERE CURRENT OF c", "DELETE FROM public.orders WHERE CURRENT OF c RETURNING id",
	"DISCARD ALL", "DISCARD PLANS", "DISCARD SEQUENCES", "DISCARD TEMP",
	"SET search_path TO pg_catalog, public",
	"UNLISTEN *", `LISTEN "pgcordon:channel:x"`, `NOTIFY "pgcordon:channel:x", 'y'`, `UNLISTEN "pgcordon:channel:x"`,
	"SELECT pg_catalog.pg_advisory_unlock_all()",
	"SELECT pg_catalog.pg_advisory_lock(" + lockKey("pg_catalog.int8send(1)") + ")",
	"SELECT pg_catalog.pg_notify(pg_catalog.textcat('pgcordon:', pg_catalog.substr(" + hashed("$3", "pg_catalog.convert_to('a', 'UTF8')") + ", 1, 54)), 'x')",
	"SELECT pg_catalog.current_setting(CASE WHEN " + listed("$1") + " THEN $1 END, true)",
	"SELECT pg_catalog.current_setting(CASE WHEN " + listed("$1::varchar") + " THEN $1::varchar END)",
	"SELECT pg_catalog.current_setting('TimeZone'), pg_catalog.set_config('timezone', 'UTC', false), pg_catalog.set_config('search_path', 'public', true)",
}

func hashed(tenant, rest string) string {
	return "pg_catalog.encode(pg_catalog.sha256(pg_catalog.byteacat(pg_catalog.sha256(pg_catalog.convert_to(" + tenant + ", 'UTF8')), " + rest + ")), 'hex')"
}

func listed(name string) string {
	return "pg_catalog.lower(" + name + "::pg_catalog.text) = ANY (ARRAY['timezone', 'server_version'])"
}

func lockKey(rest string) string {
	return "pg_catalog.textcat('x', pg_catalog.substr(" + hashed("$3", rest) + ", 1, 16))::bit(64)::bigint"
}

// escapesSession are outputs of that kind that must not pass, each with what the sweep says.
var escapesSession = []struct{ sql, why string }{
	{"PREPARE p AS SELECT 1", "prepared statement"},
	{`PREPARE "pgcordon:own" AS SELECT 1`, "prepared statement"},
	{`PREPARE "pgcordon:sql:p" AS SELECT id FROM public.orders`, "orders"},
	{`PREPARE "pgcordon:sql:p" AS SELECT id FROM public.orders WHERE public.orders.tenant_id = $1`, "orders"},
	{`PREPARE "pgcordon:sql:p"(regclass) AS SELECT 1`, "regclass"},
	{`PREPARE "pgcordon:sql:p"(public.unknown) AS SELECT 1`, "unknown"},
	{`PREPARE "pgcordon:sql:p" AS INSERT INTO public.orders (id, tenant_id) VALUES (1, $1)`, "tenant"},
	{`PREPARE "pgcordon:sql:p" AS SELECT $3`, "tenant parameter"},
	{`SELECT $7`, "nobody's"},
	{"EXECUTE p", "prepared statement"},
	{`EXECUTE "pgcordon:sql:p"($1)`, "parameter"},
	{`EXECUTE "pgcordon:sql:p"(1 + $3)`, "tenant parameter"},
	{`EXECUTE "pgcordon:sql:p"(pg_catalog.pg_read_file('x'))`, "pg_read_file"},
	{`EXPLAIN EXECUTE "pgcordon:sql:p"`, "costs"}, {"EXPLAIN (costs off) EXECUTE p", "prepared statement"},
	{`EXPLAIN (costs off) EXECUTE "pgcordon:sql:p"($3)`, "parameter"}, {`CREATE TEMPORARY TABLE pg_temp.made AS EXECUTE p`, "prepared statement"},
	{"CREATE TEMPORARY TABLE pg_temp.made (LIKE public.secrets)", "denied"}, {"CREATE TEMPORARY TABLE pg_temp.made (LIKE orders)", "qualified"},
	{"CREATE TEMPORARY TABLE pg_temp.made (LIKE public.orders INCLUDING DEFAULTS)", "options"}, {"CREATE TEMPORARY TABLE pg_temp.made (LIKE public.big_orders)", "not in the snapshot"},
	{"CREATE TEMPORARY TABLE pg_temp.made (LIKE pg_catalog.pg_authid)", "denied"}, {"CREATE TEMPORARY TABLE pg_temp.made (LIKE pg_temp.others)", "session's"},
	{`CREATE TABLE public.made AS EXECUTE "pgcordon:sql:p"`, "temporary"}, {`CREATE TEMPORARY TABLE pg_temp.made AS EXECUTE "pgcordon:sql:p"((SELECT secret FROM public.orders))`, "orders"},
	{"DEALLOCATE p", "prepared statement"},
	{"DECLARE c CURSOR FOR SELECT id FROM public.orders", "orders"},
	{`DECLARE "pgcordon:own" CURSOR FOR SELECT 1`, "cursor"},
	{`FETCH FROM "pgcordon:own"`, "cursor"}, {`CLOSE "pgcordon:own"`, "cursor"},
	{"@keeper: UPDATE public.countries SET name = 'x' WHERE CURRENT OF c", "CURRENT OF"},
	{"UPDATE public.orders o SET total = 1 FROM public.countries WHERE CURRENT OF c", "CURRENT OF"},
	{"DELETE FROM public.orders USING public.customers c WHERE CURRENT OF c", "CURRENT OF"},
	{`DELETE FROM public.orders WHERE CURRENT OF "<unnamed portal 1>"`, "CURRENT OF"},
	{`DELETE FROM public.orders WHERE CURRENT OF "pgcordon:own"`, "cursor"},
	{"SET search_path TO public, pg_catalog", "search_path"},
	{"LISTEN x", "nobody's"}, {`NOTIFY "pgcordon:channel:y"`, "nobody's"}, {"UNLISTEN x", "nobody's"},
	{"SELECT pg_catalog.pg_advisory_lock(1)", "lock's key"}, {"SELECT pg_catalog.pg_advisory_lock(1, 2)", "lock's key"},
	{"SELECT pg_catalog.pg_advisory_lock(pg_catalog.textcat('x', pg_catalog.substr(" + hashed("'acme'", "pg_catalog.int8send(1)") + ", 1, 16))::bit(64)::bigint)", "lock's key"},
	{"SELECT pg_catalog.pg_advisory_lock(pg_catalog.textcat('x', pg_catalog.substr(" + hashed("$1", "pg_catalog.int8send(1)") + ", 1, 16))::bit(64)::bigint)", "lock's key"},
	{"SELECT pg_catalog.pg_advisory_lock(" + lockKey("pg_catalog.int8send(pg_catalog.pg_backend_pid())") + ")", "pg_backend_pid"},
	{"SELECT pg_catalog.pg_notify('a', 'x')", "channel"}, {"SELECT pg_catalog.pg_advisory_lock(DISTINCT " + lockKey("pg_catalog.int8send(1)") + ")", "more than"},
	{"SELECT pg_catalog.set_config('role', 'x', false)", "setting"}, {"SELECT pg_catalog.set_config($1, 'x', false)", "setting"},
	{"SELECT pg_catalog.set_config('search_path', $1, false)", "search_path"}, {"SELECT pg_catalog.set_config('client_encoding', 'SJIS', false)", "client_encoding"},
	{"SELECT pg_catalog.set_config('row_security', 'off', false)", "row_security"}, {"SELECT pg_catalog.current_setting('data_directory')", "setting"},
	{"SELECT pg_catalog.current_setting($1)", "oid"}, {"SELECT pg_catalog.current_setting(CASE WHEN true THEN $1 END)", "setting"},
	{"SELECT pg_catalog.current_setting(CASE WHEN " + listed("$1") + " THEN $2 END)", "setting"},
	{"SELECT pg_catalog.current_setting(CASE WHEN " + listed("$1") + " THEN $1 ELSE $1 END)", "setting"},
	{"SELECT pg_catalog.current_setting(CASE WHEN true THEN $1 WHEN " + listed("$1") + " THEN $1 END)", "setting"},
	{"SELECT pg_catalog.current_setting(CASE pg_catalog.lower($1::pg_catalog.text) WHEN 'timezone' THEN $1 END)", "setting"},
	{"SELECT pg_catalog.current_setting(CASE WHEN pg_catalog.lower($1::pg_catalog.text) <> ANY (ARRAY['timezone']) THEN $1 END)", "setting"},
	{"SELECT pg_catalog.current_setting(CASE WHEN pg_catalog.lower($1::pg_catalog.text) = ANY (ARRAY['timezone', 'data_directory']) THEN $1 END)", "data_directory"},
	{"SELECT pg_catalog.current_setting(CASE WHEN pg_catalog.lower($1::pg_catalog.text) = ANY (ARRAY['timezone', $2]) THEN $1 END)", "setting"},
	{"SELECT pg_catalog.current_setting(CASE WHEN " + listed("o.secret") + " THEN o.secret END) FROM public.orders o WHERE o.tenant_id = $3", "setting"},
}

func TestSweepOfSessionStatements(t *testing.T) {
	bound := sweepBound(t)
	check := func(sql string) error {
		role, text := splitRole(sql)
		in, tree, err := sweepCase(bound, role, text)
		if err != nil {
			t.Fatalf("%s\n  is no SQL: %v", sql, err)
		}
		in.spliced, in.channels = true, map[string]string{"pgcordon:channel:x": "a"}
		return sweep(text, tree, in)
	}
	for _, sql := range confinedSession {
		if err := check(sql); err != nil {
			t.Errorf("%s\n  is refused: %v", sql, err)
		}
	}
	for _, c := range escapesSession {
		if err := check(c.sql); err == nil {
			t.Errorf("%s\n  is accepted, want %q", c.sql, c.why)
		} else if !strings.Contains(err.Error(), c.why) || errors.Is(err, errNotEqual) {
			t.Errorf("%s\n  is refused by %q, want %q", c.sql, err, c.why)
		}
	}
	in, tree, err := sweepCase(bound, "", confinedSession[0])
	if err != nil || sweep(confinedSession[0], tree, in) == nil {
		t.Errorf("PREPARE is accepted with the tenant as a parameter (%v)", err)
	}
}
