package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rogpeppe/go-internal/testscript"

	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pgcordon": main})
}

// TestScripts runs testdata/script. Besides testscript's own commands there are
//
//	database FILE            make a database of an SQL file, for the role app; sets $DSN, $SOCKET_DSN (over a Unix socket) and $SUPER (as superuser)
//	admin SQL                run SQL in it as superuser
//	serve [FLAG...]          start pgcordon serve; sets $PROXY to host:port once it listens, and $ADMIN to the admin listener's
//	query DSN SQL...         run statements on one connection; standard output gets rows and errors
//	await REGEXP DSN SQL...  the same again and again, until what comes back matches: for what is recorded after a statement's answer has left
//	hold DSN SQL...          run statements on a connection that stays open
//	held SQL                 run a statement on it
//	release                  close it
//	signal NAME              send a signal to the server
//	log REGEXP               wait until the server's log matches
//	ended CODE               wait until the server has ended, with this exit code
//	certificate NAME         write NAME.crt and NAME.key for 127.0.0.1
//	same FILE FILE           compare, without what depends on the server's version and on the test
func TestScripts(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	if err := pg.Exec(context.Background(), "postgres", "CREATE ROLE app LOGIN"); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Values["pg"] = pg
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"database": scriptDatabase, "admin": scriptAdmin, "serve": scriptServe, "query": scriptQuery, "await": scriptAwait,
			"signal": scriptSignal, "log": scriptLog, "ended": scriptEnded, "hold": scriptHold, "held": scriptHeld, "release": scriptRelease, "certificate": scriptCertificate, "same": scriptSame,
		},
	})
}

// patience is how long a script waits for what must happen.
const patience = 30 * time.Second

var scriptDatabases struct {
	sync.Mutex
	n int
}

func server(ts *testscript.TestScript) *throwaway.Postgres {
	return ts.Value("pg").(*throwaway.Postgres)
}

func scriptDatabase(ts *testscript.TestScript, _ bool, args []string) {
	scriptDatabases.Lock()
	scriptDatabases.n++
	name := fmt.Sprintf("script_%d", scriptDatabases.n)
	scriptDatabases.Unlock()
	pg, ctx := server(ts), context.Background()
	ts.Check(pg.Exec(ctx, "postgres", "CREATE DATABASE "+name))
	ts.Check(pg.Exec(ctx, "postgres", "REVOKE TEMP ON DATABASE "+name+" FROM PUBLIC"))
	ts.Check(pg.Exec(ctx, name, "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"+ts.ReadFile(args[0])))
	ts.Check(pg.Exec(ctx, name, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app"))
	ts.Setenv("DSN", pg.DSN("app", name))
	ts.Setenv("SOCKET_DSN", fmt.Sprintf("host=%s port=%d user=app dbname=%s", pg.SocketDir, pg.Port, name))
	ts.Setenv("SUPER", pg.DSN(pg.Superuser, name))
	ts.Setenv("DATABASE", name)
}

func scriptAdmin(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(server(ts).Exec(context.Background(), ts.Getenv("DATABASE"), strings.Join(args, " ")))
}

// scriptServer is a pgcordon serve that a script has started.
type scriptServer struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	mu   sync.Mutex
	log  bytes.Buffer
	read int // how much of the log the script has waited for
	more chan struct{}
}

// Write takes the server's log.
func (s *scriptServer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Write(p)
	close(s.more)
	s.more = make(chan struct{})
	return len(p), nil
}

// await waits until the part of the log that nobody waited for yet matches.
func (s *scriptServer) await(pattern string) ([]string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	timeout := time.After(patience)
	for ended := false; ; {
		s.mu.Lock()
		text, more := s.log.String(), s.more
		m := re.FindStringSubmatchIndex(text[s.read:])
		if m != nil {
			groups := re.FindStringSubmatch(text[s.read:])
			s.read += m[1]
			s.mu.Unlock()
			return groups, nil
		}
		s.mu.Unlock()
		if ended {
			return nil, fmt.Errorf("the server has ended; no match for %q in its log:\n%s", pattern, text)
		}
		select {
		case <-more:
		case <-s.done:
			ended = true
		case <-timeout:
			return nil, fmt.Errorf("no match for %q in the log:\n%s", pattern, text)
		}
	}
}

func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	program := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if file := filepath.Join(dir, "pgcordon"); program == "" && fileExists(file) {
			program = file
		}
	}
	s := &scriptServer{cmd: exec.Command(program, append([]string{"serve"}, args...)...), done: make(chan struct{}), more: make(chan struct{})}
	s.cmd.Args[0] = "pgcordon"
	s.cmd.Dir, s.cmd.Stderr, s.cmd.Stdout = ts.MkAbs("."), s, s
	s.cmd.Env = os.Environ()
	for _, name := range []string{"PATH", "DSN", "SOCKET_DSN", "DATABASE", "SOCKETS"} {
		s.cmd.Env = append(s.cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(s.cmd.Start())
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait() // the exit code is looked at by ended
	}()
	ts.Defer(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		ts.Logf("log of the server:\n%s", s.log.String())
	})
	scriptServers.Store(ts, s)
	if neg {
		return
	}
	admin, err := s.await(`(?:"admin listening","address":"|msg="admin listening" address=)([^ "\n]+)`)
	ts.Check(err)
	ts.Setenv("ADMIN", admin[1])
	m, err := s.await(`(?:"listening","address":"|msg=listening address=)([^ "\n]+)`)
	ts.Check(err)
	ts.Setenv("PROXY", m[1])
}

