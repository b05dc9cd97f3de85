// Tokens that are bound to a client certificate (RFC 8705), over TLS that ends in the real Envoy.
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { root, startEnvoy, startUpstream } from './harness.mjs';
import { NOW, configuration, keys, tokens } from './patterns.mjs';

const file = (name) => join(root, 'tests/envoy/certificates', name);
const pem = (name) => readFileSync(file(name), 'utf8');
const thumbprint = (name) => createHash('sha256').update(new X509Certificate(pem(name)).raw).digest('base64url');

/** Envoy asks for a certificate and takes any: which one it is the token says. */
const tls = (text) => text.replace('        - filters:\n', `        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_certificates:
                  - certificate_chain: { filename: ${JSON.stringify(file('server.crt'))} }
                    private_key: { filename: ${JSON.stringify(file('server.key'))} }
                validation_context: { trust_chain_verification: ACCEPT_UNTRUSTED }
          filters:
`);

/** The token of the offline agent, bound to a certificate. */
function bound(name) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { kid, alg } = keys.issuer;
  const input = `${encode({ alg, typ: 'at+jwt', kid })}.${encode({ ...tokens.T2.claims, cnf: { 'x5t#S256': thumbprint(name) } })}`;
  const key = createPrivateKey({ key: keys.issuer, format: 'jwk' });
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

function ask(port, token, certificate, headers = {}) {
  const own = certificate === undefined ? {} : { cert: pem(`${certificate}.crt`), key: pem(`${certificate}.key`) };
  return new Promise((resolve, reject) => {
    const request = https.request({
      host: '127.0.0.1', port, path: '/repos/web/x', agent: false, rejectUnauthorized: false, ...own,
      headers: { host: 'api.example', authorization: `Bearer ${token}`, ...headers },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(response.statusCode === 200 ? 'allow' : JSON.parse(text).code));
    });
    request.end();
  });
}

let upstream;
before(async () => (upstream = await startUpstream()));
after(() => upstream.stop());

test('a token that is bound to a certificate passes with that certificate only', async () => {
  const envoy = await startEnvoy({ configuration: configuration(), now: NOW, upstreamPort: upstream.port, change: tls });
  try {
    const token = bound('client.crt');
    const hash = (name) => new X509Certificate(pem(name)).fingerprint256.replaceAll(':', '').toLowerCase();
    const forged = { 'x-forwarded-client-cert': `Hash=${hash('client.crt')}` };
    for (let round = 0; round < 2; round += 1) {
      assert.equal(await ask(envoy.port, token, 'client'), 'allow');
      assert.equal(await ask(envoy.port, token, 'stranger'), 'proof_invalid');
      assert.equal(await ask(envoy.port, token), 'proof_missing');
      assert.equal(await ask(envoy.port, token, undefined, forged), 'proof_missing');
      assert.equal(await ask(envoy.port, token, 'stranger', forged), 'proof_invalid');
      assert.equal(await ask(envoy.port, tokens.T2.token), 'allow');
    }
  } finally {
    await envoy.stop();
  }
});
