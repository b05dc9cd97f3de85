// A Fastify service behind actfor:   npm install actfor fastify && node fastify.mjs

import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { createGuard } from 'actfor';
import { actfor } from 'actfor/fastify';

const guard = createGuard(readFileSync('actfor.json', 'utf8'));
const app = Fastify();

await app.register(actfor, { guard }); // before routes

app.get('/healthz', async () => 'ok');

/** @typedef {{ Params: { repo: string }, Body: { text: string } }} Repo */
app.get('/repos/:repo/readme', async (/** @type {import('fastify').FastifyRequest<Repo>} */ request) => {
  const { user, agent } = request.actfor.who ?? {};
  return `${request.params.repo}: hello ${user?.sub}, helped by ${agent?.sub ?? 'nobody'}\n`;
});

app.post('/repos/:repo/notes', async (/** @type {import('fastify').FastifyRequest<Repo>} */ request, reply) => {
  reply.code(201);
  return { repo: request.params.repo, text: request.body.text, by: request.actfor.who?.agent.sub };
});

console.log(`listening on ${await app.listen({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' })}`);
