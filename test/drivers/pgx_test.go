package drivers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/test/drivers/stack"
)

// pgxModes are all of pgx's ways to run a query.
var pgxModes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement,
	pgx.QueryExecModeCacheDescribe,
	pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec,
	pgx.QueryExecModeSimpleProtocol,
}

// inEachPgxMode runs a case in both worlds for each mode.
func inEachPgxMode(t *testing.T, run func(t *testing.T, ctx context.Context, conn *pgx.Conn, r *report)) {
	for _, mode := range pgxModes {
		t.Run(mode.String(), func(t *testing.T) {
			sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				run(t, ctx, connectPgx(t, ctx, e.URL(), mode, r), r)
			})
		})
	}
}

func connectPgx(t *testing.T, ctx context.Context, url string, mode pgx.QueryExecMode, r *report) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { r.say("%s %s: %s", n.Severity, n.Code, n.Message) }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// pgError writes what an application can read off an error.
func pgError(err error) string {
	var e *pgconn.PgError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return fmt.Sprintf("%s %s: %s (constraint %q)", e.Severity, e.Code, e.Message, e.ConstraintName)
	}
	return err.Error()
}

// rows runs a query and reports its columns, values, command tag and error.
func rows(ctx context.Context, conn interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, r *report, sql string, args ...any) {
	result, err := conn.Query(ctx, sql, args...)
	if err != nil {
		r.say("%s: %s", sql, pgError(err))
		return
	}
	defer result.Close()
	for result.Next() {
		values, err := result.Values()
		r.say("%s: %v %s", sql, values, pgError(err))
	}
	var columns []string
	for _, f := range result.FieldDescriptions() {
		columns = append(columns, fmt.Sprintf("%s:%d", f.Name, f.DataTypeOID))
	}
	r.say("%s: %v %s %s", sql, columns, result.CommandTag(), pgError(result.Err()))
}

func TestPgxSeesOneTenant(t *testing.T) {
	inEachPgxMode(t, func(t *testing.T, ctx context.Context, conn *pgx.Conn, r *report) {
		for range 2 {
			rows(ctx, conn, r, "select * from customers order by id")
			rows(ctx, conn, r, "select id, name from customers where id = $1", 1)
			rows(ctx, conn, r, "select o.id, c.name from orders o join customers c on c.id = o.customer_id where o.amount > $1 order by 1", 6.5)
			rows(ctx, conn, r, "select count(*), sum(amount) from orders")
			rows(ctx, conn, r, "select c.name, count(o.id) from customers c left join orders o on o.customer_id = c.id group by c.name order by 1")
			rows(ctx, conn, r, "select name from countries order by code")
		}
	})
}

func TestPgxErrors(t *testing.T) {
	inEachPgxMode(t, func(t *testing.T, ctx context.Context, conn *pgx.Conn, r *report) {
		for _, sql := range []string{
			"insert into customers (id, name) values (1, 'twice')",
			"insert into orders (id, customer_id, amount) values (500, 404, 1)",
			"insert into orders (id, customer_id, amount) values (500, 1, -1)",
			"insert into customers (id) values (500)",
			"selec 1",
			"select * from nowhere",
			"select nothing from customers",
			"select 1/0",
		} {
			rows(ctx, conn, r, sql)
		}
		rows(ctx, conn, r, "select id from customers where id = $1", 2)
	})
}

func TestPgxTransactions(t *testing.T) {
	inEachPgxMode(t, func(t *testing.T, ctx context.Context, conn *pgx.Conn, r *report) {
		count := "select count(*) from customers where id between 100 and 199"
		committed, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		rows(ctx, committed, r, "insert into customers (id, name) values ($1, $2)", 100, "kept")
		r.say("commit: %s", pgError(committed.Commit(ctx)))
		rows(ctx, conn, r, count)

		rolledBack, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		if err != nil {
			t.Fatal(err)
		}
		rows(ctx, rolledBack, r, "insert into customers (id, name) values ($1, $2)", 101, "dropped")
		nested, err := rolledBack.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		rows(ctx, nested, r, "insert into customers (id, name) values ($1, $2)", 1, "twice")
		rows(ctx, nested, r, "select 1")
		r.say("rollback to savepoint: %s", pgError(nested.Rollback(ctx)))
		rows(ctx, rolledBack, r, count)
		r.say("status %c", conn.PgConn().TxStatus())
		r.say("rollback: %s", pgError(rolledBack.Rollback(ctx)))
		rows(ctx, conn, r, count)

		failed, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		rows(ctx, failed, r, "select 1/0")
		r.say("status %c", conn.PgConn().TxStatus())
		rows(ctx, failed, r, "select 1")
		r.say("commit of a failed transaction: %s", pgError(failed.Commit(ctx)))
		r.say("status %c", conn.PgConn().TxStatus())
		rows(ctx, conn, r, "delete from customers where id between 100 and 199")
	})
}

