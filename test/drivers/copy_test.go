package drivers

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/drivers/stack"
)

const samplesOfCopy = "SELECT id, i4, txt, num FROM samples WHERE id >= 5000 ORDER BY id"

func TestPgxCopy(t *testing.T) {
	inEachPgxMode(t, func(t *testing.T, ctx context.Context, conn *pgx.Conn, r *report) {
		tx, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(ctx) }()
		for _, columns := range [][]string{{"id", "i4", "txt"}, {"txt", "tenant_id", "i4", "id"}} {
			n, err := tx.CopyFrom(ctx, pgx.Identifier{"samples"}, columns, pgx.CopyFromSlice(3000, func(i int) ([]any, error) {
				id := 5000 + i
				if len(columns) == 4 {
					return []any{strings.Repeat("text ", i%50), "acme", nil, id + 5000}, nil
				}
				return []any{id, i, "line\n\ttwo"}, nil
			}))
			r.say("CopyFrom %d %s", n, pgError(err))
		}
		rows(ctx, tx, r, samplesOfCopy)
		for _, sql := range []string{"COPY (" + samplesOfCopy + ") TO STDOUT", "COPY (" + samplesOfCopy + ") TO STDOUT (FORMAT binary)",
			"COPY (SELECT id FROM samples ORDER BY id) TO STDOUT (FORMAT csv, HEADER)"} {
			var b bytes.Buffer
			tag, err := conn.PgConn().CopyTo(ctx, &b, sql)
			r.say("CopyTo %s %s %q", tag, pgError(err), b.String())
		}
		for _, data := range []string{"9001,x\n9002,\"y\n\"\n", "9001,again\n", "one,x\n", "9003\n"} {
			if _, err := tx.Exec(ctx, "SAVEPOINT s"); err != nil {
				t.Fatal(err)
			}
			tag, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(data), "COPY samples (id, txt) FROM STDIN CSV")
			r.say("%q: %s %s", data, tag, pgError(err))
			if err != nil {
				_, err = tx.Exec(ctx, "ROLLBACK TO s")
				r.say("%s", pgError(err))
			}
		}
	})
}

func TestPqCopy(t *testing.T) {
	inBothPqModes(t, func(t *testing.T, ctx context.Context, conn *sql.Conn, r *report) {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		st, err := tx.PrepareContext(ctx, `COPY "samples" ("id", "i4", "txt") FROM STDIN`)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2000 {
			if _, err := st.ExecContext(ctx, 5000+i, i, "some\ttext\\"); err != nil {
				t.Fatal(err)
			}
		}
		_, err = st.ExecContext(ctx)
		r.say("flush: %s", pqError(err))
		r.say("close: %s", pqError(st.Close()))
		pqRows(ctx, tx, r, samplesOfCopy)
		if st, err = tx.PrepareContext(ctx, `COPY "samples" ("id") FROM STDIN`); err != nil {
			t.Fatal(err)
		}
		_, _ = st.ExecContext(ctx, "none") // the error comes at the end
		_, err = st.ExecContext(ctx)
		r.say("flush: %s", pqError(err))
	})
}

func TestPsqlCopy(t *testing.T) {
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		dir := t.TempDir()
		out, back := filepath.Join(dir, "out.csv"), filepath.Join(dir, "back.csv")
		script := `BEGIN;
\copy samples (id, txt) FROM STDIN
7001	one
7002	\N
\.
\copy samples (id, txt, tenant_id) FROM STDIN WITH (FORMAT csv, HEADER)
id,txt,tenant
7003,"three
lines",acme
\.
\copy (SELECT id, txt FROM samples WHERE id > 7000 ORDER BY id) TO '` + out + `' WITH (FORMAT csv, HEADER)
DELETE FROM samples WHERE id > 7000;
\copy samples (id, txt) FROM '` + out + `' WITH (FORMAT csv, HEADER)
\copy (SELECT id, txt FROM samples WHERE id > 7000 ORDER BY id) TO '` + back + `'
COPY (SELECT id, txt FROM samples WHERE id > 7000 ORDER BY id) TO STDOUT;
\copy samples (id) FROM STDIN
seven
\.
ROLLBACK;
`
		cmd := psql(t, ctx, e, "-a")
		cmd.Stdin = strings.NewReader(script)
		text, err := cmd.CombinedOutput()
		r.say("%s %v", strings.ReplaceAll(string(text), dir, "DIR"), err)
		for _, name := range []string{out, back} {
			b, err := os.ReadFile(name)
			r.say("%s %v", b, err)
		}
	})
}
