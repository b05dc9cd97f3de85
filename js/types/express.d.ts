/**
 * Express 5, and every framework whose middleware takes Node's own request and response.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Decision, Guard } from './index.js';

/**
 * Lets through what the guard allows, as `req.actfor`, and answers the rest: 401 with `WWW-Authenticate`, 403, or 503
 * with `Retry-After`, as `application/problem+json` with code, id and one sentence.
 *
 * Mount it before body parsers. Where the rules need the body, it is read here, bounded, and `req.rawBody` and
 * `req.body` are exactly the bytes that were decided; other bodies are left alone.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * import { actfor, type Middleware } from 'actfor/express';
 * declare const app: { use(handler: Middleware): void };
 * app.use(actfor(createGuard(config)));
 * ```
 */
export function actfor(guard: Guard, options?: MiddlewareOptions): Middleware;

export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

export interface MiddlewareOptions {
  /** The id of a request, for the decision, the answer and the log; default: a random one. */
  readonly id?: (req: IncomingMessage) => string;
  /** The most bytes of a body that are read; default 1 MiB. More is answered with 413. */
  readonly bodyLimit?: number;
  /** Milliseconds that one request may wait; default: that of the guard. */
  readonly deadline?: number;
  /** The address of this service's metadata (RFC 9728); it goes into challenges. */
  readonly resourceMetadata?: string;
}

declare global {
  namespace Express {
    interface Request {
      /** What became of the request: it was allowed, or it would not be here. */
      actfor: Decision;
      /** The body as it was decided, where the rules needed it. */
      rawBody?: Uint8Array;
    }
  }
}
