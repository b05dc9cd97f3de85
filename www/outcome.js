// One decision document on the page: verdict, picture, checks, proof. Draws what the document says and decides nothing.

import { $, h, prose, sign } from './dom.js';
import { drawPicture } from './picture.js';
import { recordsOf, rightsOf, tokenOf, unverifiedClaims } from './request.js';
import { CHECKS, RESULTS, VERDICTS, allowSentence, capital, kindSentence, presence } from './words.js';

/** Shows `decision` (`{ document, text }`) of `request`. `goTo` is called with a line of the rules. */
export function showOutcome({ request, document, text, goTo }) {
  showRequest(request, document);
  showVerdict(document);
  showRelationship(document);
  showPicture(request, document);
  showChecks(document);
  showWhy(document, goTo);
  $('document').textContent = JSON.stringify(JSON.parse(text), null, 2);
}

/** The outcome in one sentence. */
export const outcomeSentence = (document) => (document.decision === 'allow' ? allowSentence(document) : document.reason_user);

/** The lines of the rules that took part: `policy:12` is line 12. */
export function linesOf({ because }) {
  return because.map(({ at }) => Number(/^policy:(\d+)$/.exec(at ?? '')?.[1])).filter(Boolean);
}

function showRequest({ method, url }, { action, object }) {
  $('asked').replaceChildren(h('span', { class: 'method' }, method), h('span', { class: 'target' }, url),
    action && object ? h('span', { class: 'meaning' }, 'which is ', h('code', {}, action), ' on ', h('code', {}, object)) : '');
}

function showVerdict(document) {
  const { decision, code, status, rule, challenge, reason_admin: detail } = document;
  // Writing the same again would announce it again.
  const news = JSON.stringify([decision, code, rule, challenge, detail, outcomeSentence(document)]);
  if ($('verdict').dataset.said === news) return;
  $('verdict').dataset.said = news;
  $('verdict').className = `verdict ${decision}`;
  $('verdict').replaceChildren(
    sign(decision),
    h('p', { class: 'word' }, VERDICTS[decision]),
    h('p', { class: 'sentence' }, ...prose(outcomeSentence(document))),
    detail ? h('p', { class: 'detail' }, ...prose(capital(detail))) : '',
    h('p', { class: 'codes' }, h('span', { class: 'code' }, code ?? (rule ? `rule ${rule}` : 'allowed')), ` HTTP ${status}`,
      challenge ? [' · ', h('span', { class: 'challenge' }, `WWW-Authenticate: ${challenge}`)] : ''));
}

function showRelationship({ who, at }) {
  if (!who) {
    $('relationship').replaceChildren(h('p', { class: 'kind' }, h('strong', {}, 'Not known.'),
      ' Only a verified token has facts, and here none was verified.'));
    return;
  }
  const { relationship, chain, binding } = who;
  const words = [relationship.kind ?? 'not established', relationship.mode, presence(relationship.present_until, at),
    chain?.hops.length > 0 ? `${chain.hops.length} hop, ${chain.trust.replace('_', ' ')}` : null, binding];
  $('relationship').replaceChildren(
    h('p', { class: 'facts' }, ...words.filter(Boolean).map((word, index) => h('span', { class: index === 0 ? 'pill first' : 'pill' }, word)),
      relationship.source ? h('span', { class: 'source' }, relationship.source) : ''),
    h('p', { class: 'kind' }, kindSentence(who)));
}

const FAULTS = {
  not_covered: 'rights', user_lacks_relation: 'user', not_the_persons_record: 'user', presence_expired: 'user',
  hop_record_missing: 'hops', hop_record_invalid: 'hops', hop_not_covered: 'hops',
};

function showPicture(request, document) {
  const token = tokenOf(request);
  const claims = unverifiedClaims(token ?? '');
  const sources = ['scope', 'authorization_details'].filter((name) => claims?.[name] !== undefined);
  const rights = { current: rightsOf(token), hops: recordsOf(request).map(rightsOf), source: `token:${sources.join(', ')}` };
  const named = /`agent:([^`]+)`/.exec(document.reason_admin ?? '')?.[1];
  const user = document.who?.user;
  const fault = FAULTS[document.code] ?? (['ceiling', 'agent_lacks_relation'].includes(document.code) ? named
    : document.code === 'foreign_name' && user?.iss && document.reason_admin.includes(user.iss) ? 'user' : undefined);
  const width = Math.max(260, Math.floor($('picture').clientWidth));
  $('picture').replaceChildren(drawPicture(document, rights, fault, width));
}

function showChecks({ checks }) {
  $('checks').replaceChildren(...checks.map(({ name, result }) => h('li', { class: result, title: name },
    sign(result), h('span', { class: 'what' }, CHECKS[name] ?? name), h('span', { class: 'result' }, RESULTS[result] ?? result))));
}

function showWhy({ decision, because, reason_user: forUser, reason_admin: forAdmin, missing }, goTo) {
  const allowed = decision === 'allow';
  $('why-title').textContent = allowed ? 'The proof' : 'What stood in the way';
  const steps = because.map((reason) => {
    const line = linesOf({ because: [reason] })[0];
    const path = (reason.via ?? []).filter((step) => step.tuple || reason.via.length > 1);
    // What refuses may be something that holds, and what allows something that does not.
    const result = allowed ? 'pass' : reason.holds === 'unknown' ? 'unknown' : 'fail';
    return h('li', { class: result === 'pass' ? 'true' : result === 'fail' ? 'false' : 'unknown' },
      sign(result),
      h('div', {},
        h('p', {}, ...prose(reason.text), line ? [' ', h('button', { type: 'button', class: 'line', onclick: () => goTo(line) }, `line ${line}`)] : ''),
        path.length > 0 ? h('p', { class: 'via' }, ...path.map((step) => h('span', {},
          `${step.user} ${step.relation} ${step.object}`, step.tuple ? h('em', {}, step.holds === 'true' ? 'tuple' : 'no tuple') : h('em', {}, 'by the model')))) : ''));
  });
  $('why').replaceChildren(...[
    steps.length > 0 ? h('ol', { class: 'steps' }, ...steps) : null,
    forAdmin ? h('dl', { class: 'reasons' },
      h('dt', {}, 'The client is told'), h('dd', {}, ...prose(forUser ?? '')),
      h('dt', {}, 'The administrator reads'), h('dd', {}, ...prose(forAdmin))) : null,
    missing.length > 0 ? h('p', { class: 'via' }, 'missing: ', JSON.stringify(missing)) : null,
  ].filter(Boolean));
}
