// With Node's own crypto.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';

import { createGuard } from 'actfor';
import { config, NOW, tokens } from './patterns.mjs';
import { testVectors } from './vectors_here.mjs';
import { nodeCrypto } from './node_modules/actfor/node_crypto.js';

await testVectors(createGuard);

test('guards ask Node', () => {
  const headers = { authorization: `Bearer ${tokens.T1.token}` };
  assert.ok(createGuard(config).decide({ method: 'GET', url: '/repos/web/x', headers }, { now: NOW }).allowed);
  assert.equal(nodeCrypto.keys.size, 1);
});

// What the tests of the core asked about (`ACTFOR_RECORD_SIGNATURES`), and what our own code said.
const recorded = process.env.ACTFOR_RECORD_SIGNATURES;

test('Node and our own code agree about every recorded signature', { skip: !recorded && 'nothing was recorded' }, () => {
  assert.ok(existsSync(recorded));
  const lines = readdirSync(recorded).flatMap((file) => readFileSync(join(recorded, file), 'utf8').trim().split('\n'));
  const bytes = (text) => Buffer.from(text, 'base64url');
  const counts = { holds: 0, fails: 0 };
  for (const line of lines) {
    const { algorithm, jwk, message, signature, holds } = JSON.parse(line);
    const text = Buffer.from(JSON.stringify(jwk));
    const thumbprint = createHash('sha256').update(text).digest();
    const said = nodeCrypto.verify(algorithm, thumbprint, text, bytes(message), bytes(signature));
    assert.equal(said, holds ? 1 : 0, line);
    counts[holds ? 'holds' : 'fails'] += 1;
  }
  console.log(`${lines.length} signatures:`, counts);
  assert.ok(counts.holds > 1000 && counts.fails > 1000);
});

test('what Node cannot tell is left to our own code', () => {
  const nothing = new Uint8Array();
  assert.equal(nodeCrypto.verify('ES512', nothing, nothing, nothing, nothing), 2);
  assert.equal(nodeCrypto.verify('ES256', nothing, Buffer.from('{}'), nothing, nothing), 2);
  assert.equal(nodeCrypto.verify('ES256', nothing, Buffer.from('{'), nothing, nothing), 2);
});

test('keys are kept for each guard, and not without end', () => {
  const own = { ...nodeCrypto, keys: new Map() };
  const { jwks } = JSON.parse(readFileSync(join(process.env.ACTFOR_ROOT, 'tests/vectors/jose/tokens.json'), 'utf8'));
  const { kty, crv, x, y } = jwks.keys.find(({ kid }) => kid === 'es');
  const jwk = Buffer.from(JSON.stringify({ crv, kty, x, y }));
  const empty = new Uint8Array(64);
  for (let i = 0; i < 1000; i += 1) {
    assert.equal(own.verify('ES256', new Uint8Array([i >> 8, i & 255]), jwk, empty, empty), 0);
  }
  assert.equal(own.keys.size, 256);
});
