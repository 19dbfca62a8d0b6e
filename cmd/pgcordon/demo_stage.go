package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"text/template"
	"time"

	"pgcordon/proxy/auth"
	"pgcordon/test/throwaway"
)

//go:embed demo
var demoFiles embed.FS

const (
	demoDatabase = "shop"
	demoRole     = "app_proxy"
	demoRowLimit = 10 // of initech

	proxyStartTimeout = 30 * time.Second
	proxyStopTimeout  = 15 * time.Second
)

// demoUser is one login of the demo, for one tenant.
type demoUser struct {
	Name, Tenant, Password string
	Verifier               string
}

// stage is what the tour plays on: a throwaway Postgres with the shop in it, and a proxy, a process of its own, in front.
type stage struct {
	pg     *throwaway.Postgres
	dir    string // configuration, policy, the proxy's log
	users  []demoUser
	listen string // host:port of the proxy
	admin  string // host:port of its metrics

	program string // this program's own file
	proxy   *exec.Cmd
	ended   chan struct{} // closed when the proxy was reaped
}

func (st *stage) configPath() string { return filepath.Join(st.dir, "pgcordon.yaml") }
func (st *stage) policyPath() string { return filepath.Join(st.dir, "policy.yaml") }
func (st *stage) logPath() string    { return filepath.Join(st.dir, "pgcordon.log") }

// newStage starts everything; on an error nothing is left behind.
func newStage(ctx context.Context) (*stage, error) {
	st := &stage{}
	if err := st.build(ctx); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return st, nil
}

func (st *stage) build(ctx context.Context) error {
	var err error
	if st.program, err = ownProgram(); err != nil {
		return err
	}
	if st.pg, err = throwaway.Start(ctx, throwaway.Options{}); err != nil {
		if errors.Is(err, throwaway.ErrNotInstalled) {
			return fmt.Errorf("%w\nOn Debian: sudo apt-get install postgresql", err)
		}
		return err
	}
	if err := st.load(ctx); err != nil {
		return fmt.Errorf("loading the shop: %w", err)
	}
	if err := st.makeDir(); err != nil {
		return err
	}
	if err := st.configure(); err != nil {
		return err
	}
	return st.startProxy(ctx)
}

// ownProgram finds the file of the running program. os.Executable resolves symbolic links, and so can lose the name that the program
// was called by, which says what it is when several programs share one file.
func ownProgram() (string, error) {
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		return filepath.Abs(path)
	}
	return os.Executable()
}

// makeDir makes the proxy's directory inside that of Postgres, owned like it: so its watchdog removes both, even when this process is killed.
func (st *stage) makeDir() error {
	dir := filepath.Join(st.pg.Dir, "pgcordon")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	st.dir = dir
	parent, err := os.Stat(st.pg.Dir)
	if err != nil {
		return err
	}
	owner, ok := parent.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("no owner of %s", st.pg.Dir)
	}
	return os.Chown(dir, int(owner.Uid), int(owner.Gid))
}

