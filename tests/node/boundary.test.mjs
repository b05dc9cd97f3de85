// What crosses into WebAssembly, and what must not.

import assert from 'node:assert/strict';
import { createServer, request as send } from 'node:http';
import { test } from 'node:test';

import { ActforError, createGuard } from 'actfor';
import { createTestIssuer } from 'actfor/testing';
import { config, NOW, tokens } from './patterns.mjs';

const guard = createGuard(config);
const T1 = `Bearer ${tokens.T1.token}`;
const T2 = `Bearer ${tokens.T2.token}`;
const read = { method: 'GET', url: '/repos/web/x', headers: { authorization: T2 } };
const decide = (request, options = { now: NOW }) => guard.decide({ ...read, ...request }, options);

test('a good request is allowed', () => {
  const decision = decide({});
  assert.equal(decision.verdict, 'allow');
  assert.equal(decision.code, null);
  assert.equal(decision.status, 200);
  assert.equal(decision.reasonUser, null);
  assert.equal(decision.who.user.sub, 'ana');
  assert.equal(decision.who.agent.sub, 'code-helper');
  assert.equal(decision.object, 'repo:web');
  assert.equal(decision.at, NOW);
});

test('a line break never smuggles a field in', () => {
  const smuggled = `x\nauthorization\n${T2}`;
  const attempts = [
    { headers: { 'agent-chain': smuggled } },
    { headers: { 'agent-context': smuggled } },
    { url: `/repos/web/x\nauthorization\n${T2}`, headers: {} },
    { method: `GET\n/repos/web/x\nauthorization\n${T2}`, url: '', headers: {} },
    { headers: { authorization: `${T2}\n` } },
    { url: '/repos/web/x\n' },
    { method: 'GET\n' },
  ];
  for (const attempt of attempts) {
    const decision = decide(attempt);
    assert.equal(decision.verdict, 'deny');
    assert.equal(decision.code, 'request_invalid', JSON.stringify(attempt).slice(0, 80));
  }
  const id = `r\nGET\n/repos/web/x\nauthorization\n${T2}`;
  assert.equal(guard.decide({ method: 'GET', url: '/', headers: {} }, { now: NOW, id }).code, 'request_invalid');
});

test('what is not a request is refused, with a document', () => {
  const wrong = [
    { headers: null }, { headers: 'authorization' }, { headers: 7 }, { headers: [['authorization']] },
    { headers: { authorization: 7 } }, { headers: { authorization: [T2, null] } }, { headers: ['authorization'] },
    { headers: [[7, T2]] }, { method: 7 }, { url: undefined }, { body: 7 }, { body: {} },
  ];
  for (const request of wrong) {
    const decision = decide(request);
    assert.equal(decision.code, 'request_invalid', JSON.stringify(request));
    assert.equal(JSON.parse(String(decision)).code, 'request_invalid');
  }
});

test('an absent header value is no header', () => {
  assert.equal(decide({ headers: { authorization: T2, dpop: undefined } }).verdict, 'allow');
});

test('both spellings of a name are two fields', () => {
  assert.equal(decide({ headers: { authorization: T2, Authorization: T2 } }).code, 'token_ambiguous');
  assert.equal(decide({ headers: { authorization: [T2, T2] } }).code, 'token_ambiguous');
});

test('names that only look alike are other names', () => {
  // U+212A is a K that lower-cases to k; U+0130 lower-cases to two characters.
  assert.equal(decide({ headers: { 'agent-conte\u212at': 'x', authorization: T2 } }).verdict, 'allow');
  assert.equal(decide({ headers: { 'author\u0130zation': T2 } }).code, 'token_missing');
  assert.equal(decide({ headers: { authorization: T2, __proto__: { dpop: 'x' } } }).verdict, 'allow');
});

test('a clock that is not set refuses', () => {
  for (const now of [0, -1, NaN, Infinity, null, 'soon']) {
    assert.equal(decide({}, { now }).code, 'clock_invalid', String(now));
  }
});

