// Fastify 5: a plugin that decides before the body is parsed, and hands on the bytes that were decided.

import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import type * as Api from '../../types/fastify.js';
import { enforce } from './node.js';

/** What is used of Fastify; its own types are the user's. */
type Instance = {
  decorateRequest(name: string, value: unknown): unknown;
  addHook(name: 'preParsing', hook: (request: Request, reply: Reply, payload: Readable) => Promise<unknown>): unknown;
};
type Request = { raw: IncomingMessage; originalUrl: string; actfor: unknown; rawBody?: Buffer };
type Reply = { code(status: number): Reply; headers(fields: object): Reply; send(body: unknown): Reply };

/** See `types/fastify.d.ts`. */
async function plugin(fastify: Instance, options: Api.FastifyOptions): Promise<void> {
  const { guard } = options;
  fastify.decorateRequest('actfor', null);
  fastify.decorateRequest('rawBody', undefined);
  fastify.addHook('preParsing', async (request, reply, payload) => {
    const { decision, body, answer } = await enforce(guard, request.raw, request.originalUrl, payload, options);
    request.actfor = decision;
    if (answer !== undefined) return reply.code(answer.status).headers(answer.headers).send(Buffer.from(answer.body));
    if (body === undefined) return payload;
    request.rawBody = body;
    return Object.assign(Readable.from([body], { objectMode: false }), { receivedEncodedLength: body.length });
  });
}

/** Fastify gives a plugin a scope of its own unless it says otherwise; this one is for whoever registers it. */
export const actfor = Object.assign(plugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'actfor',
  [Symbol.for('plugin-meta')]: { name: 'actfor', fastify: '5.x' },
});
