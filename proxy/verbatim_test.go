package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/policy"
	"pgcordon/proxy"
	"pgcordon/proxy/pool"
	"pgcordon/test/throwaway/throwawaytest"
)

// owned are databases that belong to acme whole, each by its own name.
type owned struct {
	pools map[string]*pool.Pool
	trust bool
}

func (o *owned) Find(name string, who policy.Identity) bool {
	return o.pools[name] != nil && who.Tenant == tenant("acme") && who.Role == ""
}

func (o *owned) Enter(name string, who policy.Identity) (proxy.Database, error) {
	if !o.Find(name, who) {
		return proxy.Database{}, fmt.Errorf("%s has no %s", who.Tenant, name)
	}
	return proxy.Database{Pool: o.pools[name], Leave: func() {}, TrustRole: o.trust}, nil
}

// own gives acme a database, in which role logs in upstream, and returns the client's DSN for it, and one that goes around the proxy.
func (w *world) own(sql, role string, params ...string) (proxied, direct string) {
	w.t.Helper()
	name := throwawaytest.Database(w.t, w.pg, sql)
	upstream, err := pgconn.ParseConfig(w.pg.DSN(role, name))
	must(w.t, err)
	p := pool.New(pool.Config{Upstream: upstream, Plain: true, Size: 20})
	w.t.Cleanup(func() {
		ctx, stop := context.WithCancel(context.Background())
		stop()
		_ = w.server.Shutdown(ctx) // ends the sessions, which is all that it is called for
		p.Close()
	})
	active := w.active
	databases := &owned{pools: map[string]*pool.Pool{name: p}, trust: w.trust}
	if before, ok := active.Databases.(*owned); ok {
		for name, p := range before.pools {
			databases.pools[name] = p
		}
	}
	active.Databases = databases
	w.active = active
	w.server.Swap(active)
	return strings.Replace(w.dsn(params...), "/"+w.database, "/"+name, 1), withParams(w.pg.DSN(role, name), params)
}

func withParams(dsn string, params []string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

// sayBytes is say with whole messages.
func (c *rawClient) sayBytes(n int, messages ...pgproto3.FrontendMessage) [][]byte {
	c.t.Helper()
	for _, m := range messages {
		c.Send(m)
	}
	must(c.t, c.Flush())
	var heard [][]byte
	for n > 0 {
		m, err := c.Receive()
		if err != nil {
			return append(heard, []byte("closed"))
		}
		if d, ok := m.(*pgproto3.RowDescription); ok {
			for i := range d.Fields {
				d.Fields[i].TableOID = 0 // counted for all databases of a server together
			}
		}
		b, err := m.Encode(nil)
		must(c.t, err)
		heard = append(heard, b)
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			n--
		}
	}
	return heard
}

// TestOwnDatabaseAnswersInPostgresBytes runs each script on a database of the tenant's own, with and without the proxy.
func TestOwnDatabaseAnswersInPostgresBytes(t *testing.T) {
	w := newWorld(t, worldOptions{})
	all := map[string][]step{"verbatim": verbatim}
	for name, script := range scripts {
		all[name] = script
	}
	sql := schema + "ALTER SCHEMA public OWNER TO app_proxy; DROP TABLE secrets;"
	proxiedDSN, _ := w.own(sql, "app_proxy", "application_name", "x")
	_, directDSN := w.own(sql, "app_proxy", "application_name", "x")
	for name, script := range all {
		t.Run(name, func(t *testing.T) {
			direct, proxied := dialRaw(t, directDSN), dialRaw(t, proxiedDSN)
			for i, s := range script {
				want, got := direct.sayBytes(s.ready, s.messages...), proxied.sayBytes(s.ready, s.messages...)
				if !slices.EqualFunc(want, got, bytes.Equal) {
					t.Errorf("step %d\nPostgres: %q\npgcordon: %q", i, want, got)
				}
			}
		})
	}
}

func copyData(rows string) *pgproto3.CopyData { return &pgproto3.CopyData{Data: []byte(rows)} }

var copyDone = &pgproto3.CopyDone{}

