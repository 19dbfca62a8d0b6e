package proxy

import (
	"sync"
	"time"

	"pgcordon/policy"
	"pgcordon/proxy/limit"
	"pgcordon/rewriter"
)

// answer is what the upstream, or the proxy in its place, answers a message with.
type answer uint8

const (
	answerQuery    answer = iota // anything up to ReadyForQuery
	answerParse                  // ParseComplete
	answerBind                   // BindComplete
	answerDescribe               // ParameterDescription and the next, or only RowDescription or NoData
	answerExecute                // rows, then CommandComplete, EmptyQueryResponse or PortalSuspended
	answerClose                  // CloseComplete
	answerSync                   // ReadyForQuery
	answerOwn                    // an answer of the proxy's own that has to wait its turn: nothing goes upstream for it
)

// mode says what happens to an answer.
type mode uint8

const (
	forward mode = iota // it goes to the client
	skip                // it answers a statement of the proxy's own: the reply is kept
	quiet               // it answers a message of the proxy's own, of which the client sees nothing but an error
	fake                // it is an error that was provoked, and the failure goes to the client in its place
)

// expectation is an answer that is outstanding.
type expectation struct {
	kind answer
	mode mode
	// failure takes the place of the provoked error, in mode fake, and of the error by which a COPY is given up.
	failure *failure
	// run is the execution that answerQuery or answerExecute is about, in mode forward.
	run *execution
	// name and statement are what answerParse makes known, and answerClose forgets.
	name      string
	statement *statement
	closes    bool
	// params is how many parameters a described statement shows; -1 when a portal is described.
	params int
	// unready keeps ReadyForQuery back: the client's Query goes on with another message.
	unready bool
	// ends is the execution whose success is told by the end of this COMMIT.
	ends *execution
	// reply collects what comes, in mode skip.
	reply *reply
	// vital is set for a statement of the proxy's own without which the session must not go on.
	vital bool
	// own is the message of answerOwn.
	own []byte
	// shared is the statement that answerParse makes known upstream, or answerClose closes, under a name of the proxy's own; unnamed, when
	// it has none there.
	shared  *sharedStatement
	unnamed bool
	// anew is set when the connection had the statement, and it was closed in front.
	anew bool
	// again is set for a Bind whose group can be sent again, told when the client may know already which columns its rows have.
	again, told bool
}

// execution is one run of a statement, from the client's message to its last answer.
type execution struct {
	plan    *rewriter.Plan
	permit  limit.Permit
	portal  *portal
	started time.Time
	who     policy.Identity
	// maxRows is the row limit; 0 for none. Behind a statement with one nothing is sent until it has ended.
	maxRows int64
	// counts is set when the changed rows are counted: see changes.go.
	counts bool
	// made is the statement that runs, with its text.
	made *statement
	// prepared is set for a Query that runs as a prepared statement; plan is the plan of that then.
	prepared *asPrepared
	// Below belongs to the relay.
	rows, bytes int64
	current     int64  // rows of the statement that runs, of several in a Query
	statement   int    // index of that statement
	executed    string // the tag of what an EXECUTE has run, when it differs
	state       string
	limit       string
	over        bool // a limit on rows was passed: that of excess, or maxRows
	excess      *failure
	held        []byte // the last CommandComplete, of an execution that is not yet committed
	// copied counts the messages of rows that COPY has sent, of the statement that runs.
	copied int64
	// leads are what can stand in front of a line of COPY FROM STDIN that is not the client's.
	leads []string
	// reusable is set for what the session may use again when it was reported.
	reusable bool
}

// reply is what the upstream says to a statement of the proxy's own: the first column of its rows.
type reply struct {
	rows   []string
	failed bool
	state  string // the SQLSTATE, if it has
	// compared collects descriptions; nil when none are asked for.
	compared *comparison
}

// maxOutstanding bounds the expectations of a session. Who has more messages than that under way waits.
const maxOutstanding = 1024

