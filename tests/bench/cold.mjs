// Prints how many milliseconds a process takes from loading a package to its first decision. node cold.mjs NAME

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const NOW = 1795000060;
const patterns = join(import.meta.dirname, '../vectors/patterns');
const text = (name) => readFileSync(join(patterns, name), 'utf8');
const config = JSON.parse(text('config.json'));
const sources = { policy: text('acme.actfor'), files: { 'acme.fga': text('acme.fga') }, tuples: JSON.parse(text('tuples.json')) };
const { token } = JSON.parse(text('tokens.json')).T1;
const [jwk] = config.issuers[0].jwks.keys;
const entry = (name) => pathToFileURL(join(process.env.ACTFOR_PACKAGE, 'entry', name)).href;

async function actfor(name, config) {
  const { createGuard } = await import(entry(name));
  return createGuard(config).decide({ method: 'GET', url: '/repos/web/x', headers: { authorization: `Bearer ${token}` } }, { now: NOW }).allowed;
}

async function packed() {
  const { compile } = await import(entry('node.js'));
  const { pack } = compile(sources.policy, { files: sources.files, tuples: sources.tuples });
  return JSON.stringify({ ...config, policy: { pack: Buffer.from(pack).toString('base64url') } });
}

const peer = (name) => async () => {
  const { PEERS } = await import('./peers.mjs');
  const { bytes: _, ...asks } = await PEERS[name].load({ opaModule: process.env.ACTFOR_OPA_MODULE });
  return Object.values(asks).at(-1)();
};

const written = JSON.stringify({ ...config, ...sources });
const STARTS = {
  'actfor, rules as text': () => actfor('node.js', written),
  'actfor, a pack': () => actfor('node.js', process.env.ACTFOR_PACKED),
  'actfor/inline, rules as text': () => actfor('inline.js', written),
  'cedar-wasm': peer('cedar'),
  'opa-wasm': peer('opa'),
  'biscuit-wasm': peer('biscuit'),
  casbin: peer('casbin'),
  'jose, verify alone': async () => {
    const { importJWK, jwtVerify } = await import('jose');
    const { payload } = await jwtVerify(token, await importJWK(jwk, 'ES256'), { algorithms: ['ES256'], currentDate: new Date(NOW * 1000) });
    return payload.sub === 'ana';
  },
  'jsonwebtoken, verify alone': async () => {
    const { default: { verify } } = await import('jsonwebtoken');
    const { createPublicKey } = await import('node:crypto');
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    return verify(token, key, { algorithms: ['ES256'], clockTimestamp: NOW }).sub === 'ana';
  },
};

if (process.argv[2] === '--names') {
  console.log(JSON.stringify(Object.keys(STARTS)));
} else if (process.argv[2] === '--packed') {
  console.log(await packed());
} else {
  const start = performance.now();
  const allowed = await STARTS[process.argv[2]]();
  if (!allowed) throw new Error(`${process.argv[2]} did not do what is measured`);
  console.log(performance.now() - start);
  process.exit();
}
