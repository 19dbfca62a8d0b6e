// Package auth proves who a client is: the server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as Postgres speaks it
// (Postgres manual, "SASL Authentication").
//
// A Directory holds the configured users with the verifiers of their passwords, in the form that Postgres keeps in
// pg_authid.rolpassword, so that one can be copied from there. It is immutable: a reload makes another, and an exchange that
// has begun goes on with the one it began in. One login is one Exchange:
//
//	exchange := directory.Begin(user)     // the name in the startup message
//	answer, err := exchange.First(msg)    // SASLInitialResponse -> AuthenticationSASLContinue
//	answer, err = exchange.Final(msg)     // SASLResponse -> AuthenticationSASLFinal; nil error: proven
//	who := exchange.User()
//
// The user is the one of the startup message; the name inside the SCRAM messages is ignored, as Postgres does.
//
// # What must hold
//
// Nobody learns from an answer, or from the time it takes, whether a user exists. A name that is not in the directory gets a mock
// verifier: its salt and keys are HMACs of the name under a secret made when the process starts, so the same name is asked with the same
// salt again and again, and its iteration count and salt length are those of a real user. The mock is
// computed for every name, known or not, and the whole exchange runs on it before it fails with the error that a wrong password gives.
// Two things remain visible: after a restart mock salts differ while real ones do not, and so does the iteration count
// of a mock when a reload changes which iteration counts the real users have.
//
// The package sees no password outside MakeVerifier and keeps none. A Verifier does not print: every fmt verb shows that it is
// one, and only Verifier.Text returns it.
//
// There are no goroutines here. A Directory is safe for concurrent use; an Exchange belongs to one login.
package auth
