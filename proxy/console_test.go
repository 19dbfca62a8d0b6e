package proxy_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	_ "github.com/lib/pq"

	"pgcordon/proxy/auth"
	"pgcordon/proxy/console"
	"pgcordon/proxy/pool"
)

// adminView is what the admin database of a world shows, besides its sessions: the pool, and one of everything else.
type adminView struct{ w *world }

func (w *world) console() *console.Options {
	v := adminView{w}
	return &console.Options{Upstream: v, Activity: v, Settings: v, Process: v, Version: "1.2.3"}
}

func (v adminView) Databases() []console.Database {
	return []console.Database{{Name: v.w.database, Upstream: v.w.database, Host: v.w.pg.Host, Port: v.w.pg.Port, Role: "app_proxy", Mode: "session", Size: 100,
		Pools: []*pool.Pool{v.w.active.Pool}}}
}
func (v adminView) Hold(_ string, on bool) (fresh bool) {
	if on && v.w.onHold != nil {
		v.w.onHold()
	}
	return false // the pools are
}
func (v adminView) Lent() (shared string, all map[console.Key]pool.Stats) {
	all = map[console.Key]pool.Stats{{}: v.w.active.Pool.Stats()}
	if own, ok := v.w.active.Databases.(*owned); ok {
		for name, p := range own.pools {
			all[console.Key{Name: name, Tenant: "acme"}] = p.Stats()
		}
	}
	return v.w.database, all
}
func (v adminView) Tenants() []console.Tenant {
	return []console.Tenant{{Name: "acme", Statements: 1<<40 + 12345, Time: time.Second}}
}
func (v adminView) Denials() []console.Denial {
	return []console.Denial{{First: time.Now(), Last: time.Now(), Count: 2, Tenant: "acme", Kind: "denial", Rule: "relation-denied"}}
}
func (v adminView) Settings() []console.Setting {
	return []console.Setting{{Key: "max_client_conn", Value: "100"}, {Key: "max_user_connections", Value: "0"}}
}
func (v adminView) Users() []console.User { return []console.User{{Name: "acme_app", Tenant: "acme"}} }
func (v adminView) Limits() []console.Limit {
	return []console.Limit{{Tenant: "acme", Limit: "connections", Value: "5"}}
}
func (v adminView) Policy() []console.Relation   { return []console.Relation{{Name: "public.orders"}} }
func (v adminView) Cache() []console.Number      { return []console.Number{{Name: "entries", Value: 3}} }
func (v adminView) Reload(context.Context) error { return nil }
func (v adminView) Shutdown(console.Shutdown)    {}

// newConsoleWorld is a world with the users dba and watcher, who may command and look.
func newConsoleWorld(t *testing.T, o worldOptions) *world {
	w := newWorld(t, o)
	w.active.Users = auth.NewDirectory([]auth.User{
		{Name: "acme_app", Tenant: tenant("acme"), Verifier: verifier()},
		{Name: "dba", Console: auth.ConsoleAdmin, Verifier: verifier()},
		{Name: "watcher", Console: auth.ConsoleStats, Verifier: verifier()},
	})
	w.server.Swap(w.active)
	return w
}

