// Express 5 (and anything else with `(req, res, next)` on Node's own request and response).

import type { IncomingMessage, ServerResponse } from 'node:http';

import type * as Api from '../../types/express.js';
import type { Guard } from '../../types/index.js';
import type { Answer } from './answer.js';
import { enforce, parsedBody } from './node.js';

type Request = IncomingMessage & { originalUrl?: string; body?: unknown; actfor?: unknown; rawBody?: Buffer; _body?: boolean };

/** See `types/express.d.ts`. */
export function actfor(guard: Guard, options: Api.MiddlewareOptions = {}): Api.Middleware {
  return (req, res, next) => {
    protect(guard, req as Request, res, options).then((pass) => { if (pass) next(); }, next);
  };
}

async function protect(guard: Guard, req: Request, res: ServerResponse, options: Api.MiddlewareOptions): Promise<boolean> {
  const url = req.originalUrl ?? req.url ?? '';
  unread(guard, req, url);
  const { decision, body, answer } = await enforce(guard, req, url, req, options);
  req.actfor = decision;
  if (answer !== undefined) {
    send(res, answer);
    return false;
  }
  if (body !== undefined) keep(req, body);
  return true;
}

/** Bytes that somebody else has read already cannot be the bytes that are decided. */
export function unread(guard: Guard, req: Request, url: string): void {
  if ((req.readableDidRead || req.body !== undefined) && guard.readsBody(req.method ?? '', url)) {
    throw new Error('actfor: the rules need the body of this request, and something has read it before: mount actfor before body parsers');
  }
}

/** Hands on exactly the bytes that were decided; body parsers that come later see that there is nothing to read. */
export function keep(req: Request, body: Buffer): void {
  req.rawBody = body;
  req.body = parsedBody(req, body);
  req._body = true;
}

export function send(res: ServerResponse, { status, headers, body }: Answer): void {
  res.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  res.end(body);
}
