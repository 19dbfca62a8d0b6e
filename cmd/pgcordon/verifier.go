package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"pgcordon/proxy/auth"
)

// maxPasswordBytes bounds what is read as a password.
const maxPasswordBytes = 4096

func newVerifierCommand() *cobra.Command {
	var iterations int
	cmd := &cobra.Command{
		Use:   "verifier",
		Short: "Read a password from standard input and print its SCRAM verifier",
		Long: "verifier reads one line, the password, from standard input and prints the SCRAM-SHA-256 verifier that\n" +
			"users[].scram of pgcordon.yaml takes. The password itself is needed nowhere.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxPasswordBytes+1)).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("reading the password: %w", err)
			}
			password := strings.TrimRight(line, "\r\n")
			if len(password) > maxPasswordBytes {
				return fmt.Errorf("the password has more than %d bytes", maxPasswordBytes)
			}
			v, err := auth.MakeVerifier(password, iterations)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), v.Text())
			return err
		},
	}
	cmd.Flags().IntVar(&iterations, "iterations", 4096, "iteration count: what guessing a password from its verifier costs, and each login too")
	return cmd
}
