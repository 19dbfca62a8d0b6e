package rewriter

import (
	"math"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// utility writes the statements that are neither queries nor about transactions and settings. The switch is closed.
func (p *printer) utility(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_CopyStmt:
		p.copyStmt(v.CopyStmt)
	case *pg.Node_PrepareStmt:
		p.prepareStmt(v.PrepareStmt)
	case *pg.Node_ExecuteStmt:
		p.executeStmt(v.ExecuteStmt)
	case *pg.Node_DeallocateStmt:
		p.str("DEALLOCATE ")
		p.nameOr(v.DeallocateStmt.Name, "ALL")
	case *pg.Node_DeclareCursorStmt:
		p.declareCursorStmt(v.DeclareCursorStmt)
	case *pg.Node_FetchStmt:
		p.fetchStmt(v.FetchStmt)
	case *pg.Node_ClosePortalStmt:
		p.str("CLOSE ")
		p.nameOr(v.ClosePortalStmt.Portalname, "ALL")
	case *pg.Node_ExplainStmt:
		p.explainStmt(v.ExplainStmt)
	case *pg.Node_LockStmt:
		p.lockStmt(v.LockStmt)
	case *pg.Node_ListenStmt:
		p.str("LISTEN ")
		p.channel(v.ListenStmt.Conditionname)
	case *pg.Node_UnlistenStmt:
		p.str("UNLISTEN ")
		if name := v.UnlistenStmt.Conditionname; name != "" {
			p.channel(name)
		} else {
			p.str("*")
		}
	case *pg.Node_NotifyStmt:
		p.str("NOTIFY ")
		p.channel(v.NotifyStmt.Conditionname)
		if v.NotifyStmt.Payload != "" {
			p.str(", ")
			p.literal(v.NotifyStmt.Payload)
		}
	case *pg.Node_CreateTableAsStmt:
		p.createTableAsStmt(v.CreateTableAsStmt)
	case *pg.Node_ConstraintsSetStmt:
		p.constraintsSetStmt(v.ConstraintsSetStmt)
	case *pg.Node_CreateStmt:
		p.createStmt(v.CreateStmt)
	case *pg.Node_DropStmt:
		p.dropStmt(v.DropStmt)
	case *pg.Node_IndexStmt:
		p.indexStmt(v.IndexStmt)
	case *pg.Node_VacuumStmt:
		p.vacuumStmt(v.VacuumStmt)
	case *pg.Node_DiscardStmt:
		p.str("DISCARD ")
		word(p, discards, v.DiscardStmt.Target)
	case *pg.Node_TruncateStmt:
		p.truncateStmt(v.TruncateStmt)
	case *pg.Node_CallStmt:
		p.str("CALL ")
		if f := v.CallStmt.Funccall; f != nil && f.AggFilter == nil && f.Over == nil && !f.AggWithinGroup {
			p.funcCall(f)
		} else {
			p.unknown(n)
		}
	default:
		p.unknown(n)
	}
}

var discards = map[pg.DiscardMode]string{
	pg.DiscardMode_DISCARD_ALL: "ALL", pg.DiscardMode_DISCARD_PLANS: "PLANS",
	pg.DiscardMode_DISCARD_SEQUENCES: "SEQUENCES", pg.DiscardMode_DISCARD_TEMP: "TEMP",
}

// nameOr writes a name; none stands for what all is written as.
func (p *printer) nameOr(name, all string) {
	if name == "" {
		p.str(all)
		return
	}
	p.ident(name)
}

// channel writes the name of a channel, or the placeholder of one.
func (p *printer) channel(name string) {
	start := len(p.buf)
	p.ident(name)
	if client, ok := p.channels[name]; ok {
		p.splices = append(p.splices, splice{start: start, end: len(p.buf), channel: client})
	}
}

func (p *printer) prepareStmt(s *pg.PrepareStmt) {
	p.str("PREPARE ")
	p.ident(s.Name)
	if len(s.Argtypes) > 0 {
		p.str("(")
		for i, t := range s.Argtypes {
			p.comma(i)
			p.typeName(t.GetTypeName())
		}
		p.str(")")
	}
	p.str(" AS ")
	p.queryOrWrite(s.Query)
}

