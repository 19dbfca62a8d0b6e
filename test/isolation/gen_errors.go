package isolation

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Statements that Postgres refuses when it analyses them. What the client reads then speaks of its own text: the names as it wrote them, and
// positions in it, whatever way the statement was sent.

// NewErrorBatch makes steps of which most are such statements.
func NewErrorBatch(r *rand.Rand, s *Schema, size int) *Batch {
	g := &generator{Rand: r, s: s, path: s.Path}
	b := &Batch{Schema: s, Rows: NewRows(r, s)}
	for len(b.Steps) < size {
		g.tenants = []int{g.IntN(Tenants)}
		b.Steps = append(b.Steps, g.mistaken())
	}
	return b
}

// mistaken makes one such statement, sent in one of the ways in which a statement can be.
func (g *generator) mistaken() *Step {
	step := g.statement(func() (*Node, string, bool) {
		sql := g.mistake()
		g.aliases++
		switch query := strings.HasPrefix(sql, "SELECT"); g.IntN(9) {
		case 0:
			sql = g.word("EXPLAIN ", "EXPLAIN (COSTS off) ") + sql
		case 1:
			sql = fmt.Sprintf("PREPARE mine%d AS %s", g.aliases, sql)
		case 2:
			if query {
				sql = fmt.Sprintf("DECLARE mine%d CURSOR WITH HOLD FOR %s", g.aliases, sql)
			}
		case 3:
			if query {
				sql = "COPY (" + sql + ") TO STDOUT"
			}
		case 4:
			sql = "WITH x AS (" + sql + ") SELECT 1 FROM x"
			if !query {
				sql = strings.Replace(sql, ") SELECT", " RETURNING *) SELECT", 1)
			}
		case 5:
			if query {
				sql = "SELECT 'ä€' AS word, (" + sql + ") FROM countries"
			}
		case 6:
			sql = "/* 'ü' */  \n" + sql
		}
		return n(sql), "mistake", false
	})
	if step.Mode == CopyOut || strings.HasPrefix(step.Query.SQL(), "COPY") {
		step.Mode = SimpleQuery
	}
	step.Views, step.Mistaken, step.NoHints = true, true, g.s.Hidden
	return step
}

// mistake makes a SELECT, or a statement that writes, with an error in it.
func (g *generator) mistake() string {
	t := pick(g, g.readable())
	if g.chance(30) {
		return g.mistakenWrite(pick(g, g.bases()))
	}
	name, alias := g.tableName(t), ident(t.Name)
	from := name
	if g.chance(50) {
		alias = g.alias()
		from = name + g.word(" ", " AS ") + alias
	}
	c := ident(pick(g, t.Columns).Name)
	if g.chance(50) {
		c = alias + "." + c
	}
	switch g.IntN(12) {
	case 0, 1, 2:
		return fmt.Sprintf("SELECT %s FROM %s", g.mistakenValue(alias, c), from)
	case 3, 4:
		return fmt.Sprintf("SELECT 1 FROM %s WHERE %s = 1", from, g.mistakenValue(alias, c))
	case 5:
		return fmt.Sprintf("SELECT count(*) FROM %s GROUP BY %s", from, g.mistakenValue(alias, c))
	case 6:
		return fmt.Sprintf("SELECT 1 FROM %s ORDER BY %s", from, g.mistakenValue(alias, c))
	case 7:
		return fmt.Sprintf("SELECT %s, count(*) FROM %s", c, from)
	case 8:
		return fmt.Sprintf("SELECT 1 FROM countries %s JOIN %s ON %s", g.word("LEFT", "RIGHT", ""), from, g.mistakenValue(alias, c)+" = 1")
	case 9:
		return fmt.Sprintf("SELECT 1 FROM countries %s JOIN %s USING (%s)", g.word("LEFT", "", "FULL"), from, g.word("nosuch", "code", "rank", "name"))
	case 10:
		return fmt.Sprintf("SELECT 1 FROM %s WHERE id IN (SELECT %s FROM %s)", from, g.mistakenValue(alias, c), g.tableName(pick(g, g.readable())))
	default:
		return fmt.Sprintf("SELECT 1 FROM %s", g.word("nosuch", "public.nosuch", "nosuch.orders", "generate_series('a', true)", "lower(1)", "pg_catalog.lower(1, 2) AS f"))
	}
}

