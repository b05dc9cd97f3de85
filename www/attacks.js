// Attempts to fool the guard. Nothing here is recorded: each is made here and decided here, by the guard of the page.

import { unverifiedClaims } from './request.js';

const PUSH = { method: 'PATCH', url: '/repos/web/git/refs/heads/fix' };
const READ = { method: 'GET', url: '/repos/web/x' };

/**
 * The gallery. `tokens` are the examples', `sign` signs claims with a key that the guard trusts: a signature alone
 * must not help.
 */
export function attacks(tokens, now, sign) {
  const [t1, t2, t3, t4] = ['T1', 'T2', 'T3', 'T4'].map((name) => tokens[name].token);
  const bearer = (token, target, ...more) => ({ ...target, headers: [['authorization', `Bearer ${token}`], ...more] });
  const claims = (token, change) => sign({ ...unverifiedClaims(token), ...change });
  return [
    { id: 'alg-none', title: 'Sign with nothing', about: 'The header says `alg: none`, and there is no signature.', request: bearer(withHeader(t1, { alg: 'none', typ: 'at+jwt' }, ''), PUSH) },
    { id: 'flipped-signature', title: 'Flip one bit of the signature', about: 'The token of the first pattern, one bit off.', request: bearer(flipSignature(t1), PUSH) },
    { id: 'wider-scope', title: 'Widen the scope, keep the signature', about: '`repo:web:rw` becomes `repo:infra:rw` in the payload.', request: bearer(withPayload(t1, { scope: 'repo:infra:rw' }), { ...PUSH, url: '/repos/infra/git/refs/heads/fix' }) },
    { id: 'twin', title: 'Spell the same bytes differently', about: 'Unused bits of the last character are set: a lax decoder sees the same signature, and a block list of tokens misses it.', request: bearer(sameBytes(t1), PUSH) },
    { id: 'double-member', title: 'Name the algorithm twice', about: 'The header has `alg` two times; two parsers would pick two of them.', request: bearer(withRawHeader(t1, '{"alg":"ES256","typ":"at+jwt","kid":"as-1","alg":"none"}'), PUSH) },
    { id: 'foreign-key', title: 'Bring the key along', about: 'The header carries its own key in `jwk`, and is signed with it.', request: bearer(withHeader(t1, { alg: 'ES256', typ: 'at+jwt', kid: 'mine', jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } }), PUSH) },
    { id: 'presence', title: 'Go on after the user has left', about: 'Presence ran out a moment ago; the token itself is good for two more minutes.', request: bearer(t1, PUSH), now: 1_795_000_180 },
    { id: 'other-case', title: 'Name another case in the query', about: 'hr-agent works case `c2` as well, which is about bo. The token is for `c1`.', request: bearer(t3, { method: 'GET', url: '/salaries/bo?case=c2' }) },
    { id: 'other-chain', title: 'Vouch with the record of another chain', about: 'test-runner was called in one session and shows the token of another.', request: bearer(t4, READ, ['agent-chain', t1]) },
    { id: 'no-record', title: 'Leave the earlier agent out', about: '`act` says who called, and history grants nothing.', request: bearer(t4, READ) },
    { id: 'two-tokens', title: 'Send two Authorization headers', about: 'One server reads the first, the next reads the last.', request: bearer(t2, READ, ['authorization', `Bearer ${t1}`]) },
    { id: 'path', title: 'Climb out of the path', about: '`%2e%2e` is `..` to whoever decodes it next.', request: bearer(t2, { method: 'GET', url: '/repos/web/%2e%2e/infra/x' }) },
    { id: 'method-override', title: 'Change the method by a header', about: 'A `GET` that the next server takes for a `PATCH`.', request: bearer(t2, READ, ['x-http-method-override', 'PATCH']) },
    { id: 'foreign-name', title: 'Speak for somebody else’s people', about: 'Properly signed, but its user lives in a name space that this issuer may not speak for.', request: bearer(claims(t3, { agent_rel: { ...unverifiedClaims(t3).agent_rel, user: { iss: 'https://bank.example', sub: 'ana', role: 'case_subject' } } }), { method: 'GET', url: '/salaries/ana' }) },
    { id: 'actor-text', title: 'Hide the agent in a text', about: 'Properly signed, but `act` is a text instead of an object.', request: bearer(claims(t1, { act: '{"sub":"code-helper"}' }), PUSH) },
    { id: 'user-dropped', title: 'Pretend that there is no agent', about: 'Properly signed, but `act` is gone while other traces of an agent are left.', request: bearer(claims(t1, { act: undefined }), PUSH) },
    { id: 'claims-authority', title: 'Call the person of the case a lender', about: 'Properly signed: authority `user`, but the role says that the case is merely about ana.', request: bearer(claims(t3, { agent_rel: { ...unverifiedClaims(t3).agent_rel, authority: 'user' } }), { method: 'GET', url: '/salaries/ana' }) },
    { id: 'present-for-ever', title: 'Stay present longer than the token', about: 'Properly signed, but `present_until` is a year ahead.', request: bearer(claims(t1, { agent_rel: { ...unverifiedClaims(t1).agent_rel, present_until: now + 31_536_000 } }), PUSH) },
  ].map((attack) => ({ now, pattern: 'none', changes: { removed: [] }, ...attack }));
}

// ---- tampering

const encode = (text) => btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

function withRawHeader(token, header) {
  const [, payload, signature] = token.split('.');
  return `${encode(header)}.${payload}.${signature}`;
}

function withHeader(token, header, signature) {
  const parts = token.split('.');
  return [encode(JSON.stringify(header)), parts[1], signature ?? parts[2]].join('.');
}

function withPayload(token, change) {
  const [header, , signature] = token.split('.');
  return `${header}.${encode(JSON.stringify({ ...unverifiedClaims(token), ...change }))}.${signature}`;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function flipSignature(token) {
  const at = token.lastIndexOf('.') + 11;
  return token.slice(0, at) + ALPHABET[ALPHABET.indexOf(token[at]) ^ 1] + token.slice(at + 1);
}

/** 64 bytes are 86 characters, the last of which has four bits to spare. */
function sameBytes(token) {
  return token.slice(0, -1) + ALPHABET[ALPHABET.indexOf(token.at(-1)) | 1];
}
