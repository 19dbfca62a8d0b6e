// Command pgcordon is a Postgres proxy that keeps tenants apart. Each verb has a file of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Exit codes of every verb.
const (
	exitOK       = 0
	exitFindings = 1 // the verb did its work and says no: findings of check, a refused statement of explain, a failed step of demo
	exitFailed   = 2 // usage, configuration, or the upstream cannot be reached
)

// exitError ends the process with a code. A nil err means that everything was said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run executes one command line and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitOK
	}
	code := exitFailed
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	_, _ = fmt.Fprintf(stderr, "pgcordon: %v\n", err)
	return code
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "pgcordon",
		Short:         "A Postgres proxy that keeps tenants apart",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	demo := newDemoCommand()
	demoRun := demo.RunE
	demo.RunE = func(cmd *cobra.Command, args []string) error {
		if err := demoRun(cmd, args); err != nil {
			return &exitError{code: exitFindings, err: err}
		}
		return nil
	}
	root.AddCommand(newServeCommand(), newCheckCommand(), newExplainCommand(), newTopCommand(), newInitCommand(), demo, newBenchCommand(),
		newSchemaCommand(), newVerifierCommand(), newVersionCommand())
	return root
}

// configFlag adds the flag that names pgcordon.yaml.
func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "pgcordon.yaml", "configuration file")
}
