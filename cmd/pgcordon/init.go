package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"pgcordon/policy/draft"
)

func newInitCommand() *cobra.Command {
	var dsn, file string
	cmd := &cobra.Command{
		Use:   "init --dsn DSN",
		Short: "Write a first policy from the catalog of a live database",
		Long: "init connects, finds the likely tenant column, and writes a policy that gives each table a scope, with the reason as a comment.\n" +
			"What it is not sure of is denied. It changes nothing in the database. An existing file is not overwritten.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			upstream, err := pgx.ParseConfig(dsn)
			if err != nil { // what the parser says could quote a password
				return errors.New("--dsn is no connection string of Postgres: expected postgres://user@host:port/database or key=value pairs")
			}
			snapshot, err := readCatalog(cmd.Context(), upstream)
			if err != nil {
				return err
			}
			text, err := draft.Draft(snapshot)
			if err != nil {
				return err
			}
			if file == "" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			if err := writeNew(file, text); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "wrote %s\n", file)
			return err
		},
	}
	cmd.Flags().StringVar(&dsn, "dsn", "", "connection string of the database")
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write, which must not exist; default: standard output")
	_ = cmd.MarkFlagRequired("dsn") // fails only for a flag that does not exist
	return cmd
}

// writeNew writes a file that does not exist yet.
func writeNew(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
