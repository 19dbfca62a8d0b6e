package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
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
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

const schema = `
DO $$ BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_proxy') THEN CREATE ROLE app_proxy LOGIN; END IF;
END $$;
CREATE SCHEMA other;
CREATE TABLE orders (tenant_id text NOT NULL, id int, item text, PRIMARY KEY (tenant_id, id));
CREATE TABLE other.orders (tenant_id text NOT NULL, id int, item text);
CREATE TABLE numbers (tenant_id text NOT NULL, n int NOT NULL);
CREATE TABLE secrets (id int);
CREATE VIEW shown AS SELECT id, item FROM orders;
CREATE TABLE drawn (tenant_id text NOT NULL, a serial, b serial);
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app_proxy;
GRANT USAGE ON SCHEMA other TO app_proxy;
GRANT ALL ON ALL TABLES IN SCHEMA public, other TO app_proxy;
INSERT INTO orders VALUES ('acme', 1, 'anvil'), ('acme', 2, 'rope'), ('globex', 1, 'GLOBEX-SECRET');
INSERT INTO other.orders VALUES ('acme', 7, 'elsewhere'), ('globex', 8, 'GLOBEX-SECRET');
INSERT INTO numbers SELECT 'acme', generate_series(1, 1000);
INSERT INTO numbers SELECT 'globex', generate_series(1, 10);
`

const policyYAML = `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.secrets, scope: denied}
  - {match: public.notes, scope: global}
  - {match: "*.*", scope: tenant}
roles:
  support: {access: read_only, act_for: [acme, globex]}
  migrator: {ddl: true}
statements: {temporary_tables: true}
`

const password = "wile e."

// world is a server in front of a database of its own.
type world struct {
	t        testing.TB
	pg       *throwaway.Postgres
	database string
	server   *proxy.Server
	active   proxy.Active
	gate     *limit.Gate
	seen     *recorder
	listener net.Listener
	served   chan error
	// cache is how large the cache of plans is; 0 for as large as usual.
	cache int
	// trust lets the roles of databases that are a tenant's own be superusers.
	trust bool
	// onHold is called when the admin database is about to hold connections back.
	onHold func()
}

type worldOptions struct {
	limits limit.Limits
	// userLimits are those of each user.
	userLimits limit.Limits
	// sharer has the limits in common with other servers.
	sharer limit.Sharer
	wire   proxy.Wire
	pool   pool.Config
	tls    proxy.TLS
	// cache is how large the cache of plans is.
	cache int
	// prepared is how many prepared statements a connection keeps.
	prepared int
	// onHold is called when the admin database is about to hold connections back.
	onHold func()
	pg     *throwaway.Postgres
}

// newWorld starts one; everything ends with the test.
func newWorld(t testing.TB, o worldOptions) *world {
	t.Helper()
	if o.pg == nil {
		o.pg = throwawaytest.ForTest(t)
	}
	w := &world{t: t, pg: o.pg, database: throwawaytest.Database(t, o.pg, schema), cache: o.cache, seen: &recorder{}, served: make(chan error, 1),
		onHold: o.onHold}
	w.gate = limit.NewGate(func(_ policy.TenantID, user string) limit.Limits {
		if user != "" {
			return o.userLimits
		}
		return o.limits
	})
	if o.sharer != nil {
		w.gate.Share(o.sharer)
	}
	upstream, err := pgconn.ParseConfig(o.pg.DSN("app_proxy", w.database))
	must(t, err)
	o.pool.Upstream = upstream
	if o.pool.Size == 0 {
		o.pool.Size = 100
	}
	o.pool.Backend = proxy.NewBackend(slog.New(slog.NewTextHandler(&logger{t: t}, nil)), o.prepared)
	shared := pool.New(o.pool)
	w.active = proxy.Active{Planner: w.planner(policyYAML), Users: w.users("acme_app", "globex_app", "support", "migrator"), Pool: shared,
		SearchPath: []string{"public"}}
	w.server = proxy.New(proxy.Config{Active: w.active, Gate: w.gate, Observer: w.seen, Wire: o.wire, Refresh: w.refresh, Console: w.console(),
		Log: slog.New(slog.NewTextHandler(&logger{t: t}, nil))})
	w.listener, err = proxy.Listen("tcp", "127.0.0.1:0", 0)
	must(t, err)
	go func() { w.served <- w.server.Serve(w.listener, o.tls) }()
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = w.server.Shutdown(ctx) // tests of Shutdown look at its result themselves
		shared.Close()
	})
	return w
}

