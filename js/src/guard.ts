import type * as Api from '../types/index.js';
import { Authorizer, DEADLINE } from './authorize/authorize.js';
import { Listener } from './audit.js';
import * as authzen from './authzen.js';
import { search } from './authzen_search.js';
import { wasm } from './bindings.js';
import { packed } from './compile.js';
import { Decision } from './decision.js';
import { ActforError, reporting } from './error.js';
import { ask, timeOf } from './request.js';
import { State } from './state.js';

/** Builds a guard; see `types/index.d.ts`, where everything public is described. */
export function createGuard(config: Api.GuardConfig | string, host: Api.HostOptions = {}): Guard {
  const { glue } = wasm();
  checkHost(host);
  return new Guard(new State(reporting(() => new glue.Generation(toBytes(written(config))))), host);
}

export class Guard implements Api.Guard {
  /** Never changed, only replaced: a decision keeps the one that made it. */
  state: State;
  readonly #clock: () => number;
  readonly #listener: Listener;
  readonly #authorizer: Authorizer;
  readonly #deadline: number;

  constructor(state: State, host: Api.HostOptions) {
    this.state = state;
    this.#clock = host.clock ?? (() => Date.now() / 1000);
    this.#listener = new Listener(host);
    this.#authorizer = new Authorizer(this, host, this.#clock);
    this.#deadline = host.deadline ?? DEADLINE;
  }

  decide(request: Api.GuardRequest, options?: Api.DecideOptions): Api.Decision {
    const now = timeOf(options, this.#clock);
    const asked = ask(request, options, now);
    const decision = Decision.of(this.state.decide(asked), this.state, asked);
    this.#listener.tell(decision, request);
    return decision;
  }

  async authorize(request: Api.GuardRequest, options?: Api.AuthorizeOptions): Promise<Api.Decision> {
    const decision = await this.#authorizer.authorize(request, options);
    this.#listener.tell(decision, request);
    return decision;
  }

  async authorizeCall(decision: Api.Decision, call: Api.ToolCall, options?: Api.AuthorizeOptions): Promise<Api.Decision> {
    const params = { name: call.name, ...(call.arguments !== undefined && { arguments: call.arguments }) };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'tools/call', params });
    const again = await this.#authorizer.again(decision, body, options);
    this.#listener.tell(again, { method: 'POST', url: '', headers: {}, body });
    return again;
  }

  evaluate(asked: Api.Evaluation, options: Api.EvaluateOptions = {}): Promise<Api.EvaluationResult> {
    return authzen.evaluate(asked, this.#asking(options));
  }

  evaluations(asked: Api.Evaluations, options: Api.EvaluateOptions = {}): Promise<Api.EvaluationsResult> {
    return authzen.evaluations(asked, this.#asking(options));
  }

  async search(what: authzen.Searched, asked: object, options: Api.EvaluateOptions = {}): Promise<Api.SearchResult<never>> {
    // Not told: nothing is accessed, and most of what is looked at was not asked for.
    const until = performance.now() + (options.deadline ?? this.#deadline);
    const result = await search(what, asked, (type, of) => this.state.names(type, of), this.#asking(options, false), until);
    return result as Api.SearchResult<never>;
  }

  /** Decides questions about one request, whose proof is used once for all of them. */
  #asking({ request = NOBODY, trustPep, ...options }: Api.EvaluateOptions, told = true): authzen.Decide {
    let earlier: Api.Decision | undefined;
    return async (asked) => {
      const question = authzen.questionFacts(asked);
      const claims = trustPep === undefined ? undefined : await trustPep(asked);
      const more = claims === undefined || claims === null ? { question } : { question, vouched: claims };
      const decision = await this.#authorizer.authorize(request, options, more, earlier);
      earlier = decision;
      if (told) this.#listener.tell(decision, request);
      return decision;
    };
  }

  explain(request: Api.GuardRequest, options?: Api.DecideOptions): Api.DecisionDocument {
    return this.decide(request, options).toJSON();
  }

  verify(token: string, options?: { now?: number }): Api.Claims {
    return JSON.parse(this.state.verify(String(token), timeOf(options, this.#clock))) as Api.Claims;
  }

  inspect(token: string, options?: Api.InspectOptions): Api.Inspection {
    const headers = options?.headers ?? {};
    const asked = ask({ method: 'GET', url: '/', headers }, undefined, timeOf(options, this.#clock));
    return JSON.parse(this.state.inspect(asked, String(token))) as Api.Inspection;
  }

  filter<T extends Api.Listed>(decision: Api.Decision, listed: Api.ListKind, items: readonly T[]): T[] {
    const names = items.map((item) => String((listed === 'resources' ? item.uri : item.name) ?? ''));
    const shown = Decision.about(decision, (state, asked, packed) => state.filter(asked, packed, listed, names));
    return items.filter((_, index) => shown[index] === true);
  }

  listObjects(decision: Api.Decision, { action, type, most = 1_000 }: Api.ObjectsAsked): Api.Objects {
    return JSON.parse(Decision.about(decision, (state, asked, packed) =>
      state.listObjects(asked, packed, action, type, most))) as Api.Objects;
  }

  readsBody(method: string, url: string): boolean {
    return this.state.readsBody(method, url);
  }

  setKeys(issuer: string, jwks: Api.JsonWebKeySet | string | null, options?: { now?: number }): void {
    // The old state is not freed here: decisions that nobody has read yet may still need it.
    this.state = this.state.withKeys(issuer, jwks === null ? undefined : toBytes(jwks), timeOf(options, this.#clock));
  }

  update(change: Api.TupleChange): void {
    this.state = this.state.withUpdate(toBytes(change));
  }

  revoke(list: Api.RevocationList | string, options?: { now?: number }): void {
    this.state = this.state.withRevoked(toBytes(list), timeOf(options, this.#clock));
  }

  setStatusList(issuer: string, token: string, options?: { now?: number }): void {
    this.state = this.state.withStatusList(issuer, token, timeOf(options, this.#clock));
  }

  keySources(): Api.KeySource[] {
    return this.state.keySources();
  }

  dispose(): void {
    this.state.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Shows what a token says, without a guard and without verifying anything. */
export function inspect(token: string, options?: { dialect?: string }): Api.Inspection {
  return JSON.parse(reporting(() => wasm().glue.inspect(String(token), options?.dialect === undefined ? undefined : String(options.dialect)))) as Api.Inspection;
}

/** A question without a request: there is no token. */
const NOBODY: Api.GuardRequest = { method: 'POST', url: '/', headers: {} };

/** A pack may stand in the place of rules as its bytes. */
function written(config: Api.GuardConfig | string): Api.GuardConfig | string {
  if (typeof config === 'string' || !(config.policy instanceof Uint8Array)) return config;
  return { ...config, policy: packed(config.policy) };
}

const KNOWN = new Set(['audit', 'clock', 'deadline', 'fetch', 'introspection', 'keys', 'onDecision', 'onError', 'relationships', 'replayStore']);

/** A misspelt option is never one left out. */
function checkHost(host: Api.HostOptions): void {
  for (const name of Object.keys(host)) {
    if (KNOWN.has(name)) continue;
    const message = `there is no option \`${name}\`; there are ${[...KNOWN].join(', ')}`;
    throw new ActforError({ code: 'config_invalid', path: `options.${name}`, message, position: null });
  }
}

function toBytes(json: object | string): Uint8Array {
  return new TextEncoder().encode(typeof json === 'string' ? json : JSON.stringify(json));
}
