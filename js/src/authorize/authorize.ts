// A decision for which something may have to be found out first: keys, what the issuer says of the token, a status
// list, whether a proof is used for the first time, relationships that are kept elsewhere. The core says what it lacks
// and decides again with what was found; what was not found refuses.

import type * as Api from '../../types/index.js';
import { codeOf, Decision } from '../decision.js';
import { type Asked, connection, type Facts, ask, timeOf, writeFacts } from '../request.js';
import type { State } from '../state.js';
import { fetchText } from './fetching.js';
import { Introspections } from './introspection.js';
import { issuersOf, Keys } from './keys.js';
import { type Pace, Refreshing } from './refreshing.js';
import { Waiting } from './waiting.js';

/** Each round answers what the one before lacked. A formula has nine terms, and each may ask relationships. */
const ROUNDS = 16;
const STATUS_LIST = 1_048_576;
/** Milliseconds. */
export const DEADLINE = 5_000;

/** Refusals for which a key may be missing. */
const KEYS: ReadonlySet<string | null> = new Set(['keys_unavailable', 'key_unknown', 'hop_record_invalid', 'context_invalid']);
/** Refusals that may become something else with what the host finds out. */
const OPEN: ReadonlySet<string | null> = new Set([
  'introspection_unavailable', 'revocation_unavailable', 'proof_store_unavailable', 'approval_store_unavailable',
]);
/** The same, with a relationship server. */
const RELATED: ReadonlySet<string | null> = new Set(['relation_missing', 'condition_failed', 'forbidden', 'needs_approval']);

/** What `authorize` needs of a guard. */
export type Holder = {
  state: State;
  keySources(): Api.KeySource[];
};

export class Authorizer {
  readonly #guard: Holder;
  readonly #fetch: Api.Fetch;
  readonly #deadline: number;
  readonly #clock: () => number;
  readonly #keys: Keys;
  readonly #introspections: Introspections;
  readonly #statuses = new Map<string, Refreshing>();
  readonly #pace: Pace;
  readonly #store: Api.ReplayStore | undefined;
  readonly #relationships: Api.RelationshipServer | undefined;
  readonly #failed: (error: unknown) => void;

