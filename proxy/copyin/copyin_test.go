package copyin

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgcordon/policy"
)

func tenant(id string) policy.TenantID {
	t, err := policy.NewTenantID(id)
	if err != nil {
		panic(err)
	}
	return t
}

// specFor makes a spec of small numbers; ok is false for one that New refuses.
func specFor(format, index, options uint8) (Spec, bool) {
	s := Spec{Format: Format(format % 3), Columns: 3, Index: int(index%4) - 1, Column: "tenant_id", Tenant: tenant("acme"), Type: policy.TypeText,
		Delimiter: '\t', Null: `\N`, CSVEndMark: options&1 > 0, Same: func(v []byte, _ bool) bool { return string(v) == "acme" }}
	if s.Format == CSV {
		s.Delimiter, s.Quote, s.Escape, s.Null = ',', '"', '"', ""
		if options&2 > 0 {
			s.Escape = '\\'
		}
		if options&4 > 0 {
			s.Quote = '\''
		}
	}
	if options&8 > 0 {
		s.Delimiter = '|'
	}
	if options&16 > 0 {
		s.Null = "acme"
	}
	if options&32 > 0 && s.Format != Binary {
		s.Header = SkipHeader
	}
	_, err := New(s)
	return s, err == nil
}

// transform runs data through a transformer in pieces of at most n bytes.
func transform(s Spec, data []byte, n int) ([]byte, error) {
	t, err := New(s)
	if err != nil {
		return nil, err
	}
	var out, part []byte
	for len(data) > 0 {
		piece := data[:min(n, len(data))]
		data = data[len(piece):]
		for len(piece) > 0 {
			var used int
			part, used, err = t.Append(part[:0], piece)
			out = append(out, part...)
			if err != nil {
				return out, err
			}
			piece = piece[used:]
		}
	}
	part, err = t.Finish(part[:0])
	return append(out, part...), err
}

// counted is how many rows the transformer says that data holds.
func counted(s Spec, data []byte) int64 {
	t, err := New(s)
	if err != nil {
		panic(err)
	}
	for len(data) > 0 {
		_, used, err := t.Append(nil, data)
		if err != nil {
			return t.Rows()
		}
		data = data[used:]
	}
	_, _ = t.Finish(nil)
	return t.Rows()
}

// check compares what goes in with what comes out, as Postgres reads both.
func check(s Spec, data []byte) error {
	out, err := transform(s, data, len(data)+1)
	for _, n := range []int{1, 3} {
		cut, cutErr := transform(s, data, n)
		if fmt.Sprint(err) != fmt.Sprint(cutErr) || err == nil && !bytes.Equal(out, cut) {
			return fmt.Errorf("in pieces of %d: %q (%v)\nat once: %q (%v)", n, cut, cutErr, out, err)
		}
	}
	columns, at, own := s.Columns, s.Index, []byte(nil)
	if at < 0 {
		columns, at = s.Columns+1, 0
	}
	var want, got [][][]byte
	if s.Format == Binary {
		own = []byte("acme")
		want, got = readBinary(data, s.Columns), readBinary(out, columns)
	} else {
		own = s.textValue("acme")
		if s.Format == CSV {
			own = s.csvValue("acme")
		}
		want, got = read(data, s, s.Columns), read(out, s, columns)
	}
	if err != nil && s.Format != Binary && len(got) > 0 {
		got = got[:len(got)-1] // the line that was refused is not complete, and COPY fails
	}
	for i, row := range got {
		if !bytes.Equal(row[at], own) {
			return fmt.Errorf("row %d of %q has the tenant %q", i, out, row[at])
		}
		if i >= len(want) {
			return fmt.Errorf("%d rows became %d: %q", len(want), len(got), out)
		}
		theirs := want[i]
		if s.Index >= 0 {
			theirs = slices.Delete(slices.Clone(theirs), at, at+1)
		}
		if !slices.EqualFunc(theirs, slices.Delete(slices.Clone(row), at, at+1), bytes.Equal) {
			return fmt.Errorf("row %d: %q became %q", i, theirs, row)
		}
	}
	if n := counted(s, data); err == nil && n < int64(len(got)) {
		return fmt.Errorf("%d rows, of which %d are counted: %q", len(got), n, out)
	}
	if err == nil && len(want) != len(got) {
		return fmt.Errorf("%d rows became %d: %q", len(want), len(got), out)
	}
	return nil
}

