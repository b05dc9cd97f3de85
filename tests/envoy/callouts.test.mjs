// What is asked of others while a request waits, and what is fetched beside keys: from servers that are slow, down or
// change their mind. Whatever they do, no request passes that they have not spoken for.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { h2, http1, root, startEnvoy, startUpstream, until, withServer as startBoth } from './harness.mjs';
import { NOW, configuration, tokens } from './patterns.mjs';

const ISSUER = 'https://as.example';
const READ = { path: '/repos/web/x', headers: { authorization: `Bearer ${tokens.T2.token}` } };
const outcome = ({ status, body }) => (status === 200 ? 'allow' : body.code);
const unavailable = { introspection: 'introspection_unavailable', revocation: 'revocation_unavailable' };

let upstream;
before(async () => (upstream = await startUpstream()));
after(() => upstream.stop());

/** Envoy on the running examples, beside a server that answers as `answer` says. */
const withServer = (configuration, answer, body, options) =>
  startBoth(configuration, answer, body, { now: NOW, upstreamPort: upstream.port, ...options });

/** The examples' configuration with members of the issuer, of Envoy's part, and of the whole. */
function configured(issuer, envoy, more = {}) {
  const document = configuration({ ...more, envoy });
  document.issuers[0] = { ...document.issuers[0], ...issuer };
  return document;
}

