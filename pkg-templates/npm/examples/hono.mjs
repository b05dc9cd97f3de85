// A Hono service behind actfor:   npm install actfor hono @hono/node-server && node hono.mjs

import { readFileSync } from 'node:fs';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createGuard } from 'actfor';
import { actfor } from 'actfor/hono';

const guard = createGuard(readFileSync('actfor.json', 'utf8'));
const app = new Hono();

app.use(actfor(guard));

app.get('/healthz', (c) => c.text('ok'));

app.get('/repos/:repo/readme', (c) => {
  const { user, agent } = c.var.actfor.who ?? {};
  return c.text(`${c.req.param('repo')}: hello ${user?.sub}, helped by ${agent?.sub ?? 'nobody'}\n`);
});

app.post('/repos/:repo/notes', async (c) => {
  const { text } = await c.req.json();
  return c.json({ repo: c.req.param('repo'), text, by: c.var.actfor.who?.agent.sub }, 201);
});

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 8080), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`listening on http://127.0.0.1:${port}`);
});
