/// <reference lib="esnext.disposable" />
/**
 * actfor answers, inside the request path: who is really making this request, and on whose behalf? Then it decides.
 *
 * ```ts
 * import { createGuard } from 'actfor';
 *
 * const guard = createGuard(config);
 * const decision = guard.decide({ method: 'GET', url: '/repos/web/readme', headers: { authorization: 'Bearer …' } });
 * if (!decision.allowed) console.log(decision.status, decision.told, decision.reasonUser);
 * ```
 *
 * @module
 */

import type { Code } from './codes.js';

export type { Code } from './codes.js';

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
export function createGuard(config: GuardConfig | string, host?: HostOptions): Guard;

/**
 * Compiles rules into a pack: what a configuration may have in the place of `policy`, without reading rules again. The
 * same input gives the same bytes. What is wrong comes as diagnostics with positions, not as an exception.
 *
 * @throws {@link ActforError} for an option that does not exist.
 *
 * @example
 * ```ts
 * import { compile, createGuard } from 'actfor';
 * const compiled = compile('actfor 1\non repo\n  read needs scope\nallow self to read on repo as read\n'
 *   + 'scope "repo:read" covers read on repo\nroute GET /repos/{id} is read on repo:{id}\n');
 * for (const { position, message } of compiled.diagnostics) console.log(`${position?.line}:${position?.column} ${message}`);
 * if (compiled.ok) createGuard({ ...config, policy: compiled.pack });
 * ```
 */
export function compile(policy: string, options?: CompileOptions): Compilation;

export interface CompileOptions {
  /** The files that the rules name: models. */
  readonly files?: Readonly<Record<string, string>>;
  readonly tuples?: readonly TupleConfig[];
  /** With a relationship server: the relations (`repo#writer`) of which `tuples` has every one. Default: all. */
  readonly complete?: readonly string[];
  /** A host does not go back to a lower one; default 0. */
  readonly serial?: number;
  /** Seconds since 1970-01-01 UTC; default 0, which says nothing. */
  readonly issued?: number;
  /** From when on it decides nothing more: seconds since 1970-01-01 UTC; default 0, never. */
  readonly expires?: number;
}

/** What became of rules. */
export type Compilation = Compiled | NotCompiled;

