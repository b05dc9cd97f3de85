// The demo page: the npm package decides, this shows it.

import { createGuard, init } from './actfor/entry/browser.js';
import { createTestIssuer } from './actfor/testing.js';
import { attacks } from './attacks.js';
import { $, h, prose, sign, soon } from './dom.js';
import { createEditor } from './editor.js';
import { EXPERIMENTS } from './experiments.js';
import { TupleLineError, configuration, loadFixtures, readTuples } from './fixtures.js';
import { linesOf, outcomeSentence, showOutcome } from './outcome.js';
import { readRequest, tokenOf, unverifiedClaims, withToken, writeRequest } from './request.js';
import { PATTERNS, VERDICTS } from './words.js';

const RULE_WORDS = new Set(['actfor', 'model', 'on', 'needs', 'of', 'personal', 'impersonal', 'allow', 'forbid', 'approve', 'to', 'as', 'when',
  'unless', 'is', 'agent', 'at', 'most', 'chain', 'scope', 'detail', 'role', 'covers', 'route', 'tool', 'public', 'with', 'from', 'by']);
const MODEL_WORDS = new Set(['model', 'schema', 'type', 'relations', 'define', 'or', 'and', 'but', 'not', 'from', 'condition', 'with']);

const { config, cases, tokens, sources } = await start();
const lab = createTestIssuer();
// The page's own key stands beside the examples', so that a visitor can sign claims.
const [issuer] = config.issuers;
const trusted = { ...config, issuers: [{ ...issuer, jwks: { keys: [...issuer.jwks.keys, ...lab.jwks.keys] } }] };
const gallery = attacks(tokens, cases[0].now, (claims) => lab.sign(claims));

/** What is on the page now. `edited` is the request as a visitor has changed it. */
const state = { chosen: cases[0], edited: null, guards: new Map(), sources: null, tupleLines: [], failed: false, mistake: [] };

const editors = {
  rules: createEditor($('editor-rules'), { title: 'Rules', file: 'acme.actfor', about: 'which agent may do what for whom', keywords: RULE_WORDS, comment: '#', onchange: rebuild }),
  tuples: createEditor($('editor-tuples'), { title: 'Tuples', file: 'one a line', about: 'who is related to what', onchange: rebuild }),
  model: createEditor($('editor-model'), { title: 'Model', file: 'acme.fga', about: 'OpenFGA, schema 1.1', keywords: MODEL_WORDS, comment: '#', onchange: rebuild }),
};
for (const [name, editor] of Object.entries(editors)) editor.value = sources[name];

drawTabs();
drawExperiments();
wire();
rebuild();
followHash();
$('page').setAttribute('aria-busy', 'false');

/** The module and the examples; says what is wrong where they cannot be loaded. */
async function start() {
  try {
    const [fixtures] = await Promise.all([loadFixtures(), init()]);
    return fixtures;
  } catch (error) {
    $('trouble').hidden = false;
    $('trouble').textContent = `This page could not be started: ${error.message}. It has to come from a web server that serves the files beside it.`;
    throw error;
  }
}

// ---- deciding

/** Reads the editors and builds the guard again. The last good one stays where that fails. */
function rebuild() {
  const texts = { rules: editors.rules.value, model: editors.model.value };
  for (const editor of Object.values(editors)) editor.showError(null);
  try {
    const { tuples, lines } = readTuples(editors.tuples.value);
    const next = { ...texts, tuples };
    state.tupleLines = lines;
    const guard = createGuard(configuration(trusted, next, []));
    for (const old of state.guards.values()) old.dispose();
    state.guards = new Map([['[]', guard]]);
    state.sources = next;
    state.failed = false;
    showGallery();
  } catch (error) {
    state.failed = true;
    showMistake(error);
  }
  show();
}

/** The guard without the tuples that a case takes away. */
function guardFor({ changes: { removed } }) {
  const key = JSON.stringify(removed);
  let guard = state.guards.get(key);
  if (guard === undefined) {
    guard = createGuard(configuration(trusted, state.sources, removed));
    state.guards.set(key, guard);
  }
  return guard;
}

/** Decides a request in the circumstances of a case. A clock that is not set reads zero. */
function decide(one, request = one.request) {
  const decision = guardFor(one).decide(request, { id: one.id, now: one.now ?? 0 });
  return { text: decision.toString(), document: decision.toJSON() };
}

// ---- showing

