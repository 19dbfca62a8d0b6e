package rewriter

import pg "github.com/pganalyze/pg_query_go/v5"

// schemaChange says whether a statement may stand as the client wrote it, because the role has the right ddl. A table that is
// made and filled in one statement is none: its rows have to be confined.
func (s *sweeper) schemaChange(n *pg.Node) bool {
	if s.in.role == nil || !s.in.role.DDL {
		return false
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_CreateStmt:
		return x.CreateStmt.Relation.GetRelpersistence() != "t"
	case *pg.Node_RenameStmt:
		return !ofServer(x.RenameStmt.RenameType)
	case *pg.Node_AlterOwnerStmt:
		return !ofServer(x.AlterOwnerStmt.ObjectType)
	case *pg.Node_AlterTableStmt:
		return !ofServer(x.AlterTableStmt.Objtype)
	case *pg.Node_CommentStmt:
		return !ofServer(x.CommentStmt.Objtype)
	case *pg.Node_GrantStmt:
		return !ofServer(x.GrantStmt.Objtype)
	case *pg.Node_DropStmt:
		return !ofServer(x.DropStmt.RemoveType)
	case *pg.Node_CreateTableAsStmt:
		return x.CreateTableAsStmt.Objtype == pg.ObjectType_OBJECT_MATVIEW
	case *pg.Node_IndexStmt, *pg.Node_ViewStmt, *pg.Node_RuleStmt, *pg.Node_CreateSeqStmt,
		*pg.Node_AlterSeqStmt, *pg.Node_CreateSchemaStmt, *pg.Node_AlterObjectSchemaStmt,
		*pg.Node_AlterObjectDependsStmt, *pg.Node_CreateEnumStmt, *pg.Node_AlterEnumStmt, *pg.Node_CreateDomainStmt,
		*pg.Node_AlterDomainStmt, *pg.Node_CompositeTypeStmt, *pg.Node_CreateRangeStmt, *pg.Node_AlterTypeStmt, *pg.Node_DefineStmt,
		*pg.Node_AlterCollationStmt, *pg.Node_CreateCastStmt, *pg.Node_CreateFunctionStmt, *pg.Node_AlterFunctionStmt, *pg.Node_CreateTrigStmt,
		*pg.Node_CreateOpClassStmt, *pg.Node_CreateOpFamilyStmt, *pg.Node_AlterOpFamilyStmt, *pg.Node_AlterOperatorStmt,
		*pg.Node_AlterTsdictionaryStmt, *pg.Node_AlterTsconfigurationStmt, *pg.Node_CreatePolicyStmt, *pg.Node_AlterPolicyStmt,
		*pg.Node_AlterDefaultPrivilegesStmt, *pg.Node_CreateStatsStmt, *pg.Node_AlterStatsStmt,
		*pg.Node_CreateExtensionStmt, *pg.Node_AlterExtensionStmt, *pg.Node_RefreshMatViewStmt, *pg.Node_ReindexStmt, *pg.Node_ClusterStmt,
		*pg.Node_VacuumStmt, *pg.Node_DoStmt, *pg.Node_CallStmt:
		return true
	}
	return false
}

// ofServer says whether a kind of object is none of a schema's.
func ofServer(t pg.ObjectType) bool {
	switch t {
	case pg.ObjectType_OBJECT_ACCESS_METHOD, pg.ObjectType_OBJECT_DATABASE, pg.ObjectType_OBJECT_EVENT_TRIGGER, pg.ObjectType_OBJECT_FDW,
		pg.ObjectType_OBJECT_FOREIGN_SERVER, pg.ObjectType_OBJECT_FOREIGN_TABLE, pg.ObjectType_OBJECT_LANGUAGE, pg.ObjectType_OBJECT_LARGEOBJECT,
		pg.ObjectType_OBJECT_PARAMETER_ACL, pg.ObjectType_OBJECT_PUBLICATION, pg.ObjectType_OBJECT_PUBLICATION_NAMESPACE,
		pg.ObjectType_OBJECT_PUBLICATION_REL, pg.ObjectType_OBJECT_ROLE, pg.ObjectType_OBJECT_SUBSCRIPTION, pg.ObjectType_OBJECT_TABLESPACE,
		pg.ObjectType_OBJECT_TRANSFORM, pg.ObjectType_OBJECT_USER_MAPPING, pg.ObjectType_OBJECT_DEFACL, pg.ObjectType_OBJECT_TSPARSER,
		pg.ObjectType_OBJECT_TSTEMPLATE, pg.ObjectType_OBJECT_TYPE_UNDEFINED, pg.ObjectType_OBJECT_CONVERSION:
		return true
	}
	return false
}
