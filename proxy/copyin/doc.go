// Package copyin puts the tenant into the rows of COPY FROM STDIN while they pass.
//
// A Transformer gets the bytes of the client's CopyData messages, cut anywhere, and makes the bytes for the server. When the client's
// rows do not hold the tenant column it is added in front of each row, so that nothing of a row but its beginning has to be understood:
// whatever follows is the client's columns, too few or too many of them as they may be, and Postgres says so. When the rows hold it, its value
// is compared with the tenant's id, and the id is sent in its place.
//
// # What must hold
//
// The rows begin and end where Postgres finds them (src/backend/commands/copyfromparse.c: CopyReadLineText, CopyReadAttributesText,
// CopyReadAttributesCSV, NextCopyFrom), for a row that is overlooked would hold what the client wrote. Where Postgres raises an error
// nothing matters any more, which keeps the machines small: a carriage return beside newlines of another kind, for instance, is never read on.
// What they rely on besides, New checks. The statement's WHERE keeps rows of other tenants out all the same.
//
// Memory is bounded: of the client's bytes only an end mark or a value for the tenant column is held back, and the latter only up to
// maxValueBytes. Output grows up to softLimit and one row's head, then the caller gets it.
//
// The package knows neither connections nor statements, and has no goroutines.
package copyin
