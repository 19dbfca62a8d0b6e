package throwaway

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// initdb makes the cluster: UTF8, collation C, everything trusted, nothing flushed.
func (p *Postgres) initdb(ctx context.Context, opts Options) error {
	cmd := p.command("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale",
		"--username="+p.Superuser, "--pgdata="+p.data())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.prependHBA(opts.HBA); err != nil {
		return err
	}
	return p.configure(opts.Settings)
}

func (p *Postgres) configure(extra map[string]string) error {
	// Without fsync a commit costs a write to the kernel's cache alone, so synchronous_commit stays on:
	// what was committed survives Crash.
	settings := map[string]string{
		"listen_addresses":        p.Host,
		"unix_socket_directories": p.SocketDir,
		"max_connections":         "200",
		"fsync":                   "off",
		"full_page_writes":        "off",
		"autovacuum":              "off",
		"jit":                     "off",
		"shared_buffers":          "64MB",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"password_encryption":     "scram-sha-256", // 13 would make md5 of it
	}
	maps.Copy(settings, extra)
	return p.set(settings)
}

// set adds to postgresql.conf, where the last line for a setting counts.
func (p *Postgres) set(settings map[string]string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	f, err := os.OpenFile(filepath.Join(p.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(b.String()); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (p *Postgres) prependHBA(lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	path := filepath.Join(p.data(), "pg_hba.conf")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"+string(old)), 0o600)
}
