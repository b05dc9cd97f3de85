// What fails inside WebAssembly never leaves something behind that half works.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { createGuard, inspect, parseModel } from 'actfor';
import { actfor } from 'actfor/express';
import { config, NOW, tokens } from './patterns.mjs';
import { nodeCrypto } from './node_modules/actfor/node_crypto.js';

const request = { method: 'GET', url: '/repos/web/x', headers: { authorization: `Bearer ${tokens.T1.token}` } };
const decide = (guard) => guard.decide(request, { now: NOW });
const failed = { name: 'InstanceError', code: 'instance_failed' };

/** Has the next signature check do something else. */
function during(check, act) {
  const { verify } = nodeCrypto;
  nodeCrypto.verify = check;
  try {
    act();
  } finally {
    nodeCrypto.verify = verify;
  }
}

function check(trap) {
  const [guard, other] = [createGuard(config), createGuard(config)];
  const model = parseModel('model\n  schema 1.1\ntype user\n');
  const earlier = decide(other);
  assert.ok(earlier.allowed);
  during(trap, () => assert.throws(() => decide(guard), failed));

  // What was there is gone, all of it, and says so as often as it is asked.
  for (let i = 0; i < 3; i += 1) {
    for (const old of [guard, other]) {
      assert.throws(() => decide(old), failed);
      assert.throws(() => old.verify(tokens.T1.token, { now: NOW }), failed);
      assert.throws(() => old.update({ add: [] }), failed);
      assert.throws(() => old.keySources(), failed);
    }
    assert.throws(() => model.toString(), failed);
  }
  assert.ok(earlier.allowed);
  assert.throws(() => earlier.who, failed);
  for (const old of [guard, other, model]) old.dispose();

  // A new one works.
  const fresh = createGuard(config);
  assert.ok(decide(fresh).allowed);
  assert.equal(decide(fresh).who.user.sub, 'ana');
  fresh.dispose();
}

test('an exhausted stack', () => {
  const deeper = () => 1 + deeper();
  check(deeper);
});

test('a trap', () => {
  check(() => { throw new WebAssembly.RuntimeError('unreachable'); });
});

test('one after the other', () => {
  for (let i = 0; i < 50; i += 1) check(() => { throw new WebAssembly.RuntimeError('unreachable'); });
});

test('middleware lets nobody through', async () => {
  const guard = createGuard(config);
  const middleware = actfor(guard);
  const said = () => new Promise((resolve) => {
    const { authorization } = request.headers;
    const asked = { method: 'GET', url: request.url, headers: { authorization }, rawHeaders: ['authorization', authorization], socket: {} };
    middleware(asked, { writeHead: (status) => resolve(status), end: () => {} }, (error) => resolve(error?.code ?? 'let through'));
  });
  during(() => { throw new WebAssembly.RuntimeError('unreachable'); }, () => assert.throws(() => decide(guard), failed));
  assert.equal(await said(), 'instance_failed');
});

test('a mistake of the caller is no failure', () => {
  const guard = createGuard(config);
  assert.ok(decide(guard).allowed);
  for (const wrong of [{ toString: 1, valueOf: 1 }, Object.create(null)]) {
    assert.throws(() => guard.verify(wrong), TypeError);
    assert.throws(() => guard.readsBody(wrong, '/'), TypeError);
    assert.throws(() => guard.setKeys(wrong, { keys: [] }, { now: NOW }), TypeError);
    assert.throws(() => guard.listObjects(decide(guard), { action: wrong, type: 'repo' }), TypeError);
    assert.throws(() => guard.filter(decide(guard), wrong, []), TypeError);
    assert.throws(() => inspect('x', { dialect: wrong }), TypeError);
    assert.throws(() => parseModel(wrong), (error) => error.code === 'model_invalid' || error instanceof TypeError);
  }
  assert.ok(decide(guard).allowed);
  assert.equal(decide(guard).who.user.sub, 'ana');
});

test('memory that runs out', () => {
  const script = `
    import { createGuard } from 'actfor';
    import { config, NOW, tokens } from './patterns.mjs';
    const request = { method: 'GET', url: '/repos/web/x', headers: { authorization: 'Bearer ' + tokens.T1.token } };
    const guard = createGuard(config);
    const say = (request) => { try { const { id, code, allowed } = guard.decide(request, { now: NOW, id: 'r1' }); return [allowed, code, id].join(); } catch (error) { return error.code; } };
    const said = [say(request)];
    // A request for which there is no room is refused, and the guard goes on.
    said.push(say({ ...request, body: new Uint8Array(16_000_000) }), say({ ...request, body: 'x'.repeat(16_000_000) }), say(request));
    // A configuration for which there is no room.
    try { createGuard({ ...config, files: { big: 'x'.repeat(16_000_000) } }); } catch (error) { said.push(error.code); }
    said.push(say(request));
    said.push(createGuard(config).decide(request, { now: NOW }).allowed);
    console.log(JSON.stringify(said));`;
  const run = ['--wasm-max-mem-pages=128', '--input-type=module', '--eval', script];
  const said = JSON.parse(execFileSync(process.execPath, run, { cwd: import.meta.dirname, encoding: 'utf8' }));
  const good = 'true,,r1';
  assert.deepEqual(said, [good, 'false,request_invalid,r1', 'false,request_invalid,r1', good, 'instance_failed', 'instance_failed', true]);
});
