import type * as Api from '../types/index.js';
import { wasm } from './bindings.js';
import { Decision } from './decision.js';
import { reporting } from './error.js';
import { keepBody, writeHead } from './request.js';
import { State } from './state.js';

/** Builds a guard; see `types/index.d.ts`, where everything public is described. */
export function createGuard(config: Api.GuardConfig | string): Guard {
  const { glue } = wasm();
  return new Guard(new State(reporting(() => new glue.Generation(toBytes(config)))));
}

class Guard implements Api.Guard {
  #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  decide(request: Api.GuardRequest, options?: Api.DecideOptions): Decision {
    const now = options?.now === undefined ? Date.now() / 1000 : Number(options.now);
    const head = writeHead(request, options?.id ?? '');
    const body = keepBody(request.body);
    return new Decision(this.#state.decide(head, body, now), this.#state, head, body, now);
  }

  setKeys(issuer: string, jwks: Api.JsonWebKeySet | string): void {
    // The old state is not freed here: decisions that nobody has read yet may still need it.
    this.#state = this.#state.withKeys(issuer, toBytes(jwks));
  }

  keySources(): Api.KeySource[] {
    return this.#state.keySources();
  }

  dispose(): void {
    this.#state.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function toBytes(json: object | string): Uint8Array {
  return new TextEncoder().encode(typeof json === 'string' ? json : JSON.stringify(json));
}
