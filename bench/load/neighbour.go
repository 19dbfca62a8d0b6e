package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/bench/report"
	"pgcordon/bench/stand"
)

// makeNeighbour makes a table that holds the rows of the quiet tenant, whose numbers come first, and of its neighbour.
func makeNeighbour(ctx context.Context, s *stand.Stand, z Sizes) error {
	for _, sql := range []string{
		"CREATE TABLE neighbour (id int PRIMARY KEY, tenant_id text NOT NULL, amount int NOT NULL, note text NOT NULL)",
		fmt.Sprintf("INSERT INTO neighbour SELECT n, CASE WHEN n <= %[1]d THEN '%[2]s' ELSE '%[3]s' END, n %% 1000, 'note ' || n FROM generate_series(1, 2 * %[1]d) n",
			z.Neighbour, stand.Tenant, stand.NeighbourTenant),
		"VACUUM ANALYZE neighbour",
	} {
		if err := s.Exec(ctx, sql); err != nil {
			return err
		}
	}
	s.Publish("tenant", "neighbour")
	return nil
}

// The statements of the flood. A long one takes some tenths of a second of the server's CPU.
const (
	floodShort = "\\set id random(%[1]d + 1, 2 * %[1]d)\nSELECT amount FROM neighbour WHERE id = :id;\n-- %[2]d\n"
	floodLong  = "SELECT max(md5(note || g)) FROM neighbour, generate_series(1, %[2]d) g WHERE id > %[1]d;\n"
)

// quietPause is for how long the quiet client does nothing between two statements.
const quietPause = 5 * time.Millisecond

// runNeighbour measures a client of a quiet tenant, alone and then beside the job's clients of another tenant, which send one statement after the other: by pgbench, a
// process of their own.
func runNeighbour(script string) func(context.Context, Job) (report.Measurement, error) {
	return func(ctx context.Context, j Job) (m report.Measurement, err error) {
		conn, err := pgconn.Connect(ctx, j.Target.ConnString(0))
		if err != nil {
			return m, err
		}
		r := random(j, 0)
		quiet := &wire{conn: conn, run: func(ctx context.Context, conn *pgconn.PgConn) error {
			id := strconv.Itoa(r.IntN(j.Sizes.Neighbour) + 1)
			return conn.ExecParams(ctx, "SELECT amount FROM neighbour WHERE id = $1", [][]byte{[]byte(id)}, nil, nil, nil).Read().Err
		}}
		quiet.before = func(ctx context.Context) error { return rest(ctx, quietPause) }
		defer quiet.close()
		for _, duration := range []time.Duration{j.Duration / 4, j.Duration} { // the first is not counted
			latencies, err := each(ctx, []client{quiet}, func(_ context.Context, since time.Duration) bool { return since >= duration })
			if err != nil {
				return m, err
			}
			m = measured(latencies[0], 1)
		}
		alone := m
		flood, err := startFlood(ctx, j, fmt.Sprintf(script, j.Sizes.Neighbour, j.Sizes.LongFlood))
		if err != nil {
			return m, err
		}
		latencies, err := each(ctx, []client{quiet}, func(_ context.Context, since time.Duration) bool { return since >= j.Duration })
		perSecond, failed := flood.finish()
		if err := errors.Join(err, failed); err != nil {
			return m, err
		}
		m = measured(latencies[0], 1)
		m.Neighbour = &report.Neighbour{Alone: alone.Latency, FloodPerSecond: perSecond}
		return m, nil
	}
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flood is a pgbench that runs beside what is measured.
type flood struct {
	cmd   *exec.Cmd
	stop  context.CancelFunc
	out   bytes.Buffer
	said  progressLines
	ended chan error
}

// progressLines keeps what pgbench says while it runs, and tells of its first line of progress.
type progressLines struct {
	text  bytes.Buffer
	first chan struct{}
}

func (l *progressLines) Write(b []byte) (int, error) {
	l.text.Write(b)
	select {
	case <-l.first:
	default:
		if bytes.Contains(l.text.Bytes(), []byte("progress: ")) {
			close(l.first)
		}
	}
	return len(b), nil
}

// startFlood returns when the clients of the flood have been at work for a second.
func startFlood(ctx context.Context, j Job, script string) (*flood, error) {
	file := filepath.Join(j.Stand.Dir(), "flood.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, j.Duration+2*time.Minute)
	seconds := int((j.Duration+time.Second-1)/time.Second) + 2
	f := &flood{stop: stop, said: progressLines{first: make(chan struct{})}, ended: make(chan error, 1)}
	f.cmd = exec.CommandContext(ctx, j.Pgbench, "-n", "-f", file, "-M", "simple", "-c", strconv.Itoa(j.Clients), "-j", "2", "--progress=1",
		"-T", strconv.Itoa(seconds), j.Target.NeighbourDSN())
	f.cmd.Env = append(os.Environ(), "PGPASSWORD="+j.Target.Password)
	f.cmd.Stdout, f.cmd.Stderr = &f.out, &f.said
	if err := f.cmd.Start(); err != nil {
		stop()
		return nil, err
	}
	go func() { f.ended <- f.cmd.Wait() }() // finish waits for it
	select {
	case <-f.said.first:
		return f, nil
	case err := <-f.ended:
		stop()
		return nil, fmt.Errorf("pgbench ended early: %w\n%s%s", err, f.out.Bytes(), f.said.text.Bytes())
	}
}

// finish waits for pgbench's end, and returns how many transactions per second it has had.
func (f *flood) finish() (perSecond float64, err error) {
	defer f.stop()
	if err := <-f.ended; err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s%s", err, f.out.Bytes(), f.said.text.Bytes())
	}
	var m report.Measurement
	err = readSummary(&m, f.out.String())
	return m.PerSecond, err
}
