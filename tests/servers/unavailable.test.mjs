// Who is down: 503 with `Retry-After`, by every middleware, and no challenge that would make a client throw its token away.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { createGuard, openfga } from 'actfor';
import { actfor as forExpress } from 'actfor/express';
import { actfor as forFastify } from 'actfor/fastify';
import { protect } from 'actfor/fetch';
import { actfor as forHono } from 'actfor/hono';
import { mcpAuth } from 'actfor/mcp';
import { mcpFetch } from 'actfor/mcp-fetch';
import { createTestIssuer, createTestKey } from 'actfor/testing';
import { setting } from '../node/down.mjs';

const { issuer, mint, configOf, DOWN } = setting({ openfga, createTestIssuer, createTestKey });
const mcp = { resource: `${issuer.audience}/mcp`, authorizationServers: [issuer.issuer] };
const passed = () => new Response('passed');

/** Servers with a guard in front: how each is asked. */
const SERVERS = {
  express: (t, guard) => listening(t, createServer(express().use(forExpress(guard), (_, res) => res.send('passed')))),
  fastify: async (t, guard) => {
    const app = fastify();
    t.after(() => app.close());
    await app.register(forFastify, { guard });
    app.get('/repos/:id', async () => 'passed');
    const address = await app.listen({ port: 0, host: '127.0.0.1' });
    return (path, init) => fetch(`${address}${path}`, init);
  },
  hono: (_, guard) => {
    const app = new Hono();
    app.use(forHono(guard));
    app.get('/repos/:id', passed);
    return (path, init) => app.request(path, init);
  },
  fetch: (_, guard) => asked(protect(guard, passed)),
  mcp: (t, guard) => listening(t, createServer(express().use(mcpAuth(guard, mcp), (_, res) => res.send('passed')))),
  'mcp-fetch': (_, guard) => asked(mcpFetch(guard, passed, mcp)),
};

async function listening(t, server) {
  t.after(() => { server.closeAllConnections(); server.close(); });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (path, init) => fetch(`http://127.0.0.1:${server.address().port}${path}`, init);
}

const asked = (handler) => (path, init) => handler(new Request(`${issuer.audience}${path}`, init));

/** A request that is allowed while everybody is up; to an MCP server, a call. */
function request(server, more) {
  if (!server.startsWith('mcp')) return ['/repos/web', { headers: mint(more).request('GET', '/repos/web').headers }];
  const headers = { ...mint(more).request('POST', '/mcp').headers, 'content-type': 'application/json' };
  return ['/mcp', { method: 'POST', headers, body: '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"x"}}' }];
}

for (const [server, open] of Object.entries(SERVERS)) {
  test(`${server}: everybody is up`, async (t) => {
    const response = await (await open(t, createGuard(configOf())))(...request(server));
    assert.deepEqual([response.status, await response.text()], [200, 'passed']);
  });

  for (const [name, { config, host, code, more }] of Object.entries(DOWN)) {
    test(`${server}: ${name} is down`, async (t) => {
      const ask = await open(t, createGuard(config, host()));
      const response = await ask(...request(server, more));
      const { status, headers } = response;
      assert.deepEqual([status, headers.get('retry-after'), headers.get('cache-control'), headers.get('www-authenticate')], [503, '5', 'no-store', null]);
      const body = await response.json();
      if (server.startsWith('mcp')) {
        assert.equal(headers.get('content-type'), 'application/json');
        assert.deepEqual([body.id, body.error.code, body.error.data.code], [4, -32603, code]);
      } else {
        assert.equal(headers.get('content-type'), 'application/problem+json');
        assert.deepEqual([body.status, body.code], [503, code]);
      }
    });
  }
}
