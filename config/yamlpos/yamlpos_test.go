package yamlpos

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

type password string

func (password) IsSecret() {}

type sample struct {
	Name   string            `yaml:"name" require:"true"`
	Count  int               `yaml:"count" min:"1" max:"9"`
	Rate   float64           `yaml:"rate" min:"0"`
	On     bool              `yaml:"on"`
	Wait   time.Duration     `yaml:"wait" min:"0s" max:"1h"`
	Key    password          `yaml:"key"`
	Mode   string            `yaml:"mode" enum:"fast,slow"`
	Sub    *sub              `yaml:"sub"`
	List   []sub             `yaml:"list"`
	Lookup map[string]string `yaml:"lookup"`
}

type sub struct {
	A   string   `yaml:"a"`
	Key password `yaml:"key"`
}

var env = map[string]string{"HOME_TOWN": "Oslo", "NESTED": "${HOME_TOWN}"}

func decode(text string) (sample, error) {
	var s sample
	doc := Decode("f.yaml", []byte(text), Options{HideUnknown: true, Env: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}}, &s)
	return s, doc.Err()
}

func TestDecode(t *testing.T) {
	s, err := decode(`
name: from ${HOME_TOWN}, $HOME_TOWN $$ ${NESTED}
count: 3
rate: 0.5
on: true
wait: 1m30s
key: SCRAM-SHA-256$4096:c2FsdA==$a:b
mode: slow
sub: {a: x}
list:
  - a: y
lookup: {k: v}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := sample{Name: "from Oslo, $HOME_TOWN $$ ${HOME_TOWN}", Count: 3, Rate: 0.5, On: true, Wait: 90 * time.Second,
		Key: "SCRAM-SHA-256$4096:c2FsdA==$a:b", Mode: "slow"}
	if *s.Sub != (sub{A: "x"}) || s.List[0].A != "y" || s.Lookup["k"] != "v" {
		t.Errorf("%+v", s)
	}
	s.Sub, s.List, s.Lookup = nil, nil, nil
	if fmt.Sprint(s) != fmt.Sprint(want) {
		t.Errorf("got %+v", s)
	}
	if s, err := decode("name: a\nwait: 0"); err != nil || s.Wait != 0 {
		t.Errorf("%v %v", s.Wait, err)
	}
}

func TestErrorsHavePlaceLineAndCaret(t *testing.T) {
	_, err := decode("naem: x\ncount: 10\nwait: 5\n\trate: 1")
	if err == nil || !strings.Contains(err.Error(), "f.yaml:") {
		t.Fatalf("%v", err)
	}
	_, err = decode("naem: x\ncount: 10\nwait: 5\nmode: medium\non: yes\nname: ${NOPE}\nsub: [1]\n")
	want := `f.yaml:1:1: unknown key "naem": did you mean "name"?
    1 | naem: ****
      | ^~~~
f.yaml:2:8: 10 is too large: the most is 9
    2 | count: 10
      |        ^~
f.yaml:3:7: expected a duration such as 500ms, 5s or 2m, found a number: put it in quotes
    3 | wait: 5
      |       ^
f.yaml:4:7: "medium": expected one of fast, slow
    4 | mode: medium
      |       ^~~~~~
f.yaml:5:5: expected true or false, found a string
    5 | on: yes
      |     ^~~
f.yaml:6:7: the environment variable NOPE is not set
    6 | name: ${NOPE}
      |       ^~~~~~~
f.yaml:7:6: expected a mapping with the keys a, key, found a list
    7 | sub: [1]
      |      ^`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v", err)
	}
	var list Errors
	if !errors.As(err, &list) || len(list) != 7 {
		t.Errorf("%d errors", len(list))
	}
}

// A secret is not shown by an error beside it, in whatever style it is written.
func TestSecretsAreMasked(t *testing.T) {
	for _, text := range []string{
		"name: 1\nkey: [hunter2]\n",
		"sub: {key: hunter2, a: 1}\nname: x\n",
		"sub: {key: 'hun''hunter2', a: 1}\nname: x\n",
		"sub: {key: \"hunter2\", a: 1}\nname: x\n",
		"sub: {a: 1, key: \"hunter2\"}\nname: x\n",
		"pasword: hunter2\nname: x\n",
		"pasword: {a: {b: hunter2}}\nname: x\n",
		"pasword:\n  - hunter2\nname: x\n",
		"sub:\n  key: |\n    hunter2\n  a: 1\nname: x\n",
		"sub:\n  key: >-\n    first\n    hunter2: {\n  a: 1\nname: x\n",
		"sub:\n  key: \"first\n    hunter2\"\n  a: 1\nname: x\n",
		"name: x\nkey: hunter2\nkey: hunter2\n",
		"name: x\nlookup: {a: b\ndsn: postgres://u:hunter2@h/db\n",
		"name: [\npassword: hunter2\n",
		"key: {hunter2: 1}\nname: x\n",
	} {
		_, err := decode(text)
		if err == nil {
			t.Errorf("accepted: %s", text)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q shows its secret:\n%v", text, err)
		}
	}
}

// The caret stands under the same text when something before it in the line was masked.
func TestCaretMovesWithTheMask(t *testing.T) {
	_, err := decode("sub: {key: \"a very long secret\", a: 12}\nname: x\n")
	want := `f.yaml:1:37: expected a string, found a number: put it in quotes
    1 | sub: {key: ****, a: 12}
      |                     ^~`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v", err)
	}
}

func TestBounds(t *testing.T) {
	deep := "lookup: " + strings.Repeat("[", 200) + strings.Repeat("]", 200)
	if _, err := decode(deep); err == nil || !strings.Contains(err.Error(), "levels deep") {
		t.Errorf("%v", err)
	}
	if _, err := decode("name: " + strings.Repeat("x", MaxBytes)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Error("a file beyond the bound was accepted")
	}
	_, err := decode(strings.Repeat("- a\n", 3))
	if err == nil {
		t.Error("a list was accepted for a struct")
	}
	var many strings.Builder
	for i := range 3 * MaxErrors {
		fmt.Fprintf(&many, "unknown_%d: 1\n", i)
	}
	_, err = decode(many.String())
	var list Errors
	if !errors.As(err, &list) || len(list) > MaxErrors+1 || !strings.Contains(err.Error(), "more") {
		t.Errorf("%d errors", len(list))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: ${HOME_TOWN}\ncount: 3\nsub: {a: x, key: hunter2}\n"))
	f.Add([]byte("sub:\n  key: >-\n    first\n  a: [1\n"))
	f.Add([]byte("\xef\xbb\xbfname: \"\\u0000\t\"\r\nlookup: {? : x}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode(string(data))
		if err == nil {
			if s.Name == "" && !strings.Contains(string(data), "name") {
				t.Fatal("accepted without the required key")
			}
			return
		}
		for _, e := range err.(Errors) {
			if e.Line < 1 || e.Col < 1 || e.Message == "" || e.Caret > len([]rune(e.Source)) {
				t.Fatalf("a mistake without a place: %+v", *e)
			}
		}
	})
}
