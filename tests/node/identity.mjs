// Who is it, in every dialect: the cases of tests/vectors/requests/identity.json through the guard of an entry of the
// package. Nothing of Node is used here.

const outcome = (decision) => decision.code ?? 'allow';
const same = (found, expected, what) => {
  if (found !== expected) throw new Error(`${what}: ${found}, expected ${expected}`);
};

/** What a host like this cannot be told: why a case is left to others. */
export function leftOut({ introspection, request, room }) {
  if (room !== undefined) return 'the memory of the guard has the size that it has';
  const token = request.headers.map(([, value]) => value.split(' ').at(-1));
  if (introspection !== undefined && !token.includes(introspection.token)) return 'an answer is always about the token that was asked about';
  return undefined;
}

/** Runs one case; throws where it turns out otherwise. Gives the document. */
export async function runCase(createGuard, file, example) {
  const { now, request, expect, name, introspection, before = [], learned = [] } = example;
  const fetch = async () => new Response(introspection.response);
  const common = { policy: file.policy, files: file.files };
  const guard = createGuard({ ...common, ...file.configs[example.config] }, { fetch });
  for (const { status_list_of: issuer, list, at, refused } of learned) {
    let error;
    try {
      if (issuer === undefined) guard.revoke(list, { now: at });
      else guard.setStatusList(issuer, list, { now: at });
    } catch (caught) {
      error = caught;
    }
    if (refused === undefined) same(error?.message, undefined, name);
    else if (!String(error?.message).includes(refused)) throw new Error(`${name}: ${error?.message} does not say ${refused}`);
  }
  const decide = introspection === undefined
    ? async (asked, at) => guard.decide(asked, { now: at })
    : (asked, at) => guard.authorize(asked, { now: at });
  for (const { now: at, ...asked } of before) same(outcome(await decide(asked, at)), 'allow', `${name}: before`);
  const decision = await decide(request, now);
  same(outcome(decision), expect.decision, name);
  same(decision.status, expect.status, `${name}: status`);
  same(JSON.stringify(decision.who), JSON.stringify(expect.who), `${name}: who`);
  // A token that was seen before is no better and no worse; a proof is, and is tested elsewhere.
  const document = String(decision);
  const proven = request.headers.some(([field]) => field === 'dpop');
  if (!proven) same(outcome(await decide(request, now)), expect.decision, `${name}: again`);
  guard.dispose();
  return document;
}