func FuzzTransform(f *testing.F) {
	for _, data := range []string{"a\tb\tc\n1\t2\t3\n\\.\nx", "acme\t2\t3\r\nacme\t2\t3\r\n", "a,\"b\n\"\"\",acme\n\\.\n", "acme|x|\\\n\rglobex|y|z", "'a''','\\'',\\\nacme",
		signature + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x04acme\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff"} {
		for format := range uint8(3) {
			f.Add(format, uint8(0), uint8(1), []byte(data))
			f.Add(format, uint8(1), uint8(3), []byte(data))
		}
	}
	f.Fuzz(func(t *testing.T, format, index, options uint8, data []byte) {
		s, ok := specFor(format, index, options)
		if !ok {
			t.Skip("not a spec")
		}
		if err := check(s, data); err != nil {
			t.Errorf("%+v\n%q\n%v", s, data, err)
		}
	})
}

// TestRandomRows is the fuzz target with rows that are nearly well-formed.
func TestRandomRows(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	words := []string{"acme", "acme", "acme", "globex", "x", "\n", "\n", "\n", "\r", "\r\n", "\t", "\t", "\t", ",", ",", ",", "|", "|", `"`, `"`, "'", `\`, ".", `\.`, "\n\\.\n", `\N`, `""`, `\"`, "é",
		"acme\tx\ty\n", "acme,x,y\n", "x|acme|y\n"}
	complete := 0
	for range 200000 {
		s, ok := specFor(uint8(r.IntN(2)), uint8(r.IntN(4)), uint8(r.IntN(64)))
		if !ok {
			continue
		}
		var b strings.Builder
		for range r.IntN(24) {
			b.WriteString(words[r.IntN(len(words))])
		}
		if err := check(s, []byte(b.String())); err != nil {
			t.Fatalf("%+v\n%q\n%v", s, b.String(), err)
		}
		if len(read([]byte(b.String()), s, s.Columns)) > 0 {
			complete++
		}
	}
	if complete < 1000 {
		t.Errorf("only %d texts had rows", complete)
	}
}

// TestValues spells tenant ids that need care, and reads them back.
func TestValues(t *testing.T) {
	for _, id := range []string{"acme", "a\tb", `a\b`, "a,b", `a"b`, "a'b", "a\nb", "é", `\N`, "x|y", `\.`, "1", "A"} {
		for _, null := range []string{`\N`, "", "acme", `\x61cme`, `\141cme`} {
			s := Spec{Delimiter: '\t', Null: null, Default: &null}
			raw := s.textValue(id)
			if string(unescape(raw)) != id || string(raw) == null || bytes.ContainsAny(raw, "\t\n\r") {
				t.Errorf("%q is spelled %q", id, raw)
			}
		}
		for _, escape := range []byte{'"', '\\', 'e'} {
			s := Spec{Format: CSV, Delimiter: ',', Quote: '"', Escape: escape}
			if raw := s.csvValue(id); string(unquote(raw, '"', escape)) != id {
				t.Errorf("%q is spelled %q", id, raw)
			}
		}
	}
}