// verbatim is what nobody may do on a shared database, or not in these bytes.
var verbatim = []step{
	one(query("CREATE TABLE t (a int PRIMARY KEY, b text CHECK (b <> ''))")),
	one(query("INSERT INTO t VALUES (1, 'x'); INSERT INTO t VALUES (1, 'y')")),
	one(query("INSERT INTO t VALUES (2, '')")),
	one(query("INSERT INTO t VALUES (2, NULL, 3)")),
	one(query("CREATE FUNCTION f(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'n %', i USING HINT = 'h'; RETURN 1 / i; END $$")),
	one(query("SELECT f(1)")), one(query("SELECT f(0)")),
	one(query("DO $$ BEGIN PERFORM f(0); EXCEPTION WHEN division_by_zero THEN RAISE WARNING 'caught'; END $$")),
	one(query("THIS IS NOT SQL")), one(query("SELECT 'open")),
	one(query("SET search_path = nowhere, public")), one(query("SHOW search_path")), one(query("SET TimeZone = 'Asia/Tokyo'")),
	one(query("SET client_encoding = LATIN1")), one(query("SELECT U&'\\00e9' AS e")), one(query("RESET client_encoding")),
	one(query("SET standard_conforming_strings = off")), one(query(`SELECT 'a\tb'`)), one(query("DISCARD ALL")),
	one(query("COPY t TO STDOUT (HEADER)")), one(query("COPY t TO STDOUT (FORMAT binary)")),
	one(query("COPY t FROM STDIN"), copyData("3\tthree\n4\tf"), copyData("our\n"), copyDone),
	one(query("COPY t FROM STDIN"), copyData("1\tone\n"), copyDone),
	one(query("COPY t FROM STDIN"), copyData("what\n"), &pgproto3.CopyFail{Message: "enough"}),
	one(query("COPY t FROM STDIN"), &pgproto3.CopyFail{Message: "enough"}),
	one(query("COPY t FROM STDIN; SELECT count(*) FROM t; COPY t FROM STDIN CSV"), copyData("5\tfive\n"), copyDone, copyData("6,six\n"), copyDone),
	// As libpq sends it: Sync is sent before it is known that rows are wanted, and again after them.
	one(parse("", "COPY t FROM STDIN"), bind("", ""), describe('P', ""), exec("", 0), sync_, copyData("7\tseven\n"), copyDone, sync_),
	one(parse("", "COPY t FROM STDIN"), bind("", ""), describe('P', ""), exec("", 0), sync_, copyData("8\n"), copyDone, sync_),
	one(parse("", "COPY t FROM STDIN"), bind("", ""), exec("", 0), flush, copyData("8\teight\n"), copyDone, parse("", "SELECT 1"), bind("", ""),
		exec("", 0), sync_),
	one(parse("", "COPY t TO STDOUT"), bind("", ""), exec("", 0), sync_),
	one(query("SELECT count(*) FROM t")),
	one(query("LISTEN c")), one(query("UNLISTEN c")),
	one(query("CREATE TEMP TABLE tt (i) AS SELECT 1")), one(query("PREPARE p (int) AS SELECT $1 + 1")), one(query("EXECUTE p (1)")), one(query("EXECUTE p ('x')")),
	one(bind("", "p", "5"), describe('P', ""), exec("", 0), sync_), one(query("DEALLOCATE p")), one(bind("", "p", "5"), sync_),
	one(parse("pgcordon:x", "SELECT 1"), bind("pgcordon:p", "pgcordon:x"), exec("pgcordon:p", 0), closing('S', "pgcordon:x"), sync_),
	one(query("BEGIN")), one(query("DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 5)")), one(query("FETCH 2 FROM c")), one(query("COMMIT")),
	one(query("FETCH ALL FROM c")), one(query("CLOSE c")),
	one(query("BEGIN")), one(query("SELECT lo_creat(-1) > 0")), one(query("SELECT nothing")), one(query("SELECT 1")), one(query("ROLLBACK AND CHAIN")), one(query("END")),
	one(query("CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")),
	one(query("INSERT INTO late VALUES (1), (1)")),
	one(parse("", "INSERT INTO late VALUES (1), (1)"), bind("", ""), exec("", 0), sync_),
	one(query("BEGIN; INSERT INTO late VALUES (1), (1)")), one(query("COMMIT")),
	// The function call protocol: int4inc does not exist under this number, 1398 is pg_catalog.abs(int4).
	one(&pgproto3.FunctionCall{Function: 1398, ArgFormatCodes: []uint16{1}, Arguments: [][]byte{{255, 255, 255, 254}}, ResultFormatCode: 1}),
	one(&pgproto3.FunctionCall{Function: 1398, ArgFormatCodes: []uint16{0}, Arguments: [][]byte{[]byte("-7")}}),
	one(&pgproto3.FunctionCall{Function: 1}),
	many(3, query("SELECT 1"), &pgproto3.FunctionCall{Function: 1398, ArgFormatCodes: []uint16{0}, Arguments: [][]byte{[]byte("x")}}, query("SELECT 2")),
	one(parse("", "SELECT 1/0"), bind("", ""), exec("", 0), query("SELECT 1"), &pgproto3.FunctionCall{Function: 1398}, sync_),
	one(parse("", "SELECT generate_series(1, 3)"), bind("a", ""), exec("a", 2), exec("a", 2), bind("a", ""), exec("a", 0), exec("b", 0), sync_),
	many(2, parse("", "SELECT 1/0"), bind("", ""), exec("", 0), sync_, parse("", "SELECT 2"), bind("", ""), exec("", 0), sync_),
	one(query("ALTER TABLE t ADD c int")), one(query("VACUUM t")), one(query("TRUNCATE t")), one(query("DROP TABLE t, late")),
	one(query("SELECT current_user, session_user, current_database() = current_catalog")),
}

