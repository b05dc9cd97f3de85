// MCP beyond the examples: lists of every kind, tools that decide for themselves, metadata and challenges, for both SDKs.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import * as sdk2 from '@modelcontextprotocol/server';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { discoverOAuthProtectedResourceMetadata, extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { ElicitRequestSchema, ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js';
import * as sdk1 from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';
import { createGuard } from 'actfor';
import { guardLists, guardTool, mcpAuth } from 'actfor/mcp';
import { mcpFetch } from 'actfor/mcp-fetch';
import { createTestIssuer, createTestKey } from 'actfor/testing';

const lists = 'initialize, server/discover, tools/list, resources/list, resources/templates/list, prompts/list';
const policy = `actfor 1
on mcp_server
  ${lists} needs scope
on doc
  read, write needs scope
on resource
  resources/read needs scope
on prompt
  prompts/get needs scope
allow delegated to ${lists} on mcp_server as connect
allow delegated to read, write on doc as docs
allow delegated to resources/read on resource as resources
allow delegated to prompts/get on prompt as prompts
forbid agents to write on doc as size
  when args.size > 3
scope "*" covers ${lists} on mcp_server
scope "doc:{id}" covers read, write on doc:{id}
scope "res:{uri}" covers resources/read on resource:{uri}
scope "ask:{name}" covers prompts/get on prompt:{name}
agent helper at most read, write on doc
agent helper at most ${lists} on mcp_server
agent helper at most resources/read on resource
agent helper at most prompts/get on prompt
mcp /mcp
tool write is write on doc:{id} with size: int
tool ask is read on doc:{id}
`;

/** A server with one of everything, and two of what is listed. */
function build(guard, Server, schema) {
  const server = new Server({ name: 'test', version: '1' }, { capabilities: { tools: {}, resources: {}, prompts: {} } });
  const id = z.string();
  server.registerTool('write', { inputSchema: schema({ id, size: z.number().transform((size) => size * 2) }) },
    guardTool(guard, 'write', async ({ id, size }) => ({ content: [{ type: 'text', text: `${id} ${size}` }] })));
  server.registerTool('other', {}, async () => ({ content: [] }));
  for (const name of ['a', 'b']) {
    server.registerResource(name, `file:///${name}`, {}, async (uri) => ({ contents: [{ uri: uri.href, text: name }] }));
    server.registerPrompt(name, {}, async () => ({ messages: [] }));
  }
  return guardLists(guard, server);
}

const SDKS = {
  'SDK 1.x': (guard) => [build(guard, sdk1.McpServer, (shape) => shape), new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })],
  'SDK 2.x': (guard) => [build(guard, sdk2.McpServer, (shape) => z.object(shape)), new NodeStreamableHTTPServerTransport({ sessionIdGenerator: undefined })],
};

/** A guarded server of an SDK on a real connection. */
async function serve(t, guard, open) {
  const listening = createServer((req, res) => {
    mcpAuth(guard, { resource: `http://127.0.0.1:${listening.address().port}/mcp`, authorizationServers: ['https://as.example'], scopes: ['doc:a'] })(req, res, async (error) => {
      if (error !== undefined) return res.writeHead(500).end(String(error));
      const [server, transport] = open(guard);
      await server.connect(transport);
      await transport.handleRequest(req, res, req.body);
    });
  });
  await new Promise((resolve) => listening.listen(0, '127.0.0.1', resolve));
  t.after(() => { listening.closeAllConnections(); listening.close(); });
  return `http://127.0.0.1:${listening.address().port}/mcp`;
}

const issuer = createTestIssuer();
function guardOf(host, more) {
  return createGuard({
    issuers: [{
      issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'auth0', binding: 'optional',
      jwks: issuer.jwks, clients: { helper: 'agent' },
    }],
    policy, ...more,
  }, host);
}
const mint = (scope, more) => issuer.token({ dialect: 'auth0', user: 'ana', agent: 'helper', scope, ...more });

async function connect(t, url, headers) {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  t.after(() => client.close());
  return client;
}

