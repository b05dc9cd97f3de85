/**
 * Handlers of `Request` and `Response`: workers, Deno, Bun, service workers.
 *
 * @module
 */

import type { Decision, Guard } from './index.js';

/**
 * Wraps a handler: it gets requests that the guard allows, with the decision, and the rest is answered. Where the
 * rules need the body, the request that the handler gets has the bytes that were decided.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * import { protect } from 'actfor/fetch';
 * const guard = createGuard(config);
 * export default {
 *   fetch: protect(guard, async (request, decision) => new Response(`hello ${decision.who?.user.sub}`)),
 * };
 * ```
 */
export function protect<Rest extends unknown[]>(
  guard: Guard,
  handler: Handler<Rest>,
  options?: FetchOptions,
): (request: Request, ...rest: Rest) => Promise<Response>;

export type Handler<Rest extends unknown[]> = (request: Request, decision: Decision, ...rest: Rest) => Response | Promise<Response>;

export interface FetchOptions {
  /** The id of a request, for the decision, the answer and the log; default: a random one. */
  readonly id?: (request: Request) => string;
  /** The most bytes of a body that are read; default 1 MiB. More is answered with 413. */
  readonly bodyLimit?: number;
  /** Milliseconds that one request may wait; default: that of the guard. */
  readonly deadline?: number;
  /** The address of the connection's other end, where the host tells it. */
  readonly peer?: (request: Request) => string | undefined;
  /** The address of this service's metadata (RFC 9728); it goes into challenges. */
  readonly resourceMetadata?: string;
}
