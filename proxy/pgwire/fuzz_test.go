package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"
)

// FuzzFrames cuts arbitrary bytes into frames: put together again they are the bytes that came, whatever the sizes they came in.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("Q\x00\x00\x00\x0dSELECT 1\x00S\x00\x00\x00\x04"), uint8(0))
	f.Add(append([]byte("d\x00\x00\x9c\x44"), make([]byte, 40000)...), uint8(1))
	f.Add([]byte("Q\x00\x00\x00\x03"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, how uint8) {
		const limit = 100000
		var src io.Reader = bytes.NewReader(in)
		if how&1 != 0 {
			src = iotest.HalfReader(src)
		}
		r := NewReader(src, limit, nil)
		var out []byte
		for {
			h, err := r.Next()
			if err != nil {
				if errors.Is(err, ErrClosed) && !bytes.Equal(in, out) {
					t.Fatalf("%d bytes in frames of %d", len(out), len(in))
				}
				break
			}
			if h.Len > limit || h.Len < 0 {
				t.Fatalf("a body of %d bytes", h.Len)
			}
			var body []byte
			if how&2 != 0 {
				for r.Left() > 0 && err == nil {
					var chunk []byte
					chunk, err = r.Chunk(7)
					body = append(body, chunk...)
				}
			} else {
				body, err = r.Body()
			}
			if err != nil {
				if !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatal(err)
				}
				break
			}
			out = Append(out, h.Type, body...)
		}
		if !bytes.HasPrefix(in, out) {
			t.Fatal("the frames are not what came")
		}
	})
}

// FuzzStartup reads startup messages: what was read is written again, and read back as the same.
func FuzzStartup(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x11\x00\x03\x00\x00user\x00a\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f"))
	f.Add([]byte("\x00\x00\x00\x07\x00\x03\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		src := bytes.NewReader(in)
		code, body, err := ReadStartup(src)
		if err != nil {
			return
		}
		if taken := len(in) - src.Len(); taken != 8+len(body) || taken > MaxStartupBytes {
			t.Fatalf("%d bytes taken for a body of %d", taken, len(body))
		}
		if code == CodeCancel {
			if _, err := ParseCancel(body); (err == nil) != (len(body) == 8) {
				t.Fatal(err)
			}
		}
		params, err := ParseStartup(body)
		if err != nil {
			return
		}
		var again []byte
		for _, p := range params {
			again = AppendString(AppendString(again, p.Name), p.Value)
		}
		if again = append(again, 0); !bytes.Equal(again, body) {
			t.Fatalf("%q was read as %q", body, params)
		}
	})
}

// FuzzOptions joins the words of an options text again, escaped, and reads them back.
func FuzzOptions(f *testing.F) {
	f.Add(`-c a=b  --d=e\ f \\`)
	f.Add("\\")
	f.Fuzz(func(t *testing.T, in string) {
		words := SplitOptions(in)
		var escaped []string
		for _, w := range words {
			var b strings.Builder
			for i := range len(w) {
				b.WriteByte('\\')
				b.WriteByte(w[i])
			}
			escaped = append(escaped, b.String())
		}
		if again := SplitOptions(strings.Join(escaped, " \t")); !slices.Equal(words, again) && !slices.Contains(words, "") {
			t.Fatalf("%q became %q", words, again)
		}
	})
}

