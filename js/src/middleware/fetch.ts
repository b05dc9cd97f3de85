// Handlers of the web's own `Request` and `Response`: workers, Deno, Bun, and frameworks built on them.

import type * as Api from '../../types/fetch.js';
import type { Decision, Guard } from '../../types/index.js';
import { type Answer, refusal, tooLarge } from './answer.js';

const BODY_LIMIT = 1_048_576;

/**
 * What became of a request; `request` is the one to go on with, and has the bytes that were decided (`body`, where they had
 * to be read).
 */
export type Outcome = {
  readonly decision: Decision;
  readonly request: Request;
  readonly body: Uint8Array | undefined;
  /** What to answer where the request may not go on. */
  readonly answer: Answer | undefined;
};

/** Reads what has to be read, decides, and says what to answer where the request may not go on. */
export async function enforce(guard: Guard, request: Request, options: Api.FetchOptions): Promise<Outcome> {
  const id = options.id?.(request) ?? crypto.randomUUID();
  const { method, url, headers } = request;
  const peer = options.peer?.(request);
  const reads = guard.readsBody(method, url);
  const body = reads ? await readAll(request.body, options.bodyLimit ?? BODY_LIMIT) : undefined;
  // One that is too large is decided without its body, so that it is refused and written down like any other.
  const decision = await guard.authorize({ method, url, headers, body, peer }, { id, deadline: options.deadline, signal: request.signal });
  if (reads && body === undefined) return { decision, request, body, answer: tooLarge(id) };
  const answer = decision.allowed ? undefined : refusal(decision, id, options.resourceMetadata);
  return { decision, request: body === undefined ? request : new Request(request, { body }), body, answer };
}

/** The bytes of a body; `undefined` if there are too many. */
export async function readAll(stream: ReadableStream<Uint8Array> | null, most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const reader = stream?.getReader(); reader !== undefined;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > most) {
      await reader.cancel();
      return undefined;
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

export function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}

/** See `types/fetch.d.ts`. */
export function protect<Rest extends unknown[]>(
  guard: Guard,
  handler: Api.Handler<Rest>,
  options: Api.FetchOptions = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const { decision, request: next, answer } = await enforce(guard, request, options);
    return answer === undefined ? handler(next, decision, ...rest) : toResponse(answer);
  };
}
