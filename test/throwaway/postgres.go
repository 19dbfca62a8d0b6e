package throwaway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say how the server differs from the usual one; the zero value is fine.
type Options struct {
	// Settings are added to postgresql.conf, after the usual ones.
	Settings map[string]string
	// HBA lines stand before those of the usual pg_hba.conf, which trusts everybody.
	HBA []string
}

// Postgres is a running server. Its fields do not change while it lives.
type Postgres struct {
	// Dir holds everything that belongs to the server; the server's log is Dir/log.
	Dir string
	// SocketDir is where its Unix socket is, for a DSN's host.
	SocketDir string
	Host      string
	Port      int
	// Superuser is the name of the role that initdb made.
	Superuser string
	// Major is the server's major version.
	Major int

	bin      binaries
	cred     *syscall.Credential
	watchdog *watchdog

	mu     sync.Mutex // guards what follows
	server *process   // nil when stopped
}

const (
	startTimeout = 60 * time.Second
	fastStop     = 10 * time.Second // how long clients may take to be thrown out before SIGQUIT
	portAttempts = 5
)

// Start makes a cluster and starts a server on a free port of 127.0.0.1. It returns when the server accepts connections.
// The error is ErrNotInstalled when there is no Postgres to start.
func Start(ctx context.Context, opts Options) (*Postgres, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	cred, err := runAs()
	if err != nil {
		return nil, err
	}
	dir, err := makeDir(cred)
	if err != nil {
		return nil, err
	}
	p := &Postgres{
		Dir: dir, SocketDir: dir, Host: "127.0.0.1", Superuser: "postgres", Major: bin.major,
		bin: bin, cred: cred,
	}
	if p.watchdog, err = startWatchdog(p); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.initdb(ctx, opts); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	if err := p.launchOnFreePort(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// makeDir makes the server's directory, owned by its user. A Unix socket's path holds about a hundred bytes, so a long
// os.TempDir gives way to /tmp.
func makeDir(cred *syscall.Credential) (string, error) {
	parent := os.TempDir()
	if len(parent) > 60 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "pgcordon-postgres-")
	if err != nil || cred == nil {
		return dir, err
	}
	if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	// The server's user must reach the socket, and so must others who connect through it.
	return dir, os.Chmod(dir, 0o755)
}

func (p *Postgres) data() string { return filepath.Join(p.Dir, "data") }

// command prepares a program of the server's, run by its user, apart from the terminal's process group.
func (p *Postgres) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(p.bin.path(program), args...)
	cmd.Dir = p.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred, Setpgid: true}
	return cmd
}

// DSN returns a URL for connecting over TCP as user (empty: the superuser) to database.
func (p *Postgres) DSN(user, database string) string {
	if user == "" {
		user = p.Superuser
	}
	u := url.URL{
		Scheme: "postgres", User: url.User(user),
		Host: net.JoinHostPort(p.Host, strconv.Itoa(p.Port)), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Exec runs SQL text of one or more statements as superuser.
func (p *Postgres) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, p.DSN("", database))
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// Stop ends the server and removes Dir. A second call does nothing.
func (p *Postgres) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt(syscall.SIGINT)
	p.watchdog.dismiss()
	return os.RemoveAll(p.Dir)
}

// Restart stops the server, as `pg_ctl restart -m fast` would, and starts it again on the same data and port.
func (p *Postgres) Restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt(syscall.SIGINT)
	return p.launch(ctx)
}

// Crash ends the server at once, without telling its clients, and leaves it down until Restart.
func (p *Postgres) Crash() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt(syscall.SIGQUIT)
}

// halt ends the server process, if there is one, and waits for it.
func (p *Postgres) halt(sig syscall.Signal) {
	if p.server == nil {
		return
	}
	p.server.stop(sig, fastStop)
	p.server = nil
}

// launchOnFreePort looks for a port that nobody uses; between the look and the server's bind somebody may take it.
func (p *Postgres) launchOnFreePort(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for range portAttempts {
		if p.Port, err = freePort(); err != nil {
			return err
		}
		if err = p.launch(ctx); err == nil || !errors.Is(err, errServerEnded) {
			return err
		}
	}
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

var errServerEnded = errors.New("the server ended while starting")

// launch starts the server and waits until it accepts connections.
func (p *Postgres) launch(ctx context.Context) error {
	srv, err := startProcess(p.command("postgres", "-D", p.data(), "-p", strconv.Itoa(p.Port)), filepath.Join(p.Dir, "log"))
	if err != nil {
		return err
	}
	if err := p.awaitReady(ctx, srv); err != nil {
		srv.stop(syscall.SIGQUIT, fastStop)
		return fmt.Errorf("%w; its log ends:\n%s", err, p.logTail())
	}
	p.server = srv
	return nil
}

func (p *Postgres) awaitReady(ctx context.Context, srv *process) error {
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := pgx.Connect(ctx, p.DSN("", "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-srv.ended:
			return errServerEnded
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-retry.C:
		}
	}
}

func (p *Postgres) logTail() string {
	b, err := os.ReadFile(filepath.Join(p.Dir, "log"))
	if err != nil {
		return err.Error()
	}
	const keep = 2000 // bytes
	if len(b) > keep {
		b = b[len(b)-keep:]
	}
	return string(b)
}
