package throwaway

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a child that one goroutine waits for.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed once the child is reaped
}

// startProcess starts cmd with its output appended to the file at logPath.
func startProcess(cmd *exec.Cmd, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop signals the child and waits for its end, with SIGQUIT and at last SIGKILL when it takes longer than patience each.
func (p *process) stop(sig syscall.Signal, patience time.Duration) {
	for _, s := range []syscall.Signal{sig, syscall.SIGQUIT, syscall.SIGKILL} {
		p.cmd.Process.Signal(s)
		select {
		case <-p.ended:
			return
		case <-time.After(patience):
		}
	}
	<-p.ended
}

// watchdog is a shell that blocks on a pipe. The pipe closes when this process ends, however it ends; then the shell
// stops the server and removes its directory.
type watchdog struct {
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

const watchdogScript = `read line && exit
"$1" stop -s -m immediate -D "$2/data" >/dev/null 2>&1
cd / && rm -rf "$2"`

func startWatchdog(p *Postgres) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "pgcordon-watchdog", p.bin.path("pg_ctl"), p.Dir)
	cmd.Dir = p.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred, Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &watchdog{pipe: pipe, cmd: cmd}, nil
}

// dismiss ends the watchdog without its acting: a line means that the server was stopped in order.
func (w *watchdog) dismiss() {
	if w.pipe == nil {
		return
	}
	io.WriteString(w.pipe, "\n")
	w.pipe.Close()
	w.pipe = nil
	w.cmd.Wait()
}
