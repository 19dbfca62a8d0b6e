package budget

import (
	"context"
	"crypto/rand"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"pgcordon/proxy/limit"
)

const (
	// interval is how often portions are exchanged, lease how long one holds that is not: both are known to every proxy.
	interval = 100 * time.Millisecond
	lease    = 3 * time.Second
	// patience is how long one answer of Redis may take.
	patience = 500 * time.Millisecond
	// reserve is the part of a limit that is left for proxies that come, floor the part that one is given that needs nothing now.
	reserve, floor = 0.03, 0.01
	// growth is how much more than its use a proxy asks for that is not hungry.
	growth = 1.25

	prefix     = "pgcordon:"
	proxiesKey = prefix + "proxies"
)

//go:embed exchange.lua
var exchangeText string

//go:embed connect.lua
var connectText string

var exchangeScript, connectScript = redis.NewScript(exchangeText), redis.NewScript(connectText)

// Options are a Broker's.
type Options struct {
	Redis *redis.Options
	// Closed refuses what is limited while Redis is away; else each proxy takes its part.
	Closed bool
	// Proxies is how many proxies there are at least: what counts while Redis was never reached.
	Proxies int
	Log     *slog.Logger
}

// Broker is a limit.Sharer.
type Broker struct {
	opts   Options
	client *redis.Client
	me     string
}

// New returns a broker. Close it after Run has ended.
func New(opts Options) *Broker {
	r := *opts.Redis
	r.ReadTimeout, r.WriteTimeout, r.DialTimeout, r.MaxRetries = patience, patience, patience, -1
	r.ContextTimeoutEnabled, r.DialerRetries = true, 1
	r.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	redis.SetLogger(quiet{}) // what it would say of each attempt, Run says once
	return &Broker{opts: opts, client: redis.NewClient(&r), me: rand.Text()}
}

type quiet struct{}

// Printf makes quiet the logger of package redis.
func (quiet) Printf(context.Context, string, ...any) {}

// Close closes the connections to Redis.
func (b *Broker) Close() error { return b.client.Close() }

// Run exchanges portions for the gate until ctx ends.
func (b *Broker) Run(ctx context.Context, gate *limit.Gate) {
	gate.SetProxies(b.opts.Proxies)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	reached, away := time.Now(), false
	for {
		select {
		case <-ctx.Done():
			b.leave()
			return
		case <-ticker.C:
		}
		proxies, err := b.round(ctx, gate)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			if away {
				b.opts.Log.Info("shared limits are in force again", "proxies", proxies)
			}
			reached, away = time.Now(), false
			gate.SetAway(false, b.opts.Closed)
			gate.SetProxies(max(proxies, b.opts.Proxies))
		case !away && time.Since(reached) >= lease:
			b.opts.Log.Warn("shared limits are out of reach", "refused", b.opts.Closed, "error", err)
			away = true
			gate.SetAway(true, b.opts.Closed)
		}
	}
}

// round is one exchange of everything. It returns how many proxies there are.
func (b *Broker) round(ctx context.Context, gate *limit.Gate) (proxies int, err error) {
	now, err := b.client.Time(ctx).Result()
	if err != nil {
		return 0, err
	}
	pipe := b.client.Pipeline()
	pipe.ZAdd(ctx, proxiesKey, redis.Z{Score: float64(now.Add(lease).UnixMilli()), Member: b.me})
	pipe.ZRemRangeByScore(ctx, proxiesKey, "-inf", strconv.FormatInt(now.UnixMilli(), 10))
	count := pipe.ZCard(ctx, proxiesKey)
	pipe.PExpire(ctx, proxiesKey, 2*lease)
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, err
	}
	demands := gate.Demands()
	portions, err := b.Exchange(ctx, demands)
	if err != nil {
		return 0, err
	}
	gate.Grant(demands, portions)
	return int(count.Val()), nil
}

// leave gives up what this proxy counts for.
func (b *Broker) leave() {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	_ = b.client.ZRem(ctx, proxiesKey, b.me).Err() // its leases end by themselves
}

// Exchange implements limit.Sharer.
func (b *Broker) Exchange(ctx context.Context, demands []limit.Demand) ([]float64, error) {
	portions := make([]float64, len(demands))
	if len(demands) == 0 {
		return portions, nil
	}
	answers, err := b.ask(ctx, demands, (*redis.Script).EvalSha)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answers, err = b.ask(ctx, demands, (*redis.Script).Eval)
	}
	if err != nil {
		return nil, err
	}
	for i, a := range answers {
		if demands[i].Count {
			continue
		}
		text, err := a.Text()
		if err == nil {
			portions[i], err = strconv.ParseFloat(text, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("an answer of Redis: %w", err)
		}
	}
	return portions, nil
}

// ask sends all demands at once.
func (b *Broker) ask(ctx context.Context, demands []limit.Demand,
	run func(*redis.Script, context.Context, redis.Scripter, []string, ...any) *redis.Cmd) ([]*redis.Cmd, error) {
	pipe := b.client.Pipeline()
	answers := make([]*redis.Cmd, len(demands))
	for i, d := range demands {
		key := []string{prefix + d.Key}
		if d.Count {
			answers[i] = run(connectScript, ctx, pipe, key, b.me, d.Held, int(d.Total), lease.Milliseconds(), 1)
			continue
		}
		want := d.Total
		if !d.Hungry {
			want = min(want, d.Used*growth+floor*d.Total)
		}
		answers[i] = run(exchangeScript, ctx, pipe, key, b.me, d.Total, want, d.Portion, lease.Milliseconds(), reserve)
	}
	_, err := pipe.Exec(ctx)
	return answers, err
}

// Connect implements limit.Sharer.
func (b *Broker) Connect(ctx context.Context, key string, held, most int) (bool, error) {
	n, err := connectScript.Run(ctx, b.client, []string{prefix + key}, b.me, held, most, lease.Milliseconds(), 0).Int()
	if errors.Is(err, context.Canceled) {
		return false, err
	}
	return n == 1, err
}
