// Makes tokens, their claims and DPoP proofs, good ones and spoilt ones, and has npm `jose` judge each. Writes one JSON line a case:
// what was done to it, the text, and whether jose accepts. The Rust side (tests/jose_differential.rs) reads the lines.
//
//   node judge.mjs [tokens] [claims] [proofs] [seed]

import { createHash, createHmac, generateKeyPairSync, sign as signBytes, createPublicKey } from 'node:crypto';
import * as jose from 'jose';

const [tokens = 16000, claimSets = 4000, proofs = 6000, seed = 1] = process.argv.slice(2).map(Number);
const NOW = 1795000060;
const ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];

// mulberry32: the same seed, the same cases (the keys are fresh each time).
let state = seed >>> 0;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
const below = (n) => Math.floor(random() * n);
const pick = (items) => items[below(items.length)];
const b64 = (data) => Buffer.from(data).toString('base64url');

function makeKey(alg, kid) {
  const pair = alg.startsWith('ES')
    ? generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-256' : 'P-384' })
    : alg.startsWith('Ed')
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { alg, kid, secret: pair.privateKey, jwk: { ...pair.publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' } };
}

function sign(key, input, alg = key.alg) {
  const hash = alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`;
  const options = { key: key.secret };
  if (alg.startsWith('ES')) options.dsaEncoding = 'ieee-p1363';
  if (alg.startsWith('PS')) Object.assign(options, { padding: 6, saltLength: -1 });
  return signBytes(hash, Buffer.from(input), options);
}

const seal = (key, header, payload) => {
  const input = `${b64(header)}.${b64(payload)}`;
  return `${input}.${b64(sign(key, input))}`;
};

const keys = ALGORITHMS.map((alg) => makeKey(alg, `k-${alg}`));
const others = ALGORITHMS.map((alg) => makeKey(alg, `k-${alg}`));
const jwks = { keys: keys.map((key) => key.jwk) };
const keySet = jose.createLocalJWKSet(jwks);

const claims = () => JSON.stringify({
  iss: 'https://as.example', aud: 'https://api.example', sub: pick(['ana', 'bø', 'é\u{1f600}']), client_id: 'c', jti: `t-${below(1e9)}`,
  iat: NOW - 60, exp: NOW + 240, scope: 'repo:read'.repeat(1 + below(20)), act: { iss: 'https://as.example', sub: 'agent' },
});
const headerOf = (key, more = {}) => ({ alg: key.alg, typ: 'at+jwt', kid: key.kid, ...more });

const swapCharacter = (text, from, to) => {
  const at = from + below(to - from);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let other = pick(alphabet);
  while (other === text[at]) other = pick(alphabet);
  return text.slice(0, at) + other + text.slice(at + 1);
};
const part = (index) => (token) => {
  const parts = token.split('.');
  if (parts[index].length === 0) return `${token}A`;
  parts[index] = swapCharacter(parts[index], 0, parts[index].length);
  return parts.join('.');
};

// Spoil the text of a good token.
const TEXT = {
  none: (token) => token,
  header_character: part(0),
  payload_character: part(1),
  signature_character: part(2),
  signature_last_character: (token) => swapCharacter(token, token.length - 1, token.length),
  cut: (token) => token.slice(0, below(token.length)),
  extend: (token) => token + pick(['A', 'AA', 'AAAA', '.', '=', '==', ' ', '\n', '~', '.A']),
  insert: (token) => { const at = below(token.length); return token.slice(0, at) + pick(['.', '=', ' ', '\n', '\t', '+', '/', '*', 'A', 'é']) + token.slice(at); },
  remove: (token) => { const at = below(token.length); return token.slice(0, at) + token.slice(at + 1); },
  padded: (token) => token.split('.').map((p) => p + '='.repeat((4 - (p.length % 4)) % 4)).join('.'),
  standard_alphabet: (token) => token.replaceAll('-', '+').replaceAll('_', '/'),
  parts_swapped: (token) => { const [h, p, s] = token.split('.'); return pick([`${p}.${h}.${s}`, `${h}.${s}.${p}`, `${h}.${p}.${p}`, `${h}..${s}`, `.${p}.${s}`, `${h}.${p}.`]); },
};

// Sign something else than a good header and good claims.
const json = JSON.stringify;
const SIGNED = {
  header_alg: (key) => [json(headerOf(key, { alg: pick([...ALGORITHMS, 'none', 'None', 'HS256', 'ES512', 'es256', '', 1, null, ['ES256']]) })), claims()],
  header_no_alg: (key) => [json({ typ: 'at+jwt', kid: key.kid }), claims()],
  header_kid: (key) => [json(headerOf(key, { kid: pick([...keys.map((k) => k.kid), 'unknown', '', ' ', '../../x', 'k\u0000', 1, null, ['k']]) })), claims()],
  header_no_kid: (key) => [json({ alg: key.alg, typ: 'at+jwt' }), claims()],
  header_typ: (key) => [json(headerOf(key, { typ: pick(['at+jwt', 'AT+JWT', 'application/at+jwt', 'application/AT+JWT', 'APPLICATION/at+jwt', 'JWT', 'dpop+jwt', '', 'at+jwt ', 'text/at+jwt', 1, null]) })), claims()],
  header_no_typ: (key) => [json({ alg: key.alg, kid: key.kid }), claims()],
  header_crit: (key) => [json(headerOf(key, pick([{ crit: ['exp'], exp: 1 }, { crit: [] }, { crit: ['x'], x: 1 }, { crit: 'exp' }, { crit: ['b64'], b64: true }, { crit: ['b64'], b64: false }, { crit: null }, { crit: ['x'] }]))), claims()],
  header_b64: (key) => [json(headerOf(key, { b64: pick([true, false, 'x']) })), claims()],
  header_encryption: (key) => [json(headerOf(key, pick([{ zip: 'DEF' }, { enc: 'A128GCM' }, { p2c: 1000 }, { p2s: 'AA' }]))), claims()],
  header_key_source: (key) => [json(headerOf(key, pick([{ jku: 'https://evil.example' }, { x5u: 'https://evil.example' }, { x5c: ['AA=='] }, { jwk: others[0].jwk }]))), claims()],
  header_cty: (key) => [json(headerOf(key, { cty: pick(['JWT', 'jwt', 'application/jwt', 'json', 1]) })), claims()],
  header_unknown_member: (key) => [json(headerOf(key, { [pick(['x', 'x5t', 'iss', 'nonce'])]: pick([1, 'x', null, {}]) })), claims()],
  header_duplicate: (key) => [json(headerOf(key)).replace('{', pick(['{"alg":"none",', `{"kid":"k-ES256",`, '{"typ":"JWT",', '{"x":1,"x":2,', `{"alg":"${key.alg}",`])), claims()],
  header_form: (key) => { const h = json(headerOf(key)); return [pick([`[${h}]`, `"${key.alg}"`, '', 'null', `\ufeff${h}`, `${h} `, ` ${h}`, `${h}x`, h.replaceAll('"', "'"), `${h.slice(0, -1)},}`]), claims()]; },
  payload_duplicate: (key) => [json(headerOf(key)), claims().replace('{', pick(['{"sub":"bo",', '{"s\\u0075b":"bo",', '{"act":{},', '{"exp":9999999999,']))],
  payload_nested_duplicate: (key) => [json(headerOf(key)), claims().replace('"act":{', '"act":{"sub":"x",')],
  payload_form: (key) => { const c = claims(); return [json(headerOf(key)), pick([`[${c}]`, '"x"', 'null', '1', '', `\ufeff${c}`, `${c}x`, `${c}\u0000`, `${c}${c}`, ` ${c}\n`, c.replaceAll('"', "'"), `${c.slice(0, -1)},}`, c.replace('1795000300', 'NaN'), c.replace('1795000300', '01795000300'), Buffer.from(c, 'utf16le')])]; },
  payload_utf8: (key) => [json(headerOf(key)), Buffer.concat([Buffer.from('{"x":"'), Buffer.from(pick([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe9], [0xf5, 0x80, 0x80, 0x80]])), Buffer.from(`",${claims().slice(1)}`)])],
  payload_surrogate: (key) => [json(headerOf(key)), claims().replace('{', pick(['{"x":"\\ud800",', '{"x":"\\udc00x",', '{"x":"\\ud83d\\ude00",']))],
  payload_deep: (key) => { const n = pick([10, 30, 33, 100, 2000]); return [json(headerOf(key)), claims().replace('{', `{"x":${'['.repeat(n)}${']'.repeat(n)},`)]; },
  payload_wide: (key) => [json(headerOf(key)), claims().replace('{', `{${Array.from({ length: pick([100, 240, 300]) }, (_, i) => `"x${i}":0,`).join('')}`)],
};

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const big = (bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const toBytes = (n, size) => Buffer.from(n.toString(16).padStart(size * 2, '0'), 'hex');

function der(raw) {
  const integer = (bytes) => { const s = [...bytes]; while (s.length > 1 && s[0] === 0) s.shift(); if (s[0] >= 128) s.unshift(0); return [2, s.length, ...s]; };
  const body = [...integer(raw.subarray(0, raw.length / 2)), ...integer(raw.subarray(raw.length / 2))];
  return Buffer.from([0x30, ...(body.length > 127 ? [0x81] : []), body.length, ...body]);
}

// Put another signature behind a good header and good claims.
const SIGNATURES = {
  zero: (key, input, raw) => Buffer.alloc(raw.length),
  ones: (key, input, raw) => Buffer.alloc(raw.length, 255),
  another_key: (key, input) => sign(others[keys.indexOf(key)], input),
  another_message: (key) => sign(key, 'x'),
  shorter: (key, input, raw) => raw.subarray(pick([1, 0])).subarray(0, raw.length - 1),
  longer: (key, input, raw) => Buffer.concat(pick([[raw, Buffer.alloc(1)], [Buffer.alloc(1), raw]])),
  flipped_bit: (key, input, raw) => { const copy = Buffer.from(raw); copy[below(copy.length)] ^= 1 << below(8); return copy; },
  der: (key, input, raw) => (key.alg.startsWith('ES') ? der(raw) : Buffer.alloc(0)),
  twin: (key, input, raw) => (key.alg === 'ES256' ? Buffer.concat([raw.subarray(0, 32), toBytes(P256_ORDER - big(raw.subarray(32)), 32)]) : raw),
  r_or_s_zero: (key, input, raw) => { const copy = Buffer.from(raw); const half = raw.length / 2; copy.fill(0, ...pick([[0, half], [half, raw.length]])); return copy; },
  edwards_plus_order: (key, input, raw) => {
    if (!key.alg.startsWith('Ed')) return raw;
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = big(Buffer.from(raw.subarray(32)).reverse()) + order;
    return Buffer.concat([raw.subarray(0, 32), toBytes(s, 32).reverse()]);
  },
  another_padding: (key, input) => key.alg.startsWith('RS') ? sign(key, input, `PS${key.alg.slice(2)}`) : key.alg.startsWith('PS') ? sign(key, input, `RS${key.alg.slice(2)}`) : Buffer.alloc(64),
  hmac: (key, input) => createHmac('sha256', json(key.jwk)).update(input).digest(),
};

async function accepts(token) {
  try {
    await jose.jwtVerify(token, keySet, { algorithms: ALGORITHMS, typ: 'at+jwt', currentDate: new Date(NOW * 1000) });
    return true;
  } catch {
    return false;
  }
}

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function judgeTokens() {
  const ways = [
    ...Object.entries(TEXT).map(([name, change]) => [name, (key) => change(seal(key, json(headerOf(key)), claims()))]),
    ...Object.entries(SIGNED).map(([name, make]) => [name, (key) => seal(key, ...make(key))]),
    ...Object.entries(SIGNATURES).map(([name, make]) => [`signature_${name}`, (key) => {
      const input = `${b64(json(headerOf(key)))}.${b64(claims())}`;
      return `${input}.${b64(make(key, input, sign(key, input)))}`;
    }]),
  ];
  for (let index = 0; index < tokens; index += 1) {
    const [change, make] = ways[index % ways.length];
    const key = pick(keys);
    const text = make(key);
    say({ kind: 'token', change, alg: key.alg, text, accepted: await accepts(text) });
  }
}

// --- Claims, by jose's `jwtVerify` with issuer, audience and the claims that RFC 9068 §2.2 requires.

const NUMBERS = ['1795000300', -1, 0, 1e300, true, null, [1795000300], {}, 9007199254740993n, 18446744073709551616n];
const TEXTS = [1, null, [], {}, true, '', ' ', 'é', 'x\u0000', 'x\u200by', 'x\r\ny', 's'.repeat(1100)];
const around = () => NOW + pick([-1000, -1, -0.5, 0, 0.5, 0.9, 1, 1.5, 1000]);
const base = () => ({
  iss: 'https://as.example', aud: 'https://api.example', sub: 'ana', client_id: 'c', jti: `t-${below(1e9)}`, iat: NOW - 60, exp: NOW + 240, scope: 'r',
});
const CLAIMS = {
  none: () => base(),
  missing: () => without(base(), pick(Object.keys(base()).slice(0, 7))),
  exp: () => ({ ...base(), exp: around() }),
  nbf: () => ({ ...base(), nbf: around() }),
  iat: () => ({ ...base(), iat: around() }),
  exp_type: () => ({ ...base(), exp: pick(NUMBERS) }),
  nbf_type: () => ({ ...base(), nbf: pick(NUMBERS) }),
  iat_type: () => ({ ...base(), iat: pick(NUMBERS) }),
  iss: () => ({ ...base(), iss: pick(['https://as.example/', 'https://AS.example', 'http://as.example', '', 'https://as.example.evil', 1, null, ['https://as.example'], { a: 1 }]) }),
  aud: () => ({ ...base(), aud: pick([['https://api.example'], ['https://x.example', 'https://api.example'], [], 'https://x.example', '*', ['*'], 'https://api.example/', 'https://API.example', 1, null, {}, [['https://api.example']]]) }),
  aud_mixed: () => ({ ...base(), aud: pick([['https://api.example', 1], ['https://api.example', null], ['https://api.example', '']]) }),
  name: () => ({ ...base(), [pick(['sub', 'client_id', 'jti'])]: pick(TEXTS) }),
};

async function acceptsClaims(token) {
  try {
    const { payload } = await jose.jwtVerify(token, keySet, {
      algorithms: ALGORITHMS, typ: 'at+jwt', issuer: 'https://as.example', audience: 'https://api.example',
      requiredClaims: ['sub', 'client_id', 'jti', 'iat', 'exp'], currentDate: new Date(NOW * 1000),
    });
    return ['sub', 'client_id', 'jti'].every((name) => typeof payload[name] === 'string' && payload[name] !== '');
  } catch {
    return false;
  }
}

async function judgeClaims() {
  const ways = Object.entries(CLAIMS);
  const key = keys[0];
  for (let index = 0; index < claimSets; index += 1) {
    const [change, make] = ways[index % ways.length];
    // Numbers that JavaScript does not have are written as they are.
    const text = seal(key, json(headerOf(key)), JSON.stringify(make(), (_, value) => (typeof value === 'bigint' ? `big${value}` : value)).replace(/"big(\d+)"/, '$1'));
    say({ kind: 'claims', change, alg: key.alg, text, accepted: await acceptsClaims(text) });
  }
}

// --- DPoP, by jose's own parts: signature and header by jwtVerify with EmbeddedJWK, thumbprint by jose, addresses by URL.

const URL_OF_REQUEST = 'https://api.example/repos/web/x';
const ACCESS_TOKEN = 'an.access.token';
const holders = ALGORITHMS.map((alg) => makeKey(alg));
const publicOf = (key) => { const { alg, kid, use, ...jwk } = key.jwk; return jwk; };
const ath = (token) => createHash('sha256').update(token).digest('base64url');

async function proves(headers, jkt) {
  try {
    if (headers.length !== 1) return false;
    const { payload, protectedHeader } = await jose.jwtVerify(headers[0], jose.EmbeddedJWK, {
      algorithms: ALGORITHMS, typ: 'dpop+jwt', currentDate: new Date(NOW * 1000), maxTokenAge: 60, clockTolerance: 5,
      requiredClaims: ['jti', 'htm', 'htu', 'iat', 'ath'],
    });
    const at = (text) => { const url = new URL(text); url.search = ''; url.hash = ''; return url.href; };
    return typeof payload.jti === 'string' && payload.jti !== '' && payload.htm === 'PATCH'
      && typeof payload.htu === 'string' && at(payload.htu) === at(URL_OF_REQUEST)
      && payload.ath === ath(ACCESS_TOKEN)
      && (await jose.calculateJwkThumbprint(protectedHeader.jwk, 'sha256')) === jkt;
  } catch {
    return false;
  }
}

const proofHeader = (key, more = {}) => ({ typ: 'dpop+jwt', alg: key.alg, jwk: publicOf(key), ...more });
const proofClaims = (more = {}) => ({ jti: `p-${below(1e9)}`, htm: 'PATCH', htu: URL_OF_REQUEST, iat: NOW, ath: ath(ACCESS_TOKEN), ...more });
const without = (object, name) => { const { [name]: _, ...rest } = object; return rest; };

const PROOFS = {
  none: (key) => [proofHeader(key), proofClaims()],
  missing_claim: (key) => [proofHeader(key), without(proofClaims(), pick(['jti', 'htm', 'htu', 'iat', 'ath']))],
  claim_type: (key) => [proofHeader(key), proofClaims({ [pick(['jti', 'htm', 'htu', 'iat', 'ath'])]: pick([1, null, [], {}, true, '']) })],
  htm: (key) => [proofHeader(key), proofClaims({ htm: pick(['PATCH', 'GET', 'patch', 'PATCH ']) })],
  htu: (key) => [proofHeader(key), proofClaims({ htu: pick([
    'HTTPS://api.example/repos/web/x', 'https://API.example/repos/web/x', 'https://api.example:443/repos/web/x', 'https://api.example/repos/web/x?y=1',
    'https://api.example/repos/web/x#y', 'https://api.example/repos/web/', 'https://api.example/repos/web/x/', 'https://api.example/repos//web/x', 'http://api.example/repos/web/x',
    'https://api.example:8443/repos/web/x', 'https://evil.example/repos/web/x', 'https://ana@api.example/repos/web/x', 'https://api.example/repos/infra/x', '/repos/web/x',
    'https://api.example', 'https:///repos/web/x', 'https://api.example/repos%2Fweb/x', 'not a url', 'https://api.example/Repos/web/x']) })],
  htu_dots: (key) => [proofHeader(key), proofClaims({ htu: pick(['https://api.example/a/../repos/web/x', 'https://api.example/./repos/web/x', 'https://api.example/repos/a/%2e%2e/web/x']) })],
  htu_encoding: (key) => [proofHeader(key), proofClaims({ htu: 'https://api.example/repos/%77eb/x' })],
  htu_whatwg: (key) => [proofHeader(key), proofClaims({ htu: pick([' https://api.example/repos/web/x', 'https:\\\\api.example\\repos\\web\\x', 'https:api.example/repos/web/x', 'https://api.example/repos/w\teb/x', 'https://api.example:00443/repos/web/x']) })],
  iat: (key) => [proofHeader(key), proofClaims({ iat: NOW + pick([-1000, -67, -66, -65, -64, -1, 0, 4, 5, 6, 7, 1000]) })],
  ath: (key) => [proofHeader(key), proofClaims({ ath: pick([ath('other'), `${ath(ACCESS_TOKEN)}=`, Buffer.from(ath(ACCESS_TOKEN), 'base64url').toString('hex'), '']) })],
  typ: (key) => [proofHeader(key, { typ: pick(['dpop+jwt', 'DPoP+JWT', 'application/dpop+jwt', 'JWT', 'at+jwt', '', 1]) }), proofClaims()],
  alg: (key) => [proofHeader(key, { alg: pick([...ALGORITHMS, 'none', 'HS256', 'ES512', 1]) }), proofClaims()],
  jwk_private: (key) => [proofHeader(key, { jwk: { ...key.secret.export({ format: 'jwk' }) } }), proofClaims()],
  jwk_wrong: (key) => [proofHeader(key, { jwk: pick([undefined, null, 'x', {}, { kty: 'oct', k: 'AAAA' }, { ...publicOf(key), kty: 'X' }, { ...publicOf(key), crv: 'P-521' }, { ...publicOf(key), x: 'AAAA', n: 'AQAB' }, { ...publicOf(key), d: 'AAAA' }]) }), proofClaims()],
  jwk_of_another: (key) => [proofHeader(key, { jwk: publicOf(pick(holders)) }), proofClaims()],
  jwk_more_members: (key) => [proofHeader(key, { jwk: { ...publicOf(key), ...pick([{ use: 'sig' }, { kid: 'x' }, { x5t: 'AA' }, { ext: true }]) } }), proofClaims()],
  jwk_purpose: (key) => [proofHeader(key, { jwk: { ...publicOf(key), ...pick([{ use: 'enc' }, { key_ops: [] }, { alg: 'ES512' }]) } }), proofClaims()],
  crit: (key) => [proofHeader(key, pick([{ crit: ['x'], x: 1 }, { crit: [] }, { b64: false, crit: ['b64'] }])), proofClaims()],
};

async function judgeProofs() {
  const ways = Object.entries(PROOFS);
  const texts = ['cut', 'extend', 'insert', 'header_character', 'payload_character', 'signature_character', 'padded'];
  for (let index = 0; index < proofs; index += 1) {
    const key = pick(holders);
    const jkt = await jose.calculateJwkThumbprint(publicOf(key), 'sha256');
    let change, headers;
    const turn = index % (ways.length + texts.length + 2);
    if (turn < ways.length) {
      const [name, make] = ways[turn];
      const [header, payload] = make(key);
      change = name;
      headers = [seal(key, json(header), json(payload))];
    } else if (turn < ways.length + texts.length) {
      change = `text_${texts[turn - ways.length]}`;
      headers = [TEXT[texts[turn - ways.length]](seal(key, json(proofHeader(key)), json(proofClaims())))];
    } else if (turn === ways.length + texts.length) {
      change = 'another_holder';
      const other = holders[(holders.indexOf(key) + 1) % holders.length];
      headers = [seal(other, json(proofHeader(other)), json(proofClaims()))];
    } else {
      change = 'several_headers';
      const proof = seal(key, json(proofHeader(key)), json(proofClaims()));
      headers = pick([[proof, proof], [], [`${proof}, ${proof}`], [`${proof},`]]);
    }
    say({ kind: 'proof', change, alg: key.alg, headers, jkt, accepted: await proves(headers, jkt) });
  }
}

say({ kind: 'keys', now: NOW, jwks, url: URL_OF_REQUEST, access_token: ACCESS_TOKEN });
await judgeTokens();
await judgeClaims();
await judgeProofs();
