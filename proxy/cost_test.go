package proxy

import (
	"encoding/binary"
	"net"
	"testing"

	"pgcordon/proxy/pgwire"
)

// rowsForEver is an upstream that sends one row again and again, whole buffers at a time.
type rowsForEver struct {
	block []byte
	at    int
}

func (e *rowsForEver) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], e.block[e.at:])
		n += c
		e.at = (e.at + c) % len(e.block)
	}
	return n, nil
}

// nowhere is a client that reads everything at once.
type nowhere struct{ net.Conn }

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkCost measures what the relay spends on a row of a large answer, without system calls.
func BenchmarkCost(b *testing.B) {
	b.Run("row", func(b *testing.B) {
		body := binary.BigEndian.AppendUint16(nil, 3)
		for _, v := range []string{"123456", "name of row 123456", "2025-01-01 00:00:00+00"} {
			body = append(binary.BigEndian.AppendUint32(body, uint32(len(v))), v...)
		}
		run := &execution{}
		r := &relay{s: &session{}, pipe: newPipeline(), out: newClient(nowhere{}), src: source{Reader: &rowsForEver{block: pgwire.Append(nil, pgwire.MsgDataRow, body...)}},
			buf: make([]byte, pgwire.BufferBytes)}
		if r.pipe.push(expectation{kind: answerQuery, mode: forward, run: run}, false) != accepted {
			b.Fatal("not accepted")
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := r.read(); err != nil {
				b.Fatal(err)
			}
			if err := r.scan(); err != nil {
				b.Fatal(err)
			}
			r.pass()
			if err := r.out.flush(); err != nil {
				b.Fatal(err)
			}
		}
		if run.current == 0 {
			b.Fatal("no rows")
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(run.current), "ns/row")
	})
}
