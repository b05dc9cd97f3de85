// What Express, Fastify and plain Node servers have in common: the request, its connection, and the bytes of its body.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import type { MiddlewareOptions } from '../../types/express.js';
import type { Decision, Guard, GuardRequest } from '../../types/index.js';
import { type Answer, refusal, tooLarge } from './answer.js';

/** The most bytes of a body that are read, if nobody says otherwise. */
const BODY_LIMIT = 1_048_576;

/** The bytes of a stream, all of them; `undefined` if there are too many. */
async function readAll(stream: AsyncIterable<Uint8Array>, most: number): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.byteLength;
    if (size > most) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The request as the guard reads it. `url` is the target as it came, before anything rewrote it. */
function guardRequest(req: IncomingMessage, url: string): GuardRequest {
  const socket = req.socket as Partial<TLSSocket> & IncomingMessage['socket'];
  // The connection's certificate, whoever signed it: the token names it by its hash (RFC 8705 §3).
  const fingerprint = socket.getPeerCertificate?.().fingerprint256;
  return { method: req.method ?? '', url, headers: req.rawHeaders, peer: socket.remoteAddress, clientCertificate: fingerprint };
}

/** What became of a request at the door of a Node server. */
export type Outcome = {
  readonly decision: Decision;
  /** The bytes that were decided, where they had to be read. */
  readonly body: Buffer | undefined;
  /** What to answer where the request may not go on. */
  readonly answer: Answer | undefined;
};

/** Reads what has to be read, decides, and says what to answer where the request may not go on. */
export async function enforce(guard: Guard, req: IncomingMessage, url: string, stream: AsyncIterable<Uint8Array>, options: MiddlewareOptions): Promise<Outcome> {
  const id = options.id?.(req) ?? randomUUID();
  // Before the body is read: a stream that is given up has no connection any more.
  const request = guardRequest(req, url);
  const reads = guard.readsBody(request.method, url);
  const body = reads ? await readAll(stream, options.bodyLimit ?? BODY_LIMIT) : undefined;
  // One that is too large is decided without its body, so that it is refused and written down like any other.
  const decision = await guard.authorize({ ...request, body }, { id, deadline: options.deadline });
  if (reads && body === undefined) return { decision, body, answer: tooLarge(id) };
  return { decision, body, answer: decision.allowed ? undefined : refusal(decision, id, options.resourceMetadata) };
}

/** The body as JSON, where it says that it is; the guard has read the same bytes strictly. */
export function parsedBody(req: IncomingMessage, body: Buffer): unknown {
  return /^application\/([\w.-]+\+)?json\b/i.test(req.headers['content-type'] ?? '') ? JSON.parse(body.toString('utf8')) : body;
}
