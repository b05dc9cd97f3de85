// The identity picture: who lends what to whom, drawn from `who` of a decision document. Every fact stands with the
// place it was read from. Columns on a wide screen, a stack on a narrow one.

import { s } from './dom.js';

const GAP = 58;
const NARROWEST = 148;
const WIDEST = 230;
const PAD = 12;

/**
 * Draws `who`. `rights` are the entries of the verified tokens, `{ current: [], hops: [[]] }`; `fault` is what the
 * decision stumbled over: `user`, `rights`, `hops` or the name of an agent.
 */
export function drawPicture(document, rights, fault, width) {
  const parties = toParties(document, rights, fault);
  const agents = parties.filter((party) => party.kind === 'agent').length;
  // One agent has its instance to the right of it, several have theirs below.
  const columns = parties.length + (agents === 1 ? 1 : 0);
  const fitting = Math.floor((width - (columns - 1) * GAP) / columns);
  const parts = fitting >= NARROWEST ? inColumns(parties, columns, Math.min(WIDEST, fitting), width) : inAStack(parties, width);
  return s('svg', {
    class: 'identity', viewBox: `0 0 ${width} ${parts.height}`, width, height: parts.height, role: 'img', 'aria-label': describe(parties),
  }, arrowHeads(), parts.shapes);
}

/** User first, then the agents from the first to the current one. */
function toParties(document, rights, fault) {
  const { who } = document;
  if (!who) {
    const ghost = (kind) => ({ kind, ghost: true, name: '?' });
    return [ghost('user'), { ...ghost('agent'), instance: { ghost: true } }];
  }
  const { user, agent, instance, relationship, chain } = who;
  const assigned = relationship?.kind === 'assigned';
  const lent = relationship?.authority === 'user' ? `lent by ${user?.sub ?? 'the user'}`
    : relationship?.authority === 'joint' ? 'lent, and its own' : 'its own rights';
  const parties = [];
  if (user && !user.absent) {
    parties.push({
      kind: 'user', subject: assigned, ghost: user.sub === undefined, name: user.sub ?? '?', iss: user.iss, source: user.source,
      lends: LENDS[relationship?.kind], fault: fault === 'user', edge: edgeFrom(relationship),
    });
  }
  for (const [index, hop] of (chain?.hops ?? []).entries()) {
    const recorded = hop.record !== null;
    parties.push({
      kind: 'agent', earlier: true, name: hop.sub ?? '?', iss: hop.iss, source: hop.source, fault: fault === 'hops',
      rights: recorded ? { title: lent, entries: rights.hops[index] ?? [], source: `${hop.record}:scope` } : null,
      instance: recorded
        ? { kind: 'instance', id: hop.instance, source: `record:${hop.record}` }
        : { missing: true },
      edge: { label: 'calls' },
    });
  }
  if (agent && !agent.absent) {
    parties.push({
      kind: 'agent', ghost: agent.sub === undefined, name: agent.sub ?? '?', iss: agent.iss, source: agent.source, fault: fault === agent.sub,
      rights: { title: lent, entries: rights.current, source: rights.source, fault: fault === 'rights' },
      instance: instance && !instance.absent && instance.id !== undefined
        ? { kind: instance.kind, id: instance.id, source: instance.source, parent: instance.parent?.id }
        : { ghost: true },
    });
  }
  return parties;
}

/** What a user gives, by the kind of relationship. */
const LENDS = {
  delegated: ['lends', 'a slice of their rights'],
  joint: ['lends', 'a slice of their rights'],
  assigned: ['lends nothing', 'the case is about them'],
};

function edgeFrom(relationship) {
  switch (relationship?.kind) {
    case 'delegated': case 'joint': return { label: 'lends' };
    case 'assigned': return { label: relationship.task ? `case ${relationship.task}` : 'a case', below: 'is about', back: true };
    default: return { label: '?', faint: true };
  }
}

