package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pgcordon/policy"
	"pgcordon/policy/advisor"
	"pgcordon/rewriter"
)

// checkReport is what check --json prints. Fields are only ever added.
type checkReport struct {
	Database      string            `json:"database"`
	ServerVersion int               `json:"server_version"` // server_version_num
	UpstreamRole  string            `json:"upstream_role"`
	Relations     []checkRelation   `json:"relations"`
	Functions     []checkFunction   `json:"functions"` // those that the policy vouches for
	Extensions    []checkExtension  `json:"extensions"`
	UserFunctions []checkText       `json:"user_functions"` // what functions do that are of no extension
	Findings      []advisor.Finding `json:"findings"`       // errors first
	Errors        int               `json:"errors"`
	Warnings      int               `json:"warnings"`
}

type checkRelation struct {
	Relation string `json:"relation"`
	Kind     string `json:"kind"`
	Scope    string `json:"scope"`
	Column   string `json:"column"` // tenant column; empty for other scopes
	Type     string `json:"type"`
	Rule     string `json:"rule"` // pattern that decided; empty for none
}

type checkFunction struct {
	Function string `json:"function"`
	Rule     string `json:"rule"`
	Role     string `json:"role"` // empty: every tenant may call it
	Why      string `json:"why"`
}

// checkExtension is an extension that the policy opens.
type checkExtension struct {
	Extension string `json:"extension"`
	Functions int    `json:"functions"` // how many of its functions tenants may call
}

// checkText says what a function of the user's does, as far as its text tells.
type checkText struct {
	Function string   `json:"function"`
	Vouched  bool     `json:"vouched"`
	Reads    []string `json:"reads"`
	Writes   []string `json:"writes"`
	Calls    []string `json:"calls"`
	Notes    []string `json:"notes"`
}

func newCheckCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check both files against the live database and report what the policy makes of it",
		Long: "check validates pgcordon.yaml and the policy, connects to the upstream, binds the policy to its catalog, and reports scope, tenant\n" +
			"column and type of every relation, the functions that the policy vouches for, and what to look at.\n\n" +
			"Exit code: 0 without errors (warnings may stand), 1 with errors among the findings, 2 when a file is wrong or the upstream cannot be reached.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := assemble(cmd.Context(), file)
			if err != nil {
				return err
			}
			report := newCheckReport(a.bound, a.config.Pool.Most(), checkOwn(cmd.Context(), a.config)...)
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.print(cmd.OutOrStdout())
			}
			if err == nil && report.Errors > 0 {
				err = &exitError{code: exitFindings}
			}
			return err
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// newCheckReport looks at a policy that is bound, for a proxy that has so many connections at most. own is what was found elsewhere.
func newCheckReport(b *policy.Bound, connections int, own ...advisor.Finding) *checkReport {
	if b.Catalog.Database == "" { // nothing is shared, and no policy holds
		r := &checkReport{Relations: []checkRelation{}, Functions: []checkFunction{}, Extensions: []checkExtension{}, UserFunctions: []checkText{},
			Findings: append([]advisor.Finding{}, own...)}
		r.count()
		return r
	}
	r := &checkReport{
		Database: b.Catalog.Database, ServerVersion: b.Catalog.ServerVersion, UpstreamRole: b.Catalog.Role.Name,
		Relations: []checkRelation{}, Functions: []checkFunction{}, Extensions: []checkExtension{}, UserFunctions: userFunctions(b),
		Findings: advisor.Check(b, append(advisor.Connections(b, connections), own...)...),
	}
	for _, t := range advisor.Relations(b) {
		c := checkRelation{
			Relation: t.Relation.Schema + "." + t.Relation.Name, Kind: advisor.KindName(t.Relation),
			Scope: t.Scope.String(), Column: t.Column, Rule: t.Rule,
		}
		if t.Column != "" {
			c.Type = t.Type.String()
		}
		r.Relations = append(r.Relations, c)
	}
	opened := map[string]int{}
	for _, v := range advisor.Vouched(b) {
		if b.Extension(v.Function.Extension) && v.Role == "" {
			opened[v.Function.Extension]++
			continue
		}
		r.Functions = append(r.Functions, checkFunction{Function: advisor.FunctionName(v.Function), Rule: v.Rule.String(), Role: v.Role, Why: v.Rule.Why})
	}
	for _, name := range b.Policy.Extensions {
		r.Extensions = append(r.Extensions, checkExtension{name, opened[name]})
	}
	r.count()
	return r
}

