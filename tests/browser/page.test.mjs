// The demo page in Chromium: what a visitor sees and does, and what must not happen meanwhile.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launch, openPage } from './chromium.mjs';

const root = new URL('../../', import.meta.url);
const cases = JSON.parse(readFileSync(new URL('tests/vectors/patterns/cases.json', root), 'utf8'));
const shots = fileURLToPath(new URL('target/page/', root));
const PATTERNS = ['interactive', 'offline', 'automated', 'transitive'];

let browser;
before(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await launch();
});
after(() => browser?.close());

/** Opens the page for one scene; afterwards nothing may have gone wrong in it. */
async function scene(options, play) {
  const { page, troubles, requests, close } = await openPage({ browser, ...options });
  try {
    await play(page, requests);
    assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
    assert.deepEqual(troubles, []);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
  } finally {
    await close();
  }
}

const text = (page, selector) => page.locator(selector).innerText();
const shoot = (page, name) => page.screenshot({ path: `${shots}${name}.png` });

/** The document on the page is indented for reading; this takes the indentation away again. */
const shownDocument = async (page) => JSON.stringify(JSON.parse(await page.locator('#document').textContent()));

/** Replaces a part of an editor's text, as typing does. */
async function edit(page, label, from, to) {
  const area = page.getByLabel(label, { exact: true });
  const before = await area.inputValue();
  assert.ok(before.includes(from), `${label} has no ${from}`);
  await area.fill(before.replace(from, to));
}

const refused = (page, code) => page.waitForFunction((name) => document.body.dataset.code === name, code);
const settled = (page, verdict) => page.waitForFunction((name) => document.body.dataset.decision === name, verdict);

test('the page starts with the first pattern decided, and loads nothing from elsewhere', () => scene({}, async (page, requests) => {
  assert.match(await text(page, 'h1'), /Who is really making this request, and on whose behalf\?/);
  assert.match(await text(page, '#verdict'), /allow/i);
  assert.equal(await page.locator('[role="tab"]').count(), 4);
  assert.ok(requests.some((url) => url.endsWith('/actfor/actfor.wasm')));
  assert.equal(requests.filter((url) => url.endsWith('.wasm')).length, 1);
  await shoot(page, 'start');
}));

test('every example is decided as everywhere, byte for byte', () => scene({}, async (page) => {
  for (const pattern of PATTERNS) {
    await page.click(`#tab-${pattern}`);
    const listed = cases.filter((one) => one.pattern === pattern);
    assert.equal(await page.locator('#requests button').count(), listed.length);
    for (const { id, expect } of listed) {
      await page.click(`#case-${id}`);
      assert.equal(await shownDocument(page), expect.document, id);
      assert.match(await text(page, '#verdict'), new RegExp(`^${expect.decision}`, 'i'), id);
      assert.match(await page.locator(`#case-${id}`).innerText(), new RegExp(expect.decision, 'i'), id);
      const { checks, reason_admin: forAdmin } = JSON.parse(expect.document);
      assert.equal(await page.locator('#checks li').count(), checks.length);
      for (const [index, { result }] of checks.entries()) {
        assert.equal(await page.locator('#checks li').nth(index).getAttribute('class'), result);
      }
      if (forAdmin) assert.equal(await text(page, '.reasons dd:last-of-type'), forAdmin.replaceAll('`', ''));
    }
    await page.click(`#case-${listed.at(-1).id}`);
    await shoot(page, pattern);
  }
}));

test('the cases without a pattern open by their address, with the same documents', () => scene({ hash: 'none-1' }, async (page) => {
  const others = cases.filter((one) => !PATTERNS.includes(one.pattern));
  assert.ok(others.length > 5);
  for (const { id, expect } of others) {
    await page.evaluate((to) => { location.hash = to; }, id);
    await page.waitForFunction((name) => document.body.dataset.case === name, id);
    assert.equal(await shownDocument(page), expect.document, id);
  }
}));

