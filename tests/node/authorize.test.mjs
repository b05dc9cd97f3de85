// `authorize`: what is found out before a decision, what is remembered, and what becomes of lies and silence.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { ActforError, createGuard, openfga } from 'actfor';
import { config, NOW, tokens } from './patterns.mjs';
import { read as vectors, strangers } from './vectors_here.mjs';

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const read = { method: 'GET', url: '/repos/web/x', headers: bearer(tokens.T2.token) };
const push = { method: 'PATCH', url: '/repos/web/git/refs/heads/fix', headers: bearer(tokens.T1.token) };
const jwks = config.issuers[0].jwks;
const issuer = { ...config.issuers[0] };
delete issuer.jwks;
const remote = { ...config, issuers: [{ ...issuer, jwks_uri: 'https://as.example/jwks' }] };
const json = (value, status = 200, headers = {}) => new Response(JSON.stringify(value), { status, headers });
const forever = (signal) => new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); });

/** A token whose header names a key that nobody has. */
function unknownKey(kid) {
  const [header, ...rest] = tokens.T2.token.split('.');
  const other = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), kid };
  return [Buffer.from(JSON.stringify(other)).toString('base64url'), ...rest].join('.');
}

/** A guard whose issuer is a function; counts how often it is asked. */
function served(answer, more = {}) {
  const calls = [];
  const clock = { now: NOW };
  const fetch = async (url, init) => { calls.push(url); return answer(url, init); };
  return { calls, clock, guard: createGuard(more.config ?? remote, { fetch, clock: () => clock.now, deadline: 2_000, ...more.host }) };
}

test('a thousand requests at a time fetch a slow key set once', async () => {
  const { calls, guard } = served(async () => { await new Promise((resolve) => setTimeout(resolve, 50)); return json(jwks); });
  const decisions = await Promise.all(Array.from({ length: 1_000 }, () => guard.authorize(read)));
  assert.ok(decisions.every((decision) => decision.allowed));
  assert.deepEqual(calls, ['https://as.example/jwks']);
});

test('random key ids do not beat the pause between two fetches', async () => {
  const { calls, clock, guard } = served(async () => json(jwks));
  assert.ok((await guard.authorize(read)).allowed);
  for (let i = 0; i < 50; i += 1) {
    assert.equal((await guard.authorize({ ...read, headers: bearer(unknownKey(`random-${i}`)) })).code, 'key_unknown');
  }
  assert.equal(calls.length, 1);
  clock.now += 10;
  await guard.authorize({ ...read, headers: bearer(unknownKey('random')) });
  await guard.authorize({ ...read, headers: bearer(unknownKey('random')) });
  assert.equal(calls.length, 2);
});

test('a rotated key is found, and keys that are too old refuse', async () => {
  let set = { keys: [{ ...jwks.keys[0], kid: 'other' }] };
  const { calls, clock, guard } = served(async () => { if (set === undefined) throw new Error('down'); return json(set); });
  assert.equal((await guard.authorize(read)).code, 'key_unknown');
  set = jwks;
  clock.now += 10;
  assert.ok((await guard.authorize(read)).allowed);
  set = undefined;
  const errors = [];
  const old = served(async () => { if (set === undefined) throw new Error('down'); return json(set); }, {
    config: { ...remote, issuers: [{ ...remote.issuers[0], jwks_max_age: 60 }] }, host: { onError: (error) => errors.push(error.message) },
  });
  assert.equal((await old.guard.authorize(read)).code, 'keys_unavailable');
  assert.deepEqual(errors, ['down']);
  set = jwks;
  old.clock.now += 10;
  assert.ok((await old.guard.authorize(read)).allowed);
  set = undefined;
  old.clock.now += 59;
  assert.ok((await old.guard.authorize(read)).allowed);
  old.clock.now += 1;
  assert.equal((await old.guard.authorize(read)).code, 'keys_unavailable');
  assert.equal(calls.length, 2);
});

