package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"pgcordon/policy"
)

func testDirectory(t testing.TB) *Directory {
	t.Helper()
	v, err := ParseVerifier(pencil)
	if err != nil {
		t.Fatal(err)
	}
	acme, err := policy.NewTenantID("acme")
	if err != nil {
		t.Fatal(err)
	}
	return NewDirectory([]User{{Name: "acme_app", Verifier: v, Tenant: acme}})
}

// logIn runs a whole exchange with the client of the library; the client checks the server's signature.
func logIn(t testing.TB, e *Exchange, password string) error {
	t.Helper()
	client, err := scram.SHA256.NewClientUnprepped("ignored", password, "")
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewConversation()
	first, err := c.Step("")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := e.First([]byte(first))
	if err != nil {
		return err
	}
	final, err := c.Step(string(answer))
	if err != nil {
		t.Fatal(err)
	}
	answer, err = e.Final([]byte(final))
	if err != nil {
		return err
	}
	if _, err := c.Step(string(answer)); err != nil || !c.Valid() {
		t.Errorf("the client does not trust the server: %v", err)
	}
	return nil
}

func TestUserIsKnownOnlyAfterTheProof(t *testing.T) {
	d := testDirectory(t)
	e := d.Begin("acme_app")
	if e.User().Name != "" {
		t.Error("a user before the exchange")
	}
	if err := logIn(t, e, "pencil"); err != nil {
		t.Fatal(err)
	}
	if u := e.User(); u.Name != "acme_app" || u.Tenant.String() != "acme" {
		t.Errorf("logged in as %v", u)
	}
	for user, password := range map[string]string{"acme_app": "pen", "nobody": "pencil", "": "pencil"} {
		e := d.Begin(user)
		if err := logIn(t, e, password); !errors.Is(err, ErrPassword) {
			t.Errorf("%q: error %v, want ErrPassword", user, err)
		}
		if u := e.User(); u.Name != "" || u.Tenant.IsValid() {
			t.Errorf("%q failed and is %v", user, u)
		}
	}
}

func TestLookupKnowsWhoMayLogIn(t *testing.T) {
	d := testDirectory(t)
	if u, ok := d.Lookup("acme_app"); !ok || u.Tenant.String() != "acme" {
		t.Errorf("acme_app: %v, %v", u, ok)
	}
	if u, ok := d.Lookup("nobody"); ok || u.Name != "" {
		t.Errorf("nobody: %v, %v", u, ok)
	}
	twice := NewDirectory([]User{{Name: "a", Verifier: d.users["acme_app"].Verifier}, {Name: "a", Verifier: d.users["acme_app"].Verifier}, {Name: "b"}})
	for _, name := range []string{"a", "b"} {
		if _, ok := twice.Lookup(name); ok {
			t.Errorf("%s, who cannot log in, is found", name)
		}
	}
}

const goodFirst = "n,,n=,r=fyko+d2lbbFgONRv9qkxdawL"

