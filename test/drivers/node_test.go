package drivers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"pgcordon/test/drivers/stack"
)

// installNode runs `npm ci` unless node_modules holds what the lock file names.
var installNode = sync.OnceValue(func() error {
	lock, err := os.Stat("node/package-lock.json")
	if err != nil {
		return err
	}
	// npm writes this file last.
	installed, err := os.Stat("node/node_modules/.package-lock.json")
	if err == nil && installed.ModTime().After(lock.ModTime()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = "node"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
})

func node(t *testing.T, ctx context.Context, e stack.Endpoint, args ...string) *exec.Cmd {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			needs(t, program)
		}
	}
	if err := installNode(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "node", append([]string{"--no-deprecation", "driver.js"}, args...)...)
	cmd.Dir = "node"
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TZ=UTC"}, e.Environment()...)
	return cmd
}

func TestNodePostgres(t *testing.T) {
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, err := node(t, ctx, e, "cases").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), `==: "end"`) || strings.Contains(string(out), "GLOBEX-SECRET") {
			t.Errorf("%s: not to the end, or another tenant's rows:\n%s", e.Name, out)
		}
		r.lines = strings.Split(string(out), "\n")
	})
}

func TestNodePostgresRefusals(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := node(t, ctx, proxied(t), append([]string{"refused"}, refusedStatements...)...).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(refusedStatements) {
		t.Fatalf("%d answers to %d statements", len(lines), len(refusedStatements))
	}
	for _, line := range lines {
		var answer struct{ SQL, Code, Message, Rest string }
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, answer.SQL, answer.Code, answer.Message, answer.Rest)
	}
}
