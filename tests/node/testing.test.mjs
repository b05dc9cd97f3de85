// `actfor/testing`: what it mints is read by the guard as it was meant, in every dialect; and what it forges is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ActforError, createGuard } from 'actfor';
import { createTestClock, createTestIssuer, createTestKey } from 'actfor/testing';

const NOW = 1_795_000_000;
const clock = createTestClock(NOW);
const issuer = createTestIssuer();
const key = createTestKey();
const DIALECTS = ['actfor', 'actor-profile', 'auth0', 'delegation-chain', 'entra', 'keycloak', 'okta', 'rfc8693', 'rfc9068', 'txn-token', 'wso2'];
const policy = `actfor 1
on repo
  read, merge needs scope
allow self, delegated, autonomous to read, merge on repo as all
approve agents to merge on repo by user as review
scope "repo:read" covers read, merge on repo
chain at most 3
route GET /repos/{id} is read on repo:{id}
route PUT /repos/{id} is merge on repo:{id}
`;

function guardOf(dialect, more = {}, rest = {}) {
  const isTransaction = dialect === 'txn-token';
  return createGuard({
    issuers: [{
      issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect, binding: 'optional', jwks: issuer.jwks,
      clients: { app: 'app', helper: 'agent', runner: 'agent', tester: 'agent', job: { kind: 'agent', named_by: 'client_id' } },
      ...(isTransaction && { speaks_for: [issuer.issuer] }), ...more,
    }],
    ...(isTransaction && { names: { [issuer.issuer]: { agent: 'agent:{sub}' }, [issuer.audience]: { user: 'user:{sub}' } } }),
    proof: { base_urls: [issuer.audience] },
    policy, ...rest,
  }, { clock });
}
const ask = (guard, minted, options) => guard.decide(minted.request('GET', '/repos/web', { now: NOW, ...options }));
const mint = (dialect, more) => issuer.token({ dialect, scope: 'repo:read', now: NOW, ...more });

test('every dialect says who acts for whom', () => {
  let minted = 0;
  for (const dialect of DIALECTS) {
    const guard = guardOf(dialect);
    for (const [who, kind] of [[{ user: 'ana' }, 'self'], [{ user: 'ana', agent: 'helper' }, 'delegated'], [{ agent: 'job' }, 'autonomous']]) {
      let token;
      try { token = mint(dialect, who); } catch (error) {
        assert.ok(error instanceof ActforError && /has one/.test(error.message));
        continue;
      }
      const decision = ask(guard, token);
      assert.deepEqual([decision.code, decision.who.relationship.kind], [null, kind], `${dialect} ${kind}: ${decision.reasonAdmin}`);
      minted += 1;
    }
  }
  // Transaction tokens have a user, tokens of a delegation chain have both.
  assert.equal(minted, DIALECTS.length * 3 - 3);
  assert.throws(() => mint('saml'), /there is no such dialect/);
});

test('every dialect is bound to a key, and its forgeries are refused', () => {
  for (const dialect of DIALECTS.filter((name) => name !== 'txn-token')) {
    const guard = guardOf(dialect);
    const who = dialect === 'rfc9068' ? { user: 'ana' } : { user: 'ana', agent: 'helper' };
    const token = mint(dialect, { ...who, key });
    assert.deepEqual([ask(guard, token).code, ask(guard, token).who.binding], [null, 'dpop'], dialect);
    assert.equal(guard.decide({ method: 'GET', url: '/repos/web', headers: token.headers }).code, 'proof_missing', dialect);
    assert.equal(ask(guard, mint(dialect, { ...who, now: NOW - 1_000 })).code, 'token_expired', dialect);
    assert.equal(ask(guard, mint(dialect, { ...who, claims: { aud: 'https://other.example' } })).code, 'audience_mismatch', dialect);
    assert.equal(ask(guard, mint(dialect, { ...who, claims: { iss: 'https://other.example' } })).code, 'issuer_unknown', dialect);
    for (const [how, code] of [['signature', 'signature_invalid'], ['payload', 'signature_invalid'], ['key', 'signature_invalid'], ['none', 'algorithm_not_allowed']]) {
      assert.ok([code, 'token_malformed'].includes(ask(guard, issuer.forge(token, how)).code), `${dialect} ${how}: ${ask(guard, issuer.forge(token, how)).code}`);
    }
  }
});

test('proofs say what they are told to say', () => {
  const guard = guardOf('rfc9068');
  const token = mint('rfc9068', { user: 'ana', key });
  const prove = (more) => guard.decide({ method: 'GET', url: '/repos/web', headers: { ...token.headers, dpop: key.prove({ method: 'GET', url: `${issuer.audience}/repos/web?x=1`, token: token.token, now: NOW, ...more }) } }).code;
  assert.equal(prove(), null);
  for (const wrong of [
    { method: 'POST' }, { url: 'https://other.example/repos/web' }, { token: 'other' }, { now: NOW - 1_000 },
    { claims: { jti: undefined } }, { claims: { ath: 'x' } }, { header: { typ: 'jwt' } }, { header: { jwk: undefined } },
  ]) assert.equal(prove(wrong), 'proof_invalid', JSON.stringify(wrong));
  const ed25519 = createTestKey({ algorithm: 'Ed25519' });
  assert.equal(ask(guard, mint('rfc9068', { user: 'ana', key: ed25519 })).code, null);
  assert.equal(createTestKey({ key: key.privateKey }).thumbprint, key.thumbprint);
  const decision = ask(guardOf('rfc9068', {}, { proof: { base_urls: [issuer.audience], nonce: { secret: 'A'.repeat(43) } } }), token);
  assert.equal(decision.code, 'proof_nonce_needed');
  assert.equal(ask(guardOf('rfc9068', {}, { proof: { base_urls: [issuer.audience], nonce: { secret: 'A'.repeat(43) } } }), token, { nonce: decision.dpopNonce }).code, null);
});

