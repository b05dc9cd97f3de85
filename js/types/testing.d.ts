/**
 * For tests: an issuer in memory that mints tokens of every dialect, with proofs, assertions, chains, status lists and
 * forgeries. Keys lie in memory as they are; never for production.
 *
 * @module
 */

import type { GuardRequest, JsonWebKeySet } from './index.js';

/**
 * Makes an issuer with a key of its own.
 *
 * @throws `ActforError` when an option is wrong.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * import { createTestIssuer } from 'actfor/testing';
 * const issuer = createTestIssuer();
 * const guard = createGuard({
 *   issuers: [{
 *     issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'auth0', binding: 'optional',
 *     jwks: issuer.jwks, clients: { ide: 'agent' },
 *   }],
 *   policy: 'actfor 1\non repo\n  read needs scope\nallow delegated to read on repo as read\n'
 *     + 'scope "repo:read" covers read on repo\nroute GET /repos/{id} is read on repo:{id}\n',
 * });
 * const token = issuer.token({ dialect: 'auth0', user: 'ana', agent: 'helper', client: 'ide', scope: 'repo:read' });
 * console.log(guard.decide(token.request('GET', '/repos/web')).verdict); // 'allow'
 * console.log(guard.decide(issuer.forge(token, 'key').request('GET', '/repos/web')).code); // 'signature_invalid'
 * ```
 */
export function createTestIssuer(options?: TestIssuerOptions): TestIssuer;

export interface TestIssuerOptions {
  /** Default `ES256`. */
  readonly algorithm?: 'ES256' | 'Ed25519';
  /** `iss` of the tokens; default `https://as.example`. */
  readonly issuer?: string;
  /** `aud` of the tokens; default `https://api.example`. */
  readonly audience?: string;
  /** A private JWK; without one, a fresh key is made. */
  readonly key?: Readonly<Record<string, unknown>>;
}

/**
 * Makes the key of a client, which proves that a token is its own (DPoP).
 *
 * @example
 * ```ts
 * import { createTestIssuer, createTestKey } from 'actfor/testing';
 * const key = createTestKey();
 * const token = createTestIssuer().token({ agent: 'code-helper', user: 'ana', key });
 * const request = token.request('GET', '/repos/web'); // with `Authorization: DPoP …` and a fresh proof
 * ```
 */
export function createTestKey(options?: TestKeyOptions): TestKey;

export interface TestKeyOptions {
  /** Default `ES256`. */
  readonly algorithm?: 'ES256' | 'Ed25519';
  /** A private JWK; without one, a fresh key is made. */
  readonly key?: Readonly<Record<string, unknown>>;
}

export interface TestKey {
  /** RFC 7638, in base64url: `cnf.jkt` of tokens that are bound to it. */
  readonly thumbprint: string;
  /** The private key, as a JWK. */
  readonly privateKey: Readonly<Record<string, unknown>>;
  /** A DPoP proof (RFC 9449 §4.2) for one request. A claim or header member that is `undefined` is left out. */
  prove(asked: ProofAsked): string;
}

