package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func newDemoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what the proxy does, against a throwaway Postgres",
		Long: "demo starts a throwaway Postgres with the shop of three tenants, starts `pgcordon serve` in front of it, and runs a tour through the " +
			"proxy that checks each thing it claims.\nThen it stays up until Ctrl-C, so that you can log in with psql.\n" +
			"With --once, or when standard input is not a terminal, it ends after the tour; the exit code is 0 only if every step did what it says.\n" +
			"Needs Postgres's server programs; writes only below the directory for temporary files, and removes what it wrote.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			return runDemo(cmd.Context(), newScreen(cmd.OutOrStdout()), once || !isTerminal(os.Stdin))
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the tour instead of waiting for Ctrl-C")
	return cmd
}

func runDemo(ctx context.Context, out *screen, once bool) (err error) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()

	out.line("Starting a throwaway Postgres and pgcordon in front of it ...")
	st, err := newStage(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, st.close()) }()
	out.line("")
	out.line("Postgres %-6d %s", st.pg.Major, st.pg.DSN("", demoDatabase))
	out.line("pgcordon        %s", st.listen)
	out.line("configuration   %s", st.configPath())
	out.line("policy          %s", st.policyPath())
	out.line("log             %s", st.logPath())
	out.line("metrics         http://%s/metrics", st.admin)

	tourErr := runTour(ctx, st, out)
	if ctx.Err() != nil {
		return interrupted(ctx, tourErr)
	}
	if once {
		return tourErr
	}
	out.line("")
	out.line("Log in yourself:")
	out.line("")
	for _, u := range st.users {
		out.line("  %s", st.psql(u))
	}
	out.line("")
	out.line("Ctrl-C ends it and removes everything.")
	select {
	case <-ctx.Done():
		out.line("")
	case <-st.ended:
		return errors.Join(tourErr, fmt.Errorf("pgcordon serve ended; its log ends:\n%s", st.logTail()))
	}
	return tourErr
}

// interrupted replaces the errors that a signal in mid-tour brings about by one that says so.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}
