// Keys that are fetched in the background, from a key server that is down, slow, rotating or talking rubbish.
// Whatever it does, no request passes that the right keys would not let pass.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { http1, startEnvoy, startKeyServer, startUpstream, until, withServer } from './harness.mjs';
import { NOW, configuration, keys, tokens } from './patterns.mjs';

const ISSUER = 'https://as.example';
const READ = { path: '/repos/web/x', headers: { authorization: `Bearer ${tokens.T2.token}` } };
// The stranger's key calls itself the same as the issuer's.
const FORGED = { path: '/repos/web/x', headers: { authorization: `Bearer ${tokens['T1-forged'].token}` } };

const publicKey = ({ d, ...rest }) => rest;
const jwks = (...list) => JSON.stringify({ keys: list.map(publicKey) });
const good = jwks(keys.issuer);
const send = (body, status = 200, headers = {}) => (_, response) => {
  response.writeHead(status, { 'content-type': 'application/jwk-set+json', ...headers });
  response.end(body);
};

let upstream;
before(async () => (upstream = await startUpstream()));
after(() => upstream.stop());

/** The examples' configuration with a `jwks_uri` in place of the keys. */
function fetching(source = {}, maxAge = 3600) {
  const document = configuration();
  const [issuer] = document.issuers;
  delete issuer.jwks;
  issuer.jwks_uri = `${ISSUER}/jwks`;
  issuer.jwks_max_age = maxAge;
  document.envoy = {
    jwks: { [ISSUER]: { cluster: 'keys', refresh_seconds: 1, min_refresh_seconds: 1, timeout_ms: 500, ...source } },
  };
  return document;
}

const withKeys = ({ answer = send(good), source, maxAge, port }, body) =>
  withServer(fetching(source, maxAge), answer, body, { now: NOW, upstreamPort: upstream.port, ...(port !== undefined && { keysPort: port }) });

/** The code of a refusal, or `allow`. */
async function outcome(envoy, request) {
  const { status, body, headers } = await http1(envoy.port, request);
  if (status === 200) return 'allow';
  if (body.code === 'keys_unavailable') assert.deepEqual([status, headers['retry-after']], [503, '5']);
  return body.code;
}

/** Every worker comes to this outcome: each connection may meet another one. */
async function settles(envoy, request, expected) {
  await until(`${expected} on every worker`, async () => {
    const found = await Promise.all(Array.from({ length: 12 }, () => outcome(envoy, request)));
    return found.every((one) => one === expected);
  });
}

/** Nothing else than this for some refreshes. */
async function stays(envoy, server, request, expected) {
  const asked = server.asked;
  await until('three more refreshes', async () => {
    assert.equal(await outcome(envoy, request), expected);
    return server.asked >= asked + 3;
  });
}

test('before the keys are there nothing passes, and then what they verify', async () => {
  let open;
  const held = new Promise((resolve) => (open = resolve));
  const answer = (request, response) => held.then(() => send(good)(request, response));
  await withKeys({ answer, source: { timeout_ms: 10_000 } }, async (envoy, server) => {
    await until('the first fetch', () => server.asked > 0);
    assert.equal(await outcome(envoy, READ), 'keys_unavailable');
    open();
    await settles(envoy, READ, 'allow');
    assert.equal(await outcome(envoy, FORGED), 'signature_invalid');
    const counters = await envoy.counters();
    assert.ok(counters['actfor.keys.fetched'] >= 2, JSON.stringify(counters));
    assert.ok(counters['actfor.refused.keys_unavailable'] >= 1);
  });
});

test('a key server that is down refuses for as long as it is down', async () => {
  // A port where nobody listens any more.
  const gone = await startKeyServer(send(good));
  await gone.stop();
  await withKeys({ port: gone.port }, async (envoy) => {
    await until('two failed fetches', async () => ((await envoy.counters())['actfor.keys.failed'] ?? 0) >= 4);
    assert.equal(await outcome(envoy, READ), 'keys_unavailable');
    const back = await startKeyServer(send(good), gone.port);
    await settles(envoy, READ, 'allow');
    await back.stop();
    // Down again: the keys from before hold.
    const failed = (await envoy.counters())['actfor.keys.failed'];
    await until('more failed fetches', async () => (await envoy.counters())['actfor.keys.failed'] > failed + 2);
    assert.equal(await outcome(envoy, READ), 'allow');
    assert.equal(await outcome(envoy, FORGED), 'signature_invalid');
  });
});

