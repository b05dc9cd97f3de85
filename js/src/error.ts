import type * as Api from '../types/index.js';
import { caught, type Reported } from './bindings.js';

/** Why a configuration, a key set or an option is not accepted. */
export class ActforError extends Error implements Api.ActforError {
  override readonly name = 'ActforError';
  readonly code: Api.Code;
  readonly path: string;
  readonly position: Api.ErrorPosition | null;

  constructor(reported: Reported) {
    super(reported.message);
    this.code = reported.code as Api.Code;
    this.path = reported.path;
    this.position = reported.position;
  }
}

/** Calls into WebAssembly off the hot path, and turns what the core reports into an {@link ActforError}. */
export function reporting<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw thrownFor(thrown);
  }
}

/** What to throw for whatever a call into WebAssembly threw. */
export function thrownFor(thrown: unknown): unknown {
  return caught(thrown, (reported) => new ActforError(reported));
}
