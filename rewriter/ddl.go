package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy/catalog"
)

// A role with the right ddl may change the schema and run code. Such statements go upstream as they were written, since there is nothing in
// them that could be confined: who may create a function may do all that the upstream role may. What acts on the whole server stays
// refused: roles, databases, tablespaces, replication, foreign servers, files.

// schemaChanges are the kinds of statements that the right opens.
var schemaChanges = map[string]bool{
	"CreateStmt": true, "AlterTableStmt": true, "DropStmt": true, "IndexStmt": true, "ViewStmt": true, "RuleStmt": true,
	"CreateSeqStmt": true, "AlterSeqStmt": true, "CreateSchemaStmt": true, "RenameStmt": true, "CommentStmt": true,
	"AlterObjectSchemaStmt": true, "AlterObjectDependsStmt": true, "AlterOwnerStmt": true,
	"CreateEnumStmt": true, "AlterEnumStmt": true, "CreateDomainStmt": true, "AlterDomainStmt": true, "CompositeTypeStmt": true,
	"CreateRangeStmt": true, "AlterTypeStmt": true, "DefineStmt": true, "AlterCollationStmt": true, "CreateCastStmt": true,
	"CreateFunctionStmt": true, "AlterFunctionStmt": true, "CreateTrigStmt": true, "CreateOpClassStmt": true, "CreateOpFamilyStmt": true,
	"AlterOpFamilyStmt": true, "AlterOperatorStmt": true, "AlterTSDictionaryStmt": true, "AlterTSConfigurationStmt": true,
	"CreatePolicyStmt": true, "AlterPolicyStmt": true, "GrantStmt": true, "AlterDefaultPrivilegesStmt": true,
	"CreateStatsStmt": true, "AlterStatsStmt": true, "CreateExtensionStmt": true, "AlterExtensionStmt": true,
	"RefreshMatViewStmt": true, "ReindexStmt": true, "ClusterStmt": true, "VacuumStmt": true,
	"CreateTableAsStmt": true, "DoStmt": true, "CallStmt": true,
}

// schemaObjects are the kinds of objects that lie in a schema, or on one that does, and extensions.
var schemaObjects = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_AGGREGATE: true, pg.ObjectType_OBJECT_AMOP: true, pg.ObjectType_OBJECT_AMPROC: true, pg.ObjectType_OBJECT_ATTRIBUTE: true,
	pg.ObjectType_OBJECT_CAST: true, pg.ObjectType_OBJECT_COLUMN: true, pg.ObjectType_OBJECT_COLLATION: true, pg.ObjectType_OBJECT_DEFAULT: true,
	pg.ObjectType_OBJECT_DOMAIN: true, pg.ObjectType_OBJECT_DOMCONSTRAINT: true, pg.ObjectType_OBJECT_EXTENSION: true, pg.ObjectType_OBJECT_FUNCTION: true,
	pg.ObjectType_OBJECT_INDEX: true, pg.ObjectType_OBJECT_MATVIEW: true, pg.ObjectType_OBJECT_OPCLASS: true, pg.ObjectType_OBJECT_OPERATOR: true,
	pg.ObjectType_OBJECT_OPFAMILY: true, pg.ObjectType_OBJECT_POLICY: true, pg.ObjectType_OBJECT_PROCEDURE: true, pg.ObjectType_OBJECT_ROUTINE: true,
	pg.ObjectType_OBJECT_RULE: true, pg.ObjectType_OBJECT_SCHEMA: true, pg.ObjectType_OBJECT_SEQUENCE: true, pg.ObjectType_OBJECT_STATISTIC_EXT: true,
	pg.ObjectType_OBJECT_TABCONSTRAINT: true, pg.ObjectType_OBJECT_TABLE: true, pg.ObjectType_OBJECT_TRIGGER: true, pg.ObjectType_OBJECT_TSCONFIGURATION: true,
	pg.ObjectType_OBJECT_TSDICTIONARY: true, pg.ObjectType_OBJECT_TYPE: true, pg.ObjectType_OBJECT_VIEW: true,
}

// schemaChange tells whether a statement goes upstream as written by the right ddl.
func (p *pass) schemaChange(n *pg.Node) bool {
	if p.role == nil || !p.role.DDL || !schemaChanges[nodeName(n)] {
		return false
	}
	switch v := n.GetNode().(type) {
	case *pg.Node_RenameStmt:
		return schemaObjects[v.RenameStmt.RenameType]
	case *pg.Node_AlterOwnerStmt:
		return schemaObjects[v.AlterOwnerStmt.ObjectType]
	case *pg.Node_AlterTableStmt:
		return schemaObjects[v.AlterTableStmt.Objtype]
	case *pg.Node_CommentStmt:
		return schemaObjects[v.CommentStmt.Objtype]
	case *pg.Node_GrantStmt:
		return schemaObjects[v.GrantStmt.Objtype]
	case *pg.Node_CreateStmt:
		return !namesTemporary(v.CreateStmt.Relation)
	case *pg.Node_CreateTableAsStmt: // rows that a table is filled with are confined, or it is not filled
		return v.CreateTableAsStmt.Objtype == pg.ObjectType_OBJECT_MATVIEW
	case *pg.Node_IndexStmt:
		return p.temporary(v.IndexStmt.Relation) == nil
	case *pg.Node_DropStmt:
		if !schemaObjects[v.DropStmt.RemoveType] {
			return false
		}
		for _, o := range v.DropStmt.Objects {
			if rv := rangeVarOf(o.GetList().GetItems()); rv != nil && p.temporary(rv) != nil {
				return false
			}
		}
	case *pg.Node_VacuumStmt:
		for _, r := range v.VacuumStmt.Rels {
			if rv := r.GetVacuumRelation().GetRelation(); rv != nil && p.temporary(rv) != nil {
				return false
			}
		}
	}
	return true
}

func namesTemporary(rv *pg.RangeVar) bool {
	return rv.GetRelpersistence() == "t" || rv.GetSchemaname() == catalog.TemporarySchema
}

// asWritten keeps a statement's own text, which is printed in place of the tree.
func (p *pass) asWritten(s *pg.RawStmt) {
	end := len(p.req.SQL)
	if s.StmtLen > 0 {
		end = int(s.StmtLocation + s.StmtLen)
	}
	if p.written == nil {
		p.written = map[*pg.RawStmt]string{}
	}
	p.written[s] = p.req.SQL[s.StmtLocation:end]
	p.countParams(s.ProtoReflect())
}

// countParams counts the parameters of a statement that is not walked.
func (p *pass) countParams(m protoreflect.Message) {
	if ref, ok := m.Interface().(*pg.ParamRef); ok {
		p.paramRef(ref)
		return
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				p.countParams(v.List().Get(i).Message())
			}
		default:
			p.countParams(v.Message())
		}
		return true
	})
}