// queryOrWrite writes the statements that can be prepared, copied from and explained.
func (p *printer) queryOrWrite(n *pg.Node) {
	switch n.GetNode().(type) {
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt:
		p.statement(n)
	default:
		p.unknown(n)
	}
}

func (p *printer) executeStmt(s *pg.ExecuteStmt) {
	p.str("EXECUTE ")
	p.ident(s.Name)
	if len(s.Params) > 0 {
		p.str("(")
		p.exprs(s.Params)
		p.str(")")
	}
}

// The bits of DeclareCursorStmt.Options (nodes/parsenodes.h).
const (
	cursorBinary      = 0x1
	cursorScroll      = 0x2
	cursorNoScroll    = 0x4
	cursorInsensitive = 0x8
	cursorAsensitive  = 0x10
	cursorHold        = 0x20
	cursorFastPlan    = 0x100
)

func (p *printer) declareCursorStmt(s *pg.DeclareCursorStmt) {
	p.str("DECLARE ")
	p.ident(s.Portalname)
	for _, o := range []struct {
		bit  int32
		word string
	}{{cursorBinary, " BINARY"}, {cursorScroll, " SCROLL"}, {cursorNoScroll, " NO SCROLL"}, {cursorInsensitive, " INSENSITIVE"}, {cursorAsensitive, " ASENSITIVE"}} {
		if s.Options&o.bit != 0 {
			p.str(o.word)
		}
	}
	p.str(" CURSOR")
	if s.Options&cursorHold != 0 {
		p.str(" WITH HOLD")
	}
	if s.Options&cursorFastPlan == 0 || s.Options >= 2*cursorFastPlan {
		p.fail("such a cursor")
	}
	p.str(" FOR ")
	if q := s.Query.GetSelectStmt(); q != nil {
		p.selectStmt(q)
	} else {
		p.unknown(s.Query)
	}
}

var directions = map[pg.FetchDirection]string{
	pg.FetchDirection_FETCH_FORWARD: "FORWARD ", pg.FetchDirection_FETCH_BACKWARD: "BACKWARD ",
	pg.FetchDirection_FETCH_ABSOLUTE: "ABSOLUTE ", pg.FetchDirection_FETCH_RELATIVE: "RELATIVE ",
}

func (p *printer) fetchStmt(s *pg.FetchStmt) {
	if s.Ismove {
		p.str("MOVE ")
	} else {
		p.str("FETCH ")
	}
	word(p, directions, s.Direction)
	if s.HowMany == math.MaxInt64 {
		p.str("ALL")
	} else {
		p.int(s.HowMany)
	}
	p.str(" FROM ")
	p.ident(s.Portalname)
}

func (p *printer) explainStmt(s *pg.ExplainStmt) {
	p.str("EXPLAIN ")
	for i, n := range s.Options {
		if i == 0 {
			p.str("(")
		}
		p.comma(i)
		d := n.GetDefElem()
		if d == nil {
			p.unknown(n)
			return
		}
		p.at(d.Location)
		p.ident(d.Defname)
		if d.Arg != nil {
			p.str(" ")
			p.optionValue(d.Arg)
		}
		if i == len(s.Options)-1 {
			p.str(") ")
		}
	}
	switch v := s.Query.GetNode().(type) {
	case *pg.Node_DeclareCursorStmt:
		p.declareCursorStmt(v.DeclareCursorStmt)
	case *pg.Node_ExecuteStmt:
		p.executeStmt(v.ExecuteStmt)
	case *pg.Node_CreateTableAsStmt:
		p.createTableAsStmt(v.CreateTableAsStmt)
	default:
		p.queryOrWrite(s.Query)
	}
}

