import java.sql.*;
import java.util.*;

/** pgjdbc by itself: DatabaseMetaData, and the ways to run a statement. With the argument simple, by the simple protocol. */
public class Metadata {
    interface Call { ResultSet run() throws SQLException; }

    static void show(String name, Call call) {
        System.out.println(name);
        try (ResultSet r = call.run()) {
            ResultSetMetaData m = r.getMetaData();
            while (r.next()) {
                StringBuilder line = new StringBuilder();
                for (int i = 1; i <= m.getColumnCount(); i++) {
                    line.append(m.getColumnName(i)).append('=').append(r.getString(i)).append(' ');
                }
                System.out.println("  " + line.toString().replaceAll("'(nobody|acme)'|app_proxy|acme_app|postgres", "*"));
            }
        } catch (SQLException e) {
            System.out.println("  " + e.getSQLState() + " " + e.getMessage());
        }
    }

    static Connection connect(boolean simple) throws SQLException {
        Properties p = new Properties();
        p.setProperty("user", System.getenv("PGUSER"));
        p.setProperty("password", System.getenv("PGPASSWORD"));
        p.setProperty("sslmode", "disable");
        if (simple) p.setProperty("preferQueryMode", "simple");
        p.setProperty("prepareThreshold", "2");
        return DriverManager.getConnection("jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE"), p);
    }

    public static void main(String[] args) throws SQLException {
        try (Connection c = connect(args.length > 0)) {
            metadata(c.getMetaData());
            statements(c);
        }
    }

    static void metadata(DatabaseMetaData d) throws SQLException {
        show("schemas", d::getSchemas);
        show("catalogs", d::getCatalogs);
        show("table types", d::getTableTypes);
        show("tables", () -> d.getTables(null, null, "%", new String[] {"TABLE", "VIEW", "SEQUENCE", "INDEX", "TYPE"}));
        show("public tables", () -> d.getTables(null, "public", "b%", null));
        for (String table : List.of("authors", "books", "publishers", "loans", "languages", "cheap_books", "books_languages", "secrets")) {
            show("columns " + table, () -> d.getColumns(null, "public", table, null));
            show("primary keys", () -> d.getPrimaryKeys(null, "public", table));
            show("imported keys", () -> d.getImportedKeys(null, "public", table));
            show("exported keys", () -> d.getExportedKeys(null, "public", table));
            show("index info", () -> d.getIndexInfo(null, "public", table, false, true));
            show("best row identifier", () -> d.getBestRowIdentifier(null, "public", table, DatabaseMetaData.bestRowSession, true));
            show("version columns", () -> d.getVersionColumns(null, "public", table));
        }
        show("cross reference", () -> d.getCrossReference(null, "public", "publishers", null, "public", "books"));
        show("types", d::getTypeInfo);
        show("user types", () -> d.getUDTs(null, "public", "%", null));
        show("functions", () -> d.getFunctions(null, "public", "%"));
        show("function columns", () -> d.getFunctionColumns(null, "public", "%", null));
        show("procedures", () -> d.getProcedures(null, "public", "%"));
        show("procedure columns", () -> d.getProcedureColumns(null, "public", "%", null));
        show("client info", d::getClientInfoProperties);
        System.out.println(d.getSQLKeywords().length() > 0);
        System.out.println(d.getMaxColumnNameLength() + " " + d.getMaxIndexLength() + " " + d.getDefaultTransactionIsolation() + " " + d.getDatabaseProductVersion().length());
    }

    static void statements(Connection c) throws SQLException {
        for (int i = 0; i < 6; i++) {
            try (PreparedStatement s = c.prepareStatement("SELECT id, title, shelf, tags, attrs, code, price, number FROM books WHERE price > ? AND lent = ? ORDER BY id")) {
                s.setInt(1, i);
                s.setBoolean(2, i % 2 == 0);
                try (ResultSet r = s.executeQuery()) {
                    ResultSetMetaData m = r.getMetaData();
                    for (int n = 1; n <= m.getColumnCount(); n++) {
                        System.out.println(m.getColumnTypeName(n) + " " + m.getTableName(n) + " " + m.isNullable(n) + " " + m.isAutoIncrement(n) + " " + m.getPrecision(n));
                    }
                    while (r.next()) System.out.println(r.getLong(1) + r.getString(2) + r.getObject(3) + r.getArray(4) + r.getObject(5) + r.getBigDecimal(7));
                }
            }
        }
        c.setAutoCommit(false);
        try (PreparedStatement s = c.prepareStatement("INSERT INTO authors (id, name) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
            for (int i = 0; i < 5; i++) {
                s.setInt(1, 300 + i);
                s.setString(2, "batch " + i);
                s.addBatch();
            }
            System.out.println(Arrays.toString(s.executeBatch()));
            try (ResultSet r = s.getGeneratedKeys()) {
                while (r.next()) System.out.println(r.getInt("id") + r.getString("name") + r.getString("tenant_id"));
            }
        }
        Savepoint p = c.setSavepoint("before");
        try (Statement s = c.createStatement()) {
            s.executeUpdate("INSERT INTO authors (id, name) VALUES (300, 'again')");
        } catch (SQLException e) {
            System.out.println(e.getSQLState() + " " + e.getMessage());
        }
        c.rollback(p);
        try (Statement s = c.createStatement()) {
            s.setFetchSize(2);
            try (ResultSet r = s.executeQuery("SELECT id, name FROM authors ORDER BY id")) {
                while (r.next()) System.out.println(r.getInt(1) + r.getString(2));
            }
        }
        try (PreparedStatement s = c.prepareStatement("UPDATE authors SET born = ?, name = ? WHERE id = ANY (?)")) {
            s.setObject(1, java.time.LocalDate.of(1900, 1, 2));
            s.setString(2, "renamed");
            s.setArray(3, c.createArrayOf("int4", new Integer[] {300}));
            System.out.println(s.executeUpdate());
        }
        try (PreparedStatement s = c.prepareStatement("UPDATE books SET shelf = ?::shelf, attrs = ?::jsonb, changed_at = ? WHERE id = ?")) {
            s.setString(1, "back");
            s.setString(2, "{\"a\": [1]}");
            s.setTimestamp(3, Timestamp.valueOf("2024-05-06 07:08:09"));
            s.setLong(4, 1);
            System.out.println(s.executeUpdate());
            System.out.println(s.getParameterMetaData().getParameterTypeName(4));
        }
        try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
                ResultSet r = s.executeQuery("SELECT id, tenant_id, name FROM publishers ORDER BY id")) {
            if (r.next()) {
                r.updateString("name", "by result set");
                r.updateRow();
                System.out.println(r.getString("name"));
            }
        }
        c.rollback();
        c.setReadOnly(true);
        c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        c.setSchema("billing");
        show("invoices", () -> c.createStatement().executeQuery("SELECT * FROM invoices"));
        System.out.println(c.getSchema() + c.isValid(5));
        c.commit();
    }
}
