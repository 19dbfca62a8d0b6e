// TypeORM: what its schema builder reads, repositories and the query builder.
'use strict';
const { DataSource, EntitySchema, In, ILike, MoreThan, Raw } = require('typeorm');

const id = { type: 'bigint', primary: true };
const Publisher = new EntitySchema({
  name: 'Publisher', tableName: 'publishers',
  columns: { id, name: { type: 'varchar', length: 100 }, country: { type: 'char', length: 2, nullable: true } },
  relations: { books: { type: 'one-to-many', target: 'Book', inverseSide: 'publisher' } },
});
const Book = new EntitySchema({
  name: 'Book', tableName: 'books',
  columns: {
    id, title: { type: 'varchar', length: 200 }, price: { type: 'numeric', precision: 10, scale: 2 }, tags: { type: 'text', array: true },
    attrs: { type: 'jsonb' }, shelf: { type: 'enum', enum: ['front', 'back', 'store'], enumName: 'shelf' }, lent: { type: 'boolean' },
    published: { type: 'date', nullable: true }, code: { type: 'uuid', nullable: true },
  },
  relations: {
    publisher: { type: 'many-to-one', target: 'Publisher', inverseSide: 'books', joinColumn: { name: 'publisher_id' } },
    loans: { type: 'one-to-many', target: 'Loan', inverseSide: 'book' },
    languages: { type: 'many-to-many', target: 'Language', joinTable: { name: 'books_languages', joinColumn: { name: 'book_id' }, inverseJoinColumn: { name: 'language' } } },
  },
});
const Loan = new EntitySchema({
  name: 'Loan', tableName: 'loans',
  columns: { id, who: { type: 'text' }, version: { type: 'int', version: true } },
  relations: { book: { type: 'many-to-one', target: 'Book', inverseSide: 'loans', joinColumn: { name: 'book_id' } } },
});
const Language = new EntitySchema({ name: 'Language', tableName: 'languages', columns: { code: { type: 'char', length: 2, primary: true }, name: { type: 'text' } } });

const db = new DataSource({ type: 'postgres', url: process.env.DATABASE_URL, entities: [Publisher, Book, Loan, Language], poolSize: 1, installExtensions: false });
const show = (value) => console.log(JSON.stringify(value));

async function inspect() {
  const q = db.createQueryRunner();
  const tables = await q.getTables(['authors', 'publishers', 'languages', 'loans', 'books_languages', 'billing.invoices']);
  show(tables.map((t) => [t.name, t.columns.map((c) => [c.name, c.type, c.isPrimary, c.isGenerated, c.enum]), t.indices.map((i) => i.name), t.foreignKeys.map((f) => f.name), t.checks.map((c) => c.name)]));
  show((await q.getViews([])).length);
  show([await q.getDatabases().catch(() => 'none'), await q.getSchemas('library'), await q.hasTable('books'), await q.hasColumn('books', 'price'), await q.getCurrentSchema(), await q.hasSchema('billing')]);
  await q.release();
}

async function read() {
  const books = db.getRepository('Book');
  show(await books.find({ relations: { publisher: true, loans: true, languages: true }, order: { id: 'ASC' } }));
  show(await books.findAndCount({ where: [{ price: MoreThan(10) }, { title: ILike('%ü%') }], relations: { publisher: true }, order: { price: 'DESC' }, take: 2, skip: 1 }));
  show(await books.findOneBy({ id: In([1, 2]), lent: true }));
  show(await books.findBy({ attrs: Raw((c) => `${c} @> :v::jsonb`, { v: '{"n": 1}' }) }));
  show(await books.createQueryBuilder('b').leftJoinAndSelect('b.publisher', 'p').where('p.name LIKE :n', { n: 'A%' }).orderBy('b.id').getMany());
  show(await books.createQueryBuilder('b').select('p.name', 'name').addSelect('COUNT(*)', 'n').innerJoin('b.publisher', 'p').groupBy('p.name').having('COUNT(*) > 0').orderBy('p.name').getRawMany());
  show(await books.createQueryBuilder('b').where((q) => `b.id IN ${q.subQuery().select('l.book').from('Loan', 'l').getQuery()}`).getCount());
  show([await books.exists({ where: { id: 1 } }), await books.sum('price', { lent: true }), await books.maximum('price', {})]);
  const stream = await books.createQueryBuilder('b').select('b.id').orderBy('b.id').getRawMany();
  show(stream);
}

async function write(m) {
  const p = await m.save('Publisher', { id: 70, name: 'Epsilon' });
  await m.save('Book', [0, 1, 2].map((n) => ({ id: 760 + n, title: `t${n}`, price: n, publisher: p, tags: ['x'], attrs: { n }, shelf: 'store', lent: false, languages: [{ code: 'de' }, { code: 'en' }] })));
  const b = await m.findOne('Book', { where: { id: 761 }, relations: { languages: true } });
  b.title = 'changed';
  b.languages = b.languages.slice(1);
  show(await m.save('Book', b));
  await m.upsert('Publisher', [{ id: 70, name: 'Epsilon two' }, { id: 71, name: 'Zeta' }], ['id']);
  show(await m.createQueryBuilder().insert().into('Publisher').values({ id: 71, name: 'Eta' }).orUpdate(['name'], ['id']).returning(['id', 'name']).execute());
  show(await m.createQueryBuilder().insert().into('Publisher').values({ id: 71, name: 'Eta' }).orIgnore().execute());
  await m.increment('Book', { publisher: { id: 70 } }, 'price', 4);
  show((await m.createQueryBuilder().update('Book').set({ lent: true, price: () => 'price + 1' }).where('publisher_id = :p', { p: 70 }).returning('id, price').execute()).affected);
  const loan = await m.save('Loan', { id: '77', who: 'me', book: b });
  loan.who = 'you';
  show((await m.save('Loan', loan)).version);
  show(await m.findOne('Loan', { where: { id: '77' }, lock: { mode: 'optimistic', version: 2 } }));
  show(await m.find('Book', { where: { publisher: { id: 70 } }, lock: { mode: 'pessimistic_write', onLocked: 'skip_locked' }, order: { id: 'ASC' } }));
  await m.transaction(async (inner) => {
    await inner.insert('Publisher', { id: 70, name: 'again' });
  }).catch((e) => show([e.code, e.table]));
  await m.remove('Loan', loan);
  await m.delete('Book', { id: 762 }).catch((e) => show(e.code));
}

async function main() {
  await db.initialize();
  await inspect();
  await read();
  await db.transaction('SERIALIZABLE', async (m) => {
    await write(m);
    throw new Error('undo');
  }).catch((e) => {
    if (e.message !== 'undo') throw e;
  });
  show(await db.getRepository('Book').count());
  await db.destroy();
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
