// guard.decide in Node beside its peers: same process, same run, rounds by turns. `--json` for machines; `--record`
// writes tests/bench/node.json. ACTFOR_PACKAGE is the folder of the built package.

import { execFileSync } from 'node:child_process';
import { verify as verification } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

import { createVerifier } from 'fast-jwt';
import { importSPKI, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';

import { PEERS } from './peers.mjs';
import { configuration, eddsa, es256, NOW, options, request, rs256 } from './tokens.mjs';

const entry = pathToFileURL(join(process.env.ACTFOR_PACKAGE, 'entry/node.js')).href;
const { createGuard } = await import(entry);

// V8 of Node 20 stops with `unreachable code` in its deoptimizer where calls into several WebAssembly modules of one
// process are inlined; with actfor's alone that was not seen.
if (process.versions.node.startsWith('20.')) setFlagsFromString('--no-turbo-inline-js-wasm-calls');

const ROUNDS = Number(process.env.ACTFOR_ROUNDS ?? 15);
const STARTS = 9;
const MILLISECONDS = 25;
const COLD = 64;
const AUDIENCE = 'https://api.example';
const ISSUER = 'https://as.example';

const guard = createGuard(configuration);

function must(ok, what) {
  if (!ok) throw new Error(`${what} did not do what is measured`);
}

/** Every contender: a function of a token; `cold` ones get tokens that nobody has seen. */
const contenders = [];
const add = (name, of, cold, run, check) => contenders.push({ name, issuer: of, cold, run, check, samples: [] });
const allowed = (decision) => decision.allowed;

for (const of of [es256, rs256, eddsa]) {
  const { algorithm, pem, publicKey } = of;
  add(`actfor decide, verdict, ${algorithm}, cold`, of, true, (token) => guard.decide(request(token), options), allowed);
  const expected = { algorithms: [algorithm], audience: AUDIENCE, issuer: ISSUER };
  if (of !== eddsa) {
    add(`jsonwebtoken verify, ${algorithm}`, of, true, (token) => jsonwebtoken.verify(token, publicKey, { ...expected, clockTimestamp: NOW }), (c) => c.sub === 'ana');
    const key = await importSPKI(pem, algorithm);
    add(`jose jwtVerify, ${algorithm}`, of, true, (token) => jwtVerify(token, key, { ...expected, typ: 'at+jwt', currentDate: new Date(NOW * 1000) }), (c) => c.payload.sub === 'ana');
  }
  const plain = createVerifier({ key: pem, algorithms: [algorithm], allowedAud: AUDIENCE, allowedIss: ISSUER, clockTimestamp: NOW * 1000 });
  add(`fast-jwt verify, ${algorithm}`, of, true, (token) => plain(token), (c) => c.sub === 'ana');
  const raw = algorithm === 'ES256' ? { key: publicKey, dsaEncoding: 'ieee-p1363' } : publicKey;
  add(`node:crypto verify alone, ${algorithm}`, of, true, (token) => {
    const end = token.lastIndexOf('.');
    return verification(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(token.slice(0, end)), raw, Buffer.from(token.slice(end + 1), 'base64url'));
  }, (ok) => ok);
}
const cached = createVerifier({ key: es256.pem, algorithms: ['ES256'], allowedAud: AUDIENCE, allowedIss: ISSUER, clockTimestamp: NOW * 1000, cache: 1000 });
add('actfor decide, verdict, seen before', es256, false, (token) => guard.decide(request(token), options), allowed);
add('actfor decide, document as text, seen before', es256, false, (token) => guard.decide(request(token), options).toString(), (s) => s.includes('"allow"'));
add('actfor decide, document parsed, seen before', es256, false, (token) => guard.decide(request(token), options).who, (who) => who.user.sub === 'ana');
add('fast-jwt verify, cached', es256, false, (token) => cached(token), (c) => c.sub === 'ana');

// Asked about the same thing, as far as each can be; `lacks` says how far.
const opaModule = process.env.ACTFOR_OPA_MODULE;
const bytes = { 'actfor decide, verdict, seen before': crossed(es256.mint()) };
const lacks = {};
const asks = {};
for (const [name, peer] of Object.entries(PEERS)) {
  if (name === 'opa' && opaModule === undefined) {
    process.stderr.write('bench: no `opa` here, which compiles policies to WebAssembly: left out\n');
    continue;
  }
  const { bytes: own, ...loaded } = await peer.load({ es256, opaModule });
  Object.assign(bytes, own);
  Object.assign(asks, loaded);
  for (const [row, ask] of Object.entries(loaded)) {
    lacks[row] = peer.lacks;
    add(row, es256, false, ask, (allowed) => allowed);
  }
}
const both = asks['cedar-wasm statefulIsAuthorized'];
add('fast-jwt cached + cedar-wasm stateful', es256, false, (token) => [cached(token), both()], ([c, allowed]) => c.sub === 'ana' && allowed);

/** How many bytes cross into WebAssembly and back for one decision: the head of the request, and a number. */
function crossed(token) {
  const { method, url, headers } = request(token);
  return ['5', '', method, url, 'authorization', headers.authorization].join('\n').length + 4;
}

async function round(contender, warmUp) {
  const { cold, run, issuer: of } = contender;
  const many = cold ? COLD : 8;
  const tokens = Array.from({ length: many }, of.mint);
  const asynchronous = run(tokens[0]) instanceof Promise;
  if (!cold) for (const token of tokens) run(token);
  let calls = 0;
  const start = process.hrtime.bigint();
  const until = start + BigInt(MILLISECONDS) * 1_000_000n;
  if (cold) {
    // Token 0 is used up; each other one is seen once.
    for (let i = 1; i < many; i += 1) asynchronous ? await run(tokens[i]) : run(tokens[i]);
    calls = many - 1;
  } else {
    do {
      for (let i = 0; i < many; i += 1) asynchronous ? await run(tokens[i]) : run(tokens[i]);
      calls += many;
    } while (process.hrtime.bigint() < until);
  }
  const microseconds = Number(process.hrtime.bigint() - start) / 1000 / calls;
  if (!warmUp) contender.samples.push(microseconds);
}

for (const contender of contenders) {
  must(contender.check(await contender.run(contender.issuer.mint())), contender.name);
}
process.stderr.write('bench: warming up');
for (let i = 0; i < 2; i += 1) for (const contender of contenders) await round(contender, true);
for (let i = 0; i < ROUNDS; i += 1) {
  process.stderr.write('.');
  // Each round starts with another one, so that nobody always follows the same neighbour.
  for (let j = 0; j < contenders.length; j += 1) await round(contenders[(i + j) % contenders.length], false);
}
process.stderr.write('\n');

function spread(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const quantile = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { median: quantile(0.5), low: quantile(0.1), high: quantile(0.9) };
}
const results = Object.fromEntries(contenders.map(({ name, samples }) => [name, spread(samples)]));

/** From the first line of a process to its first decision, in milliseconds. */
function starts() {
  const run = (argument, env) => execFileSync(process.execPath, [join(import.meta.dirname, 'cold.mjs'), argument],
    { encoding: 'utf8', env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n').at(-1);
  const packed = { ACTFOR_PACKED: run('--packed') };
  const names = JSON.parse(run('--names')).filter((name) => name !== 'opa-wasm' || opaModule !== undefined);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  // By turns, like the rest.
  for (let i = 0; i < STARTS; i += 1) for (const name of names) times[name].push(Number(run(name, packed)));
  return Object.fromEntries(names.map((name) => [name, spread(times[name])]));
}
const cold = starts();

/** Without Node's crypto, as in a browser: in a process of its own, since an instance of the module either has it or not. */
const pure = JSON.parse(execFileSync(process.execPath, [join(import.meta.dirname, 'pure.mjs')], { encoding: 'utf8' }));
Object.assign(results, pure.results);

const ratio = (a, b) => results[a].median / results[b].median;
const ratios = {
  'cedar-wasm isAuthorized / actfor seen before (budget >= 25)': ratio('cedar-wasm isAuthorized', 'actfor decide, verdict, seen before'),
  'cedar-wasm stateful / actfor seen before': ratio('cedar-wasm statefulIsAuthorized', 'actfor decide, verdict, seen before'),
  'biscuit-wasm / actfor seen before': ratio('biscuit-wasm, token and Datalog', 'actfor decide, verdict, seen before'),
  'casbin / actfor seen before': ratio('casbin enforce', 'actfor decide, verdict, seen before'),
  'express-oauth2-jwt-bearer / actfor cold, ES256': ratio('express-oauth2-jwt-bearer, ES256', 'actfor decide, verdict, ES256, cold'),
  ...(opaModule && { 'opa-wasm / actfor seen before': ratio('opa-wasm evaluate', 'actfor decide, verdict, seen before') }),
  'fast-jwt cached / actfor seen before': ratio('fast-jwt verify, cached', 'actfor decide, verdict, seen before'),
  'actfor cold / jsonwebtoken, ES256 (budget <= 1.25 with host crypto)': ratio('actfor decide, verdict, ES256, cold', 'jsonwebtoken verify, ES256'),
  'actfor cold / jsonwebtoken, RS256 (budget <= 1.25 with host crypto)': ratio('actfor decide, verdict, RS256, cold', 'jsonwebtoken verify, RS256'),
  'actfor cold / node:crypto alone, EdDSA (budget <= 1.25 with host crypto)': ratio('actfor decide, verdict, EdDSA, cold', 'node:crypto verify alone, EdDSA'),
  ...pure.ratios,
};

const report = {
  machine: { cpu: cpus()[0].model, cores: cpus().length, node: process.version, platform: `${process.platform}-${process.arch}` },
  rounds: ROUNDS, unit: 'microseconds', results, ratios, lacks, 'bytes a call': bytes,
  'import to first decision, milliseconds (budget <= 15)': cold,
};
const rounded = JSON.stringify(report, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value), 2);

if (process.argv.includes('--record')) writeFileSync(join(import.meta.dirname, 'node.json'), `${rounded}\n`);
if (process.argv.includes('--json')) {
  console.log(rounded);
} else {
  const { cpu, cores, node } = report.machine;
  console.log(`\n${cpu}, ${cores} cores, Node ${node}; microseconds a call, median of ${ROUNDS} rounds, 10 % and 90 %\n`);
  for (const [name, { median, low, high }] of Object.entries(results)) {
    console.log(`${name.padEnd(48)} ${median.toFixed(2).padStart(9)}   ${low.toFixed(2)} – ${high.toFixed(2)}`);
  }
  console.log('');
  for (const [name, value] of Object.entries(ratios)) console.log(`${name.padEnd(68)} ${value.toFixed(2)}`);
  console.log('\nfrom import to the first decision, milliseconds (budget <= 15)\n');
  for (const [name, { median, low, high }] of Object.entries(cold)) {
    console.log(`${name.padEnd(48)} ${median.toFixed(1).padStart(9)}   ${low.toFixed(1)} – ${high.toFixed(1)}`);
  }
  console.log('\nbytes that cross a call, there and back\n');
  for (const [name, count] of Object.entries(bytes)) console.log(`${name.padEnd(48)} ${String(count).padStart(9)}`);
  console.log('\nwhat is left to others\n');
  for (const [name, what] of Object.entries(lacks)) console.log(`${name.padEnd(48)} ${what}`);
}
