package throwawaytest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway"
)

func TestServesAndRestartsOnTheSameData(t *testing.T) {
	ctx := context.Background()
	pg := Start(t, throwaway.Options{Settings: map[string]string{"work_mem": "3MB"}})
	if err := pg.Exec(ctx, "postgres", "CREATE TABLE kept(a int); INSERT INTO kept VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	pg.Crash()
	if _, err := pgx.Connect(ctx, pg.DSN("", "postgres")); err == nil {
		t.Fatal("a crashed server accepts connections")
	}
	if err := pg.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	for _, dsn := range []string{
		pg.DSN("", "postgres"),
		fmt.Sprintf("host=%s port=%d user=%s dbname=postgres", pg.SocketDir, pg.Port, pg.Superuser),
	} {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		var a int
		var mem string
		if err := conn.QueryRow(ctx, "SELECT a, current_setting('work_mem') FROM kept").Scan(&a, &mem); err != nil {
			t.Fatal(err)
		}
		if a != 7 || mem != "3MB" {
			t.Errorf("got %d, %s over %s", a, mem, dsn)
		}
		conn.Close(ctx)
	}
}

func TestStopRemovesEverything(t *testing.T) {
	pg, err := throwaway.Start(context.Background(), throwaway.Options{})
	require(t, err)
	if err := pg.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := pg.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	assertGone(t, pg.Dir, pg.Port)
}

// The environment variable that turns this test binary into the victim of TestKilledParentLeavesNothing.
const victimEnv = "PGCORDON_THROWAWAY_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) != "" {
		pg, err := throwaway.Start(context.Background(), throwaway.Options{})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(pg.Dir)
		fmt.Println(pg.Port)
		io.Copy(io.Discard, os.Stdin)
	}
	os.Exit(m.Run())
}

func TestKilledParentLeavesNothing(t *testing.T) {
	ForTest(t) // skips without Postgres
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimEnv+"=1")
	stdin, err := victim.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	dir := lines.Text()
	lines.Scan()
	port, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatalf("the victim says %q, %q", dir, lines.Text())
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	victim.Wait()
	assertGone(t, dir, port)
}

// assertGone waits until the directory is removed and the port closed.
func assertGone(t *testing.T, dir string, port int) {
	t.Helper()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	deadline := time.After(30 * time.Second)
	for {
		_, statErr := os.Stat(dir)
		conn, dialErr := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if dialErr == nil {
			conn.Close()
		}
		if errors.Is(statErr, os.ErrNotExist) && dialErr != nil {
			return
		}
		select {
		case <-retry.C:
		case <-deadline:
			t.Fatalf("directory: %v; port: %v", statErr, dialErr)
		}
	}
}
