import type { KeySource, TupleKey } from '../types/index.js';
import { type Generation, Inside, wasm } from './bindings.js';
import { reporting, thrownFor } from './error.js';
import { type Asked, UNREADABLE } from './request.js';
import type { Signatures } from './web_crypto.js';

const encoder = new TextEncoder();

/** What a request waits for: src/adapters/js/src/facts.rs writes it. */
export type Wanted = {
  readonly introspection?: { readonly endpoint: string; readonly token: string };
  readonly status?: { readonly issuer: string; readonly uri: string };
  readonly use?: { readonly kind: 'proof' | 'approval'; readonly key: string; readonly until: number };
  readonly relations?: { readonly questions: readonly TupleKey[]; readonly tuples: readonly TupleKey[] };
};

/** A request in the buffer: the lengths of its head and of its body (negative: none). */
type Held = { readonly asked: Asked; readonly head: number; readonly body: number };

/** Room for a request with a token of the usual size, so that the buffer seldom grows. */
const FIRST_ROOM = 8192;
/** What is larger is not tried: addresses have 32 bits. */
const MOST = 0x7fff_0000;

/**
 * One state of a guard: the generation inside WebAssembly, and the view of the buffer through which requests reach
 * it. Decisions hold on to the state that made them; when nothing does any more, the generation is collected.
 */
export class State {
  readonly codes = wasm().codes;
  readonly checks = wasm().checks;
  readonly #memory = wasm().memory;
  readonly #crypto = wasm().crypto;
  /** Keys as the host's crypto holds them; shared with the states that follow. */
  readonly #keys: Map<string, unknown>;
  readonly #generation: Inside<Generation>;
  #view = new Uint8Array(0);
  /** What the buffer holds: whoever reads a decision mostly does so before the next one is made. */
  #held: Held | undefined;

  constructor(generation: Generation, keys = new Map<string, unknown>()) {
    this.#generation = new Inside('guard', generation);
    this.#keys = keys;
  }

  /** The signatures of one request, where the host's crypto answers later. */
  signatures(): Signatures | undefined {
    return this.#crypto?.later?.();
  }

