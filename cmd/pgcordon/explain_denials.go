package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// lastDenial is what explain --last-denials --json prints for each. Fields are only ever added.
type lastDenial struct {
	Last        string `json:"last"`
	First       string `json:"first"`
	Count       int64  `json:"count"`
	Tenant      string `json:"tenant"`
	User        string `json:"user"`
	Kind        string `json:"kind"` // denial or limit
	Rule        string `json:"rule"`
	SQLState    string `json:"sqlstate"`
	Fingerprint string `json:"fingerprint"`
	Session     int64  `json:"session"`
	Position    int64  `json:"position"` // in characters from 1; 0 for unknown
}

// explainDenials prints what a running proxy has refused last, of one tenant unless tenant is empty.
func explainDenials(cmd *cobra.Command, dsn, tenant string, asJSON bool) error {
	cfg, err := adminConfig(dsn)
	if err != nil {
		return err
	}
	admin, err := openAdmin(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer admin.close()
	views, err := admin.show(cmd.Context(), "DENIALS")
	if err != nil {
		return err
	}
	list := []lastDenial{}
	for _, r := range views[0] {
		if tenant != "" && r["tenant"] != tenant {
			continue
		}
		list = append(list, lastDenial{Last: r["last_time"], First: r["first_time"], Count: r.number("count"), Tenant: r["tenant"], User: r["user"], Kind: r["kind"],
			Rule: r["rule"], SQLState: r["sqlstate"], Fingerprint: r["fingerprint"], Session: r.number("session"), Position: r.number("position")})
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "Nothing was refused.")
		return err
	}
	out := &table{tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)}
	out.row("LAST", "COUNT", "TENANT", "USER", "KIND", "RULE", "SQLSTATE", "FINGERPRINT", "POSITION")
	for _, d := range list {
		position := ""
		if d.Position > 0 {
			position = fmt.Sprint(d.Position)
		}
		out.row(d.Last, fmt.Sprint(d.Count), printable(d.Tenant), printable(d.User), d.Kind, d.Rule, d.SQLState, dash(d.Fingerprint), dash(position))
	}
	return out.Flush()
}
