package pgwire

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
)

// BufferBytes is the size of a Reader's buffer, and of the relay's.
const BufferBytes = 16 << 10

// smallBytes is the size of the buffer that a Reader waits with.
const smallBytes = 512

// buffers are those of BufferBytes that no Reader uses now.
var buffers = sync.Pool{New: func() any { return new([BufferBytes]byte) }}

// Reader cuts what a client sends into frames. It holds at most BufferBytes, besides what Body is asked to collect, and while it waits for
// a client that has sent nothing only a small buffer.
type Reader struct {
	src   io.Reader
	retry func(error) error
	limit int

	buf   []byte // small, or large
	small [smallBytes]byte
	large *[BufferBytes]byte // nil while small is used
	more  bool               // the last read was long, so that more may follow at once
	r, w  int
	left  int    // bytes of the current frame's body that were not consumed
	name  string // the last one, but for the empty one
}

// NewReader returns a reader of frames whose bodies have at most limit bytes. retry is asked about each error of src:
// when it returns nil the read is tried again, else its error is the reader's. Nil never retries.
func NewReader(src io.Reader, limit int, retry func(error) error) *Reader {
	r := &Reader{src: src, limit: limit, retry: retry}
	r.buf = r.small[:]
	return r
}

// grow makes the buffer the large one.
func (r *Reader) grow() {
	if r.large != nil {
		return
	}
	r.large = buffers.Get().(*[BufferBytes]byte)
	r.w = copy(r.large[:], r.buf[r.r:r.w])
	r.r, r.buf = 0, r.large[:]
}

// shrink gives the large buffer back; nothing is in it.
func (r *Reader) shrink() {
	if r.large != nil {
		buffers.Put(r.large)
		r.large, r.buf = nil, r.small[:]
	}
}

// Buffered is how many bytes were read and not consumed.
func (r *Reader) Buffered() int { return r.w - r.r }

// Left is how many bytes of the current frame's body were not consumed.
func (r *Reader) Left() int { return r.left }

// Next discards what is left of the current frame and reads the next one's header.
func (r *Reader) Next() (Header, error) {
	if err := r.Discard(); err != nil {
		return Header{}, err
	}
	for r.w-r.r < HeaderBytes {
		if err := r.fill(); err != nil {
			if err == io.EOF && r.w > r.r {
				return Header{}, io.ErrUnexpectedEOF
			}
			if err == io.EOF {
				return Header{}, ErrClosed
			}
			return Header{}, err
		}
	}
	h, err := ParseHeader(r.buf[r.r:r.w], r.limit)
	if err != nil {
		return Header{}, err
	}
	r.r += HeaderBytes
	r.left = h.Len
	return h, nil
}

// fill reads once. There is always room: nobody waits for more than the buffer holds.
func (r *Reader) fill() error {
	switch {
	case r.r == r.w:
		r.r, r.w = 0, 0
		if r.more {
			r.grow()
		} else {
			r.shrink()
		}
	case r.large == nil: // in the middle of something
		r.grow()
	case r.w == len(r.buf):
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	for {
		n, err := r.src.Read(r.buf[r.w:])
		r.w += n
		r.more = r.w == len(r.buf) || n >= BufferBytes/4
		if n > 0 {
			return nil
		}
		if err == nil {
			continue
		}
		if r.retry == nil {
			return err
		}
		if err = r.retry(err); err != nil {
			return err
		}
	}
}

// need makes n bytes of the body lie in the buffer; n is at most BufferBytes.
func (r *Reader) need(n int) error {
	if n > r.left {
		return ErrInsufficient
	}
	if n > BufferBytes {
		return ErrLength
	}
	if n > len(r.buf) {
		r.grow()
	}
	if r.r+n > len(r.buf) {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	for r.w-r.r < n {
		if err := r.fill(); err != nil {
			return inside(err)
		}
	}
	return nil
}

func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Peek returns the next n bytes of the body without consuming them; n is at most BufferBytes.
func (r *Reader) Peek(n int) ([]byte, error) {
	if err := r.need(n); err != nil {
		return nil, err
	}
	return r.buf[r.r : r.r+n : r.r+n], nil
}

// Take returns and consumes the next n bytes of the body; n is at most BufferBytes.
func (r *Reader) Take(n int) ([]byte, error) {
	b, err := r.Peek(n)
	if err != nil {
		return nil, err
	}
	r.consume(n)
	return b, nil
}

func (r *Reader) consume(n int) {
	r.r += n
	r.left -= n
}

// Chunk returns and consumes at least one and at most max bytes of the body, as many as are at hand. max and the body must not be 0.
func (r *Reader) Chunk(max int) ([]byte, error) {
	if r.left == 0 || max <= 0 {
		return nil, ErrInsufficient
	}
	if r.r == r.w {
		if err := r.fill(); err != nil {
			return nil, inside(err)
		}
	}
	n := min(r.w-r.r, r.left, max)
	b := r.buf[r.r : r.r+n : r.r+n]
	r.consume(n)
	return b, nil
}

// Discard consumes what is left of the body.
func (r *Reader) Discard() error {
	for r.left > 0 {
		if _, err := r.Chunk(r.left); err != nil {
			return err
		}
	}
	return nil
}

// Body returns and consumes the whole body. One larger than the buffer is collected as it arrives,
// so that a length alone does not make memory be allocated.
func (r *Reader) Body() ([]byte, error) {
	if r.left <= BufferBytes {
		return r.Take(r.left)
	}
	body := make([]byte, 0, 4*BufferBytes)
	for r.left > 0 {
		chunk, err := r.Chunk(r.left)
		if err != nil {
			return nil, err
		}
		body = append(body, chunk...)
	}
	return body, nil
}

// String consumes a NUL-terminated string of the body, at most BufferBytes long.
func (r *Reader) String() (string, error) {
	for n := 0; ; {
		n = min(r.left, BufferBytes, max(n+1, r.w-r.r))
		b, err := r.Peek(n)
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			s := r.text(b[:i])
			r.consume(i + 1)
			return s, nil
		}
		if n == r.left || n == BufferBytes {
			return "", ErrString
		}
	}
}

// text is b as a string: a name that is said again is not made again.
func (r *Reader) text(b []byte) string {
	if string(b) == r.name {
		return r.name
	}
	s := string(b)
	if 0 < len(s) && len(s) <= MaxName {
		r.name = s
	}
	return s
}

// MaxName is how long a name of Postgres can be, in bytes: NAMEDATALEN less one. Longer ones of statements and portals are rare.
const MaxName = 63

// Uint16 consumes a two-byte number of the body.
func (r *Reader) Uint16() (int, error) {
	b, err := r.Take(2)
	if err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint16(b)), nil
}

// Int32 consumes a four-byte number of the body.
func (r *Reader) Int32() (int32, error) {
	b, err := r.Take(4)
	if err != nil {
		return 0, err
	}
	return int32(binary.BigEndian.Uint32(b)), nil
}