export interface Compiled {
  readonly ok: true;
  /** The pack: goes into {@link GuardConfig.policy}. Unsigned; `actfor compile --sign` signs. */
  readonly pack: Uint8Array;
  /** The digest that decisions show as `policy`. */
  readonly policy: string;
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface NotCompiled {
  readonly ok: false;
  readonly pack: null;
  readonly policy: null;
  /** The first error. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Something that is wrong, or looks wrong, with rules, a model or a tuple. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly code: Code;
  /** The option that it is about, such as `tuples[3]`; empty for a place in a text. */
  readonly path: string;
  /** What is wrong and what to write instead. */
  readonly message: string;
  /** Where in the rules (file `policy`) or in a model. */
  readonly position: ErrorPosition | null;
}

/**
 * Reads an OpenFGA model (schema 1.1: the language, or its JSON) with tuples, to be asked without tokens and rules.
 * Answers are OpenFGA's own.
 *
 * @param source the model; an object or a text that starts with `{` is taken for JSON.
 * @throws {@link ActforError} `model_invalid` with line, column and what to write instead; `tuple_invalid`.
 *
 * @example
 * ```ts
 * import { parseModel } from 'actfor';
 * const model = parseModel(
 *   'model\n  schema 1.1\ntype user\ntype repo\n  relations\n    define writer: [user]\n    define reader: [user] or writer\n',
 *   [{ user: 'user:ana', relation: 'writer', object: 'repo:web' }],
 * );
 * console.log(model.check({ user: 'user:ana', relation: 'reader', object: 'repo:web' }).allowed); // true
 * console.log(model.listObjects({ user: 'user:ana', relation: 'reader', type: 'repo' }).objects); // ['repo:web']
 * ```
 */
export function parseModel(source: string | object, tuples?: readonly TupleConfig[]): Model;

/** An OpenFGA model with its tuples; it never changes. */
export interface Model {
  /** The same model with other tuples. */
  withTuples(tuples: readonly TupleConfig[]): Model;
  /** Whether a user has a relation to an object. @throws {@link ActforError} where the model does not admit the question. */
  check(question: CheckQuestion, facts?: RelationFacts): CheckAnswer;
  /** The objects of a type to which a user has a relation. */
  listObjects(question: ListObjectsQuestion, facts?: RelationFacts): Objects;
  /** The users, of a type or of a userset, that have a relation to an object. */
  listUsers(question: ListUsersQuestion, facts?: RelationFacts): Users;
  /** What a relation of an object consists of, one level deep, in the form of OpenFGA's `Expand`. */
  expand(question: ExpandQuestion, facts?: RelationFacts): Expansion;
  /** The model in OpenFGA's language. */
  toString(): string;
  /** The model in OpenFGA's JSON. */
  toJSON(): Readonly<Record<string, unknown>>;
  /** Gives the memory back now. */
  dispose(): void;
  [Symbol.dispose](): void;
}

export interface CheckQuestion {
  /** `user:ana`, `user:*` or `group:eng#member`. */
  readonly user: string;
  readonly relation: string;
  readonly object: string;
}

/** What goes along with a question and counts for it alone. */
export interface RelationFacts {
  /** Contextual tuples. */
  readonly tuples?: readonly TupleConfig[];
  /** Values of the parameters of conditions. */
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface CheckAnswer {
  /** True for `truth` `'true'` and nothing else. */
  readonly allowed: boolean;
  /** `'unknown'`: a parameter of a condition is missing, a cycle, or a limit. */
  readonly truth: 'true' | 'false' | 'unknown';
  /** Whether a limit was met. */
  readonly limit: boolean;
  /** The path that led there, or the nearest miss. */
  readonly because: readonly RelationStep[];
}

/** A step of the way to an answer; a step stands behind the one that it explains. */
export interface RelationStep extends CheckQuestion {
  readonly truth: 'true' | 'false' | 'unknown';
  /** Whether this is a tuple, or the lack of one. */
  readonly tuple: boolean;
  readonly depth: number;
}

export interface ListObjectsQuestion {
  readonly user: string;
  readonly relation: string;
  readonly type: string;
  /** The most that are listed; default 1000. */
  readonly most?: number;
}

export interface ListUsersQuestion {
  readonly object: string;
  readonly relation: string;
  /** `user`, or `group#member`. */
  readonly userType: string;
  /** The most that are listed; default 1000. */
  readonly most?: number;
}

export interface ExpandQuestion {
  readonly object: string;
  readonly relation: string;
}

export interface Users {
  /** `user:ana`, `user:*` or `group:eng#member`, sorted. */
  readonly users: readonly string[];
  /** Whether that is all. */
  readonly complete: boolean;
}

/** The tree of a relation, as OpenFGA's `Expand` answers it. */
export interface Expansion {
  readonly tree: { readonly root: Readonly<Record<string, unknown>> };
}

/**
 * Shows what a token says: header, who would be who, and what its dialect cannot say. Nothing is verified: anybody can
 * write such a token. For people, never for a decision.
 *
 * @example
 * ```ts
 * import { inspect } from 'actfor';
 * console.log(inspect('eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2ln').verified); // false
 * ```
 */
export function inspect(token: string, options?: { readonly dialect?: string }): Inspection;

/**
 * A relationship server that speaks OpenFGA's HTTP API, for {@link HostOptions.relationships}: one `BatchCheck` for
 * everything that is missing, in one store and one model.
 *
 * @throws {@link ActforError} without `url`, `storeId` and `modelId`.
 *
 * @example
 * ```ts
 * import { createGuard, openfga } from 'actfor';
 * const relationships = openfga({ url: 'https://fga.internal:8080', storeId: '01J…', modelId: '01J…' });
 * const guard = createGuard(config, { relationships });
 * ```
 */
export function openfga(options: OpenFgaOptions): RelationshipServer;

/**
 * Verifies tokens, says who is who, decides and explains. Make one and keep it.
 *
 * Should WebAssembly run out of memory or stack, every call of every guard that is there throws an `Error` whose `code` is
 * `instance_failed`, from then on; `createGuard` gives one that works.
 */
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
   * Decides one request, and finds out first what is not at hand: key sets, the answer of an introspection, status
   * lists, whether a proof of possession was used before, relationships that are kept on a server. What could not be
   * found out before the deadline refuses, with a code of its own and status 503. Where the host is not Node, RSA and
   * ES384 signatures are checked by Web Crypto, off the thread; without it, here, with the same outcome.
   *
   * @throws the reason of `signal`, when the caller gave up. Nothing else: a refusal is a decision.
   *
   * @example
   * ```ts
   * import type { Guard } from 'actfor';
   * declare const guard: Guard;
   * const decision = await guard.authorize({ method: 'GET', url: '/repos/web/readme', headers: new Headers() }, { deadline: 2000 });
   * ```
   */
  authorize(request: GuardRequest, options?: AuthorizeOptions): Promise<Decision>;

