#!/usr/bin/env node
// Stand-in for Prisma's native schema engine: same JSON-RPC over stdio, backed by the WebAssembly build from npm.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import readline from 'node:readline'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import pg from 'pg'

process.on('uncaughtException', (e) => { console.error(JSON.stringify({ level: 'ERROR', target: 'schema_engine', fields: { message: e.message, error_code: 'P1001', is_panic: false } })); process.exit(1) })
const argv = process.argv.slice(2)
if (argv.includes('--version')) { console.log('schema-engine-wasm'); process.exit(0) }
const ds = argv[argv.indexOf('--datasource') + 1]
const u = new URL(argv.includes('--datasource') ? JSON.parse(ds).url : process.env.DATABASE_URL)
const conf = (database) => ({ host: u.hostname, port: Number(u.port || 5432), user: decodeURIComponent(u.username), password: decodeURIComponent(u.password), database, max: 2 })
const dbName = decodeURIComponent(u.pathname.slice(1))

function fixChar(q) { // adapter-pg cannot map the catalog type "char" (OID 18), and splits scripts at every ";", also inside functions
  q.executeScript = (sql) => q.underlyingDriver().query(sql).then(() => undefined)
  const io = q.performIO.bind(q), raw = q.queryRaw.bind(q), cols = new WeakMap()
  q.performIO = async (x) => { const r = await io(x); cols.set(x, r.fields.flatMap((f, i) => (f.dataTypeID === 18 ? ((f.dataTypeID = 1043), [i]) : []))); return r }
  q.queryRaw = async (x) => { const r = await raw(x); for (const i of cols.get(x) ?? []) r.columnTypes[i] = ColumnTypeEnum.Character; return r }
  if (q.startTransaction) { const st = q.startTransaction.bind(q); q.startTransaction = async (...a) => fixChar(await st(...a)) }
  return q
}
const main = new PrismaPg(conf(dbName)) // never a connectionString here: see the notes
const factory = bindMigrationAwareSqlAdapterFactory({
  provider: main.provider, adapterName: main.adapterName,
  connect: async () => fixChar(await main.connect()),
  connectToShadowDb: async () => {
    const name = `shadow_${process.pid}_${Date.now()}`, admin = new pg.Client(conf(dbName))
    await admin.connect(); await admin.query(`CREATE DATABASE "${name}"`)
    const s = fixChar(await new PrismaPg(conf(name)).connect()), dispose = s.dispose.bind(s)
    s.dispose = async () => { await dispose(); await admin.query(`DROP DATABASE "${name}" WITH (FORCE)`); await admin.end() }
    return s
  },
})
const require = createRequire(import.meta.url), bgPath = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg')
globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (m) => console.error(m) }
const bg = await import('@prisma/schema-engine-wasm/schema_engine_bg')
const { instance } = await WebAssembly.instantiate(fs.readFileSync(path.join(path.dirname(bgPath), 'schema_engine_bg.wasm')), { './schema_engine_bg.js': bg })
bg.__wbg_set_wasm(instance.exports); instance.exports.__wbindgen_start()
const engine = await bg.SchemaEngine.new({ datamodels: undefined }, () => {}, factory)
if (argv.includes('cli')) process.exit(0) // can-connect-to-database / create-database

const out = (o) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...o })}\n`)
const toSchema = (p) => engine.diff({ from: p.migrationsList.migrationDirectories.length ? { tag: 'migrations', ...p.migrationsList } : { tag: 'empty' }, to: { tag: 'schemaDatamodel', ...p.schema }, script: true, exitCode: true, shadowDatabaseUrl: null, filters: p.filters })
async function call({ id, method, params: p }) {
  if (method === 'createMigration') { // not in the WebAssembly build
    const d = await toSchema(p), stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
    return { connectorType: 'postgresql', extension: 'sql', generatedMigrationName: p.migrationName ? `${stamp}_${p.migrationName}` : stamp, migrationScript: d.exitCode === 0 && !p.draft ? null : d.stdout }
  }
  if (method === 'evaluateDataLoss') return { migrationSteps: (await toSchema(p)).exitCode === 2 ? 1 : 0, warnings: [], unexecutableSteps: [] }
  if (method === 'createDatabase') return { databaseName: dbName }
  const r = await engine[method](p)
  if (method === 'diff' && r.stdout != null) out({ id: 900000 + id, method: 'print', params: { content: r.stdout } })
  return r
}
let chain = Promise.resolve()
const rl = readline.createInterface({ input: process.stdin })
rl.on('line', (l) => { const m = JSON.parse(l); if (!m.method) return; chain = chain.then(() => call(m).then((r) => out({ id: m.id, result: r ?? null }), (e) => out({ id: m.id, error: { code: 4466, message: 'error', data: { is_panic: false, message: String(e.message), backtrace: null } } }))) })
rl.on('close', () => chain.then(() => process.exit(0)))
