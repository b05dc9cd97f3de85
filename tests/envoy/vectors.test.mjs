// The vectors of tokens, proofs and requests through the real Envoy, whose own crypto checks signatures where it can: the
// same outcome as in every other host.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { rawHttp1, root, startEnvoy, startKeyServer, startUpstream } from './harness.mjs';

const read = (name) => JSON.parse(readFileSync(join(root, 'tests/vectors', name), 'utf8'));
const requests = read('token/requests.json');
const { main } = requests.configs;

let upstream;
before(async () => (upstream = await startUpstream()));
after(() => upstream.stop());

/** What HTTP/1.1 can carry at all. */
const fits = ({ url, headers }) => [['', url], ...headers].every(([, value]) => /^[\x20-\x7e\x80-\xff]*$/.test(value) && value.length < 30_000);

/** Asks all cases of one configuration: `{ name, request, expect, now, again }`; says how many. */
async function check(t, configuration, now, cases) {
  const asked = cases.filter(({ request }) => fits(request));
  // What is said of a token is fetched for each request.
  let said = '';
  const server = await startKeyServer((_, response) => response.writeHead(200, { 'content-type': 'application/token-introspection+jwt' }).end(said));
  const envoy = await startEnvoy({ configuration, now, upstreamPort: upstream.port, keysPort: server.port });
  try {
    for (const { name, request, introspection, expect, again, now: at = now } of asked) {
      said = introspection?.response ?? '';
      envoy.setTime(at ?? 0);
      const fields = request.headers.map(([field, value]) => `${field}: ${value}\r\n`).join('');
      const host = request.headers.some(([field]) => field === 'host') ? '' : 'host: api.example\r\n';
      const ask = async () => {
        const { status, text } = await rawHttp1(envoy.port, `${request.method} ${request.url} HTTP/1.1\r\n${host}${fields}content-length: 0\r\n\r\n`);
        return status === 200 ? 'allow' : (/"code":"(\w+)"/.exec(text)?.[1] ?? `status ${status}`);
      };
      if (again) assert.equal(await ask(), 'allow', name);
      assert.equal(await ask(), expect, name);
    }
    assert.match(envoy.said(), /Envoy checks signatures/);
    assert.doesNotMatch(envoy.said(), /panicked/);
  } finally {
    await envoy.stop();
    await server.stop();
  }
  t.diagnostic(`${asked.length} of ${cases.length} cases fit into HTTP/1.1`);
  assert.ok(asked.length >= cases.length * 0.8);
}

test('every token comes out as expected', async (t) => {
  const file = read('jose/tokens.json');
  const [own, other] = main.issuers;
  const { jwks, algorithms } = file;
  const cases = file.cases.filter((one) => one.jwks === undefined && one.algorithms === undefined).map(({ name, token, expect }) => ({
    name,
    request: { method: 'PATCH', url: '/repos/web/git/refs/heads/fix', headers: [['authorization', `Bearer ${token}`]] },
    expect: expect === 'verified' ? 'allow' : expect,
  }));
  await check(t, { ...main, issuers: [{ ...own, jwks, algorithms }, other] }, file.now, cases);
});

test('every proof comes out as expected', async (t) => {
  const file = read('proof/dpop.json');
  // Nonces are made by the guard itself. The cases share one `jti`, which Envoy remembers: one of the good ones is asked.
  const good = file.cases.find(({ expect, nonces }) => expect === 'proven' && nonces === undefined);
  const cases = file.cases.filter((one) => one.nonces === undefined && (one.expect !== 'proven' || one === good));
  await check(t, { ...main, proof: { ...main.proof, base_urls: file.bases } }, file.now, cases.map(({ name, headers, path = file.path, expect }) => ({
    name,
    request: { method: 'PATCH', url: path, headers: [['authorization', `DPoP ${file.access_token}`], ...headers.map((value) => ['dpop', value])] },
    expect: name === 'not_ascii' ? 'request_invalid' : expect === 'proven' ? 'allow' : expect,
  })));
});

for (const [name, configuration] of Object.entries(requests.configs)) {
  test(`every request is decided as expected (${name})`, async (t) => {
    const seen = new Set();
    const cases = requests.cases.filter(({ config, certificate, peer, store, request, expect, again }) => {
      if (config !== name || certificate !== undefined || peer !== undefined || store === false) return false;
      // A proof that was good once is asked once.
      const proof = request.headers.find(([field]) => field === 'dpop')?.[1];
      const used = proof !== undefined && (expect === 'allow' || again);
      return !used || (!seen.has(name) && seen.add(name));
    });
    await check(t, configuration, cases[0]?.now ?? 1795000060, cases);
  });
}

test('no kind of token is taken for another', async (t) => {
  const file = read('token/kinds.json');
  const { main: kinds } = file.configs;
  const asking = kinds.issuers.filter(({ introspection }) => introspection !== undefined).map(({ issuer }) => issuer);
  const to = (more) => Object.fromEntries(asking.map((issuer) => [issuer, { cluster: 'keys', ...more }]));
  // A status list is no request.
  const cases = file.cases.filter(({ request }) => request !== undefined);
  await check(t, { ...kinds, envoy: { introspection: to({ cache_seconds: 0 }), status: to() } }, cases[0].now, cases);
});
