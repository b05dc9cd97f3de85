// AuthZEN 1.0: the requests and expectations of the certification scenario (levels Basic, Batch, Search and Discovery), over
// HTTP messages; and what may never be believed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ActforError, createGuard } from 'actfor';
import { authzen } from 'actfor/authzen';
import { createTestIssuer, createTestKey } from 'actfor/testing';

const issuer = createTestIssuer();
const config = {
  issuers: [{
    issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'rfc9068',
    jwks: issuer.jwks, clients: { gateway: 'app', app: 'app' },
  }],
  policy: `actfor 1
model "records.fga"
on record
  read    needs reader
  write   needs writer
  delete  needs writer
allow self to read on record    as read
allow self to write on record   as write
  unless has(args.status) && args.status == "archived" && !(has(claim.role) && claim.role == "admin")
allow self to delete on record  as delete
  when args.soft == true
scope "*" covers read, write, delete on record
route GET    /records/{id} is read on record:{id}
route PUT    /records/{id} is write on record:{id}   with status: string from body.status
route DELETE /records/{id} is delete on record:{id}  with soft: bool from body.soft
`,
  files: { 'records.fga': 'model\n  schema 1.1\ntype user\ntype record\n  relations\n    define writer: [user]\n    define reader: [user] or writer\n' },
  tuples: [
    { user: 'user:alice', relation: 'writer', object: 'record:record-1' },
    { user: 'user:alice', relation: 'writer', object: 'record:record-2' },
    { user: 'user:bob', relation: 'reader', object: 'record:record-1' },
    { user: 'user:bob', relation: 'writer', object: 'record:record-2' },
  ],
};
const trustPep = ({ subject }) => ({
  iss: issuer.issuer, sub: subject.id, client_id: 'gateway', scope: 'records', role: subject.properties?.role,
});
const heard = [];
const guard = createGuard(config, { onDecision: (decision) => heard.push(decision.code) });
const handler = authzen(guard, { url: 'https://pdp.example', authenticate: (request) => request.headers.get('authorization') === 'Bearer pep', trustPep });

async function post(path, body, headers = {}) {
  const request = new Request(`https://pdp.example${path}`, {
    method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { authorization: 'Bearer pep', 'content-type': 'application/json', ...headers },
  });
  const response = await handler(request);
  return { status: response.status, headers: response.headers, body: await response.json() };
}
const evaluate = (body, headers) => post('/access/v1/evaluation', body, headers);
const evaluations = (body) => post('/access/v1/evaluations', body);

const alice = { type: 'user', id: 'alice' };
const bob = { type: 'user', id: 'bob' };
const admin = { ...bob, properties: { role: 'admin' } };
const record = (id, status) => ({ type: 'record', id, ...(status && { properties: { status } }) });
const action = (name, properties) => ({ name, ...(properties && { properties }) });
const question = (subject, name, resource, more) => ({ subject, action: typeof name === 'string' ? action(name) : name, resource, ...more });

test('certification, basic: decisions', async () => {
  const cases = [
    [question(alice, 'read', record('record-1')), true],
    [question(alice, 'write', record('record-1')), true],
    [question(bob, 'read', record('record-1')), true],
    [question(bob, 'write', record('record-1')), false],
    [question(alice, 'read', record('record-1'), { context: { time: '2025-06-27T18:03-07:00', ip: '192.168.1.1' } }), true],
    [question(alice, 'write', record('record-2', 'archived')), false],
    [question(admin, 'write', record('record-2', 'archived')), true],
    [question(alice, action('delete', { soft: true }), record('record-1')), true],
    [question(alice, action('delete', { soft: false }), record('record-1')), false],
    [question({ ...alice, properties: { department: 'Sales', role: 'manager' } }, action('read', { method: 'GET' }),
      { type: 'record', id: 'record-1', properties: { status: 'active', owner: 'bob' } }), true],
    [question(alice, 'read', record('record-1'), { foo: 'bar', futureField: { nested: true } }), true],
  ];
  for (const [body, decision] of cases) {
    const { status, headers, body: answer } = await evaluate(body);
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'application/json');
    assert.equal(answer.decision, decision, JSON.stringify(body));
    // Idempotent.
    assert.deepEqual((await evaluate(body)).body.decision, decision);
  }
});

