package attack_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/proxy"
	"pgcordon/proxy/auth"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
	"pgcordon/rewriter"
	"pgcordon/test/eager"
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

// world is a schema with a policy and two tenants. Its template is a database that nobody connects to.
type world struct {
	name, policy     string
	attacker, victim policy.TenantID
	pg               *throwaway.Postgres
	template         string
	copies           int
	site             *site // the copy at hand
}

func newWorld(t testing.TB, name, attacker, victim string) *world {
	t.Helper()
	w := &world{name: name, attacker: tenant(attacker), victim: tenant(victim), pg: throwawaytest.ForTest(t)}
	w.policy = read(t, "testdata/"+name+".yaml")
	w.template = throwawaytest.Database(t, w.pg, read(t, "testdata/"+name+".sql"))
	t.Cleanup(func() { w.drop() })
	return w
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}

// at returns a copy of the world on which setup has been run, and nothing else.
func (w *world) at(t testing.TB, setup string) *site {
	t.Helper()
	if w.site != nil && w.site.setup != setup {
		w.drop()
	}
	if w.site == nil {
		w.copies++
		name := fmt.Sprintf("%s_%d", w.name, w.copies)
		must(t, w.pg.Exec(context.Background(), "postgres", "CREATE DATABASE "+name+" TEMPLATE "+w.template))
		if setup != "" {
			must(t, w.pg.Exec(context.Background(), name, setup))
		}
		w.site = newSite(t, w, name)
		w.site.setup = setup
	}
	return w.site
}

// drop ends the copy at hand.
func (w *world) drop() {
	if w.site != nil {
		w.site.close()
		_ = w.pg.Exec(context.Background(), "postgres", "DROP DATABASE "+w.site.database+" WITH (FORCE)")
		w.site = nil
	}
}

// site is one copy of a world, with a proxy in front.
type site struct {
	world    *world
	database string
	setup    string
	server   *proxy.Server
	pool     *pool.Pool
	eager    *switchable
	listener net.Listener
	admin    *pgx.Conn
	sums     string // the query for checksums
	pristine map[string]string
	contents map[string][]byte // of every table, as COPY writes it
}

const password = "wile e."

// poolMode is "session" when all clients are in pool_mode session, and "two" when they take turns on two connections.
var poolMode = os.Getenv("PGCORDON_POOL_MODE")

var sessions = poolMode == "session"

var verifier = sync.OnceValue(func() auth.Verifier {
	v, err := auth.MakeVerifier(password, auth.MinIterations)
	if err != nil {
		panic(err)
	}
	return v
})