// admin connects a user to the admin database.
func (w *world) admin(user, database string, params ...string) *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), strings.Replace(w.dsnOf(user, params...), "/"+w.database, "/"+database, 1))
	must(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// simply runs a text in the simple protocol and returns the rows, the columns joined by bars.
func simply(t *testing.T, conn *pgx.Conn, text string) []string {
	t.Helper()
	results, err := conn.PgConn().Exec(context.Background(), text).ReadAll()
	must(t, err)
	var rows []string
	for _, r := range results {
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for i, c := range row {
				cells[i] = string(c)
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
	}
	return rows
}

// consoleViews are all views of the admin database.
var consoleViews = []string{"VERSION", "STATE", "POOLS", "CLIENTS", "SERVERS", "DATABASES", "USERS", "CONFIG", "LISTS", "STATS", "STATS_TOTALS", "STATS_AVERAGES", "TOTALS",
	"TENANTS", "LIMITS", "DENIALS", "POLICY", "CACHE", "PREPARED"}

// Each view is the same in both protocols, in text and in binary, and under both names of the database.
func TestConsoleViewsInBothProtocols(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	_, err := w.connect().Exec(ctx, "SELECT count(*) FROM numbers WHERE n > $1", 5)
	must(t, err)
	bySimple, byExtended := w.admin("watcher", "pgcordon"), w.admin("watcher", "pgbouncer")
	for _, view := range consoleViews {
		results, err := bySimple.PgConn().Exec(ctx, "SHOW "+view).ReadAll()
		must(t, err)
		rows, err := byExtended.Query(ctx, "SHOW "+view) // prepared, described, bound with binary results where pgx can read them
		must(t, err)
		var got [][]any
		for rows.Next() {
			values, err := rows.Values()
			must(t, err)
			got = append(got, values)
		}
		must(t, rows.Err())
		if len(got) == 0 || len(got) != len(results[0].Rows) {
			t.Errorf("%s: %d rows, in the simple protocol %d", view, len(got), len(results[0].Rows))
			continue
		}
		for i, f := range rows.FieldDescriptions() {
			if s := results[0].FieldDescriptions[i]; s.Name != f.Name || s.DataTypeOID != f.DataTypeOID {
				t.Errorf("%s: column %d is %v, in the simple protocol %v", view, i, f, s)
			}
			for r := range got {
				text := ""
				switch v := got[r][i].(type) {
				case string:
					text = v
				case int32:
					text = strconv.Itoa(int(v))
				case int64:
					text = strconv.FormatInt(v, 10)
				case nil:
				case pgtype.Numeric:
					b, err := v.MarshalJSON()
					must(t, err)
					text = string(b)
				default:
					t.Errorf("%s.%s is a %T", view, f.Name, v)
				}
				if simple := string(results[0].Rows[r][i]); simple != text && !volatile(f.Name) {
					t.Errorf("%s.%s is %q, in the simple protocol %q", view, f.Name, text, simple)
				}
			}
		}
	}
}

// volatile are columns that time or another look changes.
func volatile(column string) bool {
	return strings.HasPrefix(column, "avg_") || strings.HasSuffix(column, "_time") || strings.HasSuffix(column, "_count") || strings.Contains(column, "wait") ||
		column == "value" || strings.HasPrefix(column, "bytes_")
}

// What drivers send when they connect, or around what they run.
func TestConsoleTakesWhatDriversSend(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	conn := w.admin("watcher", "pgcordon", "application_name", "exporter", "options", "-c extra_float_digits=3")
	for _, text := range []string{"SET extra_float_digits = 3", "SET application_name = 'x'", "set client_encoding to 'UTF8'", "SET NAMES 'utf8'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
		"SET TIME ZONE 'UTC'", "SHOW TRANSACTION ISOLATION LEVEL", "SHOW transaction_read_only", "SHOW standard_conforming_strings", "BEGIN", "SHOW VERSION", "COMMIT", "DISCARD ALL", "RESET ALL",
		"SELECT 1", ";", "", "-- nothing", "/* x */ SHOW /* y */ VERSION; -- z"} {
		if _, err := conn.PgConn().Exec(ctx, text).ReadAll(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := conn.Exec(ctx, text); err != nil {
			t.Errorf("%s, extended: %v", text, err)
		}
	}
	for _, text := range []string{"SELECT 4711", "SELECT * FROM pg_class", "SHOW nothing", "SHOW VERSION extra", "SET max_client_conn = 5", "SET nothing = 1", "PAUSES", "SHOW 'open", "CREATE TABLE t()",
		"SHOW FDS", "KILL_CLIENT", "START", "'SHOW' VERSION", "SHOW VERSION SHOW VERSION"} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
			_, err := conn.Exec(ctx, text, mode)
			if s := state(err); len(s) != 5 || strings.Contains(err.Error(), "4711") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	// An error fails the transaction until it is rolled back, as everywhere.
	for _, step := range []struct{ text, state string }{{"BEGIN", ""}, {"nonsense", "42601"}, {"SHOW VERSION", "25P02"}, {"ROLLBACK", ""}, {"SHOW VERSION", ""}} {
		if _, err := conn.Exec(ctx, step.text); state(err) != step.state {
			t.Errorf("%s: %v, want %q", step.text, err, step.state)
		}
	}
	if r := conn.PgConn().ExecParams(ctx, "SHOW VERSION", [][]byte{[]byte("x")}, nil, nil, nil).Read(); state(r.Err) != "08P01" {
		t.Errorf("a parameter: %v", r.Err)
	}
}

// The queries of prometheus-community/pgbouncer_exporter, by its driver.
func TestConsoleAnswersTheExporter(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	w.connect()
	db, err := sql.Open("postgres", strings.Replace(w.dsnOf("watcher"), "/"+w.database, "/pgbouncer", 1))
	must(t, err)
	defer db.Close()
	want := map[string][]string{
		"STATS": {"database"}, // its ping
		"STATS_TOTALS": {"database", "query_count", "query_time", "bytes_received", "bytes_sent", "wait_time", "xact_count", "xact_time", "client_parse_count",
			"server_parse_count", "bind_count", "server_assignment_count"},
		"DATABASES": {"name", "host", "port", "database", "force_user", "pool_size", "reserve_pool", "pool_mode", "max_connections", "current_connections", "paused", "disabled"},
		"POOLS": {"database", "user", "cl_active", "cl_active_cancel_req", "cl_waiting", "cl_waiting_cancel_req", "sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle", "sv_used",
			"sv_tested", "sv_login", "maxwait"},
		"LISTS": {"list", "items"}, "CONFIG": {"key", "value", "default", "changeable"}, "VERSION": {"version"},
	}
	for view, columns := range want {
		rows, err := db.Query("SHOW " + view + ";")
		must(t, err)
		have, err := rows.Columns()
		must(t, err)
		for _, c := range columns {
			if !slices.Contains(have, c) {
				t.Errorf("SHOW %s has no column %s", view, c)
			}
		}
		seen := map[string]bool{}
		for rows.Next() {
			values := make([]any, len(have))
			scan := make([]any, len(have))
			for i := range scan {
				scan[i] = &values[i]
			}
			must(t, rows.Scan(scan...))
			if key := fmt.Sprint(values[0], values[1%len(values)]); seen[key] {
				t.Errorf("SHOW %s has two rows for %s: they would be one series", view, key)
			} else {
				seen[key] = true
			}
		}
		must(t, rows.Err())
		if len(seen) == 0 {
			t.Errorf("SHOW %s has no rows", view)
		}
	}
}

// Who may do what: for everybody else there is no such database.
func TestConsoleRights(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	for _, c := range []struct{ user, database, state string }{
		{"dba", "pgcordon", ""}, {"watcher", "pgbouncer", ""}, {"acme_app", "pgcordon", "3D000"}, {"acme_app", "pgbouncer", "3D000"},
		{"dba", w.database, "42501"}, {"watcher", w.database, "42501"}, {"acme_app", w.database, ""}, {"nobody", "pgcordon", "28P01"}, {"dba", "PGCORDON", "42501"},
	} {
		conn, err := pgx.Connect(ctx, strings.Replace(w.dsnOf(c.user), "/"+w.database, "/"+c.database, 1))
		if err == nil {
			_ = conn.Close(ctx)
		}
		if got := state(err); got != c.state && !strings.Contains(got, c.state) {
			t.Errorf("%s to %s: %v, want %q", c.user, c.database, err, c.state)
		}
	}
	dba, watcher := w.admin("dba", "pgcordon"), w.admin("watcher", "pgcordon")
	for _, command := range []string{"PAUSE", "RESUME", "RELOAD", "RECONNECT", "DISABLE " + w.database, "ENABLE " + w.database, "WAIT_CLOSE", "KILL", "RESUME", "SHUTDOWN", "KILL_CLIENT 1", "SUSPEND"} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
			if _, err := watcher.Exec(ctx, command, mode); state(err) != "42501" {
				t.Errorf("%s by who may look: %v", command, err)
			}
		}
		want := map[string]string{"KILL_CLIENT 1": "42704", "SUSPEND": "0A000"}[command]
		if _, err := dba.Exec(ctx, command); state(err) != want {
			t.Errorf("%s: %v", command, err)
		}
	}
	for _, command := range []string{"PAUSE nowhere", "DISABLE", "ENABLE pgcordon", "KILL pgbouncer", "RECONNECT a b", "SHUTDOWN now", "RELOAD x", "KILL_CLIENT x"} {
		if _, err := dba.Exec(ctx, command); len(state(err)) != 5 {
			t.Errorf("%s: %v", command, err)
		}
	}
	// A reload takes the right away from who is connected.
	w.active.Users = w.users("acme_app")
	w.server.Swap(w.active)
	if _, err := watcher.Exec(ctx, "SHOW VERSION"); state(err) != "57P01" {
		t.Errorf("a user who is gone: %v", err)
	}
}

// PAUSE waits for what runs, and holds what is new back until RESUME.
func TestConsolePause(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	first := w.connect()
	_, err := first.Exec(ctx, "BEGIN")
	must(t, err)
	_, err = first.Exec(ctx, "SELECT count(*) FROM numbers")
	must(t, err)
	dba, other := w.admin("dba", "pgcordon"), w.admin("watcher", "pgcordon")
	paused := make(chan error, 1)
	go func() {
		_, err := dba.Exec(ctx, "PAUSE")
		paused <- err
	}()
	eventually(t, "the pause", func() bool { return slices.Contains(simply(t, other, "SHOW STATE"), "paused|yes") })

	counted := make(chan error, 1)
	go func() {
		conn, err := pgx.Connect(ctx, w.dsn())
		if err == nil {
			_, err = conn.Exec(ctx, "SELECT count(*) FROM numbers")
			_ = conn.Close(ctx)
		}
		counted <- err
	}()
	eventually(t, "a client that waits", func() bool {
		return slices.ContainsFunc(simply(t, other, "SHOW POOLS"), func(row string) bool {
			return strings.HasPrefix(row, w.database+"|app_proxy|1|1|") || strings.HasPrefix(row, w.database+"|app_proxy|0|1|")
		})
	})
	select {
	case err := <-paused:
		t.Fatalf("PAUSE has not waited for a transaction: %v", err)
	default:
	}
	_, err = first.Exec(ctx, "COMMIT") // what has begun before the pause ends as ever
	must(t, err)
	must(t, first.Close(ctx))
	must(t, within(t, "the end of the pause's wait", paused))
	if n := w.backends("application_name = '' AND usename = 'app_proxy'"); n != 0 {
		t.Errorf("%d connections to the server are left", n)
	}
	if _, err := dba.Exec(ctx, "PAUSE"); state(err) != "55000" {
		t.Errorf("a second PAUSE: %v", err)
	}
	select {
	case err := <-counted:
		t.Fatalf("a client was served during the pause: %v", err)
	default:
	}
	_, err = dba.Exec(ctx, "RESUME")
	must(t, err)
	must(t, within(t, "the client that waited", counted))
	if _, err := dba.Exec(ctx, "RESUME"); state(err) != "55000" {
		t.Errorf("a second RESUME: %v", err)
	}
}

// PAUSE that is cancelled, or whose client goes, is undone.
func TestConsolePauseBrokenOff(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	first := w.connect()
	_, err := first.Exec(ctx, "BEGIN")
	must(t, err)
	_, err = first.Exec(ctx, "SELECT count(*) FROM numbers")
	must(t, err)
	other := w.admin("watcher", "pgcordon")
	is := func(row string) func() bool {
		return func() bool { return slices.Contains(simply(t, other, "SHOW STATE"), row) }
	}
	for _, breakOff := range []func(*pgconn.PgConn) error{
		func(c *pgconn.PgConn) error { return c.CancelRequest(ctx) },
		func(c *pgconn.PgConn) error { return c.Conn().Close() },
	} {
		dba := w.admin("dba", "pgcordon")
		done := make(chan error, 1)
		go func() {
			_, err := dba.Exec(ctx, "PAUSE")
			done <- err
		}()
		eventually(t, "the pause", is("paused|yes"))
		must(t, breakOff(dba.PgConn()))
		if err := within(t, "the end of PAUSE", done); err == nil {
			t.Error("PAUSE has ended well")
		}
		eventually(t, "the end of the pause", is("paused|no"))
	}
	must(t, w.connect().Ping(ctx))
}

// A cancel request that comes when PAUSE has begun and does not wait yet is for it.
func TestConsolePauseCancelledEarly(t *testing.T) {
	begun := make(chan *pgconn.PgConn, 1)
	canceled := make(chan error, 1)
	w := newConsoleWorld(t, worldOptions{onHold: func() { canceled <- (<-begun).CancelRequest(context.Background()) }})
	ctx := context.Background()
	first := w.connect()
	_, err := first.Exec(ctx, "BEGIN")
	must(t, err)
	_, err = first.Exec(ctx, "SELECT count(*) FROM numbers")
	must(t, err)
	dba := w.admin("dba", "pgcordon")
	must(t, dba.PgConn().CancelRequest(ctx)) // one that comes too early is not
	begun <- dba.PgConn()
	done := make(chan error, 1)
	go func() {
		_, err := dba.Exec(ctx, "PAUSE")
		done <- err
	}()
	must(t, within(t, "the cancel request", canceled))
	if err := within(t, "the end of PAUSE", done); state(err) != "57014" {
		t.Errorf("PAUSE that was cancelled as it began: %v", err)
	}
	if !slices.Contains(simply(t, dba, "SHOW STATE"), "paused|no") {
		t.Error("the pause was not undone")
	}
}

func TestConsoleKill(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	dba := w.admin("dba", "pgcordon")
	idle, busy, spared := w.connect(), w.connect(), w.connect()
	clients := func() (ids []string) {
		for _, row := range simply(t, dba, "SHOW CLIENTS") {
			cells := strings.Split(row, "|")
			ids = append(ids, cells[20])
		}
		return ids
	}
	var ids []string
	eventually(t, "three clients", func() bool {
		ids = clients()
		return len(ids) == 3
	})
	ended := make(chan error, 1)
	go func() {
		_, err := busy.Exec(ctx, forever)
		ended <- err
	}()
	w.running()
	_, err := dba.Exec(ctx, "KILL_CLIENT "+ids[0])
	must(t, err)
	if _, err := idle.Exec(ctx, "SELECT 1"); state(err) != "57P01" {
		t.Errorf("an idle client that was killed: %v", err)
	}
	_, err = dba.Exec(ctx, "KILL_CLIENT "+ids[1])
	must(t, err)
	if err := within(t, "the end of the statement", ended); err == nil {
		t.Error("a statement has survived its client")
	}
	eventually(t, "the end of the statement", func() bool { return w.backends("state = 'active' AND query LIKE '%numbers%'") == 0 })
	must(t, spared.Ping(ctx))
	eventually(t, "one client", func() bool { return slices.Equal(clients(), ids[2:]) })

	_, err = dba.Exec(ctx, "KILL "+w.database)
	must(t, err)
	eventually(t, "no client", func() bool { return len(clients()) == 0 })
	if _, err := spared.Exec(ctx, "SELECT 1"); err == nil {
		t.Error("KILL has spared a client")
	}
	_, err = dba.Exec(ctx, "RESUME")
	must(t, err)
	must(t, w.connect().Ping(ctx))
}

func TestConsoleDisable(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	dba, before := w.admin("dba", "pgcordon"), w.connect()
	_, err := dba.Exec(ctx, "DISABLE "+w.database)
	must(t, err)
	if _, err := pgx.Connect(ctx, w.dsn()); !strings.Contains(fmt.Sprint(err), "57P03") {
		t.Errorf("while the database is disabled: %v", err)
	}
	_, err = before.Exec(ctx, "SELECT count(*) FROM numbers")
	must(t, err)
	w.admin("dba", "pgcordon")
	_, err = dba.Exec(ctx, "ENABLE "+w.database)
	must(t, err)
	must(t, w.connect().Ping(ctx))
}

// WAIT_CLOSE waits until the connections of before RECONNECT are gone.
func TestConsoleReconnect(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	dba, other := w.admin("dba", "pgcordon"), w.admin("watcher", "pgcordon")
	_, err := dba.Exec(ctx, "WAIT_CLOSE")
	must(t, err)
	held := w.connect()
	_, err = held.Exec(ctx, "BEGIN")
	must(t, err)
	_, err = held.Exec(ctx, "SELECT count(*) FROM numbers")
	must(t, err)
	_, err = dba.Exec(ctx, "RECONNECT")
	must(t, err)
	waited := make(chan error, 1)
	go func() {
		_, err := dba.Exec(ctx, "WAIT_CLOSE")
		waited <- err
	}()
	closing := 0
	for _, row := range simply(t, other, "SHOW SERVERS") {
		if strings.Split(row, "|")[13] == "1" {
			closing++
		}
	}
	if closing != 1 {
		t.Errorf("%d connections are to be closed", closing)
	}
	select {
	case err := <-waited:
		t.Fatalf("WAIT_CLOSE has not waited: %v", err)
	default:
	}
	_, err = held.Exec(ctx, "COMMIT")
	must(t, err)
	must(t, held.Close(ctx))
	must(t, within(t, "the end of WAIT_CLOSE", waited))
}

// What clients prepare, run and send is counted, and why they keep their connections is told.
func TestConsoleCountsWork(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	watcher := w.admin("watcher", "pgcordon")
	figures := func() map[string]int64 {
		rows, err := watcher.Query(ctx, "SHOW TOTALS")
		must(t, err)
		all := map[string]int64{}
		var name string
		var value int64
		_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error { all[name] = value; return nil })
		must(t, err)
		return all
	}
	before := figures()
	conn := w.connect()
	for range 3 {
		_, err := conn.Exec(ctx, "SELECT count(*) FROM numbers WHERE n > $1", 5)
		must(t, err)
	}
	for _, text := range []string{"BEGIN", "SELECT 1", "COMMIT", "CREATE TEMP TABLE kept (n int)"} {
		_, err := conn.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol)
		must(t, err)
	}
	eventually(t, "a client with a prepared statement and a temporary table", func() bool {
		client := strings.Split(simply(t, watcher, "SHOW CLIENTS")[0], "|")
		return client[19] != "0" && strings.Contains(client[22], "temporary")
	})
	if rows := simply(t, watcher, "SHOW PREPARED"); len(rows) != 1 || !strings.HasSuffix(rows[0], "|1") {
		t.Errorf("prepared: %q", rows)
	}
	must(t, conn.Close(ctx))
	eventually(t, "the end of the client", func() bool { return len(simply(t, watcher, "SHOW CLIENTS")) == 0 })
	after := figures()
	for name, least := range map[string]int64{"total_client_parse_count": 1, "total_server_parse_count": 1, "total_bind_count": 3, "total_xact_count": 5, "total_server_assignment_count": 1,
		"total_client_bytes": 100, "total_server_bytes": 100, "total_xact_time": 1} {
		if n := after[name] - before[name]; n < least || name == "total_xact_count" && n > 8 {
			t.Errorf("%s: %d more", name, n)
		}
	}
}