var scriptServers sync.Map // of *testscript.TestScript to *scriptServer

func startedServer(ts *testscript.TestScript) *scriptServer {
	s, ok := scriptServers.Load(ts)
	if !ok {
		ts.Fatalf("no server was started")
	}
	return s.(*scriptServer)
}

func fileExists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func scriptSignal(ts *testscript.TestScript, _ bool, args []string) {
	sig, ok := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "INT": os.Interrupt}[args[0]]
	if !ok {
		ts.Fatalf("no such signal")
	}
	ts.Check(startedServer(ts).cmd.Process.Signal(sig))
}

func scriptLog(ts *testscript.TestScript, neg bool, args []string) {
	s := startedServer(ts)
	if neg {
		s.mu.Lock()
		defer s.mu.Unlock()
		if regexp.MustCompile(args[0]).MatchString(s.log.String()) {
			ts.Fatalf("the log matches %q:\n%s", args[0], s.log.String())
		}
		return
	}
	_, err := s.await(args[0])
	ts.Check(err)
}

func scriptEnded(ts *testscript.TestScript, _ bool, args []string) {
	s := startedServer(ts)
	select {
	case <-s.done:
	case <-time.After(patience):
		ts.Fatalf("the server goes on")
	}
	if got := fmt.Sprint(s.cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// scriptQuery runs statements in the simple protocol and prints what comes back.
func scriptQuery(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, failed := answers(ctx, args[0], args[1:])
	_, _ = ts.Stdout().Write([]byte(out))
	if failed != neg {
		ts.Fatalf("failed: %v, want %v\n%s", failed, neg, out)
	}
}

func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		out, _ := answers(ctx, args[1], args[2:])
		if re.MatchString(out) {
			_, _ = ts.Stdout().Write([]byte(out))
			return
		}
		if ctx.Err() != nil {
			ts.Fatalf("no match for %q in\n%s", args[0], out)
		}
	}
}

// answers runs statements on a connection of their own: what comes back as text, and whether something has failed.
func answers(ctx context.Context, dsn string, statements []string) (out string, failed bool) {
	say := func(err error) {
		failed = true
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) {
			out += fmt.Sprintf("%s %s: %s\n", pgErr.Severity, pgErr.Code, pgErr.Message)
			if pgErr.Hint != "" {
				out += "hint: " + pgErr.Hint + "\n"
			}
			return
		}
		out += err.Error() + "\n"
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		say(err)
		return out, failed
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		for _, r := range results {
			for _, row := range r.Rows {
				out += string(bytes.Join(row, []byte("|"))) + "\n"
			}
			if r.Err == nil {
				out += r.CommandTag.String() + "\n"
			}
		}
		if err != nil {
			say(err)
		}
	}
	return out, failed
}

var scriptHolds sync.Map // of *testscript.TestScript to *pgx.Conn

func scriptHold(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, args[0])
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close(context.Background()) }) // the server may have closed it
	scriptHolds.Store(ts, conn)
	for _, sql := range args[1:] {
		_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		ts.Check(err)
	}
}

func scriptHeld(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, ok := scriptHolds.Load(ts)
	if !ok {
		ts.Fatalf("no connection is held")
	}
	_, err := conn.(*pgx.Conn).PgConn().Exec(ctx, args[0]).ReadAll()
	if (err != nil) != neg {
		ts.Fatalf("error: %v", err)
	}
}

func scriptRelease(ts *testscript.TestScript, _ bool, _ []string) {
	conn, ok := scriptHolds.Load(ts)
	if !ok {
		ts.Fatalf("no connection is held")
	}
	ts.Check(conn.(*pgx.Conn).Close(context.Background()))
}

var (
	serverLine    = regexp.MustCompile(`(?m)^server +\S+$`)
	databaseLine  = regexp.MustCompile(`script_\d+`)
	versionNotice = regexp.MustCompile(`(?m)^warning: server: .*\n.*\n\n`)
	warningCount  = regexp.MustCompile(`\d+ warnings`)
	widths        = regexp.MustCompile(` {2,}`)
)

// scriptSame compares reports. How wide columns are depends on the database's name, so runs of blanks count as two.
func scriptSame(ts *testscript.TestScript, _ bool, args []string) {
	normal := func(s string) string {
		s = serverLine.ReplaceAllString(s, "server  VERSION")
		s = databaseLine.ReplaceAllString(s, "DATABASE")
		s = versionNotice.ReplaceAllString(s, "")
		s = warningCount.ReplaceAllString(s, "N warnings")
		return strings.TrimSpace(widths.ReplaceAllString(s, "  "))
	}
	got, want := normal(ts.ReadFile(args[0])), normal(ts.ReadFile(args[1]))
	if got != want {
		ts.Fatalf("got\n%s\n\nwant\n%s", got, want)
	}
}
