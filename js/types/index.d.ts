/// <reference lib="esnext.disposable" />
/**
 * actfor answers, inside the request path: who is really making this request, and on whose behalf? Then it decides.
 *
 * ```ts
 * import { createGuard } from 'actfor';
 *
 * const guard = createGuard(config);
 * const decision = guard.decide({ method: 'GET', url: '/repos/web/readme', headers: { authorization: 'Bearer …' } });
 * if (!decision.allowed) console.log(decision.status, decision.code, decision.reasonUser);
 * ```
 *
 * @module
 */

/**
 * Gets the module ready. Browsers and workers call it once and await it; in Node, and in `actfor/inline`, the
 * module is ready on import and this does nothing.
 *
 * @param source where the `.wasm` comes from, if not from the file beside the script: its URL, the response that
 * carries it, its bytes, or a module that a bundler has compiled.
 * @throws `TypeError` or `WebAssembly.CompileError` when the source cannot be fetched or is not WebAssembly.
 *
 * @example
 * ```ts
 * import { createGuard, init } from 'actfor';
 * await init();
 * ```
 */
export function init(source?: WasmSource | Promise<WasmSource>): Promise<void>;

/**
 * Where the `.wasm` may come from: its URL (text or `URL`), a `Request` for it, the `Response` that carries it, its
 * bytes, or a `WebAssembly.Module`. Not spelled out here, because not every project has the types of the web.
 */
export type WasmSource = string | object;

/**
 * Builds a guard: reads the configuration, compiles its rules, keeps both.
 *
 * @param config the configuration document: as an object, or as JSON text.
 * @throws {@link ActforError} when a field, a rule, a model or a tuple is wrong; it says which and what to write instead.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * const guard = createGuard({
 *   issuers: [{
 *     issuer: 'https://as.example', audience: ['https://api.example'],
 *     algorithms: ['ES256'], dialect: 'rfc9068', binding: 'optional',
 *     jwks: { keys: [] }, clients: { web: 'app' },
 *   }],
 *   policy: 'actfor 1\non service\n  call needs scope\nallow self to call on service as all\n'
 *     + 'scope "api" covers call on service\nroute * /** is call on service:main\n',
 * });
 * ```
 */
export function createGuard(config: GuardConfig | string): Guard;

/** Verifies tokens, says who is who, decides and explains. Make one and keep it. */
export interface Guard {
  /**
   * Decides one request. Synchronous. Whatever is wrong with the request is a refusal with a code, not an exception.
   *
   * @example
   * ```ts
   * import type { Guard } from 'actfor';
   * declare const guard: Guard;
   * const decision = guard.decide({ method: 'GET', url: '/repos/web/readme', headers: new Headers() }, { id: 'req-1' });
   * ```
   */
  decide(request: GuardRequest, options?: DecideOptions): Decision;

  /**
   * Takes a fresh key set, fetched at `now` (default: the host's clock), for an issuer whose configuration has
   * `jwks_uri`. Decisions made before keep their document.
   *
   * @throws {@link ActforError} `keys_invalid`; the keys from before stay in use.
   */
  setKeys(issuer: string, jwks: JsonWebKeySet | string, options?: { now?: number }): void;

  /** The issuers whose keys the host has to fetch and hand over by {@link Guard.setKeys}. */
  keySources(): KeySource[];

  /**
   * Gives the memory back now, not when the garbage collector comes by. Afterwards the guard decides nothing
   * more, and of an earlier decision only what was read before can be read.
   */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** One request, as the enforcement point saw it. */
export interface GuardRequest {
  /** The method as it was sent: `GET`. */
  readonly method: string;
  /** The target: `/path?query`, or with scheme and authority before it. Before anything rewrites it. */
  readonly url: string;
  /**
   * The header fields. In Node hand over `req.rawHeaders` or `req.headersDistinct`: `req.headers` has already
   * dropped the second of two `Authorization` fields, so nobody can see that there were two.
   */
  readonly headers: GuardHeaders;
  /** The body, where the host has it and a rule needs it. */
  readonly body?: string | Uint8Array | null | undefined;
}

/**
 * Header fields: an object (names in any case, a repeated field as an array), `Headers`, a `Map`, pairs of name
 * and value, or Node's `rawHeaders` (names and values by turns).
 */
export type GuardHeaders =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | Iterable<readonly [string, string | readonly string[]]>
  | readonly string[];

/** What comes from the host and not from the request. */
export interface DecideOptions {
  /** Seconds since 1970-01-01 UTC; default: the host's clock. What is not a positive number means "no clock": refused. */
  readonly now?: number | undefined;
  /** The host's own id of the request; it comes back in the document. Default: empty. */
  readonly id?: string | undefined;
}

/** What became of a request. */
export type Verdict = 'allow' | 'deny' | 'needs_approval';

/**
 * The outcome of {@link Guard.decide}. `verdict`, `code`, `status` and `allowed` are there at once; everything else
 * is written on first read, from the request and the guard as they were when it was decided.
 */
export interface Decision {
  readonly verdict: Verdict;
  /** True for `allow` and nothing else. */
  readonly allowed: boolean;
  /** Why it is not allowed: a stable name; `null` on allow. */
  readonly code: string | null;
  /** The HTTP status of the answer: 200 on allow. */
  readonly status: number;

