package proxy

import (
	"bytes"
	"encoding/binary"
	"sync"

	"pgcordon/policy"
	"pgcordon/proxy/pgwire"
	"pgcordon/rewriter"
)

// maxChannels bounds the channels that a session has ever listened to.
const maxChannels = 10000

// channels are the channels that a session has asked to listen to, by their names upstream. One that it has left, or that a rollback has
// undone, may stay: nothing arrives for it.
type channels struct {
	mu     sync.Mutex
	client map[string]string
}

// listen notes the channels of a plan before it is sent; false when they are too many.
func (c *channels) listen(plan *rewriter.Plan, t policy.TenantID) bool {
	for i := range plan.Statements {
		st := &plan.Statements[i]
		if st.Kind != rewriter.KindListen {
			continue
		}
		c.mu.Lock()
		if c.client == nil {
			c.client = make(map[string]string)
		}
		full := len(c.client) >= maxChannels
		if !full {
			c.client[rewriter.Channel(t, st.Name)] = st.Name
		}
		c.mu.Unlock()
		if full {
			return false
		}
	}
	return true
}

func (c *channels) name(upstream string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name, ok := c.client[upstream]
	return name, ok
}

func tooManyChannels() *failure {
	return &failure{state: stateLimitExceeded, message: "too many channels", hint: "Connect again."}
}

// notification gives a notification the client's name of its channel, and the client's number of its own backend. One of a channel
// that this session has not asked for is not its client's, and is dropped.
func (r *relay) notification(body []byte) error {
	if len(body) < 4 {
		return errDesync
	}
	process := binary.BigEndian.Uint32(body)
	upstream, rest, ok := bytes.Cut(body[4:], []byte{0})
	if !ok {
		return errDesync
	}
	name, known := r.s.channels.name(string(upstream))
	if !known {
		r.take(false, nil)
		return nil
	}
	if process == r.up.conn.PID {
		process = r.s.process
	}
	out := binary.BigEndian.AppendUint32(nil, process)
	out = append(append(out, name...), 0)
	r.take(false, pgwire.Append(nil, pgwire.MsgNotification, append(out, rest...)...))
	return nil
}
