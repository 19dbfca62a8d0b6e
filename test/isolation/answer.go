package isolation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Answer is all that a client gets to see of one step.
type Answer struct {
	Results []Result
	Err     *pgconn.PgError
	// Broken is set when the connection failed instead of answering.
	Broken  string
	Notices []string // and notifications
	// Params are the parameter types that Describe reported for a named statement.
	Params []uint32
	// Status is the transaction status afterwards: I, T or E.
	Status byte
}

// Result is one statement's.
type Result struct {
	Columns []string // name, type and format, printed
	Rows    []string // values, printed
	Tag     string
}

// client is one connection to a world.
type client struct {
	conn    *pgconn.PgConn
	notices []string
}

func connect(ctx context.Context, dsn string) (*client, error) {
	cfg, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	c := &client{}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { c.notices = append(c.notices, n.Severity+": "+n.Message) }
	cfg.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) {
		c.notices = append(c.notices, fmt.Sprintf("NOTIFY %s: %s", n.Channel, n.Payload))
	}
	if c.conn, err = pgconn.ConnectConfig(ctx, cfg); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *client) close() { c.conn.Close(context.Background()) }

// run sends one step and collects its answer.
func (c *client) run(ctx context.Context, step *Step) Answer {
	c.notices = nil
	var a Answer
	var err error
	switch step.Mode {
	case SimpleQuery:
		err = c.simple(ctx, step, &a)
	case ExtendedQuery:
		err = c.extended(ctx, step, &a)
	case CopyOut:
		err = c.copy(ctx, step, &a)
	case CopyIn:
		err = c.copyIn(ctx, step, &a)
	case NamedStatement:
		err = c.named(ctx, step, &a)
	}
	if err != nil && !errors.As(err, &a.Err) {
		a.Broken = err.Error()
	}
	a.Notices = c.notices
	a.Status = c.conn.TxStatus()
	return a
}

func (c *client) simple(ctx context.Context, step *Step, a *Answer) error {
	results, err := c.conn.Exec(ctx, step.Query.SQL()).ReadAll()
	for _, r := range results {
		a.Results = append(a.Results, printResult(r))
	}
	return err
}

func (c *client) extended(ctx context.Context, step *Step, a *Answer) error {
	sql, args := step.Query.Parametrized()
	b, err := encode(args)
	if err != nil {
		return err
	}
	r := c.conn.ExecParams(ctx, sql, b.values, b.oids, b.formats, resultFormats(step)).Read()
	if r.Err == nil {
		a.Results = append(a.Results, printResult(r))
	}
	return r.Err
}

func (c *client) named(ctx context.Context, step *Step, a *Answer) error {
	sql, args := step.Query.Parametrized()
	b, err := encode(args)
	if err != nil {
		return err
	}
	const name = "statement of mine"
	d, err := c.conn.Prepare(ctx, name, sql, b.oids)
	if err != nil {
		return err
	}
	a.Params = d.ParamOIDs
	a.Results = append(a.Results, Result{Columns: printColumns(d.Fields)})
	times := 1
	if step.Kind == "SELECT" {
		times = 2
	}
	for range times {
		r := c.conn.ExecPrepared(ctx, name, b.values, b.formats, resultFormats(step)).Read()
		if r.Err != nil {
			err = r.Err
			break
		}
		a.Results = append(a.Results, printResult(r))
	}
	// Close is refused by nobody, also in a failed transaction.
	if cerr := c.conn.Deallocate(ctx, name); err == nil {
		err = cerr
	}
	return err
}

func resultFormats(step *Step) []int16 {
	if step.BinaryResult {
		return []int16{1}
	}
	return nil
}

type boundArgs struct {
	values  [][]byte
	oids    []uint32
	formats []int16
}

// encode makes the values of a Bind message, in the format that each argument asks for.
func encode(args []Argument) (boundArgs, error) {
	var b boundArgs
	types := pgtype.NewMap()
	for _, a := range args {
		oid, format, value := uint32(0), int16(0), []byte(a.Text)
		if a.Declare {
			oid = a.Type.OID
		}
		if a.Null {
			value = nil
		} else if a.Binary {
			var err error
			format = 1
			if value, err = binaryForm(types, a.Type, value); err != nil {
				return b, err
			}
		}
		b.values, b.oids, b.formats = append(b.values, value), append(b.oids, oid), append(b.formats, format)
	}
	return b, nil
}

// binaryForm turns a value's text into its binary form.
func binaryForm(types *pgtype.Map, typ Type, text []byte) ([]byte, error) {
	if typ == JSONB {
		return append([]byte{1}, text...), nil // the format's version, then the text
	}
	t, ok := types.TypeForOID(typ.OID)
	if !ok {
		return nil, fmt.Errorf("no codec for %s", typ.Name)
	}
	v, err := t.Codec.DecodeValue(types, typ.OID, pgtype.TextFormatCode, text)
	if err != nil {
		return nil, err
	}
	return types.Encode(typ.OID, pgtype.BinaryFormatCode, v, nil)
}

func printResult(r *pgconn.Result) Result {
	out := Result{Columns: printColumns(r.FieldDescriptions), Tag: r.CommandTag.String()}
	for _, row := range r.Rows {
		out.Rows = append(out.Rows, printRow(row, r.FieldDescriptions))
	}
	return out
}

// firstUserOID is where a database's own types begin; their oids differ between worlds.
const firstUserOID = 16384

func printColumns(fields []pgconn.FieldDescription) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		oid := fmt.Sprint(f.DataTypeOID)
		if f.DataTypeOID >= firstUserOID {
			oid = "own"
		}
		source := ""
		if f.TableOID != 0 {
			source = fmt.Sprintf(" of column %d", f.TableAttributeNumber)
		}
		out[i] = fmt.Sprintf("%s (type %s, modifier %d, format %d%s)", f.Name, oid, f.TypeModifier, f.Format, source)
	}
	return out
}

func printRow(row [][]byte, fields []pgconn.FieldDescription) string {
	var b strings.Builder
	for i, v := range row {
		if i > 0 {
			b.WriteString(" | ")
		}
		switch {
		case v == nil:
			b.WriteString("NULL")
		case i < len(fields) && fields[i].Format == 1:
			fmt.Fprintf(&b, "%q", v)
		default:
			b.Write(v)
		}
	}
	return b.String()
}
