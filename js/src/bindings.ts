// The WebAssembly instance, shared by every module of the package, and what happens when it breaks.

import type * as Glue from './actfor_bindings.js';

/** One state of a guard inside WebAssembly. */
export type Generation = Glue.Generation;

/** Checks signatures in place of the code in WebAssembly: 1 where one holds, 0 where not, 2 where it cannot tell. */
export interface HostCrypto {
  /** The keys of the guard that asks: set before each question. */
  keys: Map<string, unknown>;
  /** Never throws. The arrays are views of WebAssembly's memory, good until it returns. */
  verify(algorithm: string, thumbprint: Uint8Array, jwk: Uint8Array, message: Uint8Array, signature: Uint8Array): number;
}

type Bindings = {
  readonly glue: typeof Glue;
  readonly crypto: HostCrypto | undefined;
  readonly memory: WebAssembly.Memory;
  readonly codes: readonly (string | null)[];
  readonly headers: ReadonlySet<string>;
  /** At n: whether a header field of n characters is read. Most names are ruled out by their length alone. */
  readonly headerLengths: readonly boolean[];
};

let bindings: Bindings | undefined;
let broken: unknown;

/** Called by an entry as soon as the instance stands, with the host's own crypto where there is one. */
export function provide(glue: typeof Glue, memory: WebAssembly.Memory, crypto?: HostCrypto): void {
  if (crypto !== undefined) glue.useCrypto(crypto);
  const headers = glue.headerNames().split('\n');
  bindings = {
    glue,
    crypto,
    memory,
    codes: [null, ...glue.codeNames().split('\n')],
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
  return bindings !== undefined;
}

/** The instance; throws if there is none yet, or if it has trapped. */
export function wasm(): Bindings {
  if (broken !== undefined) {
    throw new Error('actfor: the WebAssembly instance has failed and is not used again', { cause: broken });
  }
  if (bindings === undefined) {
    throw new Error('actfor is not ready: call `await init()` once, before anything else');
  }
  return bindings;
}

/**
 * To be called with whatever a call into WebAssembly threw. A plain object is an error that the core reports;
 * anything else (a trap, an exhausted stack) leaves the instance in an unknown state.
 */
export function isReported(thrown: unknown): thrown is Reported {
  if (typeof thrown === 'object' && thrown !== null && !(thrown instanceof Error) && 'code' in thrown) return true;
  broken = thrown;
  return false;
}

/** An error as the core reports it. */
export type Reported = {
  code: string;
  path: string;
  message: string;
  position: { file: string; line: number; column: number; symbol: string } | null;
};
