package proxy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
)

// TestStatementBehindOneThatMayBindItsConnection: what a statement has left on its connection was not looked at when the next one comes, which waits for its
// turn. The connection stays the session's meanwhile, so that nobody of its tenant who waits for one may keep the turn.
func TestStatementBehindOneThatMayBindItsConnection(t *testing.T) {
	w := newWorld(t, worldOptions{limits: limit.Limits{StatementsAtOnce: 1, Wait: 10 * time.Hour}, pool: pool.Config{Size: 1}})
	c := dialRaw(t, w.dsn())
	for _, m := range []pgproto3.FrontendMessage{query("CREATE TEMP TABLE stage (n int)"), query("COPY stage FROM STDIN")} {
		c.Send(m)
	}
	must(t, c.Flush())
	for asked := false; !asked; {
		m, err := c.Receive()
		must(t, err)
		_, asked = m.(*pgproto3.CopyInResponse)
	}
	other, err := dial(w.dsn())
	must(t, err)
	defer other.Close(context.Background())
	read := make(chan error, 1)
	go func() { _, err := other.Exec(context.Background(), "SELECT 1").ReadAll(); read <- err }()
	eventually(t, "the other to wait for its turn", func() bool { return w.waiting() == 1 })
	got := c.say(2, &pgproto3.CopyDone{}, query("DROP TABLE stage"))
	if want := "CommandComplete COPY 0,Ready I,CommandComplete DROP TABLE,Ready I"; strings.Join(got, ",") != want {
		t.Errorf("%q, want %q", got, want)
	}
	must(t, within(t, "the other's answer", read))
}
