package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/bench/report"
	"pgcordon/bench/stand"
)

// makeBulk makes a table of many rows, and an empty one of the same shape.
func makeBulk(ctx context.Context, s *stand.Stand, z Sizes) error {
	const columns = "id int, tenant_id text NOT NULL DEFAULT 't1', name text, amount numeric(10,2), at timestamptz"
	for _, sql := range []string{
		"CREATE TABLE bulk (" + columns + "); CREATE TABLE bulk_in (" + columns + ")",
		fmt.Sprintf(`INSERT INTO bulk SELECT n, 't1', 'name of row ' || n, n %% 10000 / 100.0, timestamptz '2025-01-01' + n * interval '1 second'
		  FROM generate_series(1, %d) n`, z.BulkRows),
		"VACUUM ANALYZE bulk",
	} {
		if err := s.Exec(ctx, sql); err != nil {
			return err
		}
	}
	s.Publish("tenant", "bulk", "bulk_in")
	return nil
}

const bulkColumns = "id, name, amount, at"

// wire is a client without what an application does with its answers: pgconn, which leaves values as bytes.
type wire struct {
	conn *pgconn.PgConn
	// before and run are what prepare and transact do.
	before func(ctx context.Context) error
	run    func(ctx context.Context, conn *pgconn.PgConn) error
}

func (w *wire) prepare(ctx context.Context) error {
	if w.before == nil {
		return nil
	}
	return w.before(ctx)
}

func (w *wire) transact(ctx context.Context) error { return w.run(ctx, w.conn) }

func (w *wire) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = w.conn.Close(ctx) // the measurement is over
}

// driveBulk measures transactions of BulkRows rows each.
func driveBulk(ctx context.Context, j Job, before func(context.Context) error, run func(context.Context, *pgconn.PgConn) error) (report.Measurement, error) {
	m, err := drive(ctx, j, func(ctx context.Context, _ int) (client, error) {
		conn, err := pgconn.Connect(ctx, j.Target.ConnString(0))
		if err != nil {
			return nil, err
		}
		return &wire{conn: conn, before: before, run: run}, nil
	})
	m.RowsPerSecond = m.PerSecond * float64(j.Sizes.BulkRows)
	return m, err
}

func runBulkSelect(ctx context.Context, j Job) (report.Measurement, error) {
	return driveBulk(ctx, j, nil, func(ctx context.Context, conn *pgconn.PgConn) error {
		rows := conn.ExecParams(ctx, "SELECT "+bulkColumns+" FROM bulk", nil, nil, nil, nil)
		n := 0
		for rows.NextRow() {
			n++
		}
		if _, err := rows.Close(); err != nil {
			return err
		}
		return j.Sizes.all(n)
	})
}

// all reports rows that are missing: a target that loses some is not fast.
func (z Sizes) all(rows int) error {
	if rows != z.BulkRows {
		return fmt.Errorf("%d rows instead of %d", rows, z.BulkRows)
	}
	return nil
}

func runCopyOut(ctx context.Context, j Job) (report.Measurement, error) {
	return driveBulk(ctx, j, nil, func(ctx context.Context, conn *pgconn.PgConn) error {
		tag, err := conn.CopyTo(ctx, io.Discard, "COPY bulk ("+bulkColumns+") TO STDOUT")
		if err != nil {
			return err
		}
		return j.Sizes.all(int(tag.RowsAffected()))
	})
}

func runCopyIn(ctx context.Context, j Job) (report.Measurement, error) {
	rows := bulkText(j.Sizes.BulkRows)
	empty := func(ctx context.Context) error { return j.Stand.Exec(ctx, "TRUNCATE bulk_in") }
	return driveBulk(ctx, j, empty, func(ctx context.Context, conn *pgconn.PgConn) error {
		tag, err := conn.CopyFrom(ctx, bytes.NewReader(rows), "COPY bulk_in ("+bulkColumns+") FROM STDIN")
		if err != nil {
			return err
		}
		return j.Sizes.all(int(tag.RowsAffected()))
	})
}

// bulkText are the rows of table bulk in COPY's text format.
func bulkText(rows int) []byte {
	var b bytes.Buffer
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := 1; n <= rows; n++ {
		fmt.Fprintf(&b, "%d\tname of row %d\t%d.%02d\t%s\n", n, n, n%10000/100, n%100, start.Add(time.Duration(n)*time.Second).Format("2006-01-02 15:04:05+00"))
	}
	return b.Bytes()
}