async function read(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

test('an issuer is asked about each token, once in a while, and never about another', async () => {
  const asked = [];
  const active = (claims) => JSON.stringify({ active: true, token_type: 'Bearer', ...claims });
  const answer = async (request, response) => {
    const form = new URLSearchParams(await read(request));
    asked.push({ method: request.method, url: request.url, headers: request.headers, form });
    response.end(active(form.get('token') === tokens.T2.token ? tokens.T2.claims : tokens.T1.claims));
  };
  const source = { cluster: 'keys', client_id: 'gateway', client_secret: 'a secret', timeout_ms: 400 };
  const document = configured({ introspection: { endpoint: `${ISSUER}/introspect` } }, { introspection: { [ISSUER]: source } });
  await withServer(document, answer, async (envoy, server) => {
    for (const ask of [http1, h2, http1]) assert.equal(outcome(await ask(envoy.port, READ)), 'allow');
    assert.equal(asked.length, 1);
    const [{ method, url, headers, form }] = asked;
    assert.deepEqual([method, url, headers.host], ['POST', '/introspect', 'as.example']);
    assert.equal(headers.authorization, `Basic ${btoa('gateway:a%20secret')}`);
    assert.deepEqual([form.get('token'), form.get('token_type_hint')], [tokens.T2.token, 'access_token']);
    const push = { method: 'PATCH', path: '/repos/web/git/refs/heads/fix', headers: { authorization: `Bearer ${tokens.T1.token}` } };
    assert.equal(outcome(await http1(envoy.port, push)), 'allow');
    assert.equal(asked.length, 2);

    // A token that is not good by itself is nobody's question.
    const forged = { ...READ, headers: { authorization: `Bearer ${tokens['T1-forged'].token}` } };
    assert.equal(outcome(await http1(envoy.port, forged)), 'signature_invalid');
    assert.equal(asked.length, 2);

    // After half a minute it is asked again; by then it is another answer, or none.
    envoy.setTime(NOW + 30);
    server.answer = (request, response) => response.end('{"active":false}');
    assert.equal(outcome(await http1(envoy.port, READ)), 'token_inactive');
    const bad = {
      'an error': (request, response) => { response.statusCode = 500; response.end(active(tokens.T2.claims)); },
      'no answer': (request) => request.socket.destroy(),
      'too late an answer': (request, response) => setTimeout(() => response.end(active(tokens.T2.claims)), 1_500),
      'too much': (request, response) => response.end(active({ ...tokens.T2.claims, x: 'x'.repeat(70_000) })),
    };
    const passed = upstream.asked;
    for (const [what, answer] of Object.entries(bad)) {
      server.answer = answer;
      const refused = await http1(envoy.port, READ);
      assert.deepEqual([outcome(refused), refused.status, refused.headers['retry-after']], [unavailable.introspection, 503, '5'], what);
    }
    assert.equal(upstream.asked, passed);
    server.answer = (request, response) => response.end(active(tokens.T2.claims));
    assert.equal(outcome(await http1(envoy.port, READ)), 'allow');
  }, { workers: 1 });
});

test('many requests wait at the same time, and a client that goes away takes nobody with it', async () => {
  const answer = (request, response) => setTimeout(() => response.end(JSON.stringify({ active: true, token_type: 'Bearer', ...tokens.T2.claims })), 300);
  const source = { cluster: 'keys', cache_seconds: 0 };
  const document = configured({ introspection: { endpoint: `${ISSUER}/introspect` } }, { introspection: { [ISSUER]: source } });
  await withServer(document, answer, async (envoy) => {
    const gone = fetch(`http://127.0.0.1:${envoy.port}${READ.path}`, { headers: READ.headers, signal: AbortSignal.timeout(100) });
    await assert.rejects(gone);
    const all = await Promise.all(Array.from({ length: 100 }, () => http1(envoy.port, READ)));
    assert.ok(all.every((one) => outcome(one) === 'allow'));
    // With a body, too: it waits with its head.
    const posted = await http1(envoy.port, { ...READ, headers: { ...READ.headers, 'content-length': '5' }, body: 'hello' });
    assert.equal(outcome(posted), 'allow');
  });
});

test('what the configuration revokes is revoked', async () => {
  const revoked = [{ user: { iss: ISSUER, sub: 'ana' }, until: NOW + 10 }];
  const envoy = await startEnvoy({ configuration: configuration({ revoked }), now: NOW, upstreamPort: upstream.port });
  try {
    const refused = await http1(envoy.port, READ);
    assert.deepEqual([outcome(refused), refused.status], ['revoked', 401]);
    envoy.setTime(NOW + 10);
    assert.equal(outcome(await http1(envoy.port, READ)), 'allow');
  } finally {
    await envoy.stop();
  }
});

test('a list of what is revoked is fetched, does not go back, and grows old', async () => {
  const entry = { agent: { iss: ISSUER, sub: 'code-helper' }, until: NOW + 3_600 };
  const list = (version, ...revoked) => (request, response) => response.end(JSON.stringify({ version, revoked }));
  const down = (request) => request.socket.destroy();
  const document = configured({}, { revocation: { uri: 'https://ops.example/revoked.json', cluster: 'keys', refresh_seconds: 1 } }, { revocation: { max_age: 60 } });
  await withServer(document, down, async (envoy, server) => {
    const refused = await http1(envoy.port, READ);
    assert.deepEqual([outcome(refused), refused.status], [unavailable.revocation, 503]);
    const settles = (expected) => until(`${expected}, twice`, async () => [outcome(await http1(envoy.port, READ)), outcome(await http1(envoy.port, READ))].every((one) => one === expected));
    server.answer = list(1);
    await settles('allow');
    server.answer = list(2, entry);
    await settles('revoked');
    const failed = (await envoy.counters())['actfor.lists.failed'] ?? 0;
    server.answer = list(1);
    await until('an older list is refused', async () => ((await envoy.counters())['actfor.lists.failed'] ?? 0) > failed + 2);
    assert.equal(outcome(await http1(envoy.port, READ)), 'revoked');
    server.answer = list(3);
    await settles('allow');
    server.answer = down;
    envoy.setTime(NOW + 60);
    await settles(unavailable.revocation);
  }, { workers: 1 });
});

test('the keys of those who write assertions are fetched like others', async () => {
  const file = JSON.parse(readFileSync(join(root, 'tests/vectors/requests/identity.json'), 'utf8'));
  const example = file.cases.find(({ name }) => name === 'carriers: an assertion adds instance and relationship');
  const document = { policy: file.policy, files: file.files, ...structuredClone(file.configs[example.config]) };
  const [context] = document.issuers[0].context_issuers;
  const jwks = JSON.stringify(context.jwks);
  delete context.jwks;
  context.jwks_uri = 'https://agents.example/jwks';
  document.envoy = { jwks: { 'https://agents.example': { cluster: 'keys', refresh_seconds: 1 } } };
  const { method, url: path, headers } = example.request;
  await withServer(document, (request, response) => response.end('{}'), async (envoy, server) => {
    assert.equal(outcome(await http1(envoy.port, { method, path, headers })), 'keys_unavailable');
    server.answer = (request, response) => response.end(jwks);
    await until('the keys', async () => outcome(await http1(envoy.port, { method, path, headers })) === 'allow');
  });
});
