import jakarta.persistence.*;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.*;
import org.hibernate.LockMode;
import org.hibernate.Session;
import org.hibernate.SessionFactory;
import org.hibernate.annotations.ColumnTransformer;
import org.hibernate.annotations.JdbcTypeCode;
import org.hibernate.cfg.Configuration;
import org.hibernate.type.SqlTypes;

/** Hibernate: what it reads when it starts (the argument is hibernate.hbm2ddl.auto), entities, HQL and criteria. */
public class Library {
    @Entity(name = "Publisher") @Table(name = "publishers")
    public static class Publisher {
        @Id @GeneratedValue(strategy = GenerationType.IDENTITY) public Long id;
        @Column(length = 100, nullable = false) public String name;
        @Column(length = 2) @JdbcTypeCode(SqlTypes.CHAR) public String country;
        @OneToMany(mappedBy = "publisher", cascade = CascadeType.ALL, orphanRemoval = true) @OrderBy("id") public List<Book> books = new ArrayList<>();
    }

    @Entity(name = "Book") @Table(name = "books")
    public static class Book {
        @Id @GeneratedValue(strategy = GenerationType.IDENTITY) public Long id;
        @ManyToOne(fetch = FetchType.LAZY, optional = false) @JoinColumn(name = "publisher_id") public Publisher publisher;
        @Column(length = 200, nullable = false) public String title;
        @Column(precision = 10, scale = 2, nullable = false) public BigDecimal price = BigDecimal.ZERO;
        @Column(columnDefinition = "shelf") @ColumnTransformer(write = "?::shelf") public String shelf = "front";
        public String[] tags = {};
        @JdbcTypeCode(SqlTypes.JSON) public String attrs = "{}";
        public UUID code;
        public byte[] cover;
        public boolean lent;
        public LocalDate published;
        @OneToMany(mappedBy = "book") public Set<Loan> loans = new HashSet<>();
        @ManyToMany @JoinTable(name = "books_languages", joinColumns = @JoinColumn(name = "book_id"), inverseJoinColumns = @JoinColumn(name = "language")) public Set<Language> languages = new HashSet<>();

        public Book() {}

        Book(Publisher publisher, String title, int price) {
            this.publisher = publisher;
            this.title = title;
            this.price = BigDecimal.valueOf(price);
        }
    }

    @Entity(name = "Loan") @Table(name = "loans")
    public static class Loan {
        @Id @GeneratedValue(strategy = GenerationType.SEQUENCE, generator = "loans") @SequenceGenerator(name = "loans", sequenceName = "loans_seq", allocationSize = 50) public Long id;
        @ManyToOne(fetch = FetchType.LAZY) @JoinColumn(name = "book_id", nullable = false) public Book book;
        @Column(columnDefinition = "text", nullable = false) public String who;
        @Version public int version;

        public Loan() {}

        Loan(Book book, String who) {
            this.book = book;
            this.who = who;
        }
    }

    @Entity(name = "Language") @Table(name = "languages")
    public static class Language {
        @Id @Column(length = 2) @JdbcTypeCode(SqlTypes.CHAR) public String code;
        @Column(columnDefinition = "text", nullable = false) public String name;
    }

    @Entity(name = "Cheap") @Table(name = "cheap_books")
    public static class Cheap {
        @Id public Long id;
        public String title;
    }

    static void show(Object... values) {
        System.out.println(Arrays.deepToString(values));
    }

