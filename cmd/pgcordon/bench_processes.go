package main

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/spf13/cobra"

	"pgcordon/bench/relay"
	"pgcordon/bench/report"
)

// newBenchRelayCommand is the bare relay that bench starts.
func newBenchRelayCommand() *cobra.Command {
	var listen, network, to string
	cmd := &cobra.Command{
		Use: "relay", Short: "Forward bytes and do nothing else", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return relay.Serve(listen, network, to) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to listen on")
	cmd.Flags().StringVar(&network, "network", "tcp", "tcp or unix")
	cmd.Flags().StringVar(&to, "to", "", "address to forward to")
	return cmd
}

// newBenchServeCommand is serve that profiles itself: SIGUSR1 begins a CPU profile and, the next time, ends it and writes the file.
func newBenchServeCommand() *cobra.Command {
	f := serveFlags{logFormat: "text", logLevel: "warn"}
	var file string
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the proxy, with a CPU profile between signals", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			toggle := make(chan os.Signal, 1)
			signal.Notify(toggle, syscall.SIGUSR1)
			go profileBetween(toggle, file) // ends with the process
			return runServe(cmd.Context(), f)
		},
	}
	configFlag(cmd, &f.file)
	cmd.Flags().StringVar(&file, "profile", "", "file to write")
	return cmd
}

// profileBetween writes the profile under another name first: who waits for the file gets all of it.
func profileBetween(toggle <-chan os.Signal, file string) {
	for range toggle {
		out, err := os.Create(file + ".part")
		if err != nil {
			return
		}
		if err := pprof.StartCPUProfile(out); err != nil {
			return
		}
		<-toggle
		pprof.StopCPUProfile()
		if err := out.Close(); err != nil {
			return
		}
		if err := os.Rename(file+".part", file); err != nil {
			return
		}
	}
}

// newBenchRenderCommand makes text and page anew of results that were measured before.
func newBenchRenderCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "render FILE.json", Short: "Make the text and the page of results that were written before", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			results, err := report.Load(args[0])
			if err != nil {
				return err
			}
			results.Judge()
			return writeBench(out, results, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", ".", "directory for the files")
	return cmd
}
