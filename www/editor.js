// A text area with line numbers, marked lines and an error in its place. The text area lies over a copy of its text
// that carries the marks; both have the same metrics, and neither scrolls by itself.

import { h, prose, soon } from './dom.js';

let count = 0;

/** An editor in `place`; `onchange` is called a moment after the last key. */
export function createEditor(place, { title, file, about, keywords, comment, onchange }) {
  const id = `editor-${(count += 1)}`;
  const numbers = h('div', { class: 'numbers', 'aria-hidden': 'true' });
  const copy = h('pre', { class: 'copy', 'aria-hidden': 'true' });
  const area = h('textarea', {
    id, spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', wrap: 'off', 'aria-describedby': `${id}-error`,
  });
  const message = h('p', { id: `${id}-error`, class: 'squiggle-note', role: 'status', hidden: true });
  const sheet = h('div', { class: 'sheet' }, copy, area, message);
  const scroll = h('div', { class: 'editor-scroll' }, numbers, sheet);
  place.append(h('div', { class: 'editor' },
    h('div', { class: 'editor-head' }, h('label', { for: id }, title), h('code', {}, file), h('span', { class: 'about' }, about)),
    scroll));

  const highlight = keywords === undefined ? (row) => [row] : (row) => colour(row, keywords, comment);
  let error = null;
  let marked = new Set();

  function draw() {
    const rows = area.value.split('\n');
    numbers.replaceChildren(...rows.map((_, index) => {
      const number = index + 1;
      const wrong = error?.line === number;
      return h('span', { class: wrong ? 'wrong' : marked.has(number) ? 'marked' : '' }, String(number));
    }));
    copy.replaceChildren(...rows.flatMap((row, index) => {
      const number = index + 1;
      const wrong = error?.line === number;
      const name = wrong ? 'row wrong' : marked.has(number) ? 'row marked' : 'row';
      return [h('span', { class: name }, ...(wrong ? squiggle(row, error) : highlight(row)), row === '' ? ' ' : '')];
    }));
    place.classList.toggle('has-error', error !== null);
    if (error === null) area.removeAttribute('aria-invalid');
    else area.setAttribute('aria-invalid', 'true');
    note();
  }

  /** The message hangs below the line, its tip under the column, within what is seen of the sheet. */
  function note() {
    message.hidden = error === null;
    sheet.style.minHeight = '';
    if (error === null) return;
    const where = `Line ${error.line}, column ${error.column}: `;
    message.replaceChildren(h('strong', {}, where), ...prose(error.message));
    const row = copy.children[error.line - 1];
    if (!row) return;
    const mark = row.querySelector('mark') ?? row;
    const seen = scroll.clientWidth - numbers.offsetWidth;
    message.style.width = `${Math.min(540, seen - 16)}px`;
    const column = mark.offsetLeft;
    const left = Math.max(8, Math.min(column - 12, scroll.scrollLeft + seen - message.offsetWidth - 8));
    message.style.left = `${left}px`;
    message.style.setProperty('--tip', `${Math.min(Math.max(6, column - left + 2), message.offsetWidth - 20)}px`);
    // Where there is no room below, the sheet grows.
    const bottom = row.offsetTop + row.offsetHeight + 7;
    message.style.top = `${bottom}px`;
    sheet.style.minHeight = `${bottom + message.offsetHeight + 4}px`;
  }

  const changed = soon(onchange);
  area.addEventListener('input', () => {
    draw();
    changed();
  });

  return {
    get value() { return area.value; },
    set value(text) { area.value = text; draw(); },
    /** Shows an error `{ line, column, symbol, message }` in its place, or takes it away. */
    showError(next) {
      error = next;
      if (error !== null) marked = new Set();
      draw();
    },
    /** Marks lines. */
    mark(lines) { marked = new Set(lines); draw(); },
    /** Goes to a line: the caret stands at its start. */
    goTo(number) {
      const rows = area.value.split('\n');
      const start = rows.slice(0, number - 1).join('\n').length + (number > 1 ? 1 : 0);
      area.focus({ preventScroll: true });
      area.setSelectionRange(start, start + (rows[number - 1]?.length ?? 0));
      copy.children[number - 1]?.scrollIntoView({ block: 'center', behavior: calm() ? 'auto' : 'smooth' });
    },
  };
}

const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** The row with the offending text underlined, from its column on. */
function squiggle(row, { column, symbol }) {
  const characters = [...row];
  const start = Math.min(column - 1, Math.max(0, characters.length - 1));
  const fits = symbol && characters.slice(start).join('').startsWith(symbol);
  const end = fits ? start + [...symbol].length : characters.length;
  return [characters.slice(0, start).join(''), h('mark', {}, characters.slice(start, end).join('') || ' '), characters.slice(end).join('')];
}

/** Words of the language, texts and comments. */
function colour(row, keywords, comment) {
  const out = [];
  const words = /("[^"]*")|(\{[^}]*\})|([A-Za-z_]+)|([^"{A-Za-z_]+|.)/g;
  if (row.trimStart().startsWith(comment)) return [h('span', { class: 'c' }, row)];
  for (const [whole, text, hole, word] of row.matchAll(words)) {
    if (text !== undefined) out.push(h('span', { class: 's' }, whole));
    else if (hole !== undefined) out.push(h('span', { class: 'v' }, whole));
    else if (word !== undefined && keywords.has(word)) out.push(h('span', { class: 'k' }, whole));
    else out.push(whole);
  }
  return out;
}