    public static void main(String[] args) {
        Configuration c = new Configuration();
        c.setProperty("hibernate.connection.url", "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE") + "?sslmode=disable&prepareThreshold=2");
        c.setProperty("hibernate.connection.username", System.getenv("PGUSER"));
        c.setProperty("hibernate.connection.password", System.getenv("PGPASSWORD"));
        c.setProperty("hibernate.connection.pool_size", "1");
        c.setProperty("hibernate.hbm2ddl.auto", args[0]);
        c.setProperty("hibernate.hbm2ddl.halt_on_error", "true");
        c.setProperty("hibernate.jdbc.batch_size", "10");
        c.setProperty("hibernate.order_inserts", "true");
        c.setProperty("hibernate.default_batch_fetch_size", "8");
        for (Class<?> entity : List.of(Publisher.class, Book.class, Loan.class, Language.class)) c.addAnnotatedClass(entity);
        if (!args[0].equals("update")) c.addAnnotatedClass(Cheap.class);
        try (SessionFactory factory = c.buildSessionFactory()) {
            if (!args[0].equals("none")) return;
            factory.inSession(Library::read);
            try (Session s = factory.openSession()) {
                Transaction t = new Transaction(s);
                write(s);
                t.undo();
            }
            stale(factory);
        }
    }

    record Transaction(Session session) {
        Transaction {
            session.beginTransaction();
        }

        void undo() {
            session.getTransaction().rollback();
        }
    }

    static void read(Session s) {
        show(s.createQuery("select b from Book b join fetch b.publisher left join fetch b.loans order by b.id", Book.class).list().stream().map(b -> b.title + b.publisher.name + b.loans.size() + b.shelf + Arrays.toString(b.tags) + b.attrs).toList());
        show(s.createQuery("select p.name, count(b), avg(b.price) from Publisher p left join p.books b group by p.name having count(b) > 0 order by p.name", Object[].class).list().toArray());
        show(s.createQuery("select b.title from Book b where b.price between :low and :high and lower(b.title) like :t order by b.price desc nulls last", String.class).setParameter("low", BigDecimal.ONE).setParameter("high", BigDecimal.valueOf(50)).setParameter("t", "%e%").setFirstResult(1).setMaxResults(1).list());
        show(s.createQuery("select b.id from Book b where b.id in (select l.book.id from Loan l where l.who = 'Bela') or exists (from Loan l where l.book = b and l.version > 3)", Long.class).list());
        show(s.createQuery("select b.title, case when b.lent then 'out' else 'in' end, extract(year from b.published), coalesce(b.published, local date) > {d '2000-01-01'} from Book b order by b.id", Object[].class).list().size());
        show(s.createQuery("select b.title, row_number() over (partition by b.publisher order by b.price) from Book b order by 1", Object[].class).list().toArray());
        show(s.createQuery("with big as (select b.id as id, b.price as price from Book b where b.price > 10) select sum(g.price) from big g", BigDecimal.class).getSingleResult());
        show(s.find(Book.class, 1L).languages.stream().map(l -> l.name).toList(), s.find(Language.class, "de").name);
        show(s.find(Publisher.class, 1L).books.stream().map(b -> b.loans.size()).toList());
        show(s.createQuery("from Cheap order by id", Cheap.class).list().stream().map(b -> b.title).toList());
        show(s.byMultipleIds(Book.class).multiLoad(1L, 2L, 3L, 4L).stream().map(b -> b == null ? null : b.title).toList());
        var b = s.getCriteriaBuilder();
        var q = b.createQuery(Book.class);
        var root = q.from(Book.class);
        root.fetch("publisher");
        q.where(b.or(b.isTrue(root.get("lent")), b.greaterThan(root.get("price"), BigDecimal.TEN))).orderBy(b.asc(root.get("id")));
        show(s.createQuery(q).list().stream().map(x -> x.title).toList(), s.createQuery(q).getResultCount());
        show(s.createNativeQuery("select {b.*} from books b where b.id = :id", Book.class).addEntity("b", Book.class).setParameter("id", 3L).getSingleResult().title);
    }

    static void write(Session s) {
        Publisher p = new Publisher();
        p.name = "Epsilon";
        s.persist(p);
        List<Book> books = new ArrayList<>();
        for (int i = 0; i < 12; i++) books.add(new Book(p, "t" + i, i));
        books.get(0).languages.add(s.find(Language.class, "de"));
        books.get(0).code = new UUID(1, 2);
        books.get(0).cover = new byte[] {0, 1, 2};
        books.get(0).tags = new String[] {"x", "y z"};
        books.get(0).attrs = "{\"k\": [1, null]}";
        books.get(0).shelf = "back";
        books.forEach(s::persist);
        s.flush();
        for (int i = 0; i < 25; i++) s.persist(new Loan(books.get(i % 3), "me" + i));
        s.flush();
        s.clear();
        Book b = s.createQuery("from Book b where b.title = 't0' and b.publisher.id = :p", Book.class).setParameter("p", p.id).getSingleResult();
        show(b.code, b.cover, b.tags, b.attrs, b.shelf, b.languages.size());
        b.title = "changed";
        b.languages.clear();
        s.flush();
        s.refresh(b);
        Loan l = b.loans.iterator().next();
        l.who = "you";
        s.flush();
        show(l.version);
        s.lock(l, LockMode.PESSIMISTIC_WRITE);
        show(s.createQuery("from Book b where b.publisher.id = :p order by b.id", Book.class).setParameter("p", p.id).setHibernateLockMode(LockMode.UPGRADE_SKIPLOCKED).setMaxResults(3).list().size());
        s.lock(l, LockMode.OPTIMISTIC_FORCE_INCREMENT);
        show(s.createMutationQuery("update Book b set b.price = b.price * 2, b.lent = true where b.publisher.id = :p").setParameter("p", p.id).executeUpdate());
        show(s.createMutationQuery("insert into Loan (id, book, who, version) select 9000 + b.id, b, 'copied', 0 from Book b where b.publisher.id = :p and b.price > 20").setParameter("p", p.id).executeUpdate());
        show(s.createMutationQuery("insert into Publisher (id, name) values (1, 'again') on conflict (id) do update set name = excluded.name || '!'").executeUpdate());
        show(s.createMutationQuery("delete from Loan l where l.book.id in (select b.id from Book b where b.publisher.id = :p)").setParameter("p", p.id).executeUpdate());
        s.clear();
        s.remove(s.find(Book.class, b.id));
        s.flush();
    }

    /** Two sessions change one row: the second finds that its version has gone by. */
    static void stale(SessionFactory factory) {
        try (Session s = factory.openSession()) {
            s.beginTransaction();
            Loan l = s.find(Loan.class, 1L);
            s.createNativeMutationQuery("update loans set version = version + 1 where id = 1").executeUpdate();
            l.who = "late";
            try {
                s.flush();
            } catch (OptimisticLockException e) {
                show("stale");
            }
            s.getTransaction().rollback();
        }
    }
}