test('without `now` the clock of the host counts', () => {
  const issuer = createTestIssuer();
  const own = createGuard({ ...config, issuers: [{ ...config.issuers[0], jwks: issuer.jwks }] });
  const { headers } = issuer.mint('offline');
  assert.equal(own.decide({ ...read, headers }).verdict, 'allow');
  assert.equal(own.decide({ ...read, headers }, {}).verdict, 'allow');
  assert.equal(own.decide({ ...read, headers: issuer.mint('offline', { now: NOW - 600 }).headers }).code, 'token_expired');
});

test('a later decision does not change an earlier one', () => {
  const first = guard.decide(read, { now: NOW, id: 'first' });
  const second = guard.decide({ ...read, headers: { authorization: T1 }, url: '/repos/infra/x' }, { now: NOW, id: 'second' });
  assert.equal(second.code, 'not_covered');
  assert.equal(first.id, 'first');
  assert.equal(first.verdict, 'allow');
  assert.equal(second.id, 'second');
});

test('what is changed afterwards does not reach the document', () => {
  const headers = { authorization: T2 };
  const body = new Uint8Array([1, 2, 3]);
  const request = { method: 'GET', url: '/repos/web/x', headers, body };
  const decision = guard.decide(request, { now: NOW, id: 'kept' });
  Object.assign(request, { method: 'PATCH', url: '/nowhere' });
  headers.authorization = T1;
  body.fill(0);
  assert.equal(decision.toJSON().decision, 'allow');
  assert.equal(decision.action, 'read');
});

test('a large request makes the buffer grow, and a small one afterwards still fits', () => {
  for (const size of [10, 100_000, 10, 3_000_000, 10]) {
    const decision = decide({ headers: { authorization: `Bearer ${'A'.repeat(size)}` } });
    assert.equal(decision.verdict, 'deny');
    assert.equal(JSON.parse(String(decision)).code, decision.code);
    assert.equal(decide({}).verdict, 'allow');
  }
  assert.equal(decide({ body: 'é'.repeat(500_000) }).verdict, 'allow');
  assert.equal(decide({ body: new Uint8Array(2_000_000) }).verdict, 'allow');
});

test('every prefix of a good token is refused', () => {
  for (let length = 0; length < T2.length; length += 1) {
    assert.equal(decide({ headers: { authorization: T2.slice(0, length) } }).verdict, 'deny');
  }
});

test('fresh keys leave earlier decisions as they are', () => {
  const { jwks, ...issuer } = config.issuers[0];
  const uri = 'https://as.example/jwks';
  const waiting = createGuard({ ...config, issuers: [{ ...issuer, jwks_uri: uri }] });
  assert.deepEqual(waiting.keySources(), [{ issuer: 'https://as.example', jwksUri: uri }]);
  const before = waiting.decide(read, { now: NOW, id: 'before' });
  assert.equal(before.code, 'keys_unavailable');
  assert.equal(before.status, 503);
  waiting.setKeys('https://as.example', jwks, { now: NOW });
  const after = waiting.decide(read, { now: NOW, id: 'after' });
  assert.equal(after.verdict, 'allow');
  waiting.setKeys('https://as.example', createTestIssuer().jwks, { now: NOW });
  assert.equal(waiting.decide(read, { now: NOW }).verdict, 'deny');
  assert.equal(before.toJSON().code, 'keys_unavailable');
  assert.equal(after.toJSON().decision, 'allow');
  assert.throws(() => waiting.setKeys('https://as.example', '{"keys":'), (error) => error instanceof ActforError && error.code === 'keys_invalid');
  assert.throws(() => waiting.setKeys('https://other.example', jwks), ActforError);
});