// pipeline is the queue of the answers that are outstanding, in order. The session's goroutine pushes each before it sends the message;
// the relay pops. It also carries what both know of the upstream: the transaction status, and whether an error has made the upstream
// skip messages until the next Sync.
type pipeline struct {
	mu   sync.Mutex
	cond sync.Cond // signalled at each change
	// waits is called before the session's goroutine waits for a change; nil is nothing.
	waits func()

	ring        []expectation // grows up to maxOutstanding; nil while the session is idle
	head, count int
	// failed is set while the upstream skips messages and no Sync is outstanding.
	failed bool
	// fails counts how often that has happened.
	fails uint64
	// status is the transaction status of the last ReadyForQuery: 'I', 'T' or 'E'.
	status byte
	// transactions counts those of the client's that have ended, explicit or not, on the database that tenants share.
	transactions uint64
	// blocked counts who needs that nothing new is sent: cancel requests that are on their way, and the relay while it makes the upstream fail.
	blocked int
	// coming is set while the session asks something for a statement that the client waits for: a cancel request waits for that one.
	coming bool
	// unsettled counts the outstanding answers that change which statements are known.
	unsettled int
	// copying is set while the upstream wants rows of the first expectation's COPY FROM STDIN.
	copying *copyIn
	closed  bool
	lease
}

func newPipeline() *pipeline {
	p := &pipeline{status: 'I'}
	p.cond.L = &p.mu
	return p
}

func (p *pipeline) at(i int) *expectation { return &p.ring[(p.head+i)%len(p.ring)] }

// grow doubles a ring that is full.
func (p *pipeline) grow() {
	if p.ring == nil {
		p.ring, p.head = rings.Get().(*[ringSize]expectation)[:], 0
		return
	}
	ring := make([]expectation, 2*len(p.ring))
	for i := range p.count {
		ring[i] = *p.at(i)
	}
	p.ring, p.head = ring, 0
}

const ringSize = 16

// rings are those that no pipeline uses now. What is in them is empty.
var rings = sync.Pool{New: func() any { return new([ringSize]expectation) }}

// rest gives the ring back while the session waits for its client and nothing is outstanding. p.mu is held.
func (p *pipeline) rest() {
	if !p.parked || p.count > 0 || p.ring == nil {
		return
	}
	if len(p.ring) == ringSize {
		rings.Put((*[ringSize]expectation)(p.ring))
	}
	p.ring = nil
}

func (e *expectation) settles() bool {
	return e.kind == answerParse && (e.mode == forward || e.mode == fake) || e.kind == answerQuery || e.kind == answerOwn
}

// await waits for a change, in the session's goroutine. p.mu is held.
func (p *pipeline) await() {
	if p.waits != nil {
		p.waits()
	}
	p.cond.Wait()
}

// pushed is what became of a push.
type pushed uint8

const (
	accepted pushed = iota
	full            // nothing was changed: flush, then pushWait
	ignored         // an error has made the upstream skip this message
	over            // the relay has ended
	empty           // an answer of the proxy's own, that need not wait: the caller gives it
)

// push appends an expectation. With wait it waits for room; without, it returns full.
func (p *pipeline) push(e expectation, wait bool) pushed {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && (p.blocked > 0 || p.count == maxOutstanding) {
		if !wait {
			return full
		}
		p.await()
	}
	if p.closed {
		return over
	}
	if p.failed {
		if e.kind != answerSync {
			return ignored
		}
		p.failed = false
	}
	switch e.kind {
	case answerSync:
		p.open, p.lulled = false, false
	case answerQuery:
		p.open = p.open && !e.asPrepared() // that has a Sync
		p.lulled = p.open                  // it leaves open what is, until its ReadyForQuery says otherwise
	case answerOwn:
		if p.count == 0 {
			return empty
		}
	default:
		p.open, p.lulled = true, false
	}
	if p.count == len(p.ring) {
		p.grow()
	}
	if p.coming && e.mode != skip {
		p.coming = false
		p.cond.Broadcast()
	}
	*p.at(p.count) = e
	p.count++
	if e.settles() {
		p.unsettled++
	}
	return accepted
}

