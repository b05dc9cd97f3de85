// Hono: a middleware that puts the decision into the context as `actfor`.

import type { Guard } from '../../types/index.js';
import type * as Api from '../../types/hono.js';
import { enforce, toResponse } from './fetch.js';

/** What is used of Hono's context; its own types are the user's. */
type Context = {
  req: { raw: Request };
  set(name: 'actfor', value: unknown): void;
};

/** See `types/hono.d.ts`. */
export function actfor(guard: Guard, options: Api.HonoOptions = {}) {
  return async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const { decision, request, answer } = await enforce(guard, context.req.raw, options);
    context.set('actfor', decision);
    if (answer !== undefined) return toResponse(answer);
    context.req.raw = request;
    await next();
    return undefined;
  };
}