/** One sentence for those who do not see the picture. */
function describe(parties) {
  return parties.map((party) => {
    const instance = party.instance?.id ? `, ${party.instance.kind} ${party.instance.id}` : '';
    const source = party.source ? ` (${party.source})` : '';
    return `${party.earlier ? 'earlier agent' : party.subject ? 'case subject' : party.kind} ${party.name}${instance}${source}`;
  }).join('; ');
}

function inColumns(parties, columns, width, total) {
  const step = (total - width) / Math.max(1, columns - 1);
  const shapes = [];
  let height = 0;
  const withRights = Math.max(...parties.map(rightsHeight));
  const drop = HEAD + withRights + 22;
  for (const [index, party] of parties.entries()) {
    const x = index * step;
    if (index > 0) shapes.push(across(parties[index - 1].edge, (index - 1) * step + width, x));
    shapes.push(card(party, x, 1, width));
    height = Math.max(height, HEAD + rightsHeight(party) + 2);
    if (!party.instance) continue;
    if (columns > parties.length) {
      shapes.push(across({ label: 'runs as', faint: true }, x + width, x + step));
      shapes.push(instanceCard(party.instance, x + step, 53 - INSTANCE / 2, width));
      continue;
    }
    shapes.push(down(x + 28, HEAD + rightsHeight(party) + 1, drop));
    shapes.push(instanceCard(party.instance, x, drop, width));
    height = Math.max(height, drop + INSTANCE + 1);
    if (party.instance.parent) shapes.push(across({ label: 'parent', faint: true }, x - step + width, x, drop + INSTANCE / 2));
  }
  return { shapes, height };
}

function inAStack(parties, width) {
  const shapes = [];
  const indent = 26;
  let y = 1;
  for (const [index, party] of parties.entries()) {
    if (index > 0) {
      shapes.push(downTo(parties[index - 1].edge, 28, y, y + 44));
      y += 44;
    }
    shapes.push(card(party, 0, y, width));
    y += HEAD + rightsHeight(party);
    if (party.instance) {
      shapes.push(down(indent + 20, y, y + 16));
      shapes.push(instanceCard(party.instance, indent, y + 16, width - indent));
      y += 16 + INSTANCE;
    }
  }
  return { shapes, height: y + 1 };
}

// ---- cards

const HEAD = 104;
const INSTANCE = 74;
const LINE = 19;

const rightsHeight = ({ rights, lends }) => (rights ? 48 + LINE * Math.max(1, rights.entries.length) : lends ? 50 : 0);

