/**
 * For tests: an issuer in memory that mints tokens. Keys lie in memory as they are; never for production.
 *
 * @module
 */

import type { JsonWebKeySet } from './index.js';

/**
 * Makes an issuer with a key of its own.
 *
 * @throws `ActforError` when an option is wrong.
 *
 * @example
 * ```ts
 * import { createTestIssuer } from 'actfor/testing';
 * const issuer = createTestIssuer();
 * const { headers } = issuer.mint('automated');
 * const jwks = issuer.jwks; // goes into the guard's configuration
 * ```
 */
export function createTestIssuer(options?: TestIssuerOptions): TestIssuer;

export interface TestIssuerOptions {
  /** Default `ES256`. */
  readonly algorithm?: 'ES256' | 'Ed25519';
  /** `iss` of the patterns' tokens; default `https://as.example`. */
  readonly issuer?: string;
  /** `aud` of the patterns' tokens; default `https://api.example`. */
  readonly audience?: string;
  /** A private JWK; without one, a fresh key is made. */
  readonly key?: Readonly<Record<string, unknown>>;
}

/** The four patterns; the interactive one twice, alone and as the first of a chain. */
export type Pattern = 'interactive' | 'offline' | 'automated' | 'transitive' | 'transitive-interactive';

export interface TestIssuer {
  /** The public key set. */
  readonly jwks: JsonWebKeySet;
  /** The private key, as a JWK. */
  readonly privateKey: Readonly<Record<string, unknown>>;
  /** The token of a running example, issued now, and the header fields that carry it. */
  mint(pattern: Pattern, options?: { readonly now?: number }): MintedToken;
  /** A token with these claims. */
  sign(claims: Readonly<Record<string, unknown>>, options?: { readonly typ?: string }): string;
}

export interface MintedToken {
  readonly token: string;
  readonly headers: Readonly<Record<string, string>>;
}
