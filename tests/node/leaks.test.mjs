// Memory stays what it was: guards, decisions and their documents, disposed of or forgotten.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

/**
 * Runs `body` in a process of its own, the same number of times after the first note as before it, and asserts that
 * memory has not grown in between.
 */
function staysFlat(name, body) {
  test(name, () => {
    const script = `
      let memory;
      const { Instance } = WebAssembly;
      WebAssembly.Instance = class extends Instance {
        constructor(...args) { super(...args); memory = this.exports.memory; }
      };
      const { createGuard } = await import('actfor');
      const { config, NOW, tokens } = await import('./patterns.mjs');
      const request = { method: 'GET', url: '/repos/web/x', headers: { authorization: 'Bearer ' + tokens.T1.token } };
      const collect = async () => { for (let i = 0; i < 4; i += 1) { gc(); await new Promise((done) => setTimeout(done, 5)); } };
      const note = async () => { await collect(); return { pages: memory.buffer.byteLength / 65536, rss: process.memoryUsage().rss / 1e6 }; };
      const small = JSON.stringify({ issuers: config.issuers, names: config.names, policy: 'actfor 1\\npublic GET /healthz\\n' });
      const body = async () => { ${body} };
      await body();
      const before = await note();
      await body();
      console.log(JSON.stringify([before, await note()]));`;
    const run = ['--expose-gc', '--input-type=module', '--eval', script];
    const [before, after] = JSON.parse(execFileSync(process.execPath, run, { cwd: import.meta.dirname, encoding: 'utf8' }));
    assert.equal(after.pages, before.pages, 'pages of WebAssembly');
    assert.ok(after.rss - before.rss < 25, `RSS grew from ${before.rss} to ${after.rss} MB`);
  });
}

staysFlat('100,000 guards, disposed of', `
  for (let i = 0; i < 50_000; i += 1) createGuard(small).dispose();`);

staysFlat('1,000 guards with rules, model and tuples, each with a decision, disposed of', `
  for (let i = 0; i < 500; i += 1) {
    const guard = createGuard(config);
    if (!guard.decide(request, { now: NOW }).allowed) throw new Error('refused');
    guard.dispose();
  }`);

staysFlat('20,000 guards, forgotten', `
  for (let i = 0; i < 10_000; i += 1) {
    createGuard(small);
    if (i % 250 === 0) await collect();
  }`);

staysFlat('300,000 decisions, a document read of some, and as many states of a guard as changes', `
  const guard = createGuard(config);
  for (let i = 0; i < 150_000; i += 1) {
    const decision = guard.decide(request, { now: NOW, id: String(i) });
    if (i % 50 === 0 && decision.who.user.sub !== 'ana') throw new Error('somebody else');
    if (i % 2500 === 0) {
      const tuple = { user: 'user:ana', relation: 'writer', object: 'repo:other' };
      guard.update(i % 5000 === 0 ? { add: [tuple] } : { remove: [tuple] });
      await collect();
    }
  }
  guard.dispose();`);

staysFlat('200,000 requests that are refused, each another one', `
  const guard = createGuard(config);
  const token = tokens.T1.token;
  for (let i = 0; i < 100_000; i += 1) {
    const headers = { authorization: 'Bearer ' + token.slice(0, 40 + i % (token.length - 41)) };
    if (guard.decide({ ...request, headers }, { now: NOW, id: String(i) }).allowed) throw new Error('allowed');
  }
  guard.dispose();`);
