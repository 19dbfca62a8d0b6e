package drivers

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// sample is one row of the table samples, as Go sees it.
type sample struct {
	I2     *int16
	I4     *int32
	I8     *int64
	Num    pgtype.Numeric
	F8     *float64
	Txt    *string
	Bin    []byte
	Flag   *bool
	Day    pgtype.Date
	Moment *time.Time
	UID    pgtype.UUID
	Doc    *string
	Ints   []int32
	Words  []*string
}

func pointer[T any](v T) *T { return &v }

var samples = []sample{
	{
		I2: pointer(int16(-32768)), I4: pointer(int32(2147483647)), I8: pointer(int64(-9223372036854775808)),
		Num: numeric("-12345678901234567890.000012345"), F8: pointer(0.1), Txt: pointer("Größe 漢字 🐘 'quoted' \"x\" \\ $1"),
		Bin: []byte{0, 1, 0xff, '\''}, Flag: pointer(true),
		Day:    pgtype.Date{Time: time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), Valid: true},
		Moment: pointer(time.Date(1999, 12, 31, 23, 59, 59, 123456000, time.UTC)),
		UID:    pgtype.UUID{Bytes: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, Valid: true},
		Doc:    pointer(`{"a": [1.5, null, "tenant_id"], "ü": true}`), Ints: []int32{1, -2, 3},
		Words: []*string{pointer("a,b"), nil, pointer(`{"x"}`)},
	},
	{},
	{Txt: pointer(""), Bin: []byte{}, Ints: []int32{}, Num: numeric("0"), Doc: pointer("{}")},
}

func numeric(text string) pgtype.Numeric {
	var n pgtype.Numeric
	if err := n.Scan(text); err != nil {
		panic(err)
	}
	return n
}

const insertSample = `insert into samples (id, i2, i4, i8, num, f8, txt, bin, flag, day, moment, uid, doc, ints, words)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

const selectSample = `select i2, i4, i8, num, f8, txt, bin, flag, day, moment, uid, doc, ints, words from samples where id = $1`

func TestPgxTypes(t *testing.T) {
	inEachPgxMode(t, func(t *testing.T, ctx context.Context, conn *pgx.Conn, r *report) {
		for id, s := range samples {
			tag, err := conn.Exec(ctx, insertSample, id,
				s.I2, s.I4, s.I8, s.Num, s.F8, s.Txt, s.Bin, s.Flag, s.Day, s.Moment, s.UID, s.Doc, s.Ints, s.Words)
			if err != nil {
				t.Fatalf("sample %d: %v", id, err)
			}
			r.say("%s", tag)
			var back sample
			err = conn.QueryRow(ctx, selectSample, id).Scan(&back.I2, &back.I4, &back.I8, &back.Num, &back.F8, &back.Txt,
				&back.Bin, &back.Flag, &back.Day, &back.Moment, &back.UID, &back.Doc, &back.Ints, &back.Words)
			if err != nil {
				t.Fatalf("sample %d: %v", id, err)
			}
			want, got := show(s), show(back)
			if want != got {
				t.Errorf("sample %d came back as\n%s\nwant\n%s", id, got, want)
			}
			r.say("%s", got)
		}
		for _, format := range []int16{pgx.TextFormatCode, pgx.BinaryFormatCode} {
			rows(ctx, conn, r, "select id, num, txt, bin, moment, uid, ints, words from samples where i4 = $1",
				pgx.QueryResultFormats{format}, int32(2147483647))
		}
		rows(ctx, conn, r, "select id from samples where id = any($1) order by id", []int32{0, 2, 9})
		rows(ctx, conn, r, "select $1::inet, $2::interval, $3::jsonb", netip.MustParseAddr("192.0.2.1"), time.Minute, `{"a": 1}`)
		rows(ctx, conn, r, "delete from samples")
	})
}

// show prints what pointers point to; a nil and an empty slice are not the same to Postgres.
func show(s sample) string {
	number, err := s.Num.MarshalJSON()
	text := fmt.Sprintf("num=%s %v", number, err)
	text += value(s.I2) + value(s.I4) + value(s.I8) + value(s.F8) + value(s.Txt) + value(s.Flag)
	text += fmt.Sprintf(" bin=%x %t day=%v uid=%v doc=%s ints=%v %t", s.Bin, s.Bin == nil, s.Day, s.UID, value(s.Doc), s.Ints, s.Ints == nil)
	if s.Moment != nil {
		text += s.Moment.UTC().Format(time.RFC3339Nano)
	}
	for _, word := range s.Words {
		text += value(word)
	}
	return text
}

func value[T any](p *T) string {
	if p == nil {
		return " NULL"
	}
	return fmt.Sprintf(" %v", *p)
}
