import type * as Api from '../types/testing.js';
import type { JsonWebKeySet } from '../types/index.js';
import { wasm } from './bindings.js';
import { ActforError, reporting } from './error.js';

/** An issuer in memory; described in `types/testing.d.ts`. */
export function createTestIssuer(options: Api.TestIssuerOptions = {}): Api.TestIssuer {
  const { TestIssuer } = wasm().glue;
  const { algorithm, audience, issuer: iss, key, ...unknown } = options;
  for (const name of Object.keys(unknown)) {
    const message = 'there is no such option; write `algorithm`, `audience`, `issuer` or `key`';
    throw new ActforError({ code: 'config_invalid', path: `options.${name}`, message, position: null });
  }
  const jwk = key === undefined ? undefined : JSON.stringify(key);
  const issuer = reporting(() => new TestIssuer({ algorithm, audience, issuer: iss, key: jwk }));
  return {
    jwks: JSON.parse(issuer.jwks()) as JsonWebKeySet,
    privateKey: JSON.parse(issuer.privateKey()) as Record<string, unknown>,
    mint(pattern, { now = Date.now() / 1000 } = {}) {
      const { token, agentChain } = reporting(() => issuer.mint(pattern, now)) as { token: string; agentChain?: string };
      const headers: Record<string, string> = { authorization: `Bearer ${token}` };
      if (agentChain) headers['agent-chain'] = agentChain;
      return { token, headers };
    },
    sign: (claims, { typ = 'at+jwt' } = {}) => reporting(() => issuer.sign(typ, JSON.stringify(claims))),
  };
}