func (w *world) planner(text string) *rewriter.Rewriter {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.pg.DSN("app_proxy", w.database))
	must(w.t, err)
	defer conn.Close(ctx)
	snapshot, err := catalog.Load(ctx, conn)
	must(w.t, err)
	parsed, err := policy.ParsePolicy("policy.yaml", []byte(text))
	must(w.t, err)
	return rewriter.New(policy.Bind(parsed, snapshot), rewriter.Options{CacheBytes: w.cache, Log: slog.New(slog.NewTextHandler(&logger{t: w.t}, nil))})
}

// refresh binds the policy to the catalog as it is now.
func (w *world) refresh(context.Context) error {
	active := w.active
	active.Planner = w.planner(policyYAML)
	w.server.Swap(active)
	return nil
}

var verifier = sync.OnceValue(func() auth.Verifier {
	v, err := auth.MakeVerifier(password, auth.MinIterations)
	if err != nil {
		panic(err)
	}
	return v
})

func (w *world) users(names ...string) *auth.Directory {
	all := map[string]auth.User{
		"acme_app":   {Tenant: tenant("acme")},
		"globex_app": {Tenant: tenant("globex")},
		"migrator":   {Tenant: tenant("acme"), Role: "migrator"},
		"forty_two":  {Tenant: tenant("42")},
		"support":    {Role: "support", ActFor: []policy.TenantID{tenant("acme"), tenant("globex")}},
	}
	var users []auth.User
	for _, name := range names {
		u := all[name]
		u.Name, u.Verifier = name, verifier()
		users = append(users, u)
	}
	return auth.NewDirectory(users)
}

func tenant(s string) policy.TenantID {
	id, err := policy.NewTenantID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// dsn is acme's, with more parameters.
func (w *world) dsn(params ...string) string { return w.dsnOf("acme_app", params...) }

func (w *world) dsnOf(user string, params ...string) string {
	q := url.Values{"sslmode": {"disable"}}
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: w.listener.Addr().String(), Path: "/" + w.database,
		RawQuery: strings.ReplaceAll(q.Encode(), "+", "%20")}
	return u.String()
}

// connectAs logs in with pgx.
func (w *world) connectAs(user string) *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.dsnOf(user))
	must(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// connect logs in as acme with pgx.
func (w *world) connect(params ...string) *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.dsn(params...))
	must(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// recorder is an Observer that keeps everything.
type recorder struct {
	mu       sync.Mutex
	forgets  bool
	sessions []proxy.SessionEvent
	decided  []proxy.Decision
	finished []proxy.Outcome
}

func (r *recorder) Session(e proxy.SessionEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.forgets {
		r.sessions = append(r.sessions, e)
	}
}

func (r *recorder) Decided(d proxy.Decision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.forgets {
		r.decided = append(r.decided, d)
	}
}

func (r *recorder) Finished(o proxy.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.forgets {
		r.finished = append(r.finished, o)
	}
}

// forget makes it keep nothing.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgets, r.sessions, r.decided, r.finished = true, nil, nil, nil
}

func (r *recorder) outcomes() []proxy.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]proxy.Outcome(nil), r.finished...)
}

// logger writes to the test's log while it runs.
type logger struct {
	t    testing.TB
	mu   sync.Mutex
	over bool
	once sync.Once
}

func (l *logger) Write(b []byte) (int, error) {
	l.once.Do(func() {
		l.t.Cleanup(func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.over = true
		})
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.t.Log(string(bytes.TrimSpace(b)))
	}
	return len(b), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// longest is how long tests wait for what must happen, on a machine that is busy with other things as well.
const longest = 20 * time.Second

// within waits for what a goroutine sends.
func within[T any](t testing.TB, what string, from <-chan T) (sent T) {
	t.Helper()
	deadline := time.NewTimer(longest)
	defer deadline.Stop()
	select {
	case sent = <-from:
	case <-deadline.C:
		t.Fatalf("waited in vain for: %s", what)
	}
	return sent
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(longest)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}

// state is the SQLSTATE of an error, or its text.
func state(err error) string {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &pg):
		return pg.Code
	}
	return err.Error()
}