  /**
   * Decides a call of an MCP tool in the place of a request that was decided: with the same token and proof, as things
   * are now. `actfor/mcp` has `guardTool`, which does this with the arguments that the tool really gets.
   */
  authorizeCall(decision: Decision, call: ToolCall, options?: AuthorizeOptions): Promise<Decision>;

  /**
   * Answers a question of AuthZEN 1.0: may this subject do this to this resource? What the question says is asked and
   * proves nothing. Who the subject is comes from the token of `options.request`, and must be the subject; without a
   * token it is refused, unless `options.trustPep` vouches for it. Properties of action and resource, and the context,
   * are `args` of the rules.
   *
   * @throws {@link ActforError} `request_invalid` for what is not an evaluation: AuthZEN answers that with 400.
   *
   * @example
   * ```ts
   * import type { Guard } from 'actfor';
   * declare const guard: Guard;
   * const { decision, context } = await guard.evaluate(
   *   { subject: { type: 'user', id: 'ana' }, action: { name: 'read' }, resource: { type: 'repo', id: 'web' } },
   *   { request: { method: 'GET', url: '/', headers: { authorization: 'Bearer …' } } },
   * );
   * if (!decision) console.log(context?.code, context?.reason_user?.en);
   * ```
   */
  evaluate(evaluation: Evaluation, options?: EvaluateOptions): Promise<EvaluationResult>;

  /**
   * Answers several questions of AuthZEN 1.0 about one request; its proof is used once for all. An evaluation that
   * cannot be read is refused alone, with its error. Without `evaluations` it is {@link Guard.evaluate}.
   *
   * @throws {@link ActforError} `request_invalid`
   */
  evaluations(evaluations: Evaluations, options?: EvaluateOptions): Promise<EvaluationsResult>;

  /**
   * Answers a search of AuthZEN 1.0: which resources, actions or subjects? Everything that is found, an evaluation with
   * the same words allows; `context.complete` says whether that is all. Only resources and subjects that tuples name are
   * found, at most 1000, so a search for subjects is never complete; and each subject needs `options.trustPep`, as there
   * is no token that speaks for several. After `options.deadline` it looks at no more. Nothing is told to `onDecision`.
   *
   * @throws {@link ActforError} `request_invalid`
   *
   * @example
   * ```ts
   * import type { Guard, GuardRequest } from 'actfor';
   * declare const guard: Guard, request: GuardRequest;
   * const { results, context } = await guard.search(
   *   'resource', { subject: { type: 'user', id: 'ana' }, action: { name: 'read' }, resource: { type: 'repo' } }, { request },
   * );
   * console.log(results.map(({ id }) => id), context.complete);
   * ```
   */
  search(what: 'resource', asked: ResourceSearch, options?: EvaluateOptions): Promise<SearchResult<AuthzenEntity>>;
  search(what: 'action', asked: ActionSearch, options?: EvaluateOptions): Promise<SearchResult<AuthzenAction>>;
  search(what: 'subject', asked: SubjectSearch, options?: EvaluateOptions): Promise<SearchResult<AuthzenEntity>>;

