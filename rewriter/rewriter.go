package rewriter

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Protocol says how a text reaches the server.
type Protocol uint8

// The two query protocols (Postgres manual, "Message Flow").
const (
	Simple   Protocol = iota // Query: no parameters, several statements
	Extended                 // Parse: parameters, one statement
)

// Request is everything that a plan depends on besides the bound policy.
type Request struct {
	SQL      string
	Protocol Protocol
	// Role is the policy role's name, empty for none.
	Role string
	// SearchPath is the session's, schemas in order, without pg_catalog.
	SearchPath []string
	// ParamTypes are the type oids declared in Parse; 0 leaves one open.
	ParamTypes []uint32
	// Temporary are the session's temporary tables; nil for none.
	Temporary *catalog.Temporary
	// Admit, where it is set, is asked before the text is parsed, which is what planning costs: of a text whose plan is known it is not.
	// It may wait, or refuse; done is called when the work is done.
	Admit func() (done func(), refusal *Denial)
}

// Options bound what the rewriter spends.
type Options struct {
	// CacheBytes bounds the plan cache; 0 means 64 MiB.
	CacheBytes int
	// MaxStatementBytes bounds a text before it is parsed; 0 means 1 MiB.
	MaxStatementBytes int
	// LearnAtOnce learns the shape of a text when it comes for the first time, and not the second: for tests, which do not repeat themselves.
	LearnAtOnce bool
	// Log gets what the sweep finds: a fault of the rewriter's own. Nil means slog.Default.
	Log *slog.Logger
}

// Rewriter turns the client's SQL into SQL that is confined to the tenant. It is safe for concurrent use.
type Rewriter struct {
	bound *policy.Bound
	opts  Options
	cache *cache
	// shapes find plans of texts that differ from earlier ones in their literals alone (shape.go).
	shapes *shapes
	// tainted are the types whose casts call user functions that the policy does not vouch for (taint.go).
	tainted map[uint32]bool
	// hides is set when the policy hides tenant columns (hide.go).
	hides bool
	// hidden are the names of those columns.
	hidden []string
}