test('a deadline refuses, and a caller who gives up hears of it', async () => {
  const { guard } = served((_, { signal }) => forever(signal));
  const decision = await guard.authorize(read, { deadline: 20 });
  assert.equal(decision.code, 'keys_unavailable');
  assert.equal(decision.status, 503);
  const controller = new AbortController();
  const waiting = guard.authorize(read, { signal: controller.signal });
  controller.abort(new Error('gone'));
  await assert.rejects(waiting, /gone/);
  await assert.rejects(guard.authorize(read, { signal: AbortSignal.abort(new Error('before')) }), /before/);
});

test('keys that are fetched come, go and age as in every host', async () => {
  const file = vectors('token/keys.json');
  for (const { name, steps } of file.cases) {
    // What the key servers give now.
    const served = new Map();
    const calls = [];
    const fetch = async (url) => {
      calls.push(url);
      const body = served.get(url);
      return new Response(body, { status: body === undefined ? 503 : 200 });
    };
    const interval = steps.find((step) => step.interval !== undefined)?.interval;
    const host = { fetch, deadline: 2_000, keys: { minInterval: interval ?? 0, refreshAfter: 1e9 } };
    const guard = createGuard(file.config, host);
    const ask = async (token, at) => {
      const decision = await guard.authorize({ method: file.method, url: file.url, headers: bearer(token) }, { now: file.start + at });
      return decision.code ?? 'allow';
    };
    for (const step of steps) {
      if (step.keys !== undefined) {
        served.set(`${step.issuer}/jwks`, step.keys);
        // A key that nobody has makes it fetch.
        const token = step.issuer === 'https://as.example' ? file.tokens.old : file.tokens.other;
        const [[, stranger]] = strangers({ at: step.at, until: step.at + 1, strange: 1 }, token);
        await ask(stranger, step.at);
      } else if (step.silent) {
        served.delete(`${step.issuer}/jwks`);
      } else if (step.strange !== undefined) {
        const before = calls.length;
        for (const [at, token] of strangers(step, file.tokens.old)) assert.equal(await ask(token, at), step.expect, name);
        const fetched = calls.slice(before).filter((url) => url === 'https://as.example/jwks').length;
        assert.ok(fetched > 0 && fetched <= (step.until - step.at) / step.interval, `${name}: ${fetched}`);
      } else {
        assert.equal(await ask(file.tokens[step.token], step.at), step.expect, `${name}, at ${step.at}`);
      }
    }
    guard.dispose();
  }
});

test('key sets that redirect, fail, are too large or are none leave the guard without keys', async () => {
  for (const answer of [
    () => new Response('', { status: 302, headers: { location: 'https://as.example/other' } }),
    () => new Response(JSON.stringify(jwks), { status: 500 }),
    () => new Response(' '.repeat(1_048_577)),
    () => json({ keys: 'none' }),
    () => new Response('<html>'),
  ]) {
    const { calls, guard } = served(async () => answer());
    assert.equal((await guard.authorize(read)).status, 503);
    assert.equal(calls.length, 1);
  }
});

const introspected = { ...config, issuers: [{ ...config.issuers[0], introspection: { endpoint: 'https://as.example/introspect' } }] };

test('an introspection is asked once for a token, with the credentials of this service, and again when it is old', async () => {
  const seen = [];
  const answer = { active: true, token_type: 'Bearer', ...tokens.T2.claims };
  const { clock, guard } = served(async (_, init) => { seen.push(init); return json(answer); }, {
    config: introspected,
    host: { introspection: { clients: { 'https://as.example/introspect': { clientId: 'a b', clientSecret: 'c:d' } }, cacheSeconds: 20 } },
  });
  for (const decision of await Promise.all([guard.authorize(read), guard.authorize(read)])) assert.equal(decision.code, null);
  assert.equal(seen.length, 1);
  assert.equal(seen[0].headers.authorization, `Basic ${btoa('a+b:c%3Ad')}`);
  assert.equal(new URLSearchParams(seen[0].body).get('token'), tokens.T2.token);
  clock.now += 19;
  assert.ok((await guard.authorize(read)).allowed);
  assert.equal(seen.length, 1);
  answer.active = false;
  clock.now += 1;
  assert.equal((await guard.authorize(read)).code, 'token_inactive');
  assert.equal(seen.length, 2);
});

