// The middleware on real connections: what passes, what is answered, and that bytes decided are bytes used.

import assert from 'node:assert/strict';
import { createServer, request as send } from 'node:http';
import { test } from 'node:test';

import { createGuard } from 'actfor';
import { actfor } from 'actfor/express';
import { protect } from 'actfor/fetch';
import { mcpAuth, metadataUrl } from 'actfor/mcp';
import { config, NOW, tokens } from './patterns.mjs';

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const rules = `${config.policy}
on mcp_server
  initialize, tools/list needs scope
on tool
  tools/call needs scope
allow delegated to initialize, tools/list on mcp_server as list
allow delegated to tools/call on tool as call
agent code-helper at most tools/call on tool
agent code-helper at most initialize, tools/list on mcp_server
scope "repo:{name}:rw" covers tools/call on tool:{name}
scope "*" covers initialize, tools/list on mcp_server
mcp /mcp
route POST /repos/{repo}/notes is push on repo:{repo} with text: string from body.text
`;
const guard = createGuard({ ...config, policy: rules }, { clock: () => NOW });

async function serve(t, handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return (method, path, headers = {}, body = undefined) => new Promise((resolve, reject) => {
    const req = send({ port: server.address().port, method, path, headers }, (res) => {
      let text = '';
      res.on('data', (chunk) => { text += chunk; }).on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }));
    });
    req.on('error', reject).end(body);
  });
}

const node = (middleware) => (req, res) => middleware(req, res, (error) => {
  res.statusCode = error ? 500 : 200;
  res.end(error ? error.message : JSON.stringify({ user: req.actfor.who?.user.sub, body: req.body, raw: req.rawBody?.toString(), auth: req.auth && { ...req.auth, extra: undefined } }));
});

test('express: allows, refuses, challenges', async (t) => {
  const ask = await serve(t, node(actfor(guard, { resourceMetadata: 'https://api.example/.well-known/oauth-protected-resource', id: () => 'r-1' })));
  const allowed = await ask('GET', '/repos/web/x', bearer(tokens.T2.token));
  assert.equal(allowed.status, 200);
  assert.equal(JSON.parse(allowed.text).user, 'ana');
  const missing = await ask('GET', '/repos/web/x');
  assert.equal(missing.status, 401);
  assert.equal(missing.headers['www-authenticate'], 'Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource"');
  assert.equal(missing.headers['content-type'], 'application/problem+json');
  assert.deepEqual(JSON.parse(missing.text), { title: 'Unauthorized', status: 401, code: 'token_missing', id: 'r-1', detail: 'An access token is needed.' });
  assert.equal((await ask('PATCH', '/repos/infra/git/refs/heads/fix', bearer(tokens.T1.token))).status, 403);
  const twice = await ask('GET', '/repos/web/x', ['host', 'api.example', 'authorization', `Bearer ${tokens.T2.token}`, 'authorization', `Bearer ${tokens.T1.token}`]);
  assert.equal(JSON.parse(twice.text).code, 'token_ambiguous');
});

test('express: the bytes that are decided are the bytes that are used', async (t) => {
  const heard = [];
  const guard = createGuard({ ...config, policy: rules }, { clock: () => NOW, onDecision: (decision) => heard.push(decision.code) });
  const ask = await serve(t, node(actfor(guard, { bodyLimit: 100 })));
  const headers = { ...bearer(tokens.T1.token), 'content-type': 'application/json' };
  const body = '{"text": "hello"}';
  const { status, text } = await ask('POST', '/repos/web/notes', headers, body);
  assert.equal(status, 200, text);
  assert.deepEqual([JSON.parse(text).raw, JSON.parse(text).body], [body, { text: 'hello' }]);
  assert.equal((await ask('POST', '/repos/web/notes', headers, '{"text":"a","text":"b"}')).status, 400);
  assert.equal((await ask('POST', '/repos/web/notes', headers, ' '.repeat(101))).status, 413);
  assert.deepEqual(heard, [null, 'argument_invalid', 'argument_invalid']);
  const slow = { readsBody: guard.readsBody.bind(guard), authorize: async (...asked) => { await new Promise((resolve) => setTimeout(resolve, 20)); return guard.authorize(...asked); } };
  const slowly = await serve(t, node(actfor(slow, { bodyLimit: 100 })));
  assert.equal((await slowly('POST', '/repos/web/notes', headers, ' '.repeat(3_000_000))).status, 413);
  const late = await serve(t, (req, res) => { req.body = {}; node(actfor(guard))(req, res); });
  assert.match((await late('POST', '/repos/web/notes', headers, body)).text, /before body parsers/);
});

