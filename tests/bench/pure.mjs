// Cold tokens in the code of the WebAssembly module alone, beside node:crypto, and in `authorize` with Web Crypto: prints
// results and ratios as JSON.

import { verify } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { configuration, eddsa, es256, options, request, rs256 } from './tokens.mjs';

const entry = pathToFileURL(join(process.env.ACTFOR_PACKAGE, 'entry/inline.js')).href;
const { createGuard } = await import(entry);

const ROUNDS = Number(process.env.ACTFOR_ROUNDS ?? 15);
const COLD = 32;
const BUDGETS = { ES256: 2.5, RS256: 8, EdDSA: 1.4 };

const guard = createGuard(configuration);
const later = createGuard(configuration);

const web = [];
const microseconds = { ES256: [[], []], RS256: [[], []], EdDSA: [[], []] };
for (let round = -1; round < ROUNDS; round += 1) {
  for (const { algorithm, mint, publicKey } of [es256, rs256, eddsa]) {
    const tokens = Array.from({ length: COLD }, mint);
    const key = algorithm === 'ES256' ? { key: publicKey, dsaEncoding: 'ieee-p1363' } : publicKey;
    const hash = algorithm === 'EdDSA' ? null : 'sha256';
    const contenders = [
      (token) => guard.decide(request(token), options).allowed,
      (token) => {
        const end = token.lastIndexOf('.');
        return verify(hash, Buffer.from(token.slice(0, end)), key, Buffer.from(token.slice(end + 1), 'base64url'));
      },
    ];
    contenders.forEach((run, which) => {
      const start = performance.now();
      for (const token of tokens) if (!run(token)) throw new Error(`${algorithm} did not do what is measured`);
      if (round >= 0) microseconds[algorithm][which].push(((performance.now() - start) * 1000) / COLD);
    });
    // The others are not asked of Web Crypto.
    if (algorithm !== 'RS256') continue;
    const start = performance.now();
    for (const token of tokens) if (!(await later.authorize(request(token), options)).allowed) throw new Error('Web Crypto refused');
    if (round >= 0) web.push(((performance.now() - start) * 1000) / COLD);
  }
}

function spread(sorted) {
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { median: at(0.5), low: at(0.1), high: at(0.9) };
}

const results = {};
const ratios = {};
for (const [algorithm, both] of Object.entries(microseconds)) {
  const [ours, theirs] = both.map((samples) => samples.sort((a, b) => a - b));
  results[`actfor decide, pure wasm, ${algorithm}, cold`] = spread(ours);
  ratios[`actfor cold, pure wasm / node:crypto alone, ${algorithm} (budget <= ${BUDGETS[algorithm]})`] =
    spread(ours).median / theirs[Math.floor(theirs.length / 2)];
}
results['actfor authorize, Web Crypto, RS256, cold'] = spread(web.sort((a, b) => a - b));
console.log(JSON.stringify({ results, ratios }));