function card(party, x, y, width) {
  const height = HEAD + rightsHeight(party);
  const classes = ['card', party.kind, party.subject && 'subject', party.ghost && 'ghost', party.fault && 'fault', party.earlier && 'earlier'];
  const label = party.subject ? 'CASE SUBJECT' : party.earlier ? 'CALLER' : party.kind.toUpperCase();
  return s('g', { class: classes.filter(Boolean).join(' '), transform: `translate(${x} ${y})` },
    s('rect', { class: 'face', width, height, rx: 12 }),
    s('g', { class: 'icon', transform: `translate(${width - 34} 12)` }, party.kind === 'user' ? person() : robot()),
    line(PAD, 24, 'label', label, width - 44),
    line(PAD, 47, 'name', party.name, width),
    line(PAD, 66, 'host', party.ghost ? 'not established' : party.iss?.replace(/^https:\/\//, ''), width),
    line(PAD, 87, 'source', party.source, width),
    party.rights ? rightsPart(party.rights, width) : null,
    party.lends ? lendsPart(party.lends, width) : null);
}

function rightsPart(rights, width) {
  const bottom = HEAD + 26 + LINE * Math.max(1, rights.entries.length);
  return s('g', { class: rights.fault ? 'rights fault' : 'rights' },
    s('path', { class: 'rule', d: `M0 ${HEAD}h${width}` }),
    line(PAD, HEAD + 20, 'label', rights.title, width),
    rights.entries.length === 0
      ? line(PAD, HEAD + 20 + LINE, 'host', 'nothing', width)
      : rights.entries.map((entry, index) => line(PAD, HEAD + 20 + LINE * (index + 1), 'entry', entry, width)),
    line(PAD, bottom + 12, 'source', rights.source, width));
}

function lendsPart([title, text], width) {
  return s('g', { class: 'rights' },
    s('path', { class: 'rule', d: `M0 ${HEAD}h${width}` }),
    line(PAD, HEAD + 20, 'label', title, width),
    line(PAD, HEAD + 20 + LINE, 'host', text, width));
}

function instanceCard(instance, x, y, width) {
  const classes = ['card', 'instance', (instance.ghost || instance.missing) && 'ghost', instance.missing && 'fault'];
  return s('g', { class: classes.filter(Boolean).join(' '), transform: `translate(${x} ${y})` },
    s('rect', { class: 'face', width, height: INSTANCE, rx: 10 }),
    instance.missing
      ? [line(PAD, 24, 'label', 'NO RECORD', width), line(PAD, 46, 'host', 'nothing vouches for it', width)]
      : [line(PAD, 22, 'label', (instance.kind ?? 'instance').toUpperCase(), width), line(PAD, 42, 'entry', instance.id ?? 'not established', width),
        line(PAD, 61, 'source', instance.source, width)]);
}

/** A line of text, cut to the width; the whole of it is in the tooltip. */
function line(x, y, name, text, width) {
  if (!text) return null;
  const room = width - 2 * PAD;
  const shown = cut(text, FONTS[name] ?? FONTS.host, room);
  return s('text', { class: name, x, y }, shown === text ? null : s('title', {}, text), shown);
}

// ---- edges

function across(edge, from, to, y = 52) {
  if (!edge) return null;
  const [start, end] = edge.back ? [to - 3, from + 3] : [from + 3, to - 3];
  const middle = (from + to) / 2;
  return s('g', { class: edgeClass(edge) },
    s('path', { d: `M${start} ${y}H${end}`, 'marker-end': headOf(edge) }),
    s('text', { x: middle, y: y - 9, 'text-anchor': 'middle' }, edge.label),
    edge.below ? s('text', { x: middle, y: y + 19, 'text-anchor': 'middle' }, edge.below) : null);
}

function downTo(edge, x, from, to) {
  if (!edge) return null;
  const [start, end] = edge.back ? [to - 3, from + 3] : [from + 3, to - 3];
  return s('g', { class: edgeClass(edge) },
    s('path', { d: `M${x} ${start}V${end}`, 'marker-end': headOf(edge) }),
    s('text', { x: x + 16, y: (from + to) / 2 + 4 }, [edge.label, edge.below].filter(Boolean).join(' ')));
}

const edgeClass = ({ back, faint }) => ['edge', back && 'back', faint && 'faint'].filter(Boolean).join(' ');
const headOf = ({ back, faint }) => `url(#head${back ? '-back' : faint ? '-faint' : ''})`;

const down = (x, from, to) => s('path', { class: 'tie', d: `M${x} ${from}V${to}` });

function arrowHeads() {
  const head = (id) => s('marker', { id, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: 'auto', markerUnits: 'userSpaceOnUse' },
    s('path', { class: id, d: 'M0 0L8 4L0 8z' }));
  return s('defs', {}, head('head'), head('head-back'), head('head-faint'));
}

const person = () => [s('circle', { cx: 11, cy: 7, r: 4.5 }), s('path', { d: 'M2.5 21c0-5.2 3.6-8 8.5-8s8.5 2.8 8.5 8z' })];
const robot = () => [s('path', { d: 'M11 1l8.7 5v10L11 21l-8.7-5V6z' }), s('path', { class: 'hole', d: 'M7.5 10v2.500M14.5 10v2.5' })];

// ---- text

const SANS = 'system-ui, sans-serif';
const MONO = 'ui-monospace, monospace';
const FONTS = {
  label: `600 10.5px ${SANS}`, name: `650 18px ${SANS}`, host: `12px ${SANS}`, source: `11px ${MONO}`, entry: `12.5px ${MONO}`,
};
const context = document.createElement('canvas').getContext('2d');

function cut(text, font, room) {
  context.font = font;
  if (context.measureText(text).width <= room) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > room) end -= 1;
  return `${text.slice(0, end)}…`;
}
