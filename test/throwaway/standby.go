package throwaway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Standby starts a hot standby of a running server: a copy that follows it, for reading alone until Promote.
func (p *Postgres) Standby(ctx context.Context) (*Postgres, error) {
	dir, err := makeDir(p.cred)
	if err != nil {
		return nil, err
	}
	s := &Postgres{Dir: dir, SocketDir: dir, Host: p.Host, Superuser: p.Superuser, Major: p.Major, bin: p.bin, cred: p.cred}
	if s.watchdog, err = startWatchdog(s); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cmd := s.command("pg_basebackup", "--pgdata="+s.data(), "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
		"--host="+p.Host, "--port="+strconv.Itoa(p.Port), "--username="+p.Superuser)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pg_basebackup: %w\n%s", err, out), s.Stop())
	}
	if err := s.configure(nil); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.launchOnFreePort(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Promote makes a standby a server of its own.
func (p *Postgres) Promote(ctx context.Context) error {
	return p.Exec(ctx, "postgres", "SELECT pg_promote()")
}
