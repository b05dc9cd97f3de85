// Web Crypto in `authorize`, as in a browser: it says what the code in WebAssembly says, and what it does not say is left
// to that. The vectors are in `vectors_pure.test.mjs`.

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { createGuard } from 'actfor/inline';
import { config, NOW, tokens } from './patterns.mjs';
import { Signatures } from './node_modules/actfor/web_crypto.js';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256', use: 'sig' }] };
const rsa = { ...config, issuers: [{ ...config.issuers[0], jwks, algorithms: ['RS256'] }] };
const base64url = (value) => Buffer.from(value).toString('base64url');

/** T2 signed by an RSA key. */
function token(more = {}) {
  const claims = { ...JSON.parse(Buffer.from(tokens.T2.token.split('.')[1], 'base64url')), ...more };
  const signed = `${base64url('{"alg":"RS256","typ":"at+jwt","kid":"rsa"}')}.${base64url(JSON.stringify(claims))}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}
const read = (text) => ({ method: 'GET', url: '/repos/web/x', headers: { authorization: `Bearer ${text}` } });
const forged = (text) => text.slice(0, -8) + (text.endsWith('AAAAAAAA') ? 'BAAAAAAA' : 'AAAAAAAA');

/** What is asked of Web Crypto while `work` runs, and `answer` in its place where one is given. */
async function asked(work, answer) {
  const { subtle } = crypto;
  const calls = { verify: 0, importKey: 0 };
  subtle.verify = (...args) => {
    calls.verify += 1;
    return answer === undefined ? SubtleCrypto.prototype.verify.apply(subtle, args) : answer();
  };
  subtle.importKey = (...args) => {
    calls.importKey += 1;
    return SubtleCrypto.prototype.importKey.apply(subtle, args);
  };
  try {
    return { ...calls, found: await work(), calls };
  } finally {
    delete subtle.verify;
    delete subtle.importKey;
  }
}

test('signatures are asked about in `authorize` alone, once for a token, and a key is taken once', async () => {
  const guard = createGuard(rsa);
  const [one, other] = [token(), token({ jti: 'other' })];
  const { calls } = await asked(async () => {
    assert.equal(guard.decide(read(one), { now: NOW }).verdict, 'allow');
  });
  assert.deepEqual(calls, { verify: 0, importKey: 0 });
  const later = await asked(async () => {
    for (const text of [other, other, token({ jti: 'third' })]) {
      const decision = await guard.authorize(read(text), { now: NOW });
      assert.equal(decision.verdict, 'allow');
      // The document is made of the answers that there were.
      assert.equal(decision.toJSON().decision, 'allow');
    }
    assert.equal((await guard.authorize(read(forged(other)), { now: NOW })).code, 'signature_invalid');
  });
  assert.deepEqual(later.calls, { verify: 3, importKey: 1 });
});

test('a listener hears of what was decided, and of nothing that was not', async () => {
  const heard = [];
  const guard = createGuard(rsa, { onDecision: (decision) => heard.push(decision.verdict) });
  await guard.authorize(read(token()), { now: NOW });
  await guard.authorize(read(forged(token())), { now: NOW });
  assert.deepEqual(heard, ['allow', 'deny']);
});

const silent = {
  'an error': () => Promise.reject(new Error('not today')),
  'an exception': () => { throw new Error('not today'); },
  'what is no answer': () => Promise.resolve('true'),
  'nothing at all': () => new Promise(() => {}),
};

for (const [name, answer] of Object.entries(silent)) {
  test(`where Web Crypto gives ${name}, the code in WebAssembly decides`, async () => {
    const guard = createGuard(rsa);
    const good = await asked(() => guard.authorize(read(token()), { now: NOW, deadline: 300 }), answer);
    assert.equal(good.found.verdict, 'allow');
    assert.equal(good.calls.verify, 1);
    const bad = await asked(() => guard.authorize(read(forged(token({ jti: 'bad' }))), { now: NOW, deadline: 300 }), answer);
    assert.equal(bad.found.code, 'signature_invalid');
  });
}

test('a caller that gives up is not kept waiting', async () => {
  const guard = createGuard(rsa);
  const signal = AbortSignal.timeout(50);
  const work = asked(() => guard.authorize(read(token()), { now: NOW, signal }), silent['nothing at all']);
  await assert.rejects(work, { name: 'TimeoutError' });
});

test('a key that Web Crypto refuses is left to the code in WebAssembly', async () => {
  const signatures = new Signatures();
  const question = ['RS256', new Uint8Array(32), Buffer.from('{"kty":"RSA","n":"AQ"}'), new Uint8Array(1), new Uint8Array(256)];
  assert.equal(signatures.noting(() => signatures.verify(new Map(), ...question)), 0);
  assert.ok(signatures.open);
  await signatures.answer();
  assert.ok(!signatures.open);
  assert.equal(signatures.verify(new Map(), ...question), 2);
});

test('an answer is for one algorithm, key, message and signature', { skip: !process.env.ACTFOR_RECORD_SIGNATURES && 'nothing was recorded' }, async () => {
  const line = lines().find(({ algorithm, holds }) => algorithm === 'RS256' && holds);
  const [algorithm, thumbprint, jwk, message, signature] = question(line);
  const signatures = new Signatures();
  const keys = new Map();
  const ask = (...parts) => signatures.verify(keys, ...parts);
  assert.equal(ask(algorithm, thumbprint, jwk, message, signature), 2, 'asked outside a decision');
  assert.equal(signatures.noting(() => ask(algorithm, thumbprint, jwk, message, signature)), 0);
  await signatures.answer();
  assert.equal(ask(algorithm, thumbprint, jwk, message, signature), 1);
  const other = (bytes) => Uint8Array.from(bytes, (byte, index) => (index === 0 ? byte ^ 1 : byte));
  assert.equal(ask('PS256', thumbprint, jwk, message, signature), 2);
  assert.equal(ask(algorithm, other(thumbprint), jwk, message, signature), 2);
  assert.equal(ask(algorithm, thumbprint, jwk, other(message), signature), 2);
  assert.equal(ask(algorithm, thumbprint, jwk, message, other(signature)), 2);
  // No more than eight are asked about.
  const more = Array.from({ length: 9 }, (_, n) => signatures.noting(() => ask(algorithm, thumbprint, jwk, Uint8Array.of(n), signature)));
  assert.deepEqual(more, [0, 0, 0, 0, 0, 0, 0, 2, 2]);
  signatures.close();
  assert.ok(!signatures.open);
  assert.equal(ask(algorithm, thumbprint, jwk, Uint8Array.of(0), signature), 2);
  assert.equal(signatures.noting(() => ask(algorithm, thumbprint, jwk, Uint8Array.of(9), signature)), 2);
});

// What the tests of the core asked about (`ACTFOR_RECORD_SIGNATURES`), and what our own code said.
const recorded = process.env.ACTFOR_RECORD_SIGNATURES;
const lines = () => readdirSync(recorded).flatMap((file) => readFileSync(join(recorded, file), 'utf8').trim().split('\n')).map((line) => JSON.parse(line));

function question({ algorithm, jwk, message, signature }) {
  const text = Buffer.from(JSON.stringify(jwk));
  const bytes = (encoded) => Uint8Array.from(Buffer.from(encoded, 'base64url'));
  return [algorithm, createHash('sha256').update(text).digest(), text, bytes(message), bytes(signature)];
}

test('Web Crypto and our own code agree about every recorded signature', { skip: !recorded && 'nothing was recorded' }, async () => {
  const counts = { holds: 0, fails: 0, left: 0 };
  const keys = new Map();
  for (const line of lines()) {
    const parts = question(line);
    const signatures = new Signatures();
    signatures.noting(() => signatures.verify(keys, ...parts));
    await signatures.answer();
    const said = signatures.verify(keys, ...parts);
    if (said === 2) {
      counts.left += 1;
    } else {
      assert.equal(said, line.holds ? 1 : 0, JSON.stringify(line));
      counts[line.holds ? 'holds' : 'fails'] += 1;
    }
  }
  console.log('signatures:', counts);
  assert.ok(counts.holds > 400 && counts.fails > 400);
});
