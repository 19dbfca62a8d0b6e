// Knex: migrations up, back by one batch and up again.
'use strict';
const knex = require('knex')({ client: 'pg', connection: process.env.DATABASE_URL, pool: { min: 1, max: 1 } });

const migrations = {
  '1_create': {
    up: async (k) => {
      await k.schema.createTable('shelves', (t) => {
        t.bigIncrements();
        t.text('tenant_id').notNullable().defaultTo('acme');
        t.string('name', 50).notNullable().comment('as it says');
      });
      await k.schema.createTable('items', (t) => {
        t.bigIncrements();
        t.text('tenant_id').notNullable().defaultTo('acme');
        t.bigInteger('shelf_id').notNullable().references('shelves.id').onDelete('CASCADE');
        t.string('title');
        t.enu('kind', ['small', 'large']);
        t.unique(['tenant_id', 'title']);
      });
      const [{ id }] = await k('shelves').insert({ name: 'first' }, 'id');
      await k('items').insert([{ shelf_id: id, title: 'one' }, { shelf_id: id, title: 'two' }]);
    },
    down: async (k) => k.schema.dropTable('items').dropTable('shelves'),
  },
  '2_change': {
    up: async (k) => {
      await k.schema.alterTable('items', (t) => {
        t.decimal('weight', 8, 3).index();
        t.renameColumn('title', 'label');
      });
      if (await k.schema.hasColumn('items', 'label')) await k('items').update({ weight: 1 });
      await k.schema.alterTable('items', (t) => t.decimal('weight', 8, 3).notNullable().alter());
    },
    down: async (k) => k.schema.alterTable('items', (t) => {
      t.dropColumn('weight');
      t.renameColumn('label', 'title');
    }),
  },
};
const config = { migrationSource: { getMigrations: async () => Object.keys(migrations), getMigrationName: (name) => name, getMigration: async (name) => migrations[name] } };

async function main() {
  await knex.migrate.up(config);
  await knex.migrate.latest(config);
  await knex.migrate.rollback(config);
  await knex.migrate.latest(config);
  console.log(JSON.stringify([await knex.migrate.currentVersion(config), await knex('items').select('label', 'weight').orderBy('id')]));
  await knex.destroy();
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