  /** Decides; gives the packed verdict. */
  decide(asked: Asked): number {
    const { now, facts } = asked;
    return this.#cross(asked, (generation, head, body) =>
      (facts === '' ? generation.decide(head, body, now) : generation.decideWith(head, body, now, facts)));
  }

  /** Decides again what came out as `packed`; gives the document. */
  explain(asked: Asked, packed: number): string {
    return this.#cross(asked, (generation, head, body) => generation.explain(head, body, asked.now, asked.facts, packed));
  }

  /** The same in the short form that `documentOf` reads. */
  explainShort(asked: Asked, packed: number): string {
    return this.#cross(asked, (generation, head, body) =>
      generation.explainShort(head, body, asked.now, asked.facts, packed));
  }

  /** What the host has to find out before the request can be decided. */
  wanted(asked: Asked, packed: number): Wanted {
    return JSON.parse(this.#cross(asked, (generation, head, body) =>
      generation.wanted(head, body, asked.now, asked.facts, packed))) as Wanted;
  }

  /** The nonce that the answer asks for, where it does. */
  dpopNonce(asked: Asked, packed: number): string | null {
    return this.#cross(asked, (generation, head, body) =>
      generation.dpopNonce(head, body, asked.now, asked.facts, packed)) ?? null;
  }

  /** What of a list may be called; nothing where the token is refused. */
  filter(asked: Asked, packed: number, listed: string, names: readonly string[]): readonly boolean[] {
    const shown = this.#cross(asked, (generation, head, body) =>
      generation.filter(head, body, asked.now, asked.facts, packed, String(listed), JSON.stringify(names)));
    return shown === undefined ? [] : JSON.parse(shown) as boolean[];
  }

  /** The objects that may be acted on. */
  listObjects(asked: Asked, packed: number, action: string, type: string, most: number): string {
    return this.#cross(asked, (generation, head, body) =>
      generation.listObjects(head, body, asked.now, asked.facts, packed, String(action), String(type), most));
  }

  /** The names of a type: its actions, or the objects that tuples name. */
  names(type: string, what: 'actions' | 'objects'): readonly string[] {
    return JSON.parse(this.#call((generation) => generation.names(type, what === 'actions'))) as string[];
  }

  /** Verifies a token and shows who it is. */
  inspect(asked: Asked, token: string): string {
    return this.#cross(asked, (generation, head) => generation.inspect(head, asked.now, asked.facts, token));
  }

  /** Verifies a token; gives its claims. */
  verify(token: string, now: number): string {
    return this.#call((generation) => generation.verify(token, now));
  }

  readsBody(method: string, url: string): boolean {
    return this.#call((generation) => generation.readsBody(String(method), String(url)));
  }

  /** The state that follows with other keys, or where they are awaited; this one stays as it is. */
  withKeys(issuer: string, jwks: Uint8Array | undefined, now: number): State {
    return this.#next((generation) => generation.withKeys(String(issuer), jwks, now));
  }

  /** The state that follows with other tuples. */
  withUpdate(change: Uint8Array): State {
    return this.#next((generation) => generation.withUpdate(change));
  }

  /** The state that follows with a list of what is revoked. */
  withRevoked(list: Uint8Array, now: number): State {
    return this.#next((generation) => generation.withRevoked(list, now));
  }

  /** The state that follows with a status list. */
  withStatusList(issuer: string, token: string, now: number): State {
    return this.#next((generation) => generation.withStatusList(String(issuer), String(token), now));
  }

  keySources(): KeySource[] {
    const lines = this.#call((generation) => generation.keySources()).split('\n');
    const sources: KeySource[] = [];
    for (let i = 0; i + 1 < lines.length; i += 2) {
      sources.push({ issuer: lines[i] as string, jwksUri: lines[i + 1] as string });
    }
    return sources;
  }

  dispose(): void {
    this.#generation.free();
  }

  /** The generation, about to be called: the host's crypto gets the keys of this guard. */
  #alive(signatures?: Signatures): Generation {
    const generation = this.#generation.get();
    if (this.#crypto !== undefined) {
      this.#crypto.keys = this.#keys;
      this.#crypto.asking = signatures;
    }
    return generation;
  }

  #next(change: (generation: Generation) => Generation): State {
    return new State(this.#call(change), this.#keys);
  }

  #call<T>(call: (generation: Generation) => T): T {
    const generation = this.#alive();
    return reporting(() => call(generation));
  }

  #cross<T>(asked: Asked, call: (generation: Generation, head: number, body: number) => T): T {
    const generation = this.#alive(asked.signatures);
    try {
      const { head, body } = this.#held?.asked === asked ? this.#held : this.#write(generation, asked);
      return call(generation, head, body);
    } catch (thrown) {
      throw thrownFor(thrown);
    }
  }

  #write(generation: Generation, asked: Asked): Held {
    this.#held = undefined;
    const fits = this.#makeRoom(generation, room(asked.head) + (asked.body === undefined ? 0 : room(asked.body)));
    const { head, body } = fits ? asked : tooLarge(asked);
    const written = encoder.encodeInto(head, this.#view).written;
    const rest = body === undefined ? -1 : writeBody(body, this.#view.subarray(written));
    return (this.#held = { asked, head: written, body: rest });
  }

  /** Whether there is room for so many bytes, made if need be. */
  #makeRoom(generation: Generation, bytes: number): boolean {
    // A view of length zero is one that lost its memory when that grew.
    if (this.#view.length >= bytes && this.#view.length > 0) return true;
    const fits = bytes <= MOST;
    const size = fits ? Math.max(bytes, FIRST_ROOM) : FIRST_ROOM;
    const at = generation.reserve(size) >>> 0;
    if (at === 0) return this.#makeRoom(generation, Infinity);
    this.#view = new Uint8Array(this.#memory.buffer, at, size);
    return fits;
  }
}

/** A UTF-16 unit takes at most three bytes of UTF-8. */
function room(part: string | Uint8Array): number {
  return typeof part === 'string' ? part.length * 3 : part.length;
}

/** A request that no memory holds, as one that cannot be read and is refused; its id stays. */
function tooLarge({ head }: Asked): { readonly head: string; readonly body: undefined } {
  return { head: `${UNREADABLE}\n${head.split('\n', 2)[1] ?? ''}`, body: undefined };
}

function writeBody(body: string | Uint8Array, view: Uint8Array): number {
  if (typeof body === 'string') return encoder.encodeInto(body, view).written;
  view.set(body);
  return body.length;
}