test('an answer about one token is never used for another', async () => {
  const { guard } = served(async (_, { body }) => json({ active: true, token_type: 'Bearer',
    ...(new URLSearchParams(body).get('token') === tokens.T2.token ? tokens.T2 : tokens.T1).claims }), { config: introspected });
  assert.ok((await guard.authorize(read)).allowed);
  assert.equal((await guard.authorize(push)).code, null);
  const down = served(async () => { throw new Error('down'); }, { config: introspected });
  assert.equal((await down.guard.authorize(read)).code, 'introspection_unavailable');
});

test('the keys of those who write assertions are fetched, and a record\'s status list as well as the token\'s', async () => {
  const file = JSON.parse(readFileSync(join(process.env.ACTFOR_ROOT, 'tests/vectors/requests/identity.json'), 'utf8'));
  const example = (name) => file.cases.find((one) => one.name === name);
  const own = ({ config: index }) => ({ policy: file.policy, files: file.files, ...structuredClone(file.configs[index]) });
  const asserted = example('carriers: an assertion adds instance and relationship');
  const document = own(asserted);
  const [context] = document.issuers[0].context_issuers;
  const set = context.jwks;
  delete context.jwks;
  context.jwks_uri = 'https://agents.example/jwks';
  const { calls, guard } = served(async () => json(set), { config: document });
  for (let i = 0; i < 2; i += 1) assert.equal((await guard.authorize(asserted.request)).code, null);
  assert.deepEqual(calls, ['https://agents.example/jwks']);

  for (const [name, code] of [['a record of the chain with a valid status', null], ['a record of the chain that is revoked', 'revoked']]) {
    const recorded = example(`status: ${name}`);
    const lists = served(async () => new Response(recorded.learned[0].list), { config: own(recorded) });
    for (let i = 0; i < 2; i += 1) assert.equal((await lists.guard.authorize(recorded.request)).code, code, name);
    assert.deepEqual(lists.calls, ['https://as.example/status/1']);
  }
});

const related = { ...config, tuples: [], relationships: { complete: [] } };
const store = { url: 'https://fga.example', storeId: 'S', modelId: 'M' };
const fga = (answer) => served(async (url, init) => answer(JSON.parse(init.body), url), { config: related, host: { relationships: openfga(store) } });
const all = (allowed) => ({ checks }) => json({ result: Object.fromEntries(checks.map(({ correlation_id: id }) => [id, { allowed }])) });

test('what is missing is asked of the relationship server, in one store and one model', async () => {
  let asked;
  const { calls, guard } = fga((body) => { asked = body; return all(true)(body); });
  assert.ok((await guard.authorize(push)).allowed);
  assert.deepEqual(calls, ['https://fga.example/stores/S/batch-check']);
  assert.equal(asked.authorization_model_id, 'M');
  assert.deepEqual(asked.checks.map((check) => check.tuple_key), [{ user: 'user:ana', relation: 'writer', object: 'repo:web' }]);
  assert.deepEqual(asked.checks[0].context, { current_time: new Date(NOW * 1000).toISOString() });
  assert.equal(asked.checks[0].contextual_tuples, undefined);
  assert.equal((await fga(all(false)).guard.authorize(push)).code, 'user_lacks_relation');
  assert.equal(guard.decide(push).code, 'relation_missing');
});

