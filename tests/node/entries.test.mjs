// The packed tarball, loaded in every way that Node knows.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import * as actfor from 'actfor';

const require = createRequire(import.meta.url);
const folder = dirname(fileURLToPath(import.meta.resolve('actfor/package.json')));
const { config } = await import('./patterns.mjs');
const request = { method: 'GET', url: '/repos/web/x', headers: {} };

test('import is ready at once', () => {
  assert.equal(actfor.createGuard(config).decide(request).code, 'token_missing');
});

test('require gives the same instance as import', () => {
  const required = require('actfor');
  assert.equal(required.createGuard, actfor.createGuard);
  assert.equal(required.ActforError, actfor.ActforError);
});

test('the inline entry shares the instance, in both module systems', async () => {
  const inline = await import('actfor/inline');
  assert.equal(inline.createGuard, actfor.createGuard);
  assert.equal(require('actfor/inline').createGuard, actfor.createGuard);
});

test('the inline entry stands alone', () => {
  const script = `import { createGuard, init } from 'actfor/inline'; await init();
    const config = JSON.parse(process.argv[1]);
    console.log(createGuard(config).decide({ method: 'GET', url: '/repos/web/x', headers: {} }).code);`;
  const run = ['--input-type=module', '--eval', script, JSON.stringify(config)];
  const said = execFileSync(process.execPath, run, { cwd: import.meta.dirname, encoding: 'utf8' });
  assert.equal(said.trim(), 'token_missing');
});

test('the browser entry says that it is not ready, and is after init', () => {
  const entry = JSON.stringify(new URL('./entry/browser.js', import.meta.resolve('actfor/package.json')));
  const script = `import { readFileSync } from 'node:fs';
    const { createGuard, init } = await import(${entry});
    const config = JSON.parse(process.argv[1]);
    try { createGuard(config); console.log('ready too early'); } catch (error) { console.log(error.message); }
    try { await init(new Uint8Array(3)); console.log('nonsense compiled'); } catch (error) { console.log(error.name); }
    await init(readFileSync(process.argv[2]));
    console.log(createGuard(config).decide({ method: 'GET', url: '/repos/web/x', headers: {} }).code);`;
  const run = ['--input-type=module', '--eval', script, JSON.stringify(config), join(folder, 'actfor.wasm')];
  const said = execFileSync(process.execPath, run, { cwd: import.meta.dirname, encoding: 'utf8' });
  assert.deepEqual(said.trim().split('\n'), [
    'actfor is not ready: call `await init()` once, before anything else', 'CompileError', 'token_missing',
  ]);
});

test('the browser entry takes the module in every form', () => {
  const entry = JSON.stringify(new URL('./entry/browser.js', import.meta.resolve('actfor/package.json')));
  const forms = [
    'bytes', 'bytes.buffer', 'new WebAssembly.Module(bytes)', 'Promise.resolve(bytes)',
    "new Response(bytes, { headers: { 'content-type': 'application/wasm' } })",
    "'data:application/wasm;base64,' + Buffer.from(bytes).toString('base64')",
  ];
  for (const form of forms) {
    const script = `import { readFileSync } from 'node:fs';
      const { createGuard, init } = await import(${entry});
      const bytes = new Uint8Array(readFileSync(process.argv[2]));
      await Promise.all([init(${form}), init()]);
      console.log(createGuard(JSON.parse(process.argv[1])).decide({ method: 'GET', url: '/repos/web/x', headers: {} }).code);`;
    const run = ['--input-type=module', '--eval', script, JSON.stringify(config), join(folder, 'actfor.wasm')];
    const said = execFileSync(process.execPath, run, { cwd: import.meta.dirname, encoding: 'utf8' });
    assert.equal(said.trim(), 'token_missing', form);
  }
});

test('a worker thread has an instance of its own', async () => {
  const script = `const { parentPort, workerData } = require('node:worker_threads');
    const { createGuard } = require('actfor');
    parentPort.postMessage(createGuard(workerData).decide({ method: 'GET', url: '/repos/web/x', headers: {} }).code);`;
  const worker = new Worker(script, { eval: true, workerData: config });
  const code = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.equal(code, 'token_missing');
  await worker.terminate();
});

test('the package holds one wasm, its licences, and what its exports name', () => {
  const files = readdirSync(folder, { recursive: true });
  assert.deepEqual(files.filter((name) => name.endsWith('.wasm')), ['actfor.wasm']);
  for (const name of ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md']) assert.ok(files.includes(name), name);
  const named = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(named));
  const targets = named(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).exports);
  assert.ok(targets.length > 10);
  for (const target of targets) assert.ok(files.includes(target.slice(2)), target);
});

test('no path of the machine that built it is inside', () => {
  for (const name of readdirSync(folder, { recursive: true }).filter((name) => /\.(wasm|c?js|c?ts)$/.test(name))) {
    const text = readFileSync(join(folder, name), 'latin1');
    const found = /(\/home\/|\/root\/|\/Users\/|\/work\/|\.cargo\/registry|[A-Z]:\\)[\w./\\-]*/.exec(text);
    assert.equal(found?.[0], undefined, name);
  }
});

test('the wasm imports nothing but its own glue', () => {
  const module = new WebAssembly.Module(readFileSync(join(folder, 'actfor.wasm')));
  const scripts = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.js'));
  const glue = scripts.map((name) => readFileSync(join(folder, name), 'utf8')).find((text) => text.includes('function __wbg_get_imports()'));
  const imports = WebAssembly.Module.imports(module);
  assert.ok(imports.length > 0);
  for (const { module: from, name } of imports) {
    assert.equal(from, './actfor_bindings_bg.js');
    assert.ok(glue.includes(name), name);
  }
});
