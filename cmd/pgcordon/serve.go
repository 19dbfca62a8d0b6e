package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"pgcordon/config/yamlpos"
	"pgcordon/proxy/console"
)

type serveFlags struct {
	file, logFormat, logLevel string
}

func newServeCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the proxy",
		Long: "serve runs the proxy until SIGTERM or SIGINT; then it takes no new clients, lets running transactions end within drain_timeout, and\n" +
			"exits with 0. A second signal ends it at once. SIGHUP reloads both files, the secrets and the catalog: all of it or, with an error in\n" +
			"the log, nothing. The log goes to standard error.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.logFormat, "log-format", "text", "text or json")
	cmd.Flags().StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

// newLog returns a logger on a duplicate of standard error: the SQL parser redirects file descriptor 2 while it runs, so
// what another goroutine writes there in the meantime would be lost. It is called before the first parse.
func newLog(f serveFlags) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: expected debug, info, warn or error", f.logLevel)
	}
	fd, err := syscall.Dup(int(os.Stderr.Fd()))
	if err != nil {
		return nil, fmt.Errorf("duplicating standard error for the log: %w", err)
	}
	syscall.CloseOnExec(fd)
	out := os.NewFile(uintptr(fd), "log")
	opts := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(out, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, opts)), nil
	}
	return nil, fmt.Errorf("--log-format %q: expected text or json", f.logFormat)
}

func runServe(ctx context.Context, f serveFlags) error {
	log, err := newLog(f)
	if err != nil {
		return err
	}
	// From here on no signal ends the process by itself.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)

	first, err := assembleUnless(ctx, f.file, signals)
	if errors.Is(err, errEnd) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := startService(f.file, log, first)
	if err != nil {
		return err
	}
	return s.run(ctx, signals)
}

// errEnd is returned by what a signal has interrupted that asks for the end.
var errEnd = errors.New("interrupted")

// assembleUnless assembles, begins anew at SIGHUP, and gives up with errEnd when a signal asks for the end.
func assembleUnless(ctx context.Context, file string, signals <-chan os.Signal) (*assembly, error) {
	for {
		a, sig, err := assembleUntil(ctx, file, signals)
		switch sig {
		case nil:
			return a, err
		case syscall.SIGHUP:
		default:
			return nil, errEnd
		}
	}
}

// assembleUntil assembles until a signal comes, which it returns.
func assembleUntil(ctx context.Context, file string, signals <-chan os.Signal) (a *assembly, sig os.Signal, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		a, err = assemble(ctx, file)
	}()
	select {
	case <-done:
		return a, nil, err
	case sig = <-signals:
		cancel()
		<-done
		return nil, sig, nil
	}
}

// run waits for signals and for listeners that fail, and ends the service.
func (s *service) run(ctx context.Context, signals <-chan os.Signal) error {
	var failure error
	asked, how := false, console.ShutdownNow
	for ended := false; !ended; {
		select {
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				ended, _ = s.reload(ctx, signals)
			} else {
				ended = true
			}
		case done := <-s.reloads:
			var err error
			ended, err = s.reload(ctx, signals)
			done <- err
		case how = <-s.shutdowns:
			ended, asked = true, true
		case failure = <-s.failed:
			ended = true
		}
	}
	close(s.ended)
	s.proxy.StopListening()
	drain, cancel := s.drainContext(ctx, asked, how)
	defer cancel()
	go func() { // ends with drain: another signal asks for the end at once
		for {
			select {
			case <-drain.Done():
				return
			case sig := <-signals:
				if sig != syscall.SIGHUP {
					cancel()
				}
			}
		}
	}()
	if asked && how == console.ShutdownWaitForClients {
		s.proxy.WaitForClients(drain)
	}
	return errors.Join(failure, s.stop(drain))
}

// drainContext is how long sessions may take to end: drain_timeout, or, when SHUTDOWN asks for the end, no time at all or as long as they like.
func (s *service) drainContext(ctx context.Context, asked bool, how console.Shutdown) (context.Context, context.CancelFunc) {
	timeout := s.current().config.DrainTimeout
	switch {
	case asked && how == console.ShutdownNow:
		timeout = 0
	case asked:
		s.log.Info("draining", "timeout", "none")
		return context.WithCancel(ctx)
	}
	s.log.Info("draining", "timeout", timeout)
	return context.WithTimeout(ctx, timeout)
}

// problems counts the mistakes that an error stands for.
func problems(err error) int {
	var list yamlpos.Errors
	if errors.As(err, &list) {
		return len(list)
	}
	return 1
}

// logProblems writes one line per mistake.
func logProblems(log *slog.Logger, what string, err error) {
	var list yamlpos.Errors
	if !errors.As(err, &list) {
		log.Error(what, "error", err)
		return
	}
	for _, e := range list {
		log.Error(what, "file", e.File, "line", e.Line, "column", e.Col, "error", e.Message)
	}
}
