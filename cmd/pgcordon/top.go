package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

type topFlags struct {
	dsn      string
	interval time.Duration
	once     bool
	sort     string
}

func newTopCommand() *cobra.Command {
	var f topFlags
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch tenants of a running proxy: time used, rows, denials, waits",
		Long: "top asks the admin database of a running proxy again and again, and shows what each tenant does. The user needs to stand in stats_users or admin_users.\n\n" +
			"Keys: t s r b d l w sort by time, statements, rows, bytes, denials, limit hits and waits; q ends.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return top(cmd, f) },
	}
	adminFlag(cmd, &f.dsn)
	cmd.Flags().DurationVar(&f.interval, "interval", 2*time.Second, "time between two looks")
	cmd.Flags().BoolVar(&f.once, "once", false, "look twice, print one table and end; so it is without a terminal, too")
	cmd.Flags().StringVar(&f.sort, "sort", "time", "time, statements, rows, bytes, denials, limits or waits")
	return cmd
}

func top(cmd *cobra.Command, f topFlags) error {
	order, ok := topOrderNamed(f.sort)
	if !ok {
		return fmt.Errorf("--sort %q: expected time, statements, rows, bytes, denials, limits or waits", f.sort)
	}
	if f.interval < 100*time.Millisecond {
		return fmt.Errorf("--interval %v: expected 100ms or more", f.interval)
	}
	cfg, err := adminConfig(f.dsn)
	if err != nil {
		return err
	}
	out, isFile := cmd.OutOrStdout().(*os.File)
	in, inIsFile := cmd.InOrStdin().(*os.File)
	if f.once || !isFile || !inIsFile || !term.IsTerminal(int(out.Fd())) || !term.IsTerminal(int(in.Fd())) {
		return topOnce(cmd.Context(), cfg, f.interval, order, cmd.OutOrStdout())
	}
	return topLive(cmd.Context(), cfg, f.interval, order, in, out)
}

// topOnce prints one table over an interval.
func topOnce(ctx context.Context, cfg *pgconn.Config, interval time.Duration, order topOrder, w io.Writer) error {
	admin, err := openAdmin(ctx, cfg)
	if err != nil {
		return err
	}
	defer admin.close()
	before, err := sampleTop(ctx, admin)
	if err != nil {
		return err
	}
	select {
	case <-time.After(interval):
	case <-ctx.Done():
		return ctx.Err()
	}
	now, err := sampleTop(ctx, admin)
	if err != nil {
		return err
	}
	for _, line := range topLines(compareTop(before, now, order), 1<<16, 1<<16) {
		if _, err := fmt.Fprintln(w, line.text); err != nil {
			return err
		}
	}
	return nil
}

// topLive draws until q, Ctrl-C or a signal.
func topLive(ctx context.Context, cfg *pgconn.Config, interval time.Duration, order topOrder, in, out *os.File) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP, os.Interrupt)
	defer stop()
	screen, err := openTopScreen(in, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, screen.close()) }()
	samples := make(chan topLook)
	var watching sync.WaitGroup
	watching.Go(func() { watchTop(ctx, cfg, interval, samples) })
	defer func() {
		stop()
		watching.Wait()
	}()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	var before, now *topSample
	trouble := "connecting"
	for {
		if err := screen.draw(compareTop(before, now, order), trouble); err != nil {
			return err
		}
		select {
		case look := <-samples:
			if look.err != nil {
				trouble = look.err.Error()
				continue
			}
			before, now, trouble = now, look.sample, ""
		case key, ok := <-screen.keys:
			if !ok || key == 'q' || key == 'Q' || key == 3 { // Ctrl-C is a key in raw mode
				return nil
			}
			if chosen, ok := topOrderOf(key); ok {
				order = chosen
			}
		case <-resized:
		case <-ctx.Done():
			return nil
		}
	}
}

// topLook is one look at the admin database.
type topLook struct {
	sample *topSample
	err    error
}

// watchTop looks at each interval. A connection that is lost is made anew.
func watchTop(ctx context.Context, cfg *pgconn.Config, interval time.Duration, samples chan<- topLook) {
	var admin *adminDatabase
	defer func() {
		if admin != nil {
			admin.close()
		}
	}()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		var look topLook
		if admin == nil {
			admin, look.err = openAdmin(ctx, cfg)
		}
		if look.err == nil {
			if look.sample, look.err = sampleTop(ctx, admin); look.err != nil {
				admin.close()
				admin = nil
			}
		}
		select {
		case samples <- look:
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