func TestPgxBatch(t *testing.T) {
	inEachPgxMode(t, func(t *testing.T, ctx context.Context, conn *pgx.Conn, r *report) {
		for _, failing := range []bool{false, true} {
			batch := &pgx.Batch{}
			batch.Queue("insert into customers (id, name) values ($1, $2)", 200, "batched")
			batch.Queue("select id, name from customers where id >= $1 order by id", 3)
			if failing {
				batch.Queue("select 100 / (id - 2) from customers where id = $1", 2)
			}
			batch.Queue("update customers set name = upper(name) where id = $1 returning name", 200)
			batch.Queue("delete from customers where id = $1", 200)
			results := conn.SendBatch(ctx, batch)
			for i := range batch.Len() {
				result, err := results.Query()
				if err != nil {
					r.say("%d: %s", i, pgError(err))
					continue
				}
				for result.Next() {
					values, err := result.Values()
					r.say("%d: %v %s", i, values, pgError(err))
				}
				result.Close()
				r.say("%d: %s %s", i, result.CommandTag(), pgError(result.Err()))
			}
			r.say("close: %s", pgError(results.Close()))
			rows(ctx, conn, r, "select count(*) from customers")
		}
	})
}

// TestPgxPrepared shows that a client never sees the tenant's parameter.
func TestPgxPrepared(t *testing.T) {
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn := connectPgx(t, ctx, e.URL(), pgx.QueryExecModeCacheStatement, r)
		describe(t, ctx, conn, r, "", "select name from customers where id = $1 and country = $2")
		describe(t, ctx, conn, r, "none", "select count(*) from orders")
		describe(t, ctx, conn, r, "join", "select o.id from orders o left join customers c on c.id = o.customer_id and c.name = $2 where o.amount < $1 order by 1")
		describe(t, ctx, conn, r, "insert", "insert into orders (id, customer_id, amount) values ($1, $2, $3) returning id")
		describe(t, ctx, conn, r, "delete", "delete from orders where id = $1")

		raw := conn.PgConn()
		for _, args := range [][][]byte{nil, {[]byte("5")}, {[]byte("8"), []byte("Ada")}, {[]byte("8"), []byte("Ada"), []byte("globex")}} {
			result := raw.ExecPrepared(ctx, "join", args, nil, nil).Read()
			r.say("%d arguments: %q %s %s", len(args), result.Rows, result.CommandTag, pgError(result.Err))
		}
		r.say("deallocate: %s", pgError(conn.Deallocate(ctx, "join")))
		result := raw.ExecPrepared(ctx, "join", nil, nil, nil).Read()
		r.say("after it: %s", pgError(result.Err))
		result = raw.ExecParams(ctx, "select name from customers where id = $1", [][]byte{[]byte("2")}, nil, nil, []int16{1}).Read()
		r.say("unnamed: %q %s", result.Rows, pgError(result.Err))
	})
}

func describe(t *testing.T, ctx context.Context, conn *pgx.Conn, r *report, name, sql string) {
	t.Helper()
	d, err := conn.PgConn().Prepare(ctx, name, sql, nil)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var columns []string
	for _, f := range d.Fields {
		columns = append(columns, fmt.Sprintf("%s:%d", f.Name, f.DataTypeOID))
	}
	r.say("%s: parameters %v, columns %v", sql, d.ParamOIDs, columns)
}

func TestPgxSimpleProtocol(t *testing.T) {
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn := connectPgx(t, ctx, e.URL(), pgx.QueryExecModeSimpleProtocol, r)
		for _, sql := range []string{
			"select 1; select id from customers order by id; select 'three'",
			"select 1; select 1/0; select 2",
			"", ";", "-- comment",
			"commit", "begin; begin; rollback",
		} {
			results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
			for _, result := range results {
				r.say("%q: %q %s %s", sql, result.Rows, result.CommandTag, pgError(result.Err))
			}
			r.say("%q: %s", sql, pgError(err))
		}
	})
}

func TestPgxCancel(t *testing.T) {
	for _, mode := range pgxModes {
		t.Run(mode.String(), func(t *testing.T) {
			sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				conn := connectPgx(t, ctx, e.URL(), mode, r)
				// Rows that come one by one: the statement is running when the first is here.
				result, err := conn.Query(ctx, "select generate_series(1, 1000000000)")
				if err != nil {
					t.Fatal(err)
				}
				if !result.Next() {
					t.Fatalf("no row: %v", result.Err())
				}
				if err := conn.PgConn().CancelRequest(ctx); err != nil {
					t.Fatal(err)
				}
				result.Close()
				r.say("cancelled: %s", pgError(result.Err()))
				rows(ctx, conn, r, "select id from customers where id = $1", 1)
			})
		})
	}
}

