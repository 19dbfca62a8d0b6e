package main

import (
	"github.com/spf13/cobra"

	"pgcordon/config"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "schema config|policy",
		Short:     "Print the JSON Schema of pgcordon.yaml or policy.yaml",
		Long:      "schema prints the JSON Schema (draft 2020-12) of pgcordon.yaml or policy.yaml, for editors that complete and check YAML.",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"config", "policy"},
		RunE: func(cmd *cobra.Command, args []string) error {
			schema := config.ConfigSchema()
			if args[0] == "policy" {
				schema = config.PolicySchema()
			}
			_, err := cmd.OutOrStdout().Write(schema)
			return err
		},
	}
}
