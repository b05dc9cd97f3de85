// The vectors as tests of Node's own runner.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { FILES, LEAST, run } from './vectors.mjs';

const folder = join(process.env.ACTFOR_ROOT, 'tests/vectors');
export const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const files = Object.fromEntries(FILES.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

/** Every vector, through the guard of an entry of the package. */
export async function testVectors(createGuard) {
  const { counts, wrong } = await run(createGuard, files);
  for (const kind of Object.keys(LEAST)) {
    test(`every ${kind} comes out as expected: ${counts[kind]}`, () => {
      assert.deepEqual(wrong.filter((line) => line.startsWith(`${kind}: `)), []);
    });
  }

  test('no kind of token is taken for a status list, or for the answer of an introspection', async () => {
    const { configs: { main: kinds }, cases } = read('token/kinds.json');
    const fetched = cases.filter(({ introspection, status_list: list }) => introspection !== undefined || list !== undefined);
    for (const { name, now, request, introspection, status_list: list, expect } of fetched) {
      const guard = createGuard(kinds, { fetch: async () => new Response(introspection.response) });
      const said = list === undefined
        ? found(await guard.authorize(request, { now }))
        : code(() => guard.setStatusList(list.issuer, list.token, { now }));
      assert.equal(said, expect, name);
      guard.dispose();
    }
    assert.ok(fetched.length > 40);
  });

  test('keys come, go and age as expected', () => {
    const { config, start, method, url, tokens, cases } = read('token/keys.json');
    for (const { name, steps } of cases) {
      const guard = createGuard(config);
      const ask = (token, at) => found(guard.decide({ method, url, headers: { authorization: `Bearer ${token}` } }, { now: start + at }));
      for (const step of steps) {
        if (step.keys !== undefined) {
          assert.equal(code(() => guard.setKeys(step.issuer, step.keys, { now: start + step.at })), step.refused ?? 'allow', name);
        } else if (step.silent) {
          guard.setKeys(step.issuer, null);
        } else if (step.strange !== undefined) {
          for (const [at, token] of strangers(step, tokens.old)) assert.equal(ask(token, at), step.expect, name);
        } else {
          assert.equal(ask(tokens[step.token], step.at), step.expect, `${name}, at ${step.at}`);
        }
      }
      guard.dispose();
    }
    assert.ok(cases.length > 10);
  });
}

const found = (decision) => decision.code ?? 'allow';

/** The code of what is thrown, or `allow`. */
function code(work) {
  try {
    work();
    return 'allow';
  } catch (error) {
    return error.code;
  }
}

/** Tokens with key ids that nobody has, and when they come. */
export function* strangers({ at, until, strange }, token) {
  const rest = token.slice(token.indexOf('.'));
  for (let second = at; second < until; second += 1) {
    for (let one = 0; one < strange; one += 1) {
      const header = JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: `nobody-${second}-${one}` });
      yield [second, btoa(header).replace(/=+$/, '') + rest];
    }
  }
}
