/**
 * Fastify 5.
 *
 * @module
 */

import type { FastifyPluginAsync } from 'fastify';

import type { MiddlewareOptions } from './express.js';
import type { Decision, Guard } from './index.js';

/**
 * A plugin that lets through what the guard allows, as `request.actfor`, and answers the rest. It decides before the
 * body is parsed; where the rules need the body, what is parsed are the bytes that were decided (`request.rawBody`).
 *
 * @example
 * ```ts
 * import Fastify from 'fastify';
 * import { createGuard } from 'actfor';
 * import { actfor } from 'actfor/fastify';
 * const app = Fastify();
 * await app.register(actfor, { guard: createGuard(config) });
 * app.get('/repos/:repo/readme', async (request) => request.actfor.who?.user.sub ?? null);
 * ```
 */
export const actfor: FastifyPluginAsync<FastifyOptions>;

export interface FastifyOptions extends MiddlewareOptions {
  readonly guard: Guard;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What became of the request: it was allowed, or it would not be here. */
    actfor: Decision;
    /** The body as it was decided, where the rules needed it. */
    rawBody?: Uint8Array;
  }
}
