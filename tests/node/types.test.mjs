// The types as a user's compiler sees them: every example in the documentation, strict, with no library checks skipped.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const packed = dirname(fileURLToPath(import.meta.resolve('actfor/package.json')));
const compiler = join(process.env.ACTFOR_ROOT, 'js/node_modules/typescript/bin/tsc');
const folder = join(import.meta.dirname, 'types');
mkdirSync(folder, { recursive: true });

/** The examples in doc comments, each with the globals that it takes for granted. */
function examples() {
  const found = [];
  for (const name of ['index', 'testing']) {
    const text = readFileSync(join(packed, `${name}.d.ts`), 'utf8');
    for (const [, block] of text.matchAll(/```ts\n([\s\S]*?)\s*```/g)) {
      const code = block.replaceAll(/^[ \t]*\* ?/gm, '');
      const given = /\bconfig\b/.test(code) ? "import type { GuardConfig } from 'actfor';\ndeclare const config: GuardConfig;\n" : '';
      found.push(`${given}declare const console: { log(...what: unknown[]): void };\ndeclare class Headers implements Iterable<[string, string]> { [Symbol.iterator](): Iterator<[string, string]>; }\n${code}\nexport {};\n`);
    }
  }
  return found;
}

/** CommonJS has no top-level await. */
function inFunction(code) {
  const outside = /^(import|export|declare) .*$/gm;
  return `${code.match(outside).join('\n')}\nexport async function main() {\n${code.replaceAll(outside, '')}\n}\n`;
}

function compile(files, ...options) {
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--types', '', '--lib', 'es2022', '--module', 'nodenext', '--target', 'es2022'];
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...flags, ...options, ...files], { cwd: folder, encoding: 'utf8' });
  return { status, stdout };
}

test('every example in the types compiles, as an ES module and as CommonJS', () => {
  const all = examples();
  assert.ok(all.length >= 4);
  const files = all.flatMap((code, i) => ['mts', 'cts'].map((ending) => {
    const name = `example-${i}.${ending}`;
    writeFileSync(join(folder, name), ending === 'cts' ? inFunction(code) : code);
    return name;
  }));
  const { status, stdout } = compile(files);
  assert.equal(status, 0, stdout);
});

test('wrong use does not compile', () => {
  const head = "import { createGuard, type Guard } from 'actfor';\ndeclare const guard: Guard;\n";
  const wrong = [
    'guard.decide({ method: 1, url: "", headers: {} });',
    'guard.decide({ url: "", headers: {} });',
    'guard.decide({ method: "GET", url: "", headers: 7 });',
    'createGuard({ policy: "" });',
    'const verdict: "yes" = guard.decide({ method: "GET", url: "", headers: {} }).verdict;',
    'guard.decide({ method: "GET", url: "", headers: {} }).who.user;',
  ];
  wrong.forEach((line, i) => writeFileSync(join(folder, `wrong-${i}.mts`), `${head}${line}\nexport {};\n`));
  const { stdout } = compile(wrong.map((_, i) => `wrong-${i}.mts`));
  wrong.forEach((line, i) => assert.match(stdout, new RegExp(`wrong-${i}\\.mts\\(3,`), line));
});