  /** Decides one request as {@link Guard.decide} does, and gives the whole document. */
  explain(request: GuardRequest, options?: DecideOptions): DecisionDocument;

  /**
   * Verifies an access token and gives its claims: form, issuer, key, signature, audience, times. It proves nothing
   * about who presents it: a token with `cnf` needs its proof, which only a decision looks at.
   *
   * @throws {@link ActforError} with a code of the token stage.
   */
  verify(token: string, options?: { readonly now?: number }): Claims;

  /** Verifies a token and shows who it is, each fact with its source. For people. */
  inspect(token: string, options?: InspectOptions): Inspection;

  /**
   * What of a list may be called by who made the request of `decision`: each item unless its call would be refused
   * whatever the arguments. Nothing where the token was refused.
   */
  filter<T extends Listed>(decision: Decision, listed: ListKind, items: readonly T[]): T[];

  /**
   * The objects of a type on which who made the request of `decision` may act: those for which a decision allows.
   *
   * @throws {@link ActforError} where the token was refused, or the rules have no such action.
   */
  listObjects(decision: Decision, asked: ObjectsAsked): Objects;

  /** Whether the rules need the body of such a request: then it has to be read before it is decided. */
  readsBody(method: string, url: string): boolean;

  /**
   * Adds and removes tuples, all of them or none. Decisions made before keep their document.
   *
   * @throws {@link ActforError} that names the tuple that is wrong; nothing is changed then.
   *
   * @example
   * ```ts
   * import type { Guard } from 'actfor';
   * declare const guard: Guard;
   * guard.update({ remove: [{ user: 'user:ana', relation: 'writer', object: 'repo:web' }] });
   * ```
   */
  update(change: TupleChange): void;

  /**
   * Takes a list of what is revoked: it replaces the last one, and what the configuration revokes stays.
   *
   * @throws {@link ActforError} for a list that cannot be read or is older than the last, which stays.
   *
   * @example
   * ```ts
   * import type { Guard } from 'actfor';
   * declare const guard: Guard;
   * guard.revoke({ version: 7, revoked: [{ instance: { iss: 'https://as.example', id: 't-77f0' }, until: 1795003600 }] });
   * ```
   */
  revoke(list: RevocationList | string, options?: { readonly now?: number }): void;

  /**
   * Takes a status list token of an issuer ({@link Guard.authorize} fetches them by itself).
   *
   * @throws {@link ActforError} for a list that does not hold or is older than the last, which stays.
   */
  setStatusList(issuer: string, token: string, options?: { readonly now?: number }): void;

