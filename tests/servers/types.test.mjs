// The types of the subpaths as a user's compiler sees them, beside the frameworks' own: every example in the documentation,
// and the example servers.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { examples } from './support.mjs';

const packed = dirname(fileURLToPath(import.meta.resolve('actfor/package.json')));
const compiler = join(import.meta.dirname, '../../js/node_modules/typescript/bin/tsc');
const folder = join(import.meta.dirname, 'node_modules/.types');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

function compile(files, ...options) {
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--types', 'node', '--lib', 'es2022,esnext.disposable,dom,dom.iterable', '--module', 'nodenext', '--target', 'es2022'];
  return spawnSync(process.execPath, [compiler, ...flags, ...options, ...files], { cwd: folder, encoding: 'utf8' });
}

test('every example of the subpaths compiles', () => {
  const files = [];
  for (const name of ['authzen', 'express', 'fastify', 'fetch', 'hono', 'mcp', 'mcp-fetch', 'opentelemetry', 'redis', 'testing']) {
    const blocks = [...readFileSync(join(packed, `${name}.d.ts`), 'utf8').matchAll(/```ts\n([\s\S]*?)\s*```/g)];
    assert.ok(blocks.length > 0, `${name} has no example`);
    for (const [index, [, block]] of blocks.entries()) {
      const code = block.replaceAll(/^[ \t]*\* ?/gm, '');
      const given = /\bconfig\b/.test(code) ? "import type { GuardConfig } from 'actfor';\ndeclare const config: GuardConfig;\n" : '';
      const file = `${name}-${index}.mts`;
      writeFileSync(join(folder, file), `${given}${code}\nexport {};\n`);
      files.push(file);
    }
  }
  const { status, stdout } = compile(files);
  assert.equal(status, 0, stdout);
});

test('the example servers compile', () => {
  cpSync(examples, join(folder, 'examples'), { recursive: true });
  const names = ['setup', 'token', 'express', 'fastify', 'hono', 'fetch', 'mcp-sdk-1', 'mcp-sdk-2'];
  const { status, stdout } = compile(names.map((name) => `examples/${name}.mjs`), '--allowJs', '--checkJs');
  assert.equal(status, 0, stdout);
});

test('wrong use of the subpaths does not compile', () => {
  const head = "import type { Guard } from 'actfor';\nimport { guardTool, guardLists, mcpAuth } from 'actfor/mcp';\nimport { authzen } from 'actfor/authzen';\nimport { createTestIssuer } from 'actfor/testing';\ndeclare const guard: Guard;\n";
  const wrong = [
    'guardTool(guard, 7, async () => ({}));',
    'guardLists(guard, {});',
    "mcpAuth(guard, { resource: 'https://api.example/mcp' });",
    "authzen(guard, { url: 'https://pdp.example' });",
    "createTestIssuer().token({ dialect: 'saml' });",
    "guard.evaluate({ subject: { type: 'user' }, action: { name: 'read' }, resource: { type: 'a', id: 'b' } });",
  ];
  wrong.forEach((line, i) => writeFileSync(join(folder, `wrong-${i}.mts`), `${head}${line}\nexport {};\n`));
  const { stdout } = compile(wrong.map((_, i) => `wrong-${i}.mts`));
  wrong.forEach((line, i) => assert.match(stdout, new RegExp(`wrong-${i}\\.mts\\(6,`), line));
});