  constructor(guard: Holder, host: Api.HostOptions, clock: () => number) {
    this.#guard = guard;
    this.#clock = clock;
    this.#fetch = host.fetch ?? ((...args) => globalThis.fetch(...args));
    this.#deadline = host.deadline ?? DEADLINE;
    this.#store = host.replayStore;
    this.#relationships = host.relationships;
    this.#failed = (error) => host.onError?.(error instanceof Error ? error : new Error(String(error)));
    const { minInterval = 10, refreshAfter = 300 } = host.keys ?? {};
    this.#pace = { minInterval, deadline: this.#deadline, failed: this.#failed };
    this.#keys = new Keys(guard.keySources(), this.#fetch, { ...this.#pace, refreshAfter }, (issuer, jwks, now) => {
      guard.state = guard.state.withKeys(issuer, jwks === undefined ? undefined : new TextEncoder().encode(jwks), now);
    });
    const { clients = {}, cacheSeconds = 30 } = host.introspection ?? {};
    this.#introspections = new Introspections(this.#fetch, clients, cacheSeconds, this.#deadline);
  }

  /** Decides; `earlier` is a decision about the same request, whose proof was used already. */
  async authorize(request: Api.GuardRequest, options: Api.AuthorizeOptions = {}, more: Facts = {}, earlier?: Api.Decision): Promise<Api.Decision> {
    const facts = { ...connection(request), ...more };
    if (earlier !== undefined) Decision.about(earlier, (_, __, packed) => remember(packed, facts));
    const now = timeOf(options, this.#clock);
    return this.#wait(options, (waiting) => this.#decide(ask(request, options, now), facts, waiting));
  }

  /** Decides another message in the place of a request that was decided: same token, same proof, now. */
  async again(decision: Api.Decision, body: string, options: Api.AuthorizeOptions = {}): Promise<Api.Decision> {
    const { asked, facts } = Decision.about(decision, (_, asked, packed) => {
      const facts = asked.facts === '' ? {} : JSON.parse(asked.facts) as Facts;
      // What may have changed since is asked again.
      delete facts.introspection;
      delete facts.replies;
      remember(packed, facts);
      return { asked, facts };
    });
    const now = timeOf(options, this.#clock);
    return this.#wait(options, (waiting) => this.#decide({ ...asked, body, now }, facts, waiting));
  }

  async #wait(options: Api.AuthorizeOptions, work: (waiting: Waiting) => Promise<Api.Decision>): Promise<Api.Decision> {
    const waiting = new Waiting(options.deadline ?? this.#deadline, options.signal);
    try {
      return await work(waiting);
    } finally {
      waiting.end();
    }
  }

  async #decide(first: Asked, facts: Facts, waiting: Waiting): Promise<Api.Decision> {
    const { now } = first;
    const missing = this.#keys.missing(now);
    if (missing !== undefined) await waiting.for(missing);
    if (this.#store !== undefined) facts.store = true;
    const signatures = this.#guard.state.signatures();
    let asked: Asked = { ...first, facts: writeFacts(facts), signatures };
    const tried = new Set<string>();
    for (let round = 0; ; ) {
      const { state } = this.#guard;
      const decide = (): number => state.decide(asked);
      const packed = signatures === undefined ? decide() : signatures.noting(decide);
      if (signatures?.open === true) {
        // Nobody has checked them yet, so whatever was decided counts for nothing.
        remember(packed, facts);
        if (waiting.over || !(await waiting.for(signatures.answer()))) signatures.close();
        asked = { ...asked, facts: writeFacts(facts) };
        continue;
      }
      const decision = (): Api.Decision => Decision.of(packed, state, asked);
      if ((packed & 3) === 0 || round >= ROUNDS) return decision();
      remember(packed, facts);
      if (waiting.over) {
        // No time is left to ask anybody.
        if (this.#relationships === undefined || facts.relationsUnreachable === true) return decision();
        facts.relationsUnreachable = true;
      } else if (!(await this.#findOut(state, asked, packed, facts, waiting, tried))) {
        return decision();
      }
      asked = { ...asked, facts: writeFacts(facts) };
      round += 1;
    }
  }

  /** Finds out what a refusal lacks; whether there is anything new to decide with. */
  async #findOut(state: State, asked: Asked, packed: number, facts: Facts, waiting: Waiting, tried: Set<string>): Promise<boolean> {
    const code = codeOf(packed, state);
    const found: Promise<boolean>[] = [];
    const first = (what: string): boolean => !tried.has(what) && tried.add(what) !== undefined;
    if (KEYS.has(code) && first('keys')) {
      const running = this.#keys.refresh(issuersOf(asked.head), asked.now);
      // Also where they do not come in time: then nobody can say that a key is unknown.
      if (running !== undefined) found.push(waiting.for(running).then(() => true));
    }
    if (OPEN.has(code) || (this.#relationships !== undefined && RELATED.has(code))) {
      const { introspection, status, use, relations } = state.wanted(asked, packed);
      if (introspection !== undefined && first('introspection')) found.push(this.#introspect(introspection, asked.now, facts, waiting));
      if (status !== undefined && first(`status ${status.uri}`)) found.push(this.#status(status, asked.now, waiting));
      if (use !== undefined && first(use.kind)) found.push(this.#use(use, asked.now, facts, waiting));
      if (relations !== undefined) found.push(this.#relate(relations, asked.now, facts, waiting, tried));
    }
    return (await Promise.all(found)).includes(true);
  }

  async #introspect({ endpoint, token }: { endpoint: string; token: string }, now: number, facts: Facts, waiting: Waiting): Promise<boolean> {
    return this.#try(waiting, async () => {
      facts.introspection = { token, response: await this.#introspections.ask(endpoint, token, now) };
    });
  }

  async #status({ issuer, uri }: { issuer: string; uri: string }, now: number, waiting: Waiting): Promise<boolean> {
    // As many as the configuration lets tokens name, and the core holds at most 64.
    let list = this.#statuses.get(uri);
    if (list === undefined) {
      if (this.#statuses.size >= 256) return false;
      list = new Refreshing(async (signal, at) => {
        const headers = { accept: 'application/statuslist+jwt' };
        const { text } = await fetchText(this.#fetch, { url: uri, headers, most: STATUS_LIST, signal });
        this.#guard.state = this.#guard.state.withStatusList(issuer, text.trim(), at);
      }, this.#pace);
      this.#statuses.set(uri, list);
    }
    const running = list.refresh(now);
    return running !== undefined && waiting.for(running);
  }

  async #use({ kind, key, until }: { kind: 'proof' | 'approval'; key: string; until: number }, now: number, facts: Facts, waiting: Waiting): Promise<boolean> {
    const store = this.#store;
    return store !== undefined && this.#try(waiting, async () => {
      const said: unknown = await store.remember(key, until, now);
      if (said !== 'first' && said !== 'again') throw new Error('the replay store said neither `first` nor `again`');
      facts[kind] = said;
    });
  }

  async #relate({ questions, tuples }: { questions: readonly Api.TupleKey[]; tuples: readonly Api.TupleKey[] }, now: number, facts: Facts, waiting: Waiting, tried: Set<string>): Promise<boolean> {
    const server = this.#relationships;
    const open = questions.filter(({ user, relation, object }) => !tried.has(`${user} ${relation} ${object}`));
    if (server === undefined || open.length === 0) return false;
    for (const { user, relation, object } of open) tried.add(`${user} ${relation} ${object}`);
    const answered = await this.#try(waiting, async () => {
      const replies: readonly unknown[] = await server.ask(open, { tuples, now, signal: waiting.signal, fetch: this.#fetch });
      const more = open.flatMap(({ user, relation, object }, index) => {
        const holds = replies[index];
        return typeof holds === 'boolean' ? [[user, relation, object, holds] as const] : [];
      });
      facts.replies = [...(facts.replies ?? []), ...more];
      const silent = open.length - more.length;
      if (silent > 0) throw new Error(`the relationship server left ${silent} of ${open.length} questions without an answer`);
    });
    // Nobody answered: that is another refusal, and something new to decide with.
    return answered || (facts.relationsUnreachable = true);
  }

  /** What fails here leaves the refusal as it is; the host may want to know. */
  async #try(waiting: Waiting, work: () => Promise<unknown>): Promise<boolean> {
    const tried = work();
    tried.catch(this.#failed);
    return waiting.for(tried);
  }
}

/** A proof that was used for the first time in this decision is not used again by deciding again. */
function remember(packed: number, facts: Facts): void {
  const said = (bits: number): 'first' | 'again' | undefined => ([undefined, 'first', 'again'] as const)[bits & 3];
  const [proof, approval] = [said(packed >>> 12), said(packed >>> 14)];
  if (proof !== undefined) facts.proof = proof;
  if (approval !== undefined) facts.approval = approval;
}