  /**
   * Takes a fresh key set, fetched at `now` (default: the host's clock), for an issuer whose configuration has
   * `jwks_uri`. Decisions made before keep their document.
   *
   * `null` says that newer keys are wanted and have not come. Those from before stay in use, and until newer ones are
   * here a token whose key is not among them is refused with `keys_unavailable` (503, ask again) in the place of
   * `key_unknown` (401, the token is no good).
   *
   * @throws {@link ActforError} `keys_invalid`; the keys from before stay in use.
   */
  setKeys(issuer: string, jwks: JsonWebKeySet | string | null, options?: { now?: number }): void;

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
  /** The address of the connection's other end, as the host sees it: `request.peer` in rules. */
  readonly peer?: string | undefined;
  /** SHA-256 of the client certificate of the connection, in hex: `socket.getPeerCertificate().fingerprint256`. */
  readonly clientCertificate?: string | undefined;
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

/** What comes from the host for {@link Guard.authorize}. */
export interface AuthorizeOptions extends DecideOptions {
  /** Ends the waiting: `authorize` then throws its reason. */
  readonly signal?: AbortSignalLike | undefined;
  /** Milliseconds that this request may wait; default: that of {@link HostOptions}. */
  readonly deadline?: number | undefined;
}

/** A call of a tool. */
export interface ToolCall {
  readonly name: string;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
}

/** A subject or a resource of AuthZEN. */
export interface AuthzenEntity {
  readonly type: string;
  readonly id: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

export interface AuthzenAction {
  readonly name: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** A question of AuthZEN 1.0. Members that are not known are ignored. */
export interface Evaluation {
  readonly subject: AuthzenEntity;
  readonly action: AuthzenAction;
  readonly resource: AuthzenEntity;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** Several questions. What an evaluation leaves out stands beside them. */
export interface Evaluations {
  readonly subject?: Partial<AuthzenEntity>;
  readonly action?: Partial<AuthzenAction>;
  readonly resource?: Partial<AuthzenEntity>;
  readonly context?: Readonly<Record<string, unknown>>;
  /** At most 1000. */
  readonly evaluations?: readonly {
    readonly subject?: Partial<AuthzenEntity>;
    readonly action?: Partial<AuthzenAction>;
    readonly resource?: Partial<AuthzenEntity>;
    readonly context?: Readonly<Record<string, unknown>>;
  }[];
  readonly options?: {
    /** Default `execute_all`. The others end with the first evaluation that is so; there are no more results then. */
    readonly evaluations_semantic?: 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit';
  };
}

export interface EvaluateOptions extends AuthorizeOptions {
  /** The request that is to be decided, with the token in it. */
  readonly request?: GuardRequest | undefined;
  readonly trustPep?: TrustPep | undefined;
}

/**
 * What a subject's token would say, by the word of the enforcement point that asks: claims of an issuer of the
 * configuration, in its dialect (`iss`, `sub`, the client, scopes; times and `aud` are filled in). `null` for a subject
 * that is not known. In a search, what is searched for has an empty `id` or `name`. Whoever may call this decides for everybody: let nobody ask who is not an enforcement point of yours.
 */
export type TrustPep = (evaluation: Evaluation) => TrustedClaims | null | Promise<TrustedClaims | null>;

export type TrustedClaims = Readonly<Record<string, unknown>> & { readonly iss: string; readonly sub: string };

export interface EvaluationResult {
  /** True for `allow` and nothing else. */
  readonly decision: boolean;
  /** Why not. */
  readonly context?: EvaluationContext;
}

export interface EvaluationContext {
  readonly code: Code;
  readonly id?: string;
  /** For the administrator. */
  readonly reason_admin?: { readonly en: string };
  /** For whoever asked the enforcement point. */
  readonly reason_user?: { readonly en: string };
  readonly approval?: ApprovalOffer;
  /** There is no decision: the evaluation could not be read (400), or what it needs could not be established (503). */
  readonly error?: { readonly status: number; readonly message: string };
}

/** One result for each evaluation, in their order; or that of a single question. */
export type EvaluationsResult = { readonly evaluations: readonly EvaluationResult[] } | EvaluationResult;

/** On which resources may the subject do this? An `id` of `resource` counts for nothing. */
export interface ResourceSearch extends Omit<Evaluation, 'resource'> {
  readonly resource: Partial<AuthzenEntity> & { readonly type: string };
}

/** What may the subject do to this resource? */
export type ActionSearch = Omit<Evaluation, 'action'>;

/** Who may do this to this resource? An `id` of `subject` counts for nothing. */
export interface SubjectSearch extends Omit<Evaluation, 'subject'> {
  readonly subject: Partial<AuthzenEntity> & { readonly type: string };
}

export interface SearchResult<T> {
  readonly results: readonly T[];
  /** With the reason of a refusal, where nothing was found. */
  readonly context: Partial<EvaluationContext> & {
    /** Whether that is all: no limit was met, and nothing was unknown. */
    readonly complete: boolean;
  };
}

/** An `AbortSignal`. Not spelled out here, because not every project has the types of the web. */
export type AbortSignalLike = typeof globalThis extends { AbortSignal: { prototype: infer T } } ? T : object;

/** The global `fetch`, or what does the same. */
export type Fetch = typeof globalThis extends { fetch: infer F } ? F : (url: string, init?: object) => Promise<object>;

/** What a guard asks of its host: how it reaches others, and what it remembers. All of it is optional. */
export interface HostOptions {
  /** Seconds since 1970-01-01 UTC; default: the host's clock. */
  readonly clock?: () => number;
  /** Milliseconds that one request waits in {@link Guard.authorize}, and one fetch takes; default 5000. */
  readonly deadline?: number;
  /** Default: the global `fetch`. Redirects are not followed, whatever it does by itself. */
  readonly fetch?: Fetch;
  readonly keys?: {
    /** Seconds between two attempts to fetch a key set, whatever a request says; default 10. */
    readonly minInterval?: number;
    /** Seconds after which a key set is fetched again in the background; default 300. */
    readonly refreshAfter?: number;
  };
  readonly introspection?: {
    /** Who this service is, by the endpoint's address. */
    readonly clients?: Readonly<Record<string, IntrospectionClient>>;
    /** Seconds for which an answer is remembered: how late a revocation may be noticed. Default 30; 0 asks every time. */
    readonly cacheSeconds?: number;
  };
  /** Remembers used proofs for all processes of a service (`actfor/redis`). Without one, this guard remembers its own. */
  readonly replayStore?: ReplayStore;
  /** Where relationships are kept that the configuration does not have: {@link openfga}. */
  readonly relationships?: RelationshipServer;
  /**
   * Hears of every decision once, as soon as it is made: refusals, errors and what is public too. What it throws, or
   * the promise that it gives is rejected with, goes to `onError`, and without one is an uncaught error; the decision
   * stays what it is.
   *
   * @example
   * ```ts
   * import { createGuard } from 'actfor';
   * declare function append(line: string): void;
   * createGuard(config, {
   *   audit: { chain: 'api-1/2026-11-25T10:00:00Z' },
   *   onDecision: (decision, { record }) => append(`${record}\n`),
   * });
   * ```
   */
  readonly onDecision?: (decision: Decision, event: DecisionEvent) => unknown;
  /** Writes an audit record for every decision that `onDecision` hears of. It costs what reading the document costs. */
  readonly audit?: AuditOptions;
  /**
   * Hears why something could not be fetched or asked (the request concerned is refused, with its own code), and what
   * `onDecision` throws.
   */
  readonly onError?: (error: Error) => void;
}

/** The chain of audit records that this guard writes; `actfor audit verify` checks it. */
export interface AuditOptions {
  /** The name of the chain: this writer's alone, such as a host's name and the time at which it started. */
  readonly chain: string;
  /** Where the chain ended (`CHAIN:SEQ:DIGEST`), to go on with it. Without one it is a new chain. */
  readonly head?: string;
}

/** What goes along with a decision. */
export interface DecisionEvent {
  readonly request: GuardRequest;
  /** The audit record: one line of JSON in the form of RFC 8785, without its end; `null` without `audit`. */
  readonly record: string | null;
  /** Where the chain ends with it (`CHAIN:SEQ:DIGEST`): keep one elsewhere from time to time. */
  readonly head: string | null;
}

/** How this service shows who it is at an introspection endpoint: by id and secret, or by header fields of its own. */
export type IntrospectionClient =
  | { readonly clientId: string; readonly clientSecret: string }
  | { readonly headers: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>> };

/** Remembers which proofs and approvals were used. */
export interface ReplayStore {
  /**
   * Remembers `key` at least until `until` (seconds) and says whether it was there before, in one step: of two calls
   * at the same time one at most is `first`. If it cannot tell, it throws, and the request is refused.
   */
  remember(key: string, until: number, now: number): ReplayAnswer | Promise<ReplayAnswer>;
}

export type ReplayAnswer = 'first' | 'again';

/** A relationship: `user` is `relation` of `object`. */
export interface TupleKey {
  readonly user: string;
  readonly relation: string;
  readonly object: string;
}

/** Where relationships are kept. */
export interface RelationshipServer {
  /** An answer for each question, in their order; `undefined` where it is not certain. */
  ask(questions: readonly TupleKey[], context: RelationshipContext): Promise<readonly (boolean | undefined)[]>;
}

export interface RelationshipContext {
  /** What verified claims of the token add; nothing that was merely asked. */
  readonly tuples: readonly TupleKey[];
  /** Seconds since 1970-01-01 UTC. */
  readonly now: number;
  readonly signal: AbortSignalLike;
  readonly fetch: Fetch;
}

export interface OpenFgaOptions {
  readonly url: string;
  readonly storeId: string;
  /** The one model that may answer: the model of the rules. */
  readonly modelId: string;
  /** Credentials. */
  readonly headers?: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);
  readonly consistency?: 'MINIMIZE_LATENCY' | 'HIGHER_CONSISTENCY';
}

/** What a server of the Model Context Protocol lists. */
export type ListKind = 'prompts' | 'resources' | 'tools';

/** An item of such a list: tools and prompts have a `name`, resources a `uri`. */
export interface Listed {
  readonly name?: string;
  readonly uri?: string;
}

export interface ObjectsAsked {
  readonly action: string;
  readonly type: string;
  /** The most that are listed; default 1000. */
  readonly most?: number;
}

export interface Objects {
  /** `type:id`, sorted. */
  readonly objects: readonly string[];
  /** Whether that is all. */
  readonly complete: boolean;
}

/** Tuples that are added and removed. */
export interface TupleChange {
  readonly add?: readonly TupleConfig[];
  readonly remove?: readonly TupleKey[];
}

/** A list for the kill switch. */
export interface RevocationList {
  /** Grows with every list; an older one than the last is not taken. */
  readonly version: number;
  readonly revoked: readonly Revocation[];
}

/** What is stopped until a time (seconds since 1970-01-01 UTC). */
export type Revocation = { readonly until: number } & (
  | { readonly instance: { readonly iss: string; readonly id: string } }
  | { readonly agent: { readonly iss: string; readonly sub: string } }
  | { readonly user: { readonly iss: string; readonly sub: string } }
  | { readonly client: { readonly iss: string; readonly client_id: string } }
  | { readonly token: { readonly iss: string; readonly jti: string } }
);

/** The claims of a token whose signature holds. */
export type Claims = Readonly<Record<string, unknown>> & { readonly iss?: string; readonly exp?: number };

export interface InspectOptions {
  /** What goes along with the token: `Agent-Context`, `Agent-Chain`. */
  readonly headers?: GuardHeaders;
  readonly now?: number;
}

/** What a token says of who is who. */
export type Inspection = Readonly<Record<string, unknown>> & { readonly verified: boolean };

/** What became of a request. */
export type Verdict = 'allow' | 'deny' | 'needs_approval';

/**
 * The outcome of a decision. `verdict`, `code`, `status` and `allowed` are there at once; everything else is written
 * on first read, from the request and the guard as they were when it was decided.
 */
export type Decision = Allowed | Denied | NeedsApproval;

export interface Allowed extends AnyDecision {
  readonly verdict: 'allow';
  readonly allowed: true;
  readonly code: null;
  readonly told: null;
  readonly status: 200;
  readonly approval: null;
}

export interface Denied extends AnyDecision {
  readonly verdict: 'deny';
  readonly allowed: false;
  readonly code: Code;
  readonly told: Code;
  readonly stage: string;
  readonly approval: null;
  readonly reasonUser: string;
  readonly reasonAdmin: string;
}

export interface NeedsApproval extends AnyDecision {
  readonly verdict: 'needs_approval';
  readonly allowed: false;
  readonly code: 'needs_approval';
  readonly told: Code;
  readonly stage: string;
  readonly reasonUser: string;
  readonly reasonAdmin: string;
}

/** What has to be approved, and by whom. */
export interface ApprovalOffer {
  /** Goes into `approval_digest` of the approval. */
  readonly digest: string;
  /** `user`, or the relation to the object of those who may approve. */
  readonly by: string;
  /** Seconds since 1970-01-01 UTC. */
  readonly expires: number;
}

/** What every decision has. */
export interface AnyDecision {
  readonly verdict: Verdict;
  /** True for `allow` and nothing else. */
  readonly allowed: boolean;
  /** Why it is not allowed: a stable name; `null` on allow. */
  readonly code: Code | null;
  /** The HTTP status of the answer: 200 on allow. */
  readonly status: number;
  /** What has to be approved first, where something has. */
  readonly approval: ApprovalOffer | null;
  /** The value of `DPoP-Nonce`, where the answer asks for a proof with it (RFC 9449 §9). */
  readonly dpopNonce: string | null;

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
  readonly because: readonly Reason[];
  /** Relationships that would have to be known and are not. */
  readonly missing: readonly TupleKey[];
  /** What the shadow policy decides, where that is something else. */
  readonly shadow: readonly ShadowDecision[];
  /** The value of `WWW-Authenticate`, where the answer has one. */
  readonly challenge: string | null;
  /**
   * The code for the client; it differs from `code` where that would tell an agent what its user may do
   * (`lacks_relation`). `null` on allow.
   */
  readonly told: Code | null;
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

/** A step of the proof, or a condition that failed. */
export interface Reason {
  readonly term: string;
  readonly holds: 'true' | 'false' | 'unknown';
  readonly text: string;
  /** Where in the rules: `policy:14`. */
  readonly at: string | null;
  readonly user?: string;
  readonly relation?: string;
  readonly object?: string;
  readonly source?: string;
  /** The path through the model. */
  readonly via?: readonly (TupleKey & { readonly holds: string; readonly tuple: boolean })[];
}

/** What another policy would have said. */
export interface ShadowDecision {
  readonly policy: string;
  readonly decision: Verdict;
  readonly code: Code | null;
  readonly rule: string | null;
}

/** The decision document, its members named as every host writes them. */
export interface DecisionDocument {
  readonly v: number;
  readonly id: string;
  readonly at: number | null;
  readonly policy: string;
  readonly decision: Verdict;
  readonly stage: string | null;
  readonly code: Code | null;
  readonly status: number;
  readonly who: Who | null;
  readonly action: string | null;
  readonly object: string | null;
  readonly rule: string | null;
  readonly checks: readonly Check[];
  readonly because: readonly Reason[];
  readonly missing: readonly TupleKey[];
  readonly shadow: readonly ShadowDecision[];
  readonly approval?: ApprovalOffer;
  readonly challenge: string | null;
  /** The code for the client, where it is not `code`. */
  readonly told?: Code;
  readonly reason_user: string | null;
  readonly reason_admin: string | null;
}

/** Why a configuration, a key set or an option is not accepted. */
export class ActforError extends Error {
  private constructor();
  readonly name: 'ActforError';
  /** The stable code, such as `config_invalid`. */
  readonly code: Code;
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
  /** The rules, as text; or the pack that they were compiled into ({@link compile}), which has its files and tuples. */
  readonly policy: string | Uint8Array | { readonly pack: string };
  /** The files that the rules name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly tuples?: readonly TupleConfig[];
  /** There is a relationship server; `complete` lists the relations (`repo#writer`) of which `tuples` has every one. */
  readonly relationships?: { readonly complete?: readonly string[] };
  readonly [member: string]: unknown;
}

/** One issuer whose tokens are accepted. */
export interface IssuerConfig {
  readonly issuer: string;
  readonly audience: string | readonly string[];
  readonly algorithms: readonly string[];
  readonly dialect: string;
  readonly jwks?: JsonWebKeySet;
  /** In place of `jwks`: `https://`, or `http://` where the way there is safe in itself. */
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
