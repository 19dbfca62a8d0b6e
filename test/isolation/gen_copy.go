package isolation

import (
	"bytes"
	"context"
	"strings"
)

// copyOut makes a query whose rows are sent by COPY TO STDOUT.
func (g *generator) copyOut() *Step {
	step := g.statement(g.readOnly)
	step.Mode, step.BinaryResult, step.Kind = CopyOut, false, "COPY"
	step.Query = n("COPY (", step.Query, ") TO STDOUT", pick(g, []string{"", " WITH (FORMAT csv, HEADER)", " (FORMAT csv, FORCE_QUOTE *)", " WITH NULL 'null'"}))
	return step
}

// copy runs a COPY TO STDOUT: a line is a row.
func (c *client) copy(ctx context.Context, step *Step, a *Answer) error {
	var b bytes.Buffer
	tag, err := c.conn.CopyTo(ctx, &b, step.Query.SQL())
	if err == nil {
		a.Results = append(a.Results, Result{Rows: strings.SplitAfter(b.String(), "\n"), Tag: tag.String()})
	}
	return err
}

// copyIn runs a COPY FROM STDIN.
func (c *client) copyIn(ctx context.Context, step *Step, a *Answer) error {
	tag, err := c.conn.CopyFrom(ctx, strings.NewReader(step.Data.SQL()), step.Query.SQL())
	if err == nil {
		a.Results = append(a.Results, Result{Tag: tag.String()})
	}
	return err
}