// optionValue writes the value of an option of EXPLAIN or COPY.
func (p *printer) optionValue(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_String_:
		p.literal(v.String_.Sval)
	case *pg.Node_Integer:
		p.int(int64(v.Integer.Ival))
	case *pg.Node_Float:
		p.float(v.Float.Fval)
	case *pg.Node_AStar:
		p.str("*")
	case *pg.Node_List:
		p.str("(")
		for i, e := range v.List.Items {
			p.comma(i)
			if e.GetString_() == nil {
				p.unknown(e)
			}
			p.literal(e.GetString_().GetSval())
		}
		p.str(")")
	default:
		p.unknown(n)
	}
}

// lockModes are the table locks by number (storage/lockdefs.h).
var lockModes = [...]string{1: "ACCESS SHARE", 2: "ROW SHARE", 3: "ROW EXCLUSIVE", 4: "SHARE UPDATE EXCLUSIVE", 5: "SHARE",
	6: "SHARE ROW EXCLUSIVE", 7: "EXCLUSIVE", 8: "ACCESS EXCLUSIVE"}

func (p *printer) lockStmt(s *pg.LockStmt) {
	if s.Mode < 1 || int(s.Mode) >= len(lockModes) {
		p.fail("such a lock")
		return
	}
	p.str("LOCK TABLE ")
	p.relations(s.Relations)
	p.str(" IN ")
	p.str(lockModes[s.Mode])
	p.str(" MODE")
	if s.Nowait {
		p.str(" NOWAIT")
	}
}

func (p *printer) relations(list []*pg.Node) {
	for i, n := range list {
		p.comma(i)
		p.relation(n.GetRangeVar(), "")
	}
}

func (p *printer) truncateStmt(s *pg.TruncateStmt) {
	p.str("TRUNCATE ")
	p.relations(s.Relations)
	if s.RestartSeqs {
		p.str(" RESTART IDENTITY")
	}
	switch s.Behavior {
	case pg.DropBehavior_DROP_RESTRICT:
	case pg.DropBehavior_DROP_CASCADE:
		p.str(" CASCADE")
	default:
		p.fail(s.Behavior.String())
	}
}

var onCommits = map[pg.OnCommitAction]string{
	pg.OnCommitAction_ONCOMMIT_NOOP: "", pg.OnCommitAction_ONCOMMIT_DROP: " ON COMMIT DROP",
	pg.OnCommitAction_ONCOMMIT_DELETE_ROWS: " ON COMMIT DELETE ROWS", pg.OnCommitAction_ONCOMMIT_PRESERVE_ROWS: " ON COMMIT PRESERVE ROWS",
}

func (p *printer) createTableAsStmt(s *pg.CreateTableAsStmt) {
	i := s.Into
	if s.Objtype != pg.ObjectType_OBJECT_TABLE || s.IsSelectInto || i == nil || len(i.Options) > 0 || i.ViewQuery != nil {
		p.fail("CREATE ... AS of that kind")
		return
	}
	switch i.Rel.GetRelpersistence() {
	case "t":
		p.str("CREATE TEMPORARY TABLE ")
	case "u":
		p.str("CREATE UNLOGGED TABLE ")
	default:
		p.str("CREATE TABLE ")
	}
	if s.IfNotExists {
		p.str("IF NOT EXISTS ")
	}
	p.qualifiedName(i.Rel)
	if len(i.ColNames) > 0 {
		p.nameList(i.ColNames)
	}
	if i.AccessMethod != "" {
		p.str(" USING ")
		p.ident(i.AccessMethod)
	}
	word(p, onCommits, i.OnCommit)
	if i.TableSpaceName != "" {
		p.str(" TABLESPACE ")
		p.ident(i.TableSpaceName)
	}
	p.str(" AS ")
	switch v := s.Query.GetNode().(type) {
	case *pg.Node_SelectStmt:
		p.selectStmt(v.SelectStmt)
	case *pg.Node_ExecuteStmt:
		p.executeStmt(v.ExecuteStmt)
	default:
		p.unknown(s.Query)
	}
	if i.SkipData {
		p.str(" WITH NO DATA")
	}
}
