package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestStartupParametersInAnotherSpelling: Postgres knows what is no setting in one spelling alone. In another it is no setting either, and must not become
// one on the way upstream.
func TestStartupParametersInAnotherSpelling(t *testing.T) {
	w := newWorld(t, worldOptions{})
	own, direct := w.own(ownSchema, "app_proxy")
	for _, name := range []string{"REPLICATION", "Replication", "USER", "dataBase", "Options"} {
		for _, dsn := range []string{direct, own, w.dsn()} {
			cfg, err := pgconn.ParseConfig(dsn)
			must(t, err)
			cfg.RuntimeParams[name] = "true"
			ctx, stop := context.WithTimeout(context.Background(), time.Minute)
			conn, err := pgconn.ConnectConfig(ctx, cfg)
			if err == nil {
				_ = conn.Close(ctx)
			}
			stop()
			if state(err) != "42704" {
				t.Errorf("%s in %s: %v", name, dsn, err)
			}
		}
	}
}
