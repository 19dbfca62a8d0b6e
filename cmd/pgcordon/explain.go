package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pgcordon/policy"
	"pgcordon/rewriter"
)

// explanation is what explain --json prints. Fields are only ever added. Exactly one of SQL and Denial is set.
type explanation struct {
	Tenant string `json:"tenant"`
	Role   string `json:"role"`
	// SQL is what goes upstream: in the simple protocol with the tenant in it, in the extended one with Parameters.
	SQL        string             `json:"sql"`
	Parameters []explainParameter `json:"parameters"`
	Relations  []explainRelation  `json:"relations"`
	Denial     *explainDenial     `json:"denial"`
}

type explainParameter struct {
	Number int    `json:"number"`
	Type   string `json:"type"`
	Value  string `json:"value"`
}

type explainRelation struct {
	Relation  string `json:"relation"`
	Alias     string `json:"alias"`
	Scope     string `json:"scope"`
	Predicate string `json:"predicate"`
	Place     string `json:"place"`
}

type explainDenial struct {
	SQLState string `json:"sqlstate"`
	Rule     string `json:"rule"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
	Position int    `json:"position"` // in characters from 1; 0 for unknown
}

type explainFlags struct {
	file, tenant, role, protocol, dsn string
	json, lastDenials                 bool
}

func newExplainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain --tenant T 'SQL'",
		Short: "Show what serve would send upstream for a statement, or why it would refuse it",
		Long: "explain loads and binds the configuration as serve does and plans one text with the same rewriter. It prints the rewritten SQL and, for each\n" +
			"relation, the predicate and where it stands; or the refusal with its rule and hint. Nothing is executed.\n\n" +
			"With --last-denials it asks the admin database of a running proxy instead, and prints what was refused last: by which rule or limit, and the\n" +
			"fingerprint of the statement.\n\n" +
			"Exit code: 0 with a plan, 1 when the statement is refused, 2 when a file is wrong or the upstream cannot be reached.",
		Args: func(cmd *cobra.Command, args []string) error {
			if f.lastDenials {
				return cobra.NoArgs(cmd, args)
			}
			_ = cmd.MarkFlagRequired("tenant") // fails only for a flag that does not exist
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.lastDenials {
				return explainDenials(cmd, f.dsn, f.tenant, f.json)
			}
			return explain(cmd, f, args[0])
		},
	}
	configFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "the tenant that sends the statement")
	cmd.Flags().StringVar(&f.role, "role", "", "the policy role of its user")
	cmd.Flags().StringVar(&f.protocol, "protocol", "simple", "simple or extended: how the statement arrives")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&f.lastDenials, "last-denials", false, "show what a running proxy has refused last, of --tenant or of all, instead of a statement")
	adminFlag(cmd, &f.dsn)
	return cmd
}

func explain(cmd *cobra.Command, f explainFlags, sql string) error {
	protocol, ok := map[string]rewriter.Protocol{"simple": rewriter.Simple, "extended": rewriter.Extended}[f.protocol]
	if !ok {
		return fmt.Errorf("--protocol %q: expected simple or extended", f.protocol)
	}
	tenant, err := policy.NewTenantID(f.tenant)
	if err != nil {
		return fmt.Errorf("--tenant: %w", err)
	}
	a, err := assemble(cmd.Context(), f.file)
	if err != nil {
		return err
	}
	if err := a.bound.CheckTenant(tenant); err != nil {
		return fmt.Errorf("--tenant: %w", err)
	}
	if err := mayBe(a, tenant, f.role); err != nil {
		return err
	}
	plan, err := a.rewriter.Plan(rewriter.Request{SQL: sql, Protocol: protocol, Role: f.role, SearchPath: a.bound.Catalog.SearchPath})
	if err == nil {
		if denial := plan.CheckConstants(tenant); denial != nil {
			err = denial
		}
	}
	e := newExplanation(f, tenant, protocol, plan, err)
	if f.json {
		err = printJSON(cmd.OutOrStdout(), e)
	} else {
		err = e.print(cmd.OutOrStdout())
	}
	if err == nil && e.Denial != nil {
		err = &exitError{code: exitFindings}
	}
	return err
}

// mayBe refuses a role that the policy does not have, or that does not act for the tenant.
func mayBe(a *assembly, tenant policy.TenantID, role string) error {
	if role == "" {
		return nil
	}
	r := a.config.Policy.Roles[role]
	if r == nil {
		return fmt.Errorf("--role: the policy has no role %q", role)
	}
	if len(r.ActFor) == 0 {
		return nil
	}
	for _, t := range r.ActFor {
		if t == tenant {
			return nil
		}
	}
	return fmt.Errorf("--role: %s does not act for tenant %s", role, tenant)
}

func newExplanation(f explainFlags, tenant policy.TenantID, protocol rewriter.Protocol, plan *rewriter.Plan, err error) *explanation {
	e := &explanation{Tenant: f.tenant, Role: f.role, Parameters: []explainParameter{}, Relations: []explainRelation{}}
	var denial *rewriter.Denial
	if errors.As(err, &denial) {
		e.Denial = &explainDenial{SQLState: denial.SQLState, Rule: denial.Rule, Message: denial.Message, Hint: denial.Hint, Position: denial.Position}
		return e
	}
	e.SQL = plan.SQL
	if protocol == rewriter.Simple {
		e.SQL = plan.Splice(tenant)
	} else {
		for _, p := range plan.Tenants {
			e.Parameters = append(e.Parameters, explainParameter{Number: p.Number, Type: p.Type.String(), Value: f.tenant})
		}
	}
	for _, r := range plan.Relations {
		e.Relations = append(e.Relations, explainRelation{
			Relation: r.Relation, Alias: r.Alias, Scope: r.Scope.String(), Predicate: r.Predicate, Place: r.Place})
	}
	return e
}

func (e *explanation) print(w io.Writer) error {
	if d := e.Denial; d != nil {
		where := ""
		if d.Position > 0 {
			where = fmt.Sprintf(" at character %d", d.Position)
		}
		text := fmt.Sprintf("refused%s: %s\n  rule      %s\n  SQLSTATE  %s\n", where, d.Message, d.Rule, d.SQLState)
		if d.Hint != "" {
			text += fmt.Sprintf("  hint      %s\n", d.Hint)
		}
		_, err := io.WriteString(w, text)
		return err
	}
	if _, err := fmt.Fprintln(w, strings.TrimSpace(e.SQL)); err != nil {
		return err
	}
	out := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	if len(e.Parameters) > 0 {
		out.row("")
		for _, p := range e.Parameters {
			out.row(fmt.Sprintf("$%d", p.Number), p.Type, p.Value)
		}
	}
	if len(e.Relations) > 0 {
		out.row("")
		out.row("RELATION", "ALIAS", "SCOPE", "PREDICATE", "PLACE")
		for _, r := range e.Relations {
			out.row(r.Relation, dash(r.Alias), r.Scope, dash(r.Predicate), dash(r.Place))
		}
	}
	return out.Flush()
}
