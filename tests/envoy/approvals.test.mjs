// Approvals through the real Envoy: what a rule puts to somebody passes once with their approval, whichever worker it meets.
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, test } from 'node:test';

import { http1, startEnvoy, startUpstream, until } from './harness.mjs';
import { NOW, ask, configuration, documents, keepRequestId, tokens } from './patterns.mjs';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const approver = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...approver.publicKey.export({ format: 'jwk' }), kid: 'approver', alg: 'ES256', use: 'sig' };

function approval(digest, more = {}) {
  const claims = { iss: 'https://approve.example', aud: 'https://api.example', sub: 'ana', iat: NOW, jti: 'a1', approval_digest: digest, ...more };
  const input = `${encode({ typ: 'agent-approval+jwt', alg: 'ES256', kid: 'approver' })}.${encode(claims)}`;
  const key = createPrivateKey(approver.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

let upstream;
let envoy;
before(async () => {
  upstream = await startUpstream();
  const { policy, ...rest } = configuration(documents);
  const reviewed = policy.replace(/^(route PATCH .*)$/m, '$1  with branch: string') + 'approve agents to push on repo by user as review\n';
  assert.match(reviewed, /is push on repo:\{repo\} {2}with branch/);
  const approvals = [{ issuer: 'https://approve.example', space: 'https://idp.example', algorithms: ['ES256'], jwks: { keys: [jwk] } }];
  envoy = await startEnvoy({
    configuration: { ...rest, policy: reviewed, approvals },
    now: NOW,
    upstreamPort: upstream.port,
    change: keepRequestId,
  });
});
after(async () => {
  await envoy?.stop();
  await upstream.stop();
});

let asked = 0;
async function push(branch, more = []) {
  asked += 1;
  const headers = [['authorization', `Bearer ${tokens.T1.token}`], ...more];
  const request = { method: 'PATCH', url: `/repos/web/git/refs/heads/${branch}`, headers };
  const { answer, line } = await ask(envoy, http1, { request, id: `approval-${asked}`, now: NOW }, until);
  return { status: answer.status, code: answer.body.code ?? null, headers: answer.body.headers, document: JSON.parse(line.document) };
}
const outcome = ({ status, code }) => [status, code];

test('an approval lets exactly one request through', async () => {
  const first = await push('fix');
  assert.deepEqual(outcome(first), [403, 'needs_approval']);
  assert.equal(first.document.rule, 'review');
  const { digest, by, expires } = first.document.approval;
  assert.deepEqual([by, expires], ['user', NOW + 300]);

  const refused = {
    'of somebody else': [{ sub: 'bo' }, 'fix'],
    'of something else': [{ approval_digest: 'AAAA' }, 'fix'],
    'for another branch': [{}, 'main'],
    'that is old': [{ iat: NOW - 300 }, 'fix'],
  };
  for (const [what, [claims, branch]] of Object.entries(refused)) {
    const answer = await push(branch, [['agent-approval', approval(digest, { jti: what, ...claims })]]);
    assert.deepEqual(outcome(answer), [403, 'approval_invalid'], what);
  }
  assert.equal(upstream.asked, 0);

  const good = approval(digest);
  const passed = await push('fix', [['agent-approval', good]]);
  assert.deepEqual(outcome(passed), [200, null], JSON.stringify(passed.document));
  assert.equal(passed.document.rule, 'code-help');
  assert.ok(passed.document.because.some(({ term, text }) => term === 'approve' && text === '`user:ana` has approved it (rule `review`)'));
  assert.deepEqual(passed.headers.filter(([name]) => name === 'agent-approval' || name === 'authorization'), []);

  // The store is shared by the workers, so it does not matter which one the next requests meet.
  for (let again = 0; again < 6; again += 1) {
    assert.deepEqual(outcome(await push('fix', [['agent-approval', good]])), [403, 'approval_spent']);
  }
  assert.equal(upstream.asked, 1);
});