test('mcp: what is called is decided, and answered as JSON-RPC', async (t) => {
  const resource = 'https://api.example/mcp';
  const ask = await serve(t, node(mcpAuth(guard, { resource, authorizationServers: ['https://as.example'], scopes: ['repo:read'] })));
  const call = (name, token = tokens.T1.token) => ask('POST', '/mcp', { ...bearer(token), 'content-type': 'application/json' },
    JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: {} } }));
  const allowed = await call('web');
  assert.equal(allowed.status, 200, allowed.text);
  const { auth } = JSON.parse(allowed.text);
  assert.deepEqual([auth.clientId, auth.scopes, auth.resource], ['code-helper', ['repo:web:rw'], resource]);
  const refused = await call('infra');
  assert.equal(refused.status, 403);
  assert.deepEqual(JSON.parse(refused.text).error.data.code, 'not_covered');
  assert.deepEqual([JSON.parse(refused.text).id, JSON.parse(refused.text).error.code], [7, -32001]);
  const stranger = await call('web', tokens['T1-forged'].token);
  assert.equal(stranger.status, 401);
  assert.match(stranger.headers['www-authenticate'], /resource_metadata="https:\/\/api\.example\/\.well-known\/oauth-protected-resource\/mcp"/);
  const metadata = await ask('GET', new URL(metadataUrl(resource)).pathname);
  assert.deepEqual(JSON.parse(metadata.text), {
    resource, authorization_servers: ['https://as.example'], bearer_methods_supported: ['header'], scopes_supported: ['repo:read'],
  });
});

test('a list shows what may be called', async () => {
  const request = { method: 'POST', url: '/mcp', headers: { ...bearer(tokens.T1.token), 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' };
  const decision = await guard.authorize(request);
  assert.equal(decision.code, null);
  assert.deepEqual(guard.filter(decision, 'tools', [{ name: 'web' }, { name: 'infra' }]), [{ name: 'web' }]);
  assert.deepEqual(guard.listObjects(decision, { action: 'push', type: 'repo' }), { objects: ['repo:web'], complete: true });
  const stranger = await guard.authorize({ ...request, headers: bearer(tokens['T1-forged'].token) });
  assert.deepEqual(guard.filter(stranger, 'tools', [{ name: 'web' }]), []);
});

test('fetch: the handler gets the bytes that were decided', async () => {
  const handler = protect(guard, async (request, decision) => Response.json({ user: decision.who.user.sub, text: await request.text() }));
  const post = (body, headers) => handler(new Request('https://api.example/repos/web/notes', { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } }));
  const body = '{"text": "hello"}';
  assert.deepEqual(await (await post(body, bearer(tokens.T1.token))).json(), { user: 'ana', text: body });
  const refused = await post(body, {});
  assert.equal(refused.status, 401);
  assert.equal((await refused.json()).code, 'token_missing');
});

test('tuples change at work, and what is revoked is refused', () => {
  const own = createGuard(config, { clock: () => NOW });
  const push = { method: 'PATCH', url: '/repos/web/git/refs/heads/fix', headers: bearer(tokens.T1.token) };
  const before = own.decide(push);
  const ana = { user: 'user:ana', relation: 'writer', object: 'repo:web' };
  own.update({ remove: [ana] });
  assert.equal(own.decide(push).code, 'user_lacks_relation');
  assert.equal(before.toJSON().decision, 'allow');
  own.update({ add: [ana] });
  assert.ok(own.decide(push).allowed);
  const { id, iss } = tokens.T1.claims.agent_instance;
  own.revoke({ version: 1, revoked: [{ instance: { iss, id }, until: NOW + 100 }] });
  assert.equal(own.decide(push).code, 'revoked');
  assert.equal(own.verify(tokens.T1.token).sub, 'ana');
  assert.equal(own.inspect(tokens.T1.token).verified, true);
});
