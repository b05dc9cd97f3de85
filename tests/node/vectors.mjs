// The vectors of tokens, proofs and requests and the running examples, through the guard of any entry of the package
// in any runtime: nothing is imported here, and the texts of the files are handed over.

/** The files, below tests/vectors. */
export const FILES = [
  'jose/tokens.json', 'proof/dpop.json', 'token/requests.json', 'token/kinds.json', 'token/keys.json', 'attacks/requests.json', 'requests/identity.json',
  'patterns/acme.actfor', 'patterns/acme.fga', 'patterns/cases.json', 'patterns/config.json', 'patterns/tuples.json',
];

/** How many questions there are of each kind, at least. */
export const LEAST = { token: 160, proof: 80, request: 120, kind: 140, key: 35, attack: 400, identity: 450, example: 20 };

/**
 * Asks every question that a host can ask without fetching anything, or those of some kinds. `wrong` says what came
 * out otherwise than the vector expects; `documents` holds every decision document, to be the same in every runtime.
 */
export function decideAll(createGuard, files, kinds) {
  const asking = questioned(createGuard, files, kinds);
  let step = asking.next();
  while (!step.done) {
    const { guard, request, options } = step.value;
    step = asking.next(guard.decide(request, options));
  }
  return step.value;
}

/** The same with `authorize`, where signatures may be somebody else's matter. There is nobody to fetch anything from. */
export async function authorizeAll(createGuard, files, kinds) {
  const fetch = () => Promise.reject(new Error('there is no network'));
  const asking = questioned((config) => createGuard(config, { fetch }), files, kinds);
  let step = asking.next();
  while (!step.done) {
    const { guard, request, options } = step.value;
    step = asking.next(await guard.authorize(request, options));
  }
  return step.value;
}

/** Both ways, which say the same. Of keys that come and go, `authorize` fetches its own (authorize.test.mjs). */
export async function run(createGuard, files, kinds = Object.keys(LEAST)) {
  const { counts, wrong, documents } = decideAll(createGuard, files, kinds);
  const later = await authorizeAll(createGuard, files, kinds.filter((kind) => kind !== 'key'));
  wrong.push(...later.wrong.map((line) => `${line} (authorize)`));
  for (const [name, document] of Object.entries(later.documents)) {
    if (documents[name] !== document) wrong.push(`${name}: otherwise in authorize: ${document}`);
  }
  return { counts, wrong, documents };
}

function* questioned(createGuard, files, kinds) {
  const counts = {};
  const wrong = [];
  const documents = {};
  for (const { kind, name, config, request, options, again = false, learned = [], before = [], expect, object, who, document } of questions(files)) {
    if (!kinds.includes(kind)) continue;
    const guard = kept(createGuard, config, kind);
    wrong.push(...learned.filter((list) => !isTaught(guard, list)).map(({ list }) => `${kind}: ${name}: ${list}`));
    for (const { now, ...asked } of before) {
      if (!guard.decide(asked, { now }).allowed) wrong.push(`${kind}: ${name}: what came before was refused`);
    }
    const first = yield { guard, request, options };
    const decision = again ? yield { guard, request, options } : first;
    const found = decision.code ?? decision.verdict;
    const text = String(decision);
    if (JSON.stringify(decision) !== text) wrong.push(`${kind}: ${name}: its members are another document: ${JSON.stringify(decision)}`);
    if (again && !first.allowed) wrong.push(`${kind}: ${name}: the first use was refused`);
    if (found !== expect) wrong.push(`${kind}: ${name}: expected ${expect}, found ${found}`);
    if (object !== undefined && decision.object !== object) wrong.push(`${kind}: ${name}: about ${decision.object}`);
    if (who !== undefined && JSON.stringify(decision.who) !== JSON.stringify(who)) wrong.push(`${kind}: ${name}: who is ${JSON.stringify(decision.who)}`);
    if (document !== undefined && text !== document) wrong.push(`${kind}: ${name}: another document: ${text}`);
    if (`${kind}: ${name}` in documents) wrong.push(`${kind}: ${name}: there are two of that name`);
    documents[`${kind}: ${name}`] = text;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  kept();
  for (const kind of kinds) {
    if (!(counts[kind] >= LEAST[kind])) wrong.push(`${kind}: only ${counts[kind] ?? 0} questions`);
  }
  return { counts, wrong, documents };
}

let last = {};

/** The guard of the last question, where none of its kind changes what the guard says to the next one; or a new one. */
function kept(createGuard, config, kind) {
  if (config === last.config && (kind === 'token' || kind === 'attack')) return last.guard;
  last.guard?.dispose();
  last = config === undefined ? {} : { config, guard: createGuard(config) };
  return last.guard;
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

  for (const { name, config, now = 0, request, again, certificate, peer, store, expect } of requests.cases) {
    // A guard always remembers proofs.
    if (store === false) continue;
    const seen = { ...request, clientCertificate: certificate, peer };
    yield { kind: 'request', name, config: requests.configs[config], request: seen, options: { now }, again, expect };
  }

  const { configs: { main: issuers }, cases: kinds } = read('token/kinds.json');
  for (const { name, now, request, introspection, expect } of kinds) {
    // Lists and answers are fetched by a host (vectors_here.mjs).
    if (request === undefined || introspection !== undefined) continue;
    yield { kind: 'kind', name, config: issuers, request, options: { now }, expect };
  }

  const rotation = read('token/keys.json');
  for (const { name, steps } of rotation.cases) {
    const learned = [];
    for (const [index, { at, token, expect, issuer, keys = null, refused }] of steps.entries()) {
      // A key server that is silent gives `null`.
      if (issuer !== undefined) learned.push({ keys_of: issuer, list: keys, at: rotation.start + at, refused });
      if (token === undefined) continue;
      const headers = [['authorization', `Bearer ${rotation.tokens[token]}`]];
      yield {
        kind: 'key', name: `${name}, step ${index}`, config: rotation.config, learned: [...learned], expect,
        request: { method: rotation.method, url: rotation.url, headers }, options: { now: rotation.start + at },
      };
    }
  }

  const { now: attacked, config: acme, cases: attacks } = read('attacks/requests.json');
  for (const { name, again, expect, object, request: { body_base64url: body, ...request } } of attacks) {
    if (body !== undefined) request.body = bytes(body);
    // An approval is spent once, so it wants a guard of its own.
    const spends = request.headers.some(([name]) => name === 'agent-approval');
    yield { kind: 'attack', name, config: again || spends ? { ...acme } : acme, request, options: { now: attacked }, again, expect, object };
  }

  const identity = read('requests/identity.json');
  for (const { name, config, now, learned, before, request, introspection, room, expect } of identity.cases) {
    // Answers are fetched by a host (identity.test.mjs), and a guard remembers as much as it does.
    if (introspection !== undefined || room !== undefined) continue;
    yield {
      kind: 'identity', name, config: { policy: identity.policy, files: identity.files, ...identity.configs[config] },
      learned, before, request, options: { now }, expect: expect.decision, who: expect.who,
    };
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

/** Whether a guard takes a list of what is revoked, or a status list, where it should and only there. */
function isTaught(guard, { status_list_of: issuer, keys_of: owner, list, at: now, refused }) {
  try {
    if (owner !== undefined) guard.setKeys(owner, list, { now });
    else if (issuer === undefined) guard.revoke(list, { now });
    else guard.setStatusList(issuer, list, { now });
    return refused === undefined;
  } catch (error) {
    return refused !== undefined && (error.code === refused || error.message.includes(refused));
  }
}

function bytes(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}