func TestFirstRefuses(t *testing.T) {
	d := testDirectory(t)
	for name, msg := range map[string]string{
		"nothing":               "",
		"channel binding":       "p=tls-server-end-point,,n=,r=abc",
		"unknown binding":       "p=tls-magic,,n=,r=abc",
		"unknown flag":          "x,,n=,r=abc",
		"authorization id":      "n,a=globex_app,n=,r=abc",
		"mandatory extension":   "n,,m=1,n=,r=abc",
		"no nonce":              "n,,n=",
		"empty nonce":           "n,,n=,r=",
		"nonce with a space":    "n,,n=,r=a b",
		"nonce with a NUL":      "n,,n=,r=a\x00b",
		"nonce of other bytes":  "n,,n=,r=\xff\xfe",
		"user name not encoded": "n,,n=a=b,r=abc",
		"too long":              goodFirst + strings.Repeat("x", MaxMessageBytes),
		"a final message":       "c=biws,r=abc,p=AAAA",
	} {
		e := d.Begin("acme_app")
		if answer, err := e.First([]byte(msg)); !errors.Is(err, ErrMalformed) || answer != nil {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
		if _, err := e.First([]byte(goodFirst)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: went on after a failure", name)
		}
	}
	for _, msg := range []string{goodFirst, "y,,n=,r=abc", "n,,n=somebody else,r=abc,x=extension"} {
		if _, err := d.Begin("acme_app").First([]byte(msg)); err != nil {
			t.Errorf("%s: %v", msg, err)
		}
	}
}

func TestMessagesOutOfTurn(t *testing.T) {
	d := testDirectory(t)
	e := d.Begin("acme_app")
	if _, err := e.Final([]byte("c=biws,r=abc,p=AAAA")); !errors.Is(err, ErrMalformed) {
		t.Errorf("Final before First: %v", err)
	}
	e = d.Begin("acme_app")
	if err := logIn(t, e, "pencil"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Final([]byte("c=biws,r=abc,p=AAAA")); err == nil {
		t.Error("Final twice")
	}
	if e.User().Name != "" {
		t.Error("still a user after a message out of turn")
	}
}

// The nonce, the binding flag and the proof's length are checked, and tell nothing of the user.
func TestFinalRefuses(t *testing.T) {
	d := testDirectory(t)
	for _, user := range []string{"acme_app", "nobody"} {
		for name, c := range map[string]struct {
			template string
			want     error
		}{
			"wrong proof":         {"c=biws,r=NONCE,p=" + strings.Repeat("A", 43) + "=", ErrPassword},
			"short proof":         {"c=biws,r=NONCE,p=AAAA", ErrMalformed},
			"no proof":            {"c=biws,r=NONCE", ErrMalformed},
			"another nonce":       {"c=biws,r=abc,p=PROOF", ErrMalformed},
			"longer nonce":        {"c=biws,r=NONCEx,p=PROOF", ErrMalformed},
			"another gs2 header":  {"c=eSws,r=NONCE,p=PROOF", ErrMalformed},
			"invented binding":    {"c=cD10bHMtdW5pcXVlLCw=,r=NONCE,p=PROOF", ErrMalformed},
			"proof not last":      {"c=biws,r=NONCE,p=PROOF,x=1", ErrMalformed},
			"too long":            {"c=biws,r=NONCE,x=" + strings.Repeat("x", MaxMessageBytes) + ",p=PROOF", ErrMalformed},
			"nothing":             {"", ErrMalformed},
			"proof of other text": {"c=biws,r=NONCE,x=1,p=STALE", ErrPassword},
		} {
			e := d.Begin(user)
			msg := fillFinal(t, e, c.template)
			if _, err := e.Final([]byte(msg)); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v, want %v", user, name, err, c.want)
			}
		}
	}
}

// fillFinal runs First and puts into a template the nonce, the proof that the password "pencil" gives for the text before it, and a
// proof for another text.
func fillFinal(t testing.TB, e *Exchange, template string) string {
	t.Helper()
	answer, err := e.First([]byte(goodFirst))
	if err != nil {
		t.Fatal(err)
	}
	nonce, _, _ := strings.Cut(strings.TrimPrefix(string(answer), "r="), ",")
	msg := strings.ReplaceAll(template, "NONCE", nonce)
	if strings.Contains(msg, "STALE") {
		msg = strings.ReplaceAll(msg, "STALE", proofOf(string(answer), "c=biws,r="+nonce+",another=text"))
	}
	if before, _, ok := strings.Cut(msg, ",p=PROOF"); ok {
		msg = strings.Replace(msg, "PROOF", proofOf(string(answer), before), 1)
	}
	return msg
}

// proofOf is RFC 5802's client side for the password "pencil", written apart from the library.
func proofOf(serverFirst, withoutProof string) string {
	var iterations int
	fields := strings.Split(serverFirst, ",")
	_, _ = fmt.Sscanf(fields[2], "i=%d", &iterations)
	salt, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(fields[1], "s="))
	mac := func(key, data []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(data)
		return h.Sum(nil)
	}
	u := mac([]byte("pencil"), append(bytes.Clone(salt), 0, 0, 0, 1))
	salted := bytes.Clone(u)
	for range iterations - 1 {
		u = mac([]byte("pencil"), u)
		for i := range salted {
			salted[i] ^= u[i]
		}
	}
	clientKey := mac(salted, []byte("Client Key"))
	storedKey := sha256.Sum256(clientKey)
	signature := mac(storedKey[:], []byte(strings.TrimPrefix(goodFirst, "n,,")+","+serverFirst+","+withoutProof))
	for i := range clientKey {
		clientKey[i] ^= signature[i]
	}
	return base64.StdEncoding.EncodeToString(clientKey)
}

func FuzzFirst(f *testing.F) {
	f.Add("acme_app", []byte(goodFirst))
	f.Add("nobody", []byte("y,,n=x=2Cy,r=abc,x=ext"))
	f.Add("", []byte("p=tls-exporter,,n=,r=,,,"))
	d := testDirectory(f)
	f.Fuzz(func(t *testing.T, user string, msg []byte) {
		e := d.Begin(user)
		answer, err := e.First(msg)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || answer != nil {
				t.Fatalf("answer %q with error %v", answer, err)
			}
			return
		}
		// A client takes it: its own nonce with something added, a salt, a count; nothing smuggled in by the nonce.
		fields := strings.Split(string(answer), ",")
		mine := strings.TrimPrefix(strings.Split(string(msg), ",")[3], "r=")
		if len(fields) != 3 || !strings.HasPrefix(fields[0], "r="+mine) || len(fields[0]) < len("r="+mine)+24 ||
			!strings.HasPrefix(fields[1], "s=") || fields[2] != fmt.Sprintf("i=%d", MinIterations) {
			t.Fatalf("%q answers %q", answer, msg)
		}
	})
}

// The oracle is RFC 5802's formula above: what succeeds carries the proof for its own text, the right nonce and header.
func FuzzFinal(f *testing.F) {
	for _, seed := range []string{"c=biws,r=NONCE,p=PROOF", "c=biws,r=NONCE,x=1,p=PROOF", "c=biws,r=NONCE,p=STALE", "c=biws,r=NONCE", "c=eSws,r=NONCE,p=PROOF"} {
		f.Add(true, seed)
		f.Add(false, seed)
	}
	d := testDirectory(f)
	f.Fuzz(func(t *testing.T, known bool, template string) {
		if strings.Count(template, "PROOF")+strings.Count(template, "STALE") > 2 || len(template) > MaxMessageBytes {
			return // each costs 4096 rounds
		}
		user := "nobody"
		if known {
			user = "acme_app"
		}
		e := d.Begin(user)
		msg := fillFinal(t, e, template)
		_, err := e.Final([]byte(msg))
		intended := strings.HasPrefix(template, "c=biws,r=NONCE,") && strings.HasSuffix(template, ",p=PROOF") &&
			strings.Count(template, ",p=PROOF") == 1
		if err == nil && (!known || !intended || e.User().Name != "acme_app") {
			t.Fatalf("%s logged in by %q", user, template)
		}
		if err != nil && e.User().Name != "" {
			t.Fatalf("%s has a name after %v", user, err)
		}
	})
}
