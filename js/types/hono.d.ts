/**
 * Hono 4.
 *
 * @module
 */

import type { MiddlewareHandler } from 'hono';

import type { FetchOptions } from './fetch.js';
import type { Decision, Guard } from './index.js';

/**
 * Lets through what the guard allows, as `c.var.actfor`, and answers the rest. Where the rules need the body, what
 * `c.req` gives are the bytes that were decided.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono';
 * import { createGuard } from 'actfor';
 * import { actfor } from 'actfor/hono';
 * const app = new Hono();
 * app.use(actfor(createGuard(config)));
 * app.get('/repos/:repo/readme', (c) => c.text(c.var.actfor.who?.user.sub ?? ''));
 * ```
 */
export function actfor(guard: Guard, options?: HonoOptions): MiddlewareHandler;

export interface HonoOptions extends FetchOptions {}

declare module 'hono' {
  interface ContextVariableMap {
    /** What became of the request: it was allowed, or it would not be here. */
    actfor: Decision;
  }
}
