// What a host hears of decisions: each once, with its audit record where it keeps a chain of them.

import type * as Api from '../types/index.js';
import type { AuditChain } from './actfor_bindings.js';
import { Inside, wasm } from './bindings.js';
import { reporting } from './error.js';

export class Listener {
  readonly #chain: Inside<AuditChain> | undefined;
  readonly #onDecision: Api.HostOptions['onDecision'];
  readonly #onError: Api.HostOptions['onError'];

  constructor({ audit, onDecision, onError }: Api.HostOptions) {
    this.#onDecision = onDecision;
    this.#onError = onError;
    if (audit === undefined) return;
    const { AuditChain } = wasm().glue;
    this.#chain = new Inside('audit chain', reporting(() => new AuditChain(String(audit.chain), audit.head)));
  }

  /** Tells the host. Whatever it does with it, the decision stays what it is. */
  tell(decision: Api.Decision, request: Api.GuardRequest): void {
    const listen = this.#onDecision;
    if (listen === undefined) return;
    try {
      const told: unknown = listen(decision, { request, ...this.#record(decision) });
      if (told instanceof Promise) told.catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  #record(decision: Api.Decision): { record: string | null; head: string | null } {
    const chain = this.#chain?.get();
    if (chain === undefined) return { record: null, head: null };
    const record = reporting(() => chain.append(decision.toString()));
    return { record, head: chain.head() };
  }

  #failed(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    // An audit that fails in silence is worse than one that is missing: without anybody to hear of it, it is uncaught.
    if (this.#onError === undefined) queueMicrotask(() => { throw error; });
    else this.#onError(error);
  }
}
