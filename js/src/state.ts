import type { KeySource } from '../types/index.js';
import { type Generation, isReported, wasm } from './bindings.js';
import { reporting } from './error.js';

const encoder = new TextEncoder();

/** Room for a request with a token of the usual size, so that the buffer seldom grows. */
const FIRST_ROOM = 8192;

/**
 * One state of a guard: the generation inside WebAssembly, and the view of the buffer through which requests reach
 * it. Decisions hold on to the state that made them; when nothing does any more, the generation is collected.
 */
export class State {
  readonly codes = wasm().codes;
  readonly #memory = wasm().memory;
  readonly #crypto = wasm().crypto;
  /** Keys as the host's crypto holds them; shared with the states that follow. */
  readonly #keys: Map<string, unknown>;
  #generation: Generation | undefined;
  #view = new Uint8Array(0);

  constructor(generation: Generation, keys = new Map<string, unknown>()) {
    this.#generation = generation;
    this.#keys = keys;
  }

  /** Decides; gives the packed verdict. */
  decide(head: string, body: string | Uint8Array | undefined, now: number): number {
    return this.#cross(head, body, (generation, h, b) => generation.decide(h, b, now));
  }

  /** Decides again what came out as `packed`; gives the document. */
  explain(head: string, body: string | Uint8Array | undefined, now: number, packed: number): string {
    return this.#cross(head, body, (generation, h, b) => generation.explain(h, b, now, packed));
  }

  /** The state that follows with other keys; this one stays as it is. */
  withKeys(issuer: string, jwks: Uint8Array, now: number): State {
    const generation = this.#alive();
    return new State(reporting(() => generation.withKeys(issuer, jwks, now)), this.#keys);
  }

  keySources(): KeySource[] {
    const generation = this.#alive();
    const lines = reporting(() => generation.keySources()).split('\n');
    const sources: KeySource[] = [];
    for (let i = 0; i + 1 < lines.length; i += 2) {
      sources.push({ issuer: lines[i] as string, jwksUri: lines[i + 1] as string });
    }
    return sources;
  }

  dispose(): void {
    this.#generation?.free();
    this.#generation = undefined;
  }

  #alive(): Generation {
    wasm();
    if (this.#generation === undefined) throw new Error('actfor: the guard was disposed');
    return this.#generation;
  }

  #cross<T>(
    head: string,
    body: string | Uint8Array | undefined,
    call: (generation: Generation, head: number, body: number) => T,
  ): T {
    const generation = this.#alive();
    try {
      if (this.#crypto !== undefined) this.#crypto.keys = this.#keys;
      const view = this.#room(generation, head.length * 3 + (body === undefined ? 0 : body.length * 3));
      const written = encoder.encodeInto(head, view).written;
      return call(generation, written, body === undefined ? -1 : writeBody(body, view.subarray(written)));
    } catch (thrown) {
      isReported(thrown);
      throw thrown;
    }
  }

  /** A UTF-16 unit takes at most three bytes of UTF-8. */
  #room(generation: Generation, bytes: number): Uint8Array {
    // A view of length zero is one that lost its memory when that grew.
    if (this.#view.length < bytes || this.#view.length === 0) {
      const room = Math.max(bytes, FIRST_ROOM);
      const at = generation.reserve(room) >>> 0;
      this.#view = new Uint8Array(this.#memory.buffer, at, room);
    }
    return this.#view;
  }
}

function writeBody(body: string | Uint8Array, view: Uint8Array): number {
  if (typeof body === 'string') return encoder.encodeInto(body, view).written;
  view.set(body);
  return body.length;
}