test('a slow key server delays no request', async () => {
  const answer = (request, response) => setTimeout(() => send(good)(request, response), 3_000);
  await withKeys({ answer, source: { timeout_ms: 200 } }, async (envoy, server) => {
    await until('a fetch', () => server.asked > 2);
    const start = performance.now();
    assert.equal(await outcome(envoy, READ), 'keys_unavailable');
    assert.ok(performance.now() - start < 1_000);
    await until('the line of the log', () => envoy.said().includes('keys of `https://as.example` not fetched'));
  });
});

const rubbish = {
  'a page': send('<html>', 200, { 'content-type': 'text/html' }),
  'nothing': send(''),
  'no key set': send('{}'),
  'keys that are no list': send('{"keys":{}}'),
  'the right keys with an error': send(good, 500),
  'the way to the right keys': send('', 302, { location: `${ISSUER}/jwks` }),
  'half an answer': (_, response) => {
    response.writeHead(200, { 'content-length': String(good.length) });
    response.write(good.slice(0, 40));
    setTimeout(() => response.destroy(), 20);
  },
  'no answer': (request) => request.socket.destroy(),
  'too much': send(`{"keys":[${good},"${'x'.repeat(1_100_000)}"]}`),
  'members twice': send(`{"keys":[],${good.slice(1)}`),
};
// They mostly wait: several at a time.
describe('rubbish in place of keys', { concurrency: 5 }, () => {
  for (const [what, answer] of Object.entries(rubbish)) {
    test(what, async () => {
      await withKeys({ answer }, async (envoy, server) => {
        await until('a fetch', () => server.asked > 2);
        assert.equal(await outcome(envoy, READ), 'keys_unavailable');
        server.answer = send(good);
        await settles(envoy, READ, 'allow');
        server.answer = answer;
        const failed = (await envoy.counters())['actfor.keys.failed'];
        await until('rubbish again', async () => (await envoy.counters())['actfor.keys.failed'] > failed);
        assert.equal(await outcome(envoy, READ), 'allow');
        assert.equal(await outcome(envoy, FORGED), 'signature_invalid');
      });
    });
  }
});

test('the keys of somebody else let nobody pass but somebody else', async () => {
  await withKeys({ answer: send(jwks(keys.stranger)) }, async (envoy, server) => {
    await settles(envoy, READ, 'signature_invalid');
    await stays(envoy, server, READ, 'signature_invalid');
  });
});

test('keys rotate: the new one is found early, and the old one verifies nothing any more', async () => {
  const next = { ...keys.stranger, kid: 'as-2' };
  const source = { refresh_seconds: 300, min_refresh_seconds: 1 };
  await withKeys({ answer: send(jwks(next)), source }, async (envoy, server) => {
    // The token's key is not in the set: the set is fetched again long before its time.
    await settles(envoy, READ, 'key_unknown');
    // Nobody says any more what the keys are: the token may be good.
    server.answer = send('', 500);
    await settles(envoy, READ, 'keys_unavailable');
    server.answer = send(jwks(next, keys.issuer));
    await settles(envoy, READ, 'allow');
  });
  await withKeys({}, async (envoy, server) => {
    await settles(envoy, READ, 'allow');
    server.answer = send(jwks(keys.stranger));
    await settles(envoy, READ, 'signature_invalid');
  });
});

test('random keys do not make the filter ask more often', async () => {
  const source = { refresh_seconds: 300, min_refresh_seconds: 300 };
  await withKeys({ answer: send(jwks({ ...keys.stranger, kid: 'as-2' })), source }, async (envoy, server) => {
    await settles(envoy, READ, 'key_unknown');
    const asked = server.asked;
    const end = performance.now() + 2_500;
    while (performance.now() < end) assert.equal(await outcome(envoy, READ), 'key_unknown');
    assert.equal(server.asked, asked);
  });
});

test('keys that are too old verify nothing any more', async () => {
  await withKeys({ maxAge: 60 }, async (envoy, server) => {
    await settles(envoy, READ, 'allow');
    server.answer = send('<html>');
    const failed = (await envoy.counters())['actfor.keys.failed'] ?? 0;
    await until('a failed fetch on every worker', async () => ((await envoy.counters())['actfor.keys.failed'] ?? 0) >= failed + 3);
    assert.equal(await outcome(envoy, READ), 'allow');
    envoy.setTime(NOW + 61);
    assert.equal(await outcome(envoy, READ), 'keys_unavailable');
    server.answer = send(good);
    await settles(envoy, READ, 'allow');
  });
});

test('a cluster that is not there refuses, and the log says so', async () => {
  await withKeys({ source: { cluster: 'absent' } }, async (envoy) => {
    await until('the line of the log', () => envoy.said().includes('Envoy does not know the cluster `absent`'));
    assert.equal(await outcome(envoy, READ), 'keys_unavailable');
  });
});
