// Every running example gives the same document here as everywhere, byte for byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createGuard } from 'actfor';
import { cases, configuration, options } from './patterns.mjs';

assert.ok(cases.length >= 20);

for (const one of cases) {
  const guard = createGuard(configuration(one.changes.removed));
  const check = (request) => {
    const decision = guard.decide(request, options(one));
    assert.equal(decision.verdict, one.expect.decision);
    assert.equal(decision.code, one.expect.code);
    assert.equal(decision.allowed, one.expect.decision === 'allow');
    assert.equal(String(decision), one.expect.document);
    assert.equal(JSON.stringify(decision), one.expect.document);
    assert.equal(decision.rule, one.expect.rule);
    assert.equal(decision.status, decision.toJSON().status);
  };

  test(`${one.pattern}: ${one.name}`, () => check(one.request));

  test(`${one.pattern}: ${one.name}, however the headers come`, () => {
    const { method, url, headers } = one.request;
    const byName = {};
    for (const [name, value] of headers) (byName[name] ??= []).push(value);
    const upper = headers.map(([name, value]) => [name.toUpperCase(), value]);
    const noise = [['Host', 'api.example'], ['X-Forwarded-For', '127.0.0.1'], ['accept', '*/*']];
    for (const form of [byName, new Map(Object.entries(byName)), [...noise, ...upper], [...noise, ...upper].flat()]) {
      check({ method, url, headers: form });
    }
    // `Headers` holds Latin-1 at most, and joins what is repeated: then there is one field that is no token.
    if (Object.values(byName).every((values) => values.length === 1)) check({ method, url, headers: new Headers(headers) });
  });

  test(`${one.pattern}: ${one.name}, seen before`, () => {
    for (let i = 0; i < 3; i += 1) check(one.request);
  });
}
