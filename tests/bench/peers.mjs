// The same question to everybody: may code-helper, steered by ana, push to repo:web? Each peer is loaded by its own
// module, says what it does not do, and is asked by a function that gives a boolean (or a promise of one).

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const AUDIENCE = 'https://api.example';
const ISSUER = 'https://as.example';

// ---- cedar

const uid = (type, id) => ({ type, id });
const policies = { staticPolicies: `
  permit(principal, action == Action::"read", resource is Repo) when { resource.readers.contains(context.user) || resource.writers.contains(context.user) };
  permit(principal == Agent::"code-helper", action == Action::"push", resource is Repo)
    when { resource.writers.contains(context.user) && context.mode == "interactive" && context.scope.contains(resource) };
  forbid(principal == Agent::"test-runner", action == Action::"push", resource);` };
const entities = [
  { uid: uid('Repo', 'web'), attrs: { writers: [{ __entity: uid('User', 'ana') }], readers: [] }, parents: [] },
  { uid: uid('Repo', 'infra'), attrs: { writers: [{ __entity: uid('User', 'ana') }], readers: [] }, parents: [] },
  { uid: uid('User', 'ana'), attrs: {}, parents: [] },
  { uid: uid('Agent', 'code-helper'), attrs: {}, parents: [] },
];
const question = {
  principal: uid('Agent', 'code-helper'), action: uid('Action', 'push'), resource: uid('Repo', 'web'),
  context: { user: { __entity: uid('User', 'ana') }, mode: 'interactive', scope: [{ __entity: uid('Repo', 'web') }] },
};

async function cedar() {
  const { isAuthorized, preparsePolicySet, statefulIsAuthorized } = await import('@cedar-policy/cedar-wasm/nodejs');
  preparsePolicySet('bench', policies);
  const allowed = (answer) => answer.response?.decision === 'allow';
  const stateful = { ...question, preparsedPolicySetId: 'bench', entities };
  return {
    'cedar-wasm isAuthorized': () => allowed(isAuthorized({ ...question, policies, entities })),
    'cedar-wasm statefulIsAuthorized': () => allowed(statefulIsAuthorized(stateful)),
    bytes: { 'cedar-wasm statefulIsAuthorized': JSON.stringify(stateful).length + JSON.stringify(statefulIsAuthorized(stateful)).length },
  };
}

// ---- OPA: tests/bench/push.rego, compiled by `opa`

async function opa({ opaModule }) {
  const { default: { loadPolicy } } = await import('@open-policy-agent/opa-wasm');
  const policy = await loadPolicy(readFileSync(opaModule));
  policy.setData({ writers: { web: ['ana'], infra: ['ana'] }, readers: {} });
  const input = { agent: 'code-helper', user: 'ana', mode: 'interactive', scope: ['web'], action: 'push', repo: 'web' };
  return {
    'opa-wasm evaluate': () => policy.evaluate(input)[0].result === true,
    bytes: { 'opa-wasm evaluate': JSON.stringify(input).length + JSON.stringify(policy.evaluate(input)).length },
  };
}

// ---- Biscuit: its module is for bundlers, so it is put together here as one would

async function biscuit() {
  const folder = dirname(fileURLToPath(import.meta.resolve('@biscuit-auth/biscuit-wasm')));
  const glue = await import(pathToFileURL(join(folder, 'biscuit_bg.js')).href);
  const module = new WebAssembly.Module(readFileSync(join(folder, 'biscuit_bg.wasm')));
  const imports = {};
  for (const { module: from } of WebAssembly.Module.imports(module)) {
    imports[from] ??= from === './biscuit_bg.js' ? glue : await import(pathToFileURL(join(folder, from)).href);
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  glue.__wbg_set_wasm(exports);
  exports.__wbindgen_start();
  const { AuthorizerBuilder, Biscuit, KeyPair, SignatureAlgorithm } = glue;
  const key = new KeyPair(SignatureAlgorithm.Ed25519);
  const builder = Biscuit.builder();
  builder.addCode('user("ana"); agent("code-helper"); mode("interactive"); scope("web");');
  const token = builder.build(key.getPrivateKey()).toBase64();
  const root = key.getPublicKey();
  const facts = 'action("push"); repo("web"); writer("ana", "web"); writer("ana", "infra");';
  const rules = `allow if agent("code-helper"), action("push"), user($u), repo($r), writer($u, $r), mode("interactive"), scope($r);
    deny if true;`;
  const ask = () => {
    const parsed = Biscuit.fromBase64(token, root);
    const making = new AuthorizerBuilder();
    making.addCode(facts + rules);
    const authorizer = making.buildAuthenticated(parsed);
    const limits = { max_facts: 1000, max_iterations: 100, max_time_micro: 1_000_000 };
    const allowed = authorizer.authorizeWithLimits(limits) === 0;
    for (const one of [authorizer, parsed]) one.free();
    return allowed;
  };
  return { 'biscuit-wasm, token and Datalog': ask, bytes: { 'biscuit-wasm, token and Datalog': token.length + facts.length + rules.length } };
}

// ---- casbin

async function casbin() {
  const { newEnforcer, newModelFromString, StringAdapter } = await import('casbin');
  const model = newModelFromString(`
[request_definition]
r = agent, user, repo, act, mode, scope
[policy_definition]
p = agent, act, mode
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.agent == p.agent && r.act == p.act && r.mode == p.mode && r.scope == r.repo && g(r.user, r.repo)`);
  const enforcer = await newEnforcer(model, new StringAdapter('p, code-helper, push, interactive\ng, ana, web\ng, ana, infra'));
  return { 'casbin enforce': () => enforcer.enforce('code-helper', 'ana', 'web', 'push', 'interactive', 'web') };
}

// ---- express-oauth2-jwt-bearer: verifies, with a key set that it fetches once

async function expressJwt({ es256 }) {
  const { auth } = await import('express-oauth2-jwt-bearer');
  const server = createServer((_, res) => res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [es256.jwk] })));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const check = auth({
    issuer: ISSUER, audience: AUDIENCE, jwksUri: `http://127.0.0.1:${server.address().port}/`, tokenSigningAlg: 'ES256',
    cacheMaxAge: 3_600_000, clockTolerance: 1e9,
  });
  const ask = (token) => new Promise((resolve, reject) => {
    const headers = { host: 'api.example', authorization: `Bearer ${token}` };
    const req = { method: 'PATCH', url: '/', originalUrl: '/', protocol: 'https', headers, query: {}, get: (name) => headers[name.toLowerCase()], is: () => false };
    check(req, {}, (error) => (error ? reject(error) : resolve(req.auth.payload.sub === 'ana')));
  });
  return { 'express-oauth2-jwt-bearer, ES256': ask };
}

/** What to load, and what of the question it leaves to others. */
export const PEERS = {
  cedar: { load: cedar, lacks: 'the token, and who is acting: the caller says' },
  opa: { load: opa, lacks: 'the token, and who is acting: the caller says' },
  biscuit: { load: biscuit, lacks: 'OAuth tokens and relationships: its own token, and facts that the caller gives' },
  casbin: { load: casbin, lacks: 'the token, and who is acting: the caller says' },
  expressJwt: { load: expressJwt, lacks: 'a decision: it verifies' },
};
