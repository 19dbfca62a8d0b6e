package drivers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/lib/pq"

	"pgcordon/test/drivers/stack"
)

func pqError(err error) string {
	var e *pq.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return fmt.Sprintf("%s %s: %s (constraint %q)", e.Severity, e.Code, e.Message, e.Constraint)
	}
	return err.Error()
}

// inBothPqModes runs a case with lib/pq's two ways to send parameters.
func inBothPqModes(t *testing.T, run func(t *testing.T, ctx context.Context, conn *sql.Conn, r *report)) {
	for _, binary := range []string{"no", "yes"} {
		t.Run("binary_parameters="+binary, func(t *testing.T) {
			sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				run(t, ctx, connectPq(t, ctx, e.URL("binary_parameters="+binary)), r)
			})
		})
	}
}

func connectPq(t *testing.T, ctx context.Context, url string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// querier is a *sql.Conn, *sql.Tx or a prepared statement's adapter.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func pqRows(ctx context.Context, q querier, r *report, query string, args ...any) {
	result, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		r.say("%s: %s", query, pqError(err))
		return
	}
	defer result.Close()
	for {
		columns, err := result.Columns()
		if err != nil {
			r.say("%s: %s", query, pqError(err))
			return
		}
		for result.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			err := result.Scan(values...)
			for i, v := range values {
				values[i] = *v.(*any)
			}
			r.say("%s: %v %s", query, values, pqError(err))
		}
		r.say("%s: %v %s", query, columns, pqError(result.Err()))
		if !result.NextResultSet() {
			return
		}
	}
}

func TestPqSeesOneTenant(t *testing.T) {
	inBothPqModes(t, func(t *testing.T, ctx context.Context, conn *sql.Conn, r *report) {
		pqRows(ctx, conn, r, "select * from customers order by id")
		pqRows(ctx, conn, r, "select id, name from customers where id = $1", 1)
		pqRows(ctx, conn, r, "select 1; select id from customers order by id; select 'three'")
		pqRows(ctx, conn, r, "select 1; select 1/0; select 3")
		pqRows(ctx, conn, r, "")
		pqRows(ctx, conn, r, "select o.note from orders o join customers c on c.id = o.customer_id where c.name = $1 order by 1", "Bela")

		statement, err := conn.PrepareContext(ctx, "select name from customers where id = $1")
		if err != nil {
			t.Fatal(err)
		}
		defer statement.Close()
		for id := range 4 {
			var name string
			err := statement.QueryRowContext(ctx, id).Scan(&name)
			r.say("prepared, %d: %q %v", id, name, err)
		}
		_, err = statement.QueryContext(ctx, 1, 2)
		r.say("two arguments for one parameter: %v", err)
	})
}