// first returns a copy of the expectation that the upstream answers now; ok is false for none.
func (p *pipeline) first() (e expectation, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 {
		return expectation{}, false
	}
	return *p.at(0), true
}

// pop removes the first expectation. own is what follows, when it is an answer of the proxy's own, which is due now. idle tells that nothing is outstanding,
// and no transaction open, suspect that the session has to look then at what it has left upstream.
func (p *pipeline) pop() (own *expectation, idle, suspect bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
	p.cond.Broadcast()
	if p.count > 0 && p.at(0).kind == answerOwn {
		e := *p.at(0)
		return &e, false, false
	}
	idle = p.count == 0 && p.status == 'I'
	return nil, idle, idle && p.suspect
}

// drop removes the first expectation.
func (p *pipeline) drop() {
	e := p.at(0)
	if e.settles() {
		p.unsettled--
	}
	p.relaying = p.up != nil
	p.copying = nil
	*e = expectation{} // it holds plans and permits
	p.head = (p.head + 1) % len(p.ring)
	p.count--
}

// fail drops what the upstream skips after an error: the first expectation, and everything before the next Sync, for each of which
// skipped is called.
func (p *pipeline) fail(skipped func(*expectation)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
	for p.count > 0 && p.at(0).kind != answerSync {
		skipped(p.at(0))
		p.drop()
	}
	p.fails++
	p.failed = p.count == 0
	p.cond.Broadcast()
}

// block makes pushes wait if something of the client's runs, and returns the connection on which it does; nil for none. What the proxy asks for itself is waited
// for: it must not be cancelled.
func (p *pipeline) block() *upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && (p.count > 0 && p.at(0).mode == skip || p.coming) {
		p.cond.Wait()
	}
	if p.count == 0 || p.closed || p.up == nil {
		return nil
	}
	p.blocked++
	return p.up
}

// comes notes that the session asks something for a statement that is still to come.
func (p *pipeline) comes() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.coming = true
}

func (p *pipeline) unblock() {
	p.mu.Lock()
	p.blocked--
	p.cond.Broadcast()
	up := p.detach()
	p.mu.Unlock()
	up.giveBack()
}

// blockUnlessSync blocks unless a Sync is outstanding behind the first expectation.
func (p *pipeline) blockUnlessSync() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 1; i < p.count; i++ {
		if p.at(i).kind == answerSync {
			return false
		}
	}
	p.blocked++
	return true
}

// waitClosed waits until the relay has ended.
func (p *pipeline) waitClosed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed {
		p.await()
	}
}

// setStatus keeps the transaction status of a ReadyForQuery, which is the client's or one of the proxy's own.
func (p *pipeline) setStatus(status byte, clients bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
	if status == 'I' && p.count == 1 {
		p.open, p.lulled = false, false
	}
	if clients && status == 'I' {
		p.transactions++
	}
}

// more reports whether something is outstanding behind the first answer.
func (p *pipeline) more() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count > 1
}

// state returns whether nothing is outstanding, and the transaction status, which is certain only then.
func (p *pipeline) state() (empty bool, status byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count == 0, p.status
}

// skips reports whether the upstream skips what is sent now.
func (p *pipeline) skips() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// amendBind makes a Bind that was pushed last, and is still outstanding, end in a failure.
func (p *pipeline) amendBind(f *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 {
		return
	}
	if e := p.at(p.count - 1); e.kind == answerBind {
		e.mode, e.failure = fake, f
	}
}

// settled reports whether no outstanding answer changes which statements are known.
func (p *pipeline) settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unsettled == 0
}

// waitEmpty waits until nothing is outstanding; false when the relay has ended.
func (p *pipeline) waitEmpty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.count > 0 && !p.closed {
		p.await()
	}
	return !p.closed
}

// close ends all waiting: the relay has ended. dropped is called for each answer that will not come.
func (p *pipeline) close(dropped func(*expectation)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for p.count > 0 {
		dropped(p.at(0))
		p.drop()
	}
	p.cond.Broadcast()
}

func (p *pipeline) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
