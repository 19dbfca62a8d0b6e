package proxy

import (
	"container/list"
	"context"
	"errors"
	"runtime"
	"sync"

	"pgcordon/rewriter"
)

// A text that was never seen costs a parse, and that processor time. So that a tenant which sends ever new texts does not take it from others, only so many
// are parsed at once, and tenants whose texts wait take turns. What is known is not held up by that.

// parsing admits work on new texts. Its methods are safe for concurrent use.
type parsing struct {
	mu   sync.Mutex
	free int
	// turns are the tenants whose texts wait, in the order of their turns; waiting finds a tenant's.
	turns   list.List // of *parsingTurns
	waiting map[string]*list.Element
}

// parsingTurns are the texts of a tenant that wait, first come first served.
type parsingTurns struct {
	tenant string
	texts  list.List // of chan struct{}, closed when it is that text's turn
}

// parsersAtOnce leaves part of the processors to what needs no parse.
func parsersAtOnce() int { return max(1, runtime.GOMAXPROCS(0)/2) }

func newParsing(atOnce int) *parsing {
	return &parsing{free: atOnce, waiting: make(map[string]*list.Element)}
}

// begin waits for the tenant's turn. The error is the context's.
func (p *parsing) begin(ctx context.Context, tenant string) error {
	p.mu.Lock()
	if p.free > 0 {
		p.free--
		p.mu.Unlock()
		return nil
	}
	place := p.waiting[tenant]
	if place == nil {
		place = p.turns.PushBack(&parsingTurns{tenant: tenant})
		p.waiting[tenant] = place
	}
	of := place.Value.(*parsingTurns)
	turn := make(chan struct{})
	e := of.texts.PushBack(turn)
	p.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-turn: // at the same moment
		p.pass()
	default:
		of.texts.Remove(e)
		p.settle(place)
	}
	return ctx.Err()
}

// end lets the next one begin.
func (p *parsing) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass()
}

// pass hands a place on. p.mu is held.
func (p *parsing) pass() {
	first := p.turns.Front()
	if first == nil {
		p.free++
		return
	}
	of := first.Value.(*parsingTurns)
	turn := of.texts.Remove(of.texts.Front()).(chan struct{})
	p.turns.MoveToBack(first)
	p.settle(first)
	close(turn)
}

// settle forgets a tenant that has no texts waiting. p.mu is held.
func (p *parsing) settle(place *list.Element) {
	if of := place.Value.(*parsingTurns); of.texts.Len() == 0 {
		p.turns.Remove(place)
		delete(p.waiting, of.tenant)
	}
}

// admitParse is rewriter.Request.Admit for the session's texts.
func (s *session) admitParse(ctx context.Context) (done func(), refusal *rewriter.Denial) {
	s.yield() // parsing takes a while
	err := s.server.parsing.begin(s.admits(ctx), s.tenant)
	s.waits.end()
	s.up = s.pipe.unpark()
	if errors.Is(err, errCancelled) {
		return nil, &rewriter.Denial{SQLState: stateQueryCanceled, Message: cancelled().message}
	}
	if err != nil {
		return nil, &rewriter.Denial{SQLState: stateAdminShutdown, Message: shutdown().message}
	}
	return s.server.parsing.end, nil
}
