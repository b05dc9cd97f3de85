// Who is down: 503 wherever a decision could not be reached; and what proofs, status lists and certificates do while
// everybody is up. What the middleware answers then: `tests/servers/unavailable.test.mjs`.

import assert from 'node:assert/strict';
import { createServer as createTlsServer, request as sendTls } from 'node:https';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';

import { createGuard, openfga } from 'actfor';
import { actfor } from 'actfor/express';
import { createTestClock, createTestIssuer, createTestKey } from 'actfor/testing';
import { setting, uri } from './down.mjs';

const { issuer, mint, configOf, DOWN } = setting({ openfga, createTestIssuer, createTestKey });
const json = (value) => new Response(JSON.stringify(value));

for (const [name, { config, host, code, more }] of Object.entries(DOWN)) {
  test(`${name} is down: 503`, async () => {
    const errors = [];
    const guard = createGuard(config, { ...host(), onError: (error) => errors.push(error.message) });
    const decision = await guard.authorize(mint(more).request('GET', '/repos/web'));
    assert.deepEqual([decision.verdict, decision.code, decision.status], ['deny', code, 503]);
    assert.deepEqual([decision.toJSON().code, decision.toJSON().status, decision.challenge], [code, 503, null]);
    assert.ok(errors.length > 0);
  });
}

test('a key is unknown when the key server says so, and until then nobody knows', async () => {
  const clock = createTestClock(1_795_000_000);
  const other = createTestIssuer();
  const ours = mint({ now: clock() }).request('GET', '/repos/web');
  const theirs = other.token({ dialect: 'rfc9068', scope: 'repo', now: clock() }).request('GET', '/repos/web');
  let answer = async () => json(other.jwks);
  let asked = 0;
  const guard = createGuard(DOWN['the key server'].config, { clock, fetch: (url, init) => { asked += 1; return answer(url, init); }, onError() {} });
  const ask = async (request, options) => (await guard.authorize(request, options)).code;
  assert.deepEqual([await ask(theirs), await ask(ours), asked], [null, 'key_unknown', 1]);
  // The pause after an answer: strangers do not hasten another, and the answer holds.
  clock.advance(9);
  assert.deepEqual([await ask(ours), asked], ['key_unknown', 1]);
  clock.advance(1);
  for (const bad of [() => { throw new Error('down'); }, async () => json({ keys: 'none' }), async () => new Response('', { status: 500 })]) {
    answer = bad;
    const before = asked;
    assert.deepEqual([await ask(ours), await ask(theirs)], ['keys_unavailable', null]);
    // The pause after a failure, for those who do not wait too.
    clock.advance(9);
    assert.deepEqual([await ask(ours), guard.decide(ours).code, asked - before], ['keys_unavailable', 'keys_unavailable', 1]);
    clock.advance(1);
  }
  answer = async () => json(other.jwks);
  assert.equal(await ask(ours), 'key_unknown');
  clock.advance(10);
  answer = (_, { signal }) => new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); });
  const waited = await guard.authorize(ours, { deadline: 20 });
  assert.deepEqual([waited.code, waited.status, waited.toJSON().checks.at(-1)], ['keys_unavailable', 503, waited.checks.at(-1)]);
  assert.equal(await ask(theirs, { deadline: 20 }), null);
});

test('a deadline that passes is nobody\'s refusal either', async () => {
  const forever = (_, { signal }) => new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); });
  for (const name of ['the key server', 'the introspection endpoint', 'the status list', 'the relationship server']) {
    const { config, host, more, code } = DOWN[name];
    const guard = createGuard(config, { ...host(), fetch: forever });
    assert.equal((await guard.authorize(mint(more).request('GET', '/repos/web'), { deadline: 20 })).code, code, name);
  }
  const { config, host } = DOWN['the relationship server'];
  const decision = await createGuard(config, host()).authorize(mint().request('GET', '/repos/web'), { deadline: 0 });
  assert.equal(decision.code, 'relations_unavailable');
});

test('without a relationship server, what is missing is a refusal', async () => {
  const { config } = DOWN['the relationship server'];
  const decision = await createGuard(config).authorize(mint().request('GET', '/repos/web'));
  assert.deepEqual([decision.code, decision.status], ['relation_missing', 403]);
});

test('what is refused anyway is refused, whoever is down', async () => {
  const { config, host } = DOWN['the relationship server'];
  const guard = createGuard(config, host());
  assert.equal((await guard.authorize(issuer.forge(mint(), 'signature').request('GET', '/repos/web'))).code, 'signature_invalid');
  assert.equal((await guard.authorize(mint({ scope: 'tool' }).request('GET', '/repos/web'))).code, 'not_covered');
});