export interface ProofAsked {
  readonly method: string;
  /** The address of the request; query and fragment are left out of `htu`. */
  readonly url: string;
  /** The access token that goes along. */
  readonly token: string;
  /** Seconds since 1970-01-01 UTC; default: now. */
  readonly now?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/**
 * A clock that stands until somebody moves it: for `createGuard(config, { clock })`.
 *
 * @example
 * ```ts
 * import { createTestClock } from 'actfor/testing';
 * const clock = createTestClock(1795000000);
 * clock.advance(300);
 * console.log(clock()); // 1795000300
 * ```
 */
export function createTestClock(start?: number): TestClock;

export interface TestClock {
  (): number;
  /** Moves it by so many seconds; gives the new time. */
  advance(seconds: number): number;
  /** Sets it to a time; gives it back. */
  set(seconds: number): number;
}

/** The four patterns; the interactive one twice, alone and as the first of a chain. */
export type Pattern = 'interactive' | 'offline' | 'automated' | 'transitive' | 'transitive-interactive';

/** How issuers write who acts for whom. */
export type Dialect =
  | 'actfor' | 'actor-profile' | 'auth0' | 'delegation-chain' | 'entra' | 'keycloak' | 'okta' | 'rfc8693' | 'rfc9068'
  | 'txn-token' | 'wso2';

export type Mode = 'interactive' | 'offline' | 'automated';

/** What is wrong with a forged token: another signature, claims changed afterwards, somebody else's key, or no signature at all. */
export type Forgery = 'signature' | 'payload' | 'key' | 'none';

export interface TestIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** The public key set. */
  readonly jwks: JsonWebKeySet;
  /** The private key, as a JWK. */
  readonly privateKey: Readonly<Record<string, unknown>>;
  /** The token of a running example, issued now. */
  mint(pattern: Pattern, options?: MintOptions): MintedToken;
  /**
   * A token as its dialect writes it. Without `user` and `agent` it is that of the user `ana` in an application.
   * One that has expired has a `now` in the past.
   */
  token(asked?: TokenAsked): MintedToken;
  /** A token with exactly these claims. */
  sign(claims: Readonly<Record<string, unknown>>, options?: SignOptions): string;
  /** An `Agent-Context` assertion about a token; `claims` says what it adds. Good ones come from another issuer than the token. */
  assertion(token: MintedToken, claims?: Readonly<Record<string, unknown>>): string;
  /** The approval of what a decision with `needs_approval` offers (`decision.approval`); goes into `Agent-Approval`. */
  approval(offer: { readonly digest: string }, asked: ApprovalAsked): string;
  /** A status list token, in which the tokens at some places are revoked. */
  statusList(asked: StatusListAsked): string;
  /** What an introspection endpoint answers about a token. */
  introspection(token: MintedToken, more?: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  /** A token that looks like this one and is not to be accepted. */
  forge(token: MintedToken, how: Forgery): MintedToken;
}

export interface MintOptions {
  /** Seconds since 1970-01-01 UTC; default: now. */
  readonly now?: number;
  /** Binds the token to a key. */
  readonly key?: TestKey;
}

export interface TokenAsked extends MintOptions {
  /** Default `actfor`. */
  readonly dialect?: Dialect;
  readonly user?: string;
  readonly agent?: string;
  /** The client that holds the token; default: the agent's name, or `app`. */
  readonly client?: string;
  /** Names with a space between them. */
  readonly scope?: string;
  /** Dialect `actfor`: default `interactive` with a user, else `automated`. */
  readonly mode?: Mode;
  /** Seconds; default 300. */
  readonly expiresIn?: number;
  /** The token of the agent that called this one: it goes along in `Agent-Chain`. */
  readonly parent?: MintedToken;
  /** Claims in the place of those of the dialect. One that is `undefined` is left out. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface SignOptions {
  /** Default `at+jwt`. */
  readonly typ?: string;
  /** Members in the place of those of the header. One that is `undefined` is left out. */
  readonly header?: Readonly<Record<string, unknown>>;
}

export interface ApprovalAsked {
  /** Who approves: `sub`. */
  readonly by: string;
  readonly now?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface StatusListAsked {
  /** The address of the list, as tokens name it. */
  readonly uri: string;
  /** The places of what is revoked. */
  readonly revoked?: readonly number[];
  /** How many places there are; default 1024. */
  readonly size?: number;
  readonly now?: number;
  /** Seconds; default 3600. */
  readonly expiresIn?: number;
}

export interface MintedToken {
  readonly token: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The key that it is bound to. */
  readonly key: TestKey | undefined;
  /** The tokens of the agents before, the first one first. */
  readonly chain: readonly string[];
  /** The header fields that carry it; without the proof, which belongs to a request. */
  readonly headers: Readonly<Record<string, string>>;
  /** A request with it, and with a fresh proof where it is bound to a key. */
  request(method: string, url: string, options?: RequestOptions): GuardRequest;
}

export interface RequestOptions {
  /** What stands before the path in the proof's `htu`; default: the audience. */
  readonly base?: string;
  readonly body?: string | Uint8Array;
  /** Further header fields. */
  readonly headers?: Readonly<Record<string, string>>;
  /** When the proof is made; default: now. */
  readonly now?: number;
  /** The service's nonce (RFC 9449 §9). */
  readonly nonce?: string;
}
