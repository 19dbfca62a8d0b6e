// Knex: its schema reads and its query builder.
'use strict';
const knex = require('knex')({ client: 'pg', connection: process.env.DATABASE_URL, pool: { min: 1, max: 1 } });

const show = (value) => console.log(JSON.stringify(value));

async function read() {
  for (const table of ['authors', 'books', 'publishers', 'languages']) show(await knex(table).columnInfo());
  show(await knex('invoices').withSchema('billing').columnInfo());
  show([await knex.schema.hasTable('books'), await knex.schema.hasTable('nothing'), await knex.schema.hasColumn('books', 'price'), await knex.schema.withSchema('billing').hasTable('invoices')]);
  show(await knex('books').select('id', 'title').where('price', '>', 10).orWhereRaw('lower(title) = ?', ['grüße']).orderBy('id'));
  show(await knex('books as b').join('publishers as p', 'p.id', 'b.publisher_id').leftJoin('loans as l', 'l.book_id', 'b.id').select('b.title', 'p.name', 'l.who').orderBy('b.id'));
  show(await knex('books').count('* as n').avg('price').groupBy('publisher_id').having(knex.raw('count(*) > ?', [0])).orderBy('publisher_id'));
  show(await knex.with('cheap', (q) => q.from('books').where('price', '<', 20)).from('cheap').select('title').orderBy('id').limit(1).offset(1));
  show(await knex.withRecursive('c', (q) => q.from('publishers').select('id').where('id', 1).unionAll((r) => r.from('publishers').join('c', 'c.id', knex.raw('publishers.id - 1')).select('publishers.id'))).from('c').orderBy('id'));
  show(await knex('books').whereIn('id', knex('loans').select('book_id')).first());
  show(await knex('books').whereJsonPath('attrs', '$.n', '=', 1).select('id'));
  show(await knex('books').whereJsonSupersetOf('attrs', { n: 3 }).select('id', knex.jsonExtract('attrs', '$.n', 'n')));
  show(await knex('books').select('id', knex.raw('row_number() over (partition by publisher_id order by price)')).orderBy('id'));
  show(await knex('books').rank('r', 'price').orderBy('id').select('id'));
  show(await knex('books').distinctOn('publisher_id').orderBy(['publisher_id', { column: 'price', order: 'desc', nulls: 'last' }]).select('publisher_id', 'title'));
  show(await knex('books').whereExists(knex('loans').whereRaw('loans.book_id = books.id')).pluck('id'));
  show(await knex('books').where({ lent: false }).whereBetween('price', [1, 50]).whereNotNull('published').whereILike('title', '%e%').min('price as p'));
  show(await knex.union([knex('books').select('title').where('id', 1), knex('publishers').select('name').where('id', 1)], true).orderBy('title'));
}

async function write() {
  const trx = await knex.transaction({ isolationLevel: 'repeatable read' });
  show(await trx('publishers').insert({ id: 70, name: 'Epsilon' }).returning(['id', 'name']));
  show(await trx('publishers').insert([{ id: 70, name: 'Theta' }, { id: 71, name: 'Zeta' }]).onConflict('id').merge().returning('*').then((r) => r.map((x) => [x.id, x.name])));
  show(await trx('publishers').insert({ id: 70, name: 'none' }).onConflict().ignore().returning('id'));
  show(await trx('publishers').insert({ id: 90, name: 'Theta' }).onConflict(['tenant_id', 'name']).merge(['country']).returning('id'));
  show(await trx.batchInsert('books', [1, 2, 3, 4, 5].map((n) => ({ id: 760 + n, title: `t${n}`, price: n, publisher_id: 70, attrs: JSON.stringify({ n }), tags: ['a', 'b'] })), 2).returning('id'));
  show(await trx('books').where('publisher_id', 70).increment({ price: 2 }).returning(['id', 'price']));
  show(await trx('books').where('id', 761).update({ title: trx.raw('upper(title)'), attrs: trx.jsonSet('attrs', '$.n', '5') }, ['title', 'attrs']));
  show(await trx('books').updateFrom('publishers').where('books.publisher_id', '=', trx.ref('publishers.id')).where('publishers.id', 70).update({ lent: true }));
  show(await trx('books').where('id', '>', 760).forUpdate().skipLocked().orderBy('id').select('id'));
  show(await trx('books').where('id', 761).forShare().noWait().first('id'));
  await trx.transaction(async (inner) => {
    await inner('publishers').insert({ id: 70, name: 'again' });
  }).catch((e) => show([e.code, e.constraint]));
  show(await trx('books').where('publisher_id', 70).del().returning('id'));
  await trx.rollback();
  show(await knex('books').count());
}

async function main() {
  await read();
  await write();
  await knex.destroy();
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
