package pgwire

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
)

// endless repeats its bytes for ever, whole blocks at a time.
type endless struct {
	block []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], e.block[e.at:])
		n += c
		e.at = (e.at + c) % len(e.block)
	}
	return n, nil
}

// bindMessage binds two values in text format to a named statement.
func bindMessage() []byte {
	body := AppendString(AppendString(nil, ""), "S_1")
	body = binary.BigEndian.AppendUint16(body, 0)
	body = binary.BigEndian.AppendUint16(body, 2)
	for _, v := range []string{"123456", "some text of a customer's"} {
		body = binary.BigEndian.AppendUint32(body, uint32(len(v)))
		body = append(body, v...)
	}
	return Append(nil, MsgBind, binary.BigEndian.AppendUint16(body, 0)...)
}

// BenchmarkCost measures what is spent on a message of a client's: finding its frame, and giving a Bind the tenant.
func BenchmarkCost(b *testing.B) {
	b.Run("frame", func(b *testing.B) {
		r := NewReader(&endless{block: bytes.Repeat(Append(nil, MsgSync), 64)}, 1<<20, nil)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bind", func(b *testing.B) {
		r := NewReader(&endless{block: bindMessage()}, 1<<20, nil)
		rewrite := BindRewrite{Statement: "S_1", Appended: "acme", Times: 1}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
			bind, err := ReadBind(r)
			if err != nil {
				b.Fatal(err)
			}
			if ok, err := bind.WriteBind(io.Discard, r, rewrite); err != nil || !ok {
				b.Fatal(ok, err)
			}
			bind.Free()
		}
	})
}
