// The WebAssembly instance, shared by every module of the package, and what happens when it breaks.

import type * as Glue from './actfor_bindings.js';
import type { Signatures } from './web_crypto.js';

/** One state of a guard inside WebAssembly. */
export type Generation = Glue.Generation;

/** Checks signatures in place of the code in WebAssembly: 1 where one holds, 0 where not, 2 where it cannot tell. */
export interface HostCrypto {
  /** The keys of the guard that asks: set before each question. */
  keys: Map<string, unknown>;
  /** Whether it answers when it is asked. One that does not is asked in `authorize`, with `later`. */
  readonly atOnce: boolean;
  /** The signatures of one request, to be asked about. */
  readonly later?: () => Signatures;
  /** The signatures of the request that is being decided: set before each question. */
  asking?: Signatures | undefined;
  /** Never throws. The arrays are views of WebAssembly's memory, good until it returns. */
  verify(algorithm: string, thumbprint: Uint8Array, jwk: Uint8Array, message: Uint8Array, signature: Uint8Array): number;
}

type Bindings = {
  readonly glue: typeof Glue;
  readonly crypto: HostCrypto | undefined;
  readonly memory: WebAssembly.Memory;
  readonly codes: readonly (string | null)[];
  /** In a short document, the letter at a place is what became of this check. */
  readonly checks: readonly string[];
  readonly headers: ReadonlySet<string>;
  /** At n: whether a header field of n characters is read. Most names are ruled out by their length alone. */
  readonly headerLengths: readonly boolean[];
};

let bindings: Bindings | undefined;
/** Why the last instance failed. */
let failure: { readonly cause: unknown } | undefined;
/** The same module, instantiated anew. */
let restart: () => void;

/** Called by an entry as soon as the instance stands, with the host's own crypto where there is one. */
export function provide(glue: typeof Glue, memory: WebAssembly.Memory, crypto?: HostCrypto): void {
  restart = () => {
    glue.__wbg_reset_state();
    // Gives the exports of the instance that there is.
    provide(glue, glue.initSync({ module: new Uint8Array() }).memory, crypto);
  };
  if (crypto !== undefined) glue.useCrypto(crypto, crypto.atOnce);
  const headers = glue.headerNames().split('\n');
  bindings = {
    glue,
    crypto,
    memory,
    codes: [null, ...glue.codeNames().split('\n')],
    checks: glue.checkNames().split('\n'),
    headers: new Set(headers),
    headerLengths: lengths(headers),
  };
}

function lengths(names: readonly string[]): readonly boolean[] {
  const longest = Math.max(...names.map((name) => name.length));
  return Array.from({ length: longest + 1 }, (_, n) => names.some((name) => name.length === n));
}

/** Whether an entry has provided the instance already. */
export function isProvided(): boolean {
  return bindings !== undefined || failure !== undefined;
}

/** The instance; throws if there is none yet, or none any more. */
export function wasm(): Bindings {
  if (bindings === undefined && failure !== undefined) {
    try {
      restart();
    } catch (error) {
      throw new InstanceError(error);
    }
  }
  if (bindings === undefined) throw new Error('actfor is not ready: call `await init()` once, before anything else');
  return bindings;
}

/** What was inside WebAssembly is gone. */
class InstanceError extends Error {
  override readonly name = 'InstanceError';
  readonly code = 'instance_failed';

  constructor(cause: unknown) {
    super('actfor: the WebAssembly instance has failed, and all that was made in it is gone; make a new guard', { cause });
  }
}

/** Something inside WebAssembly. It goes with its instance. */
export class Inside<T extends { free(): void }> {
  readonly #instance = wasm();
  readonly #name: string;
  #held: T | undefined;

  constructor(name: string, held: T) {
    this.#name = name;
    this.#held = held;
  }

  get(): T {
    if (this.#instance !== bindings) throw new InstanceError(failure?.cause);
    if (this.#held === undefined) throw new Error(`actfor: the ${this.#name} was disposed`);
    return this.#held;
  }

  free(): void {
    if (this.#instance === bindings) this.#held?.free();
    this.#held = undefined;
  }
}

/**
 * What to throw for whatever a call into WebAssembly threw. A plain object is an error that the core reports. A trap or
 * an exhausted stack leaves the instance in an unknown state: nothing in it is used again, and a new one takes its place.
 */
export function caught(thrown: unknown, reported: (error: Reported) => Error): unknown {
  if (typeof thrown === 'object' && thrown !== null && !(thrown instanceof Error) && 'code' in thrown) {
    return reported(thrown as Reported);
  }
  // Firefox has an error of its own for an exhausted stack.
  const trapped = thrown instanceof WebAssembly.RuntimeError || thrown instanceof RangeError
    || (thrown instanceof Error && thrown.name === 'InternalError');
  if (!trapped) return thrown;
  failure = { cause: thrown };
  bindings = undefined;
  try {
    wasm();
  } catch {
    // No room for a new one now; whoever needs it next tries again.
  }
  return new InstanceError(thrown);
}

/** An error as the core reports it. */
export type Reported = {
  code: string;
  path: string;
  message: string;
  position: { file: string; line: number; column: number; symbol: string } | null;
};
