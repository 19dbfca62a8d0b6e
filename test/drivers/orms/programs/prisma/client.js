// Prisma's client, whose query engine is JavaScript and WebAssembly, over node-postgres.
import { PrismaPg } from '@prisma/adapter-pg';
import client from '@prisma/client';

const { PrismaClient, Prisma } = client;
const db = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 1 }) });
const show = (value) => console.log(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v)));

async function read() {
  show(await db.book.findMany({ include: { publisher: true, loans: true, languages: { include: { of: true } } }, orderBy: { id: 'asc' } }));
  show(await db.book.findMany({ where: { OR: [{ price: { gt: 10 } }, { title: { contains: 'ü', mode: 'insensitive' } }], publisher: { name: { startsWith: 'A' } } }, orderBy: [{ price: 'desc' }, { id: 'asc' }], take: 2, skip: 0 }));
  show(await db.book.findUnique({ where: { id: 1 }, select: { title: true, tags: true, attrs: true, shelf: true, published: true, _count: { select: { loans: true } } } }));
  show(await db.book.findFirst({ where: { attrs: { path: ['n'], equals: 1 } } }));
  show(await db.book.findMany({ where: { tags: { has: 'a' } }, cursor: { id: 1 }, take: 5, orderBy: { id: 'asc' } }));
  show(await db.publisher.findMany({ where: { books: { some: { lent: true }, none: { price: { lt: 5 } } } }, include: { books: { where: { lent: false }, orderBy: { title: 'asc' }, take: 1 } } }));
  show(await db.book.groupBy({ by: ['publisherId'], _count: true, _avg: { price: true }, having: { price: { _max: { gt: 1 } } }, orderBy: { publisherId: 'asc' } }));
  show(await db.book.aggregate({ _sum: { price: true }, _min: { published: true }, where: { languages: { every: { language: { in: ['de', 'en'] } } } } }));
  show([await db.book.count({ where: { loans: { some: {} } } }), await db.book.findMany({ distinct: ['publisherId'], orderBy: { id: 'asc' }, select: { id: true } })]);
  show(await db.$queryRaw`SELECT id, title FROM books WHERE price > ${10} ORDER BY id`);
  show(await db.$queryRaw(Prisma.sql`SELECT count(*) FROM books WHERE id IN (${Prisma.join([1n, 2n, 4n])})`));
  await db.book.findUniqueOrThrow({ where: { id: 4 } }).catch((e) => show(e.code));
}

async function write(tx) {
  const p = await tx.publisher.create({ data: { id: 70, name: 'Epsilon', books: { create: [{ id: 761, title: 't1', price: '1.50', tags: ['x'], attrs: { a: [1, null] }, shelf: 'back', code: '0192f8a0-0000-7000-8000-000000000001', languages: { create: { language: 'de' } } }] } }, include: { books: true } });
  show(p.books.length);
  show(await tx.book.createMany({ data: [2, 3, 4].map((n) => ({ id: 760 + n, title: `t${n}`, price: n, publisherId: 70 })), skipDuplicates: true }));
  show(await tx.book.createManyAndReturn({ data: [{ id: 768, title: 'back', publisherId: 70 }], select: { id: true } }).catch((e) => e.name));
  show(await tx.publisher.upsert({ where: { id: 70 }, create: { name: 'none' }, update: { name: 'Epsilon two' } }));
  show(await tx.publisher.upsert({ where: { id: 71 }, create: { id: 71, name: 'Zeta' }, update: { name: 'none' } }));
  show(await tx.book.update({ where: { id: 761 }, data: { title: 'changed', price: { multiply: 2 }, tags: { push: 'y' }, loans: { create: { id: 77, who: 'me' } } }, include: { loans: true } }));
  show(await tx.book.updateMany({ where: { publisherId: 70 }, data: { lent: true, price: { increment: 1 } } }));
  show((await tx.book.updateManyAndReturn({ where: { publisherId: 70 }, data: { shelf: 'store' } })).length);
  show(await tx.book.update({ where: { id: 761 }, data: { languages: { deleteMany: {}, connectOrCreate: { where: { bookId_language: { bookId: 761, language: 'en' } }, create: { language: 'en' } } } }, select: { languages: true } }));
  show(await tx.loan.updateMany({ where: { id: 77, version: 0 }, data: { who: 'you', version: { increment: 1 } } }));
  show(await tx.$executeRaw`UPDATE books SET attrs = ${JSON.stringify({ z: 1 })}::jsonb WHERE id = ${762}`);
  show(await tx.loan.deleteMany({ where: { book: { publisherId: 70 } } }));
  show(await tx.book.delete({ where: { id: 764 }, select: { title: true } }));
  throw new Error('undo');
}

await read();
await db.$transaction(write, { isolationLevel: 'RepeatableRead', timeout: 60000 }).catch((e) => {
  if (e.message !== 'undo') throw e;
});
show(await db.$transaction([db.book.count(), db.publisher.findMany({ orderBy: { name: 'asc' } })]));
await db.publisher.create({ data: { id: 1, name: 'again' } }).catch((e) => show([e.code, e.meta?.target]));
await db.$disconnect();
