package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/config"
	"pgcordon/policy/advisor"
	"pgcordon/policy/catalog"
	"pgcordon/proxy"
	"pgcordon/proxy/admin"
	"pgcordon/proxy/auth"
	"pgcordon/proxy/console"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/observe"
	"pgcordon/proxy/pool"
	"pgcordon/proxy/storage"
)

// service is the running proxy: what serve puts together of the packages' parts.
type service struct {
	file     string
	log      *slog.Logger
	started  time.Time
	proxy    *proxy.Server
	gate     *limit.Gate
	observer *observe.Observer
	admin    *admin.Server // nil for none
	// certificates of the listeners, nil for those without TLS; a reload replaces what they point to.
	certificates []*atomic.Pointer[tls.Certificate]
	active       atomic.Pointer[running]
	draining     atomic.Bool
	lastReload   atomic.Pointer[admin.Reload]
	// swapping is held while active is replaced: by a reload, or by a session that has changed the schema.
	swapping sync.Mutex

	// reloads and shutdowns are what the admin database asks for; ended is closed when nobody takes requests any more.
	reloads   chan chan error
	shutdowns chan console.Shutdown
	ended     chan struct{}

	meter      *storage.Meter
	endMeter   context.CancelFunc
	endSharing context.CancelFunc
	failed     chan error
	serving    sync.WaitGroup
}

// running is what a reload replaces in one step.
type running struct {
	*assembly
	pool *pool.Pool
	// former are the pools that reloads have replaced: sessions may still use them.
	former []*pool.Pool
	// tenants are the pools of the databases that belong to one tenant whole.
	tenants *tenantPools
}

func (s *service) current() *running { return s.active.Load() }

// startService opens every listener, and serves when all are open.
func startService(file string, log *slog.Logger, a *assembly) (*service, error) {
	s := &service{
		file: file, log: log, started: time.Now(),
		gate:     limit.NewGate(a.config.Limits.Of),
		observer: observe.New(observe.Options{Logger: log}),
		reloads:  make(chan chan error), shutdowns: make(chan console.Shutdown, 1), ended: make(chan struct{}),
	}
	first := &running{assembly: a, pool: newPool(a.config, log), tenants: newTenantPools(log)}
	s.active.Store(first)
	s.proxy = proxy.New(proxy.Config{
		Active: first.active(), Gate: s.gate, Observer: s.observer, Log: log, Refresh: s.refresh, Console: s.consoleOptions(),
		Wire: proxy.Wire{
			MaxMessageBytes:    a.config.Wire.MaxMessageBytes,
			MaxStatementBytes:  a.config.Rewriter.MaxStatementBytes,
			StartupTimeout:     a.config.Wire.StartupTimeout,
			MaxUnauthenticated: a.config.Wire.MaxUnauthenticated,

			MaxClients:             a.config.Wire.MaxClientConn,
			ClientIdleTimeout:      a.config.Wire.ClientIdleTimeout,
			IdleTransactionTimeout: a.config.Wire.IdleTransactionTimeout,
		},
	})
	s.watch()
	s.measure()
	s.share(a.config.Limits.Shared)
	if err := s.listen(a.config); err != nil {
		s.endMeter()
		s.endSharing()
		return nil, err
	}
	logBound(log, "policy bound", a)
	return s, nil
}

// active returns what the proxy needs of it.
func (r *running) active() proxy.Active {
	return proxy.Active{
		Planner: r.rewriter,
		Rebind: func(snapshot *catalog.Snapshot) (proxy.Planner, error) {
			a, err := bind(r.config, snapshot)
			if err != nil {
				return nil, err
			}
			return a.rewriter, nil
		},
		Users:          auth.NewDirectory(r.config.Users),
		Pool:           r.pool,
		Database:       r.config.Database,
		Databases:      r.databases(),
		SearchPath:     r.bound.Catalog.SearchPath,
		SearchPathText: r.bound.Catalog.SearchPathText,
		ASCIINames:     r.bound.Catalog.Encoding != "UTF8",
	}
}

// watch has the metrics read the plan cache and the pools.
func (s *service) watch() {
	s.observer.WatchCache(func() observe.Cache {
		c := s.current().rewriter.CacheStats()
		return observe.Cache{Hits: c.Hits, Misses: c.Misses, Evictions: c.Evictions, Entries: c.Entries, Bytes: int64(c.Bytes)}
	})
	s.observer.WatchLimits(s.gate.Stats)
	s.observer.LogSlow(s.current().config.SlowStatement)
	s.observer.WatchPool(func() observe.Pool { return s.current().poolState() })
	s.observer.WatchPins(proxy.PinReasons(), s.proxy.Pinned)
}

