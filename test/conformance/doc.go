// Package conformance holds wire scripts whose oracle is Postgres itself: each case runs on a raw connection to Postgres
// and on one through pgcordon, and the answers must be equal, message by message and field by field.
//
// # Scripts
//
// testdata/scripts/*.pgt hold cases. A case starts with a line `case name` and has a new connection, logged in
// unless its first step is `dial`. Blank lines and lines that start with # mean nothing. The steps are:
//
//	dial                      open the TCP connection only
//	> Parse {"Query": "..."}  queue a message: a type of pgproto3 and its fields in JSON
//	> raw 51 00 00 00 05      queue bytes
//	> rows "1\tone\n"         queue a CopyData message that holds this text
//	> startup 3.0 user=x ...  queue a startup message; $user and $database stand for the login's
//	until ReadyForQuery       send what is queued, read messages until one of this type came
//	until DataRow 2           ... until two of this type came
//	byte                      send what is queued, read one byte (the answer to SSLRequest)
//	eof                       send what is queued, read until the server closes the connection
//	end                       Sync and ROLLBACK, and read until all is answered
//	hangup                    send what is queued and close
//	parameters                what the server reported of its settings during the login
//	cancel wrong key          ask on a new connection to cancel this one's statement, with a wrong key
//	cancel                    the same with the right key, repeated until the error arrives; nothing
//	                          is noted before it, since that is a matter of time
//
// # Differences
//
// testdata/differences/*.txt list what pgcordon may answer otherwise, one file per difference: the reason, then the
// lines that differ. A difference that does not occur any more fails the test as well.
package conformance
