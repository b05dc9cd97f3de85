// What Express, Fastify and plain Node servers have in common: the request, its connection, and the bytes of its body.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import type { MiddlewareOptions } from '../../types/express.js';
import type { Decision, Guard, GuardRequest } from '../../types/index.js';
import { type Answer, refusal, tooLarge } from './answer.js';

/** The most bytes of a body that are read, if nobody says otherwise. */
export const BODY_LIMIT = 1_048_576;

export class TooLarge extends Error {}

/** The bytes of a stream, all of them. */
export async function readAll(stream: AsyncIterable<Uint8Array>, most: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.byteLength;
    if (size > most) throw new TooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The request as the guard reads it. `url` is the target as it came, before anything rewrote it. */
export function guardRequest(req: IncomingMessage, url: string, body: Uint8Array | undefined): GuardRequest {
  const socket = req.socket as Partial<TLSSocket> & IncomingMessage['socket'];
  // The connection's certificate, whoever signed it: the token names it by its hash (RFC 8705 §3).
  const fingerprint = socket.getPeerCertificate?.().fingerprint256;
  return { method: req.method ?? '', url, headers: req.rawHeaders, body, peer: socket.remoteAddress, clientCertificate: fingerprint };
}

/** What became of a request at the door of a Node server. */
export type Outcome =
  | { readonly decision: Decision; readonly body: Buffer | undefined; readonly answer: undefined }
  | { readonly decision: Decision | undefined; readonly body: Buffer | undefined; readonly answer: Answer };

/** Reads what has to be read, decides, and says what to answer where the request may not go on. */
export async function enforce(guard: Guard, req: IncomingMessage, url: string, stream: AsyncIterable<Uint8Array>, options: MiddlewareOptions): Promise<Outcome> {
  const id = options.id?.(req) ?? randomUUID();
  let body: Buffer | undefined;
  if (guard.readsBody(req.method ?? '', url)) {
    try {
      body = await readAll(stream, options.bodyLimit ?? BODY_LIMIT);
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      return { decision: undefined, body: undefined, answer: tooLarge(id) };
    }
  }
  const decision = await guard.authorize(guardRequest(req, url, body), { id, deadline: options.deadline });
  if (decision.allowed) return { decision, body, answer: undefined };
  return { decision, body, answer: refusal(decision, id, options.resourceMetadata) };
}

/** The body as JSON, where it says that it is; the guard has read the same bytes strictly. */
export function parsedBody(req: IncomingMessage, body: Buffer): unknown {
  return /^application\/([\w.-]+\+)?json\b/i.test(req.headers['content-type'] ?? '') ? JSON.parse(body.toString('utf8')) : body;
}
