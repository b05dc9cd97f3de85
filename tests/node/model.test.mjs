// OpenFGA models in JavaScript: every question, and errors with their place.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ActforError, parseModel } from 'actfor';

const DSL = `model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define viewer: [user, user:*, group#member]
type doc
  relations
    define parent: [folder]
    define banned: [user]
    define viewer: ([user, user with open] or viewer from parent) but not banned
condition open(hour: int) {
  hour < 18
}
`;
const tuple = (user, relation, object, condition) => ({ user, relation, object, ...condition });
const TUPLES = [
  tuple('user:ana', 'member', 'group:eng'),
  tuple('group:eng#member', 'viewer', 'folder:f'),
  tuple('folder:f', 'parent', 'doc:plan'),
  tuple('user:bo', 'viewer', 'doc:plan', { condition: { name: 'open' } }),
];
const check = (model, user, facts) => model.check({ user, relation: 'viewer', object: 'doc:plan' }, facts);

test('check says whether, and the way there', () => {
  const model = parseModel(DSL, TUPLES);
  const { allowed, truth, limit, because } = check(model, 'user:ana');
  assert.deepEqual([allowed, truth, limit], [true, 'true', false]);
  assert.ok(because.some((step) => step.tuple && step.user === 'user:ana' && step.object === 'group:eng'));
  assert.deepEqual(check(model, 'user:cy').allowed, false);
  assert.equal(check(model, 'user:cy').truth, 'false');
});

test('conditions need their parameters, and contextual tuples count once', () => {
  const model = parseModel(DSL, TUPLES);
  assert.equal(check(model, 'user:bo').truth, 'unknown');
  assert.equal(check(model, 'user:bo').allowed, false);
  assert.equal(check(model, 'user:bo', { context: { hour: 9 } }).allowed, true);
  assert.equal(check(model, 'user:bo', { context: { hour: 19 } }).truth, 'false');
  assert.equal(check(model, 'user:ana', { tuples: [tuple('user:ana', 'banned', 'doc:plan')] }).allowed, false);
  assert.equal(check(model, 'user:ana').allowed, true);
});

test('lists and trees', () => {
  const model = parseModel(DSL, TUPLES);
  assert.deepEqual(model.listObjects({ user: 'user:ana', relation: 'viewer', type: 'doc' }), { objects: ['doc:plan'], complete: true });
  assert.deepEqual(model.listUsers({ object: 'doc:plan', relation: 'viewer', userType: 'user' }, { context: { hour: 9 } }).users, ['user:ana', 'user:bo']);
  assert.equal(model.listUsers({ object: 'doc:plan', relation: 'viewer', userType: 'user' }).complete, false);
  assert.deepEqual(model.listUsers({ object: 'folder:f', relation: 'viewer', userType: 'group#member' }).users, ['group:eng#member']);
  const { tree } = model.expand({ object: 'doc:plan', relation: 'viewer' });
  assert.equal(tree.root.name, 'doc:plan#viewer');
});

test('language and JSON are the same model', () => {
  const model = parseModel(DSL, TUPLES);
  const again = parseModel(model.toJSON(), TUPLES);
  assert.equal(again.toString(), model.toString());
  assert.equal(parseModel(JSON.stringify(model)).toString(), model.toString());
  assert.equal(check(again, 'user:ana').allowed, true);
  assert.equal(check(again.withTuples([]), 'user:ana').allowed, false);
});

test('errors say where, and what to write instead', () => {
  const failing = (run, code, path) => assert.throws(run, (error) => {
    assert.ok(error instanceof ActforError, String(error));
    assert.deepEqual([error.code, error.path], [code, path]);
    return true;
  });
  assert.throws(() => parseModel(DSL.replace('[folder]', '[foldr]')), (error) => {
    assert.deepEqual([error.code, error.position.line, error.position.symbol], ['model_invalid', 12, 'foldr']);
    assert.ok(error.position.column > 1);
    return true;
  });
  failing(() => parseModel(DSL, [tuple('user:ana', 'member')]), 'tuple_invalid', 'tuples[0]');
  failing(() => parseModel(DSL, [tuple('user:ana', 'owner', 'doc:plan')]), 'tuple_invalid', '');
  const model = parseModel(DSL);
  failing(() => model.check({ user: 'user:ana', relation: 'owner', object: 'doc:plan' }), 'config_invalid', '');
  failing(() => model.check({ user: 'user:ana', relation: 'viewer' }), 'config_invalid', 'object');
  failing(() => model.listObjects({ user: 'user:ana', relation: 'viewer', type: 'doc', most: 0 }), 'config_invalid', 'most');
  failing(() => check(model, 'user:ana', { tuples: [tuple('user:*', 'banned', 'doc:plan')] }), 'tuple_invalid', '');
});

test('a model that was disposed answers nothing more', () => {
  const model = parseModel(DSL);
  model.dispose();
  model.dispose();
  assert.throws(() => check(model, 'user:ana'), /disposed/);
});