function show() {
  const request = state.edited ?? state.chosen.request;
  const decision = decide(state.chosen, request);
  showOutcome({ request, ...decision, goTo: (line) => editors.rules.goTo(line) });
  $('board').classList.toggle('is-stale', state.failed);
  $('stale').hidden = !state.failed;
  $('stale').textContent = 'Your edit is not accepted yet. This is the last good decision.';
  if (!state.failed) editors.rules.mark(linesOf(decision.document));
  showRequests();
  showBuild(request, decision.document);
  document.body.dataset.decision = decision.document.decision;
  document.body.dataset.code = decision.document.code ?? '';
  document.body.dataset.case = state.chosen.id;
  $('facts').textContent = `The rules in force: ${decision.document.policy}`;
}

/** The decision once more, in sight of who edits the rules; or why the edit is not accepted. */
function showBuild({ method, url }, document) {
  const { decision } = document;
  $('build').className = `build ${state.failed ? 'mistake' : decision}`;
  if (state.failed) {
    $('build').replaceChildren(sign('fail'), h('p', {}, ...state.mistake), h('p', { class: 'after' }, 'The last good decision stays.'));
    return;
  }
  const moved = cases.filter((one) => one.expect.decision !== decide(one).document.decision).length;
  const changes = moved === 0 ? 'No decision of the examples has changed.'
    : `${moved === 1 ? 'One decision' : `${moved} decisions`} of the examples ${moved === 1 ? 'has' : 'have'} changed.`;
  $('build').replaceChildren(sign(decision), h('p', {}, h('strong', {}, VERDICTS[decision]), ' ', h('code', {}, `${method} ${url}`), ' ', ...prose(outcomeSentence(document))),
    h('p', { class: 'after' }, changes));
}

/** The error in its place: under the column of the line where it is. */
function showMistake(error) {
  const { position } = error;
  const message = error.message.replace(/^[^\s:]+:\d+:\d+: /, '');
  const file = position?.file;
  const name = file === 'tuples' ? 'tuples' : file === 'acme.fga' ? 'model' : 'rules';
  // The core counts tuples, a person counts lines.
  const line = file === 'tuples' && !(error instanceof TupleLineError) ? state.tupleLines[position.line - 1] : position?.line;
  const { column = 1, symbol = '' } = position ?? {};
  const inTuples = name === 'tuples' ? { column: 1, symbol: '' } : { column, symbol };
  editors[name].showError({ line: line ?? 1, ...(error instanceof TupleLineError ? { column, symbol } : inTuples), message });
  const title = { rules: 'Rules', tuples: 'Tuples', model: 'Model' }[name];
  state.mistake = [h('strong', {}, `${title}, line ${line ?? 1}: `), ...prose(message)];
}

function casesOf(pattern) {
  return cases.filter((one) => one.pattern === pattern);
}

function drawTabs() {
  $('tabs').replaceChildren(...Object.entries(PATTERNS).map(([pattern, { title, story }]) => h('button', {
    type: 'button', role: 'tab', id: `tab-${pattern}`, 'aria-controls': 'board', onclick: () => choose(casesOf(pattern)[0]),
  }, h('strong', {}, title), h('span', {}, story))));
}

