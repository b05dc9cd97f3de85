// An issuer in memory, described in `types/testing.d.ts`: signatures are made in WebAssembly, claims here.

import type * as Api from '../types/testing.js';
import type { GuardRequest, JsonWebKeySet } from '../types/index.js';
import type { TestIssuer as Signer } from './actfor_bindings.js';
import { wasm } from './bindings.js';
import { ActforError, reporting } from './error.js';
import { type Claims, DIALECTS } from './testing/dialects.js';
import { base64url, statusBits } from './testing/status_list.js';
import { partText } from './unverified.js';

export function createTestIssuer(options: Api.TestIssuerOptions = {}): Api.TestIssuer {
  const { algorithm, audience = 'https://api.example', issuer = 'https://as.example', key, ...unknown } = options;
  for (const name of Object.keys(unknown)) throw invalid(`options.${name}`, 'there is no such option; write `algorithm`, `audience`, `issuer` or `key`');
  return new Issuer(signer({ algorithm, audience, issuer, key: key && JSON.stringify(key) }), issuer, audience);
}

export function createTestKey(options: Api.TestKeyOptions = {}): Api.TestKey {
  const { algorithm, key } = options;
  const inside = signer({ algorithm, key: key && JSON.stringify(key) });
  const thumbprint = reporting(() => inside.thumbprint());
  const { kty, crv, x, y } = (JSON.parse(inside.jwks()) as JsonWebKeySet).keys[0] as Record<string, string>;
  const alg = algorithm ?? 'ES256';
  return {
    thumbprint,
    privateKey: JSON.parse(inside.privateKey()) as Record<string, unknown>,
    prove({ method, url, token, now = seconds(), ...more }) {
      const htu = url.split(/[?#]/)[0];
      const claims = { jti: random(), htm: method, htu, iat: Math.floor(now), ath: digest(token), ...more.claims };
      const header = { typ: 'dpop+jwt', alg, jwk: { kty, crv, x, ...(y !== undefined && { y }) }, ...more.header };
      return inside.signAs(JSON.stringify(header), JSON.stringify(pruned(claims)));
    },
  };
}

export function createTestClock(start: number = seconds()): Api.TestClock {
  let now = Math.floor(start);
  return Object.assign(() => now, {
    advance(by: number): number { return now += by; },
    set(to: number): number { return now = to; },
  });
}

class Issuer implements Api.TestIssuer {
  readonly jwks: JsonWebKeySet;
  readonly privateKey: Readonly<Record<string, unknown>>;
  readonly #signer: Signer;
  readonly #kid: string;
  readonly #alg: string;

  constructor(inside: Signer, readonly issuer: string, readonly audience: string) {
    this.#signer = inside;
    this.jwks = JSON.parse(inside.jwks()) as JsonWebKeySet;
    this.privateKey = JSON.parse(inside.privateKey()) as Record<string, unknown>;
    this.#kid = String(this.privateKey.kid);
    this.#alg = String(this.privateKey.alg);
  }

  mint(pattern: Api.Pattern, { now = seconds(), key }: Api.MintOptions = {}): Api.MintedToken {
    const { token, agentChain } = reporting(() => this.#signer.mint(pattern, now, key?.thumbprint)) as { token: string; agentChain: string | null };
    return new Minted(token, key, agentChain === null ? [] : [agentChain], undefined, this.audience);
  }

  token(asked: Api.TokenAsked = {}): Api.MintedToken {
    const { dialect = 'actfor', parent, key } = asked;
    const row = DIALECTS[dialect];
    if (row === undefined) throw invalid('dialect', `there is no such dialect; there are ${Object.keys(DIALECTS).join(', ')}`);
    const before = parent?.claims as Claims | undefined;
    const user = asked.user === undefined && asked.agent === undefined ? 'ana' : asked.user;
    const iat = Math.floor(asked.now ?? seconds());
    const told = {
      iss: this.issuer, aud: this.audience, iat, exp: iat + (asked.expiresIn ?? 300), id: random(), instance: random(),
      user: before === undefined ? user : String(before.sub),
      agent: asked.agent,
      client: asked.client ?? asked.agent ?? 'app',
      scope: asked.scope ?? '',
      mode: asked.mode ?? (user === undefined ? 'automated' : 'interactive'),
      jkt: key?.thumbprint,
    };
    const needsUser = dialect === 'txn-token' || dialect === 'delegation-chain';
    if (needsUser && told.user === undefined) throw invalid('user', `a token of the dialect ${dialect} has one`);
    if (dialect === 'delegation-chain' && told.agent === undefined) throw invalid('agent', 'a token of a delegation chain has one');
    const claims = row.write(told);
    if (parent !== undefined && before !== undefined) continued(claims, before, parent.token);
    const all = pruned({ ...claims, ...asked.claims });
    const header = pruned({ alg: this.#alg, kid: this.#kid, typ: row.typ });
    const compact = this.#signer.signAs(JSON.stringify(header), JSON.stringify(all));
    const chain = parent === undefined ? [] : [...parent.chain, parent.token];
    return new Minted(compact, key, chain, dialect === 'txn-token' ? 'txn-token' : undefined, this.audience);
  }

  sign(claims: Readonly<Record<string, unknown>>, { typ = 'at+jwt', header = {} }: Api.SignOptions = {}): string {
    const whole = pruned({ alg: this.#alg, typ, kid: this.#kid, ...header });
    return this.#signer.signAs(JSON.stringify(whole), JSON.stringify(claims));
  }

  assertion({ token, claims: about }: Api.MintedToken, claims: Readonly<Record<string, unknown>> = {}): string {
    const { iat, exp } = about as { iat: number; exp: number };
    const all = {
      iss: this.issuer, aud: about.aud, iat, exp: Math.min(exp, iat + 300), jti: random(), ath: digest(token),
      sub: about.sub, sub_iss: about.iss, cnf: about.cnf, ...claims,
    };
    return this.sign(pruned(all), { typ: 'agent-context+jwt' });
  }

  approval(offer: { readonly digest: string }, { by, now = seconds(), claims = {} }: Api.ApprovalAsked): string {
    const iat = Math.floor(now);
    const all = { iss: this.issuer, aud: this.audience, sub: by, iat, exp: iat + 300, jti: random(), approval_digest: offer.digest, ...claims };
    return this.sign(pruned(all), { typ: 'agent-approval+jwt' });
  }

  statusList({ uri, revoked = [], size = 1024, now = seconds(), expiresIn = 3_600 }: Api.StatusListAsked): string {
    const iat = Math.floor(now);
    const claims = { iss: this.issuer, sub: uri, iat, exp: iat + expiresIn, status_list: { bits: 1, lst: statusBits(size, revoked) } };
    return this.sign(claims, { typ: 'statuslist+jwt' });
  }

  introspection({ claims }: Api.MintedToken, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
    return pruned({ active: true, token_type: claims.cnf === undefined ? 'Bearer' : 'DPoP', ...claims, ...more });
  }

  forge(minted: Api.MintedToken, how: Api.Forgery): Api.MintedToken {
    const [header = '', payload = '', signature = ''] = minted.token.split('.');
    const own = minted as Minted;
    switch (how) {
      case 'signature': return own.with(`${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`);
      case 'payload': return own.with(`${header}.${encoded({ ...minted.claims, scope: 'everything' })}.${signature}`);
      case 'none': return own.with(`${encoded({ ...decoded(header), alg: 'none' })}.${payload}.`);
      // Signed by somebody else, who says that it was this issuer.
      case 'key': return own.with(signer({ algorithm: this.#alg }).signAs(partText(header), partText(payload)));
    }
  }
}

/** A token, and how it travels. */
class Minted implements Api.MintedToken {
  readonly claims: Readonly<Record<string, unknown>>;

  constructor(
    readonly token: string,
    readonly key: Api.TestKey | undefined,
    readonly chain: readonly string[],
    readonly carrier: 'txn-token' | undefined,
    readonly base: string,
  ) {
    this.claims = decoded(token.split('.')[1] ?? '');
  }

  /** The same with other bytes. */
  with(token: string): Minted {
    return new Minted(token, this.key, this.chain, this.carrier, this.base);
  }

  get headers(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = this.carrier === undefined
      ? { authorization: `${this.key === undefined ? 'Bearer' : 'DPoP'} ${this.token}` } : { [this.carrier]: this.token };
    if (this.chain.length > 0) headers['agent-chain'] = this.chain.join(', ');
    return headers;
  }

  request(method: string, url: string, { base = this.base, body, headers = {}, now, nonce }: Api.RequestOptions = {}): GuardRequest {
    const absolute = /^https?:\/\//.test(url) ? url : base + url;
    const proof = this.key?.prove({ method, url: absolute, token: this.token, ...(now !== undefined && { now }), ...(nonce !== undefined && { claims: { nonce } }) });
    return { method, url, headers: { ...this.headers, ...(proof !== undefined && { dpop: proof }), ...headers }, ...(body !== undefined && { body }) };
  }
}

/** What the next agent's token says of the one before it. */
function continued(claims: Claims, before: Claims, parent: string): void {
  if (claims.del_depth !== undefined) {
    delete claims.del_max_depth;
    claims.del_depth = Number(before.del_depth) + 1;
    claims.par_hash = digest(parent.slice(0, parent.lastIndexOf('.')));
    // Members in the order of RFC 8785.
    const sorted = Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, value] of sorted) {
      delete claims[name];
      claims[name] = value;
    }
    return;
  }
  if (claims.act !== undefined && before.act !== undefined) claims.act = { ...claims.act as Claims, act: before.act };
  const instance = before.agent_instance as Claims | undefined;
  if (claims.agent_instance === undefined || instance === undefined) return;
  const named = { iss: instance.iss, id: instance.id };
  claims.agent_instance = { ...claims.agent_instance as Claims, kind: 'task', parent: named, root: instance.root ?? named };
  const relationship = before.agent_rel as Claims;
  claims.agent_rel = { ...relationship, hops: Number(relationship.hops) + 1 };
}

function signer(options: object): Signer {
  return reporting(() => new (wasm().glue.TestIssuer)(options));
}

/** Without what is `undefined`: so a claim is left out. */
function pruned(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

const seconds = (): number => Date.now() / 1000;
const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(16)));
const digest = (of: string): string => wasm().glue.TestIssuer.digest(of);
const encoded = (json: object): string => base64url(new TextEncoder().encode(JSON.stringify(json)));
const decoded = (part: string): Record<string, unknown> => JSON.parse(partText(part)) as Record<string, unknown>;

function invalid(path: string, message: string): ActforError {
  return new ActforError({ code: 'config_invalid', path, message, position: null });
}
