// The vectors of tokens and requests, through the guard of an entry of the package: whatever checks the signatures.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const vectors = join(process.env.ACTFOR_ROOT, 'tests/vectors');
export const read = (name) => JSON.parse(readFileSync(join(vectors, name), 'utf8'));

/** Runs every vector that a host without TLS of its own can run. */
export function run(createGuard) {
  const requests = read('token/requests.json');
  const { main } = requests.configs;
  const outcome = (decision) => decision.code ?? 'allow';

  test('every token comes out as expected', () => {
    const file = read('jose/tokens.json');
    for (const { name, token, expect, jwks = file.jwks, algorithms = file.algorithms } of file.cases) {
      const [own, other] = main.issuers;
      const guard = createGuard({ ...main, issuers: [{ ...own, jwks, algorithms }, other] });
      const request = {
        method: 'PATCH', url: '/repos/web/git/refs/heads/fix', headers: [['authorization', `Bearer ${token}`]],
      };
      const found = outcome(guard.decide(request, { now: file.now }));
      assert.equal(found, expect === 'verified' ? 'allow' : expect, name);
      guard.dispose();
    }
    assert.ok(file.cases.length > 150);
  });

  test('every proof comes out as expected', () => {
    const file = read('proof/dpop.json');
    // Nonces are made by the guard itself, from a secret.
    const cases = file.cases.filter(({ nonces }) => nonces === undefined);
    for (const { name, headers, path = file.path, expect } of cases) {
      const guard = createGuard({ ...main, proof: { ...main.proof, base_urls: file.bases } });
      const fields = [['authorization', `DPoP ${file.access_token}`], ...headers.map((value) => ['dpop', value])];
      const found = outcome(guard.decide({ method: 'PATCH', url: path, headers: fields }, { now: file.now }));
      const expected = name === 'not_ascii' ? 'request_invalid' : expect === 'proven' ? 'allow' : expect;
      assert.equal(found, expected, name);
      guard.dispose();
    }
    assert.ok(cases.length > 75);
  });

  test('every request is decided as expected', () => {
    // A host without TLS of its own has no certificate, and it always remembers proofs.
    const cases = requests.cases.filter(({ certificate, store }) => certificate === undefined && store !== false);
    for (const { name, config, now, request, again, expect } of cases) {
      const guard = createGuard(requests.configs[config]);
      const decide = () => outcome(guard.decide(request, { now: now ?? 0 }));
      if (again) assert.equal(decide(), 'allow', name);
      assert.equal(decide(), expect, name);
      guard.dispose();
    }
    assert.ok(cases.length > 100);
  });

  test('every attack on rules, sources and names is decided as expected', () => {
    const { now, config, cases } = read('attacks/requests.json');
    for (const { name, again, expect, object, request: { body_base64url: bytes, ...request } } of cases) {
      const guard = createGuard(config);
      if (bytes !== undefined) request.body = new Uint8Array(Buffer.from(bytes, 'base64url'));
      const decide = () => guard.decide(request, { now });
      if (again) assert.equal(outcome(decide()), 'allow', name);
      const decision = decide();
      assert.equal(outcome(decision), expect, name);
      if (object !== undefined) assert.equal(decision.object, object, name);
      guard.dispose();
    }
    assert.ok(cases.length > 400);
  });

  test('no kind of token is taken for another', async () => {
    const { configs: { main: kinds }, cases } = read('token/kinds.json');
    for (const { name, now, request, introspection, status_list: list, expect } of cases) {
      const guard = createGuard(kinds, { fetch: async () => new Response(introspection.response) });
      const found = () => {
        if (list !== undefined) return code(() => guard.setStatusList(list.issuer, list.token, { now }));
        return outcome(guard.decide(request, { now }));
      };
      assert.equal(introspection === undefined ? found() : outcome(await guard.authorize(request, { now })), expect, name);
      guard.dispose();
    }
    assert.ok(cases.length > 150);
  });

  test('keys come, go and age as expected', () => {
    const { config, start, method, url, tokens, cases } = read('token/keys.json');
    for (const { name, steps } of cases) {
      const guard = createGuard(config);
      const ask = (token, at) => outcome(guard.decide({ method, url, headers: { authorization: `Bearer ${token}` } }, { now: start + at }));
      for (const step of steps) {
        if (step.keys !== undefined) {
          assert.equal(code(() => guard.setKeys(step.issuer, step.keys, { now: start + step.at })), step.refused ?? 'allow', name);
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