function showRequests() {
  const { pattern } = state.chosen;
  for (const tab of $('tabs').children) {
    const selected = tab.id === `tab-${pattern}`;
    tab.setAttribute('aria-selected', String(selected));
    tab.tabIndex = selected || (pattern === 'none' && tab === $('tabs').firstChild) ? 0 : -1;
    if (selected) $('board').setAttribute('aria-labelledby', tab.id);
    if (selected) $('story').textContent = PATTERNS[pattern].story;
  }
  const listed = pattern === 'none' ? [state.chosen] : casesOf(pattern);
  $('requests-title').textContent = pattern === 'none' ? 'An attack' : 'Requests';
  let changed = 0;
  const items = listed.map((one) => {
    const { decision } = decide(one).document;
    const moved = one.expect !== undefined && one.expect.decision !== decision;
    if (moved) changed += 1;
    return h('li', {}, h('button', {
      type: 'button', class: `request ${decision}`, id: `case-${one.id}`, 'aria-current': one === state.chosen ? 'true' : null, onclick: () => choose(one),
    }, sign(decision), h('span', { class: 'name' }, one.title ?? capital(one.name)),
    h('code', {}, `${one.request.method} ${one.request.url}`),
    h('span', { class: 'ends' }, VERDICTS[decision], moved ? h('em', {}, `, was ${VERDICTS[one.expect.decision]}`) : '',
      ...circumstances(one).map((text) => h('span', { class: 'but' }, text)))));
  });
  if (state.chosen.about) {
    items.push(h('li', {}, h('p', { class: 'aside' }, ...prose(state.chosen.about)), h('p', { class: 'aside' }, h('a', { href: '#attacks' }, 'Back to the attacks'))));
  }
  const focused = document.activeElement?.id;
  $('requests').replaceChildren(...items);
  if (focused?.startsWith('case-')) $(focused)?.focus({ preventScroll: true });
  $('changed').hidden = changed === 0;
  $('changed').textContent = changed === 1 ? 'Your edit changed one decision here.' : `Your edit changed ${changed} decisions here.`;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What is different from the other requests of the pattern. */
function circumstances({ changes: { removed }, now }) {
  const out = removed.map(({ user, relation, object }) => `without the tuple ${user} ${relation} ${object}`);
  if (typeof now === 'number' && now !== cases[0].now) out.push(`${now - cases[0].now} s later`);
  return out;
}

/** Puts a case on the stage. */
function choose(one, { scroll = false } = {}) {
  state.chosen = one;
  state.edited = null;
  fillRequest(one.request);
  history.replaceState(null, '', `#${one.id}`);
  show();
  if (scroll) {
    $('stage').focus({ preventScroll: true });
    $('stage').scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  }
}

function fillRequest(request) {
  $('raw-request').value = writeRequest(request);
  showClaims(request);
}

function showClaims(request) {
  const claims = unverifiedClaims(tokenOf(request) ?? '');
  $('raw-claims').value = claims === null ? '' : JSON.stringify(claims, null, 2);
  $('claims-error').textContent = '';
}

/** Signs the claims as they were edited with the page's own key, and decides the request with that token. */
function signClaims() {
  let claims;
  try {
    claims = JSON.parse($('raw-claims').value);
  } catch (error) {
    $('claims-error').textContent = `These claims are not JSON yet, so nothing was signed: ${error.message}`;
    return;
  }
  state.edited = withToken(state.edited ?? state.chosen.request, lab.sign(claims));
  $('raw-request').value = writeRequest(state.edited);
  $('claims-error').textContent = '';
  show();
}

/** Decides the whole gallery; every answer is computed here and now. */
function showGallery() {
  let refused = 0;
  const items = gallery.map((attack) => {
    const { document } = decide(attack);
    if (document.decision !== 'allow') refused += 1;
    return h('li', { class: document.decision, id: `attack-${attack.id}` },
      h('h3', {}, attack.title),
      h('p', {}, ...prose(attack.about)),
      h('p', { class: 'answer' }, sign(document.decision), h('span', {}, h('strong', {}, document.decision === 'allow' ? 'Allowed' : 'Refused'), ' ', h('code', {}, document.code ?? ''))),
      h('p', { class: 'detail' }, ...prose(capital(document.reason_admin ?? ''))),
      h('button', { type: 'button', onclick: () => choose(attack, { scroll: true }) }, 'Look at it', h('span', { class: 'unseen' }, `: ${attack.title}`)));
  });
  const focused = document.activeElement?.closest?.('#gallery li')?.id;
  $('gallery').replaceChildren(...items);
  if (focused) $(focused)?.querySelector('button')?.focus({ preventScroll: true });
  $('attacks-lede').textContent = refused === gallery.length
    ? `${refused} attempts, each made in this page just now, each refused with the reason an administrator would read.`
    : `${refused} of ${gallery.length} attempts are refused: your edit of the rules lets the others through.`;
}

function drawExperiments() {
  $('experiments').replaceChildren(
    ...EXPERIMENTS.map(({ title, editor, from, to, look }) => h('button', {
      type: 'button',
      onclick: () => {
        resetSources();
        editors[editor].value = editors[editor].value.replace(from, to);
        rebuild();
        const one = cases.find(({ id }) => id === look);
        if (one) choose(one);
      },
    }, title)),
    h('button', { type: 'button', class: 'quiet', id: 'reset-rules', onclick: () => { resetSources(); rebuild(); } }, 'Undo all edits'));
}

function resetSources() {
  for (const [name, editor] of Object.entries(editors)) editor.value = sources[name];
}

// ---- the visitor's hands

function wire() {
  $('tabs').addEventListener('keydown', (event) => {
    const tabs = [...$('tabs').children];
    const here = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    next.click();
    next.focus();
  });
  $('raw-request').addEventListener('input', soon(() => {
    state.edited = readRequest($('raw-request').value);
    showClaims(state.edited);
    show();
  }));
  $('raw-claims').addEventListener('input', soon(signClaims));
  $('reset-request').addEventListener('click', () => choose(state.chosen));
  addEventListener('hashchange', followHash);
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    show();
  }).observe($('picture'));
}

/** `#automated-2` puts that request on the stage. */
function followHash() {
  const id = location.hash.slice(1);
  const one = [...cases, ...gallery].find((candidate) => candidate.id === id);
  if (one && one !== state.chosen) choose(one);
  else if (!one && state.edited === null) fillRequest(state.chosen.request);
}
