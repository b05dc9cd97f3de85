// `actfor/testing`, AuthZEN and `compile` in Chromium: the same calls as in Node.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { launch, openPage } from './chromium.mjs';

test('mints, proves, compiles and decides', async () => {
  const browser = await launch();
  const { page, troubles, close } = await openPage({ browser });
  try {
    const said = await page.evaluate(async () => {
      const at = (name) => new URL(`actfor/${name}`, document.baseURI).href;
      const { compile, createGuard } = await import(at('entry/browser.js'));
      const { createTestIssuer, createTestKey } = await import(at('testing.js'));
      const [issuer, key] = [createTestIssuer(), createTestKey()];
      const compiled = compile('actfor 1\non repo\n  read needs scope\nallow delegated to read on repo as read\n'
        + 'scope "repo:read" covers read on repo\nroute GET /repos/{id} is read on repo:{id}\n');
      const heard = [];
      const guardOf = (dialect) => createGuard({
        issuers: [{
          issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect, jwks: issuer.jwks,
          clients: { helper: 'agent' },
        }],
        proof: { base_urls: [issuer.audience] }, policy: compiled.pack,
      }, { audit: { chain: 'page' }, onDecision: (decision, { head }) => heard.push(head.split(':')[1]) });
      const codes = {};
      for (const dialect of ['actfor', 'actor-profile', 'auth0', 'keycloak', 'okta', 'rfc8693', 'wso2']) {
        const guard = guardOf(dialect);
        const token = issuer.token({ dialect, user: 'ana', agent: 'helper', scope: 'repo:read', key });
        const request = token.request('GET', '/repos/web');
        codes[dialect] = [guard.decide(request).code, guard.decide(request).code, guard.decide(issuer.forge(token, 'key').request('GET', '/repos/web')).code];
      }
      const question = { subject: { type: 'user', id: 'ana' }, action: { name: 'read' }, resource: { type: 'repo', id: 'web' } };
      const token = issuer.token({ user: 'ana', agent: 'helper', scope: 'repo:read', key });
      const answers = [await guardOf('actfor').evaluate(question), await guardOf('actfor').evaluate(question, { request: token.request('GET', '/repos/web') })];
      return { codes, heard, answers: answers.map(({ decision }) => decision), broken: compile('actfor 2').diagnostics[0].position.line };
    });
    for (const [dialect, codes] of Object.entries(said.codes)) assert.deepEqual(codes, [null, 'proof_replayed', 'signature_invalid'], dialect);
    assert.equal(Object.keys(said.codes).length, 7);
    assert.deepEqual(said.heard, [...Array(7).fill(['1', '2', '3']).flat(), '1', '1']);
    assert.deepEqual([said.answers, said.broken], [[false, true], 1]);
    assert.deepEqual(troubles, []);
  } finally {
    await close();
    await browser.close();
  }
});
