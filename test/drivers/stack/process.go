package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Build compiles cmd/pgcordon into dir and returns the binary's path.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "pgcordon")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "pgcordon/cmd/pgcordon").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build pgcordon: %w\n%s", err, out)
	}
	return path, nil
}

// Process is a server that runs as a child process.
type Process struct {
	Port int
	cmd  *exec.Cmd
	log  *logBuffer
	// gone is closed when the process has ended and err is set.
	gone chan struct{}
	err  error
}

// StartProcess starts cmd, which is to listen on the given loopback port, and waits until it accepts connections there.
// The process outlives ctx: it ends with Stop, or with this process.
func StartProcess(ctx context.Context, cmd *exec.Cmd, port int) (*Process, error) {
	p := &Process{Port: port, cmd: cmd, log: &logBuffer{}, gone: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	go func() {
		// The death signal comes when the thread that started the child ends, so this goroutine keeps its thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.gone)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
		if err == nil {
			conn.Close()
			return p, nil
		}
		select {
		case <-p.gone:
			return nil, fmt.Errorf("%s ended: %v\n%s", filepath.Base(cmd.Path), p.err, p.Log())
		case <-ctx.Done():
			p.Stop()
			return nil, fmt.Errorf("%s does not listen on port %d: %w\n%s", filepath.Base(cmd.Path), port, ctx.Err(), p.Log())
		case <-tick.C:
		}
	}
}

// Serve writes the two configuration files into dir and starts `pgcordon serve` with them. In config, the verb %d stands for the
// port to listen on.
func Serve(ctx context.Context, binary, dir, config, policy string) (*Process, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "pgcordon.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, port), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(policy), 0o600); err != nil {
		return nil, err
	}
	return StartProcess(ctx, exec.Command(binary, "serve", "--config", file), port)
}

// Pid returns the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Log returns the last part of what the process wrote.
func (p *Process) Log() string { return p.log.String() }

// Exited returns a channel that is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.gone }

// Stop asks the process to end and kills it when it has not after ten seconds.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.gone:
	case <-time.After(10 * time.Second):
		if err := p.cmd.Process.Kill(); err != nil {
			return err
		}
		<-p.gone
		return errors.New("killed: it did not end within 10 s of SIGTERM")
	}
	return nil
}

// logBuffer keeps the last 64 KiB written to it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len()+len(b) > 64<<10 {
		l.buf.Next(l.buf.Len() / 2)
	}
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