  /** The host's own id of the request. */
  readonly id: string;
  /** When it was decided: seconds since 1970-01-01 UTC; `null` where the host had no clock. */
  readonly at: number | null;
  /** Which policy decided: a digest. */
  readonly policy: string;
  /** The stage that refused; `null` on allow. */
  readonly stage: string | null;
  /**
   * Who is making the request, on whose behalf, in which relationship; each fact with its source.
   * `null` until a token is verified.
   */
  readonly who: Who | null;
  readonly action: string | null;
  readonly object: string | null;
  /** The id of the rule that allowed, or came nearest. */
  readonly rule: string | null;
  /** Every check, in order, with its result. */
  readonly checks: readonly Check[];
  /** On allow the proof; on refusal the smallest set of conditions that failed. */
  readonly because: readonly unknown[];
  readonly missing: readonly unknown[];
  readonly shadow: readonly unknown[];
  /** The value of `WWW-Authenticate`, where the answer has one. */
  readonly challenge: string | null;
  /** For the client. It never tells whether an object exists. `null` on allow. */
  readonly reasonUser: string | null;
  /** For the administrator. `null` on allow. */
  readonly reasonAdmin: string | null;

  /** The decision document, so that `JSON.stringify(decision)` is the document. */
  toJSON(): DecisionDocument;
  /** The decision document as the core wrote it: the same bytes in every host. */
  toString(): string;
}

/** Who is making a request. */
export interface Who {
  readonly user: Party;
  readonly agent: Party;
  readonly instance: Instance;
  readonly relationship: Relationship;
  readonly chain: Chain;
  /** How the token was shown to be the sender's: `bearer`, or the kind of proof; `null` before that is checked. */
  readonly binding: string | null;
}

/** A fact, or that there is none. */
export interface Fact {
  /** The token says that there is none. */
  readonly absent?: true;
  /** It could not be established, and why. */
  readonly unknown?: string;
  /** It does not stand in the token as it is: how it was found. */
  readonly derived?: string;
  /** Where it was read, such as `token:sub`. */
  readonly source: string | null;
}

/** A user or an agent. */
export interface Party extends Fact {
  readonly iss?: string;
  readonly sub?: string;
  readonly role?: string;
}

/** One task or session of an agent. */
export interface Instance extends Fact {
  readonly iss?: string;
  readonly id?: string;
  readonly kind?: string;
  readonly parent?: { readonly iss: string; readonly id: string };
}

/** How the agent stands to the user. */
export interface Relationship {
  readonly kind: string | null;
  readonly mode: string | null;
  readonly authority: string | null;
  readonly task: string | null;
  /** Seconds since 1970-01-01 UTC. */
  readonly present_until: number | null;
  readonly source: string | null;
}

/** The agents before this one. */
export interface Chain {
  readonly hops: readonly Hop[];
  /** Whether every one of them has a record of its own. */
  readonly complete: boolean;
  readonly trust: string;
}

/** An agent before this one. */
export interface Hop {
  readonly iss: string | null;
  readonly sub: string | null;
  readonly instance: string | null;
  readonly source: string;
  readonly record: string | null;
}

/** One check and how it went. */
export interface Check {
  readonly name: string;
  readonly result: string;
}

/** The decision document, its members named as every host writes them. */
export interface DecisionDocument {
  readonly v: number;
  readonly id: string;
  readonly at: number | null;
  readonly policy: string;
  readonly decision: Verdict;
  readonly stage: string | null;
  readonly code: string | null;
  readonly status: number;
  readonly who: Who | null;
  readonly action: string | null;
  readonly object: string | null;
  readonly rule: string | null;
  readonly checks: readonly Check[];
  readonly because: readonly unknown[];
  readonly missing: readonly unknown[];
  readonly shadow: readonly unknown[];
  readonly challenge: string | null;
  readonly reason_user: string | null;
  readonly reason_admin: string | null;
}

/** Why a configuration, a key set or an option is not accepted. */
export class ActforError extends Error {
  private constructor();
  readonly name: 'ActforError';
  /** The stable code, such as `config_invalid`. */
  readonly code: string;
  /** The path of the field, such as `issuers[0].audience`; empty for the document as a whole. */
  readonly path: string;
  /** Where in a rule file, model or tuple file it is; `null` if it is in none. */
  readonly position: ErrorPosition | null;
}

/** A place in a text; line and column are counted from 1. */
export interface ErrorPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The offending text, shortened. */
  readonly symbol: string;
}

/** An issuer whose keys the host has to fetch. */
export interface KeySource {
  readonly issuer: string;
  readonly jwksUri: string;
}

/** A JWK Set (RFC 7517). */
export interface JsonWebKeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** The configuration document: the same in every host. */
export interface GuardConfig {
  readonly issuers: readonly IssuerConfig[];
  /** Per name space, how a principal becomes an object of the model. Required with more than one name space. */
  readonly names?: Readonly<Record<string, NameConfig>>;
  /** The rules, as text. */
  readonly policy: string;
  /** The files that the rules name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly tuples?: readonly TupleConfig[];
  readonly [member: string]: unknown;
}

/** One issuer whose tokens are accepted. */
export interface IssuerConfig {
  readonly issuer: string;
  readonly audience: string | readonly string[];
  readonly algorithms: readonly string[];
  readonly dialect: string;
  readonly jwks?: JsonWebKeySet;
  readonly jwks_uri?: string;
  readonly binding?: 'required' | 'optional';
  readonly speaks_for?: readonly string[];
  readonly clients?: Readonly<Record<string, string | Readonly<Record<string, unknown>>>>;
  /** Seconds. */
  readonly leeway?: number;
  readonly [member: string]: unknown;
}

/** How the principals of one name space become objects. */
export interface NameConfig {
  readonly user?: string;
  readonly agent?: string;
  readonly instance?: string;
  readonly client?: string;
  readonly same_as?: string;
  readonly [member: string]: unknown;
}

/** One relationship: `user` is `relation` of `object`. */
export interface TupleConfig {
  readonly user: string;
  readonly relation: string;
  readonly object: string;
  readonly condition?: { readonly name: string; readonly context?: Readonly<Record<string, unknown>> };
}
