package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The verifier of the password "pencil" with the salt of RFC 7677's example.
const pencil = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

func TestVerifierIsTheOneOfRFC7677(t *testing.T) {
	v, err := ParseVerifier(pencil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Text() != pencil {
		t.Errorf("Text() = %s, want what was parsed", v.Text())
	}
	made, err := deriveVerifier("pencil", v.iterations, v.salt)
	if err != nil {
		t.Fatal(err)
	}
	if made != v {
		t.Errorf("derived %s, want %s", made.Text(), pencil)
	}
}

func TestMadeVerifiersDifferAndParse(t *testing.T) {
	a, err := MakeVerifier("secret", DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	b, err := MakeVerifier("secret", DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	if a == b {
		t.Error("two verifiers of one password are the same: no salt")
	}
	if parsed, err := ParseVerifier(a.Text()); err != nil || parsed != a {
		t.Errorf("ParseVerifier(Text()) = %s, %v", parsed.Text(), err)
	}
	for _, iterations := range []int{-1, 0, 1, MinIterations - 1, MaxIterations + 1} {
		if _, err := MakeVerifier("secret", iterations); err == nil {
			t.Errorf("made a verifier with %d iterations", iterations)
		}
	}
	if _, err := MakeVerifier("", DefaultIterations); err == nil {
		t.Error("made a verifier of an empty password")
	}
}

func TestParseVerifierRefuses(t *testing.T) {
	salt, stored, server := "W22ZaJ0SNY7soEsUEjb6gQ==", "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=", "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	for name, text := range map[string]string{
		"nothing":             "",
		"a plain password":    "hunter2",
		"md5":                 "md50123456789abcdef0123456789abcdef",
		"another hash":        strings.Replace(pencil, "256", "512", 1),
		"too few iterations":  strings.Replace(pencil, "4096", "4095", 1),
		"no iterations":       strings.Replace(pencil, "4096", "0", 1),
		"negative":            strings.Replace(pencil, "4096", "-4096", 1),
		"absurd iterations":   strings.Replace(pencil, "4096", "2147483647", 1),
		"overflow":            strings.Replace(pencil, "4096", "99999999999999999999", 1),
		"a sign":              strings.Replace(pencil, "4096", "+4096", 1),
		"leading zero":        strings.Replace(pencil, "4096", "04096", 1),
		"empty salt":          strings.Replace(pencil, salt, "", 1),
		"short salt":          strings.Replace(pencil, salt, "AAAA", 1),
		"long salt":           strings.Replace(pencil, salt, strings.Repeat("AAAA", 30), 1),
		"salt not base64":     strings.Replace(pencil, salt, "W22ZaJ0SNY7soEsUEjb6g*==", 1),
		"salt with line feed": strings.Replace(pencil, salt, "W22ZaJ0SNY7s\noEsUEjb6gQ==", 1),
		"short StoredKey":     strings.Replace(pencil, stored, "AAAA", 1),
		"no ServerKey":        strings.Replace(pencil, ":"+server, "", 1),
		"StoredKey line feed": strings.Replace(pencil, "WG5d", "WG5d\n", 1),
		"trailing":            pencil + "$",
		"trailing space":      pencil + " ",
	} {
		v, err := ParseVerifier(text)
		if err == nil || v.IsValid() {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, secret := range []string{stored, server, "hunter2"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error quotes the secret: %v", name, err)
			}
		}
	}
}

func TestVerifierDoesNotPrint(t *testing.T) {
	v, err := ParseVerifier(pencil)
	if err != nil {
		t.Fatal(err)
	}
	user := User{Name: "acme_app", Verifier: v}
	asJSON, err := json.Marshal(user)
	if err != nil {
		t.Fatal(err)
	}
	printed := string(asJSON) + fmt.Sprint(v, user, &user)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		printed += fmt.Sprintf(verb, v) + fmt.Sprintf(verb, user)
	}
	for _, part := range []string{base64.StdEncoding.EncodeToString(v.storedKey[:]), fmt.Sprintf("%x", v.storedKey), fmt.Sprintf("%X", v.storedKey),
		fmt.Sprint(v.storedKey), fmt.Sprintf("%x", v.salt), fmt.Sprintf("%x", v.serverKey[:4])} {
		if strings.Contains(printed, part) {
			t.Errorf("%q shows in %s", part, printed)
		}
	}
	if !strings.Contains(printed, "SCRAM-SHA-256$(hidden)") {
		t.Error("nothing tells that there is a verifier")
	}
}

func FuzzParseVerifier(f *testing.F) {
	f.Add(pencil)
	f.Add("SCRAM-SHA-256$4096:$:")
	f.Add("SCRAM-SHA-256$10000001:W22ZaJ0SNY7soEsUEjb6gQ==$:")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVerifier(text)
		if err != nil {
			if v.IsValid() {
				t.Fatalf("an error and a verifier for %q", text)
			}
			return
		}
		if v.Text() != text {
			t.Fatalf("%q parses as %q", text, v.Text())
		}
	})
}