test('row 124: a relationship server that lies, errs or says too much allows nothing', async () => {
  const lies = {
    'a text': all('true'), 'a number': all(1), 'an object': all({}), nothing: all(null),
    'no result': () => json({}), 'another shape': () => json([]), 'no JSON': () => new Response('yes'),
    'a missing entry': () => json({ result: {} }),
    'an extra entry': () => json({ result: { 0: { allowed: true }, 1: { allowed: true } } }),
    'an inherited entry': () => new Response('{"result":{"__proto__":{"0":{"allowed":true}}}}'),
    'an error entry': () => json({ result: { 0: { error: { message: 'no' } } } }),
    'an error beside': () => json({ result: { 0: { allowed: true, error: { message: 'no' } } } }),
    'another model': ({ checks }) => json({ result: { [checks[0].correlation_id]: { allowed: true } } }, 200, { 'openfga-authorization-model-id': 'N' }),
    'another status': ({ checks }) => json({ result: { [checks[0].correlation_id]: { allowed: true } } }, 201),
    silence: () => { throw new Error('down'); },
  };
  for (const [name, answer] of Object.entries(lies)) {
    assert.equal((await fga(answer).guard.authorize(push)).code, 'relations_unavailable', name);
  }
  assert.throws(() => openfga({ url: 'https://fga.example', storeId: 'S' }), ActforError);
});

test('a call that is decided again asks again, with the proof that was used', async () => {
  const policy = `${config.policy}\nmcp /mcp\ntool push is push on repo:{repo}\n`;
  let holds = true;
  const asked = [];
  const relationships = { ask: async (questions) => { asked.push(...questions); return questions.map(() => holds); } };
  const guard = createGuard({ ...related, policy }, { clock: () => NOW, relationships });
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"push","arguments":{"repo":"web"}}}';
  const headers = { ...bearer(tokens.T1.token), 'content-type': 'application/json' };
  const decision = await guard.authorize({ method: 'POST', url: '/mcp', headers, body });
  assert.equal(decision.code, null);
  const call = (repo) => guard.authorizeCall(decision, { name: 'push', arguments: { repo } });
  assert.equal((await call('web')).code, null);
  assert.equal((await call('infra')).code, 'not_covered');
  assert.equal(asked.length, 2);
  holds = false;
  assert.equal((await call('web')).code, 'user_lacks_relation');
  assert.equal(decision.toJSON().decision, 'allow');
  assert.equal((await guard.authorizeCall(decision, { name: 'other' })).code, 'unmapped');
  assert.equal((await guard.authorizeCall(decision, { name: 'push', arguments: { repo: 'web' } }, { now: NOW + 120 })).code, 'presence_expired');
});

test('what an introspection said at the door is asked again behind it', async () => {
  const policy = `${config.policy}\nmcp /mcp\ntool push is push on repo:{repo}\n`;
  const answer = { active: true, token_type: 'Bearer', ...tokens.T1.claims };
  const { guard } = served(async () => json(answer), { config: { ...introspected, policy }, host: { introspection: { cacheSeconds: 0 } } });
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"push","arguments":{"repo":"web"}}}';
  const decision = await guard.authorize({ method: 'POST', url: '/mcp', headers: { ...bearer(tokens.T1.token), 'content-type': 'application/json' }, body });
  const call = () => guard.authorizeCall(decision, { name: 'push', arguments: { repo: 'web' } });
  assert.deepEqual([decision.code, (await call()).code], [null, null]);
  answer.active = false;
  assert.equal((await call()).code, 'token_inactive');
});

test('a misspelt option of the host does not load', () => {
  assert.throws(() => createGuard(config, { replaystore: {} }), (error) => error instanceof ActforError && /replaystore/.test(error.message));
});

test('over a real connection', async (t) => {
  const server = createServer((_, res) => res.end(JSON.stringify(jwks)));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const guard = createGuard({ ...remote, issuers: [{ ...remote.issuers[0], jwks_uri: `http://127.0.0.1:${server.address().port}/` }] });
  assert.ok((await guard.authorize(read, { now: NOW })).allowed);
});
