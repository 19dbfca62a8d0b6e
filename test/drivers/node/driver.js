'use strict'
// Runs node-postgres against the server in the PG* environment and prints what it saw, one line each.
// `node driver.js cases` prints what must be the same with and without pgcordon; `node driver.js refused SQL...` prints
// the error of each statement as JSON.
const pg = require('pg')

function say(name, value) {
  console.log(name + ': ' + JSON.stringify(value))
}

function error(e) {
  if (e.code === undefined) return { message: e.message }
  return { severity: e.severity, code: e.code, message: e.message, constraint: e.constraint }
}

function result(r) {
  if (Array.isArray(r)) return r.map(result)
  return { command: r.command, count: r.rowCount, rows: r.rows, columns: r.fields.map((f) => [f.name, f.dataTypeID]) }
}

async function query(client, ...args) {
  const name = typeof args[0] === 'string' ? args[0] : args[0].text
  try {
    say(name, result(await client.query(...args)))
  } catch (e) {
    say(name, error(e))
  }
}

async function connected(config, run) {
  const client = new pg.Client(config)
  client.on('error', (e) => say('connection', error(e)))
  client.on('notice', (n) => say('notice', { severity: n.severity, code: n.code, message: n.message }))
  await client.connect()
  try {
    await run(client)
  } finally {
    await client.end()
  }
}

