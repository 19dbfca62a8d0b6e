package auth

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// challenge is what a client is asked with: salt and iteration count.
func challenge(t testing.TB, d *Directory, user string) string {
	t.Helper()
	answer, err := d.Begin(user).First([]byte(goodFirst))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(answer), ",")
	return rest
}

func usersWith(t testing.TB, iterations map[int]int) []User {
	t.Helper()
	base, err := ParseVerifier(pencil)
	if err != nil {
		t.Fatal(err)
	}
	var users []User
	for count, n := range iterations {
		for i := range n {
			v := base
			v.iterations = count
			users = append(users, User{Name: fmt.Sprintf("user_%d_%d", count, i), Verifier: v})
		}
	}
	return users
}

func TestUnknownUserIsAskedLikeAKnownOne(t *testing.T) {
	d := testDirectory(t)
	known, nobody := challenge(t, d, "acme_app"), challenge(t, d, "nobody")
	if len(known) != len(nobody) || !strings.HasSuffix(nobody, ",i=4096") {
		t.Errorf("known users are asked with %s, unknown with %s", known, nobody)
	}
	if again := challenge(t, d, "nobody"); again != nobody {
		t.Errorf("the same unknown user is asked with %s, then with %s", nobody, again)
	}
	if reloaded := challenge(t, testDirectory(t), "nobody"); reloaded != nobody {
		t.Error("a reload changes the salt of an unknown user")
	}
	if other := challenge(t, d, "nobody2"); other == nobody {
		t.Error("all unknown users have one salt")
	}
	if empty := challenge(t, NewDirectory(nil), "nobody"); !strings.HasSuffix(empty, ",i=4096") {
		t.Errorf("without any user: %s", empty)
	}
}

// Unknown names must not be told by an iteration count that real users rarely have, nor by one that changes at a reload.
func TestMockIterationsLookLikeTheUsers(t *testing.T) {
	const names = 2000
	before := NewDirectory(usersWith(t, map[int]int{4096: 30, 10000: 10}))
	after := NewDirectory(usersWith(t, map[int]int{4096: 31, 10000: 10}))
	rare, moved := 0, 0
	for i := range names {
		name := fmt.Sprintf("guess%d", i)
		mock := before.mock(name)
		switch mock.iterations {
		case 10000:
			rare++
		case 4096:
		default:
			t.Fatalf("no user has %d iterations", mock.iterations)
		}
		if after.mock(name) != mock {
			moved++
		}
	}
	// A quarter of the users; five standard deviations of a fair choice are 0.05.
	if share := float64(rare) / names; math.Abs(share-0.25) > 0.05 {
		t.Errorf("%.3f of unknown names get the iterations that a quarter of the users have", share)
	}
	if share := float64(moved) / names; share > 0.05 {
		t.Errorf("one more user changed what %.3f of unknown names are asked with", share)
	}
}

// What an attempt allocates stands for what it does: a wrong password and an unknown user cost the same.
func TestUnknownUserCostsTheSame(t *testing.T) {
	d := testDirectory(t)
	attempt := func(user string) float64 {
		return testing.AllocsPerRun(200, func() {
			e := d.Begin(user)
			answer, err := e.First([]byte(goodFirst))
			if err != nil {
				t.Fatal(err)
			}
			nonce, _, _ := strings.Cut(string(answer), ",")
			if _, err := e.Final([]byte("c=biws," + nonce + ",p=" + strings.Repeat("A", 43) + "=")); err == nil {
				t.Fatal("logged in")
			}
		})
	}
	// The race detector empties fmt's pool now and then, hence one; a single HMAC left out would be more.
	if known, unknown := attempt("acme_app"), attempt("nobody00"); math.Abs(known-unknown) > 1 {
		t.Errorf("a wrong password makes %v allocations, an unknown user %v", known, unknown)
	}
}