// mistakenWrite makes a statement that writes.
func (g *generator) mistakenWrite(t *Table) string {
	name, alias := g.tableName(t), ident(t.Name)
	target := name
	if g.chance(50) {
		alias = g.alias()
		target = name + " AS " + alias
	}
	c := ident(pick(g, t.Columns).Name)
	value := g.mistakenValue(alias, alias+"."+c)
	plain := g.mistakenValue(alias, "1")
	switch g.IntN(10) {
	case 0:
		return fmt.Sprintf("UPDATE %s SET note = %s", target, value)
	case 1:
		return fmt.Sprintf("UPDATE %s SET nosuch = 1", target)
	case 2:
		return fmt.Sprintf("DELETE FROM %s WHERE %s = 1", target, value)
	case 3:
		return fmt.Sprintf("INSERT INTO %s (id, note) VALUES (1, %s)", target, plain)
	case 4:
		return fmt.Sprintf("INSERT INTO %s (id, nosuch) VALUES (1, 2)", target)
	case 5:
		return fmt.Sprintf("INSERT INTO %s (id, note) SELECT 1, %s", target, plain)
	case 6:
		return fmt.Sprintf("UPDATE %s SET note = 'ö' FROM countries WHERE %s = 1", target, value)
	case 7:
		return fmt.Sprintf("MERGE INTO %s USING countries ON %s = 1 WHEN MATCHED THEN UPDATE SET note = %s", target, g.word(value, alias+".id"), value)
	case 8:
		return fmt.Sprintf("INSERT INTO %s (id, code) VALUES (1, 'c') ON CONFLICT (nosuch) DO UPDATE SET note = 'b'", target)
	default:
		return fmt.Sprintf("INSERT INTO %s (id, code) VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET note = %s", target, value)
	}
}

// mistakenValue makes an expression that most often is wrong over a column c of the item alias.
func (g *generator) mistakenValue(alias, c string) string {
	return strings.NewReplacer("<t>", alias, "<c>", c, "<tenant>", ident(pick(g, g.bases()).tenantColumn().Name+"x")).Replace(pick(g, []string{
		"nosuch(<c>)", "nosuch()", "public.nosuch(<c>, 'a')", "nosuch.lower('a')", "pg_catalog.nosuch(1)",
		"lower(<c>, 1)", "lower(1)", "pg_catalog.lower(1)", "lower(1) || pg_catalog.upper(2)", "pg_catalog.lower('a') || upper(2)",
		"abs(<c>::text)", "round('a'::text, 1)", "lower(DISTINCT 'a')", "pg_catalog.lower('a') OVER ()", "lower(*)", "row_number()", "rank(1)",
		"lower('a') FILTER (WHERE true)", "percentile_cont(0.5)", "lower(a => 'b')", "length(VARIADIC ARRAY['a'])", "mode() OVER ()",
		"substring(true FROM 1)", "trim(1)", "position(1 IN 2)", "overlay(1 PLACING 2 FROM 3)", "extract(nosuch FROM 1)", "(now() AT TIME ZONE true)",
		"<c> + true", "true + <c>", "- 'a'::text", "1 OPERATOR(pg_catalog.||) 2", "1 || 2", "(1 = 'a'::text)", "(true LIKE 1)", "(1 ~ 2)", "(1 BETWEEN true AND 2)",
		"(1 IN (true))", "(1, 2) = (1, true)", "NULLIF(1, true)", "COALESCE(1, true)", "CASE 1 WHEN true THEN 2 END", "GREATEST(1, true)", "(1 = ANY (ARRAY[true]))", "(1 IS DISTINCT FROM true)",
		"'a'::text(3)", "'a'::nosuch", "'a'::pg_catalog.nosuch", "'a'::public.nosuch", "true::date", "CAST(1 AS pg_catalog.date)", "1::pg_catalog.uuid", "'a'::varchar(0)", "1::json", "ARRAY[1]::date[]", "date 'x' + true",
		"nosuch", "<tenant>", "<t>.<tenant>", "(SELECT <tenant>)", "<t>.nosuch", "nosuch.id", "public.nosuch.id", "orders.nosuch", "orders.id", "customers.id", "public.orders.id", "billing.orders.id", "(<t>).nosuch", "(<c>).nosuch", "<t>.lower",
		"noet", "<t>.noet", "<t>.qy", "qy", "sum(count(*))", "(SELECT 1, 2)", "<c>[1]", "ROW(1, 2) = 1", "(SELECT nosuch)", "(SELECT nosuch(<c>))", "(VALUES (1), (true))",
		"exists(SELECT lower(1))", "sum(nosuch)", "sum(lower(1))", "generate_series(1, 2) + sum(1)", "array_agg(1 ORDER BY nosuch)", "(<c> COLLATE nosuch)", `(<c> COLLATE "C")`, "'pg_catalog.lower'::int", "($1).a",
		"to_char(<c>)", "jsonb_build_object(1) -> true", "cast('{' AS jsonb) ->> 1", "lower(nosuch(1))", "nosuch(lower(1))",
	}))
}
