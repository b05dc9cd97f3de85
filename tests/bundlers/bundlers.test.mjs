// The packed tarball in every runtime and bundler: it loads, and says what it says in Node, byte for byte.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { place } from './build.mjs';
import { close, hosts, vite7AsItIs } from './hosts.mjs';
import { between, contents, grouped, write } from './matrix.mjs';

after(close);

const { report: reference } = await hosts[0].run();
assert.ok(Object.keys(reference.documents).length > 1200);
const rows = [];
const packed = join(place, 'node_modules/actfor');
const readme = join(import.meta.dirname, '../../pkg-templates/npm/README.md');

for (const { name, version, how, run } of hosts) {
  test(`${name} ${version}, ${how}`, { timeout: 120_000 }, async (t) => {
    const { report: { counts, wrong, documents }, files } = await run();
    assert.deepEqual(wrong, []);
    for (const [question, document] of Object.entries(documents)) assert.equal(document, reference.documents[question], question);
    const asked = Object.values(counts).reduce((sum, count) => sum + count, 0);
    assert.equal(Object.keys(documents).length, asked);
    t.diagnostic(`${asked} questions: ${Object.entries(counts).map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
    const modules = files?.filter(({ ending }) => ending === '.wasm').length;
    if (files) assert.equal(modules, how.includes('inline') ? 0 : 1);
    const scripts = files?.filter(({ ending }) => ending === '.js').reduce((sum, { bytes }) => sum + bytes, 0);
    rows.push({ name, version, how, asked, modules, scripts });
  });
}

test('where the module is not found, the error says what to do', async () => {
  await assert.rejects(vite7AsItIs, /404.*init\(\).*actfor\/inline.*optimizeDeps/s);
});

// `cargo xtask matrix`
const writing = process.env.ACTFOR_WRITE_MATRIX !== undefined;
after(() => { if (writing) write(readme, rows, packed); });

test('the README names what was tried, and what is in the tarball', { skip: writing && 'it is being written' }, () => {
  const text = readFileSync(readme, 'utf8');
  const { from, to } = between(text);
  const written = text.slice(from, to).split('\n').filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(' | '));
  // Versions and sizes change by themselves; names do not.
  const runtimes = written.filter((cells) => cells.length === 3).map(([name, , ways]) => [name, ways]);
  assert.deepEqual(runtimes.slice(1), grouped(hosts).map(({ name, ways }) => [name, ways.join('; ')]));
  const parts = written.filter((cells) => cells.length === 5).map(([name]) => name);
  assert.deepEqual(parts.slice(1), [...contents(packed).keys()]);
});
