// The gallery of attacks, with the answer that each got.

import { $, h, prose, sign } from './dom.js';
import { capital } from './words.js';

/** Shows every attack (`{ id, title, about, document }`); `onlook` is called with the id of one to look at. */
export function showGallery(answered, onlook) {
  const refused = answered.filter(({ document }) => document.decision !== 'allow').length;
  const focused = document.activeElement?.closest?.('#gallery li')?.id;
  $('gallery').replaceChildren(...answered.map((attack) => card(attack, onlook)));
  if (focused) $(focused)?.querySelector('button')?.focus({ preventScroll: true });
  $('attacks-lede').textContent = refused === answered.length
    ? `${refused} attempts, each made in this page just now, each refused with the reason an administrator would read.`
    : `${refused} of ${answered.length} attempts are refused: your edit of the rules lets the others through.`;
}

function card({ id, title, about, document: { decision, code, reason_admin: reason } }, onlook) {
  return h('li', { class: decision, id: `attack-${id}` },
    h('h3', {}, title),
    h('p', {}, ...prose(about)),
    h('p', { class: 'answer' }, sign(decision), h('span', {}, h('strong', {}, decision === 'allow' ? 'Allowed' : 'Refused'), ' ', h('code', {}, code ?? ''))),
    h('p', { class: 'detail' }, ...prose(capital(reason ?? ''))),
    h('button', { type: 'button', onclick: () => onlook(id) }, 'Look at it', h('span', { class: 'unseen' }, `: ${title}`)));
}
