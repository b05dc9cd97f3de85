// The cases of identity in Node, with Node's own crypto.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { createGuard } from 'actfor';
import { leftOut, runCase } from './identity.mjs';

test('every case of identity turns out as it does natively', async () => {
  const file = JSON.parse(readFileSync(join(process.env.ACTFOR_ROOT, 'tests/vectors/requests/identity.json'), 'utf8'));
  const left = {};
  const failed = [];
  for (const example of file.cases) {
    const why = leftOut(example);
    if (why !== undefined) left[why] = (left[why] ?? 0) + 1;
    else await runCase(createGuard, file, example).catch((error) => failed.push(error.message));
  }
  assert.deepEqual(failed, []);
  const count = Object.values(left).reduce((sum, more) => sum + more, 0);
  console.log(`${file.cases.length - count} of ${file.cases.length} cases; left out:`, left);
  assert.ok(file.cases.length - count > 400);
});