for (const [name, open] of Object.entries(SDKS)) {
  test(`${name}: every list holds what may be called`, async (t) => {
    const url = await serve(t, guardOf(), open);
    const listed = async (scope) => {
      const client = await connect(t, url, mint(scope).headers);
      const [{ tools }, { resources }, { prompts }] = await Promise.all([client.listTools(), client.listResources(), client.listPrompts()]);
      return [tools.map((one) => one.name), resources.map((one) => one.uri), prompts.map((one) => one.name)];
    };
    assert.deepEqual(await listed('doc:a res:file:///a ask:b'), [['write'], ['file:///a'], ['b']]);
    assert.deepEqual(await listed('nothing'), [[], [], []]);
    const client = await connect(t, url, mint('doc:a res:file:///a ask:b').headers);
    assert.deepEqual((await client.readResource({ uri: 'file:///a' })).contents[0].text, 'a');
    await assert.rejects(client.readResource({ uri: 'file:///b' }), /does not cover/);
    await assert.rejects(client.getPrompt({ name: 'a' }), /does not cover/);
  });

  test(`${name}: a tool decides with the arguments that it gets`, async (t) => {
    const heard = [];
    const url = await serve(t, guardOf({ onDecision: (decision, { request }) => { if (request.method === 'POST') heard.push(decision.code); } }), open);
    const client = await connect(t, url, mint('doc:a').headers);
    heard.length = 0;
    const call = (size, id = 'a') => client.callTool({ name: 'write', arguments: { id, size } });
    assert.deepEqual((await call(1)).content, [{ type: 'text', text: 'a 2' }]);
    assert.deepEqual(heard.splice(0), [null, null]);
    // 2 passes the door; what the schema makes of it does not.
    const refused = await call(2);
    assert.deepEqual([refused.isError, refused.content], [true, [{ type: 'text', text: 'A rule forbids this.' }]]);
    assert.equal(refused._meta['actfor/code'], 'forbidden');
    assert.deepEqual(heard.splice(0), [null, 'forbidden']);
    await assert.rejects(call(4), /forbids/);
    assert.deepEqual(heard.splice(0), ['forbidden']);
  });

  test(`${name}: a proof is used once for the request and its tool`, async (t) => {
    const key = createTestKey();
    const guard = guardOf(undefined, { proof: { base_urls: ['http://127.0.0.1'] } });
    const url = await serve(t, guard, open);
    const token = mint('doc:a', { key });
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'write', arguments: { id: 'a', size: 1 } } });
    const { headers } = token.request('POST', '/mcp', { base: 'http://127.0.0.1' });
    const send = () => fetch(url, { method: 'POST', body, headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' } });
    const first = await send();
    assert.equal(first.status, 200);
    assert.match(await first.text(), /a 2/);
    const again = await send();
    assert.equal(again.status, 401);
    assert.match(again.headers.get('www-authenticate'), /^DPoP error="invalid_dpop_proof"/);
  });
}

test('the same on the web\'s own requests, with the handler of the SDK 2.x', async (t) => {
  const heard = [];
  const guard = guardOf({ onDecision: (decision) => heard.push(decision.code) });
  const handler = sdk2.createMcpHandler(() => build(guard, sdk2.McpServer, (shape) => z.object(shape)));
  const protectedBy = mcpFetch(guard, handler.fetch, { resource: 'https://api.example/mcp', authorizationServers: ['https://as.example'], bodyLimit: 1_000 });
  const client = new NewClient({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  const fetched = (url, init) => protectedBy(new Request(url, init));
  await client.connect(new NewTransport(new URL('https://api.example/mcp'), { fetch: fetched, requestInit: { headers: mint('doc:a ask:b').headers } }));
  t.after(() => client.close());
  assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), ['write']);
  assert.deepEqual((await client.listPrompts()).prompts.map((prompt) => prompt.name), ['b']);
  assert.deepEqual((await client.callTool({ name: 'write', arguments: { id: 'a', size: 1 } })).content, [{ type: 'text', text: 'a 2' }]);
  assert.equal((await client.callTool({ name: 'write', arguments: { id: 'a', size: 2 } }))._meta['actfor/code'], 'forbidden');

  const metadata = await protectedBy(new Request('https://api.example/.well-known/oauth-protected-resource/mcp'));
  assert.equal((await metadata.json()).resource, 'https://api.example/mcp');
  const call = (id, headers, more = '') => protectedBy(new Request('https://api.example/mcp', {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'write', arguments: { id, size: 1, more } } }),
  }));
  const missing = await call('a', {});
  assert.deepEqual([missing.status, missing.headers.get('www-authenticate')], [401, 'Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp"']);
  const refused = await call('b', mint('doc:a').headers);
  assert.deepEqual([refused.status, (await refused.json()).error.data.code], [403, 'not_covered']);
  heard.length = 0;
  const large = await call('a', mint('doc:a').headers, 'x'.repeat(1_000));
  assert.deepEqual([large.status, (await large.json()).code, heard], [413, 'request_invalid', ['message_invalid']]);
});

test('without the guard at the door, lists are empty', async (t) => {
  const [here, there] = InMemoryTransport.createLinkedPair();
  const server = build(guardOf(), sdk1.McpServer, (shape) => shape);
  const client = new Client({ name: 'test', version: '1' });
  await Promise.all([server.connect(here), client.connect(there)]);
  t.after(() => client.close());
  assert.deepEqual([(await client.listTools()).tools, (await client.listPrompts()).prompts], [[], []]);
});