test('a status list is fetched once, holds, and is fetched again when it is old', async () => {
  const clock = createTestClock(1_795_000_000);
  const fetched = [];
  let revoked = [7];
  const guard = createGuard(configOf({ status: { uris: [uri], max_age: 60 } }), {
    clock, fetch: async (url) => { fetched.push(url); return new Response(issuer.statusList({ uri, revoked, now: clock() })); },
  });
  const ask = async (idx) => (await guard.authorize(mint({ now: clock(), claims: { status: { status_list: { uri, idx } } } }).request('GET', '/repos/web'))).code;
  assert.deepEqual([await ask(6), await ask(7), await ask(8)], [null, 'revoked', null]);
  assert.deepEqual(fetched, [uri]);
  revoked = [6];
  clock.advance(59);
  assert.deepEqual([await ask(6), await ask(7)], [null, 'revoked']);
  clock.advance(1);
  assert.deepEqual([await ask(6), await ask(7)], ['revoked', null]);
  assert.equal(fetched.length, 2);
});

test('a proof is good once in a store that all processes share, and for nothing else', async () => {
  const used = new Set();
  const replayStore = { remember: async (key) => { const was = used.has(key); used.add(key); return was ? 'again' : 'first'; } };
  const config = configOf({ binding: 'required' }, { proof: { base_urls: [issuer.audience] } });
  const [one, two] = [createGuard(config, { replayStore }), createGuard(config, { replayStore })];
  const token = mint({ key: createTestKey() });
  const request = token.request('GET', '/repos/web');
  const allowed = await one.authorize(request);
  assert.equal(allowed.code, null);
  assert.equal(allowed.who.binding, 'dpop');
  assert.equal((await two.authorize(request)).code, 'proof_replayed');
  assert.equal((await one.authorize(request)).code, 'proof_replayed');
  assert.equal((await one.authorize({ ...token.request('GET', '/repos/web'), url: '/repos/infra' })).code, 'proof_invalid');
  assert.equal((await one.authorize({ ...token.request('GET', '/repos/web'), headers: { authorization: `Bearer ${token.token}` } })).code, 'proof_missing');
  assert.equal((await one.authorize(mint({ key: createTestKey() }).request('GET', '/repos/web', { headers: { dpop: request.headers.dpop } }))).code, 'proof_invalid');
  assert.equal((await one.authorize(mint().request('GET', '/repos/web'))).code, 'proof_missing');
  const parallel = token.request('GET', '/repos/web');
  const codes = await Promise.all(Array.from({ length: 20 }, async (_, i) => (await (i % 2 ? one : two).authorize(parallel)).code));
  assert.equal(codes.filter((code) => code === null).length, 1);
});

const pem = (name) => readFileSync(join(process.env.ACTFOR_ROOT, 'tests/certificates', name));

test('a token that is bound to a certificate, over a real TLS connection', async (t) => {
  const thumbprint = createHash('sha256').update(new X509Certificate(pem('client.pem')).raw).digest('base64url');
  const guard = createGuard(configOf({ binding: 'required' }));
  const middleware = actfor(guard);
  const server = createTlsServer({ key: pem('server.key'), cert: pem('server.pem'), requestCert: true, rejectUnauthorized: false }, (req, res) => {
    middleware(req, res, (error) => { res.statusCode = error ? 500 : 200; res.end(req.actfor?.who.binding); });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const ask = (name, token) => new Promise((resolve, reject) => {
    const client = name === undefined ? {} : { key: pem(`${name}.key`), cert: pem(`${name}.pem`) };
    const req = sendTls({ port: server.address().port, path: '/repos/web', headers: token.headers, rejectUnauthorized: false, agent: false, ...client }, (res) => {
      let text = '';
      res.on('data', (part) => { text += part; }).on('end', () => resolve(res.statusCode === 200 ? text : JSON.parse(text).code));
    });
    req.on('error', reject).end();
  });
  const bound = mint({ claims: { cnf: { 'x5t#S256': thumbprint } } });
  assert.equal(await ask('client', bound), 'mtls');
  assert.equal(await ask('server', bound), 'proof_invalid');
  assert.equal(await ask(undefined, bound), 'proof_missing');
  assert.equal(await ask('client', mint()), 'proof_missing');
  const fields = { ...bound.headers, 'x-forwarded-client-cert': `Hash=${createHash('sha256').update(new X509Certificate(pem('client.pem')).raw).digest('hex')}` };
  assert.equal(await ask(undefined, { headers: fields }), 'proof_missing');
});
