package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// The bits of WindowDef.FrameOptions (nodes/parsenodes.h). An end's bit is its start's shifted by one.
const (
	frameNonDefault        = 0x1
	frameRange             = 0x2
	frameRows              = 0x4
	frameGroups            = 0x8
	frameBetween           = 0x10
	frameUnboundedPreceded = 0x20
	frameUnboundedFollowed = 0x80
	frameCurrentRow        = 0x200
	framePreceding         = 0x800
	frameFollowing         = 0x2000
	frameExcludeCurrentRow = 0x8000
	frameExcludeGroup      = 0x10000
	frameExcludeTies       = 0x20000

	frameStarts   = frameUnboundedPreceded | frameUnboundedFollowed | frameCurrentRow | framePreceding | frameFollowing
	frameDefaults = frameRange | frameUnboundedPreceded | frameCurrentRow<<1
)

// window writes a window's definition in parentheses.
func (p *printer) window(w *pg.WindowDef) {
	if w == nil {
		p.fail("a window without a definition")
		return
	}
	p.at(w.Location)
	p.str("(")
	gap := ""
	if w.Refname != "" {
		p.ident(w.Refname)
		gap = " "
	}
	if len(w.PartitionClause) > 0 {
		p.str(gap)
		p.str("PARTITION BY ")
		p.exprs(w.PartitionClause)
		gap = " "
	}
	if len(w.OrderClause) > 0 {
		p.str(gap)
		p.str("ORDER BY ")
		p.sortList(w.OrderClause)
		gap = " "
	}
	if w.FrameOptions != frameDefaults {
		p.str(gap)
		p.frame(w)
	}
	p.str(")")
}

func (p *printer) frame(w *pg.WindowDef) {
	o := w.FrameOptions
	switch o & (frameRange | frameRows | frameGroups) {
	case frameRange:
		p.str("RANGE ")
	case frameRows:
		p.str("ROWS ")
	case frameGroups:
		p.str("GROUPS ")
	default:
		p.fail("such a frame")
	}
	if o&frameNonDefault == 0 {
		p.fail("such a frame")
	}
	if o&frameBetween != 0 {
		p.str("BETWEEN ")
		p.frameBound(o&frameStarts, w.StartOffset)
		p.str(" AND ")
		p.frameBound(o>>1&frameStarts, w.EndOffset)
	} else {
		p.frameBound(o&frameStarts, w.StartOffset)
	}
	switch o & (frameExcludeCurrentRow | frameExcludeGroup | frameExcludeTies) {
	case 0:
	case frameExcludeCurrentRow:
		p.str(" EXCLUDE CURRENT ROW")
	case frameExcludeGroup:
		p.str(" EXCLUDE GROUP")
	case frameExcludeTies:
		p.str(" EXCLUDE TIES")
	default:
		p.fail("such a frame")
	}
}

// frameBound writes one end of a frame, given as the bit of a start.
func (p *printer) frameBound(bit int32, offset *pg.Node) {
	switch bit {
	case frameUnboundedPreceded:
		p.str("UNBOUNDED PRECEDING")
	case frameUnboundedFollowed:
		p.str("UNBOUNDED FOLLOWING")
	case frameCurrentRow:
		p.str("CURRENT ROW")
	case framePreceding:
		p.operand(offset, signed)
		p.str(" PRECEDING")
	case frameFollowing:
		p.operand(offset, signed)
		p.str(" FOLLOWING")
	default:
		p.fail("such a frame")
	}
}
