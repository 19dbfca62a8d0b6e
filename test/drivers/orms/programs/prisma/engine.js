// Prisma's schema engine, as WebAssembly: what `prisma db pull` and `prisma migrate` read of a database. The arguments are what it does.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import pg from 'pg';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg';

const file = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm').replace('schema_engine.js', 'schema_engine_bg.wasm');
const { instance } = await WebAssembly.instantiate(readFileSync(file), { './schema_engine_bg.js': engine });
engine.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();
globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => console.error(message) };

// The adapter knows no type "char", of which columns of the catalogs are: the result says that they are character, and the adapter's answer that they are one.
let single = [];
const known = (result) => {
  const fields = [result].flat().at(-1)?.fields ?? [];
  single = fields.map((f) => f.dataTypeID === 18);
  for (const f of fields) if (f.dataTypeID === 18) f.dataTypeID = 1042;
  return result;
};

class Client extends pg.Client {
  query(...args) {
    const last = args.at(-1);
    if (typeof last === 'function') return super.query(...args.slice(0, -1), (error, result) => last(error, known(result)));
    const running = super.query(...args);
    return typeof running?.then === 'function' ? running.then(known) : running;
  }
}

class Adapter extends PrismaPg {
  async connect() {
    const adapter = await super.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const answer = await queryRaw(query);
      answer.columnTypes = answer.columnTypes.map((type, i) => (single[i] ? ColumnTypeEnum.Character : type));
      return answer;
    };
    return adapter;
  }
}

const adapter = bindMigrationAwareSqlAdapterFactory(new Adapter(new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1, Client })));
const source = (provider) => ({ files: [{ path: 'schema.prisma', content: `datasource db {\n  provider = "${provider}"\n}\n` }] });
const schema = source('postgresql');
const e = await engine.SchemaEngine.new({ datamodels: undefined }, () => {}, adapter);
const filters = { externalTables: [], externalEnums: [] };
const migrations = { baseDir: '.', lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' }, shadowDbInitScript: '', migrationDirectories: [] };

const actions = {
  version: async () => console.log(await e.version()),
  pull: async () => console.log((await e.introspect({ schema, baseDirectoryPath: '.', force: true, compositeTypeDepth: 0, namespaces: ['public', 'billing'] })).schema.files[0].content),
  status: async () => console.log(JSON.stringify(await e.diagnoseMigrationHistory({ migrationsList: migrations, optInToShadowDatabase: false, filters }))),
};
for (const action of process.argv.slice(2)) await actions[action]();
process.exit(0);
