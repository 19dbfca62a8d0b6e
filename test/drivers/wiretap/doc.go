// Package wiretap stands between a client and a server and writes down what they say: each statement that the client runs, with
// its parameters, and what was answered. Two runs of one program, against two servers, can so be compared statement by statement,
// whatever the program itself makes of the answers.
//
// A Tap listens on a port of its own and opens one connection to the server for each that it accepts. It refuses TLS. Each connection has a
// goroutine for either direction; Close ends them and waits for them.
package wiretap