test('the picture names everybody, with the place where each fact was read', () => scene({}, async (page) => {
  const picture = () => page.locator('#picture svg').textContent();
  for (const part of ['ana', 'token:sub', 'code-helper', 'token:act.sub', 'repo:web:rw', 'lent by ana', 'token:agent_instance', 'lends']) {
    assert.ok((await picture()).includes(part), part);
  }
  await page.click('#tab-automated');
  for (const part of ['CASE SUBJECT', 'lends nothing', 'token:agent_rel.user', 'its own rights', 'case c1', 'is about']) {
    assert.ok((await picture()).includes(part), part);
  }
  assert.equal(await page.locator('#picture .user.subject').count(), 1);
  await page.click('#tab-transitive');
  for (const part of ['CALLER', 'code-helper', 'test-runner', 'calls', 'repo:read', 'repo:web:rw', 'parent']) {
    assert.ok((await picture()).includes(part), part);
  }
  await page.click('#case-transitive-4');
  assert.ok((await picture()).includes('nothing vouches for it'));
  assert.match(await page.locator('#picture svg').getAttribute('aria-label'), /user ana \(token:sub\); earlier agent code-helper/);
}));

test('an unverified token has no facts in the picture', () => scene({ hash: 'flipped-signature' }, async (page) => {
  assert.match(await text(page, '#verdict'), /^deny[^]*signature_invalid/i);
  assert.ok(!(await page.locator('#picture svg').textContent()).includes('ana'));
  assert.match(await text(page, '#relationship'), /Only a verified token has facts/);
  assert.equal(await page.locator('#checks li.fail').count(), 1);
  await shoot(page, 'unverified');
}));

test('what is not established is not drawn as if it were', () => scene({ hash: 'foreign-name' }, async (page) => {
  const picture = await page.locator('#picture svg').textContent();
  // The user is merely claimed to be the person of a case: nothing may look like a delegation.
  assert.ok(!picture.includes('a slice of their rights'), picture);
  assert.equal(await page.locator('#checks li.fail').count(), 1);
}));

test('an edit of the rules changes the decision', () => scene({ hash: 'offline-2' }, async (page) => {
  assert.match(await text(page, '#verdict'), /mode_not_allowed/);
  await edit(page, 'Rules', 'allow delegated interactive  to push', 'allow delegated  to push');
  await settled(page, 'allow');
  assert.match(await text(page, '#build'), /One decision of the examples has changed/);
  assert.match(await text(page, '#case-offline-2'), /was Deny/);
  await page.click('#reset-rules');
  await settled(page, 'deny');
  assert.match(await text(page, '#build'), /No decision of the examples has changed/);
}));

test('an edit of the tuples and of the model changes the decision', () => scene({}, async (page) => {
  await edit(page, 'Tuples', 'user:ana        writer     repo:web\n', '');
  await settled(page, 'deny');
  assert.match(await text(page, '#verdict'), /user_lacks_relation/);
  await edit(page, 'Model', 'define writer: [user]', 'define writer: [user, agent] or owner\n    define owner: [user]');
  await edit(page, 'Tuples', 'user:ana', 'user:ana owner repo:web\nuser:ana');
  await settled(page, 'allow');
}));

test('a mistake in the rules is shown in its place, and the last good decision stays', () => scene({}, async (page) => {
  const before = await shownDocument(page);
  await edit(page, 'Rules', 'needs writer', 'needs writter');
  const note = page.locator('#editor-rules .squiggle-note');
  await note.waitFor({ state: 'visible' });
  assert.equal(await note.innerText(), 'Line 6, column 15: type repo has no relation writter; it has writer, reader');
  assert.equal(await page.locator('#editor-rules mark').innerText(), 'writter');
  assert.equal(await page.locator('#editor-rules .numbers .wrong').innerText(), '6');
  assert.equal(await page.getByLabel('Rules', { exact: true }).getAttribute('aria-invalid'), 'true');
  // In place: the note hangs below the word that it is about.
  const [word, box] = [await page.locator('#editor-rules mark').boundingBox(), await note.boundingBox()];
  assert.ok(box.y >= word.y + word.height - 2 && box.y < word.y + word.height + 20 && box.x < word.x + word.width, JSON.stringify({ word, box }));
  assert.ok(await page.locator('#stale').isVisible());
  assert.ok(await page.locator('#board.is-stale').count());
  assert.equal(await shownDocument(page), before);
  await shoot(page, 'mistake-decision');
  await page.locator('#build').scrollIntoViewIfNeeded();
  await page.evaluate(() => document.getElementById('rules').scrollIntoView());
  await shoot(page, 'mistake');
  await edit(page, 'Rules', 'needs writter', 'needs writer');
  await page.locator('#stale').waitFor({ state: 'hidden' });
  assert.ok(await note.isHidden());
}));