test('chains of agents', () => {
  const guard = guardOf('actfor');
  const first = mint('actfor', { user: 'ana', agent: 'helper', mode: 'offline' });
  const second = mint('actfor', { agent: 'runner', parent: first });
  const third = mint('actfor', { agent: 'tester', parent: second });
  const decision = ask(guard, third);
  assert.equal(decision.code, null, decision.reasonAdmin);
  assert.deepEqual([decision.who.user.sub, decision.who.agent.sub, decision.who.chain.hops.map((hop) => hop.sub)], ['ana', 'tester', ['helper', 'runner']]);
  assert.equal(guard.decide({ method: 'GET', url: '/repos/web', headers: { authorization: `Bearer ${third.token}` } }).code, 'hop_record_missing');
  const narrow = mint('actfor', { user: 'ana', agent: 'helper', mode: 'offline', scope: 'other' });
  assert.equal(ask(guard, mint('actfor', { agent: 'runner', parent: narrow })).code, 'hop_not_covered');
  const forged = issuer.forge(first, 'key');
  assert.equal(ask(guard, mint('actfor', { agent: 'runner', parent: forged })).code, 'hop_record_invalid');
});

test('a delegation chain', () => {
  const guard = guardOf('delegation-chain');
  const first = mint('delegation-chain', { user: 'ana', agent: 'helper', key });
  const second = mint('delegation-chain', { agent: 'runner', parent: first, key });
  assert.equal(second.claims.del_depth, 1);
  const decision = ask(guard, second);
  assert.equal(decision.code, null, decision.reasonAdmin);
  assert.deepEqual(decision.who.chain.hops.map((hop) => hop.sub), ['helper']);
  assert.notEqual(ask(guard, mint('delegation-chain', { agent: 'runner', parent: first, key, scope: 'repo:read more' })).code, null);
});

test('an assertion beside the token', () => {
  const context = createTestIssuer({ issuer: 'https://agents.example' });
  const guard = guardOf('rfc8693', {
    context_issuers: [{ issuer: context.issuer, algorithms: ['ES256'], jwks: context.jwks, clients: ['helper'], speaks_for: [issuer.issuer] }],
  }, { names: { [issuer.issuer]: { user: 'user:{sub}', agent: 'agent:{sub}', instance: 'instance:{id}' }, [context.issuer]: { instance: 'other:{id}' } } });
  const token = mint('rfc8693', { user: 'ana', agent: 'helper' });
  const added = {
    agent_instance: { iss: context.issuer, id: 'AAAAAAAAAAAAAAAAAAAAAA', kind: 'session' },
    agent_rel: { mode: 'offline', authority: 'user', hops: 0 },
  };
  const decide = (assertion) => ask(guard, token, { headers: assertion === undefined ? {} : { 'agent-context': assertion } });
  assert.equal(decide(undefined).code, 'context_missing');
  const decision = decide(context.assertion(token, added));
  assert.equal(decision.code, null, decision.reasonAdmin);
  assert.deepEqual([decision.who.relationship.mode, decision.who.instance.id], ['offline', 'AAAAAAAAAAAAAAAAAAAAAA']);
  assert.equal(decide(issuer.assertion(token, added)).code, 'context_invalid');
  assert.equal(decide(context.assertion(mint('rfc8693', { user: 'ana', agent: 'helper' }), added)).code, 'context_invalid');
});

test('an introspection, a status list and an approval', async () => {
  const opaque = mint('rfc9068', { user: 'ana' });
  const asked = createGuard({ issuers: [{
    issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'rfc9068', binding: 'optional', jwks: issuer.jwks,
    clients: { app: 'app' }, introspection: { endpoint: 'https://as.example/i', signed: false },
  }], policy }, { clock, fetch: async () => Response.json(issuer.introspection(opaque)) });
  assert.equal((await asked.authorize(opaque.request('GET', '/repos/web'))).code, null);

  const uri = 'https://as.example/status';
  const guard = guardOf('rfc9068', { status: { uris: [uri] } });
  const listed = (idx) => mint('rfc9068', { user: 'ana', claims: { status: { status_list: { uri, idx } } } });
  guard.setStatusList(issuer.issuer, issuer.statusList({ uri, revoked: [3, 70_001], size: 600_000, now: NOW }));
  assert.deepEqual([2, 3, 4, 70_000, 70_001, 599_999].map((idx) => ask(guard, listed(idx)).code), [null, 'revoked', null, null, 'revoked', null]);
  assert.throws(() => issuer.statusList({ uri, revoked: [8], size: 8 }), RangeError);

  const approving = guardOf('actfor', {}, { approvals: [{ issuer: issuer.issuer, algorithms: ['ES256'], jwks: issuer.jwks }] });
  const token = mint('actfor', { user: 'ana', agent: 'helper' });
  const needs = approving.decide(token.request('PUT', '/repos/web'));
  assert.equal(needs.code, 'needs_approval');
  const approval = issuer.approval(needs.approval, { by: 'ana', now: NOW });
  const approve = (value) => approving.decide(token.request('PUT', '/repos/web', { headers: { 'agent-approval': value } })).code;
  assert.equal(approve(issuer.approval(needs.approval, { by: 'bo', now: NOW })), 'approval_invalid');
  assert.equal(approve(approval), null);
  assert.equal(approve(approval), 'approval_spent');
});

test('a clock stands until it is moved', () => {
  const own = createTestClock(100.9);
  assert.deepEqual([own(), own(), own.advance(5), own(), own.set(7), own()], [100, 100, 105, 105, 7, 7]);
});
