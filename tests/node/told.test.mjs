// What clients are told of a refusal, over real connections: not whose relation is missing, and an approval is good once.

import assert from 'node:assert/strict';
import { createServer, request as send } from 'node:http';
import { test } from 'node:test';

import { createGuard } from 'actfor';
import { actfor } from 'actfor/express';
import { createTestIssuer } from 'actfor/testing';

const NOW = 1_795_000_000;
const issuer = createTestIssuer();
const guard = createGuard({
  issuers: [{
    issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'actfor', binding: 'optional',
    jwks: issuer.jwks, clients: { helper: 'agent' },
  }],
  approvals: [{ issuer: issuer.issuer, algorithms: ['ES256'], jwks: issuer.jwks }],
  policy: `actfor 1
model "notes.fga"
on note
  read, share needs reader
allow joint, delegated to read, share on note as together
approve agents to share on note by user as review
agent helper at most read, share on note
scope "notes" covers read, share on note
route GET /notes/{id} is read on note:{id}
route POST /notes/{id} is share on note:{id}
`,
  files: { 'notes.fga': 'model\n  schema 1.1\ntype user\ntype agent\ntype note\n  relations\n    define reader: [user, agent]\n' },
  tuples: [{ user: 'user:ana', relation: 'reader', object: 'note:hers' }],
}, { clock: () => NOW });

function token(authority) {
  const claims = { agent_rel: { mode: 'interactive', authority, present_until: NOW + 180, hops: 0 } };
  return issuer.token({ user: 'ana', agent: 'helper', scope: 'notes', now: NOW, claims });
}

async function serve(t) {
  const heard = [];
  const middleware = actfor(guard, { id: () => 'r-1' });
  const server = createServer((req, res) => middleware(req, res, (error) => {
    heard.push(req.headers['agent-approval'] ?? 'no approval');
    res.statusCode = error ? 500 : 200;
    res.end();
  }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const ask = (method, path, minted, headers = {}) => new Promise((resolve, reject) => {
    const all = { authorization: `Bearer ${minted.token}`, ...headers };
    send({ port: server.address().port, method, path, headers: all }, (res) => {
      let text = '';
      res.on('data', (chunk) => { text += chunk; }).on('end', () => resolve({ status: res.statusCode, body: text === '' ? null : JSON.parse(text) }));
    }).on('error', reject).end();
  });
  return { ask, heard };
}

test('under joint authority a client is not told whose relation is missing', async (t) => {
  const { ask } = await serve(t);
  const joint = token('joint');
  const [hers, nobodys] = [await ask('GET', '/notes/hers', joint), await ask('GET', '/notes/nobodys', joint)];
  assert.deepEqual(hers, nobodys);
  assert.deepEqual(hers, {
    status: 403,
    body: { title: 'Forbidden', status: 403, code: 'lacks_relation', id: 'r-1', detail: 'It is not established that user and agent are both allowed to do this.' },
  });
  // The host knows.
  const decide = (path) => guard.decide({ method: 'GET', url: path, headers: { authorization: `Bearer ${joint.token}` } }, { now: NOW });
  assert.deepEqual(['/notes/hers', '/notes/nobodys'].map((path) => decide(path).code), ['agent_lacks_relation', 'user_lacks_relation']);
  assert.deepEqual([decide('/notes/hers').told, decide('/notes/hers').toJSON().told], ['lacks_relation', 'lacks_relation']);
  // One side alone is told, and an allow has nothing to tell.
  const lent = token('user');
  assert.equal((await ask('GET', '/notes/nobodys', lent)).body.code, 'user_lacks_relation');
  const allowed = guard.decide({ method: 'GET', url: '/notes/hers', headers: { authorization: `Bearer ${lent.token}` } }, { now: NOW });
  assert.deepEqual([allowed.allowed, allowed.told], [true, null]);
});

test('an approval lets one request through', async (t) => {
  const { ask, heard } = await serve(t);
  const lent = token('user');
  const waiting = await ask('POST', '/notes/hers', lent);
  assert.deepEqual([waiting.status, waiting.body.code], [403, 'needs_approval']);
  const { approval } = guard.decide({ method: 'POST', url: '/notes/hers', headers: { authorization: `Bearer ${lent.token}` } }, { now: NOW });
  assert.equal(approval.by, 'user');
  const given = (by) => ({ 'agent-approval': issuer.approval(approval, { by, now: NOW }) });
  assert.equal((await ask('POST', '/notes/hers', lent, given('bo'))).body.code, 'approval_invalid');
  assert.equal((await ask('POST', '/notes/other', lent, given('ana'))).body.code, 'user_lacks_relation');
  assert.deepEqual(heard, []);
  const good = given('ana');
  assert.equal((await ask('POST', '/notes/hers', lent, good)).status, 200);
  assert.equal((await ask('POST', '/notes/hers', lent, good)).body.code, 'approval_spent');
  assert.equal(heard.length, 1);
});
