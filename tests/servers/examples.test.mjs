// The examples of the package, started and called: the frameworks with fetch, the MCP servers with the clients of both SDKs.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { examples, setUp, start } from './support.mjs';

for (const name of ['express', 'fastify', 'hono', 'fetch']) {
  test(`${name}.mjs`, async (t) => {
    const { folder, issuer } = setUp(t);
    const address = await start(t, join(examples, `${name}.mjs`), folder);
    const headers = (token) => ({ authorization: `Bearer ${token}` });
    const mint = (...words) => execFileSync(process.execPath, [join(examples, 'token.mjs'), ...words], { cwd: folder, encoding: 'utf8' }).trim();

    assert.equal(await (await fetch(`${address}/healthz`)).text(), 'ok');
    const missing = await fetch(`${address}/repos/web/readme`);
    assert.equal(missing.status, 401);
    assert.equal(missing.headers.get('www-authenticate'), 'Bearer');
    assert.equal(missing.headers.get('content-type'), 'application/problem+json');
    assert.equal((await missing.json()).code, 'token_missing');

    const ana = await fetch(`${address}/repos/web/readme`, { headers: headers(mint('ana', 'repo:read')) });
    assert.equal(await ana.text(), 'web: hello ana, helped by nobody\n');
    const agent = mint('ana', 'repo:web:write', 'code-helper');
    const read = await fetch(`${address}/repos/web/readme`, { headers: headers(agent) });
    assert.equal(await read.text(), 'web: hello ana, helped by code-helper\n');
    const post = (repo, token, body) => fetch(`${address}/repos/${repo}/notes`, {
      method: 'POST', headers: { ...headers(token), 'content-type': 'application/json' }, body,
    });
    const pushed = await post('web', agent, '{"text": "hello"}');
    assert.equal(pushed.status, 201);
    assert.deepEqual(await pushed.json(), { repo: 'web', text: 'hello', by: 'code-helper' });

    const refused = async (response, status, code) => {
      assert.deepEqual([response.status, (await response.json()).code], [status, code]);
    };
    await refused(await post('infra', agent, '{"text": "hello"}'), 403, 'not_covered');
    await refused(await post('web', agent, '{"text": "a", "text": "b"}'), 400, 'argument_invalid');
    for (const size of [1_048_576, 20_000_000]) {
      await refused(await post('web', agent, `{"text": "${'x'.repeat(size)}"}`), 413, 'request_invalid');
    }
    await refused(await post('web', mint('ana', 'repo:web:write', 'code-helper', 'offline'), '{"text": "hello"}'), 403, 'mode_not_allowed');
    const old = issuer.token({ user: 'ana', agent: 'code-helper', scope: 'repo:read', now: 1_000 });
    await refused(await fetch(`${address}/repos/web/readme`, { headers: old.headers }), 401, 'token_expired');
    const forged = issuer.forge(issuer.token({ scope: 'repo:read' }), 'key');
    await refused(await fetch(`${address}/repos/web/readme`, { headers: forged.headers }), 401, 'signature_invalid');
    await refused(await fetch(`${address}/nothing`, { headers: headers(agent) }), 403, 'unmapped');
  });
}

test('the README starts with code that works', async (t) => {
  const readme = readFileSync(join(examples, '../README.md'), 'utf8');
  const [, code] = /```js\n([\s\S]*?)```/.exec(readme);
  assert.ok(readme.startsWith('# actfor\n\n```js\n'));
  const script = join(import.meta.dirname, 'node_modules/.readme.mjs');
  const port = await freePort();
  writeFileSync(script, code.replaceAll('8080', String(port)));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const [said] = await once(child.stdout.setEncoding('utf8'), 'data');
  const [, authorization, url] = /^curl -H 'authorization: (.*)' (\S+)\n$/.exec(said);
  const ask = async (address, headers) => {
    const response = await fetch(address, { headers });
    const text = await response.text();
    return response.ok ? text : JSON.parse(text).code;
  };
  assert.equal(await ask(url, { authorization }), 'web: hello ana, helped by code-helper\n');
  assert.equal(await ask(url.replace('web', 'infra'), { authorization }), 'not_covered');
  assert.equal(await ask(url, {}), 'token_missing');
});

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** What both SDKs' clients have in common here. */
const CLIENTS = {
  'SDK 1.x': (url, token) => connect(new Client({ name: 'test', version: '1' }), StreamableHTTPClientTransport, url, token),
  'SDK 2.x': (url, token) => connect(new NewClient({ name: 'test', version: '1' }), NewTransport, url, token),
  'SDK 2.x, newest protocol': (url, token) => connect(
    new NewClient({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } }), NewTransport, url, token),
};

async function connect(client, Transport, url, token) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  await client.connect(new Transport(new URL(url), { requestInit: { headers } }));
  return client;
}

for (const server of ['mcp-sdk-1', 'mcp-sdk-2']) {
  for (const [name, open] of Object.entries(CLIENTS)) {
    test(`${server}.mjs, called with the client of the ${name}`, async (t) => {
      const { folder, issuer } = setUp(t);
      const address = await start(t, join(examples, `${server}.mjs`), folder);
      const url = `${address}/mcp`;
      const token = (scope, more) => issuer.token({ user: 'ana', agent: 'code-helper', scope, ...more }).token;
      const names = async (client) => (await client.listTools()).tools.map((tool) => tool.name);

      const writer = await open(url, token('repo:web:write'));
      if (server === 'mcp-sdk-2' && name.endsWith('newest protocol')) assert.equal(writer.getNegotiatedProtocolVersion(), '2026-07-28');
      t.after(() => writer.close());
      assert.deepEqual(await names(writer), ['read_readme', 'push_note']);
      const pushed = await writer.callTool({ name: 'push_note', arguments: { repo: 'web', text: 'hello' } });
      assert.deepEqual(pushed.content, [{ type: 'text', text: 'web: hello' }]);
      // The tool has a default.
      assert.deepEqual((await writer.callTool({ name: 'push_note', arguments: { repo: 'web' } })).content, [{ type: 'text', text: 'web: a note' }]);
      await assert.rejects(writer.callTool({ name: 'push_note', arguments: { repo: 'infra', text: 'hello' } }), /does not cover|required "repo:infra:write"/);
      await assert.rejects(writer.callTool({ name: 'drop_database', arguments: {} }), (error) => /not covered by any rule|403/.test(error.message));

      const reader = await open(url, token('repo:read', { mode: 'offline' }));
      t.after(() => reader.close());
      assert.deepEqual(await names(reader), ['read_readme']);
      await assert.rejects(open(url, undefined), (error) => /401|[Uu]nauthorized|access token/.test(error.message));
    });
  }
}
