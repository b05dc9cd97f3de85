// The page's own words. What the core says (reasons, proofs, messages) is shown as the core says it.

/** The patterns, in the order of the tabs. */
export const PATTERNS = {
  interactive: { title: 'Interactive', story: 'ana sits at the keyboard and steers code-helper.' },
  offline: { title: 'Offline', story: 'ana asked for a nightly triage, and went to bed.' },
  automated: { title: 'Automated', story: 'hr-agent picked case c1 off a queue. It is about ana.' },
  transitive: { title: 'Transitive', story: 'code-helper calls test-runner to do a part of the work.' },
};

/** What each check establishes. One that is not listed goes by its own name. */
export const CHECKS = {
  path: 'Path is canonical',
  token: 'One token, well formed',
  issuer: 'Issuer accepted',
  header: 'Header acceptable',
  key: 'Key is known',
  signature: 'Signature holds',
  claims: 'Claims complete',
  audience: 'Meant for this API',
  time: 'Within its time',
  proof: 'Proof of its key',
  relationship: 'Who acts for whom',
  presence: 'User is present',
  action: 'Maps to an action',
  coverage: 'Covered by token',
  rule: 'Rule for this kind',
  relation: 'Has the relation',
  personal: 'The right person',
  conditions: 'Conditions hold',
  chain: 'Earlier agents',
  ceiling: 'Below its ceiling',
  forbid: 'Nothing forbids it',
  approve: 'Nobody has to approve',
};

export const RESULTS = {
  pass: 'pass', fail: 'fail', unknown: 'not sure', not_needed: 'not needed', not_reached: 'not reached',
};

export const VERDICTS = { allow: 'Allow', deny: 'Deny', needs_approval: 'Needs approval' };

/** What a kind of relationship means for the rights in play. */
export function kindSentence({ user, agent, relationship, chain }) {
  const [who, what, task] = [name(user), name(agent), relationship?.task];
  switch (relationship?.kind) {
    case 'self': return `${who} asks without any agent.`;
    case 'delegated': if (chain?.hops.length > 0) {
      return `${who} lent ${name(chain.hops[0])} a slice of their own rights, and ${what} was called in turn: every agent of the chain must have been given this, by a token of its own.`;
    }
      return `${who} lends ${what} a slice of their own rights: ${who} must have the right, and the token must cover it.`;
    case 'joint': return `${who} and ${what} must both have the right, and the token must cover it.`;
    case 'assigned': return `${what} uses its own rights. ${who} lends it nothing: ${who} is the person whom case ${task ?? ''} is about, and only their record may be touched.`;
    case 'autonomous': return `${what} uses its own rights, and no user is involved.`;
    default: return 'It is not established who acts for whom.';
  }
}

/** The reason of an allow, in a sentence. */
export function allowSentence({ who, action, object, rule }) {
  const { user, agent, relationship } = who ?? {};
  const does = `\`${action}\` on \`${object}\``;
  if (rule === 'public') return 'Everybody may ask this, without a token.';
  switch (relationship?.kind) {
    case 'self': return `${name(user)} may ${does}.`;
    case 'assigned': return `${name(agent)} may ${does}, for case ${relationship.task}, which is about ${name(user)}.`;
    case 'autonomous': return `${name(agent)} may ${does}, by its own rights.`;
    default: return `${name(agent)} may ${does}, on behalf of ${name(user)}.`;
  }
}

const name = (party) => party?.sub ?? 'somebody unknown';

/** How long a presence lasts, seen from the time of the decision. */
export function presence(until, at) {
  if (until === null || until === undefined || at === null) return null;
  const left = until - at;
  return left > 0 ? `present for ${left} more s` : left === 0 ? 'presence ends now' : `presence ended ${-left} s ago`;
}