func TestPgxRefusals(t *testing.T) {
	e := proxied(t)
	for _, mode := range pgxModes {
		t.Run(mode.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			conn := connectPgx(t, ctx, e.URL(), mode, &report{})
			for _, sql := range refusedStatements {
				_, err := conn.Exec(ctx, sql)
				var pgErr *pgconn.PgError
				if !errors.As(err, &pgErr) {
					t.Errorf("%s: %v, want a refusal", sql, err)
					continue
				}
				expectRefusal(t, sql, pgErr.Code, pgErr.Message, pgErr.Detail+pgErr.Hint)
			}
			var id int
			if err := conn.QueryRow(ctx, "select id from customers where id = $1", 1).Scan(&id); err != nil || id != 1 {
				t.Errorf("after the refusals: %d, %v", id, err)
			}
		})
	}
}

func TestPgxLogin(t *testing.T) {
	sameInBothWorlds(t, func(t *testing.T, e stack.Endpoint, r *report) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, parameters := range [][]string{
			{}, {"sslmode=require"}, {"sslmode=prefer"}, {"sslmode=allow"},
			{"application_name=a probe"},
			{"options=-c search_path=public -c application_name=by\\ options"},
			{"options=-c search_path=nowhere"},
			{"timezone=Asia/Tokyo", "datestyle=German"},
			{"sslmode=require", "sslnegotiation=postgres"},
			{"min_protocol_version=3.0", "max_protocol_version=3.2"},
		} {
			conn, err := pgx.Connect(ctx, e.URL(parameters...))
			if err != nil {
				r.say("%v: %s", parameters, pgError(err))
				continue
			}
			r.say("%v: TLS %t", parameters, conn.PgConn().Conn() != nil && isTLS(conn.PgConn().Conn()))
			for _, status := range []string{"application_name", "TimeZone", "DateStyle", "client_encoding", "session_authorization", "is_superuser"} {
				r.say("%v: %s=%s", parameters, status, conn.PgConn().ParameterStatus(status))
			}
			rows(ctx, conn, r, "show application_name")
			rows(ctx, conn, r, "select count(*) from customers")
			conn.Close(ctx)
		}
		for _, login := range []stack.Endpoint{
			e.As(stack.User, "wrong"), e.As(stack.User, ""), e.As("nobody_at_all", stack.Password), e.As(stack.OtherUser, stack.Password),
		} {
			for _, mode := range []string{"disable", "require"} {
				_, err := pgx.Connect(ctx, login.URL("sslmode="+mode))
				var pgErr *pgconn.PgError
				if !errors.As(err, &pgErr) {
					t.Fatalf("%s, sslmode %s: %v, want an error of the server's", login.User, mode, err)
				}
				r.say("%s, sslmode %s: %s", login.User, mode, pgError(pgErr))
			}
		}
	})
}

// TestPgxRefusedSettings: what a client puts into its connection string is a SET.
func TestPgxRefusedSettings(t *testing.T) {
	e := proxied(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, parameter := range []string{
		"role=postgres", "ROLE=postgres", "session_authorization=postgres", "row_security=off", "standard_conforming_strings=off",
		"session_preload_libraries=x", "no_such_setting=1", "debug_print_plan=on", "pgcordon.tenant=globex",
		"options=-c role=postgres", "options=--role=postgres", "options=-c pgcordon.tenant=globex", "replication=database",
	} {
		conn, err := pgx.Connect(ctx, e.URL(parameter))
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pgErr.Severity != "FATAL" {
			t.Errorf("%s: %v, want FATAL", parameter, err)
		}
		if err == nil {
			conn.Close(ctx)
		}
	}
}

func TestPgxOtherTenant(t *testing.T) {
	e := proxied(t).As(stack.OtherUser, stack.OtherPassword)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, mode := range pgxModes {
		conn := connectPgx(t, ctx, e.URL(), mode, &report{})
		result, err := conn.Query(ctx, "select id from customers order by id")
		if err != nil {
			t.Fatal(err)
		}
		ids, err := pgx.CollectRows(result, pgx.RowTo[int64])
		if err != nil || !slices.Equal(ids, []int64{1, 7}) {
			t.Errorf("%s: globex sees customers %v, want 1 and 7 (%v)", mode, ids, err)
		}
	}
}
