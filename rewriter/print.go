package rewriter

import (
	"fmt"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// printed is the text of a tree and what stands where in it.
type printed struct {
	text string
	// splices are the places of the tenant parameters, ascending.
	splices []splice
	// origins tell where the nodes of the client's text stand in this text, ascending by out.
	origins []origin
}

// origin is a place that the server can name in an error: where a node stands in the printed text and in the client's, in bytes from 0.
type origin struct{ out, in int32 }

// printTree writes a tree as SQL on one line; statements are separated by "; ". Parsing the text gives the tree again, but for
// locations. A statement in written stands as it was written. The error names a node that the printer does not know, or a tree that no text has.
func printTree(tree *pg.ParseResult, tenants []TenantParam, written map[*pg.RawStmt]string, channels map[string]string,
	le *lesson) (printed, error) {
	p := printer{channels: channels, lesson: le, buf: make([]byte, 0, 512), tenants: tenants}
	for i, s := range tree.Stmts {
		if i > 0 {
			p.str("; ")
		}
		if text, ok := written[s]; ok {
			p.str(text)
			continue
		}
		p.statement(s.Stmt)
	}
	if p.err != nil {
		return printed{}, p.err
	}
	return printed{text: string(p.buf), splices: p.splices, origins: p.origins}, nil
}

// printer writes one text. Its methods write a node each; a node it does not know sets err, and the text is then worthless.
//
// Parentheses leave no trace in a tree, so they are written wherever an operand is not plainly one (strength), and no table of
// operator precedences is needed. The exceptions, where parentheses do mean something, are named where they occur.
type printer struct {
	buf     []byte
	tenants []TenantParam
	// channels are those whose placeholders are written.
	channels map[string]string
	splices  []splice
	origins  []origin
	lesson   *lesson
	err      error
}

func (p *printer) str(s string) { p.buf = append(p.buf, s...) }

// comma separates the elements of a list.
func (p *printer) comma(i int) {
	if i > 0 {
		p.buf = append(p.buf, ", "...)
	}
}

// at notes that what is written next is what stood at loc in the client's text. Location 0 cannot be told from none.
func (p *printer) at(loc int32) {
	if loc > 0 {
		p.origins = append(p.origins, origin{int32(len(p.buf)), loc})
	}
}

func (p *printer) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("cannot print %s", what)
	}
}

// unknown refuses a node that has no place where it stands.
func (p *printer) unknown(n *pg.Node) {
	if p.err == nil {
		p.fail(nodeName(n))
	}
}

// statement writes one statement. The switch is closed.
func (p *printer) statement(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		p.selectStmt(v.SelectStmt)
	case *pg.Node_InsertStmt:
		p.insertStmt(v.InsertStmt)
	case *pg.Node_UpdateStmt:
		p.updateStmt(v.UpdateStmt)
	case *pg.Node_DeleteStmt:
		p.deleteStmt(v.DeleteStmt)
	case *pg.Node_MergeStmt:
		p.mergeStmt(v.MergeStmt)
	case *pg.Node_TransactionStmt:
		p.transactionStmt(v.TransactionStmt)
	case *pg.Node_VariableSetStmt:
		p.variableSetStmt(v.VariableSetStmt)
	case *pg.Node_VariableShowStmt:
		p.str("SHOW ")
		p.settingName(v.VariableShowStmt.Name)
	default:
		p.utility(n)
	}
}
