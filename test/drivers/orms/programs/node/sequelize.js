// Sequelize: what its QueryInterface reads, and models.
'use strict';
const { Sequelize, DataTypes, Op, Transaction } = require('sequelize');

const db = new Sequelize(process.env.DATABASE_URL, { dialect: 'postgres', logging: false, pool: { max: 1 } });
const plain = { timestamps: false };
const Publisher = db.define('publisher', { name: DataTypes.STRING, country: DataTypes.STRING }, { ...plain, tableName: 'publishers' });
const Book = db.define('book', {
  title: DataTypes.STRING,
  price: DataTypes.DECIMAL(10, 2),
  tags: DataTypes.ARRAY(DataTypes.TEXT),
  attrs: DataTypes.JSONB,
  shelf: DataTypes.ENUM('front', 'back', 'store'),
  lent: DataTypes.BOOLEAN,
  published: DataTypes.DATEONLY,
  code: DataTypes.UUID,
}, { ...plain, tableName: 'books', scopes: { cheap: { where: { price: { [Op.lt]: 20 } } } } });
const Loan = db.define('loan', { who: DataTypes.TEXT }, { ...plain, tableName: 'loans', version: 'version' });
const Language = db.define('language', { code: { type: DataTypes.CHAR(2), primaryKey: true }, name: DataTypes.TEXT }, { ...plain, tableName: 'languages' });
const Link = db.define('link', {}, { ...plain, tableName: 'books_languages' });
Publisher.hasMany(Book, { foreignKey: 'publisher_id' });
Book.belongsTo(Publisher, { foreignKey: 'publisher_id' });
Book.hasMany(Loan, { foreignKey: 'book_id' });
Loan.belongsTo(Book, { foreignKey: 'book_id' });
Book.belongsToMany(Language, { through: Link, foreignKey: 'book_id', otherKey: 'language' });
Language.belongsToMany(Book, { through: Link, foreignKey: 'language', otherKey: 'book_id' });

const show = (value) => console.log(JSON.stringify(value));

async function inspect() {
  await db.authenticate();
  const q = db.getQueryInterface();
  show(await q.showAllTables());
  show(await q.showAllSchemas());
  show(await db.databaseVersion());
  for (const table of ['authors', 'books', 'publishers', 'loans', { tableName: 'invoices', schema: 'billing' }]) {
    show(Object.keys(await q.describeTable(table)));
    // It cannot read an index of an expression.
    if (table !== 'books') show((await q.showIndex(table)).map((i) => [i.name, i.unique, i.primary, i.fields.map((f) => f.attribute)]));
    show(await q.getForeignKeyReferencesForTable(table));
    if (typeof table === 'string') show((await q.showConstraint(table)).map((c) => c.constraintName));
  }
  show(await q.tableExists('books'));
  show(await db.query('SELECT title FROM books WHERE price > :p ORDER BY id', { replacements: { p: 10 }, type: Sequelize.QueryTypes.SELECT }));
  show(await db.query('SELECT title FROM books WHERE price > $1 ORDER BY id', { bind: [10], type: Sequelize.QueryTypes.SELECT }));
}

async function read() {
  show(await Book.findAll({ include: [Publisher, Loan], order: [['id', 'ASC']] }));
  show(await Book.findAndCountAll({ where: { [Op.or]: [{ lent: true }, { title: { [Op.iLike]: '%n%' } }] }, include: Loan, limit: 2, offset: 0, order: [['price', 'DESC']] }));
  show(await Publisher.findAll({
    attributes: ['name', [db.fn('COUNT', db.col('books.id')), 'n'], [db.fn('AVG', db.col('books.price')), 'mean']],
    include: [{ model: Book, attributes: [] }], group: ['publisher.id'], having: db.where(db.fn('COUNT', db.col('books.id')), Op.gte, 1), order: ['name'],
  }));
  show(await Book.findAll({ where: { tags: { [Op.contains]: ['a'] }, 'attrs.n': 1 } }));
  show(await Book.findAll({ where: { tags: { [Op.overlap]: ['a', 'x'] }, published: { [Op.between]: ['1990-01-01', '2021-01-01'] } }, order: ['id'] }));
  show(await Book.scope('cheap').count());
  show(await Book.max('price'));
  show(await Book.sum('pages'));
  show(await Book.findByPk(1, { include: { model: Language, through: { attributes: [] } } }));
  show(await Publisher.findAll({ include: { model: Book, required: true, where: { lent: false }, include: { model: Loan, separate: true } }, order: ['id', [Book, 'id']] }));
  show(await Book.findAll({ where: { id: { [Op.in]: db.literal('(SELECT book_id FROM loans)') } } }));
  show(await Book.findOne({ where: db.where(db.fn('lower', db.col('title')), 'engines') }));
}

async function write(t) {
  const p = await Publisher.create({ id: 70, name: 'Epsilon' }, { transaction: t });
  const b = await Book.create({ id: 750, title: 'made', price: 3, publisher_id: p.id, tags: ['q'], attrs: { a: [1, { b: null }] }, shelf: 'back', lent: false, code: '0192f8a0-0000-7000-8000-000000000001' }, { transaction: t });
  await Book.bulkCreate([0, 1, 2].map((n) => ({ id: 760 + n, title: `t${n}`, price: n, publisher_id: p.id, tags: [], attrs: {}, shelf: 'front', lent: n > 0 })), { transaction: t, returning: true });
  await Publisher.bulkCreate([{ id: 70, name: 'Epsilon two' }, { id: 71, name: 'Zeta' }], { updateOnDuplicate: ['name'], transaction: t });
  await Publisher.upsert({ id: 71, name: 'Zeta two' }, { transaction: t });
  show(await Publisher.findAll({ where: { id: [70, 71] }, order: ['id'], transaction: t }));
  show(await Book.update({ price: db.literal('price * 2') }, { where: { publisher_id: 70 }, returning: ['id', 'price'], transaction: t }));
  await b.increment('price', { by: 5, transaction: t });
  await b.reload({ transaction: t, lock: t.LOCK.UPDATE });
  await b.update({ title: 'changed', attrs: { z: 1 } }, { transaction: t });
  await b.setLanguages(['de', 'en'], { transaction: t });
  await b.removeLanguage('de', { transaction: t });
  show(await b.countLanguages({ transaction: t }));
  const loan = await Loan.create({ id: 77, who: 'me', book_id: b.id }, { transaction: t });
  await loan.update({ who: 'you' }, { transaction: t });
  show(loan.version);
  show(await Book.findAll({ where: { id: { [Op.gte]: 750 } }, lock: { level: Transaction.LOCK.UPDATE, of: Book }, skipLocked: true, include: Publisher, order: ['id'], transaction: t }));
  try {
    await db.transaction({ transaction: t }, (inner) => Publisher.create({ id: 70, name: 'again' }, { transaction: inner }));
  } catch (e) {
    show([e.name, e.parent.code]);
  }
  show(await Publisher.findCreateFind({ where: { id: 72 }, defaults: { name: 'Eta' }, transaction: t }));
  show(await Loan.destroy({ where: { who: 'you' }, transaction: t }));
  await Book.destroy({ where: { publisher_id: 70 }, cascade: false, transaction: t }).catch((e) => show(e.name));
}

async function main() {
  await inspect();
  await read();
  const t = await db.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.REPEATABLE_READ });
  await write(t);
  await t.rollback();
  show(await Book.count());
  await db.close();
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
