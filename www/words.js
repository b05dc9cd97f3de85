// The page's own words. What the core says (reasons, proofs, messages) is shown as the core says it.

/** The patterns, in the order of the tabs. */
export const PATTERNS = {
  interactive: { title: 'Interactive', story: 'ana steers code-helper while it works on her repository.' },
  offline: { title: 'Offline', story: 'ana asked for a nightly triage, and went to bed.' },
  automated: { title: 'Automated', story: 'hr-agent picked case c1 off a queue. It is about ana.' },
  transitive: { title: 'Transitive', story: 'code-helper calls test-runner to do a part of the work.' },
};

/** What each check establishes. One that is not listed goes by its own name. */
export const CHECKS = {
  path: 'The path is canonical',
  token: 'There is one token, well formed',
  issuer: 'Its issuer is accepted',
  header: 'Its header asks for nothing odd',
  key: 'Its key is known',
  signature: 'Its signature holds',
  claims: 'Its claims are complete',
  audience: 'It is meant for this service',
  time: 'It is not expired, not early',
  proof: 'The key it is bound to was shown',
  relationship: 'Who acts for whom is known',
  presence: 'The user is present',
  action: 'The request maps to an action',
  coverage: 'The token covers the action',
  rule: 'A rule is there for kind and mode',
  relation: 'User or agent has the relation',
  personal: 'It is the record of the case’s person',
  conditions: 'The conditions of the rule hold',
  chain: 'Earlier agents are vouched for',
  ceiling: 'Each agent may do this at all',
  forbid: 'No rule forbids it',
  approve: 'Nobody has to approve it',
};

export const RESULTS = {
  pass: 'pass', fail: 'fail', unknown: 'not sure', not_needed: 'not needed', not_reached: 'not reached',
};

export const VERDICTS = { allow: 'Allow', deny: 'Deny', needs_approval: 'Needs approval' };

/** What a kind of relationship means for the rights in play. */
export function kindSentence({ user, agent, relationship }) {
  const [who, what, task] = [name(user), name(agent), relationship?.task];
  switch (relationship?.kind) {
    case 'self': return `${who} asks without any agent.`;
    case 'delegated': return `${who} lends ${what} a slice of their own rights: ${who} must have the right, and the token must cover it.`;
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
