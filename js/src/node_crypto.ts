// Signatures checked by Node itself. Form, key and ranges were checked in WebAssembly before; this is the mathematics.

import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';

import type { HostCrypto } from './bindings.js';

/** How many keys are kept; the least recently used one makes room. */
const KEYS = 256;
/** The answer that leaves it to the code in WebAssembly. */
const UNKNOWN = 2;

type Prepared = { readonly hash: string | null; readonly key: Parameters<typeof verify>[2] };
export type Keys = Map<string, Prepared>;

const pkcs1 = (key: KeyObject) => key;
const pss = (key: KeyObject) => (
  { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
);
const ecdsa = (key: KeyObject) => ({ key, dsaEncoding: 'ieee-p1363' as const });
const eddsa = (key: KeyObject) => key;

/** Each algorithm: its hash, and how Node wants the key. */
const ALGORITHMS: ReadonlyMap<string, readonly [string | null, (key: KeyObject) => Prepared['key']]> = new Map([
  ['EdDSA', [null, eddsa]],
  ['Ed25519', [null, eddsa]],
  ['ES256', ['sha256', ecdsa]],
  ['ES384', ['sha384', ecdsa]],
  ['PS256', ['sha256', pss]],
  ['PS384', ['sha384', pss]],
  ['PS512', ['sha512', pss]],
  ['RS256', ['sha256', pkcs1]],
  ['RS384', ['sha384', pkcs1]],
  ['RS512', ['sha512', pkcs1]],
] as const);

/** `node:crypto` for guards; each guard brings its own `keys`, which go with it. */
export const nodeCrypto: HostCrypto = {
  keys: new Map(),
  atOnce: true,

  verify(algorithm, thumbprint, jwk, message, signature) {
    try {
      const { hash, key } = prepared(this.keys as Keys, algorithm, thumbprint, jwk);
      return verify(hash, message, key, signature) ? 1 : 0;
    } catch {
      return UNKNOWN;
    }
  },
};

function prepared(keys: Keys, algorithm: string, thumbprint: Uint8Array, jwk: Uint8Array): Prepared {
  // A key may serve two issuers under two algorithms.
  const name = algorithm + String.fromCharCode(...thumbprint);
  let found = keys.get(name);
  if (found === undefined) {
    const how = ALGORITHMS.get(algorithm);
    if (how === undefined) throw new Error(`no ${algorithm} here`);
    const key = createPublicKey({ key: JSON.parse(new TextDecoder().decode(jwk)), format: 'jwk' });
    found = { hash: how[0], key: how[1](key) };
    if (keys.size >= KEYS) keys.delete(keys.keys().next().value as string);
  } else {
    keys.delete(name);
  }
  keys.set(name, found);
  return found;
}