func TestRefusedRows(t *testing.T) {
	s, _ := specFor(0, 1, 0)
	if _, err := transform(s, []byte("acme\tx\ty\nglobex\tx\ty\n"), 100); !errors.Is(err, ErrMismatch) {
		t.Errorf("%v", err)
	}
	out, err := transform(s, []byte("globex\tx\n"), 100)
	if string(out) != "acme\tx\n" || err != nil {
		t.Errorf("a row that Postgres refuses: %q, %v", out, err)
	}
	// A backslash that the data ends behind is no part of the text that is compared with the one for NULL.
	s, _ = specFor(0, 1, 0)
	s.Columns, s.Index, s.Null = 1, 0, "acme"
	if _, err := transform(s, []byte("acme\\"), 100); !errors.Is(err, ErrMismatch) {
		t.Errorf("NULL before the end of the data: %v", err)
	}
	s, _ = specFor(2, 0, 0)
	var count *FieldCountError
	if _, err = transform(s, []byte(signature+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05"), 100); !errors.As(err, &count) || count.Got != 5 || count.Want != 3 {
		t.Errorf("%v", err)
	}
}

// TestMemory streams one row of 64 MiB: nothing of it is kept.
func TestMemory(t *testing.T) {
	for format := range uint8(2) {
		s, _ := specFor(format, 2, 0)
		tr, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		piece := bytes.Repeat([]byte("x"), 16<<10)
		var out []byte
		for range 4 << 10 {
			if out, _, err = tr.Append(out[:0], piece); err != nil {
				t.Fatal(err)
			}
			if len(out) > softLimit+len(piece) {
				t.Fatalf("%d bytes came out at once", len(out))
			}
		}
		l := tr.machine.(*lines)
		if cap(l.taken) > 2*maxValueBytes {
			t.Errorf("%d bytes are kept", cap(l.taken))
		}
		out, n := nil, 0
		newlines := bytes.Repeat([]byte("\n"), 1<<20)
		s, _ = specFor(format, 0, 0)
		if tr, err = New(s); err != nil {
			t.Fatal(err)
		}
		if out, n, err = tr.Append(out[:0], newlines); err != nil || n == len(newlines) || len(out) > softLimit+100 {
			t.Errorf("of empty lines %d bytes came out, %d were used", len(out), n)
		}
	}
}

// TestAllocations: rows cost none, however the tenant gets into them.
func TestAllocations(t *testing.T) {
	for _, c := range []struct {
		format, index uint8
		rows          string
	}{{0, 0, "1\t2\t3\n"}, {0, 1, "acme\t2\t3\n"}, {0, 3, "1\t\\x32\tacme\n"}, {1, 0, "1,\"2\",3\n"}, {1, 2, "1,acme,\"3\"\n"}} {
		s, _ := specFor(c.format, c.index, 0)
		tr, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		data, out := bytes.Repeat([]byte(c.rows), 1000), make([]byte, 0, 64<<10)
		run := func() {
			if _, _, err := tr.Append(out[:0], data); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if n := testing.AllocsPerRun(20, run); n > 0 {
			t.Errorf("%q: %v allocations for 1000 rows", c.rows, n)
		}
	}
}

func BenchmarkRows(b *testing.B) {
	for name, c := range map[string]struct {
		format, index uint8
		row           string
	}{
		"text, added":   {0, 0, "1234567\tsome text of a usual length\t2024-01-01 00:00:00\n"},
		"text, checked": {0, 1, "acme\tsome text of a usual length\t2024-01-01 00:00:00\n"},
		"csv, added":    {1, 0, "1234567,\"some text of a usual length\",2024-01-01 00:00:00\n"},
		"csv, checked":  {1, 1, "acme,\"some text of a usual length\",2024-01-01 00:00:00\n"},
		"binary, added": {2, 0, "\x00\x03\x00\x00\x00\x04abcd\x00\x00\x00\x1bsome text of a usual length\x00\x00\x00\x08abcdefgh"},
	} {
		b.Run(name, func(b *testing.B) {
			s, _ := specFor(c.format, c.index, 1)
			t, err := New(s)
			if err != nil {
				b.Fatal(err)
			}
			out := make([]byte, 0, 128<<10)
			if c.format == 2 {
				if _, _, err := t.Append(out, []byte(signature+"\x00\x00\x00\x00\x00\x00\x00\x00")); err != nil {
					b.Fatal(err)
				}
			}
			data := bytes.Repeat([]byte(c.row), 250)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, _, err := t.Append(out[:0], data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestForcedNulls(t *testing.T) {
	cases := []struct {
		null            string
		force, forceNot bool
		row             string
		accepted        bool
	}{
		{"acme", false, false, `"acme",2,3`, true}, {"acme", false, false, `acme,2,3`, false},
		{"acme", true, false, `"acme",2,3`, false}, {"acme", true, false, `a"cm"e,2,3`, false}, {"acme", true, false, `acme,2,3`, false},
		{"acme", false, true, `acme,2,3`, true}, {"acme", false, true, `"acme",2,3`, true},
		{"acme", true, true, `acme,2,3`, true}, {"acme", true, true, `"acme",2,3`, false},
		{"x", true, true, `"acme",2,3`, true}, {"x", true, true, `x,2,3`, false}, {"x", false, true, `"x",2,3`, false},
	}
	for _, c := range cases {
		s, ok := specFor(uint8(CSV), 1, 0)
		if !ok {
			t.Fatal("not a spec")
		}
		s.Null, s.ForceNull, s.ForceNotNull = c.null, c.force, c.forceNot
		out, err := transform(s, []byte(c.row+"\n"+c.row+"\n"), 4)
		if accepted := err == nil; accepted != c.accepted || err != nil && !errors.Is(err, ErrMismatch) {
			t.Errorf("%+v: %q, %v", c, out, err)
		}
	}
}

func TestHeaderWithoutData(t *testing.T) {
	s, ok := specFor(uint8(Text), 0, 0)
	if !ok {
		t.Fatal("not a spec")
	}
	s.Header = MatchHeader
	if out, err := transform(s, nil, 1); err != nil || string(out) != "tenant_id\t" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := transform(s, []byte("a\tb\tc\n"), 9); err != nil || string(out) != "tenant_id\ta\tb\tc\n" {
		t.Errorf("%q, %v", out, err)
	}
}
