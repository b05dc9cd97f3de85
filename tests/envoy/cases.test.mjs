// The running examples through the real Envoy: the same decision documents as everywhere, byte for byte.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { h2, http1, startEnvoy, startUpstream, until } from './harness.mjs';
import { NOW, ask, cases, configuration, documents, keepRequestId } from './patterns.mjs';

const protocols = { 'HTTP/1.1': http1, 'HTTP/2': h2 };
// What no HTTP/2 client library sends; over HTTP/1.1 both are asked.
const notOverHttp2 = ['two tokens in one request', 'a header that is not ASCII'];

let upstream;
before(async () => (upstream = await startUpstream()));
after(() => upstream.stop());

// One Envoy for each set of tuples.
const bySet = group(cases, removed);
for (const [set, group] of bySet) {
  test(`the examples${set === '[]' ? '' : ` without ${set}`}`, async (t) => {
    const envoy = await startEnvoy({
      configuration: configuration(documents, JSON.parse(set)),
      now: NOW,
      upstreamPort: upstream.port,
      change: keepRequestId,
    });
    try {
      for (const example of group) {
        for (const [protocol, client] of Object.entries(protocols)) {
          if (client === h2 && notOverHttp2.includes(example.name)) continue;
          await t.test(`${example.name} (${protocol})`, () => check(envoy, client, example));
        }
      }
    } finally {
      await envoy.stop();
    }
  });
}

async function check(envoy, client, example) {
  const asked = upstream.asked;
  const { answer, line } = await ask(envoy, client, example, until);
  const { expect } = example;
  const document = JSON.parse(expect.document);
  assert.equal(line.document, expect.document);
  assert.deepEqual([line.verdict, line.code], [expect.decision, expect.code]);
  assert.equal(upstream.asked - asked, expect.decision === 'allow' ? 1 : 0);
  if (expect.decision === 'allow') return checkIdentity(answer.body.headers, example, document);

  assert.equal(answer.status, document.status);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.headers['www-authenticate'] ?? null, document.challenge);
  assert.deepEqual(Object.keys(answer.body), ['title', 'status', 'code', 'id', 'detail']);
  assert.deepEqual([answer.body.code, answer.body.id, answer.body.detail], [expect.code, example.id, document.reason_user]);
  assert.equal('retry-after' in answer.headers, document.status === 503);
}

/** What the upstream is told, and that no credential goes with it. */
function checkIdentity(headers, example, { who, rule }) {
  const ours = Object.fromEntries(headers.filter(([name]) => name.startsWith('x-actfor-')));
  assert.deepEqual(ours, {
    'x-actfor-id': example.id,
    'x-actfor-user': `user:${who.user.sub}`,
    'x-actfor-agent': `agent:${who.agent.sub}`,
    'x-actfor-instance': `instance:${who.instance.id}`,
    'x-actfor-relationship': `${who.relationship.kind}; mode=${who.relationship.mode}`,
    'x-actfor-rule': rule,
  });
  assert.deepEqual(headers.filter(([name]) => /^(authorization|dpop|agent-)/.test(name)), []);
}

function removed(example) {
  return JSON.stringify(example.changes.removed);
}

function group(items, key) {
  const groups = new Map();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
