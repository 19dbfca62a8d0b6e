// Command bench builds pgcordon and runs `pgcordon bench` with the same flags: go run ./bench --quick
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"pgcordon/test/drivers/stack"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 2
	}
	os.Exit(code)
}

// run returns the exit code of pgcordon bench. An interrupt from the terminal reaches both processes; this one waits for the other.
func run(args []string) (int, error) {
	signal.Ignore(os.Interrupt)
	dir, err := os.MkdirTemp("", "pgcordon-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program, err := stack.Build(context.Background(), dir)
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(program, append([]string{"bench"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
