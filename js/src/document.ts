// A decision document out of its short form, which src/document.rs writes: names that are the same every time do not
// cross, and `JSON.parse` would take longer for them than for all that differs.

import type * as Api from '../types/index.js';

/** The values of an object's members, in their order. An object that lacks one of them, or has others, comes as it is. */
type Row = readonly unknown[];
type Short = { who: unknown; checks: unknown; because: unknown };

/** The document; `names` are the checks that the letters in it stand for. */
export function documentOf(text: string, names: readonly string[]): Api.DecisionDocument {
  const document = named<Short>(JSON.parse(text), whole);
  if (document.who !== null) document.who = who(document.who as Row);
  document.checks = checks(document.checks as string, names);
  document.because = (document.because as readonly unknown[]).map(reason);
  return document as Api.DecisionDocument;
}

function named<T>(short: unknown, name: (row: Row) => unknown): T {
  return (Array.isArray(short) ? name(short) : short) as T;
}

function whole(row: Row): unknown {
  return {
    v: row[0], id: row[1], at: row[2], policy: row[3], decision: row[4], stage: row[5], code: row[6], status: row[7],
    who: row[8], action: row[9], object: row[10], rule: row[11], checks: row[12], because: row[13], missing: row[14],
    shadow: row[15], challenge: row[16], reason_user: row[17], reason_admin: row[18],
  };
}

function who([user, agent, instance, relationship, chain, binding]: Row): unknown {
  const [kind, mode, authority, task, until, source] = relationship as Row;
  const [hops, complete, trust] = chain as Row;
  return {
    user: named(user, ([iss, sub, role, source]) => ({ iss, sub, role, source })),
    agent: named(agent, ([iss, sub, source]) => ({ iss, sub, source })),
    instance: named(instance, instanceOf),
    relationship: { kind, mode, authority, task, present_until: until, source },
    chain: { hops, complete, trust },
    binding,
  };
}

function instanceOf(row: Row): unknown {
  const [iss, id, kind] = row;
  return row.length === 4 ? { iss, id, kind, source: row[3] } : { iss, id, kind, parent: row[3], source: row[4] };
}

function checks(letters: string, names: readonly string[]): Api.Check[] {
  const checks: Api.Check[] = [];
  for (let i = 0; i < names.length; i += 1) {
    const result = RESULTS.get(letters.charAt(i));
    if (result !== undefined) checks.push({ name: names[i] as string, result });
  }
  return checks;
}

/** What became of a check, by its letter. Another letter is a check that the document does not list. */
const RESULTS: ReadonlyMap<string, string> = new Map([
  ['f', 'fail'], ['n', 'not_needed'], ['p', 'pass'], ['r', 'not_reached'], ['u', 'unknown'],
]);

function reason(short: unknown): unknown {
  return named(short, (row) => {
    const [term, holds] = row;
    if (row.length === 4) return { term, holds, text: row[2], at: row[3] };
    const [, , user, relation, object, source, via, text, at] = row;
    return { term, holds, user, relation, object, source, via: (via as readonly Row[]).map(step), text, at };
  });
}

function step([user, relation, object, holds, tuple]: Row): unknown {
  return { user, relation, object, holds, tuple };
}