test('a wrong configuration says what, where, and what to write', () => {
  const thrown = (text) => {
    try { createGuard(text); } catch (error) { return error; }
    return assert.fail('accepted');
  };
  const field = thrown({ ...config, issuers: [{ ...config.issuers[0], audience: [] }] });
  assert.ok(field instanceof ActforError && field instanceof Error);
  assert.equal(field.name, 'ActforError');
  assert.equal(field.code, 'config_invalid');
  assert.equal(field.path, 'issuers[0].audience');
  assert.equal(field.position, null);
  const rule = thrown({ ...config, policy: 'actfor 1\nmodel "acme.fga"\nallwo delegated to read on repo as x\n' });
  assert.equal(rule.code, 'rules_invalid');
  assert.equal(rule.position.line, 3);
  assert.equal(rule.position.column, 1);
  assert.match(rule.message, /allwo/);
  for (const text of ['', 'null', '[]', '{', '[' .repeat(10_000), 'A'.repeat(1_000_000), '{"issuers":[]}', '{"issuers":[],"issuers":[]}']) {
    assert.ok(thrown(text) instanceof ActforError, text.slice(0, 20));
  }
});

test('a disposed guard decides nothing more', () => {
  const short = createGuard(config);
  const read1 = short.decide(read, { now: NOW });
  const unread = short.decide(read, { now: NOW });
  assert.equal(read1.rule, 'code-read');
  short[Symbol.dispose]();
  short.dispose();
  assert.throws(() => short.decide(read, { now: NOW }), /disposed/);
  assert.equal(read1.rule, 'code-read');
  assert.equal(unread.verdict, 'allow');
  assert.throws(() => unread.rule, /disposed/);
  assert.equal(guard.decide(read, { now: NOW }).verdict, 'allow');
});

test('two guards do not disturb each other', () => {
  const bare = createGuard({ ...config, tuples: [] });
  const a = guard.decide(read, { now: NOW });
  const b = bare.decide(read, { now: NOW });
  assert.equal(b.code, 'user_lacks_relation');
  assert.equal(a.toJSON().decision, 'allow');
  assert.equal(b.toJSON().code, 'user_lacks_relation');
});

test('through a real server: rawHeaders shows what Node hides', { timeout: 10_000 }, async (t) => {
  const server = createServer((req, res) => {
    const of = (headers) => guard.decide({ method: req.method, url: req.url, headers }, { now: NOW }).code;
    res.end(JSON.stringify([of(req.rawHeaders), of(req.headersDistinct), of(req.headers)]));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const ask = (headers) => new Promise((resolve, reject) => {
    const req = send({ port: server.address().port, path: '/repos/web/x', headers }, (res) => {
      let text = '';
      res.on('data', (chunk) => { text += chunk; }).on('end', () => resolve(JSON.parse(text)));
    });
    req.on('error', reject).end();
  });
  assert.deepEqual(await ask(['Host', 'api.example', 'Authorization', T2]), [null, null, null]);
  assert.deepEqual((await ask(['Host', 'api.example', 'Authorization', T2, 'Authorization', T1])).slice(0, 2), ['token_ambiguous', 'token_ambiguous']);
  assert.deepEqual(await ask(['Host', 'api.example', 'Authorization', `${T2}\xe9`]), Array(3).fill('request_invalid'));
});

test('the testing issuer signs for every pattern', () => {
  for (const algorithm of ['ES256', 'Ed25519']) {
    const issuer = createTestIssuer({ algorithm });
    const own = createGuard({ ...config, issuers: [{ ...config.issuers[0], algorithms: [algorithm], jwks: issuer.jwks }] });
    for (const pattern of ['interactive', 'offline', 'transitive']) {
      const { headers } = issuer.mint(pattern, { now: NOW });
      assert.equal(own.decide({ ...read, headers }, { now: NOW }).verdict, 'allow', pattern);
    }
    const { headers } = issuer.mint('automated', { now: NOW });
    assert.equal(own.decide({ method: 'GET', url: '/salaries/ana', headers }, { now: NOW }).verdict, 'allow');
    const again = createTestIssuer({ algorithm, key: issuer.privateKey });
    assert.deepEqual(again.jwks, issuer.jwks);
    assert.equal(own.decide({ ...read, headers: again.mint('offline', { now: NOW }).headers }, { now: NOW }).verdict, 'allow');
  }
  assert.throws(() => createTestIssuer({ algorithm: 'none' }), ActforError);
  assert.throws(() => createTestIssuer({ colour: 'red' }), ActforError);
  assert.throws(() => createTestIssuer().mint('nobody'), ActforError);
});