// count sums the findings up.
func (r *checkReport) count() {
	for _, f := range r.Findings {
		switch f.Severity {
		case advisor.Error:
			r.Errors++
		case advisor.Warning:
			r.Warnings++
		case advisor.Info:
		}
	}
}

func (r *checkReport) print(w io.Writer) error {
	out := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	if r.Database == "" {
		return r.printFindings(w)
	}
	out.row("database", fmt.Sprintf("%s, as %s", r.Database, r.UpstreamRole))
	out.row("server", fmt.Sprintf("%d.%d", r.ServerVersion/10000, r.ServerVersion%10000))
	out.row("")
	out.row("RELATION", "KIND", "SCOPE", "COLUMN", "TYPE", "RULE")
	for _, t := range r.Relations {
		out.row(t.Relation, t.Kind, t.Scope, dash(t.Column), dash(t.Type), dash(t.Rule))
	}
	if len(r.Functions) > 0 {
		out.row("")
		out.row("FUNCTION", "FOR", "WHY")
		for _, f := range r.Functions {
			who := "every tenant"
			if f.Role != "" {
				who = "role " + f.Role
			}
			out.row(f.Function, who, f.Why)
		}
	}
	for _, e := range r.Extensions {
		out.row("extension "+e.Extension, "every tenant", fmt.Sprintf("%d functions", e.Functions))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, f := range r.UserFunctions {
		if err := f.print(w); err != nil {
			return err
		}
	}
	return r.printFindings(w)
}

func (r *checkReport) printFindings(w io.Writer) error {
	for _, f := range r.Findings {
		if _, err := fmt.Fprintf(w, "\n%s: %s: %s (%s)\n    %s\n", f.Severity, f.Object, f.Message, f.Rule, f.Advice); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%d errors, %d warnings\n", r.Errors, r.Warnings)
	return err
}

// userFunctions looks into every function of the user's.
func userFunctions(b *policy.Bound) []checkText {
	out := []checkText{}
	for _, fn := range advisor.UserFunctions(b.Catalog) {
		if fn.Extension != "" {
			continue
		}
		a := rewriter.AnalyseFunction(b, fn)
		list := func(s []string) []string { return append([]string{}, s...) }
		out = append(out, checkText{Function: advisor.FunctionName(fn), Vouched: b.Vouched(fn.OID, "") != nil,
			Reads: list(a.Reads), Writes: list(a.Writes), Calls: list(a.Calls), Notes: list(a.Notes)})
	}
	return out
}

func (f *checkText) print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "\nfunction %s\n", f.Function); err != nil {
		return err
	}
	lines := 0
	for _, part := range []struct {
		what string
		list []string
	}{{"reads", f.Reads}, {"writes", f.Writes}, {"calls", f.Calls}, {"note", f.Notes}} {
		if len(part.list) == 0 {
			continue
		}
		lines++
		if _, err := fmt.Fprintf(w, "    %s: %s\n", part.what, strings.Join(part.list, ", ")); err != nil {
			return err
		}
	}
	if lines > 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, "    reads no table and calls no function of yours")
	return err
}

// table writes aligned columns.
type table struct{ *tabwriter.Writer }

// row writes one line. What fails shows in Flush.
func (t *table) row(cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			_, _ = t.Write([]byte{'\t'})
		}
		_, _ = t.Write([]byte(cell))
	}
	_, _ = t.Write([]byte{'\n'})
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
