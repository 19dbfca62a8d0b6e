import jakarta.persistence.*;
import java.math.BigDecimal;
import java.util.List;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.Configuration;
import org.hibernate.annotations.Comment;

/** Hibernate with hbm2ddl.auto=update: it makes tables, and adds to them when the entities have grown. */
public class Schema {
    @Entity(name = "Shelf") @Table(name = "shelves")
    public static class Shelf {
        @Id @GeneratedValue(strategy = GenerationType.SEQUENCE, generator = "shelf") @SequenceGenerator(name = "shelf", sequenceName = "shelves_seq", allocationSize = 10) public Long id;
        @Column(name = "tenant_id", insertable = false, updatable = false, columnDefinition = "text not null default 'acme'") public String tenant;
        @Column(length = 50, nullable = false) public String name;
    }

    @Entity(name = "Item") @Table(name = "items", uniqueConstraints = @UniqueConstraint(name = "item_title", columnNames = {"tenant_id", "title"}))
    public static class Item {
        @Id @GeneratedValue(strategy = GenerationType.IDENTITY) public Long id;
        @Column(name = "tenant_id", insertable = false, updatable = false, columnDefinition = "text not null default 'acme'") public String tenant;
        @ManyToOne(optional = false) @JoinColumn(name = "shelf_id") public Shelf shelf;
        @Column(length = 40) public String title;
    }

    @Entity(name = "Wider") @Table(name = "items", indexes = @Index(name = "item_note", columnList = "note"))
    public static class Wider {
        @Id @GeneratedValue(strategy = GenerationType.IDENTITY) public Long id;
        @Column(name = "tenant_id", insertable = false, updatable = false, columnDefinition = "text not null default 'acme'") public String tenant;
        @ManyToOne(optional = false) @JoinColumn(name = "shelf_id") public Shelf shelf;
        @Column(length = 40) public String title;
        @Column(precision = 8, scale = 3) public BigDecimal weight;
        @Comment("what else") public String note;
    }

    static SessionFactory factory(List<Class<?>> entities) {
        Configuration c = new Configuration();
        c.setProperty("hibernate.connection.url", "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE") + "?sslmode=disable&preferQueryMode=simple");
        c.setProperty("hibernate.connection.username", System.getenv("PGUSER"));
        c.setProperty("hibernate.connection.password", System.getenv("PGPASSWORD"));
        c.setProperty("hibernate.connection.pool_size", "1");
        c.setProperty("hibernate.hbm2ddl.auto", "update");
        c.setProperty("hibernate.hbm2ddl.halt_on_error", "true");
        entities.forEach(c::addAnnotatedClass);
        return c.buildSessionFactory();
    }

    public static void main(String[] args) {
        try (SessionFactory f = factory(List.of(Shelf.class, Item.class))) {
            f.inTransaction(s -> {
                // The generator's sequence has to belong to the table: pgcordon opens no other.
                s.createNativeMutationQuery("alter sequence shelves_seq owned by shelves.id").executeUpdate();
                Shelf shelf = new Shelf();
                shelf.name = "first";
                s.persist(shelf);
                for (String title : List.of("one", "two")) {
                    Item i = new Item();
                    i.shelf = shelf;
                    i.title = title;
                    s.persist(i);
                }
            });
        }
        try (SessionFactory f = factory(List.of(Shelf.class, Wider.class))) {
            f.inTransaction(s -> System.out.println(s.createMutationQuery("update Wider set note = title, weight = 1").executeUpdate()));
            f.inSession(s -> System.out.println(s.createQuery("select w.note, w.tenant from Wider w order by w.id", Object[].class).list().size()));
        }
    }
}