// However many messages come before the Sync that has Postgres answer them: the ledger is full in between.
func TestLongGroupsOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{})
	dsn, _ := w.own(ownSchema, "app_proxy")
	for _, n := range []int{1022, 1023, 1024, 1025, 2048, 5000} {
		for name, last := range map[string]pgproto3.FrontendMessage{"Sync": sync_, "Query": query("SELECT 1")} {
			c := dialRaw(t, dsn)
			for range n {
				c.Send(closing('P', ""))
			}
			if heard := c.say(1, last); heard[n-1] != "CloseComplete" || heard[len(heard)-1] != "Ready I" {
				t.Errorf("%d messages and a %s: %d answers, the last %q", n, name, len(heard), heard[len(heard)-1])
			}
		}
	}
}

// A replication connection reads the whole server: only a trusted role has one. Both sides send rows there, until both have ended them.
func TestReplicationOnOwnDatabase(t *testing.T) {
	w := newWorld(t, worldOptions{})
	dsn, _ := w.own(ownSchema, "app_proxy", "replication", "database")
	if _, err := dial(dsn); state(err) != "0A000" {
		t.Errorf("with a role that is not trusted: %v", err)
	}
	w.trust = true
	dsn, _ = w.own(ownSchema, w.pg.Superuser, "replication", "database")
	c := dialRaw(t, dsn)
	heard := c.say(1, query("IDENTIFY_SYSTEM"))
	if len(heard) != 4 {
		t.Fatalf("heard %q", heard)
	}
	at := strings.Split(heard[1], " ")[3] // systemid, timeline, xlogpos, dbname
	c.Send(query("START_REPLICATION " + strings.Trim(at, `"`)))
	must(t, c.Flush())
	if m, err := c.Receive(); err != nil || render(m) != "CopyBothResponse" {
		t.Fatalf("heard %v %v", m, err)
	}
	heard = slices.DeleteFunc(c.say(1, copyData("r"+strings.Repeat("\x00", 33)), copyDone), func(h string) bool { return strings.HasPrefix(h, "CopyData") })
	if heard[0] != "CopyDone" || heard[len(heard)-1] != "Ready I" {
		t.Errorf("heard %q", heard)
	}
	if heard := c.say(1, query("SELECT 1")); len(heard) != 4 || heard[3] != "Ready I" {
		t.Errorf("heard %q", heard)
	}
}
