// What a host hears of decisions: each once, with a record that stands in a chain; and that hearing changes nothing.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { ActforError, createGuard } from 'actfor';
import { config, NOW, tokens } from './patterns.mjs';

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const read = { method: 'GET', url: '/repos/web/x', headers: bearer(tokens.T2.token) };
const push = { method: 'PATCH', url: '/repos/web/git/refs/heads/fix', headers: bearer(tokens.T1.token) };
const open = `${config.policy}\npublic GET /healthz\n`;
const shadow = { policy: config.policy.replace('allow delegated              to read on repo           as code-read\n', ''), files: config.files };

/** The record as RFC 8785 writes it: members sorted, nothing between them. */
const canonical = (value) => (value === null || typeof value !== 'object' ? JSON.stringify(value)
  : Array.isArray(value) ? `[${value.map(canonical).join(',')}]`
    : `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`);
const digest = (record) => createHash('sha256').update(record).digest('base64url');

/** Checks a chain as an auditor would, without the code that wrote it. */
function verify(records, chain, from = { seq: 0, digest: '' }) {
  let { seq, digest: prev } = from;
  for (const record of records) {
    const parsed = JSON.parse(record);
    assert.equal(record, canonical(parsed));
    seq += 1;
    assert.deepEqual([parsed.chain_id, parsed.seq, parsed.prev], [chain, seq, prev]);
    prev = digest(record);
  }
  return `${chain}:${seq}:${prev}`;
}

test('every decision has one record: allowed, refused, public, in error, and what a shadow policy says', async () => {
  const heard = [];
  const guard = createGuard({ ...config, policy: open, shadow }, {
    clock: () => NOW, audit: { chain: 'a' }, onDecision: (decision, event) => { heard.push({ decision, ...event }); },
  });
  const asked = [read, push, { ...read, headers: {} }, { ...read, url: '/healthz', headers: {} }, { ...read, method: 7 }, { ...read, headers: bearer('x') }];
  for (const request of asked) guard.decide(request);
  guard.decide(read, { now: 0 });
  await guard.authorize(push);
  await guard.evaluate({ subject: { type: 'user', id: 'ana' }, action: { name: 'read' }, resource: { type: 'repo', id: 'web' } }, { request: read });
  const codes = [null, null, 'token_missing', null, 'request_invalid', 'token_malformed', 'clock_invalid', null, null];
  assert.deepEqual(heard.map(({ decision }) => decision.code), codes);
  assert.equal(verify(heard.map(({ record }) => record), 'a'), heard.at(-1).head);
  heard.forEach(({ head }, at) => assert.equal(head, verify(heard.slice(0, at + 1).map(({ record }) => record), 'a')));
  assert.deepEqual(heard.slice(0, 6).map(({ request }) => request), asked);
  const records = heard.map(({ record }) => JSON.parse(record));
  assert.deepEqual(records.map(({ code }) => code), codes);
  assert.equal(records[3].rule, 'public');
  assert.equal(records[0].shadow[0].decision, 'deny');
  // Reading more of a decision, or explaining it again, is no decision.
  heard[0].decision.toJSON();
  guard.filter(heard[0].decision, 'tools', [{ name: 'x' }]);
  assert.equal(heard.length, 9);
  for (const { record } of heard) {
    for (const { token } of Object.values(tokens)) assert.ok(!record.includes(token.split('.')[2]), 'a token is in a record');
  }
});

test('a chain goes on behind its head, and only its own', () => {
  const run = (audit, times) => {
    const heard = [];
    const guard = createGuard(config, { clock: () => NOW, audit, onDecision: (_, event) => { heard.push(event); } });
    for (let i = 0; i < times; i += 1) guard.decide(read, { id: `r-${i}` });
    return heard;
  };
  const first = run({ chain: 'b' }, 3);
  const { head } = first.at(-1);
  const next = run({ chain: 'b', head }, 2);
  verify(next.map(({ record }) => record), 'b', { seq: 3, digest: head.split(':')[2] });
  for (const audit of [{ chain: 'c', head }, { chain: 'b', head: 'b:1' }]) {
    assert.throws(() => createGuard(config, { audit, onDecision: () => {} }), (error) => error instanceof ActforError && error.path === 'audit.head');
  }
  const without = [];
  createGuard(config, { clock: () => NOW, onDecision: (_, event) => { without.push(event); } }).decide(read);
  assert.deepEqual([without[0].record, without[0].head], [null, null]);
});

test('what a listener throws changes no decision, and is heard of', async () => {
  for (const onDecision of [() => { throw new Error('full'); }, async () => { throw new Error('full'); }]) {
    const errors = [];
    const guard = createGuard(config, { clock: () => NOW, onDecision, onError: (error) => { errors.push(error.message); } });
    assert.equal(guard.decide(read).verdict, 'allow');
    assert.equal((await guard.authorize({ ...read, headers: {} })).code, 'token_missing');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(errors, ['full', 'full']);
  }
});

test('without anybody to hear of it, what a listener throws is an uncaught error', () => {
  const script = `import { createGuard } from 'actfor';
    process.on('uncaughtException', (error) => { console.log('uncaught', error.message); process.exit(0); });
    const guard = createGuard(JSON.parse(process.argv[1]), { onDecision: () => { throw new Error('full'); } });
    console.log(guard.decide({ method: 'GET', url: '/repos/web/x', headers: {} }).code);`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script, JSON.stringify(config)], { cwd: import.meta.dirname, encoding: 'utf8' });
  assert.deepEqual(stdout.trim().split('\n'), ['token_missing', 'uncaught full']);
});
