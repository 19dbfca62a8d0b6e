// Package stack starts what the driver and conformance tests, and the load tests, talk to: a throwaway Postgres and, in front
// of it, the pgcordon binary as a child process.
//
// There are two worlds with the same schema and the same login. The direct world is a database that holds one tenant's
// rows alone, reached without a proxy: it is the oracle. The proxied world is a database shared by two tenants, reached
// through pgcordon as the same tenant. What a client sees must not tell which of them it is in.
package stack
