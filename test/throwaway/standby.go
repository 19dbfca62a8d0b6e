package throwaway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Standby starts a hot standby of a running server, which is stopped while it is copied: a server that follows it, for reading alone until Promote.
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
	if err := p.copyTo(ctx, s); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	follow := fmt.Sprintf("host=%s port=%d user=%s", p.Host, p.Port, p.Superuser)
	if err := s.set(map[string]string{"unix_socket_directories": s.SocketDir, "primary_conninfo": follow}); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := os.WriteFile(filepath.Join(s.data(), "standby.signal"), nil, 0o644); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.launchOnFreePort(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// copyTo stops the server, copies its data and starts it again. pg_basebackup would do without the pause, but not every installation has it.
func (p *Postgres) copyTo(ctx context.Context, s *Postgres) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt(syscall.SIGINT)
	cmd := exec.Command("cp", "-a", p.data(), s.data())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copying the data: %w\n%s", err, out)
	}
	return p.launch(ctx)
}

// Promote makes a standby a server of its own.
func (p *Postgres) Promote(ctx context.Context) error {
	return p.Exec(ctx, "postgres", "SELECT pg_promote()")
}