// FuzzBind rewrites Bind messages, and compares what was written with the original as pgx decodes both.
func FuzzBind(f *testing.F) {
	for _, b := range []pgproto3.Bind{
		{},
		{DestinationPortal: "p", PreparedStatement: "s", ParameterFormatCodes: []int16{1}, Parameters: [][]byte{{1, 2}, nil, {}}},
		{ParameterFormatCodes: []int16{0, 1}, Parameters: [][]byte{[]byte("x"), {0}}, ResultFormatCodes: []int16{1, 0}},
		{ParameterFormatCodes: []int16{1}, ResultFormatCodes: []int16{1}},
		{Parameters: [][]byte{make([]byte, 20000)}},
	} {
		message, err := b.Encode(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message[HeaderBytes:], uint8(1), uint8(0))
		f.Add(message[HeaderBytes:], uint8(2), uint8(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, tenants, refuse uint8) {
		r := NewReader(iotest.HalfReader(bytes.NewReader(Append(nil, MsgBind, body...))), 1<<20, nil)
		if _, err := r.Next(); err != nil {
			t.Skip()
		}
		head, err := ReadBind(r)
		if err != nil {
			return
		}
		if head.CheckCounts(head.Statement, head.Params) != nil {
			return
		}
		var out bytes.Buffer
		refused := -1
		ok, err := head.WriteBind(&out, r, BindRewrite{Statement: "upstream", Appended: "acme", Times: int(tenants % 4), Checked: []int{int(refuse)},
			Check: func(param int, _ int16, _ []byte, _ bool) bool {
				refused = param
				return false
			}})
		if err != nil {
			if len(body) <= BufferBytes {
				t.Fatalf("a message that had been checked failed: %v", err)
			}
			return
		}
		if ok != (refused < 0) {
			t.Fatal("a refused value was not reported")
		}
		compareBinds(t, body, out.Bytes(), slices.Repeat([]string{"acme"}, int(tenants%4)), refused)
	})
}

func compareBinds(t *testing.T, body, written []byte, appended []string, refused int) {
	var before, after pgproto3.Bind
	if err := before.Decode(body); err != nil {
		t.Fatalf("accepted what pgx does not: %v", err)
	}
	h, err := ParseHeader(written, 1<<21)
	if err != nil || h.Type != MsgBind || h.Len != len(written)-HeaderBytes {
		t.Fatalf("header %+v, %v, of %d bytes", h, err, len(written))
	}
	if err := after.Decode(written[HeaderBytes:]); err != nil {
		t.Fatalf("wrote what cannot be read: %v", err)
	}
	if after.PreparedStatement != "upstream" || after.DestinationPortal != before.DestinationPortal {
		t.Fatalf("names %q, %q", after.PreparedStatement, after.DestinationPortal)
	}
	n := len(before.Parameters)
	if len(after.Parameters) != n+len(appended) || !slices.Equal(after.ResultFormatCodes, before.ResultFormatCodes) {
		t.Fatalf("%d parameters of %d", len(after.Parameters), n)
	}
	for i, v := range after.Parameters {
		want, format := []byte("acme"), int16(0)
		if i < n {
			want, format = before.Parameters[i], formatOf(&before, i)
		}
		if i == refused {
			want = make([]byte, len(want))
		}
		if !bytes.Equal(v, want) || (i < n && i != refused && (v == nil) != (want == nil)) || formatOf(&after, i) != format {
			t.Fatalf("parameter %d is %q in format %d, want %q in %d", i, v, formatOf(&after, i), want, format)
		}
	}
}

// formatOf follows the protocol's text: no codes, one for all, or one for each.
func formatOf(b *pgproto3.Bind, i int) int16 {
	switch codes := b.ParameterFormatCodes; len(codes) {
	case 0:
		return 0
	case 1:
		return codes[0]
	default:
		return codes[i]
	}
}

// FuzzDecode gives arbitrary bodies to the decoders: whatever pgproto3 does with them becomes an error here, and what was read is what was there.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x00SELECT 1\x00\x00\x00"), uint8(1))
	f.Add([]byte{}, uint8(0))
	f.Add([]byte("Pportal\x00"), uint8(0))
	f.Add([]byte("portal\x00\x00\x00\x00\x07"), uint8(0))
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		messages := []Message{&Query{}, &Parse{}, &SASLInitialResponse{}, &SASLResponse{}}
		m := messages[int(which)%len(messages)]
		err := Decode(m, body)
		var format *FormatError
		if err != nil && !errors.As(err, &format) {
			t.Fatal(err)
		}
		if q, ok := m.(*Query); ok && err == nil && !bytes.Equal(AppendQuery(nil, q.String), Append(nil, MsgQuery, body...)) {
			t.Fatalf("%q was read as %q", body, q.String)
		}
		if of := readBack(t, body, MsgDescribe, ReadTarget); of != (Target{}) && !bytes.Equal(AppendDescribe(nil, of.ObjectType, of.Name), Append(nil, MsgDescribe, body...)) {
			t.Fatalf("%q was read as %v", body, of)
		}
		if e := readBack(t, body, MsgExecute, ReadExecute); e != (Execute{}) && !bytes.Equal(AppendExecute(nil, e.Portal, e.MaxRows), Append(nil, MsgExecute, body...)) {
			t.Fatalf("%q was read as %v", body, e)
		}
	})
}

// readBack reads a message with this body, which arrives in pieces; the zero value after an error.
func readBack[M any](t *testing.T, body []byte, typ byte, read func(*Reader) (M, error)) M {
	r := NewReader(iotest.HalfReader(bytes.NewReader(Append(nil, typ, body...))), 1<<20, nil)
	if _, err := r.Next(); err != nil {
		t.Skip()
	}
	m, err := read(r)
	var format *FormatError
	if err != nil && !errors.As(err, &format) {
		t.Fatal(err)
	}
	return m
}

// FuzzFields filters error fields: only those that are kept come out, as they went in.
func FuzzFields(f *testing.F) {
	f.Add([]byte("SERROR\x00C42501\x00Mno\x00Dsecret\x00\x00"))
	f.Add([]byte("Mcut \xc3"))
	f.Fuzz(func(t *testing.T, body []byte) {
		out := Fields(body).AppendFiltered(nil, MsgError, "SCM")
		if h, err := ParseHeader(out, 1<<21); err != nil || h.Len != len(out)-HeaderBytes || out[len(out)-1] != 0 {
			t.Fatalf("%q", out)
		}
		var want, got []string
		Fields(body).each(func(code byte, value []byte) bool {
			if strings.IndexByte("SCM", code) >= 0 {
				want = append(want, string(code)+string(validPrefix(value)))
			}
			return true
		})
		Fields(out[HeaderBytes:]).each(func(code byte, value []byte) bool {
			got = append(got, string(code)+string(value))
			return true
		})
		if !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// FuzzTrimParameters shortens ParameterDescriptions.
func FuzzTrimParameters(f *testing.F) {
	f.Add([]byte{0, 2, 0, 0, 0, 23, 0, 0, 0, 25}, uint16(1))
	f.Fuzz(func(t *testing.T, body []byte, n uint16) {
		trimmed, err := TrimParameters(body, int(n))
		if err != nil {
			return
		}
		if len(trimmed) != 2+4*int(n) || binary.BigEndian.Uint16(trimmed) != n || !bytes.Equal(trimmed[2:], body[2:2+4*int(n)]) {
			t.Fatalf("%v of %v", trimmed, body)
		}
	})
}
