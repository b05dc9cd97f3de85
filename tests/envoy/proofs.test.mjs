// DPoP through the real Envoy: a bound token needs its proof, and a proof is good once, whichever worker it meets.
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, test } from 'node:test';

import { h2, http1, startEnvoy, startUpstream } from './harness.mjs';
import { NOW, configuration, keys, tokens } from './patterns.mjs';

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const sha256 = (text) => createHash('sha256').update(text).digest('base64url');

function compact(header, claims, key) {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const client = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { kty, crv, x, y } = client.publicKey.export({ format: 'jwk' });
const thumbprint = sha256(JSON.stringify({ crv, kty, x, y }));
const issuer = createPrivateKey({ key: keys.issuer, format: 'jwk' });
const bound = compact({ typ: 'at+jwt', alg: 'ES256', kid: keys.issuer.kid }, { ...tokens.T2.claims, cnf: { jkt: thumbprint } }, issuer);

function proof(jti, more = {}) {
  const claims = { jti, htm: 'GET', htu: 'https://api.example/repos/web/x', iat: NOW, ath: sha256(bound), ...more };
  return compact({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } }, claims, client.privateKey);
}

const request = (dpop, scheme = 'DPoP') => ({
  path: '/repos/web/x',
  headers: [['authorization', `${scheme} ${bound}`], ...(dpop ? [['dpop', dpop]] : [])],
});

let upstream;
let envoy;
before(async () => {
  upstream = await startUpstream();
  const document = configuration({ proof: { base_urls: ['https://api.example'] } });
  envoy = await startEnvoy({ configuration: document, now: NOW, upstreamPort: upstream.port });
});
after(async () => {
  await envoy?.stop();
  await upstream.stop();
});

const outcome = ({ status, body }) => (status === 200 ? 'allow' : body.code);

test('a bound token passes with its proof, and neither goes further', async () => {
  const answer = await http1(envoy.port, request(proof('passes')));
  assert.equal(outcome(answer), 'allow', JSON.stringify(answer.body));
  assert.deepEqual(answer.body.headers.filter(([name]) => /^(authorization|dpop)$/.test(name)), []);
});

test('a bound token without its proof, or with one for something else, is refused', async () => {
  const cases = {
    'no proof': [request(), 'proof_missing'],
    'as a bearer token': [request(proof('b'), 'Bearer'), 'proof_missing'],
    'for another path': [request(proof('p', { htu: 'https://api.example/repos/infra/x' })), 'proof_invalid'],
    'for another token': [request(proof('t', { ath: sha256('another') })), 'proof_invalid'],
    'from long ago': [request(proof('o', { iat: NOW - 3600 })), 'proof_invalid'],
  };
  for (const [what, [ask, code]] of Object.entries(cases)) {
    const answer = await http1(envoy.port, ask);
    assert.deepEqual([outcome(answer), answer.status], [code, 401], what);
    assert.match(answer.headers['www-authenticate'], /^DPoP /, what);
  }
});

test('of many requests with one proof at the same time one passes', async () => {
  for (const [name, ask] of Object.entries({ http1, h2 })) {
    for (let round = 0; round < 5; round += 1) {
      const once = request(proof(`race-${name}-${round}`));
      const found = (await Promise.all(Array.from({ length: 16 }, () => ask(envoy.port, once)))).map(outcome).sort();
      assert.deepEqual(found, ['allow', ...Array(15).fill('proof_replayed')]);
    }
  }
});
