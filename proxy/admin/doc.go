// Package admin serves the HTTP page that operators and their tools read, on a listener of its own:
//
//	/metrics   Prometheus metrics, in the text format
//	/healthz   200 while the process serves: for a liveness probe, which restarts it otherwise
//	/readyz    200 when a client that connects now would be served: policy bound, upstream reachable, not draining; else 503
//	/statusz   a small JSON object: version, uptime, policy epoch, tables by scope, the last reload
//
// The life cycle is Serve, in a goroutine of the caller's, then Shutdown, which lets requests end and makes Serve return nil.
//
// There is no authentication, so nothing here changes anything (only GET and HEAD are answered), no SQL, value or credential is
// shown, and profiles (net/http/pprof) are not served. It belongs on loopback or a private network all the same: metrics name the tenants.
// Readers that send or take nothing are cut off by timeouts.
//
// A readiness probe costs the upstream a connection, so one result holds for a second, and probes that arrive at once share one. What is
// found wrong is named in the answer; the error itself, which may name hosts and roles, goes to the log.
package admin