test('mistakes in the tuples and in the model are shown where they are', () => scene({}, async (page) => {
  await edit(page, 'Tuples', 'user:ana        writer     repo:infra', '\nuser:ana owner repo:infra');
  const tuples = page.locator('#editor-tuples .squiggle-note');
  await tuples.waitFor({ state: 'visible' });
  assert.match(await tuples.innerText(), /^Line 3, column 1: .*no relation owner/);
  await edit(page, 'Tuples', 'user:ana owner repo:infra', 'user:ana owner');
  await page.waitForFunction(() => /three words/.test(document.querySelector('#editor-tuples .squiggle-note').innerText));
  await edit(page, 'Tuples', 'user:ana owner', 'user:ana writer repo:infra');
  await tuples.waitFor({ state: 'hidden' });
  await edit(page, 'Model', 'or writer', 'or writter');
  const model = page.locator('#editor-model .squiggle-note');
  await model.waitFor({ state: 'visible' });
  assert.match(await model.innerText(), /^Line 8, column 30: /);
}));

test('every experiment does what it says', () => scene({}, async (page) => {
  const outcomes = [];
  for (const button of await page.locator('#experiments button').all()) {
    await button.click();
    outcomes.push([await button.innerText(), await page.evaluate(() => document.body.dataset.decision), await page.locator('#stale').isVisible()]);
  }
  assert.deepEqual(outcomes, [
    ['Let offline agents push', 'allow', false],
    ['Take the right to write from ana', 'deny', false],
    ['Let test-runner push', 'allow', false],
    ['Forget whose record it is', 'deny', true],
    ['Make a spelling mistake', 'deny', true],
    ['Undo all edits', 'deny', false],
  ]);
}));

test('the proof leads to the lines of the rules', () => scene({}, async (page) => {
  assert.deepEqual(await page.locator('#editor-rules .numbers .marked').allInnerTexts(), ['6', '11', '16', '22']);
  await page.getByRole('button', { name: 'line 11' }).click();
  assert.equal(await page.evaluate(() => document.getSelection().toString() || document.activeElement.value.slice(
    document.activeElement.selectionStart, document.activeElement.selectionEnd)), 'allow delegated interactive  to push on repo           as code-help');
}));

test('a visitor changes the request, its token, and its claims', () => scene({}, async (page) => {
  await page.click('#edit-request summary');
  const request = page.locator('#raw-request');
  const before = await request.inputValue();
  await request.fill(before.replace('/repos/web/', '/repos/infra/'));
  await refused(page, 'not_covered');
  // The 86th character of the signature holds two bits; this is another one of the four that are allowed.
  await request.fill(before.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')));
  await refused(page, 'signature_invalid');
  await page.click('#reset-request');
  await settled(page, 'allow');
  const claims = page.locator('#raw-claims');
  const those = await claims.inputValue();
  await claims.fill(those.replace('"interactive"', '"offline"'));
  await refused(page, 'claim_invalid');
  await claims.fill('{');
  await page.waitForFunction(() => /not JSON yet/.test(document.getElementById('claims-error').textContent));
  await claims.fill(those.replace('repo:web:rw', 'repo:infra:rw'));
  await refused(page, 'not_covered');
  await claims.fill(those.replace('"ana"', '"bo"'));
  await refused(page, 'user_lacks_relation');
  await shoot(page, 'own-request');
}));

test('every attack is refused, for the reason that it deserves', () => scene({}, async (page) => {
  const answers = await page.locator('#gallery li').evaluateAll((items) => items.map((item) => [item.id, item.querySelector('.answer code').textContent]));
  assert.deepEqual(Object.fromEntries(answers), {
    'attack-alg-none': 'algorithm_not_allowed',
    'attack-flipped-signature': 'signature_invalid',
    'attack-wider-scope': 'signature_invalid',
    'attack-twin': 'token_malformed',
    'attack-double-member': 'token_malformed',
    'attack-foreign-key': 'header_unsupported',
    'attack-presence': 'presence_expired',
    'attack-other-case': 'not_the_persons_record',
    'attack-other-chain': 'hop_record_invalid',
    'attack-no-record': 'hop_record_missing',
    'attack-two-tokens': 'token_ambiguous',
    'attack-path': 'path_not_canonical',
    'attack-method-override': 'method_override',
    'attack-foreign-name': 'foreign_name',
    'attack-actor-text': 'claim_invalid',
    'attack-user-dropped': 'agent_missing',
    'attack-claims-authority': 'relationship_unsupported',
    'attack-present-for-ever': 'claim_invalid',
  });
  assert.equal(await page.locator('#gallery li.allow').count(), 0);
  await page.locator('#attack-other-chain button').click();
  assert.match(await text(page, '#verdict'), /hop_record_invalid/);
  await page.evaluate(() => document.getElementById('attacks').scrollIntoView());
  await shoot(page, 'attacks');
}));

test('the keyboard reaches everything, and one sees where it is', () => scene({}, async (page) => {
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the decision');
  for (let presses = 0; presses < 6; presses += 1) {
    if (await page.evaluate(() => document.activeElement.getAttribute('role') === 'tab')) break;
    await page.keyboard.press('Tab');
  }
  assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-interactive');
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-automated');
  assert.equal(await page.locator('#tab-automated').getAttribute('aria-selected'), 'true');
  assert.equal(await page.locator('#tabs [tabindex="0"]').count(), 1);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'case-automated-2');
  await page.keyboard.press('Enter');
  assert.match(await text(page, '#verdict'), /not_the_persons_record/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'case-automated-2', 'focus stays where it was');
  // From here on, every press goes on to something else that can be seen, down to the last attack.
  const seen = new Set();
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => {
      const element = document.activeElement;
      const { width, height } = element.getBoundingClientRect();
      return { name: element.id || element.textContent.trim() || element.tagName, seen: width > 0 && height > 0, body: element === document.body };
    });
    if (here.body) break;
    assert.ok(here.seen, here.name);
    seen.add(here.name);
  }
  for (const name of ['Let offline agents push', 'reset-rules', 'editor-1', 'editor-2', 'editor-3', 'Look at it: Stay present longer than the token']) {
    assert.ok(seen.has(name), `${name} is not reached`);
  }
}));