test('certification, basic: errors and headers', async () => {
  const whole = question(alice, 'read', record('record-1'));
  const without = (name) => { const { [name]: _, ...rest } = whole; return rest; };
  const bad = [
    without('subject'), without('action'), without('resource'),
    { ...whole, subject: { id: 'alice' } }, { ...whole, subject: { type: 'user' } }, { ...whole, action: {} },
    { ...whole, resource: { id: 'record-1' } }, { ...whole, resource: { type: 'record' } },
    { ...whole, subject: 'alice' }, { ...whole, action: { name: 123 } }, { ...whole, context: 'here' },
    { ...whole, resource: { ...whole.resource, properties: [] } }, [], null, 'null', '', '{', '{"a":', '\u00ff',
  ];
  for (const body of bad) {
    const { status, body: answer } = await evaluate(body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.equal(typeof answer, 'string');
  }
  const latin = new TextEncoder().encode(JSON.stringify({ ...whole, context: { x: '?' } })).map((byte) => (byte === 63 ? 255 : byte));
  assert.equal((await handler(new Request('https://pdp.example/access/v1/evaluation', {
    method: 'POST', body: latin, headers: { authorization: 'Bearer pep', 'content-type': 'application/json' },
  }))).status, 400);
  assert.equal((await evaluate(whole, { 'content-type': 'text/plain' })).status, 400);
  assert.equal((await evaluate(whole, { 'content-type': 'application/jsonx' })).status, 400);
  assert.equal((await evaluate(whole, { 'content-type': 'application/json; charset=utf-8' })).status, 200);
  assert.equal((await evaluate(whole, { 'x-request-id': 'r-1' })).headers.get('x-request-id'), 'r-1');
  assert.equal((await evaluate({}, { 'x-request-id': 'r-2' })).headers.get('x-request-id'), 'r-2');
  assert.equal((await evaluate(whole)).headers.get('x-request-id'), null);
  const stranger = await evaluate(whole, { authorization: 'Bearer other' });
  assert.equal(stranger.status, 401);
  assert.equal(stranger.headers.get('www-authenticate'), 'Bearer');
  for (const path of ['/access/v1/search/', '/access/v1/search/tool', '/access/v1/evaluation/', '/x/access/v1/evaluation']) {
    assert.equal((await post(path, whole)).status, 404, path);
  }
  assert.equal((await handler(new Request('https://pdp.example/access/v1/evaluation', { headers: { authorization: 'Bearer pep' } }))).status, 405);
  assert.equal((await evaluate(`{"x":"${' '.repeat(1_048_576)}"}`)).status, 413);
});

const decisions = ({ body }) => body.evaluations.map((one) => one.decision);

test('certification, batch', async () => {
  const r1 = { resource: record('record-1') };
  assert.equal((await evaluations({ subject: alice, action: action('read'), evaluations: [r1, { resource: record('record-2') }] })).body.evaluations.length, 2);
  assert.deepEqual(decisions(await evaluations({ subject: bob, ...r1, evaluations: [{ action: action('read') }, { action: action('write') }] })), [true, false]);
  assert.deepEqual(decisions(await evaluations({
    subject: alice, action: action('write'), evaluations: [{ resource: record('record-1', 'active') }, { resource: record('record-2', 'archived') }],
  })), [true, false]);
  assert.deepEqual(decisions(await evaluations({
    action: action('write'), resource: record('record-2', 'archived'), evaluations: [{ subject: alice }, { subject: admin }],
  })), [false, true]);
  assert.deepEqual(decisions(await evaluations({ evaluations: [question(alice, 'read', record('record-1')), question(bob, 'write', record('record-1'))] })), [true, false]);
  const inherited = await evaluations({
    subject: alice, action: action('read'), context: { time: 'now' }, evaluations: [r1, { resource: record('record-2'), context: { time: 'then', source: 'b' } }],
  });
  assert.deepEqual(decisions(inherited), [true, true]);
  assert.deepEqual(decisions(await evaluations({
    subject: alice, action: action('write'), resource: { type: 'record' },
    evaluations: [{ resource: { id: 'record-1', properties: { status: 'active' } } }, { resource: record('record-2', 'archived') }],
  })), [true, false]);
  const broken = await evaluations({ subject: alice, action: action('read'), evaluations: [r1, {}] });
  assert.deepEqual(decisions(broken), [true, false]);
  assert.deepEqual(broken.body.evaluations[1].context.error, { status: 400, message: 'resource: is missing' });
  assert.equal('decision' in broken.body, false);
  for (const more of [{}, { evaluations: [] }]) {
    assert.deepEqual((await evaluations({ ...question(alice, 'read', record('record-1')), ...more })).body, { decision: true });
  }
  for (const bad of [{ evaluations: {} }, { evaluations: [{}], options: { evaluations_semantic: 'any' } }, { evaluations: Array(1_001).fill({}) }]) {
    assert.equal((await evaluations(bad)).status, 400);
  }
});

test('the three semantics of evaluations', async () => {
  const items = [['record-1', 'read'], ['record-1', 'write'], ['record-2', 'read']].map(([id, name]) => question(bob, name, record(id)));
  const run = (semantic, of = items) => evaluations({ evaluations: of, options: semantic && { evaluations_semantic: semantic } });
  heard.length = 0;
  assert.deepEqual(decisions(await run('execute_all')), [true, false, true]);
  assert.deepEqual(decisions(await run(undefined)), [true, false, true]);
  assert.equal(heard.splice(0).length, 6);
  assert.deepEqual(decisions(await run('deny_on_first_deny')), [true, false]);
  assert.deepEqual(heard.splice(0), [null, 'user_lacks_relation']);
  assert.deepEqual(decisions(await run('permit_on_first_permit')), [true]);
  assert.deepEqual(decisions(await run('permit_on_first_permit', [items[1], {}, items[0], items[2]])), [false, false, true]);
});

const search = async (what, body, headers) => post(`/access/v1/search/${what}`, body, headers);
const found = async (what, body) => {
  const { status, headers, body: answer } = await search(what, body);
  assert.deepEqual([status, headers.get('content-type')], [200, 'application/json'], JSON.stringify(answer));
  assert.equal(typeof answer.context.complete, 'boolean');
  return answer.results.map((one) => one.id ?? one.name);
};
const anyUser = { type: 'user' };
const anyRecord = { type: 'record' };

test('certification, search', async () => {
  const context = { time: '2025-06-27T18:03-07:00' };
  const readers = { subject: anyUser, action: action('read'), resource: record('record-1') };
  for (const more of [{}, { context }, { page: { limit: 1 } }, { page: { token: 'x' } }, { subject: { ...anyUser, id: 'counts for nothing' } }]) {
    assert.deepEqual(await found('subject', { ...readers, ...more }), ['alice', 'bob']);
  }
  assert.deepEqual((await search('subject', readers)).body.results[0], { type: 'user', id: 'alice' });
  // The directory of whoever vouches knows who is an admin.
  const admins = ({ subject }) => ({ ...trustPep({ subject }), role: subject.id === 'bob' ? 'admin' : 'staff' });
  const archived = { subject: anyUser, action: action('write'), resource: record('record-2', 'archived') };
  assert.deepEqual((await guard.search('subject', archived, { trustPep: admins })).results, [bob]);
  const readable = { subject: alice, action: action('read'), resource: anyRecord };
  for (const more of [{}, { context }, { resource: record('counts for nothing') }]) {
    assert.deepEqual(await found('resource', { ...readable, ...more }), ['record-1', 'record-2']);
  }
  assert.deepEqual((await search('resource', readable)).body, {
    results: [{ type: 'record', id: 'record-1' }, { type: 'record', id: 'record-2' }], context: { complete: true },
  });
  assert.deepEqual(await found('resource', { subject: admin, action: action('write'), resource: anyRecord }), ['record-2']);
  assert.deepEqual(await found('action', { subject: alice, resource: record('record-1') }), ['read', 'write']);
  assert.deepEqual(await found('action', { subject: alice, resource: record('record-1'), context: { soft: true } }), ['read', 'write', 'delete']);
  assert.deepEqual(await found('action', { subject: admin, resource: record('record-2', 'archived') }), ['read', 'write']);
  assert.deepEqual(await found('action', { subject: alice, resource: record('record-2', 'archived') }), ['read']);
});

test('certification, search: nothing and nonsense', async () => {
  const nobody = { type: 'user', id: 'nonexistent-user' };
  for (const [what, body] of [
    ['action', { subject: nobody, resource: record('record-1') }], ['action', { subject: alice, resource: { type: 'spaceship', id: 'x' } }],
    ['resource', { subject: nobody, action: action('read'), resource: anyRecord }], ['resource', { subject: alice, action: action('fly'), resource: anyRecord }],
    ['resource', { subject: alice, action: action('read'), resource: { type: 'spaceship' } }],
    ['subject', { subject: { type: 'spaceship' }, action: action('read'), resource: record('record-1') }],
    ['subject', { subject: anyUser, action: action('read'), resource: record('nowhere') }],
  ]) {
    assert.deepEqual(await found(what, body), [], JSON.stringify(body));
  }
  const bad = {
    subject: [
      { subject: anyUser, resource: record('record-1') }, { subject: anyUser, action: action('read'), resource: anyRecord },
      { subject: {}, action: action('read'), resource: record('record-1') }, { action: action('read'), resource: record('record-1') },
    ],
    resource: [
      { action: action('read'), resource: anyRecord }, { subject: anyUser, action: action('read'), resource: anyRecord },
      { subject: alice, resource: anyRecord }, { subject: alice, action: action('read'), resource: {} },
      { subject: alice, action: action('read'), resource: anyRecord, context: 'here' },
    ],
    action: [{ subject: alice }, { subject: alice, resource: anyRecord }, { resource: record('record-1') }, [], null],
  };
  for (const [what, bodies] of Object.entries(bad)) {
    for (const body of bodies) assert.equal((await search(what, body)).status, 400, `${what} ${JSON.stringify(body)}`);
  }
  const readable = { subject: alice, action: action('read'), resource: anyRecord };
  assert.equal((await search('resource', readable, { authorization: 'Bearer other' })).status, 401);
  assert.equal((await search('resource', readable, { 'x-request-id': 'r-3' })).headers.get('x-request-id'), 'r-3');
});

test('a search finds what an evaluation allows, and says where it does not know', async () => {
  heard.length = 0;
  // Who is asking must be the subject; without a token there is nobody.
  const readable = { subject: alice, action: action('read'), resource: anyRecord };
  for (const what of ['resource', 'action', 'subject']) {
    const { results, context } = await guard.search(what, { ...readable, resource: record('record-1') });
    assert.deepEqual([results, context.code], [[], 'token_missing'], what);
  }
  const key = createTestKey();
  const own = createGuard({ ...config, proof: { base_urls: [issuer.audience] } });
  const ask = (what, asked, user = 'alice') =>
    own.search(what, asked, { request: issuer.token({ dialect: 'rfc9068', user, scope: 'records', key }).request('POST', '/records') });
  assert.deepEqual((await ask('resource', readable)).results.map(({ id }) => id), ['record-1', 'record-2']);
  assert.equal((await ask('resource', readable, 'bob')).context.code, 'facts_conflict');
  assert.deepEqual((await ask('action', { subject: bob, resource: record('record-1') }, 'bob')).results, [{ name: 'read' }]);
  assert.equal((await ask('action', { subject: alice, resource: record('record-1') }, 'bob')).context.code, 'facts_conflict');
  // A token speaks for one.
  assert.deepEqual(await ask('subject', { subject: anyUser, action: action('read'), resource: record('record-1') }), { results: [alice], context: { complete: false } });
  // Its proof is good for one search.
  const request = issuer.token({ dialect: 'rfc9068', user: 'alice', scope: 'records', key }).request('POST', '/records');
  assert.equal((await own.search('resource', readable, { request })).results.length, 2);
  assert.equal((await own.search('resource', readable, { request })).context.code, 'proof_replayed');
  assert.equal((await own.search('action', { subject: alice, resource: record('record-1') }, { request })).context.code, 'proof_replayed');
  // Names that a question cannot give, and names that it gives in another writing.
  guard.update({ add: ['record:a/b', 'record:a%2Fb', 'record:%61', 'record:%zz'].map((object) => ({ user: 'user:alice', relation: 'reader', object })) });
  const names = (await guard.search('resource', readable, { trustPep })).results.map(({ id }) => id);
  assert.deepEqual(names, ['a/b', 'record-1', 'record-2']);
  for (const id of names) assert.equal((await guard.evaluate(question(alice, 'read', record(id)), { trustPep })).decision, true);
  guard.update({ remove: ['record:a/b', 'record:a%2Fb', 'record:%61', 'record:%zz'].map((object) => ({ user: 'user:alice', relation: 'reader', object })) });
  // What is kept elsewhere is not known here.
  const elsewhere = { ...config, relationships: { complete: [] } };
  const known = await createGuard(elsewhere).search('resource', readable, { trustPep });
  assert.deepEqual([known.results.length, known.context.complete], [2, false]);
  const unasked = await createGuard(elsewhere).search('action', { subject: bob, resource: record('record-1') }, { trustPep });
  assert.deepEqual([unasked.results, unasked.context.complete], [[{ name: 'read' }], false]);
  const silent = createGuard(elsewhere, { relationships: { ask: async () => [undefined] }, onError() {} });
  const asked = await silent.search('action', { subject: bob, resource: record('record-1') }, { trustPep });
  assert.deepEqual([asked.results, asked.context.complete], [[{ name: 'read' }], false]);
  const unknown = createGuard({ ...config, issuers: [{ ...config.issuers[0], jwks: undefined, jwks_uri: 'https://as.example/jwks' }] }, { fetch: async () => { throw new Error('down'); }, onError() {} });
  const down = await unknown.search('resource', readable, { request });
  assert.deepEqual([down.results, down.context.complete, down.context.error.status], [[], false, 503]);
  // Time runs out: what was found until then.
  const slow = async (evaluation) => { await new Promise((resolve) => { setTimeout(resolve, 40); }); return trustPep(evaluation); };
  const late = await guard.search('action', { subject: alice, resource: record('record-1') }, { trustPep: slow, deadline: 30 });
  assert.deepEqual(late, { results: [{ name: 'read' }], context: { complete: false } });
  await assert.rejects(guard.search('tool', readable), (error) => error instanceof ActforError && error.code === 'request_invalid');
  // Only the evaluations were told.
  assert.deepEqual(heard, names.map(() => null));
});

test('certification, discovery', async () => {
  const ask = async (url, address) => (await authzen(guard, { url, authenticate: () => false })(new Request(address))).json();
  assert.deepEqual(await ask('https://pdp.example', 'https://pdp.example/.well-known/authzen-configuration'), {
    policy_decision_point: 'https://pdp.example',
    access_evaluation_endpoint: 'https://pdp.example/access/v1/evaluation',
    access_evaluations_endpoint: 'https://pdp.example/access/v1/evaluations',
    search_subject_endpoint: 'https://pdp.example/access/v1/search/subject',
    search_resource_endpoint: 'https://pdp.example/access/v1/search/resource',
    search_action_endpoint: 'https://pdp.example/access/v1/search/action',
  });
  const tenant = await ask('https://pdp.example/tenant1', 'https://pdp.example/.well-known/authzen-configuration/tenant1');
  assert.equal(tenant.access_evaluation_endpoint, 'https://pdp.example/tenant1/access/v1/evaluation');
});

const read = question(alice, 'read', record('record-1'));

test('a subject that nobody vouches for is refused', async () => {
  const untrusted = await guard.evaluate(read);
  assert.deepEqual([untrusted.decision, untrusted.context.code], [false, 'token_missing']);
  assert.equal((await guard.evaluate(read, { trustPep: () => null })).context.code, 'token_missing');
  const other = await guard.evaluate(read, { trustPep: () => ({ ...trustPep(read), sub: 'bob' }) });
  assert.deepEqual([other.decision, other.context.code], [false, 'facts_conflict']);
  assert.equal((await guard.evaluate({ ...read, subject: { type: 'agent', id: 'alice' } }, { trustPep })).context.code, 'facts_conflict');
  assert.equal((await guard.evaluate(read, { trustPep: () => ({ ...trustPep(read), iss: 'https://other.example' }) })).context.code, 'issuer_unknown');
  await assert.rejects(guard.evaluate(read, { trustPep: () => { throw new Error('directory down'); } }), /directory down/);
});

test('a subject with a token is who the token says, and its proof is used once for all evaluations', async () => {
  const key = createTestKey();
  const own = createGuard({ ...config, proof: { base_urls: [issuer.audience] } });
  const token = issuer.token({ dialect: 'rfc9068', user: 'alice', scope: 'records', key });
  const request = token.request('POST', '/records');
  const asked = { subject: alice, resource: record('record-1'), evaluations: [{ action: action('read') }, { action: action('write') }, { subject: bob, action: action('read') }] };
  const { evaluations: first } = await own.evaluations(asked, { request });
  assert.deepEqual(first.map(({ decision, context }) => [decision, context?.code]), [[true, undefined], [true, undefined], [false, 'facts_conflict']]);
  const again = await own.evaluations(asked, { request });
  assert.deepEqual(again.evaluations.map(({ context }) => context.code), ['proof_replayed', 'proof_replayed', 'proof_replayed']);
  assert.equal(again.evaluations[0].context.reason_user.en, 'The proof of possession was used before.');
});

test('an argument that is said in two ways is none', async () => {
  const twice = question(alice, action('write', { status: 'active' }), record('record-2', 'archived'));
  await assert.rejects(guard.evaluate(twice, { trustPep }), (error) => error instanceof ActforError && error.code === 'request_invalid');
  const same = question(alice, action('write', { status: 'active' }), record('record-1', 'active'));
  assert.equal((await guard.evaluate(same, { trustPep })).decision, true);
  const inherited = question(alice, 'write', { ...record('record-1'), properties: JSON.parse('{"__proto__":{"status":"archived"}}') });
  assert.equal((await guard.evaluate(inherited, { trustPep })).decision, true);
});