func newSite(t testing.TB, w *world, database string) *site {
	t.Helper()
	ctx := context.Background()
	s := &site{world: w, database: database}
	conn, err := pgx.Connect(ctx, w.pg.DSN("app_proxy", database))
	must(t, err)
	snapshot, err := catalog.Load(ctx, conn)
	must(t, err)
	must(t, conn.Close(ctx))
	parsed, err := policy.ParsePolicy(w.name+".yaml", []byte(w.policy))
	must(t, err)
	bound := policy.Bind(parsed, snapshot)
	for _, id := range []policy.TenantID{w.attacker, w.victim} {
		must(t, bound.CheckTenant(id))
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	upstream, err := pgconn.ParseConfig(w.pg.DSN("app_proxy", database))
	must(t, err)
	sizes := pool.Config{Size: 100}
	if poolMode == "two" { // a case that needs more in transactions that are open gets them after a while
		sizes = pool.Config{Size: 2, ReserveSize: 98, ReserveTimeout: 5 * time.Millisecond}
	}
	sizes.Upstream, sizes.Backend = upstream, proxy.NewBackend(quiet, 0)
	s.pool = pool.New(sizes)
	s.eager = &switchable{Planner: eager.New(bound, quiet)}
	users := auth.NewDirectory([]auth.User{
		{Name: "attacker", Verifier: verifier(), Tenant: w.attacker, SessionPool: sessions},
		{Name: "victim", Verifier: verifier(), Tenant: w.victim, SessionPool: sessions},
	})
	s.server = proxy.New(proxy.Config{Log: quiet, Gate: limit.NewGate(func(policy.TenantID, string) limit.Limits { return limit.Limits{} }),
		Active: proxy.Active{Planner: s.eager, Users: users, Pool: s.pool,
			SearchPath: snapshot.SearchPath, SearchPathText: snapshot.SearchPathText, ASCIINames: snapshot.Encoding != "UTF8"}})
	s.listener, err = proxy.Listen("tcp", "127.0.0.1:0", 0)
	must(t, err)
	go func() { _ = s.server.Serve(s.listener, proxy.TLS{}) }()
	s.admin, err = pgx.Connect(ctx, w.pg.DSN("", database))
	must(t, err)
	s.sums = s.ask(t, checksumSQL)
	s.pristine = s.checksums(t)
	s.contents = map[string][]byte{}
	for _, table := range s.tables() {
		var b bytes.Buffer
		_, err := s.admin.PgConn().CopyTo(ctx, &b, "COPY "+table+" TO STDOUT")
		must(t, err)
		s.contents[table] = b.Bytes()
	}
	return s
}

// tables lists the tables with rows of their own.
func (s *site) tables() []string {
	var out []string
	for name := range s.pristine {
		if name != "relations" && !strings.HasPrefix(name, "victim:") && !strings.HasPrefix(name, "sequence ") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// restore brings back rows and sequences.
func (s *site) restore(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	run := func(sql string) {
		_, err := s.admin.Exec(ctx, sql)
		must(t, err)
	}
	run("BEGIN")
	run("SET LOCAL session_replication_role = replica") // neither triggers nor foreign keys
	tables := s.tables()
	run("TRUNCATE ONLY " + strings.Join(tables, ", ONLY "))
	for _, table := range tables {
		_, err := s.admin.PgConn().CopyFrom(ctx, bytes.NewReader(s.contents[table]), "COPY "+table+" FROM STDIN")
		must(t, err)
	}
	for name, value := range s.pristine {
		if sequence, ok := strings.CutPrefix(name, "sequence "); ok {
			run("SELECT setval('" + sequence + "', " + value + ")")
		}
	}
	run("COMMIT")
}

// switchable has simple statements run as prepared ones while it is on.
type switchable struct {
	*eager.Planner
	on atomic.Bool
}

func (p *switchable) Quick(req *rewriter.Request, q *rewriter.Quick) bool {
	return p.on.Load() && p.Planner.Quick(req, q)
}

// preparable reports whether a case has a statement that can run so.
func (s *site) preparable(a *attempt) bool {
	var q rewriter.Quick
	for _, step := range a.Steps {
		if strings.HasPrefix(step, "@") {
			_, step, _ = strings.Cut(step, ": ")
		}
		req := rewriter.Request{SQL: step, Protocol: rewriter.Simple, SearchPath: []string{"public"}}
		if s.eager.Planner.Quick(&req, &q) && q.Plan != nil {
			if _, ok := q.Prepared(); ok {
				return true
			}
		}
	}
	return false
}

func (s *site) close() {
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	_ = s.server.Shutdown(ctx)
	s.pool.Close()
	_ = s.admin.Close(ctx)
}

// checksumSQL makes a query for the checksum of every table (without children) and sequence: of the victim's rows, and of all.
const checksumSQL = `SELECT string_agg(CASE WHEN c.relkind = 'S'
	THEN format('SELECT %L, last_value::text, NULL FROM %s', 'sequence ' || c.oid::regclass, c.oid::regclass)
	ELSE format('SELECT %L, md5(coalesce(string_agg(t::text, E''\n'' ORDER BY t::text), '''')), md5(string_agg(t::text, E''\n'' ORDER BY t::text) '
		|| 'FILTER (WHERE t::text LIKE ''%%GLOBEX-SECRET%%'')) FROM ONLY %s t', c.oid::regclass, c.oid::regclass) END, ' UNION ALL ')
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'S') AND n.nspname !~ '^pg_|^information_schema$'`

// checksums returns a checksum of everything, by relation; those of the victim's rows have "victim:" before the name.
func (s *site) checksums(t testing.TB) map[string]string {
	t.Helper()
	ctx := context.Background()
	sums := map[string]string{}
	sums["relations"] = s.ask(t, "SELECT md5(string_agg(oid || relname, ',' ORDER BY oid)) FROM pg_class")
	rows, err := s.admin.Query(ctx, s.sums)
	must(t, err)
	for rows.Next() {
		var name string
		var all, victims *string
		must(t, rows.Scan(&name, &all, &victims))
		if all != nil {
			sums[name] = *all
		}
		if victims != nil {
			sums["victim:"+name] = *victims
		}
	}
	must(t, rows.Err())
	return sums
}

// ask runs SQL as superuser and returns the one value of its result, as text.
func (s *site) ask(t testing.TB, sql string) string {
	t.Helper()
	results, err := s.admin.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		return "error: " + err.Error()
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return ""
	}
	return string(last.Rows[0][0])
}

func tenant(s string) policy.TenantID {
	id, err := policy.NewTenantID(s)
	if err != nil {
		panic(err)
	}
	return id
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// user is the name by which a step's side logs in.
func user(side string) string {
	if strings.HasPrefix(side, "@") {
		return "victim"
	}
	return "attacker"
}
