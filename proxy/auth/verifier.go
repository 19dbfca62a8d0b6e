package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xdg-go/scram"
	"github.com/xdg-go/stringprep"
)

const (
	mechanism = "SCRAM-SHA-256"

	// DefaultIterations is the iteration count that Postgres gives a new password unless scram_iterations says otherwise.
	DefaultIterations = 4096
	// MinIterations is what RFC 7677 asks for at least; clients refuse to log in with fewer.
	MinIterations = 4096
	// MaxIterations keeps a client from being sent to work for more than some seconds: it does the iterations, at each login.
	MaxIterations = 10_000_000

	saltBytes    = 16 // of a verifier made here, as Postgres makes them
	minSaltBytes = 8
	maxSaltBytes = 64
	keyBytes     = sha256.Size
)

// Verifier is what the server keeps of a password. The zero value verifies nothing. Verifiers can be compared by ==.
type Verifier struct {
	iterations int
	salt       string // raw bytes
	storedKey  [keyBytes]byte
	serverKey  [keyBytes]byte
}

// IsValid reports whether v was made by ParseVerifier or MakeVerifier.
func (v Verifier) IsValid() bool { return v.iterations != 0 }

// Text returns the verifier as Postgres keeps it in pg_authid.rolpassword. It is a secret.
func (v Verifier) Text() string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", mechanism, v.iterations, b64([]byte(v.salt)), b64(v.storedKey[:]), b64(v.serverKey[:]))
}

// Format prints the same for every verb, and nothing of the secret: configurations and users get printed by mistake.
func (v Verifier) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mechanism + "$(hidden)")) }

// ParseVerifier reads the form that Postgres keeps in pg_authid.rolpassword:
//
//	SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
//
// with salt and keys in base64 (the lengths are compared because DecodeString skips line breaks). Its errors say which part is wrong and quote nothing of it.
func ParseVerifier(s string) (Verifier, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 3 || parts[0] != mechanism {
		return Verifier{}, errors.New("a SCRAM verifier looks like SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, " +
			"as in pg_authid.rolpassword")
	}
	count, salt64, ok := strings.Cut(parts[1], ":")
	if !ok {
		return Verifier{}, errors.New("SCRAM verifier: no colon between iteration count and salt")
	}
	stored64, server64, ok := strings.Cut(parts[2], ":")
	if !ok {
		return Verifier{}, errors.New("SCRAM verifier: no colon between StoredKey and ServerKey")
	}
	iterations, err := parseIterations(count)
	if err != nil {
		return Verifier{}, err
	}
	salt, err := base64.StdEncoding.Strict().DecodeString(salt64)
	if err != nil || len(salt) < minSaltBytes || len(salt) > maxSaltBytes || len(salt64) != base64.StdEncoding.EncodedLen(len(salt)) {
		return Verifier{}, fmt.Errorf("SCRAM verifier: the salt must be base64 of %d to %d bytes", minSaltBytes, maxSaltBytes)
	}
	v := Verifier{iterations: iterations, salt: string(salt)}
	if err := decodeKey(&v.storedKey, "StoredKey", stored64); err != nil {
		return Verifier{}, err
	}
	if err := decodeKey(&v.serverKey, "ServerKey", server64); err != nil {
		return Verifier{}, err
	}
	return v, nil
}

func parseIterations(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || s != strconv.Itoa(n) {
		return 0, errors.New("SCRAM verifier: the iteration count is not a number")
	}
	return n, checkIterations(n)
}

func checkIterations(n int) error {
	if n < MinIterations || n > MaxIterations {
		return fmt.Errorf("SCRAM verifier: an iteration count of %d; it must be %d to %d", n, MinIterations, MaxIterations)
	}
	return nil
}

func decodeKey(key *[keyBytes]byte, name, s string) error {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != keyBytes || len(s) != base64.StdEncoding.EncodedLen(keyBytes) {
		return fmt.Errorf("SCRAM verifier: %s must be base64 of %d bytes", name, keyBytes)
	}
	copy(key[:], raw)
	return nil
}

// MakeVerifier derives the verifier of a password with a fresh salt. The iteration count must be MinIterations to MaxIterations.
func MakeVerifier(password string, iterations int) (Verifier, error) {
	if err := checkIterations(iterations); err != nil {
		return Verifier{}, err
	}
	if password == "" {
		return Verifier{}, errors.New("an empty password")
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	return deriveVerifier(password, iterations, string(salt))
}

func deriveVerifier(password string, iterations int, salt string) (Verifier, error) {
	client, err := scram.SHA256.NewClientUnprepped("", prepare(password), "")
	if err != nil {
		return Verifier{}, err
	}
	keys, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: salt, Iters: iterations})
	if err != nil {
		return Verifier{}, err
	}
	v := Verifier{iterations: iterations, salt: salt}
	copy(v.storedKey[:], keys.StoredKey)
	copy(v.serverKey[:], keys.ServerKey)
	return v, nil
}

// prepare normalizes a password as Postgres does (saslprep.c): SASLprep (RFC 4013), and the bytes as they are where that
// does not apply: invalid UTF-8, prohibited or unassigned characters, or nothing left.
func prepare(password string) string {
	if !utf8.ValidString(password) {
		return password
	}
	prepared, err := stringprep.SASLprep.Prepare(password)
	if err != nil || prepared == "" {
		return password
	}
	return prepared
}
