// Package budget keeps the limits that several proxies have in common, in Redis.
//
// Every proxy holds leases: portions of the limits per second, which it spends by itself, so no statement waits for Redis. Ten times a second it tells
// what it uses of each, and whether that is less than it was asked for, and is told its portions anew (exchange.lua, which Redis runs as one step). Those who
// need little get what they need, the others the same each (max-min fairness), and what nobody needs is spread. The leases of one limit are never more
// than the limit: who should have more waits until others have taken less. A small reserve is left for proxies that come.
//
// Connections are counted at each login (connect.lua), so that limit is exact.
//
// # When Redis is away
//
// Leases end by themselves after some seconds, so a proxy that has died holds nothing back. A proxy that cannot reach Redis for as long takes the same part
// of each limit as every other (the number of proxies is the last that was seen), or refuses what is limited, as configured. When Redis is back, also with
// nothing in it, nobody gets more than it has at first.
//
// # Goroutines
//
// Broker.Run, the caller's. Exchange and Connect are also called by logins.
package budget
