// Package pgwire cuts the Postgres protocol (version 3.0; Postgres manual, "Frontend/Backend Protocol") into frames and reads those
// that the proxy has to understand. It trusts no length: each is checked against what the frame holds and against a maximum before
// anything is read or allocated by it.
//
//	reader.go   Reader: the client's frames, in place in one fixed buffer; large bodies are streamed in chunks
//	frame.go    message types, headers, and the errors of malformed ones
//	startup.go  the packets that come before the first frame
//	bind.go     Bind: checked, and rewritten while it passes
//	decode.go   the other messages of clients that are looked into, decoded by pgproto3
//	encode.go   messages that the proxy itself sends
//	fields.go   the fields of ErrorResponse and NoticeResponse, filtered in place
//
// pgproto3/v2 panics on a Bind or DataRow with a negative field length (CVE-2026-32286) and is not maintained any more. So Bind is read by
// this package's own code, DataRow by its header alone, and decode.go turns any panic of pgproto3 into ErrFormat.
//
// Memory: a slice that Reader returns belongs to it, and is valid until its next call.
package pgwire
