// The vectors as tests of Node's own runner.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { FILES, LEAST, run } from './vectors.mjs';

const folder = join(process.env.ACTFOR_ROOT, 'tests/vectors');
const files = Object.fromEntries(FILES.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

/** Every vector, through the guard of an entry of the package. */
export function testVectors(createGuard) {
  const { counts, wrong } = run(createGuard, files);
  for (const kind of Object.keys(LEAST)) {
    test(`every ${kind} comes out as expected: ${counts[kind]}`, () => {
      assert.deepEqual(wrong.filter((line) => line.startsWith(`${kind}: `)), []);
    });
  }
}
