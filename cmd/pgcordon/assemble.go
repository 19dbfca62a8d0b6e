package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/config"
	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/rewriter"
)

// catalogTimeout bounds connecting and reading the catalog.
const catalogTimeout = 30 * time.Second

// assembly is a configuration that is ready to be used: bound to the live catalog, with its rewriter.
// serve, explain and check all get theirs from assemble, so what the latter two say is what serve does.
type assembly struct {
	config   *config.Config
	bound    *policy.Bound
	rewriter *rewriter.Rewriter
}

// assemble reads the configuration and everything it names, and reads the catalog of the upstream.
func assemble(ctx context.Context, file string) (*assembly, error) {
	cfg, err := config.Load(file, nil)
	if err != nil {
		return nil, mistakes(err)
	}
	if cfg.Upstream == nil {
		return bind(cfg, &catalog.Snapshot{})
	}
	snapshot, err := readCatalog(ctx, cfg.Upstream)
	if err != nil {
		return nil, err
	}
	return bind(cfg, snapshot)
}

// bind makes the assembly of a configuration and a catalog.
func bind(cfg *config.Config, snapshot *catalog.Snapshot) (*assembly, error) {
	bound := policy.Bind(cfg.Policy, snapshot)
	if err := cfg.Fits(bound); err != nil {
		return nil, mistakes(err)
	}
	return &assembly{
		config: cfg,
		bound:  bound,
		rewriter: rewriter.New(bound, rewriter.Options{
			CacheBytes:        cfg.Rewriter.CacheBytes,
			MaxStatementBytes: cfg.Rewriter.MaxStatementBytes,
		}),
	}, nil
}

// readCatalog connects, for the catalog alone, and reads it.
func readCatalog(ctx context.Context, upstream *pgx.ConnConfig) (_ *catalog.Snapshot, err error) {
	ctx, cancel := context.WithTimeout(ctx, catalogTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, upstream)
	if err != nil {
		return nil, fmt.Errorf("connecting to the upstream: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return catalog.Load(ctx, conn)
}

// mistakes begins a list of errors in a line of its own.
func mistakes(err error) error { return fmt.Errorf("the configuration has errors:\n%w", err) }
