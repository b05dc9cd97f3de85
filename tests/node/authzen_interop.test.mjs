// The scenarios of the AuthZEN working group's interops, in rules of our own: the todo application (single and boxcarred
// questions, what a directory says of the subject, what a question says of the resource), the gateway before it (methods
// and routes), and the search demo (six users, twenty records), from which the identity provider's takes its own. What is expected is computed from the scenario's sentences, not from the rules.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createGuard } from 'actfor';
import { authzen } from 'actfor/authzen';
import { createTestIssuer } from 'actfor/testing';

const issuer = createTestIssuer();
const issuers = [{ issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'rfc9068', jwks: issuer.jwks, clients: { pep: 'app' } }];

/** Asks a decision point over HTTP messages. */
function pdp(guard, trustPep) {
  const handler = authzen(guard, { url: 'https://pdp.example', authenticate: () => true, trustPep });
  return async (path, body) => {
    const headers = { 'content-type': 'application/json', 'x-request-id': 'r' };
    const response = await handler(new Request(`https://pdp.example/access/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) }));
    assert.deepEqual([response.status, response.headers.get('x-request-id')], [200, 'r']);
    return response.json();
  };
}

/** Subjects are named by opaque ids; roles and addresses are the directory's. */
const CAST = {
  'CiRmZDA2MTRkMxIFbG9jYWw': { email: 'rick@the-citadel.com', roles: ['admin', 'evil_genius'] },
  'CiRmZDE2MTRkMxIFbG9jYWw': { email: 'morty@the-citadel.com', roles: ['editor'] },
  'CiRmZDI2MTRkMxIFbG9jYWw': { email: 'summer@the-smiths.com', roles: ['editor'] },
  'CiRmZDM2MTRkMxIFbG9jYWw': { email: 'beth@the-smiths.com', roles: ['viewer'] },
  'CiRmZDQ2MTRkMxIFbG9jYWw': { email: 'jerry@the-smiths.com', roles: ['viewer'] },
};
const TODO = `actfor 1
on user
  can_read_user  needs scope
on todo
  can_read_todos, can_create_todo, can_update_todo, can_delete_todo  needs scope
allow self to can_read_user on user as users
allow self to can_read_todos on todo as list
allow self to can_create_todo on todo as create
  when "admin" in claim.roles || "editor" in claim.roles
allow self to can_update_todo on todo as correct-all
  when "evil_genius" in claim.roles
allow self to can_delete_todo on todo as delete-all
  when "admin" in claim.roles
allow self to can_update_todo, can_delete_todo on todo as own
  when "editor" in claim.roles
  when args.ownerID == claim.email
scope "todo" covers can_read_user on user
scope "todo" covers any action on todo
route PUT    /todos/{id} is can_update_todo on todo:{id} with ownerID: string from body.ownerID
route DELETE /todos/{id} is can_delete_todo on todo:{id} with ownerID: string from query.ownerID
`;

test('todo: single and boxcarred', async () => {
  const vouch = ({ subject: { id } }) => (CAST[id] === undefined ? null : { iss: issuer.issuer, sub: id, client_id: 'pep', scope: 'todo', ...CAST[id] });
  const ask = pdp(createGuard({ issuers, policy: TODO }), vouch);
  const todo = (owner) => ({ type: 'todo', id: '7240d0db-8ff0-41ec-98b2-34a096273b9f', properties: { ownerID: owner } });
  let count = 0;
  for (const [id, { email, roles }] of Object.entries(CAST)) {
    const subject = { type: 'user', id, identity: id };
    const is = (role) => roles.includes(role);
    const rick = 'rick@the-citadel.com';
    const expected = [
      ['can_read_user', { type: 'user', id: 'beth@the-smiths.com' }, true],
      ['can_read_user', { type: 'user', id: email, userID: id }, true],
      ['can_read_todos', { type: 'todo', id: 'todo-1' }, true],
      ['can_create_todo', { type: 'todo', id: 'todo-1' }, is('admin') || is('editor')],
      ...[rick, email].flatMap((owner) => [
        ['can_update_todo', todo(owner), is('evil_genius') || (is('editor') && owner === email)],
        ['can_delete_todo', todo(owner), is('admin') || (is('editor') && owner === email)],
      ]),
    ];
    for (const [name, resource, decision] of expected) {
      assert.equal((await ask('evaluation', { subject, action: { name }, resource })).decision, decision, `${email} ${name} ${JSON.stringify(resource)}`);
      count += 1;
    }
    const together = await ask('evaluations', { subject, evaluations: expected.map(([name, resource]) => ({ action: { name }, resource })) });
    assert.deepEqual(together.evaluations.map(({ decision }) => decision), expected.map(([, , decision]) => decision));
    const updates = expected.filter(([name]) => name === 'can_update_todo');
    const boxcarred = await ask('evaluations', { subject, action: { name: 'can_update_todo' }, evaluations: updates.map(([, resource]) => ({ resource })) });
    assert.deepEqual(boxcarred.evaluations.map(({ decision }) => decision), updates.map(([, , decision]) => decision));
  }
  assert.equal(count, 40);
  // An owner that nobody names is nobody's.
  const [, morty] = Object.keys(CAST);
  const unowned = { subject: { type: 'user', id: morty }, action: { name: 'can_update_todo' }, resource: { type: 'todo', id: 'x' } };
  assert.equal((await ask('evaluation', unowned)).decision, false);
});

const GATEWAY = `actfor 1
on route
  GET, POST, PUT, DELETE  needs scope
allow self to GET on route as look
allow self to POST on route as create
  when "admin" in claim.roles || "editor" in claim.roles
allow self to PUT on route as complete
  when "evil_genius" in claim.roles || "editor" in claim.roles
allow self to DELETE on route as delete
  when "admin" in claim.roles || "editor" in claim.roles
scope "todo" covers any action on route
`;

test('gateway: a method on a route', async () => {
  const named = { [issuer.issuer]: { user: 'identity:{sub}', client: 'client:{client_id}' } };
  const ask = pdp(createGuard({ issuers, names: named, policy: GATEWAY }), ({ subject: { id } }) =>
    (CAST[id] === undefined ? null : { iss: issuer.issuer, sub: id, client_id: 'pep', scope: 'todo', ...CAST[id] }));
  for (const [id, { email, roles }] of Object.entries(CAST)) {
    const has = (...some) => some.some((role) => roles.includes(role));
    for (const [name, route, decision] of [
      ['GET', '/users/{userId}', true], ['GET', '/todos', true], ['POST', '/todos', has('admin', 'editor')],
      ['PUT', '/todos/{todoId}', has('evil_genius', 'editor')], ['DELETE', '/todos/{todoId}', has('admin', 'editor')],
    ]) {
      const question = { subject: { type: 'identity', id }, action: { name }, resource: { type: 'route', id: route }, context: {} };
      assert.equal((await ask('evaluation', question)).decision, decision, `${email} ${name} ${route}`);
      // What a gateway adds changes nothing.
      const more = {
        ...question, context: { headers: { accept: '*/*' } }, resource: { ...question.resource, properties: { uri: 'https://todo.example/todos', params: { todoId: '7' } } },
      };
      assert.equal((await ask('evaluation', more)).decision, decision);
      const other = { ...question, subject: { type: 'user', id } };
      assert.equal((await ask('evaluation', other)).context.code, 'facts_conflict');
    }
  }
});

const USERS = {
  alice: ['manager', 'Sales'], bob: ['employee', 'Legal'], carol: ['contractor', 'Legal'],
  dan: ['manager', 'Finance'], erin: ['employee', 'Finance'], felix: ['contractor', 'Accounting'],
};
const names = Object.keys(USERS);
/** The departments of the records 101 to 120; their owners take turns. */
const RECORDS = Object.fromEntries('LLLALASLASALSAFLLALA'.split('').map((letter, index) => [
  String(101 + index), { department: { L: 'Legal', A: 'Accounting', S: 'Sales', F: 'Finance' }[letter], owner: names[index % 6] },
]));
const SEARCH = `actfor 1
model "records.fga"
on record
  view    needs viewer
  edit    needs editor
  delete  needs owner
allow self to any action on record as people
scope "records" covers any action on record
`;
const MODEL = `model
  schema 1.1
type user
type company
  relations
    define manager: [user]
type department
  relations
    define member: [user]
    define manager: [user]
type record
  relations
    define company: [company]
    define department: [department]
    define owner: [user]
    define viewer: owner or member from department or manager from company
    define editor: owner or manager from department
`;
const tuple = (user, relation, object) => ({ user, relation, object });
const TUPLES = [
  ...Object.entries(USERS).flatMap(([name, [role, department]]) => [
    tuple(`user:${name}`, 'member', `department:${department}`),
    ...(role === 'manager' ? [tuple(`user:${name}`, 'manager', `department:${department}`), tuple(`user:${name}`, 'manager', 'company:c')] : []),
  ]),
  ...Object.entries(RECORDS).flatMap(([id, { department, owner }]) => [
    tuple(`user:${owner}`, 'owner', `record:${id}`), tuple(`department:${department}`, 'department', `record:${id}`), tuple('company:c', 'company', `record:${id}`),
  ]),
];

test('search demo: who, which and what', async () => {
  const guard = createGuard({ issuers, policy: SEARCH, files: { 'records.fga': MODEL }, tuples: TUPLES });
  const ask = pdp(guard, ({ subject: { id } }) => ({ iss: issuer.issuer, sub: id, client_id: 'pep', scope: 'records' }));
  const may = (name, action, id) => {
    const [role, department] = USERS[name] ?? [];
    const record = RECORDS[id] ?? {};
    if (record.owner === name) return true;
    if (action === 'view') return record.department !== undefined && (role === 'manager' || record.department === department);
    return action === 'edit' && role === 'manager' && record.department === department;
  };
  const ACTIONS = ['view', 'edit', 'delete'];
  for (const name of ACTIONS) {
    const action = { name };
    for (const id of Object.keys(RECORDS)) {
      const { results } = await ask('search/subject', { subject: { type: 'user' }, action, resource: { type: 'record', id } });
      assert.deepEqual(results, names.filter((one) => may(one, name, id)).map((one) => ({ type: 'user', id: one })), `${name} ${id}`);
    }
    for (const user of names) {
      const { results, context } = await ask('search/resource', { subject: { type: 'user', id: user }, action, resource: { type: 'record' } });
      assert.deepEqual(results, Object.keys(RECORDS).filter((id) => may(user, name, id)).map((id) => ({ type: 'record', id })), `${user} ${name}`);
      assert.equal(context.complete, true);
    }
  }
  for (const user of names) {
    for (const id of Object.keys(RECORDS)) {
      const { results, context } = await ask('search/action', { subject: { type: 'user', id: user }, resource: { type: 'record', id } });
      assert.deepEqual(results, ACTIONS.filter((name) => may(user, name, id)).map((name) => ({ name })), `${user} ${id}`);
      assert.equal(context.complete, true);
    }
  }
  // Rows as the scenario's table has them.
  const who = async (name, id) => (await ask('search/subject', { subject: { type: 'user' }, action: { name }, resource: { type: 'record', id } })).results.map((one) => one.id);
  assert.deepEqual(await who('view', '105'), ['alice', 'bob', 'carol', 'dan', 'erin']);
  assert.deepEqual(await who('edit', '115'), ['carol', 'dan']);
  assert.deepEqual(await who('view', '121'), []);
});