func TestPqTypes(t *testing.T) {
	inBothPqModes(t, func(t *testing.T, ctx context.Context, conn *sql.Conn, r *report) {
		_, err := conn.ExecContext(ctx, insertSample, 1, -32768, 2147483647, int64(-9223372036854775808), "-1.000012345", 0.1,
			"Größe 漢字 🐘 'quoted' \\", []byte{0, 1, 0xff}, true, "2024-02-29", "1999-12-31 23:59:59.123456+00",
			"01020304-0506-0708-090a-0b0c0d0e0f10", `{"a": [1, null]}`, pq.Array([]int32{1, -2}), pq.Array([]string{"a,b", `{"x"}`}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.ExecContext(ctx, insertSample, 2, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for id := 1; id <= 2; id++ {
			pqRows(ctx, conn, r, selectSample, id)
		}
		var bin []byte
		var ints []int32
		if err := conn.QueryRowContext(ctx, "select bin, ints from samples where id = 1").Scan(&bin, pq.Array(&ints)); err != nil {
			t.Fatal(err)
		}
		r.say("%x %v", bin, ints)
		pqRows(ctx, conn, r, "select id from samples where id = any($1) order by 1", pq.Array([]int{1, 2, 3}))
		pqRows(ctx, conn, r, "delete from samples returning id")
	})
}

func TestPqTransactions(t *testing.T) {
	inBothPqModes(t, func(t *testing.T, ctx context.Context, conn *sql.Conn, r *report) {
		begin := func(options *sql.TxOptions) *sql.Tx {
			tx, err := conn.BeginTx(ctx, options)
			if err != nil {
				t.Fatal(err)
			}
			return tx
		}
		tx := begin(nil)
		pqRows(ctx, tx, r, "insert into customers (id, name) values ($1, $2) returning id", 300, "kept")
		r.say("commit: %s", pqError(tx.Commit()))
		tx = begin(&sql.TxOptions{Isolation: sql.LevelSerializable})
		pqRows(ctx, tx, r, "update customers set name = $1 where id = $2 returning name", "lost", 300)
		pqRows(ctx, tx, r, "savepoint s")
		pqRows(ctx, tx, r, "insert into customers (id, name) values ($1, $2)", 1, "twice")
		pqRows(ctx, tx, r, "select 1")
		pqRows(ctx, tx, r, "rollback to s")
		pqRows(ctx, tx, r, "select name from customers where id = 300")
		r.say("rollback: %s", pqError(tx.Rollback()))
		tx = begin(nil)
		pqRows(ctx, tx, r, "select 1/0")
		r.say("commit of a failed transaction: %v", tx.Commit())
		tx = begin(&sql.TxOptions{ReadOnly: true})
		pqRows(ctx, tx, r, "delete from customers where id = 300")
		r.say("rollback: %s", pqError(tx.Rollback()))
		result, err := conn.ExecContext(ctx, "delete from customers where id = 300 and name = 'kept'")
		if err != nil {
			t.Fatal(err)
		}
		affected, err := result.RowsAffected()
		r.say("deleted %d %v", affected, err)
	})
}

func TestPqErrors(t *testing.T) {
	inBothPqModes(t, func(t *testing.T, ctx context.Context, conn *sql.Conn, r *report) {
		pqRows(ctx, conn, r, "insert into customers (id, name) values ($1, $2)", 1, "twice")
		pqRows(ctx, conn, r, "selec 1")
		pqRows(ctx, conn, r, "selec $1", 1)
		pqRows(ctx, conn, r, "select * from nowhere")
		pqRows(ctx, conn, r, "select * from nowhere where id = $1", 1)
		pqRows(ctx, conn, r, "select id from customers where id = $1", "no number")
		pqRows(ctx, conn, r, "select 1/$1::int", 0)
		pqRows(ctx, conn, r, "select id from customers where id = $1", 2)
	})
}

func TestPqCancel(t *testing.T) {
	inBothPqModes(t, func(t *testing.T, ctx context.Context, conn *sql.Conn, r *report) {
		cancellable, cancel := context.WithCancel(ctx)
		defer cancel()
		result, err := conn.QueryContext(cancellable, "select generate_series(1, 1000000000)")
		if err != nil {
			t.Fatal(err)
		}
		if !result.Next() {
			t.Fatalf("no row: %v", result.Err())
		}
		cancel()
		for result.Next() {
		}
		r.say("cancelled: %t", result.Err() != nil)
		result.Close()
	})
}

func TestPqLogin(t *testing.T) {
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, login := range []struct{ name, url string }{
			{"plain", e.URL()},
			{"TLS", e.URL("sslmode=require")},
			{"options", e.URL("options=-c search_path=nowhere", "application_name=a probe")},
			{"wrong password", e.As(stack.User, "wrong").URL()},
			{"wrong password and TLS", e.As(stack.User, "wrong").URL("sslmode=require")},
			{"unknown user", e.As("nobody_at_all", stack.Password).URL()},
		} {
			db, err := sql.Open("postgres", login.url)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.PingContext(ctx); err != nil {
				r.say("%s: %s", login.name, pqError(err))
				continue
			}
			pqRows(ctx, db, r, "show application_name")
			pqRows(ctx, db, r, "select count(*) from customers")
		}
	})
}

func TestPqRefusals(t *testing.T) {
	e := proxied(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn := connectPq(t, ctx, e.URL())
	for _, query := range refusedStatements {
		_, err := conn.ExecContext(ctx, query)
		var pqErr *pq.Error
		if !errors.As(err, &pqErr) {
			t.Errorf("%s: %v, want a refusal", query, err)
			continue
		}
		expectRefusal(t, query, string(pqErr.Code), pqErr.Message, pqErr.Detail+pqErr.Hint)
	}
	if _, err := conn.ExecContext(ctx, "select 1"); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
}
