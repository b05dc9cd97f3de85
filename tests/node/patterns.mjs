// The running examples: one set of files for every host.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(process.env.ACTFOR_ROOT, 'tests/vectors/patterns');
const text = (name) => readFileSync(join(folder, name), 'utf8');
const json = (name) => JSON.parse(text(name));

const base = json('config.json');
const tuples = json('tuples.json');

/** The configuration, without the tuples that a case takes away. */
export function configuration(removed = []) {
  const gone = new Set(removed.map((tuple) => JSON.stringify(tuple)));
  return {
    ...base,
    policy: text('acme.actfor'),
    files: { 'acme.fga': text('acme.fga') },
    tuples: tuples.filter((tuple) => !gone.has(JSON.stringify(tuple))),
  };
}

export const config = configuration();
export const cases = json('cases.json');
export const tokens = json('tokens.json');

/** Seconds since 1970-01-01 UTC at which the tokens are good. */
export const NOW = 1795000060;

/** What `decide` takes besides the request. A clock that is not set reads zero. */
export const options = (one) => ({ id: one.id, now: one.now ?? 0 });
