// The vectors, through the guard of any entry of the package in any runtime: nothing of a host is used here, and the
// texts of the files are handed over.

import { leftOut, runCase } from './identity.mjs';

/** The files, below tests/vectors. */
export const FILES = [
  'jose/tokens.json', 'proof/dpop.json', 'token/requests.json', 'token/kinds.json', 'attacks/requests.json', 'requests/identity.json',
  'patterns/acme.actfor', 'patterns/acme.fga', 'patterns/cases.json', 'patterns/config.json', 'patterns/tuples.json',
];

/** How many questions there are of each kind, at least. */
export const LEAST = { token: 160, proof: 80, request: 110, attack: 400, example: 20, kind: 150, identity: 400 };

/**
 * Asks every question that a host without TLS of its own can ask, or those of some kinds. `wrong` says what came out
 * otherwise than the vector expects; `documents` holds the decision documents, to be the same in every runtime.
 */
export async function run(createGuard, files, kinds = Object.keys(LEAST)) {
  const counts = {};
  const wrong = [];
  const documents = {};
  const tell = (kind, name, document) => {
    if (`${kind}: ${name}` in documents) wrong.push(`${kind}: ${name}: there are two of that name`);
    documents[`${kind}: ${name}`] = document;
    counts[kind] = (counts[kind] ?? 0) + 1;
  };

  for (const { kind, name, config, request, options, again = false, expect, object, document } of questions(files)) {
    if (!kinds.includes(kind)) continue;
    const guard = kept(createGuard, kind, config);
    const outcomes = Array.from({ length: again ? 2 : 1 }, () => guard.decide(request, options));
    const decision = outcomes.at(-1);
    const found = decision.code ?? decision.verdict;
    const text = String(decision);
    if (again && !outcomes[0].allowed) wrong.push(`${kind}: ${name}: the first use was refused`);
    if (found !== expect) wrong.push(`${kind}: ${name}: expected ${expect}, found ${found}`);
    if (object !== undefined && decision.object !== object) wrong.push(`${kind}: ${name}: about ${decision.object}`);
    if (document !== undefined && text !== document) wrong.push(`${kind}: ${name}: another document: ${text}`);
    tell(kind, name, text);
  }
  kept();

  if (kinds.includes('kind')) {
    const { configs, cases } = JSON.parse(files['token/kinds.json']);
    for (const one of cases) {
      const [found, document] = await mistaken(createGuard, configs[one.config], one);
      if (found !== one.expect) wrong.push(`kind: ${one.name}: expected ${one.expect}, found ${found}`);
      tell('kind', one.name, document);
    }
  }

  if (kinds.includes('identity')) {
    const file = JSON.parse(files['requests/identity.json']);
    for (const one of file.cases.filter((one) => leftOut(one) === undefined)) {
      try {
        tell('identity', one.name, await runCase(createGuard, file, one));
      } catch (error) {
        wrong.push(`identity: ${error.message}`);
      }
    }
  }

  for (const kind of kinds) {
    if (!(counts[kind] >= LEAST[kind])) wrong.push(`${kind}: only ${counts[kind] ?? 0} questions`);
  }
  return { counts, wrong, documents };
}

/** Kinds of question of which none changes what the guard says to the next one. */
const LASTING = ['token', 'attack'];
let last = {};

/** The guard of the last question where that will do, or a new one. */
function kept(createGuard, kind, config) {
  if (config === last.config && LASTING.includes(kind)) return last.guard;
  last.guard?.dispose();
  last = config === undefined ? {} : { config, guard: createGuard(config) };
  return last.guard;
}

/** A token of one kind in the place of another: what comes out, and the document where there is one. */
async function mistaken(createGuard, config, { now, request, introspection, status_list: list }) {
  const guard = createGuard(config, { fetch: async () => new Response(introspection.response) });
  try {
    if (list !== undefined) {
      guard.setStatusList(list.issuer, list.token, { now });
      return ['allow', null];
    }
    const decision = introspection === undefined ? guard.decide(request, { now }) : await guard.authorize(request, { now });
    return [decision.code ?? 'allow', String(decision)];
  } catch (error) {
    return [error.code, null];
  } finally {
    guard.dispose();
  }
}

function* questions(files) {
  const read = (name) => JSON.parse(files[name]);
  const requests = read('token/requests.json');
  const { main } = requests.configs;

  const tokens = read('jose/tokens.json');
  const [own, other] = main.issuers;
  const usual = { ...main, issuers: [{ ...own, jwks: tokens.jwks, algorithms: tokens.algorithms }, other] };
  for (const { name, token, expect, jwks = tokens.jwks, algorithms = tokens.algorithms } of tokens.cases) {
    const same = jwks === tokens.jwks && algorithms === tokens.algorithms;
    yield {
      kind: 'token', name, options: { now: tokens.now },
      config: same ? usual : { ...main, issuers: [{ ...own, jwks, algorithms }, other] },
      request: { method: 'PATCH', url: '/repos/web/git/refs/heads/fix', headers: [['authorization', `Bearer ${token}`]] },
      expect: expect === 'verified' ? 'allow' : expect,
    };
  }

  const proofs = read('proof/dpop.json');
  for (const { name, headers, nonces, path = proofs.path, expect } of proofs.cases) {
    // Nonces are made by the guard itself, from a secret.
    if (nonces !== undefined) continue;
    const fields = [['authorization', `DPoP ${proofs.access_token}`], ...headers.map((value) => ['dpop', value])];
    yield {
      kind: 'proof', name, options: { now: proofs.now },
      config: { ...main, proof: { ...main.proof, base_urls: proofs.bases } },
      request: { method: proofs.method, url: path, headers: fields },
      expect: name === 'not_ascii' ? 'request_invalid' : expect === 'proven' ? 'allow' : expect,
    };
  }

  for (const { name, config, now = 0, request, again, certificate, store, expect } of requests.cases) {
    // A host without TLS of its own has no certificate, and it always remembers proofs.
    if (certificate !== undefined || store === false) continue;
    yield { kind: 'request', name, config: requests.configs[config], request, options: { now }, again, expect };
  }

  const { now: attacked, config: acme, cases: attacks } = read('attacks/requests.json');
  for (const { name, again, expect, object, request: { body_base64url: body, ...request } } of attacks) {
    if (body !== undefined) request.body = bytes(body);
    // An approval is spent once, so it wants a guard of its own.
    const spends = request.headers.some(([name]) => name === 'agent-approval');
    yield { kind: 'attack', name, config: again || spends ? { ...acme } : acme, request, options: { now: attacked }, again, expect, object };
  }

  const tuples = read('patterns/tuples.json');
  for (const { id, name, now, request, changes, expect } of read('patterns/cases.json')) {
    const gone = new Set(changes.removed.map((tuple) => JSON.stringify(tuple)));
    const config = {
      ...read('patterns/config.json'),
      policy: files['patterns/acme.actfor'], files: { 'acme.fga': files['patterns/acme.fga'] },
      tuples: tuples.filter((tuple) => !gone.has(JSON.stringify(tuple))),
    };
    yield {
      kind: 'example', name, config, request, options: { id, now: now ?? 0 },
      expect: expect.code ?? expect.decision, document: expect.document,
    };
  }
}

function bytes(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}
