// Package grammar is libpg_query's parser and nothing else: the yardstick for what a rewriter that has to understand every statement cannot
// do without. The load and micro benchmarks measure it; the proxy does not use it.
package grammar

import pg "github.com/pganalyze/pg_query_go/v5"

// Parse parses SQL text into the tree that the rewriter works on, and forgets it.
func Parse(sql string) error {
	_, err := pg.Parse(sql)
	return err
}
