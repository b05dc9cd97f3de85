// What the benchmarks of tokens share: issuers with fresh keys, tokens that nobody has seen, and a guard for them.

import { generateKeyPairSync, sign as signature } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const NOW = 1795000060;

const patterns = join(import.meta.dirname, '../vectors/patterns');
export const text = (name) => readFileSync(join(patterns, name), 'utf8');
const claims = JSON.parse(text('tokens.json')).T1.claims;

/** A key of each algorithm, and tokens like T1 that differ in their `jti`. */
function issuer(algorithm) {
  const { publicKey, privateKey } = algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : algorithm === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = part({ alg: algorithm, typ: 'at+jwt', kid: algorithm });
  let count = 0;
  const mint = () => {
    const input = `${header}.${part({ ...claims, jti: `bench-${algorithm}-${count++}` })}`;
    const key = algorithm === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' } : privateKey;
    return `${input}.${signature(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(input), key).toString('base64url')}`;
  };
  const jwk = { ...publicKey.export({ format: 'jwk' }), alg: algorithm === 'EdDSA' ? 'Ed25519' : algorithm, use: 'sig', kid: algorithm };
  return { algorithm, mint, publicKey, pem: publicKey.export({ type: 'spki', format: 'pem' }), jwk };
}

export const es256 = issuer('ES256');
export const rs256 = issuer('RS256');
export const eddsa = issuer('EdDSA');

export const base = JSON.parse(text('config.json'));
export const configuration = {
  ...base,
  issuers: [{ ...base.issuers[0], algorithms: ['ES256', 'RS256', 'EdDSA', 'Ed25519'], jwks: { keys: [es256.jwk, rs256.jwk, eddsa.jwk] } }],
  policy: text('acme.actfor'), files: { 'acme.fga': text('acme.fga') }, tuples: JSON.parse(text('tuples.json')),
};
export const request = (token) => ({
  method: 'PATCH', url: '/repos/web/git/refs/heads/fix',
  headers: { host: 'api.example', 'user-agent': 'bench', accept: '*/*', authorization: `Bearer ${token}`, 'content-type': 'application/json' },
});
export const options = { now: NOW, id: 'bench' };
