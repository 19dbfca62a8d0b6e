// Drizzle: its query builder and its relational queries.
'use strict';
const { drizzle } = require('drizzle-orm/node-postgres');
const { Pool } = require('pg');
const { and, asc, avg, count, desc, eq, exists, gt, ilike, inArray, isNull, relations, sql, arrayContains } = require('drizzle-orm');
const { bigint, boolean, char, date, integer, jsonb, numeric, pgEnum, pgTable, pgView, primaryKey, text, uuid, varchar, alias } = require('drizzle-orm/pg-core');

const shelf = pgEnum('shelf', ['front', 'back', 'store']);
const publishers = pgTable('publishers', { id: bigint({ mode: 'number' }).primaryKey(), name: varchar({ length: 100 }).notNull(), country: char({ length: 2 }) });
const books = pgTable('books', {
  id: bigint({ mode: 'number' }).primaryKey(), title: varchar({ length: 200 }).notNull(), price: numeric({ precision: 10, scale: 2 }), tags: text().array(),
  attrs: jsonb(), shelf: shelf(), lent: boolean(), published: date(), code: uuid(), publisherId: bigint('publisher_id', { mode: 'number' }),
});
const loans = pgTable('loans', { id: bigint({ mode: 'number' }).primaryKey(), bookId: bigint('book_id', { mode: 'number' }), who: text(), version: integer() });
const languages = pgTable('languages', { code: char({ length: 2 }).primaryKey(), name: text() });
const links = pgTable('books_languages', { bookId: bigint('book_id', { mode: 'number' }), language: char({ length: 2 }) }, (t) => [primaryKey({ columns: [t.bookId, t.language] })]);
const cheap = pgView('cheap_books', { id: bigint({ mode: 'number' }), title: varchar(), price: numeric() }).existing();
const schema = {
  publishers, books, loans, languages, links,
  publishersRelations: relations(publishers, ({ many }) => ({ books: many(books) })),
  booksRelations: relations(books, ({ one, many }) => ({ publisher: one(publishers, { fields: [books.publisherId], references: [publishers.id] }), loans: many(loans), links: many(links) })),
  loansRelations: relations(loans, ({ one }) => ({ book: one(books, { fields: [loans.bookId], references: [books.id] }) })),
  linksRelations: relations(links, ({ one }) => ({ book: one(books, { fields: [links.bookId], references: [books.id] }), of: one(languages, { fields: [links.language], references: [languages.code] }) })),
};
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
const db = drizzle(pool, { schema });
const show = (value) => console.log(JSON.stringify(value));

async function read() {
  show(await db.select().from(books).where(gt(books.price, '10')).orderBy(desc(books.id)));
  show(await db.select({ title: books.title, name: publishers.name, who: loans.who }).from(books).innerJoin(publishers, eq(books.publisherId, publishers.id)).leftJoin(loans, eq(loans.bookId, books.id)).orderBy(asc(books.id)));
  show(await db.select({ name: publishers.name, n: count(books.id), p: avg(books.price) }).from(publishers).leftJoin(books, eq(books.publisherId, publishers.id)).groupBy(publishers.id).having(({ n }) => gt(n, 0)).orderBy(publishers.name));
  const sub = db.select({ p: books.publisherId, n: sql`count(*)::int`.as('n') }).from(books).groupBy(books.publisherId).as('sub');
  show(await db.select({ name: publishers.name, n: sub.n }).from(publishers).innerJoin(sub, eq(sub.p, publishers.id)).orderBy(publishers.id));
  const cte = db.$with('c').as(db.select().from(books).where(ilike(books.title, '%e%')));
  show(await db.with(cte).select({ id: cte.id }).from(cte).orderBy(cte.id).limit(2).offset(0));
  show(await db.select({ id: books.id }).from(books).where(exists(db.select({ one: sql`1` }).from(loans).where(eq(loans.bookId, books.id)))));
  const other = alias(books, 'other');
  show(await db.selectDistinct({ id: books.id }).from(books).innerJoin(other, and(eq(books.publisherId, other.publisherId), gt(books.id, other.id))));
  show(await db.select().from(cheap).orderBy(cheap.id));
  show(await db.$count(books, eq(books.lent, true)));
  show(await db.select({ id: books.id }).from(books).where(arrayContains(books.tags, ['a'])));
  show(await db.query.books.findMany({ with: { publisher: true, loans: { columns: { who: true } }, links: { with: { of: true } } }, orderBy: asc(books.id), limit: 3 }));
  show(await db.query.publishers.findMany({ with: { books: { where: (b, { lt }) => lt(b.price, '50'), orderBy: (b) => [asc(b.title)], limit: 2, with: { loans: true } } }, extras: { loud: sql`upper(${publishers.name})`.as('loud') }, orderBy: asc(publishers.id) }));
  show(await db.query.loans.findFirst({ where: isNull(loans.version), with: { book: { with: { publisher: true } } } }));
  show(await db.query.books.findFirst({ where: inArray(books.id, [1, 2]), columns: { title: true }, orderBy: asc(books.id) }));
}

async function write(tx) {
  show(await tx.insert(publishers).values([{ id: 70, name: 'Epsilon' }, { id: 71, name: 'Zeta' }]).returning({ id: publishers.id }));
  show(await tx.insert(publishers).values({ id: 70, name: 'Eta' }).onConflictDoUpdate({ target: publishers.id, set: { name: sql`excluded.name` } }).returning());
  show(await tx.insert(publishers).values({ id: 71, name: 'Eta' }).onConflictDoNothing().returning());
  await tx.insert(books).values([1, 2, 3].map((n) => ({ id: 760 + n, title: `t${n}`, price: `${n}`, publisherId: 70, tags: ['a'], attrs: { n }, shelf: 'back', lent: false })));
  show(await tx.update(books).set({ price: sql`${books.price} * 2` }).where(eq(books.publisherId, 70)).returning({ id: books.id, price: books.price }));
  show(await tx.update(books).set({ lent: true }).from(publishers).where(and(eq(books.publisherId, publishers.id), eq(publishers.id, 70))).returning({ id: books.id }));
  show(await tx.select({ id: books.id }).from(books).where(gt(books.id, 760)).orderBy(books.id).for('update', { skipLocked: true }));
  await tx.transaction(async (inner) => {
    await inner.insert(publishers).values({ id: 70, name: 'again' });
  }).catch((e) => show(e.cause ? e.cause.code : e.code));
  show(await tx.delete(books).where(eq(books.publisherId, 70)).returning({ id: books.id }));
}

async function main() {
  await read();
  await db.transaction(async (tx) => {
    await write(tx);
    tx.rollback();
  }, { isolationLevel: 'repeatable read', accessMode: 'read write' }).catch((e) => {
    if (e.constructor.name !== 'TransactionRollbackError') throw e;
  });
  show(await db.$count(books));
  await pool.end();
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
