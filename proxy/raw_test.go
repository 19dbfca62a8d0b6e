package proxy_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// rawClient speaks the protocol message by message.
type rawClient struct {
	t    testing.TB
	conn net.Conn
	*pgproto3.Frontend
}

// dialRaw logs in and takes the connection over.
func dialRaw(t testing.TB, dsn string) *rawClient {
	t.Helper()
	conn, err := pgconn.Connect(context.Background(), dsn)
	must(t, err)
	must(t, conn.SyncConn(context.Background()))
	h, err := conn.Hijack()
	must(t, err)
	t.Cleanup(func() { _ = h.Conn.Close() })
	must(t, h.Conn.SetDeadline(time.Now().Add(60*time.Second)))
	return &rawClient{t: t, conn: h.Conn, Frontend: h.Frontend}
}

// say sends messages and returns what comes up to the n-th ReadyForQuery.
func (c *rawClient) say(n int, messages ...pgproto3.FrontendMessage) []string {
	c.t.Helper()
	for _, m := range messages {
		c.Send(m)
	}
	must(c.t, c.Flush())
	return c.hear(n)
}

// hear renders what comes up to the n-th ReadyForQuery, or the end of the connection.
func (c *rawClient) hear(n int) []string {
	c.t.Helper()
	var heard []string
	for n > 0 {
		m, err := c.Receive()
		if err != nil {
			return append(heard, "closed")
		}
		heard = append(heard, render(m))
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			n--
		}
	}
	return heard
}

func render(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.RowDescription:
		var names []string
		for _, f := range m.Fields {
			names = append(names, fmt.Sprintf("%s:%d/%d", f.Name, f.DataTypeOID, f.Format))
		}
		return "RowDescription " + strings.Join(names, " ")
	case *pgproto3.DataRow:
		return fmt.Sprintf("DataRow %q", m.Values)
	case *pgproto3.CommandComplete:
		return "CommandComplete " + string(m.CommandTag)
	case *pgproto3.ErrorResponse:
		return fmt.Sprintf("Error %s %s %s", m.Severity, m.Code, m.Message)
	case *pgproto3.NoticeResponse:
		return fmt.Sprintf("Notice %s %s %s", m.Severity, m.Code, m.Message)
	case *pgproto3.CopyInResponse:
		return fmt.Sprintf("CopyInResponse %d %d", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.CopyOutResponse:
		return fmt.Sprintf("CopyOutResponse %d %d", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.CopyData:
		return fmt.Sprintf("CopyData %q", m.Data)
	case *pgproto3.ReadyForQuery:
		return "Ready " + string(m.TxStatus)
	case *pgproto3.ParameterDescription:
		return fmt.Sprintf("ParameterDescription %d", m.ParameterOIDs)
	case *pgproto3.ParameterStatus:
		return "ParameterStatus " + m.Name + "=" + m.Value
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}

func query(sql string) *pgproto3.Query { return &pgproto3.Query{String: sql} }

func parse(name, sql string, types ...uint32) *pgproto3.Parse {
	return &pgproto3.Parse{Name: name, Query: sql, ParameterOIDs: types}
}

func bind(portal, name string, values ...string) *pgproto3.Bind {
	b := &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: name}
	for _, v := range values {
		b.Parameters = append(b.Parameters, []byte(v))
	}
	return b
}

func exec(portal string, rows uint32) *pgproto3.Execute {
	return &pgproto3.Execute{Portal: portal, MaxRows: rows}
}

func describe(kind byte, name string) *pgproto3.Describe {
	return &pgproto3.Describe{ObjectType: kind, Name: name}
}

func closing(kind byte, name string) *pgproto3.Close {
	return &pgproto3.Close{ObjectType: kind, Name: name}
}

var (
	sync_ = &pgproto3.Sync{}
	flush = &pgproto3.Flush{}
)

func dial(dsn string) (*pgconn.PgConn, error) { return pgconn.Connect(context.Background(), dsn) }