func (st *stage) load(ctx context.Context) error {
	if err := st.pg.Exec(ctx, "postgres", "CREATE DATABASE "+demoDatabase); err != nil {
		return err
	}
	for _, name := range []string{"demo/schema.sql", "demo/data.sql"} {
		sql, err := demoFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if err := st.pg.Exec(ctx, demoDatabase, string(sql)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (st *stage) configure() error {
	for _, tenant := range []string{"acme", "globex", "initech"} {
		u := demoUser{Name: tenant + "_app", Tenant: tenant, Password: tenant + "-demo"}
		verifier, err := auth.MakeVerifier(u.Password, auth.DefaultIterations)
		if err != nil {
			return err
		}
		u.Verifier = verifier.Text()
		st.users = append(st.users, u)
	}
	var err error
	if st.listen, err = freeAddress("127.0.0.1:6432"); err != nil {
		return err
	}
	if st.admin, err = freeAddress("127.0.0.1:9187"); err != nil {
		return err
	}
	policyText, err := demoFiles.ReadFile("demo/policy.yaml")
	if err != nil {
		return err
	}
	if err := os.WriteFile(st.policyPath(), policyText, 0o644); err != nil {
		return err
	}
	config, err := template.ParseFS(demoFiles, "demo/pgcordon.yaml")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = config.Execute(&text, map[string]any{
		"Listen": st.listen, "Admin": st.admin, "Users": st.users, "RowLimit": demoRowLimit,
		"Upstream": st.pg.DSN(demoRole, demoDatabase),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(st.configPath(), text.Bytes(), 0o600)
}

// freeAddress returns preferred when nobody listens there, else a free port of the same host.
func freeAddress(preferred string) (string, error) {
	host, _, err := net.SplitHostPort(preferred)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", preferred)
	if err != nil {
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return "", err
		}
	}
	return l.Addr().String(), l.Close()
}

func (st *stage) startProxy(ctx context.Context) error {
	log, err := os.Create(st.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(st.program, "serve", "--config", st.configPath())
	cmd.Stdout, cmd.Stderr = log, log
	// A process group of its own: Ctrl-C reaches the demo alone, which then ends the proxy in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return err
	}
	st.proxy, st.ended = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(st.ended)
	}()
	return st.awaitProxy(ctx)
}

func (st *stage) awaitProxy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, proxyStartTimeout)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		if st.ready(ctx) {
			return nil
		}
		select {
		case <-st.ended:
			return fmt.Errorf("pgcordon serve ended while starting; its log ends:\n%s", st.logTail())
		case <-ctx.Done():
			return fmt.Errorf("pgcordon serve is not ready: %w; its log ends:\n%s", ctx.Err(), st.logTail())
		case <-retry.C:
		}
	}
}

func (st *stage) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+st.admin+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (st *stage) logTail() string {
	b, err := os.ReadFile(st.logPath())
	if err != nil {
		return err.Error()
	}
	const keep = 2000 // bytes
	return string(b[max(0, len(b)-keep):])
}

// dsn returns the address of the proxy for one tenant's user.
func (st *stage) dsn(u demoUser) string {
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword(u.Name, u.Password), Host: st.listen, Path: "/" + demoDatabase,
		RawQuery: "sslmode=disable",
	}
	return dsn.String()
}

// psql returns a command line that logs in as u.
func (st *stage) psql(u demoUser) string {
	host, port, err := net.SplitHostPort(st.listen)
	if err != nil {
		host, port = st.listen, strconv.Itoa(5432)
	}
	return fmt.Sprintf("PGPASSWORD=%s psql -h %s -p %s -U %s %s", u.Password, host, port, u.Name, demoDatabase)
}

// close ends the proxy and Postgres and removes their directory. A second call does nothing.
func (st *stage) close() error {
	var errs []error
	if st.proxy != nil {
		errs = append(errs, st.stopProxy())
		st.proxy = nil
	}
	if st.pg != nil {
		errs = append(errs, st.pg.Stop())
		st.pg = nil
	}
	return errors.Join(errs...)
}

// stopProxy asks the proxy to drain, and says so when it does not end in time or not with exit code 0.
func (st *stage) stopProxy() error {
	select {
	case <-st.ended:
		return nil // the one who waited on ended has told it
	default:
	}
	if err := st.proxy.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timeout := time.NewTimer(proxyStopTimeout)
	defer timeout.Stop()
	select {
	case <-st.ended:
	case <-timeout.C:
		_ = st.proxy.Process.Kill() // the wait below tells whether it worked
		<-st.ended
		return fmt.Errorf("expected pgcordon serve to end within %v of SIGTERM, had to kill it", proxyStopTimeout)
	}
	if code := st.proxy.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("expected pgcordon serve to end with exit code 0 after SIGTERM, saw %d; its log ends:\n%s", code, st.logTail())
	}
	return nil
}
