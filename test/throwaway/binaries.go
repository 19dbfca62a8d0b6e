package throwaway

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

// ErrNotInstalled is returned by Start when the machine has no Postgres server of a supported major version.
var ErrNotInstalled = errors.New("no Postgres server found (versions 13 to 18 below /usr/lib/postgresql, or in $PGCORDON_POSTGRES_BIN)")

// BinEnv names the environment variable that holds the directory of initdb and postgres.
const BinEnv = "PGCORDON_POSTGRES_BIN"

const oldestMajor, newestMajor = 13, 18

// binaries is a directory with the server programs of one major version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

func findBinaries() (binaries, error) {
	if dir := os.Getenv(BinEnv); dir != "" {
		b, err := inspect(dir)
		if err != nil {
			return binaries{}, fmt.Errorf("%s: %w", BinEnv, err)
		}
		return b, nil
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return binaries{}, err
	}
	var best binaries
	for _, dir := range dirs {
		b, err := inspect(dir)
		if err == nil && b.major > best.major {
			best = b
		}
	}
	if best.dir == "" {
		return binaries{}, ErrNotInstalled
	}
	return best, nil
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func inspect(dir string) (binaries, error) {
	b := binaries{dir: dir}
	if _, err := os.Stat(b.path("initdb")); err != nil {
		return b, err
	}
	out, err := exec.Command(b.path("postgres"), "--version").Output()
	if err != nil {
		return b, fmt.Errorf("%s --version: %w", b.path("postgres"), err)
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return b, fmt.Errorf("%s --version says %q", b.path("postgres"), out)
	}
	if b.major, err = strconv.Atoi(string(m[1])); err != nil {
		return b, err
	}
	if b.major < oldestMajor || b.major > newestMajor {
		return b, fmt.Errorf("%s is version %d, not one of %d to %d", b.path("postgres"), b.major, oldestMajor, newestMajor)
	}
	return b, nil
}

// runAs returns the credential that the server's processes run with: nil means the current user's.
func runAs() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("running as root, and there is neither a user postgres nor a user nobody to run Postgres as")
}
