package isolation

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Finding is a difference between the worlds.
type Finding struct {
	Batch *Batch
	// Step is the index of the step that showed it; len(Batch.Steps) when the rows differed after the last one.
	Step int
	// Kind tells findings apart while one is shrunk; Text says what differs.
	Kind, Text   string
	Proxied, Own Answer
}

// run is one batch on its way through the worlds.
type run struct {
	w     *Worlds
	batch *Batch
	// proxied and own are the tenants' connections, made when needed.
	proxied, own [Tenants]*client
	stats        *Stats
}

const stepTimeout = time.Minute

// Run runs a batch on freshly loaded rows and returns the first difference, nil for none. The error is the harness's own.
func (w *Worlds) Run(ctx context.Context, b *Batch, stats *Stats) (*Finding, error) {
	if err := w.load(ctx, b.Rows); err != nil {
		return nil, err
	}
	r := &run{w: w, batch: b, stats: stats}
	f, err := r.steps(ctx)
	r.close()
	if f != nil || err != nil {
		return f, err
	}
	text, err := w.checkContent(ctx)
	if err != nil || text == "" {
		return nil, err
	}
	return &Finding{Batch: b, Step: len(b.Steps), Kind: "content", Text: text}, nil
}

func (r *run) close() {
	for t := range Tenants {
		if c := r.proxied[t]; c != nil {
			c.close()
		}
		if c := r.own[t]; c != nil {
			c.close()
		}
	}
}

func (r *run) steps(ctx context.Context) (*Finding, error) {
	for i, step := range r.batch.Steps {
		if r.w.twin >= 0 && r.w.twin != step.Tenant {
			continue
		}
		if err := r.connect(ctx, step.Tenant); err != nil {
			return nil, err
		}
		for k, sequence := range step.Draws {
			value := firstID(step.Tenant, idBlock/2+100*(10*i+k))
			if err := r.w.setSequence(ctx, step.Tenant, sequence, value); err != nil {
				return nil, err
			}
		}
		stepCtx, cancel := context.WithTimeout(ctx, stepTimeout)
		proxied, own, err := r.both(stepCtx, step)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("%w after %s", err, step.Query.SQL())
		}
		verdict, text := compare(r.batch.Schema.Major, step, proxied, own)
		r.stats.count(step, verdict, proxied, own)
		if verdict == Different {
			kind, _, _ := strings.Cut(text, ":")
			if kind == "SQLSTATE" {
				kind += " " + state(proxied) + "/" + state(own)
			}
			return &Finding{Batch: r.batch, Step: i, Kind: kind, Text: text, Proxied: proxied, Own: own}, nil
		}
	}
	return nil, nil
}

func (r *run) connect(ctx context.Context, tenant int) error {
	if r.proxied[tenant] != nil {
		return nil
	}
	var err error
	if r.proxied[tenant], err = connect(ctx, r.w.sharedDSN(tenant)); err != nil {
		return fmt.Errorf("connecting through the proxy: %w", err)
	}
	r.own[tenant], err = connect(ctx, r.w.pg.DSN(appRole, r.w.names[ownDB(tenant)]))
	return err
}

// both runs a step in both worlds. What the proxy refuses by a rule leaves no trace in the tenant's own world either, so that
// the two stay comparable.
func (r *run) both(ctx context.Context, step *Step) (proxied, own Answer, err error) {
	p, o := r.proxied[step.Tenant], r.own[step.Tenant]
	proxied = p.run(ctx, step)
	if refusalRule(proxied.Err) == "" && !step.Probe {
		return proxied, o.run(ctx, step), nil
	}
	before := o.conn.TxStatus()
	if step.Kind == "transaction" || step.Probe {
		own = Answer{Status: before}
	} else {
		enter, leave := "BEGIN", "ROLLBACK"
		switch before {
		case 'T':
			enter, leave = "SAVEPOINT probe", "ROLLBACK TO probe; RELEASE probe"
		case 'E':
			enter, leave = "", ""
		}
		if err := o.say(ctx, enter); err != nil {
			return proxied, own, err
		}
		own = o.run(ctx, step)
		if err := o.say(ctx, leave); err != nil {
			return proxied, own, err
		}
	}
	if own.Err == nil {
		if err := o.say(ctx, step.Undo); err != nil {
			return proxied, own, err
		}
	}
	if before == 'T' && proxied.Status == 'E' {
		o.say(ctx, "SELECT 1 / 0") // fails the transaction, as the refusal has failed the other one
	}
	return proxied, own, nil
}

func (c *client) say(ctx context.Context, sql string) error {
	if sql == "" {
		return nil
	}
	_, err := c.conn.Exec(ctx, sql).ReadAll()
	return err
}
