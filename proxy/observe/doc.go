// Package observe turns what sessions tell (proxy.Observer) into Prometheus metrics and log lines.
//
//	observer := observe.New(observe.Options{Logger: logger})
//	observer.WatchCache(...)                       // gauges of what is not told by events
//	observer.WatchPool(...)
//	observer.WatchLimits(gate.Stats)
//	observer.LogSlow(time.Second)
//	admin.New(admin.Options{Gatherer: observer})   // an Observer is a prometheus.Gatherer
//
// # Tenants and cardinality
//
// A series that names a tenant costs memory here and in Prometheus, so at most Options.Tenants tenants have series of their own; all others
// share the tenant label `other`. A tenant gets its own at its first event while there is room. When there is none, Gather ranks the
// tenants by statements (of the last time, older ones count less and less), at most every thirty seconds: a tenant that runs more than twice as
// many as one that has its own takes that place. The series of the one that goes disappear, and its events count as `other` from then on: no
// counter ever goes down but by vanishing, so rate() stays right, as does sum(rate()).
//
// Tenant names come from the credential, which comes from the configuration; user names stand in no metric, and that of a failed login in no log.
// All other labels are of closed sets: statement kinds, outcomes, limits, rules of the rewriter.
//
// # What is logged
//
// Every denial, with tenant, user, rule, SQLSTATE, fingerprint and position; limit hits, the first and then at most
// one line per tenant and limit every ten seconds, with the number of those between; refused logins; sessions at level debug; and statements that take longer than LogSlow says, by the text that
// went upstream without its literals, at most twenty per tenant in ten seconds. Never a value, never a message that may quote one. A denial by the rewriter's independent check is a bug of this program and is logged as an error.
//
// # Locks and goroutines
//
// There are no goroutines here. Each event holds tenants.mu shared while it counts, so that ranking, which holds it exclusively,
// never removes a series that is just being written (it would come back and stay). Nothing is logged with it held.
// Counting one execution makes no allocation; a test pins that.
package observe
