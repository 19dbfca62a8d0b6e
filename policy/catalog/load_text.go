package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// LoadText reads the snapshot through ask, which runs a query of one text column and returns its rows. So a session can read the catalog
// as its own open transaction has changed it. The search_path of the transaction is set, and set back before LoadText returns.
func LoadText(ask func(sql string) ([]string, error)) (_ *Snapshot, err error) {
	t := &texts{ask: ask}
	defer func() { err = errors.Join(err, t.restore()) }()
	return (&loader{reader: t, snap: newSnapshot()}).load()
}

// texts is the reader of a session: rows come as JSON, one text each.
type texts struct {
	ask  func(sql string) ([]string, error)
	path string
	set  bool
}

// plainNames sets the search_path until the transaction ends; restore comes before that.
func (t *texts) plainNames() error {
	rows, err := t.ask(`SELECT pg_catalog.current_setting('search_path')`)
	if err != nil || len(rows) != 1 {
		return errors.Join(err, errNoRow)
	}
	t.path, t.set = rows[0], true
	_, err = t.ask(`SELECT pg_catalog.set_config('search_path', '', true)`)
	return err
}

var errNoRow = errors.New("one row was expected")

func (t *texts) restore() error {
	if !t.set {
		return nil
	}
	_, err := t.ask(`SELECT pg_catalog.set_config('search_path', '` + strings.ReplaceAll(t.path, "'", "''") + `', true)`)
	return err
}

func (t *texts) each(sql string, dest []any, row func()) error {
	names := make([]string, len(dest))
	for i := range dest {
		names[i] = fmt.Sprintf("c%d", i)
	}
	rows, err := t.ask("SELECT pg_catalog.row_to_json(r)::pg_catalog.text FROM (" + sql + ") AS r(" + strings.Join(names, ", ") + ")")
	if err != nil {
		return err
	}
	for _, text := range rows {
		var values map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &values); err != nil {
			return err
		}
		for i, d := range dest {
			if err := assign(values[names[i]], d); err != nil {
				return fmt.Errorf("column %d: %w", i+1, err)
			}
		}
		row()
	}
	return nil
}

// assign reads a value as Postgres writes it in JSON: numbers of type oid stand in quotes, and so does a "char".
func assign(v json.RawMessage, dest any) error {
	switch d := dest.(type) {
	case *uint32:
		return json.Unmarshal(unquote(v), d)
	case *byte:
		if len(v) == 3 && v[0] == '"' {
			*d = v[1]
			return nil
		}
		return json.Unmarshal(v, d)
	case *[]uint32:
		var elements []json.RawMessage
		if err := json.Unmarshal(v, &elements); err != nil {
			return err
		}
		*d = make([]uint32, len(elements))
		for i, e := range elements {
			if err := json.Unmarshal(unquote(e), &(*d)[i]); err != nil {
				return err
			}
		}
		return nil
	case *string, *bool, *int, *int16, *float64, *[]string:
		return json.Unmarshal(v, d)
	}
	return fmt.Errorf("a %T cannot be read", dest)
}

func unquote(v json.RawMessage) json.RawMessage {
	if len(v) >= 2 && v[0] == '"' {
		return v[1 : len(v)-1]
	}
	return v
}
