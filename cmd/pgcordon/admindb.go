package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"pgcordon/proxy/console"
)

// adminTimeout bounds each question to the admin database.
const adminTimeout = 10 * time.Second

// adminFlag adds the flag that says where the admin database is.
func adminFlag(cmd *cobra.Command, dsn *string) {
	cmd.Flags().StringVar(dsn, "dsn", "", "where the admin database is, as a connection string of Postgres; what it leaves out comes from PGHOST, PGPORT, PGUSER, PGPASSWORD and so on")
}

// adminDatabase is a connection to the admin database of a running proxy.
type adminDatabase struct{ conn *pgconn.PgConn }

// adminConfig reads a connection string. One without a database means the admin database.
func adminConfig(dsn string) (*pgconn.Config, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("--dsn: %w", err) // pgx leaves the password out
	}
	if cfg.Database == "" {
		cfg.Database = console.Names[0]
	}
	cfg.RuntimeParams["application_name"] = "pgcordon"
	return &cfg.Config, nil
}

func openAdmin(ctx context.Context, cfg *pgconn.Config) (*adminDatabase, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connecting to the admin database: %w", err)
	}
	return &adminDatabase{conn}, nil
}

func (a *adminDatabase) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = a.conn.Close(ctx) // the proxy may be gone
}

// adminRow is a row of a view, by the names of its columns.
type adminRow map[string]string

// number is a column that holds a whole number; 0 when it is absent.
func (r adminRow) number(column string) int64 {
	n, _ := strconv.ParseInt(r[column], 10, 64)
	return n
}

// show returns the rows of several views, in one round trip.
func (a *adminDatabase) show(ctx context.Context, views ...string) ([][]adminRow, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	text := ""
	for _, v := range views {
		text += "SHOW " + v + ";"
	}
	results, err := a.conn.Exec(ctx, text).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("asking the admin database: %w", err)
	}
	if len(results) != len(views) {
		return nil, fmt.Errorf("asking the admin database: %d answers to %d questions", len(results), len(views))
	}
	list := make([][]adminRow, len(views))
	for i, r := range results {
		for _, values := range r.Rows {
			row := make(adminRow, len(values))
			for c, f := range r.FieldDescriptions {
				row[f.Name] = string(values[c])
			}
			list[i] = append(list[i], row)
		}
	}
	return list, nil
}
