package isolation

import (
	"fmt"
	"slices"
	"strings"
)

// Report prints a finding for people: schema, rows, statements and both answers.
func (w *Worlds) Report(f *Finding) string {
	var b strings.Builder
	s := f.Batch.Schema
	fmt.Fprintf(&b, "%s\n\n-- tenants: %q, search_path %s\n", f.Text, s.IDs, idents(s.Path))
	var text strings.Builder
	for _, step := range f.Batch.Steps {
		text.WriteString(step.Query.SQL())
	}
	shown := w.shown(f, text.String())
	for ti, t := range s.Tables {
		if !slices.Contains(shown, t) {
			continue
		}
		fmt.Fprintf(&b, "\n-- %s, scope %s", t.Full(), t.Scope)
		if c := t.tenantColumn(); c != nil {
			fmt.Fprintf(&b, ", tenant column %s", ident(c.Name))
			if t.Shared != nil {
				b.WriteString(", hidden")
			}
		}
		b.WriteString("\n")
		switch {
		case t.View != "":
			fmt.Fprintf(&b, "CREATE VIEW %s AS %s;\n", t.Full(), t.in(-1).View)
			continue
		case t.PartitionOf != nil:
			fmt.Fprintf(&b, "-- a partition of %s\n", t.PartitionOf.Full())
			continue
		}
		s.createTable(&b, t.in(-1), -1)
		for slot := range slots {
			insertRows(&b, t, f.Batch.Rows[ti][slot], s.hiddenID(t, slot))
		}
	}
	for i, step := range f.Batch.Steps {
		w.reportStep(&b, f, i, step)
	}
	return b.String()
}

// shown are the tables that have rows left, or are named.
func (w *Worlds) shown(f *Finding, text string) []*Table {
	var out []*Table
	for ti, t := range f.Batch.Schema.Tables {
		named := strings.Contains(text, t.Name)
		for _, rows := range f.Batch.Rows[ti] {
			named = named || len(rows) > 0 && t.tenantColumn() != nil
		}
		if named {
			out = append(out, t)
		}
	}
	return out
}

func (w *Worlds) reportStep(b *strings.Builder, f *Finding, i int, step *Step) {
	mode := [...]string{"simple query", "extended query", "named statement", "COPY", "COPY with rows"}[step.Mode]
	if step.BinaryResult {
		mode += ", binary results"
	}
	fmt.Fprintf(b, "\n-- step %d: tenant %d, %s\n%s;\n", i+1, step.Tenant, mode, step.Query.SQL())
	if step.Data != nil {
		fmt.Fprintf(b, "-- rows: %q\n", step.Data.SQL())
	}
	if step.Mode != SimpleQuery {
		if sql, args := step.Query.Parametrized(); len(args) > 0 {
			fmt.Fprintf(b, "-- sent as: %s\n", sql)
			for k, a := range args {
				fmt.Fprintf(b, "--   $%d: %q %s, binary %t, declared %t\n", k+1, a.Text, a.Type.Name, a.Binary, a.Declare)
			}
		}
	}
	if w.front != nil {
		fmt.Fprintf(b, "-- rewritten: %s\n", w.front.Rewritten(step.Query.SQL()))
	}
	if i == f.Step {
		fmt.Fprintf(b, "\n-- through the proxy:\n%s\n-- in the tenant's own world:\n%s", printAnswer(f.Proxied), printAnswer(f.Own))
	}
}

const shownRows = 10

func printAnswer(a Answer) string {
	var b strings.Builder
	for _, r := range a.Results {
		fmt.Fprintf(&b, "--   %s\n", strings.Join(r.Columns, ", "))
		for i, row := range r.Rows {
			if i == shownRows {
				fmt.Fprintf(&b, "--   ... %d rows more\n", len(r.Rows)-i)
				break
			}
			fmt.Fprintf(&b, "--   %s\n", row)
		}
		fmt.Fprintf(&b, "--   %s\n", r.Tag)
	}
	if a.Err != nil {
		fmt.Fprintf(&b, "--   ERROR %s, position %d\n", describe(a.Err), a.Err.Position)
	}
	if a.Broken != "" {
		fmt.Fprintf(&b, "--   connection broken: %s\n", a.Broken)
	}
	for _, notice := range a.Notices {
		fmt.Fprintf(&b, "--   %s\n", notice)
	}
	fmt.Fprintf(&b, "--   transaction status %c\n", a.Status)
	return b.String()
}