test('the verdict is announced, once', () => scene({}, async (page) => {
  await page.evaluate(() => {
    globalThis.announced = 0;
    new MutationObserver(() => { globalThis.announced += 1; }).observe(document.getElementById('verdict'), { childList: true });
  });
  await page.click('#case-interactive-2');
  await page.click('#case-interactive-2');
  assert.equal(await page.evaluate(() => globalThis.announced), 1);
  assert.equal(await page.locator('#verdict').getAttribute('aria-live'), 'polite');
  assert.equal(await page.locator('#verdict').getAttribute('role'), 'status');
}));

test('it fits a phone, and the dark', async () => {
  for (const colorScheme of ['light', 'dark']) {
    await scene({ viewport: { width: 360, height: 740 }, hash: 'automated-2', colorScheme }, async (page) => {
      assert.ok(await page.locator('#verdict').isVisible());
      await shoot(page, `phone-${colorScheme}`);
      await page.screenshot({ path: `${shots}phone-${colorScheme}-whole.png`, fullPage: true });
    });
    await scene({ hash: 'transitive-2', colorScheme }, (page) => shoot(page, `desk-${colorScheme}`));
  }
});

test('the content security policy is in force', async () => {
  const { page, close } = await openPage({ browser });
  try {
    const ran = await page.evaluate(async () => {
      const inline = document.createElement('script');
      inline.textContent = 'globalThis.ran = true';
      document.body.append(inline);
      const left = await fetch('http://localhost:1/').then(() => true, () => false);
      return { inline: globalThis.ran === true, left };
    });
    assert.deepEqual(ran, { inline: false, left: false });
    const violated = await page.evaluate(() => globalThis.violations.map((one) => one.split(':')[0]));
    assert.deepEqual(violated, ['script-src-elem', 'connect-src']);
  } finally {
    await close();
  }
});

test('where the files are not served, the page says so', async () => {
  const { page, close } = await openPage({ browser });
  try {
    await page.route('**/fixtures/cases.json', (route) => route.fulfill({ status: 404 }));
    await page.reload();
    await page.locator('#trouble').waitFor({ state: 'visible' });
    assert.match(await text(page, '#trouble'), /could not be started: cases\.json: 404/);
  } finally {
    await close();
  }
});

test('text of a token or of a rule is never markup', () => scene({}, async (page) => {
  await edit(page, 'Rules', 'needs writer', 'needs <img src=x onerror=alert(1)>');
  await page.locator('#editor-rules .squiggle-note').waitFor({ state: 'visible' });
  await page.click('#reset-rules');
  await page.click('#edit-request summary');
  const claims = page.locator('#raw-claims');
  await claims.fill((await claims.inputValue()).replace('"sub": "ana"', '"sub": "<img src=x onerror=alert(1)>"'));
  await page.waitForFunction(() => document.querySelector('#picture svg').textContent.includes('<img'));
  assert.equal(await page.locator('main img').count(), 0);
}));
