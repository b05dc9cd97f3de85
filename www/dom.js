// Elements without a framework. Text is always text: nothing here parses markup.

/** An element with attributes, listeners (`onclick`) and children; null children are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** Calls `then` once, a moment after the last of many calls: pasting lines fires an event for each of them. */
export function soon(then) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(then, 150);
  };
}

/** A sentence of the core, in which code stands in backticks. */
export function prose(text) {
  return text.split('`').map((part, index) => (index % 2 === 1 ? h('code', {}, part) : part));
}

/** A sign for a result; the word stands beside it, so it is hidden from screen readers. */
export function sign(result) {
  const shape = SIGNS[result] ?? SIGNS.unknown;
  return s('svg', { class: `sign ${result}`, viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    ...shape.map(([tag, attributes]) => s(tag, attributes)));
}

const SIGNS = {
  allow: [['circle', { cx: 8, cy: 8, r: 7.5, class: 'body' }], ['path', { d: 'M4.4 8.300l2.5 2.5 4.8-5.3', class: 'mark' }]],
  deny: [['path', { d: 'M5 .7h6L15.3 5v6L11 15.300H5L.7 11V5z', class: 'body' }], ['path', { d: 'M5.2 5.200l5.6 5.600M10.8 5.200l-5.6 5.6', class: 'mark' }]],
  pass: [['path', { d: 'M2.8 8.600l3.4 3.4 7-7.6', class: 'mark' }]],
  fail: [['path', { d: 'M5 .7h6L15.3 5v6L11 15.300H5L.7 11V5z', class: 'body' }], ['path', { d: 'M5.2 5.200l5.6 5.600M10.8 5.200l-5.6 5.6', class: 'mark' }]],
  unknown: [['path', { d: 'M5 .7h6L15.3 5v6L11 15.300H5L.7 11V5z', class: 'body' }], ['path', { d: 'M5.8 6.200a2.2 2.2 0 1 1 3.2 2c-.8.4-1 .8-1 1.500M8 11.800v.2', class: 'mark' }]],
  not_needed: [['path', { d: 'M4 8h8', class: 'mark' }]],
  not_reached: [['circle', { cx: 8, cy: 8, r: 1.6, class: 'body' }]],
};
SIGNS.needs_approval = SIGNS.unknown;
