import type * as Api from '../types/testing.js';
import type { JsonWebKeySet } from '../types/index.js';
import { wasm } from './bindings.js';
import { reporting } from './error.js';

/** An issuer in memory; described in `types/testing.d.ts`. */
export function createTestIssuer(options: Api.TestIssuerOptions = {}): Api.TestIssuer {
  const { TestIssuer } = wasm().glue;
  const { key, ...rest } = options;
  const issuer = reporting(() => new TestIssuer(key === undefined ? rest : { ...rest, key: JSON.stringify(key) }));
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
