package isolation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
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
)

// Proxy is a proxy in this process, before one shared database.
type Proxy struct {
	address string
	planner *eager.Planner
	path    []string
	server  *proxy.Server
	pool    *pool.Pool
	served  chan error
	// prepared counts the simple statements that could run as prepared ones; nil for nobody.
	prepared *atomic.Int64
}

const password = "two worlds"

var verifier = sync.OnceValues(func() (auth.Verifier, error) { return auth.MakeVerifier(password, 4096) })

func userOf(tenant int) string { return fmt.Sprintf("tenant%d", tenant) }

// StartProxy starts a proxy for a schema's tenants before one database. With sessions each client keeps an upstream connection; else they take turns on two, and get
// others only where transactions that are open need them.
func StartProxy(ctx context.Context, pg *throwaway.Postgres, database string, s *Schema, sessions bool) (*Proxy, error) {
	conn, err := pgx.Connect(ctx, pg.DSN(appRole, database))
	if err != nil {
		return nil, err
	}
	snapshot, err := catalog.Load(ctx, conn)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return nil, err
	}
	bound := policy.Bind(s.Policy(), snapshot)
	users, err := usersOf(s, bound, sessions)
	if err != nil {
		return nil, err
	}
	upstream, err := pgconn.ParseConfig(pg.DSN(appRole, database))
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		planner: eager.New(bound, nil),
		path:    snapshot.SearchPath,
		served:  make(chan error, 1),
	}
	sizes := pool.Config{Upstream: upstream, Size: 2, ReserveSize: Tenants, ReserveTimeout: 50 * time.Millisecond, Backend: proxy.NewBackend(nil, 0)}
	if sessions {
		sizes.Size = Tenants
	}
	p.pool = pool.New(sizes)
	p.server = proxy.New(proxy.Config{
		Active: proxy.Active{Planner: p.planner, Users: auth.NewDirectory(users), Pool: p.pool, SearchPath: snapshot.SearchPath, SearchPathText: snapshot.SearchPathText},
		Gate:   limit.NewGate(func(policy.TenantID, string) limit.Limits { return limit.Limits{} }),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.address = l.Addr().String()
	go func() { p.served <- p.server.Serve(l, proxy.TLS{}) }()
	return p, nil
}

func usersOf(s *Schema, bound *policy.Bound, sessions bool) ([]auth.User, error) {
	v, err := verifier()
	if err != nil {
		return nil, err
	}
	var users []auth.User
	for t, text := range s.IDs {
		id, err := policy.NewTenantID(text)
		if err != nil {
			return nil, err
		}
		if err := bound.CheckTenant(id); err != nil {
			return nil, err
		}
		users = append(users, auth.User{Name: userOf(t), Verifier: v, Tenant: id, SimpleAsText: t%2 == 1, SessionPool: sessions})
	}
	return users, nil
}

// DSN is how a tenant's client reaches the proxy.
func (p *Proxy) DSN(tenant int, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(userOf(tenant), password), Host: p.address, Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Rewritten returns what the proxy would send for a statement, for reports.
func (p *Proxy) Rewritten(sql string) string {
	plan, err := p.planner.Plan(rewriter.Request{SQL: sql, Protocol: rewriter.Extended, SearchPath: p.path})
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return plan.SQL
}

// Stop ends the proxy and its upstream connections.
func (p *Proxy) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := p.server.Shutdown(ctx)
	if served := <-p.served; !errors.Is(served, proxy.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	p.pool.Close()
	if p.prepared != nil {
		p.prepared.Add(p.planner.Prepared())
	}
	return err
}