test('a list that is one agent\'s is nobody else\'s to keep', async (t) => {
  const guard = guardOf();
  const hints = { cacheHints: { 'tools/list': { ttlMs: 60_000, cacheScope: 'public' } } };
  const handler = sdk2.createMcpHandler(() => {
    const server = new sdk2.McpServer({ name: 'test', version: '1' }, { capabilities: { tools: {} }, ...hints });
    server.registerTool('write', {}, async () => ({ content: [] }));
    return guardLists(guard, server);
  });
  const protectedBy = mcpFetch(guard, handler.fetch, { resource: 'https://api.example/mcp', authorizationServers: ['https://as.example'] });
  const answers = [];
  const fetched = async (url, init) => {
    const response = await protectedBy(new Request(url, init));
    answers.push(await response.clone().text());
    return response;
  };
  const client = new NewClient({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new NewTransport(new URL('https://api.example/mcp'), { fetch: fetched, requestInit: { headers: mint('doc:a').headers } }));
  t.after(() => client.close());
  assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), ['write']);
  assert.match(answers.at(-1), /"ttlMs":60000/);
  assert.match(answers.at(-1), /"cacheScope":"private"/);
});

test('without the guard at the door, a guarded tool does nothing', async () => {
  const handler = guardTool(guardOf(), 'write', async () => assert.fail());
  for (const extra of [undefined, {}, { authInfo: { token: 'x', clientId: 'x', scopes: [] } }, { http: {} }]) {
    const result = await handler({ id: 'a', size: 1 }, extra);
    assert.deepEqual([result.isError, result._meta['actfor/code']], [true, 'token_missing']);
  }
});

test('what was revoked since the door is refused by the tool', async () => {
  const guard = guardOf();
  const token = mint('doc:a');
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const decision = await guard.authorize({ method: 'POST', url: '/mcp', headers: { ...token.headers, 'content-type': 'application/json' }, body });
  const handler = guardTool(guard, 'write', async () => ({ content: [] }));
  const extra = { authInfo: { token: token.token, clientId: 'helper', scopes: [], extra: { actfor: decision } } };
  assert.deepEqual(await handler({ id: 'a', size: 1 }, extra), { content: [] });
  guard.revoke({ version: 1, revoked: [{ agent: { iss: issuer.issuer, sub: 'helper' }, until: Date.now() / 1000 + 60 | 0 }] });
  assert.equal((await handler({ id: 'a', size: 1 }, extra))._meta['actfor/code'], 'revoked');
});

test('a client finds the metadata by the challenge', async (t) => {
  const url = await serve(t, guardOf(), SDKS['SDK 1.x']);
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} });
  const post = (headers) => fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  const missing = await post({});
  assert.equal(missing.status, 401);
  const { resourceMetadataUrl } = extractWWWAuthenticateParams(missing);
  assert.equal(resourceMetadataUrl.href, `${new URL(url).origin}/.well-known/oauth-protected-resource/mcp`);
  const metadata = await discoverOAuthProtectedResourceMetadata(url, { resourceMetadataUrl });
  assert.deepEqual(metadata, { resource: url, authorization_servers: ['https://as.example'], bearer_methods_supported: ['header'], scopes_supported: ['doc:a'] });
  const forged = await post(issuer.forge(mint('doc:a'), 'signature').headers);
  assert.equal(extractWWWAuthenticateParams(forged).error, 'invalid_token');
  const call = { jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'write', arguments: { id: 'b', size: 1 } } };
  const refused = await fetch(url, { method: 'POST', body: JSON.stringify(call), headers: { 'content-type': 'application/json', ...mint('doc:a').headers } });
  assert.equal(refused.status, 403);
  assert.deepEqual(extractWWWAuthenticateParams(refused).scope, 'doc:b');
  const { id, error } = await refused.json();
  assert.deepEqual([id, error.code, error.data.code], ['c', -32001, 'not_covered']);
});

test('the answer of a client to a question of the server passes with a valid token, and nothing that looks like one', async (t) => {
  const server = new sdk1.McpServer({ name: 'test', version: '1' });
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => 'session' });
  server.registerTool('ask', { inputSchema: { id: z.string() } }, async (_, extra) => {
    // On the stream of this call: no rule of these opens one with GET.
    const params = { mode: 'form', message: 'Sure?', requestedSchema: { type: 'object', properties: {} } };
    const { action } = await extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
    return { content: [{ type: 'text', text: action }] };
  });
  await server.connect(transport);
  const url = await serve(t, guardOf(), () => [{ connect: async () => {} }, transport]);
  const client = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: {} }));
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: mint('doc:a').headers } }));
  t.after(() => client.close());
  assert.deepEqual((await client.callTool({ name: 'ask', arguments: { id: 'a' } })).content, [{ type: 'text', text: 'accept' }]);
  const send = async (message, headers = mint('doc:a').headers) => (await fetch(url, {
    method: 'POST', body: JSON.stringify(message), headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': 'session', ...headers },
  })).status;
  assert.equal(await send({ jsonrpc: '2.0', id: 0, result: {} }), 202);
  assert.equal(await send({ jsonrpc: '2.0', id: 0, result: {} }, {}), 401);
  for (const bad of [
    { jsonrpc: '2.0', id: 0 }, { jsonrpc: '2.0', id: 0, result: {}, error: {} }, { jsonrpc: '2.0', result: {} },
    { jsonrpc: '2.0', id: 0, result: {}, params: {} }, { id: 0, result: {} },
  ]) assert.equal(await send(bad), 400, JSON.stringify(bad));
});
