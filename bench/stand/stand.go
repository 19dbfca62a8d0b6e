package stand

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/bench/report"
	"pgcordon/proxy/auth"
	"pgcordon/test/throwaway"
)

// Login is the user that clients of the proxies log in as, Tenant whose rows it sees; ActingLogin chooses its tenant at login.
const (
	Login       = "bench_app"
	ActingLogin = "bench_acting"
	Password    = "bench"
	Tenant      = "t1"
	// NeighbourLogin is a user of another tenant.
	NeighbourLogin  = "bench_neighbour"
	NeighbourTenant = "t2"
)

// Options say what to put up.
type Options struct {
	// Program is the pgcordon binary.
	Program string
	// DSN is of a role that may create databases on the server to measure; empty: a throwaway server is started.
	DSN string
	// Config is a pgcordon.yaml whose settings are used, but for listen, upstream.dsn, users, policy_file and admin; empty: none.
	Config string
	// PgBouncer is its binary; empty: looked for.
	PgBouncer string
	// Targets are the names of those that are wanted; empty: all.
	Targets []string
	// PoolSize is how many server connections the targets in transaction mode have.
	PoolSize int
	// Clients is the largest number of clients of a target whose clients have a connection each.
	Clients int
	// Profiled starts pgcordon such that it writes a CPU profile when it is told to.
	Profiled bool
	// Say tells the user what is being done.
	Say func(format string, args ...any)
}

// Stand is what stands ready to be measured.
type Stand struct {
	Targets []*Target
	// Versions are of what takes part, in words.
	Versions []string
	// Absent says why a target that was wanted is not there.
	Absent map[string]string
	// Room is how many connections the server has for this run.
	Room int

	opts     Options
	postgres *throwaway.Postgres // nil when the server is the user's
	admin    *pgx.Conn           // to the server's other database, for what is not measured
	own      *pgx.Conn           // to the run's database
	config   *pgconn.Config      // direct connection to the run's database
	database string
	dir      string
	verifier string
	public   []Table
}

// Table is a table that the policies name.
type Table struct{ Name, Scope string }

// Open puts up the server and the database. The targets are added by Start, once the tables are there: a policy is bound to a catalog.
func Open(ctx context.Context, opts Options) (_ *Stand, err error) {
	s := &Stand{opts: opts, Absent: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "pgcordon-bench-"); err != nil {
		return nil, err
	}
	// PgBouncer has to reach its files as whom it runs, and pgbench its logs.
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return nil, err
	}
	v, err := auth.MakeVerifier(Password, auth.DefaultIterations)
	if err != nil {
		return nil, err
	}
	s.verifier = v.Text()
	dsn := opts.DSN
	if dsn == "" {
		if dsn, err = s.throwaway(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.makeDatabase(ctx, dsn); err != nil {
		return nil, err
	}
	return s, s.describe(ctx)
}

// throwaway starts a server and returns a DSN for an ordinary role that may create databases.
func (s *Stand) throwaway(ctx context.Context) (string, error) {
	s.opts.Say("starting a throwaway Postgres")
	const role = "bench_owner"
	var err error
	s.postgres, err = throwaway.Start(ctx, throwaway.Options{
		HBA:      []string{"host all " + role + " 127.0.0.1/32 scram-sha-256"},
		Settings: map[string]string{"shared_buffers": "512MB", "max_connections": "1000", "max_wal_size": "8GB"},
	})
	if err != nil {
		return "", err
	}
	if err := s.postgres.Exec(ctx, "postgres", "CREATE ROLE "+role+" LOGIN CREATEDB PASSWORD '"+Password+"'"); err != nil {
		return "", err
	}
	return strings.Replace(s.postgres.DSN(role, "postgres"), role, role+":"+Password, 1), nil
}

func (s *Stand) makeDatabase(ctx context.Context, dsn string) (err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil { // what the parser says could quote a password
		return errors.New("the DSN is no connection string of Postgres: expected postgres://user@host:port/database or key=value pairs")
	}
	if s.admin, err = pgx.ConnectConfig(ctx, config); err != nil {
		return fmt.Errorf("connecting to the server: %w", err)
	}
	suffix := make([]byte, 4)
	_, _ = rand.Read(suffix) // never fails (crypto/rand)
	name := "pgcordon_bench_" + hex.EncodeToString(suffix)
	if _, err := s.admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return fmt.Errorf("making a database for the run (the role needs CREATEDB): %w", err)
	}
	s.database = name
	own := config.Copy()
	own.Database = name
	s.config = &own.Config
	if s.own, err = pgx.ConnectConfig(ctx, own); err != nil {
		return err
	}
	// Everybody does as this connection has found out: a DSN can leave it open.
	if _, encrypted := s.own.PgConn().Conn().(*tls.Conn); !encrypted {
		s.config.TLSConfig = nil
	}
	return nil
}

// keywords writes a connection string without the password.
func keywords(c *pgconn.Config) string {
	mode := "disable"
	if c.TLSConfig != nil {
		mode = "require"
	}
	text := fmt.Sprintf("host=%s port=%d dbname=%s user=%s sslmode=%s", quote(c.Host), c.Port, quote(c.Database), quote(c.User), mode)
	return text
}

// quote writes a value of a connection string.
func quote(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}

// describe asks the server for its version and how many connections it has room for.
func (s *Stand) describe(ctx context.Context) error {
	var version string
	const room = `SELECT current_setting('server_version'), current_setting('max_connections')::int
		- current_setting('superuser_reserved_connections')::int - (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend')`
	if err := s.admin.QueryRow(ctx, room).Scan(&version, &s.Room); err != nil {
		return err
	}
	s.Versions = append(s.Versions, "Postgres "+version)
	return nil
}

// Exec runs SQL in the run's database, directly.
func (s *Stand) Exec(ctx context.Context, sql string) error {
	_, err := s.own.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return fmt.Errorf("%.200s: %w", sql, err)
	}
	return nil
}

// Publish makes the tables part of the policies.
func (s *Stand) Publish(scope string, tables ...string) {
	for _, t := range tables {
		s.public = append(s.public, Table{Name: t, Scope: scope})
	}
}

// AwaitRoom waits until the server has room for n further connections: those of the target that was measured before may still be
// closing, or be kept for a while by its pool. Without success it says nothing; the measurement will.
func (s *Stand) AwaitRoom(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for {
		var open int
		err := s.admin.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", s.database).Scan(&open)
		if err != nil || open+n <= s.Room {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server has room for %d connections, and %d are open", s.Room, open)
		case <-retry.C:
		}
	}
}

// Direct is how to connect to the run's database, without a proxy.
func (s *Stand) Direct() *Target {
	return &Target{Name: report.Direct, DSN: keywords(s.config), Password: s.config.Password, Connections: s.dedicated()}
}

// Dir is for files of the run; it goes with the stand.
func (s *Stand) Dir() string { return s.dir }

// Close ends and removes everything.
func (s *Stand) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var errs []error
	for _, t := range s.Targets {
		if t.process != nil {
			errs = append(errs, t.process.Stop())
		}
	}
	if s.own != nil {
		errs = append(errs, s.own.Close(ctx))
	}
	if s.database != "" && s.postgres == nil {
		_, err := s.admin.Exec(ctx, "DROP DATABASE "+s.database+" WITH (FORCE)")
		errs = append(errs, err)
	}
	if s.admin != nil {
		errs = append(errs, s.admin.Close(ctx))
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
