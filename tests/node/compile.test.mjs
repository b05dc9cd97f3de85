// `compile`: rules to a pack, and what is wrong with rules, by its place.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ActforError, compile, createGuard } from 'actfor';
import { cases, config, configuration, options } from './patterns.mjs';

const { policy, files, tuples, ...rest } = config;

test('a pack decides like the rules that it was compiled from', () => {
  const compiled = compile(policy, { files, tuples });
  assert.deepEqual([compiled.ok, compiled.diagnostics], [true, []]);
  const again = compile(policy, { files, tuples });
  assert.deepEqual(again.pack, compiled.pack);
  assert.equal(compiled.policy, createGuard(config).decide({ method: 'GET', url: '/', headers: {} }).policy);
  let compared = 0;
  for (const one of cases) {
    const { tuples } = configuration(one.changes.removed);
    const packed = createGuard({ ...rest, policy: compile(policy, { files, tuples }).pack });
    const document = String(packed.decide(one.request, options(one)));
    assert.equal(document, String(createGuard(configuration(one.changes.removed)).decide(one.request, options(one))));
    compared += 1;
  }
  assert.ok(compared > 10);
});

test('serial and times are in the pack', () => {
  const { pack } = compile(policy, { files, tuples, serial: 7, issued: 1_795_000_000, expires: 1_795_000_100 });
  const [one] = cases;
  const guard = createGuard({ ...rest, policy: pack });
  assert.equal(guard.decide(one.request, { now: 1_795_000_099 }).code, null);
  assert.equal(guard.decide(one.request, { now: 1_795_000_100 }).code, 'pack_expired');
});

test('what is wrong is a diagnostic with its place', () => {
  const wrong = [
    ['actfor 1\non repo\n  read needs writer\n', {}, 'rules_invalid', ['policy', 3]],
    ['actfor 2\n', {}, 'rules_invalid', ['policy', 1]],
    [policy, { tuples }, 'config_invalid', undefined],
    [policy, { files: { 'acme.fga': 'model\n  schema 1.1\ntype user\n  relations\n    define a: b\n' } }, 'model_invalid', ['acme.fga', 5]],
    [policy, { files, tuples: [{ user: 'user:ana', relation: 'friend', object: 'repo:web' }] }, 'tuple_invalid', undefined],
    [policy, { files, complete: ['repo#friend'] }, 'config_invalid', undefined],
  ];
  for (const [source, more, code, place] of wrong) {
    const { ok, pack, diagnostics } = compile(source, more);
    assert.deepEqual([ok, pack, diagnostics.length], [false, null, 1], source);
    const [{ severity, message, position, ...found }] = diagnostics;
    assert.equal(severity, 'error');
    assert.ok(message.length > 10);
    if (place === undefined) continue;
    assert.equal(found.code, code);
    assert.deepEqual([position.file, position.line], place, message);
    assert.ok(position.column >= 1);
  }
  assert.throws(() => compile(policy, { file: {} }), (error) => error instanceof ActforError && error.path === 'options.file');
  for (const bad of [{ files: 7 }, { tuples: {} }, { serial: -1 }, { expires: 'soon' }, { complete: 'repo#writer' }, { files: { 'acme.fga': 7 } }]) {
    const { ok, diagnostics: [{ path, message }] } = compile(policy, { files, ...bad });
    assert.deepEqual([ok, path.split('.')[0]], [false, Object.keys(bad)[0]], message);
  }
});

test('a circle in the model is a warning', () => {
  const model = 'model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define blocked: [user, doc#viewer]\n    define viewer: [user] but not blocked\n';
  const rules = 'actfor 1\nmodel "m.fga"\non doc\n  read needs viewer\nallow self to read on doc as read\nscope "*" covers read on doc\nroute GET /{id} is read on doc:{id}\n';
  const { ok, diagnostics } = compile(rules, { files: { 'm.fga': model } });
  assert.equal(ok, true);
  assert.deepEqual(diagnostics.map(({ severity, code }) => [severity, code]), [['warning', 'model_invalid']]);
  assert.match(diagnostics[0].message, /`doc#viewer` depends on itself/);
});
