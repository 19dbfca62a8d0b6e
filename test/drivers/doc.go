// Package drivers runs real clients against pgcordon: psql, pgx, lib/pq and node-postgres. Each case runs twice, directly
// on a Postgres that holds one tenant's rows alone and through pgcordon on a database shared by two tenants; what the
// client reports must be the same. The cases that a Postgres cannot answer, refusals above all, say what they expect.
//
// node-postgres is installed by `npm ci` from node/package-lock.json into the ignored node/node_modules. A machine
// without psql or node skips those tests; with CI=true that is a failure.
package drivers
