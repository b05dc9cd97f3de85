// Who is it, where an issuer has to be asked about the token: the cases of tests/vectors/requests/identity.json that
// `vectors.mjs` leaves out, through `authorize`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { createGuard } from 'actfor';

const file = JSON.parse(readFileSync(join(process.env.ACTFOR_ROOT, 'tests/vectors/requests/identity.json'), 'utf8'));

test('every case with an introspection turns out as it does natively', async () => {
  const cases = file.cases.filter(({ introspection }) => introspection !== undefined);
  // A host hands over the answer to what it asked, and never that about another token.
  const possible = cases.filter(({ introspection, request }) => request.headers.some(([, value]) => value.split(' ').at(-1) === introspection.token));
  for (const { name, config, now, request, introspection, expect } of possible) {
    const fetch = async () => new Response(introspection.response);
    const guard = createGuard({ policy: file.policy, files: file.files, ...file.configs[config] }, { fetch });
    const decision = await guard.authorize(request, { now });
    assert.deepEqual([decision.code ?? 'allow', decision.status, decision.who], [expect.decision, expect.status, expect.who], name);
    guard.dispose();
  }
  console.log(`${possible.length} of ${cases.length} cases with an introspection`);
  assert.ok(possible.length > 70 && cases.length - possible.length < 3);
});
