package rewriter

// The rules by which a statement is refused. They are the values of Denial.Rule, of a metric label and of the log;
// the set is closed, so no text of a client's can become a label.
const (
	ruleSyntax            = "syntax"              // does not parse
	ruleStatementKind     = "statement-kind"      // a kind of statement that tenants may not run
	ruleMultiple          = "multiple-statements" // several statements in Parse
	ruleParameter         = "parameter"           // $n where there are no parameters
	ruleRelationDenied    = "relation-denied"     // the policy does not open the relation
	ruleRelationUnknown   = "relation-unknown"    // not in the catalog
	ruleRelationKind      = "relation-kind"       // a kind of relation that cannot be read or written
	ruleReadOnly          = "read-only"           // the role may not write
	ruleGlobalWrite       = "global-write"        // shared reference data is read-only
	ruleFunctionDenied    = "function-denied"     // not on the allowlist and not vouched for
	ruleFunctionUnknown   = "function-unknown"    // no such function
	ruleFunctionAmbiguous = "function-ambiguous"  // a user function stands beside a built-in of the same name
	ruleOperatorDenied    = "operator-denied"     // not a built-in operator, or shadowed
	ruleTypeDenied        = "type-denied"         // a type that reads names, or hides a function
	ruleTypeUnknown       = "type-unknown"        // no such type
	ruleExpression        = "expression"          // a node that the rewriter does not know
	ruleClause            = "clause"              // a clause that the rewriter does not know
	ruleTenantValue       = "tenant-value"        // the tenant column is given something else than the tenant
	ruleTenantMismatch    = "tenant-mismatch"     // the tenant column is given another tenant
	ruleInsertColumns     = "insert-columns"      // how many columns are inserted cannot be told
	ruleLockGlobal        = "lock-global"         // row locks on shared reference data
	ruleViewWrite         = "view-write"          // a view as the target of a write
	ruleRewriteRules      = "rewrite-rules"       // a write to a table with rules, which make other statements of it
	ruleViewDefinition    = "view-definition"     // a view whose definition cannot be rewritten
	ruleSetting           = "setting"             // a setting that clients may not change or read
	ruleSettingValue      = "setting-value"       // a value that a setting may not have
	ruleExplain           = "explain"             // an option of EXPLAIN whose numbers tell of other tenants
	ruleHiddenColumn      = "hidden-column"       // the tenant column, which does not exist for the client
	ruleTruncate          = "truncate"            // TRUNCATE, or a form of it that is no DELETE of the tenant's rows
	ruleLockTable         = "lock-table"          // a table lock that makes other tenants wait
	ruleEvaluationOrder   = "evaluation-order"    // a condition that could see other rows and cannot be guarded
	ruleTemporary         = "temporary-table"     // temporary tables, or a kind of them, are not allowed
	rulePrint             = "print"               // the statement cannot be printed without changing it
	ruleSweep             = "sweep"               // the independent check refused the rewriter's own output
	ruleSequence          = "sequence"            // a sequence that is not a visible table's, or not named by a constant
	ruleInternal          = "internal"            // a fault of the rewriter's own
	ruleTransaction       = "transaction"         // two-phase commit and other refused transaction control
)

// SQLSTATEs that the rewriter gives (Postgres manual, appendix A).
const (
	stateSyntax            = "42601"
	statePrivilege         = "42501"
	stateFeature           = "0A000"
	stateUndefinedTable    = "42P01"
	stateUndefinedFunction = "42883"
	stateUndefinedObject   = "42704"
	stateUndefinedParam    = "42P02"
	stateWrongKind         = "42809"
)