const cases = {
  async rows(client) {
    await query(client, 'select * from customers order by id')
    await query(client, 'select id, name from customers where id = $1', [1])
    await query(client, 'select o.id, c.name from orders o join customers c on c.id = o.customer_id where o.id < $1 order by 1', [100])
    await query(client, 'select count(*) from orders')
    await query(client, { text: 'select id, name from customers order by id', rowMode: 'array' })
  },

  async named(client) {
    for (const id of [1, 2, 7]) {
      await query(client, { name: 'by id', text: 'select name from customers where id = $1', values: [id] })
    }
    await query(client, { name: 'by id', text: 'select name from customers where id = $1', values: [1, 2] })
    await query(client, { name: 'by id', text: 'select name from customers where id = $1', values: [2] })
  },

  async portions(client) {
    await query(client, { text: 'select id from orders where id > $1 and id <= $2 order by id', values: [1000, 1025], rows: 10 })
  },

  async several(client) {
    await query(client, 'select 1; select id from customers order by id; select 2')
    await query(client, 'select 1; select 1/0; select 2')
    await query(client, '')
    await query(client, { text: '', values: [] })
  },

  async errors(client) {
    await query(client, "insert into customers (id, name) values (1, 'twice')")
    await query(client, 'insert into customers (id, name) values ($1, $2)', [1, 'twice'])
    await query(client, 'selec 1')
    await query(client, 'selec $1', [1])
    await query(client, 'select * from nowhere')
    await query(client, 'select * from nowhere where id = $1', [1])
    await query(client, 'select id from customers where id = $1', ['no number'])
    await query(client, 'select id from customers where id = $1', [])
    await query(client, 'select id from customers where id = $1', [1])
  },

  async transactions(client) {
    for (const sql of [
      'begin', "insert into customers (id, name) values (600, 'node') returning id", 'savepoint s',
      "insert into customers (id, name) values (1, 'twice')", 'select 1', 'rollback to s',
      'select count(*) from customers where id = 600', 'commit', 'select name from customers where id = 600',
      'begin', 'delete from customers where id = 600', 'rollback', 'begin', 'select 1/0', 'commit',
      'delete from customers where id = 600',
    ]) {
      await query(client, sql)
    }
  },

  async types(client) {
    const columns = 'i2, i4, i8, num, f8, txt, bin, flag, day, moment, uid, doc, ints, words'
    const insert = `insert into samples (id, ${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
    await query(client, insert, [
      1, -32768, 2147483647, '-9223372036854775808', '-1.000012345', 0.1, "Größe 漢字 🐘 'quoted' \\", Buffer.from([0, 1, 255]), true,
      '2024-02-29', new Date(Date.UTC(1999, 11, 31, 23, 59, 59, 123)), '01020304-0506-0708-090a-0b0c0d0e0f10', { a: [1, null] },
      [1, -2], ['a,b', null, '{"x"}'],
    ])
    await query(client, insert, [2, ...Array(14).fill(null)])
    await query(client, `select ${columns} from samples order by id`)
    await query(client, { text: `select ${columns} from samples where id = $1`, values: [1], binary: true })
    await query(client, 'select id from samples where id = any($1)', [[1, 2, 3]])
    await query(client, 'delete from samples')
  },

  async many(client) {
    const running = []
    for (let i = 0; i < 300; i++) {
      running.push(client.query('select $1::int as n, count(*)::int as c from customers where id <= $1', [i]))
    }
    const results = await Promise.all(running)
    say('300 queries', results.reduce((sum, r) => sum + r.rows[0].n + 1000 * r.rows[0].c, 0))
  },

  async settings(client) {
    await query(client, 'show application_name')
    await query(client, "set application_name = 'x'")
    await query(client, 'show application_name')
    await query(client, 'commit')
  },

  async cancelled(client) {
    const slow = new pg.Query('select count(*) from generate_series(1, 40000) a, generate_series(1, 40000) b')
    const ended = new Promise((resolve) => slow.on('error', resolve).on('end', () => resolve({ message: 'not cancelled' })))
    client.query(slow)
    // A request that comes before the statement has begun goes unheard.
    const again = setInterval(() => {
      const other = new pg.Client()
      other.connection.on('error', () => {})
      other.cancel(client, slow)
    }, 100)
    say('cancelled', error(await ended))
    clearInterval(again)
  },
}

async function login(name, config) {
  const client = new pg.Client(config)
  client.on('error', () => {})
  try {
    await client.connect()
    for (const sql of ['show application_name', 'select count(*) from customers']) {
      await query(client, sql)
    }
    await client.end()
    say(name, 'ok')
  } catch (e) {
    say(name, error(e))
  }
}

async function allCases() {
  for (const [name, run] of Object.entries(cases)) {
    say('==', name)
    await connected({}, run)
  }
  say('==', 'pipeline')
  await connected({ pipeline: true }, cases.many)
  await connected({ pipeline: true }, async (client) => {
    const settled = await Promise.allSettled(
      ['select 1', 'select 1/0', 'select id from customers order by id', 'selec', 'select 2'].map((text) => client.query(text)),
    )
    settled.forEach((s, i) => say('pipelined ' + i, s.status === 'fulfilled' ? result(s.value) : error(s.reason)))
  })
  const tls = { rejectUnauthorized: false }
  await login('TLS', { ssl: tls })
  await login('options', { options: '-c search_path=nowhere', application_name: 'a probe' })
  await login('wrong password', { password: 'wrong' })
  await login('wrong password, TLS', { password: 'wrong', ssl: tls })
  await login('unknown user', { user: 'nobody_at_all' })
  const pool = new pg.Pool({ max: 5 })
  const counts = await Promise.all(Array.from({ length: 50 }, () => pool.query('select count(*)::int as n from customers')))
  say('pool', counts.map((r) => r.rows[0].n))
  await pool.end()
  say('==', 'end')
}

async function refused(statements) {
  await connected({}, async (client) => {
    for (const sql of statements) {
      try {
        await client.query(sql)
        console.log(JSON.stringify({ sql, code: '', message: 'not refused', rest: '' }))
      } catch (e) {
        console.log(JSON.stringify({ sql, code: e.code, message: e.message, rest: (e.detail || '') + (e.hint || '') }))
      }
    }
  })
}

const [verb, ...rest] = process.argv.slice(2)
const work = verb === 'refused' ? refused(rest) : allCases()
work.catch((e) => {
  console.error(e)
  process.exitCode = 1
})