// listen opens all listeners before it serves one, so that an address in use is found before a client is let in.
func (s *service) listen(cfg *config.Config) (err error) {
	var open []net.Listener
	defer func() {
		if err != nil {
			for _, l := range open {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	for _, l := range cfg.Listen {
		opened, err := proxy.Listen(l.Network, l.Address, l.Port)
		if err != nil {
			return fmt.Errorf("listening on %s: %w", l, err)
		}
		open = append(open, opened)
	}
	var adminListener net.Listener
	if cfg.AdminAddress != "" {
		if adminListener, err = net.Listen("tcp", cfg.AdminAddress); err != nil {
			return fmt.Errorf("listening on %s for admin: %w", cfg.AdminAddress, err)
		}
		open = append(open, adminListener)
	}
	s.failed = make(chan error, len(open))
	if adminListener != nil {
		s.serveAdmin(adminListener)
	}
	for i, l := range cfg.Listen {
		s.serve(open[i], l)
	}
	return nil
}

func (s *service) serve(l net.Listener, cfg config.Listener) {
	var encryption proxy.TLS
	certificate := &atomic.Pointer[tls.Certificate]{}
	s.certificates = append(s.certificates, certificate)
	if cfg.Certificate != nil {
		certificate.Store(cfg.Certificate)
		encryption = proxy.TLS{Required: cfg.TLSRequired, Config: &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.Load(), nil },
		}}
	}
	s.log.Info("listening", "address", l.Addr().String(), "tls", cfg.Certificate != nil)
	s.serving.Go(func() {
		if err := s.proxy.Serve(l, encryption); !errors.Is(err, proxy.ErrServerClosed) {
			s.failed <- fmt.Errorf("serving on %s: %w", cfg, err)
		}
	})
}

func (s *service) serveAdmin(l net.Listener) {
	s.admin = admin.New(admin.Options{
		Gatherer: s.observer,
		Status:   s.status,
		Bound:    func() bool { return s.current() != nil },
		Draining: s.draining.Load,
		Upstream: s.probe,
		Logger:   s.log,
	})
	s.log.Info("admin listening", "address", l.Addr().String())
	s.serving.Go(func() {
		if err := s.admin.Serve(l); err != nil {
			s.failed <- fmt.Errorf("serving admin: %w", err)
		}
	})
}

// probe logs in to the upstream and out again.
func (s *service) probe(ctx context.Context) error {
	upstream := s.current().config.Upstream
	if upstream == nil {
		return nil // each tenant has a database of its own, and one that is down is no reason to send nobody here
	}
	conn, err := pgconn.ConnectConfig(ctx, &upstream.Config)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (s *service) status() admin.Status {
	r := s.current()
	tables := map[string]int{}
	for _, t := range advisor.Relations(r.bound) {
		tables[t.Scope.String()]++
	}
	return admin.Status{Version: versionText(), Started: s.started, Epoch: r.bound.Epoch, Tables: tables, Reload: s.lastReload.Load()}
}

// reload replaces the configuration by what the files and the catalog say now. An error changes nothing.
// It reports whether a signal asked for the end meanwhile.
func (s *service) reload(ctx context.Context, signals <-chan os.Signal) (ended bool, err error) {
	s.swapping.Lock()
	defer s.swapping.Unlock()
	next, err := assembleUnless(ctx, s.file, signals)
	if errors.Is(err, errEnd) {
		return true, err
	}
	if err == nil {
		if keys := s.current().config.NeedsRestart(next.config); len(keys) > 0 {
			err = fmt.Errorf("a change of %s needs a restart", strings.Join(keys, ", "))
		}
	}
	if err != nil {
		s.lastReload.Store(&admin.Reload{At: time.Now(), Problems: problems(err)})
		logProblems(s.log, "reload refused, nothing was changed", err)
		return false, err
	}
	r, adopt := s.current().withPool(next, s.log)
	for i, l := range next.config.Listen {
		s.certificates[i].Store(l.Certificate)
	}
	s.gate.SetLimits(next.config.Limits.Of)
	s.active.Store(r)
	s.proxy.Swap(r.active())
	adopt()
	s.meter.Again()
	s.observer.LogSlow(next.config.SlowStatement)
	s.lastReload.Store(&admin.Reload{At: time.Now()})
	logBound(s.log, "reloaded", next)
	return false, nil
}

// refresh binds the policy in force to the catalog as it is now: a role with the right ddl has changed it.
func (s *service) refresh(ctx context.Context) error {
	s.swapping.Lock()
	defer s.swapping.Unlock()
	current := s.current()
	snapshot, err := readCatalog(ctx, current.config.Upstream)
	if err != nil {
		return err
	}
	next, err := bind(current.config, snapshot)
	if err != nil {
		return err
	}
	r := &running{assembly: next, pool: current.pool, former: current.former, tenants: current.tenants}
	s.active.Store(r)
	s.proxy.Swap(r.active())
	logBound(s.log, "catalog read again after a change of the schema", next)
	return nil
}

// stop drains; sessions that have not ended when ctx does are cut off, which is no error.
func (s *service) stop(ctx context.Context) error {
	s.draining.Store(true)
	s.endMeter()
	if err := s.proxy.Shutdown(ctx); err != nil {
		s.log.Warn("sessions were cut off", "error", err)
	}
	s.endSharing()
	s.current().closePools()
	var err error
	if s.admin != nil {
		// Scrapes are short, but a client that does not read must not keep the process.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err = s.admin.Shutdown(last); errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	s.serving.Wait()
	s.log.Info("stopped")
	return err
}

// logBound says what is in force, and what check would call an error.
func logBound(log *slog.Logger, what string, a *assembly) {
	tables := map[string]int{}
	for _, t := range advisor.Relations(a.bound) {
		tables[t.Scope.String()]++
	}
	c := a.bound.Catalog
	if a.config.Upstream == nil {
		log.Info(what, "users", len(a.config.Users), "databases", len(a.config.Databases))
		return
	}
	log.Info(what, "database", c.Database, "server_version", c.ServerVersion, "users", len(a.config.Users),
		"tenant_relations", tables["tenant"], "global_relations", tables["global"], "denied_relations", tables["denied"], "epoch", a.bound.Epoch)
	for _, f := range slices.DeleteFunc(advisor.Check(a.bound), func(f advisor.Finding) bool { return f.Severity != advisor.Error }) {
		log.Warn("pgcordon check finds an error", "rule", f.Rule, "object", f.Object, "message", f.Message)
	}
}