// New returns a rewriter for one bound policy. A new policy or snapshot needs a new rewriter.
func New(bound *policy.Bound, opts Options) *Rewriter {
	if opts.CacheBytes == 0 {
		opts.CacheBytes = 64 << 20
	}
	if opts.MaxStatementBytes == 0 {
		opts.MaxStatementBytes = 1 << 20
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	builtins() // read now, not in the first statement's time
	indexCatalog(bound)
	return &Rewriter{bound: bound, opts: opts, cache: newCache(opts.CacheBytes / 4 * 3),
		shapes: &shapes{cache: newCache(opts.CacheBytes / 4)}, tainted: taintedTypes(bound), hidden: hiddenNames(bound),
		hides: slices.ContainsFunc(bound.Policy.Tables, func(t policy.TableRule) bool { return t.HideColumn })}
}

// Bound returns the policy that the rewriter applies.
func (r *Rewriter) Bound() *policy.Bound { return r.bound }

// Plan returns what to send upstream for a client's text. The error is always a *Denial.
// The plan may be shared with other sessions and tenants.
func (r *Rewriter) Plan(req Request) (*Plan, error) {
	var space [1024]byte
	if known, ok := r.cache.get(appendKey(space[:0], &req)).(planned); ok {
		return known.plan, known.err()
	}
	l := lookups.Get().(*lookup)
	defer func() {
		l.release()
		lookups.Put(l)
	}()
	if r.shapes.find(&req, r.opts.MaxStatementBytes, l) {
		r.shapes.known.Add(1)
		r.shapes.after.Add(1)
		plan, denial := l.whole()
		found := planned{plan, denial}
		if req.Protocol == Extended && r.shapes.again(appendKey(space[:0], &req)) { // sessions that prepare the same text share its plan
			r.cache.put(appendKey(space[:0], &req), found, found.size())
		}
		return plan, found.err()
	}
	if req.Admit != nil {
		done, refusal := req.Admit()
		if refusal != nil {
			return nil, refusal
		}
		defer done()
	}
	var le *lesson
	if len(l.key) > 0 && (r.opts.LearnAtOnce || r.shapes.again(l.key)) {
		le = &lesson{sql: req.SQL, literals: slices.Clone(l.literals)}
	}
	plan, denial := r.plan(req, le)
	found := planned{plan, denial}
	if le == nil || !r.learn(req, l.key, l.skeleton, le, plan, denial) {
		r.cache.put(appendKey(space[:0], &req), found, found.size())
	}
	return plan, found.err()
}

// plan does the work of Plan for a text that is not in the cache:
// guard, parse, rewrite, print, and check what was printed.
//
// No input is known to make it panic; should one, it is refused, and costs neither the session nor the process.
//
// le is nil, or learns the shape of the text.
func (r *Rewriter) plan(req Request, le *lesson) (plan *Plan, denial *Denial) {
	defer func() {
		if v := recover(); v != nil {
			r.opts.Log.Error("the rewriter panicked", "rule", ruleInternal, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			plan, denial = nil, &Denial{SQLState: "XX000", Rule: ruleInternal, Message: "the statement could not be planned",
				Hint: "This is a fault of pgcordon; please report the statement."}
		}
	}()
	if d := guardInput(req.SQL, r.opts.MaxStatementBytes); d != nil {
		return nil, d
	}
	tree, err := pg.Parse(req.SQL)
	if err != nil {
		return nil, syntaxDenial(err, r.bound.Catalog.ServerVersion)
	}
	if newNumbers(r.bound.Catalog.ServerVersion, req.SQL, tree) {
		return nil, &Denial{SQLState: stateSyntax, Rule: ruleSyntax, Message: "trailing junk after numeric literal"}
	}
	le.begin(tree, r.bound.Catalog)
	p := &pass{lesson: le, bound: r.bound, cat: r.bound.Catalog, tainted: r.tainted, req: req, path: req.SearchPath,
		params: map[policy.ColumnType][]*pg.ParamRef{}, paramUses: map[int32]int{}, levels: map[*pg.SelectStmt]*scope{},
		hides: r.hides, clientParams: len(req.ParamTypes)}
	if req.Role != "" {
		if p.role = r.bound.Policy.Roles[req.Role]; p.role == nil {
			p.deny(statePrivilege, ruleReadOnly, "the role "+req.Role+" is not in the policy", "")
		}
	}
	p.declaredTypes()
	plan = r.rewrite(p, tree)
	fingerprint, _ := pg.Fingerprint(req.SQL)
	if p.denial != nil {
		p.denial.Fingerprint = fingerprint
		return nil, p.denial
	}
	plan.Fingerprint = fingerprint
	if len(tree.Stmts) == 0 {
		plan.size = planSize(plan)
		return plan, nil
	}
	if d := r.print(p, tree, plan); d != nil {
		d.Fingerprint = fingerprint
		return nil, d
	}
	return plan, nil
}

// rewrite changes the tree and describes it.
func (r *Rewriter) rewrite(p *pass, tree *pg.ParseResult) *Plan {
	plan := &Plan{}
	if len(tree.Stmts) > 1 && p.req.Protocol == Extended {
		p.deny(stateSyntax, ruleMultiple, "cannot insert multiple commands into a prepared statement", "")
	}
	for _, s := range tree.Stmts {
		if p.schemaChange(s.Stmt) {
			p.asWritten(s)
			plan.Statements = append(plan.Statements, Statement{Kind: KindDDL, Writes: true})
		} else {
			plan.Statements = append(plan.Statements, p.withSetting(p.top(s.Stmt)))
		}
		s.StmtLocation, s.StmtLen = 0, 0
	}
	plan.ClientParams, plan.Spliced = p.clientParams, p.spliced
	plan.Tenants = p.number(max(p.clientParams, p.preparedParams))
	if n := len(plan.Tenants); n > 0 && p.clientParams+n > maxParams {
		p.deny("54023", ruleParameter, "too many parameters", "")
	}
	plan.ParamTypes = p.paramTypes()
	plan.Constants, plan.Params, plan.Relations = p.constants, p.arguments, p.notes
	return plan
}

// print turns the tree into the text that goes upstream, and has the sweep prove that text.
func (r *Rewriter) print(p *pass, tree *pg.ParseResult, plan *Plan) *Denial {
	for _, raw := range tree.Stmts {
		if _, written := p.written[raw]; p.naming && !written {
			namesToText(raw.Stmt, false)
		}
	}
	out, err := printTree(tree, plan.Tenants, p.written, p.channels, p.lesson)
	if err != nil {
		return &Denial{SQLState: stateFeature, Rule: rulePrint, Message: "the statement cannot be printed", Hint: "Write it more plainly."}
	}
	plan.SQL, plan.splices, plan.origins = out.text, out.splices, clientOrigins(out.origins, p.req.SQL)
	plan.hidden, plan.through = r.hidden, p.throughs > 0
	plan.names = clientPlaces(p.names, p.req.SQL)
	plan.Effects = p.effects | effectsOf(plan, plan.SQL)
	if sweeping() {
		tenants := map[int32]policy.ColumnType{}
		for _, t := range plan.Tenants {
			tenants[int32(t.Number)] = t.Type
		}
		in := sweepInput{bound: p.bound, role: p.role, statements: len(plan.Statements), tenants: tenants,
			clientParams: plan.ClientParams, temporary: p.req.Temporary, spliced: plan.Spliced, channels: p.channels}
		if err := sweep(plan.SQL, tree, in); err != nil {
			return r.sweepDenial(err)
		}
	}
	plan.size = planSize(plan)
	return nil
}

// sweepDenial refuses what the sweep did not accept. A tree that changed in printing is a limit of the printer; all else is a fault
// of the rewriter, and is logged as one.
func (r *Rewriter) sweepDenial(err error) *Denial {
	if errors.Is(err, errNotEqual) {
		return &Denial{SQLState: stateFeature, Rule: rulePrint, Message: "the statement cannot be printed without changing its meaning",
			Hint: "Write it more plainly, for instance with a sub-select in place of nested parentheses."}
	}
	r.opts.Log.Error("the rewriter's output did not pass the independent check", "rule", ruleSweep, "error", err.Error())
	return &Denial{SQLState: statePrivilege, Rule: ruleSweep, Message: "the statement could not be proven to stay inside the tenant",
		Hint: "This is a limit of pgcordon; please report the statement."}
}
