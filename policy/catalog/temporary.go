package catalog

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// TemporarySchema is the name by which a session names its own schema of temporary tables (Postgres manual, search_path).
const TemporarySchema = "pg_temp"

// Temporary holds the temporary tables of one session. They are in no Snapshot, since no other session can name them. It is immutable.
type Temporary struct {
	// Relations are the tables by name. Their OIDs are not the server's: they tell the tables of one set apart, and are the same wherever Key is.
	Relations map[string]*Relation
	// Key is equal for two sets of tables that a statement cannot tell apart.
	Key string
}

// TemporaryQuery reads the temporary tables of the session that runs it: one text a table, for ParseTemporary. What a session can make a
// proxy keep is bounded: tables beyond a MiB of text are left out, and cannot be named.
const TemporaryQuery = `SELECT t FROM (SELECT t, sum(pg_catalog.length(t)) OVER (ORDER BY oid) AS total FROM (
SELECT c.oid, pg_catalog.json_build_object('Name', c.relname, 'Columns',
  coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object('Name', a.attname, 'Num', a.attnum, 'TypeOID', a.atttypid::pg_catalog.int8,
      'TypeName', pg_catalog.format_type(a.atttypid, NULL), 'NotNull', a.attnotnull, 'HasDefault', a.atthasdef, 'Collation', coalesce(nullif(a.attcollation, 100), 0)::pg_catalog.int8) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]'))::pg_catalog.text AS t
  FROM pg_catalog.pg_class c WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() AND c.relkind = 'r') AS tables) AS bounded
WHERE total <= 1048576`

// ParseTemporary reads what TemporaryQuery returned; nil stands for no tables.
func ParseTemporary(rows []string) (*Temporary, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	rows = slices.Sorted(slices.Values(rows))
	t := &Temporary{Relations: make(map[string]*Relation, len(rows)), Key: strings.Join(rows, "\n")}
	for i, row := range rows {
		r := &Relation{OID: math.MaxUint32 - uint32(i)}
		if err := json.Unmarshal([]byte(row), r); err != nil {
			return nil, fmt.Errorf("reading a temporary table: %w", err)
		}
		r.Schema, r.Kind = TemporarySchema, Table
		t.Relations[r.Name] = r
	}
	return t, nil
}
