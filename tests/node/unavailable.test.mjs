// Who is down: 503 with `Retry-After` wherever a decision could not be reached, in `authorize` and in the middleware; and
// what proofs, status lists and certificates do while everybody is up.

import assert from 'node:assert/strict';
import { createServer, request as send } from 'node:http';
import { createServer as createTlsServer, request as sendTls } from 'node:https';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';

import { createGuard, openfga } from 'actfor';
import { actfor } from 'actfor/express';
import { protect } from 'actfor/fetch';
import { mcpAuth } from 'actfor/mcp';
import { createTestClock, createTestIssuer, createTestKey } from 'actfor/testing';

const issuer = createTestIssuer();
const key = createTestKey();
const uri = 'https://as.example/status/1';
const base = {
  issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'rfc9068', binding: 'optional', clients: { app: 'app' },
};
const rules = {
  policy: `actfor 1
model "m.fga"
on repo
  read needs reader
on tool
  tools/call needs scope
allow self to read on repo as read
allow self to tools/call on tool as call
scope "repo" covers read on repo
scope "tool" covers tools/call on tool
route GET /repos/{id} is read on repo:{id}
mcp /mcp
`,
  files: { 'm.fga': 'model\n  schema 1.1\ntype user\ntype repo\n  relations\n    define reader: [user]\n' },
  tuples: [{ user: 'user:ana', relation: 'reader', object: 'repo:web' }],
};
const down = async () => { throw new Error('down'); };
const json = (value) => new Response(JSON.stringify(value));
const mint = (more) => issuer.token({ dialect: 'rfc9068', scope: 'repo tool', ...more });
const configOf = (more, rest = {}) => ({ issuers: [{ ...base, jwks: issuer.jwks, ...more }], ...rules, ...rest });
const { jwks: _, ...remote } = configOf().issuers[0];

/** Who may be down: a configuration, what the host does about it, the code, and the token. */
const DOWN = {
  'the key server': { config: { ...configOf(), issuers: [{ ...remote, jwks_uri: 'https://as.example/jwks' }] }, host: { fetch: down }, code: 'keys_unavailable' },
  'the introspection endpoint': { config: configOf({ introspection: { endpoint: 'https://as.example/i' } }), host: { fetch: down }, code: 'introspection_unavailable' },
  'the status list': { config: configOf({ status: { uris: [uri] } }), host: { fetch: down }, code: 'revocation_unavailable', claims: { status: { status_list: { uri, idx: 3 } } } },
  'the replay store': { config: configOf({}, { proof: { base_urls: [issuer.audience] } }), host: { replayStore: { remember: down } }, code: 'proof_store_unavailable', key },
  'the relationship server': {
    config: configOf({}, { tuples: [], relationships: {} }), code: 'relations_unavailable',
    host: { fetch: down, relationships: openfga({ url: 'https://fga.example', storeId: 'S', modelId: 'M' }) },
  },
  'a relationship server of one\'s own': { config: configOf({}, { tuples: [], relationships: {} }), code: 'relations_unavailable', host: { relationships: { ask: async () => [undefined] } } },
};

/** The answer of a server with a middleware in front. */
async function call(t, middleware, request) {
  const server = createServer((req, res) => middleware(req, res, (error) => { res.statusCode = error ? 500 : 200; res.end(String(error ?? '')); }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return new Promise((resolve, reject) => {
    const req = send({ port: server.address().port, method: request.method, path: request.url, headers: request.headers }, (res) => {
      let text = '';
      res.on('data', (part) => { text += part; }).on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }));
    });
    req.on('error', reject).end(request.body);
  });
}

for (const [name, { config, host, code, claims, key }] of Object.entries(DOWN)) {
  test(`${name} is down: 503`, async (t) => {
    const errors = [];
    const guard = createGuard(config, { ...host, onError: (error) => errors.push(error.message) });
    const request = () => mint({ claims, key }).request('GET', '/repos/web');
    const decision = await guard.authorize(request());
    assert.deepEqual([decision.verdict, decision.code, decision.status], ['deny', code, 503]);
    assert.deepEqual([decision.toJSON().code, decision.toJSON().status, decision.challenge], [code, 503, null]);
    assert.ok(errors.length > 0);
    const asked = request();
    const answered = await call(t, actfor(guard), asked);
    assert.deepEqual([answered.status, answered.headers['retry-after'], answered.headers['www-authenticate']], [503, '5', undefined]);
    assert.equal(JSON.parse(answered.text).code, code);
    const fetched = await protect(guard, () => assert.fail())(new Request(`${issuer.audience}/repos/web`, { headers: request().headers }));
    assert.deepEqual([fetched.status, fetched.headers.get('retry-after'), (await fetched.json()).code], [503, '5', code]);
  });
}

test('an MCP server answers 503 as JSON-RPC', async (t) => {
  const guard = createGuard(configOf({ introspection: { endpoint: 'https://as.example/i' } }), { fetch: down });
  const { headers } = mint().request('POST', '/mcp');
  const body = '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"x"}}';
  const options = { resource: 'https://api.example/mcp', authorizationServers: [issuer.issuer] };
  const { status, headers: fields, text } = await call(t, mcpAuth(guard, options), { method: 'POST', url: '/mcp', headers: { ...headers, 'content-type': 'application/json' }, body });
  assert.deepEqual([status, fields['retry-after']], [503, '5']);
  assert.deepEqual([JSON.parse(text).id, JSON.parse(text).error.code], [4, -32603]);
});

test('a deadline that passes is nobody\'s refusal either', async () => {
  const forever = (_, { signal }) => new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); });
  for (const name of ['the key server', 'the introspection endpoint', 'the status list', 'the relationship server']) {
    const { config, host, claims, code } = DOWN[name];
    const guard = createGuard(config, { ...host, fetch: forever });
    assert.equal((await guard.authorize(mint({ claims }).request('GET', '/repos/web'), { deadline: 20 })).code, code, name);
  }
  const { config, host } = DOWN['the relationship server'];
  const decision = await createGuard(config, host).authorize(mint().request('GET', '/repos/web'), { deadline: 0 });
  assert.equal(decision.code, 'relations_unavailable');
});

test('without a relationship server, what is missing is a refusal', async () => {
  const { config } = DOWN['the relationship server'];
  const decision = await createGuard(config).authorize(mint().request('GET', '/repos/web'));
  assert.deepEqual([decision.code, decision.status], ['relation_missing', 403]);
});

test('what is refused anyway is refused, whoever is down', async () => {
  const { config, host } = DOWN['the relationship server'];
  const guard = createGuard(config, host);
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
  const token = mint({ key });
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
