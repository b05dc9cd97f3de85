// A handler of the web's own `Request` and `Response` behind actfor, for workers, Deno and Bun; here on Node:
//   npm install actfor @hono/node-server && node fetch.mjs

import { readFileSync } from 'node:fs';
import { serve } from '@hono/node-server';
import { createGuard } from 'actfor';
import { protect } from 'actfor/fetch';

const guard = createGuard(readFileSync('actfor.json', 'utf8'));

const handler = protect(guard, async (request, decision) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/healthz') return new Response('ok');
  const [, , repo, what] = pathname.split('/');
  const { user, agent } = decision.who ?? {};
  if (what === 'readme') return new Response(`${repo}: hello ${user?.sub}, helped by ${agent?.sub ?? 'nobody'}\n`);
  const { text } = await request.json();
  return Response.json({ repo, text, by: agent?.sub }, { status: 201 });
});

serve({ fetch: handler, port: Number(process.env.PORT ?? 8080), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`listening on http://127.0.0.1:${port}`);
});
