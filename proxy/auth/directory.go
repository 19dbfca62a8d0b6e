package auth

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"pgcordon/policy"
)

// User is a configured user: a name, what proves it, and for whom it acts.
type User struct {
	Name     string
	Verifier Verifier
	// Tenant is the one whose rows the user sees; the zero value when a role chooses at login among ActFor.
	Tenant policy.TenantID
	// Role is a policy role's name; empty for none.
	Role string
	// ActFor are the tenants among which a user without a tenant of its own chooses.
	ActFor []policy.TenantID
	// SessionPool is set when the user has its upstream connection from login to the end (pool_mode session), and not
	// only while it is in a transaction.
	SessionPool bool
	// SimpleAsText is set when the user's Queries always go upstream as text, and never as prepared statements.
	SimpleAsText bool
	// Console is what the user may do in the admin database.
	Console Console
}

// Console is what a user may do in the admin database. The zero value is nothing: for such a user there is no admin database.
type Console uint8

// What there is to be allowed. Each includes the one before.
const (
	ConsoleNone  Console = iota
	ConsoleStats         // look
	ConsoleAdmin         // look, and pause, kill, reload, shut down
)

// Directory holds the users who may log in. It is immutable.
type Directory struct {
	users map[string]User
	// shapes are the distinct iteration counts and salt lengths of the users' verifiers, with how many users have them.
	shapes []shape
}

type shape struct {
	iterations, saltBytes int
	users                 int
}

// NewDirectory returns a directory of these users. A user whose verifier is the zero value, and a name given twice,
// cannot log in: they are treated as unknown.
func NewDirectory(users []User) *Directory {
	d := &Directory{users: make(map[string]User, len(users))}
	seen := make(map[string]int, len(users))
	for _, u := range users {
		seen[u.Name]++
	}
	counts := make(map[shape]int)
	for _, u := range users {
		if seen[u.Name] > 1 || !u.Verifier.IsValid() {
			continue
		}
		u.ActFor = slices.Clone(u.ActFor)
		d.users[u.Name] = u
		counts[shape{iterations: u.Verifier.iterations, saltBytes: len(u.Verifier.salt)}]++
	}
	for s, n := range counts {
		s.users = n
		d.shapes = append(d.shapes, s)
	}
	slices.SortFunc(d.shapes, func(a, b shape) int {
		return cmp.Or(cmp.Compare(a.iterations, b.iterations), cmp.Compare(a.saltBytes, b.saltBytes))
	})
	if len(d.shapes) == 0 {
		d.shapes = []shape{{iterations: DefaultIterations, saltBytes: saltBytes, users: 1}}
	}
	return d
}

// Lookup returns a user that may log in. It serves sessions that have authenticated, to see whether they still may.
func (d *Directory) Lookup(user string) (User, bool) {
	u, ok := d.users[user]
	return u, ok
}

// Begin starts the login of a user. It never fails: a name that is not in the directory gets an exchange that looks like any other
// and cannot succeed.
func (d *Directory) Begin(user string) *Exchange {
	mock := d.mock(user) // for known names too: it takes time
	known, ok := d.users[user]
	if !ok {
		known = User{Name: user, Verifier: mock}
	}
	return newExchange(known, ok)
}

// mockSecret keeps mock verifiers the same from login to login and unpredictable from outside.
var mockSecret = func() []byte {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return secret
}()

func mockBytes(label, user string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, mockSecret)
	mac.Write([]byte(label))
	mac.Write([]byte{0})
	mac.Write([]byte(user))
	return [sha256.Size]byte(mac.Sum(nil))
}

func (d *Directory) mock(user string) Verifier {
	s := d.mockShape(user)
	salt := mockBytes("salt", user)
	more := mockBytes("more salt", user)
	return Verifier{
		iterations: s.iterations,
		salt:       string(append(salt[:], more[:]...)[:s.saltBytes]),
		storedKey:  mockBytes("StoredKey", user),
		serverKey:  mockBytes("ServerKey", user),
	}
}

// mockShape chooses a shape with the frequency that it has among the real users. Weighted rendezvous hashing keeps the choice for a name when
// a reload changes the numbers a little; a plain remainder would give most mock users another iteration count and so tell who is one.
func (d *Directory) mockShape(user string) shape {
	best, bestScore := d.shapes[0], math.Inf(-1)
	for _, s := range d.shapes {
		var label [16]byte
		binary.BigEndian.PutUint64(label[:8], uint64(s.iterations))
		binary.BigEndian.PutUint64(label[8:], uint64(s.saltBytes))
		hash := mockBytes("shape"+string(label[:]), user)
		uniform := (float64(binary.BigEndian.Uint64(hash[:])>>11) + 0.5) / (1 << 53) // within (0,1)
		if score := float64(s.users) / -math.Log(uniform); score > bestScore {
			best, bestScore = s, score
		}
	}
	return best
}
