// Envoy with one worker: without a filter, with its own jwt_authn and rbac, with an empty wasm filter, with actfor.
//
// Every variant answers by itself (no upstream) and gets the same 2,000 tokens in turn. Envoy is pinned to one core
// and wrk to another. Rounds are interleaved, so that a busy machine hits all variants alike: read the ratios. On a
// machine with other work the processor time that Envoy spends on a request says more than requests per second.
//
//   node tests/bench/envoy.mjs [--json] [--rounds N] [--seconds N]
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { root, startEnvoy, wasm } from '../envoy/harness.mjs';
import { configuration, tokens as examples } from '../envoy/patterns.mjs';

const TOKENS = 2_000;
const RSS_AFTER = 100_000;
const option = (name, fallback) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : fallback);
const rounds = option('--rounds', 3);
const seconds = Math.min(option('--seconds', 3), 5);
const asJson = process.argv.includes('--json');
const empty = join(root, 'target/wasm32-unknown-unknown/release/examples/empty.wasm');
const place = mkdtempSync(join(tmpdir(), 'actfor-bench-'));
const run = promisify(execFile);

/** A key, and that many tokens like the example of the offline agent, valid for the next hour. */
function mint(alg) {
  const pair = alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), alg, use: 'sig', kid: 'bench' };
  const key = pair.privateKey;
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const list = Array.from({ length: TOKENS }, () => {
    const claims = { ...examples.T2.claims, iat, exp: iat + 3600, jti: randomBytes(16).toString('base64url') };
    const input = `${encode({ typ: 'at+jwt', alg, kid: 'bench' })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  });
  const file = join(place, alg);
  writeFileSync(file, list.join('\n'));
  return { jwk, file };
}

function actfor(alg, jwk, cached) {
  const document = configuration({ limits: { cached_tokens: cached } });
  Object.assign(document.issuers[0], { algorithms: [alg], jwks: { keys: [jwk] } });
  return document;
}

/** Envoy's own filters, asked for as much as they can say: issuer, audience, signature, times, client and scope. */
function native(jwk, cached) {
  const provider = {
    issuer: 'https://as.example',
    audiences: ['https://api.example'],
    local_jwks: { inline_string: JSON.stringify({ keys: [jwk] }) },
    payload_in_metadata: 'token',
    ...(cached ? { jwt_cache_config: { jwt_cache_size: 4096, jwt_max_token_size: 4096 } } : {}),
  };
  const claim = (name, value) => ({
    metadata: { filter: 'envoy.filters.http.jwt_authn', path: [{ key: 'token' }, { key: name }], value: { string_match: value } },
  });
  const policy = {
    permissions: [{ and_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'GET' } } }, { url_path: { path: { prefix: '/repos/' } } }] } }],
    principals: [{ and_ids: { ids: [claim('client_id', { exact: 'code-helper' }), claim('scope', { contains: 'repo:web:rw' })] } }],
  };
  const filter = (name, type, config) => ({ name, typed_config: { '@type': `type.googleapis.com/${type}`, ...config } });
  return [
    filter('envoy.filters.http.jwt_authn', 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', {
      providers: { as: provider },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'as' } }],
    }),
    filter('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', { rules: { policies: { agents: policy } } }),
  ];
}

/** The shipped template, answering by itself and without an access log; `filters` replace the filter, if given. */
const change = (filters) => (text) => {
  const lines = (filters ?? []).map((filter) => `                  - ${JSON.stringify(filter)}\n`).join('');
  const plain = text
    .replace(/^ +access_log:\n[^]*?(?=^ +http_filters:)/m, '')
    .replace('route: { cluster: service }', 'direct_response: { status: 200 }');
  return filters ? plain.replace(/^ +# Before anything that rewrites[^]*?(?=^ +- name: envoy\.filters\.http\.router)/m, lines) : plain;
};

function variants() {
  const list = [
    { name: 'no filter', alg: 'ES256', options: { change: change([]) } },
    { name: 'empty wasm filter', alg: 'ES256', options: { module: empty, change: change() } },
  ];
  for (const alg of ['ES256', 'RS256']) {
    const { jwk, file } = mint(alg);
    list.push(
      { name: `jwt_authn + rbac ${alg} cold`, alg, options: { change: change(native(jwk, false)) } },
      { name: `actfor ${alg} cold`, alg, options: { configuration: actfor(alg, jwk, 0), change: change() } },
      { name: `jwt_authn + rbac ${alg} cached`, alg, options: { change: change(native(jwk, true)) } },
      { name: `actfor ${alg} warm`, alg, options: { configuration: actfor(alg, jwk, 4096), change: change() } },
    );
    for (const variant of list.filter((variant) => variant.alg === alg)) variant.file = file;
  }
  return list;
}

async function wrk(variant, port, duration) {
  const args = ['-c', '1', 'wrk', '-t1', '-c16', `-d${duration}`, '-s', join(root, 'tests/bench/envoy/rotate.lua'), `http://127.0.0.1:${port}`];
  const { stdout } = await run('taskset', args, { env: { ...process.env, TOKENS: variant.file } });
  const result = JSON.parse(stdout.match(/^RESULT (.*)$/m)[1]);
  if (result.refused || result.broken) throw new Error(`${variant.name}: ${JSON.stringify(result)}`);
  return { ...result, rate: (result.requests * 1e6) / result.microseconds };
}

/** Processor time of a process so far, in microseconds; Linux counts in hundredths of a second. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const rss = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+)/m)[1]);

const start = (variant) => startEnvoy({ configuration: {}, upstreamPort: 1, workers: 1, pin: '0', ...variant.options });

async function measure(variant, sample) {
  const envoy = await start(variant);
  try {
    // Every token has been seen before anything is measured; where nothing is remembered that changes nothing.
    let seen = 0;
    while (seen < 2 * TOKENS) seen += (await wrk(variant, envoy.port, '1s')).requests;
    return await sample(envoy);
  } finally {
    await envoy.stop();
  }
}

/** Resident memory of the whole Envoy, before and after many requests. */
async function memory(variant) {
  const envoy = await start(variant);
  try {
    const before = rss(envoy.pid);
    let requests = 0;
    while (requests < RSS_AFTER) requests += (await wrk(variant, envoy.port, '3s')).requests;
    return { name: variant.name, requests, before_kib: before, after_kib: rss(envoy.pid) };
  } finally {
    await envoy.stop();
  }
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

const list = variants();
for (let round = 1; round <= rounds; round += 1) {
  for (const variant of list) {
    process.stderr.write(`round ${round} of ${rounds}: ${variant.name}\n`);
    const sample = await measure(variant, async (envoy) => {
      const before = cpu(envoy.pid);
      const result = await wrk(variant, envoy.port, `${seconds}s`);
      return { ...result, cpu: (cpu(envoy.pid) - before) / result.requests };
    });
    (variant.samples ??= []).push(sample);
  }
}
const rows = list.map(({ name, samples }) => {
  const rates = samples.map(({ rate }) => rate);
  const [least, most] = [Math.min(...rates), Math.max(...rates)].map(Math.round);
  const cpu_us = Number(median(samples.map((s) => s.cpu)).toFixed(1));
  return { name, cpu_us, rate: Math.round(median(rates)), least, most, p50_us: median(samples.map((s) => s.p50)), p99_us: median(samples.map((s) => s.p99)) };
});
/** How much more a variant does than another: by requests per second, and by processor time. */
function ratio(a, b) {
  const [one, other] = [a, b].map((name) => rows.find((row) => row.name === name));
  return { by_rate: Number((one.rate / other.rate).toFixed(2)), by_cpu: Number((other.cpu_us / one.cpu_us).toFixed(2)) };
}
const ratios = Object.fromEntries(
  ['ES256', 'RS256'].flatMap((alg) => [
    [`actfor warm / native cached, ${alg}`, ratio(`actfor ${alg} warm`, `jwt_authn + rbac ${alg} cached`)],
    [`actfor cold / native cold, ${alg}`, ratio(`actfor ${alg} cold`, `jwt_authn + rbac ${alg} cold`)],
  ]),
);
ratios['actfor warm / empty wasm filter, ES256'] = ratio('actfor ES256 warm', 'empty wasm filter');
process.stderr.write('memory\n');
const memories = [];
for (const name of ['no filter', 'empty wasm filter', 'actfor ES256 warm']) memories.push(await memory(list.find((v) => v.name === name)));
const report = {
  machine: { cpu: cpus()[0].model, cores: cpus().length, node: process.version },
  tokens: TOKENS,
  rounds,
  seconds,
  filter_bytes: readFileSync(wasm).length,
  rows,
  ratios,
  memory: memories,
};
rmSync(place, { recursive: true });
if (asJson) console.log(JSON.stringify(report, null, 1));
else {
  console.table(rows.map(({ name, ...rest }) => ({ variant: name, ...rest })));
  console.table(ratios);
  console.table(memories);
}
