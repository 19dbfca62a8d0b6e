package drivers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgcordon/test/drivers/stack"
)

// psql prepares psql without the user's own settings.
func psql(t *testing.T, ctx context.Context, e stack.Endpoint, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		needs(t, "psql")
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"-X"}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "PGCLIENTENCODING=UTF8", "HOME=" + t.TempDir()}, e.Environment()...)
	return cmd
}

func TestPsqlScript(t *testing.T) {
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, err := psql(t, ctx, e, "-a", "-f", "testdata/psql.sql").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		r.lines = strings.Split(withoutPositions(out), "\n")
		if !strings.Contains(string(out), "== end") || strings.Contains(string(out), "GLOBEX-SECRET") {
			t.Errorf("%s: not to the end, or another tenant's rows:\n%s", e.Name, out)
		}
	})
}

func TestPsqlLogin(t *testing.T) {
	// The port tells which world it is, and the TLS library's versions may choose another cipher.
	address := regexp.MustCompile(`port \d+`)
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, login := range []stack.Endpoint{
			e, e.As(stack.User, "wrong"), e.As(stack.User, ""), e.As("nobody_at_all", "x"),
		} {
			for _, setting := range []string{
				"PGSSLMODE=require", "PGSSLMODE=disable", "PGSSLMODE=prefer", "PGAPPNAME=a probe", "PGOPTIONS=-c search_path=nowhere",
				"PGGSSENCMODE=prefer", "PGTZ=Asia/Tokyo", "PGCLIENTENCODING=UTF8", "PGCHANNELBINDING=prefer",
			} {
				cmd := psql(t, ctx, login, "-w", "-At", "-v", "VERBOSITY=terse", "-c", "show application_name", "-c", "show timezone", "-c", "select count(*) from customers")
				cmd.Env = append(cmd.Env, setting)
				out, err := cmd.CombinedOutput()
				r.say("%s %s: %s %v", login.User, setting, address.ReplaceAllString(withoutPositions(out), "port N"), err)
			}
		}
	})
}

func TestPsqlCancel(t *testing.T) {
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := psql(t, ctx, e, "-v", "VERBOSITY=verbose", "-v", "ON_ERROR_STOP=1", "-f", "-")
		cmd.Stdin = strings.NewReader("\\echo ready\nselect count(*) from generate_series(1, 40000) a, generate_series(1, 40000) b;\n")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(stdout)
		if line, err := lines.ReadString('\n'); line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
		// psql asks to cancel for each interrupt; one that comes before the statement runs goes unheard.
		ended := make(chan error, 1)
		go func() {
			_, readErr := io.Copy(io.Discard, lines)
			ended <- errors.Join(readErr, cmd.Wait())
		}()
		interrupt := time.NewTicker(100 * time.Millisecond)
		defer interrupt.Stop()
		for {
			select {
			case err := <-ended:
				r.say("%v: %s", err, withoutSource(stderr.String()))
				if !strings.Contains(stderr.String(), "57014") {
					t.Errorf("stderr %q, want SQLSTATE 57014", stderr.String())
				}
				return
			case <-interrupt.C:
				cmd.Process.Signal(syscall.SIGINT)
			}
		}
	})
}

// withoutSource removes the lines that name a place in Postgres's source.
func withoutSource(text string) string {
	var kept []string
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "LOCATION:") && !strings.HasPrefix(line, "Cancel request sent") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func TestPsqlRefusals(t *testing.T) {
	e := proxied(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, sql := range refusedStatements {
		out, err := psql(t, ctx, e, "-v", "VERBOSITY=verbose", "-c", sql).CombinedOutput()
		if err == nil {
			t.Errorf("%s: psql succeeded:\n%s", sql, out)
			continue
		}
		message, rest, _ := strings.Cut(string(out), "\n")
		code := ""
		if m := regexp.MustCompile(`ERROR:\s+(\w{5}):`).FindStringSubmatch(message); m != nil {
			code = m[1]
		}
		expectRefusal(t, sql, code, message, rest)
	}
}
